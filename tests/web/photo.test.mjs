// photo.test.mjs - the ways in: picked, taken, dropped, pasted, by address, a sample; each starts at once, and can be undone.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { begin, finished, photoFile, photoSize, remove } from "./browser.mjs";
import { host, source } from "./support.mjs";

let own;
before(async () => { own = await begin(); });
after(() => own.end());

const size = `${photoSize.width} × ${photoSize.height}`;
const saved = (page) => page.textContent("#download");

test("picked by keyboard: starts at once, and is undone", async () => {
  const page = await own.page();
  await page.focus("#photo-file");
  const chosen = page.waitForEvent("filechooser");
  await page.evaluate(() => {}); // answered after Chromium has been told to hand the chooser to us
  await page.keyboard.press("Space");
  const chooser = await chosen;
  await chooser.setFiles(photoFile);
  await finished(page);
  assert.ok((await saved(page)).includes(size));
  await page.keyboard.press("Control+z");
  await page.locator("#photo").waitFor();
  assert.equal(await page.isVisible("#work"), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  assert.deepEqual(page.faults, []);
});

test("a phone offers its camera, a desk does not", async () => {
  const phone = await own.page({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  assert.equal(await phone.isVisible("label[for=photo-camera]"), true);
  assert.equal(await phone.getAttribute("#photo-camera", "capture"), "environment");
  await phone.setInputFiles("#photo-camera", photoFile);
  await finished(phone);
  assert.deepEqual(phone.faults, []);
  assert.equal(await (await own.page()).isVisible("label[for=photo-camera]"), false);
});

async function drop(page, files, look = async () => {}) {
  const session = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: 600, y: 300, data: { items: [], files, dragOperationsMask: 1 } });
    await look(type);
  }
}

test("dropped on the page, as a file manager does it; on the result, too, with the way back", async () => {
  const page = await own.page();
  // over the whole window, wherever it is scrolled to
  await drop(page, [photoFile], async (type) => assert.equal(await page.isVisible("#drop-here"), type !== "drop"));
  await finished(page);
  await drop(page, [join(source, "examples/photo2.jpg")]);
  await page.locator("#download", { hasText: "533 × 400" }).waitFor();
  assert.match(await page.textContent("#toast"), /photo2\.jpg/);
  await page.click("#undo");
  await page.locator("#download", { hasText: size }).waitFor();
  assert.equal(await page.isVisible("#toast"), false);
  assert.deepEqual(page.faults, []);
});

test("dropped where the page has just moved below the pointer", async () => {
  const page = await own.page();
  const session = await page.context().newCDPSession(page);
  const send = (type) => session.send("Input.dispatchDragEvent",
    { type, x: 600, y: 300, data: { items: [], files: [photoFile], dragOperationsMask: 1 } });
  await send("dragEnter");
  await send("dragOver");
  await page.evaluate(() => { // something else is there now, and all that it sees before the drop is dragenter
    const box = document.createElement("div");
    box.style.cssText = "position: fixed; inset: 0; z-index: 9";
    document.body.append(box);
  });
  await send("drop");
  await finished(page);
  assert.deepEqual(page.faults, []);
});

test("what is dropped is no photo: said, and what is there stays", async () => {
  const page = await own.page();
  await drop(page, [join(source, "README.md")]);
  await page.locator("#photo-problem", { hasText: "README.md is not a photo" }).waitFor();
  assert.equal(await page.isVisible("#work"), false);
  await remove(page);
  assert.equal(await page.textContent("#photo-problem"), "");
  await drop(page, [join(source, "README.md")]);
  await page.locator("#toast", { hasText: "README.md is not a photo" }).waitFor();
  assert.equal(await page.isVisible("#undo"), false); // there is nothing to undo
  assert.equal(await page.isVisible("#shown"), true);
});

test("nothing on the clipboard is said, until there is a photo", async () => {
  const page = await own.page();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: own.server.url });
  await page.bringToFront();
  await page.evaluate(() => navigator.clipboard.writeText("words"));
  await page.click("#photo-paste");
  await page.locator("#photo-hint", { hasText: "no photo on the clipboard" }).waitFor();
  await remove(page);
  assert.equal(await page.textContent("#photo-hint"), "");
});

// A picture on the clipboard, as "copy image" puts it there.
async function copyPicture(page) {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: own.server.url });
  await page.bringToFront();
  await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(40, 30);
    canvas.getContext("2d").fillRect(5, 5, 20, 20);
    await navigator.clipboard.write([new ClipboardItem({ "image/png": await canvas.convertToBlob({ type: "image/png" }) })]);
  });
}

for (const [way, paste] of [["by Ctrl+V", (page) => page.keyboard.press("Control+V")], ["by the button", (page) => page.click("#photo-paste")]])
  test(`pasted ${way}`, async () => {
    const page = await own.page();
    await copyPicture(page);
    await paste(page);
    await finished(page);
    assert.match(await saved(page), /40 × 30/);
    assert.deepEqual(page.faults, []);
  });

test("a sample, by one click", async () => {
  const page = await own.page();
  assert.equal(await page.locator("#samples button").count(), 4);
  for (const picture of await page.locator("#samples img, .demo img").all())
    assert.ok(await picture.evaluate((image) => image.decode().then(() => image.naturalWidth > 200)));
  await page.click("#samples button >> nth=3");
  await finished(page);
  assert.match(await page.getAttribute("#download", "download"), /^shirt-cutout\.png$/);
  assert.deepEqual(page.faults, []);
});

test("a photo that is dropped while an address is being written stays", async () => {
  const page = await own.page();
  await page.focus("#photo-url");
  await page.keyboard.type("https://exa");
  await drop(page, [photoFile]);
  await finished(page);
  assert.equal(await page.inputValue("#photo-url"), "");
  // leaving the field tells of the change, now or late, as the browser likes
  await page.evaluate(() => document.getElementById("photo-url").dispatchEvent(new Event("change", { bubbles: true })));
  assert.equal(await page.isVisible("#shown"), true);
  assert.equal(await page.textContent("#photo-url-problem"), "");
  assert.deepEqual(page.faults, []);
});

test("by address; a percent sign in its name may stand for itself", async () => {
  const hoster = await host();
  try {
    const page = await own.page();
    await page.fill("#photo-url", `${hoster.url}/photo/50%off.jpg`);
    await page.keyboard.press("Enter");
    await finished(page);
    assert.match(await page.textContent("#recent"), /50%off\.jpg/);
    assert.equal(await page.isVisible('[data-ground="blur"]'), false); // the page may not read what it would blur
    // the browser shows what the person named, and asks nobody else
    assert.deepEqual(page.faults.filter((fault) => fault !== `request to ${hoster.url}/photo/50%off.jpg`), []);
  } finally {
    hoster.close();
  }
});
