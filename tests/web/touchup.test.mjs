// touchup.test.mjs - the brush: what it paints into the mask, undone and done again, by mouse, touch and keys, and what the
// server makes of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { begin, photoSize, remove } from "./browser.mjs";
import { source } from "./support.mjs";

const { MaskEditor, coverage } = await import(`data:text/javascript;base64,${readFileSync(join(source, "web/touchup-mask.js")).toString("base64")}`);

test("a stroke: hard, soft, undone, done again", () => {
  const width = 40, height = 30, first = new Uint8Array(width * height).fill(255);
  const editor = new MaskEditor(first.slice(), width, height);
  editor.begin({ keep: false, radius: 5, softness: 0 });
  assert.deepEqual(editor.line(20, 15, 20, 15), { x: 14, y: 9, width: 12, height: 12 });
  editor.line(20, 15, 30, 15);
  editor.end();
  const at = (x, y) => editor.mask[y * width + x];
  assert.deepEqual([at(20, 15), at(25, 15), at(20, 11), at(20, 21), at(10, 15)], [0, 0, 0, 255, 255]);
  const hard = editor.mask.slice();
  editor.begin({ keep: true, radius: 10, softness: 1 });
  editor.line(20, 15, 20, 15);
  const once = editor.mask.slice();
  editor.line(20, 15, 20, 15);
  assert.deepEqual(editor.mask, once, "what is crossed twice counts once");
  editor.end();
  assert.ok(at(20, 15) > 240 && at(24, 15) > at(27, 15), "less towards the rim");
  const soft = editor.mask.slice();
  editor.undo();
  assert.deepEqual(editor.mask, hard);
  editor.undo();
  assert.deepEqual(editor.mask, first);
  assert.equal(editor.undo(), null);
  editor.redo();
  editor.redo();
  assert.deepEqual(editor.mask, soft);
  assert.equal(editor.redo(), null);
  editor.undo();
  editor.begin({ keep: false, radius: 2, softness: 0 });
  assert.equal(editor.line(-50, -50, -40, -50), null, "beside the photo");
  editor.line(0, 0, width, height);
  editor.end();
  assert.equal(editor.redo(), null, "a new stroke ends what could be done again");
  for (const softness of [0, 0.5, 1]) {
    let last = 256;
    for (let distance = 0; distance < 14; distance += 0.5) {
      const part = coverage(distance, 10, softness);
      assert.ok(part <= last && part >= 0);
      last = part;
    }
    assert.equal(last, 0);
  }
});

let own;
before(async () => { own = await begin(); });
after(() => own.end());

/** Alpha of the shown result at each of the places, parts of its width and height. */
const alphas = (page, places) => page.evaluate(async (places) => {
  const image = document.getElementById("stage-after");
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return places.map(([x, y]) => context.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data[3]);
}, places);

async function openEditor(options) {
  const page = await own.page(options);
  await remove(page);
  await page.click("#touch-up");
  await page.locator("#touchup[data-ready]").waitFor();
  return page;
}
const place = async (page, x, y) => {
  const box = await page.locator("#touchup-canvas").boundingBox();
  return [box.x + box.width * x, box.y + box.height * y];
};
const slide = (page, id, value) => page.locator(`#${id}`).evaluate((input, value) => {
  input.value = value;
  input.dispatchEvent(new Event("input"));
}, value);
const applied = async (page) => {
  const old = await page.getAttribute("#stage-after", "src");
  await page.click("#touchup-apply");
  await page.locator("#touchup").waitFor({ state: "detached" });
  await page.waitForFunction((old) => document.getElementById("stage-after").src !== old, old);
};
async function stroke(page, from, to) {
  await page.mouse.move(...await place(page, ...from));
  await page.mouse.down();
  await page.mouse.move(...await place(page, ...to), { steps: 5 });
  await page.mouse.up();
}

test("erased and restored by mouse; undone by keys; composed by the server", async () => {
  const page = await openEditor();
  assert.equal(await page.isDisabled("#touchup-apply"), true);
  await slide(page, "touchup-size", 60);
  await slide(page, "touchup-soft", 0);
  await stroke(page, [0.2, 0.5], [0.8, 0.5]);
  await page.check('input[name="touchup-brush"][value="restore"]', { force: true });
  await stroke(page, [0.2, 0.2], [0.8, 0.2]);
  await stroke(page, [0.2, 0.8], [0.8, 0.8]);
  await page.keyboard.press("Control+z");
  await page.keyboard.press("Control+Shift+z");
  await page.waitForFunction(() => document.getElementById("touchup-redo").disabled && !document.getElementById("touchup-undo").disabled);
  await page.keyboard.press("Control+z");
  await page.waitForFunction(() => !document.getElementById("touchup-redo").disabled);
  const before = await alphas(page, [[0.5, 0.8], [0.25, 0.8]]);
  await applied(page);
  const [kept, keptLeft, gone, goneLeft, ...undone] = await alphas(page, [[0.5, 0.2], [0.25, 0.2], [0.5, 0.5], [0.25, 0.5], [0.5, 0.8], [0.25, 0.8]]);
  assert.deepEqual([kept, keptLeft, gone, goneLeft], [255, 255, 0, 0]);
  assert.deepEqual(undone, before);
  const size = await page.evaluate(() => [document.getElementById("stage-after").naturalWidth, document.getElementById("stage-after").naturalHeight]);
  assert.deepEqual(size, [photoSize.width, photoSize.height]);
  await page.click("#touch-up"); // again, from what it is now
  await page.locator("#touchup[data-ready]").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#touchup").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.id), "touch-up");
  assert.deepEqual(page.faults, []);
});

