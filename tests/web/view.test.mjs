// view.test.mjs - looking at a result: the slider, the mask, the backgrounds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin, photoFile, pixel, remove } from "./browser.mjs";

let own, page;
before(async () => {
  own = await begin();
  page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  await remove(page);
});
after(() => own.end());

const clip = () => page.evaluate(() => getComputedStyle(document.getElementById("stage-before")).clipPath);
const choose = (name, value) => page.click(`label:has(input[name="${name}"][value="${value}"])`);

test("the slider by keyboard", async () => {
  await page.focus("#slider");
  await page.keyboard.press("Home");
  assert.match(await clip(), /inset\(0px (calc\(100% - 0%\)|100%) 0px 0px\)/);
  assert.equal(await page.getAttribute("#slider", "aria-valuetext"), "0 percent before, 100 percent after");
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
  assert.equal(await page.inputValue("#slider"), "3");
  await page.keyboard.press("End");
  assert.match(await clip(), /inset\(0px( 0%)?( 0px)*\)|inset\(0px (calc\(100% - 100%\)|0%) 0px 0px\)/);
});

test("the slider by pointer: the line stands where it is pressed", async () => {
  const box = await page.locator("#stage").boundingBox();
  await page.mouse.click(box.x + box.width * 0.25, box.y + box.height / 2);
  assert.equal(await page.inputValue("#slider"), "25");
  const handle = await page.locator("#stage .handle").boundingBox();
  assert.ok(Math.abs(handle.x + handle.width / 2 - (box.x + box.width * 0.25)) < 4);
});

test("the photo is left of the line, the cut-out right of it", async () => {
  await choose("background", "colour");
  await page.fill("#colour", "#00ff00");
  await page.evaluate(() => { document.getElementById("stage-after").style.opacity = 0; });
  const seen = async () => {
    const shot = (await page.locator("#stage").screenshot()).toString("base64");
    return page.evaluate(async (shot) => {
      const image = new Image();
      image.src = `data:image/png;base64,${shot}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const at = (x) => [...context.getImageData(Math.floor(x * image.width), Math.floor(0.2 * image.height), 1, 1).data];
      return [at(0.1), at(0.9)];
    }, shot);
  };
  await page.focus("#slider");
  await page.keyboard.press("Home");
  const [left, right] = await seen();
  assert.deepEqual([left.slice(0, 3), right.slice(0, 3)], [[0, 255, 0], [0, 255, 0]]); // only the colour behind
  await page.keyboard.press("End");
  for (const colour of await seen()) assert.ok(colour[1] < 200, String(colour)); // the photo, and no green left
  await page.evaluate(() => { document.getElementById("stage-after").style.opacity = ""; });
});

test("the mask is how opaque the cut-out is", async () => {
  await choose("view", "mask");
  await page.locator("#stage-mask").waitFor();
  for (const [x, y] of [[0.5, 0.5], [0.05, 0.05], [0.3, 0.7], [0.9, 0.2]]) {
    const cutout = await pixel(page, "#stage-after", x, y), mask = await pixel(page, "#stage-mask", x, y);
    assert.deepEqual(mask, [cutout[3], cutout[3], cutout[3], 255]);
  }
  assert.equal(await page.isVisible("#slider"), false);
  assert.equal(await page.isVisible("#backgrounds"), false);
});

test("the cut-out alone, on each background", async () => {
  await choose("view", "cutout");
  await page.locator("#slider").waitFor({ state: "hidden" });
  const ground = () => page.evaluate(() => {
    const { backgroundColor, backgroundImage } = getComputedStyle(document.getElementById("stage"));
    return { backgroundColor, backgroundImage };
  });
  await choose("background", "checker");
  assert.match((await ground()).backgroundImage, /gradient/);
  await choose("background", "colour");
  await page.fill("#colour", "#123456");
  assert.equal((await ground()).backgroundColor, "rgb(18, 52, 86)");
  await choose("background", "image");
  await page.setInputFiles("#backdrop", photoFile);
  assert.match((await ground()).backgroundImage, /^url\("blob:/);
  assert.deepEqual(page.faults, []);
});
