// view.test.mjs - looking at a result: the slider, the mask, the backgrounds.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin, download, photoFile, photoSize, pixel, remove } from "./browser.mjs";

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
  const labels = async () => [await page.isVisible(".tag.left"), await page.isVisible(".tag.right")];
  assert.deepEqual(await labels(), [false, true]); // what is not there has no label
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
  assert.equal(await page.inputValue("#slider"), "3");
  await page.keyboard.press("End");
  assert.match(await clip(), /inset\(0px( 0%)?( 0px)*\)|inset\(0px (calc\(100% - 100%\)|0%) 0px 0px\)/);
  assert.deepEqual(await labels(), [true, false]);
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
  assert.match((await ground()).backgroundImage, /gradient/); // until there is an image
  assert.match(await page.textContent("#backdrop-note"), /Choose an image/);
  assert.equal(await page.isVisible("#download-shown"), false);
  await page.setInputFiles("#backdrop", { name: "no.png", mimeType: "image/png", buffer: Buffer.from("no image") });
  await page.locator("#backdrop-note", { hasText: "cannot show no.png" }).waitFor();
  await page.setInputFiles("#backdrop", photoFile);
  await page.locator("#download-shown").waitFor();
  assert.match((await ground()).backgroundImage, /^url\("blob:/);
  assert.equal(await page.textContent("#backdrop-note"), "");
  assert.deepEqual(page.faults, []);
});

/** RGBA of a downloaded PNG's pixels at parts of its width and height. */
function pixelsOf(bytes, places) {
  return page.evaluate(async ([base64, places]) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return places.map(([x, y]) => [...context.getImageData(Math.floor(x * bitmap.width), Math.floor(y * bitmap.height), 1, 1).data]);
  }, [bytes.toString("base64"), places]);
}

test("downloaded as shown: on the colour, on the image, at full size; the other download stays transparent", async () => {
  const places = [[0.5, 0.5], [0.02, 0.02], [0.3, 0.7], [0.9, 0.2]];
  const cutout = await Promise.all(places.map(([x, y]) => pixel(page, "#stage-after", x, y)));
  const near = (one, other, why) => assert.ok(one.every((value, i) => Math.abs(value - other[i]) <= 2), `${why}: ${one} and ${other}`);
  const on = (top, ground) => [...[0, 1, 2].map((i) => (top[i] * top[3] + ground[i] * (255 - top[3])) / 255), 255];
  await choose("background", "colour");
  await page.fill("#colour", "#1040f0");
  const coloured = await download(page, "#download-shown");
  assert.equal(coloured.name, "photo1-shown.png");
  assert.deepEqual([coloured.bytes.readUInt32BE(16), coloured.bytes.readUInt32BE(20)], [photoSize.width, photoSize.height]);
  (await pixelsOf(coloured.bytes, places)).forEach((made, i) => near(made, on(cutout[i], [16, 64, 240]), "colour"));
  await choose("background", "image"); // the photo itself, which covers exactly
  const behind = await Promise.all(places.map(([x, y]) => pixel(page, "#stage-before", x, y)));
  const backed = await download(page, "#download-shown");
  (await pixelsOf(backed.bytes, places)).forEach((made, i) => near(made, on(cutout[i], behind[i]), "image"));
  assert.match(await page.textContent("#download-note"), /stays transparent/);
  const plain = await pixelsOf((await download(page, "#download")).bytes, places);
  plain.forEach((made, i) => assert.equal(made[3], cutout[i][3]));
  await choose("view", "mask");
  await page.locator("#download-shown").waitFor({ state: "hidden" });
  await choose("view", "cutout");
  await page.locator("#download-shown").waitFor();
  await choose("background", "checker");
  assert.equal(await page.isVisible("#download-shown"), false);
  assert.equal(await page.textContent("#download-note"), "");
  assert.deepEqual(page.faults, []);
});