test("keys alone: brackets, arrows, space", async () => {
  const page = await openEditor();
  const size = Number(await page.inputValue("#touchup-size"));
  await page.focus("#touchup-canvas");
  await page.keyboard.press("]");
  assert.ok(Number(await page.inputValue("#touchup-size")) > size);
  await page.keyboard.press("[");
  await page.keyboard.press("[");
  assert.ok(Number(await page.inputValue("#touchup-size")) < size);
  await slide(page, "touchup-soft", 0);
  await page.keyboard.press("Space"); // in the middle
  await page.waitForFunction(() => !document.getElementById("touchup-apply").disabled);
  await applied(page);
  assert.deepEqual(await alphas(page, [[0.5, 0.5]]), [0]);
});

test("by touch, and a refusal is told", async () => {
  const page = await openEditor({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 740 } });
  await page.check('input[name="touchup-brush"][value="restore"]', { force: true });
  await slide(page, "touchup-soft", 0);
  await page.touchscreen.tap(...await place(page, 0.05, 0.05));
  await page.waitForFunction(() => !document.getElementById("touchup-undo").disabled);
  await page.route("**/touchup", (route) => route.fulfill({ status: 503, contentType: "application/json", body: '{"detail":"no"}' }));
  await Promise.all([page.waitForResponse("**/touchup"), page.click("#touchup-apply")]);
  await page.waitForFunction(() => !document.getElementById("touchup-apply").disabled);
  await page.unroute("**/touchup");
  await applied(page);
  assert.deepEqual(await alphas(page, [[0.05, 0.05]]), [255]);
});

test("24 megapixels: masks are made and painted in threads of their own, and the page's is free", async () => {
  const page = await own.page(), size = { width: 6000, height: 4000 };
  page.setDefaultTimeout(240000); // the server has much to do
  const picture = await page.evaluate(async ({ width, height }) => {
    const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d");
    context.fillStyle = "#c33";
    context.fillRect(1500, 1000, 3000, 2000);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer());
    return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  }, size);
  await page.evaluate(() => { for (const input of document.querySelectorAll('input[name="refine_foreground"]')) input.checked = false; });
  await remove(page, { name: "large.jpg", mimeType: "image/jpeg", buffer: Buffer.from(picture, "base64") });
  // processor time of the page's own thread, which other programs do not lengthen
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * metrics.find(({ name }) => name === "TaskDuration").value;
  };
  const start = await spent();
  await page.click("#touch-up");
  await page.locator("#touchup[data-ready]").waitFor();
  await slide(page, "touchup-size", 400);
  await slide(page, "touchup-soft", 0);
  await stroke(page, [0.1, 0.5], [0.9, 0.5]);
  await page.keyboard.press("Control+z");
  await page.waitForFunction(() => !document.getElementById("touchup-redo").disabled);
  await page.keyboard.press("Control+y");
  await page.waitForFunction(() => document.getElementById("touchup-redo").disabled);
  const [composed] = await Promise.all([page.waitForRequest("**/touchup"), page.click("#touchup-apply")]);
  const took = await spent() - start;
  assert.match(composed.postDataJSON().request_id, /^[0-9a-f-]{36}$/); // the photo is not sent again
  const bytes = Buffer.from(await (await fetch(composed.postDataJSON().mask_url)).arrayBuffer());
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [size.width, size.height], "a mask at full resolution");
  const editor = new MaskEditor(new Uint8Array(size.width * size.height), size.width, size.height), before = process.cpuUsage();
  editor.begin({ keep: true, radius: 200, softness: 0 });
  for (let x = 600; x < 5400; x += 960) editor.line(x, 2000, x + 960, 2000); // that stroke alone, in this thread
  const stroked = process.cpuUsage(before), alone = (stroked.user + stroked.system) / 1000;
  // made in that thread, the first mask alone takes 500 ms where the stroke takes 230 (and the page's part 130, on a busy machine 270)
  assert.ok(took < 2 * alone, `${took.toFixed(0)} ms in the page's thread; the stroke alone takes ${alone.toFixed(0)} ms`);
});
