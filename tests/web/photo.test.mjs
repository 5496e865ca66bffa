// photo.test.mjs - the ways in: picked, dropped, pasted, by address; and taken out again.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { begin, photoFile, photoSize, remove } from "./browser.mjs";
import { host, source } from "./support.mjs";

let own;
before(async () => { own = await begin(); });
after(() => own.end());

const facts = `${photoSize.width} × ${photoSize.height} pixels`;

test("picked by keyboard", async () => {
  const page = await own.page();
  await page.focus("#photo-file");
  const chosen = page.waitForEvent("filechooser");
  await page.evaluate(() => {}); // answered after Chromium has been told to hand the chooser to us
  await page.keyboard.press("Space");
  const chooser = await chosen;
  await chooser.setFiles(photoFile);
  await page.locator("#photo-facts", { hasText: facts }).waitFor();
  await page.locator("#photo-preview").waitFor();
  await page.click("#photo-clear");
  assert.equal(await page.isVisible("#photo-preview"), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), "photo-file");
  assert.deepEqual(page.faults, []);
});

test("dropped on the page, as a file manager does it", async () => {
  const page = await own.page();
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [photoFile], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: 600, y: 300, data });
    // over the whole window, wherever it is scrolled to
    const { content, position } = await page.evaluate(() => getComputedStyle(document.body, "::after"));
    assert.deepEqual([content, position], type === "drop" ? ["none", "static"] : ['"Drop the photo here"', "fixed"]);
  }
  await page.locator("#photo-facts", { hasText: facts }).waitFor();
  await remove(page);
  assert.deepEqual(page.faults, []);
});

async function drop(page, files) {
  const session = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"])
    await session.send("Input.dispatchDragEvent", { type, x: 600, y: 300, data: { items: [], files, dragOperationsMask: 1 } });
}

test("several dropped: the first is taken, and that is said", async () => {
  const page = await own.page();
  await drop(page, [photoFile, photoFile]);
  await page.locator("#photo-facts", { hasText: facts }).waitFor();
  assert.match(await page.textContent("#photo-hint"), /2 files; only the first, photo1\.jpg/);
  assert.equal(await page.getAttribute("#photo-hint", "role"), "status");
  await page.click("#photo-clear");
  assert.match(await page.textContent("#photo-hint"), /Drop a photo/);
});

test("what is dropped is no photo", async () => {
  const page = await own.page();
  await drop(page, [join(source, "README.md")]);
  await page.locator("#photo-problem", { hasText: "README.md is not a photo" }).waitFor();
  assert.match(await page.textContent("#status"), /Nothing here yet/);
});

test("nothing on the clipboard is said, until there is a photo", async () => {
  const page = await own.page();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: own.server.url });
  await page.bringToFront();
  await page.evaluate(() => navigator.clipboard.writeText("words"));
  await page.click("#photo-paste");
  await page.locator("#photo-hint", { hasText: "no photo on the clipboard" }).waitFor();
  await page.setInputFiles("#photo-file", photoFile);
  await page.locator("#photo-facts", { hasText: facts }).waitFor();
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

test("pasted by Ctrl+V", async () => {
  const page = await own.page();
  await copyPicture(page);
  await page.keyboard.press("Control+V");
  await page.locator("#photo-facts", { hasText: "40 × 30 pixels" }).waitFor();
  await remove(page);
  assert.match(await page.textContent("#facts"), /40 × 30/);
  assert.deepEqual(page.faults, []);
});

test("pasted by the button", async () => {
  const page = await own.page();
  await copyPicture(page);
  await page.click("#photo-paste");
  await page.locator("#photo-facts", { hasText: "40 × 30 pixels" }).waitFor();
  assert.deepEqual(page.faults, []);
});

test("a photo that is dropped while an address is being written stays chosen", async () => {
  const page = await own.page();
  await page.focus("#photo-url");
  await page.keyboard.type("https://exa");
  await drop(page, [photoFile]);
  await page.locator("#photo-facts", { hasText: facts }).waitFor();
  assert.equal(await page.inputValue("#photo-url"), "");
  // leaving the field tells of the change, now or late, as the browser likes
  await page.evaluate(() => document.getElementById("photo-url").dispatchEvent(new Event("change", { bubbles: true })));
  await page.locator("#options").click({ position: { x: 2, y: 2 } });
  assert.equal(await page.isVisible("#photo-preview"), true);
  await remove(page);
  assert.deepEqual(page.faults, []);
});

test("an address whose name holds a percent sign that stands for itself", async () => {
  const hoster = await host();
  try {
    const page = await own.page();
    await page.fill("#photo-url", `${hoster.url}/photo/50%off.jpg`);
    await page.keyboard.press("Tab");
    await page.locator("#photo-facts", { hasText: facts }).waitFor();
    await remove(page);
    assert.match(await page.textContent("#recent"), /50%off\.jpg/);
  } finally {
    hoster.close();
  }
});

test("by address", async () => {
  const hoster = await host();
  try {
    const page = await own.page();
    await page.fill("#photo-url", `${hoster.url}/photo`);
    await page.keyboard.press("Tab");
    await page.locator("#photo-facts", { hasText: facts }).waitFor();
    await remove(page);
    // the browser shows what the person named, and asks nobody else
    assert.deepEqual(page.faults.filter((fault) => fault !== `request to ${hoster.url}/photo`), []);
  } finally {
    hoster.close();
  }
});
