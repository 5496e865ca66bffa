// errors.test.mjs - what the page says when things go wrong, and that it goes on afterwards.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { after, before, test } from "node:test";
import { begin, finished, photoFile, remove } from "./browser.mjs";
import { folder, host } from "./support.mjs";

let own;
before(async () => { own = await begin(); });
after(() => own.end());

const problem = async (page) => {
  await page.locator("#problem strong").waitFor();
  return page.textContent("#problem");
};
// the browser itself notes replies of 400 and above; everything else is a fault
const others = (page) => page.faults.filter((fault) => !fault.startsWith("Failed to load resource"));

const status = (page) => page.textContent("#status");

test("no photo, on a phone: said where the photo goes, and the focus is seen there", async () => {
  const page = await own.page({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await page.tap("#go");
  await page.locator("#photo-problem", { hasText: "Choose a photo first" }).waitFor();
  const seen = await page.evaluate(() => {
    const { top, bottom } = document.getElementById("photo-problem").getBoundingClientRect();
    const { outlineStyle, outlineWidth } = getComputedStyle(document.querySelector("label[for=photo-file]"));
    return { inView: top >= 0 && bottom <= innerHeight, id: document.activeElement.id, outlineStyle, wide: parseFloat(outlineWidth) >= 2,
      invalid: document.activeElement.getAttribute("aria-invalid") };
  });
  assert.deepEqual(seen, { inView: true, id: "photo-file", outlineStyle: "solid", wide: true, invalid: "true" });
  await page.setInputFiles("#photo-file", photoFile);
  await page.locator("#status", { hasText: "ready" }).waitFor();
  assert.equal(await page.textContent("#photo-problem"), "");
  assert.equal(await page.getAttribute("#photo-file", "aria-invalid"), null);
  await page.tap("#photo-clear");
  assert.match(await status(page), /Nothing here yet/);
  assert.deepEqual(page.faults, []);
});

test("a file of another kind is refused by the page, and the photo before stays", async () => {
  const page = await own.page();
  const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no photo at all\n") };
  await page.setInputFiles("#photo-file", notes);
  await page.locator("#photo-problem", { hasText: "notes.txt is not a photo" }).waitFor();
  assert.match(await status(page), /Nothing here yet/);
  await page.setInputFiles("#photo-file", photoFile);
  assert.equal(await page.textContent("#photo-problem"), "");
  await page.setInputFiles("#photo-file", notes);
  assert.match(await page.textContent("#photo-problem"), /stays chosen/);
  assert.match(await page.textContent("#photo-facts"), /photo1\.jpg/);
  await remove(page);
  assert.deepEqual(page.faults, []);
});

for (const text of ["hello", "ftp://example.com/photo.jpg", "https://", "https://exa mple.com/"])
  test(`an address that is none: ${text}`, async () => {
    const page = await own.page();
    await page.fill("#photo-url", text);
    await page.keyboard.press("Tab");
    assert.match(await page.textContent("#photo-url-problem"), /begins with https/);
    assert.equal(await page.getAttribute("#photo-url", "aria-invalid"), "true");
    assert.equal(await page.evaluate(() => getComputedStyle(document.getElementById("photo-url")).borderTopColor), "rgb(163, 35, 28)");
    assert.match(await status(page), /Nothing here yet/);
    await page.click("#go");
    assert.equal(await page.evaluate(() => document.activeElement.id), "photo-url");
    await page.keyboard.press("End");
    await page.keyboard.type("x");
    assert.equal(await page.getAttribute("#photo-url", "aria-invalid"), null);
    assert.equal(await page.textContent("#photo-url-problem"), "");
    assert.deepEqual(page.faults, []);
  });

test("a text that is called a photo, then a real one", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo at all\n") });
  await page.locator("#photo-facts", { hasText: "no preview" }).waitFor();
  assert.match(await status(page), /cannot show it/);
  await page.click("#go");
  const text = await problem(page);
  assert.match(text, /could not read this file as a photo|not supported/);
  assert.match(text, /HTTP 422/);
  assert.equal(await page.isVisible("#shown"), false);
  await page.setInputFiles("#photo-file", photoFile);
  assert.equal(await page.textContent("#problem"), "");
  assert.match(await status(page), /ready/);
  await remove(page);
  assert.deepEqual(others(page), []);
});

test("an address that cannot be fetched", async () => {
  const page = await own.page();
  await page.fill("#photo-url", `${own.server.url}/files/b/00000000000000000000000000000000/gone.jpg`);
  await page.keyboard.press("Tab");
  await page.click("#go");
  assert.match(await problem(page), /could not fetch the photo/);
  assert.deepEqual(others(page), []);
});

test("what the server refuses is told beside its field", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  // a choice that the page itself does not offer with this model
  await page.route("**/queue/fal-ai/birefnet/v2", (route) => route.continue({
    postData: JSON.stringify({ ...route.request().postDataJSON(), operating_resolution: "2304x2304" }) }));
  await page.click("#go");
  await problem(page);
  assert.ok((await page.textContent("#field-operating_resolution-problem")).length > 10);
  assert.equal(await page.getAttribute("#field-operating_resolution", "aria-invalid"), "true");
  await page.unrouteAll();
  await page.click('label:has(input[name="operating_resolution"][value="2048x2048"])');
  assert.equal(await page.textContent("#problem"), "");
  assert.equal(await page.getAttribute("#field-operating_resolution", "aria-invalid"), null);
  await remove(page);
});

test("the server is gone", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  await page.route("**/rest/**", (route) => route.abort("connectionrefused"));
  await page.click("#go");
  assert.match(await problem(page), /cannot be reached/);
});

// A wire to the server that can be cut. Resolves to {url, cut()}; after a cut, new connections are refused until mend().
async function wire(port) {
  const open = new Set();
  let broken = false;
  const listener = createServer((near) => {
    if (broken) return near.destroy();
    const far = connect(port, "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.on("error", () => {}).on("close", () => { open.delete(one); other.destroy(); });
      one.pipe(other);
    }
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    cut() {
      broken = true;
      for (const socket of open) socket.destroy();
    },
    mend() { broken = false; },
    close() {
      this.cut();
      listener.close();
    },
  };
}

test("the connection is lost in the middle: said at once, gone on with, each line told once", async () => {
  const page = await own.page(), hoster = await host(), line = await wire(own.server.port);
  try {
    await page.goto(line.url);
    await page.locator("#field-model").waitFor();
    await page.fill("#photo-url", `${hoster.url}/hold/lost`);
    await page.keyboard.press("Tab");
    await page.click("#go");
    await hoster.untilHeld(2); // the server and the preview
    await page.locator("#status", { hasText: "Fetching the image" }).waitFor();
    line.cut();
    await page.locator("#status", { hasText: "Connection lost, trying again" }).waitFor({ timeout: 5000 });
    assert.equal(await page.evaluate(() => document.getElementById("progress-bar").matches(":indeterminate")), true);
    line.mend();
    await page.locator("#status", { hasText: "Fetching the image" }).waitFor();
    hoster.release();
    await finished(page);
    const told = await page.locator("#progress-log li").allTextContents();
    assert.equal(told.filter((text) => text === "Fetching the image").length, 1, told.join(" | "));
  } finally {
    line.close();
    hoster.close();
  }
});

test("a stream that is cut off is followed by asking", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  await page.route("**/status/stream*", (route) => route.fulfill({ status: 200, contentType: "text/event-stream", body: "" }));
  await remove(page);
  assert.deepEqual(page.faults, []);
});

test("a server with keys", async () => {
  const data = folder();
  const made = execFileSync(process.env.BIREFNET, ["keys", "--data", data, "--quiet", "add", "web"], { encoding: "utf8" });
  const key = /\S+:\S+/.exec(made)[0];
  const locked = await begin({ data });
  try {
    const page = await locked.page();
    await page.setInputFiles("#photo-file", photoFile);
    await page.click("#go");
    assert.match(await problem(page), /wants a key/);
    await page.locator("#key-why", { hasText: "wants a key" }).waitFor();
    await page.fill("#key-text", "wrong:key");
    await page.keyboard.press("Enter");
    await page.click("#go");
    await page.locator("#key-why", { hasText: "does not know this key" }).waitFor();
    assert.equal(await page.getAttribute("#key-text", "aria-invalid"), "true");
    await page.fill("#key-text", key);
    await page.click("#key-save");
    await remove(page);
    assert.match(await page.textContent("#call-text"), /Authorization: Key \$FAL_KEY/);
    assert.ok(!(await page.content()).includes(key));
    await page.reload();
    await page.locator("#field-model").waitFor();
    assert.equal(await page.textContent("#key-open"), "Key: set");
    assert.equal(await page.evaluate((key) => JSON.stringify(localStorage).includes(key), key), false);
    assert.deepEqual(others(page), []);
  } finally {
    await locked.end();
    rmSync(data, { recursive: true, force: true });
  }
});
