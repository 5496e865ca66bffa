// errors.test.mjs - what the page says when things go wrong, and that it goes on afterwards.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { again, begin, finished, photoFile, ready, remove, unfold } from "./browser.mjs";
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

test("a file of another kind is refused by the page, on a phone where it is seen", async () => {
  const page = await own.page({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no photo at all\n") };
  await page.setInputFiles("#photo-file", notes);
  await page.locator("#photo-problem", { hasText: "notes.txt is not a photo" }).waitFor();
  const seen = await page.evaluate(() => {
    const { top, bottom } = document.getElementById("photo-problem").getBoundingClientRect();
    return { inView: top >= 0 && bottom <= innerHeight, invalid: document.getElementById("photo-file").getAttribute("aria-invalid") };
  });
  assert.deepEqual(seen, { inView: true, invalid: "true" });
  assert.equal(await page.isVisible("#work"), false);
  await remove(page);
  assert.equal(await page.textContent("#photo-problem"), "");
  assert.equal(await page.getAttribute("#photo-file", "aria-invalid"), null);
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
    assert.equal(await page.isVisible("#work"), false);
    await page.focus("#photo-url");
    await page.keyboard.press("End");
    await page.keyboard.type("x");
    assert.equal(await page.getAttribute("#photo-url", "aria-invalid"), null);
    assert.equal(await page.textContent("#photo-url-problem"), "");
    assert.deepEqual(page.faults, []);
  });

test("a text that is called a photo, then a real one", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", { name: "notes.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo at all\n") });
  const text = await problem(page);
  assert.match(text, /could not read this file as a photo|not supported/);
  assert.match(text, /HTTP 422/);
  assert.equal(await page.isVisible("#shown"), false);
  await page.setInputFiles("#photo-file", photoFile);
  assert.equal(await page.textContent("#problem"), "");
  await finished(page);
  assert.deepEqual(others(page), []);
});

test("an address that cannot be fetched", async () => {
  const page = await own.page();
  await page.fill("#photo-url", `${own.server.url}/files/b/00000000000000000000000000000000/gone.jpg`);
  await page.keyboard.press("Tab");
  assert.match(await problem(page), /could not fetch the photo/);
  assert.equal(await status(page), "No result.");
  assert.equal(await page.textContent("#go"), "Remove the background"); // to try again
  assert.deepEqual(others(page), []);
});

test("what the server refuses is told beside its field, which is unfolded", async () => {
  const page = await own.page();
  // a choice that the page itself does not offer
  await page.route("**/queue/fal-ai/birefnet/v2", (route) => route.continue({
    postData: JSON.stringify({ ...route.request().postDataJSON(), output_format: "bmp" }) }));
  await page.setInputFiles("#photo-file", photoFile);
  await problem(page);
  assert.equal(await page.isVisible("#field-output_format-problem"), true);
  assert.ok((await page.textContent("#field-output_format-problem")).length > 10);
  assert.equal(await page.getAttribute("#field-output_format", "aria-invalid"), "true");
  await page.unrouteAll();
  await page.click('label:has(input[name="output_format"][value="webp"])');
  assert.equal(await page.textContent("#problem"), "");
  assert.equal(await page.getAttribute("#field-output_format", "aria-invalid"), null);
  await again(page);
});

test("the server is gone", async () => {
  const page = await own.page();
  await page.route("**/rest/**", (route) => route.abort("connectionrefused"));
  await page.setInputFiles("#photo-file", photoFile);
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
    await ready(page);
    await page.fill("#photo-url", `${hoster.url}/hold/lost`);
    await page.keyboard.press("Tab");
    await hoster.untilHeld(2); // the server and the preview
    await page.locator("#status", { hasText: "Fetching the photo" }).waitFor();
    line.cut();
    await page.locator("#status", { hasText: "Connection lost, trying again" }).waitFor({ timeout: 5000 });
    assert.equal(await page.evaluate(() => document.getElementById("progress-bar").matches(":indeterminate")), true);
    line.mend();
    await page.locator("#status", { hasText: "Fetching the photo" }).waitFor();
    hoster.release();
    await finished(page);
    const told = await page.locator("#progress-log li").allTextContents();
    assert.equal(told.filter((text) => text === "Fetching the image").length, 1, told.join(" | "));
  } finally {
    line.close();
    hoster.close();
  }
});

test("the connection is lost while a part of the page is fetched: fetched again", async () => {
  const page = await own.page();
  let refused = 0;
  await page.route("**/result.js", (route) => (refused++ ? route.continue() : route.abort("connectionreset")));
  await remove(page);
  assert.equal(refused, 2);
  assert.deepEqual(others(page), []);
});

test("a photo that is deleted before it is sent: said so, alone and among many", async () => {
  const place = folder(), page = await own.page(), files = ["one.jpg", "two.jpg"].map((name) => join(place, name));
  await page.route("**/upload/initiate?*", (route) => {
    rmSync(files[0], { force: true });
    return route.continue();
  });
  for (const file of files) copyFileSync(photoFile, file);
  await page.setInputFiles("#photo-file", files[0]);
  assert.match(await problem(page), /can no longer be read/);
  copyFileSync(photoFile, files[0]);
  await page.setInputFiles("#photo-file", files);
  await page.locator('[data-state="failed"]', { hasText: "can no longer be read" }).waitFor();
  await page.locator('[data-state="done"]', { hasText: "two.jpg" }).waitFor();
  assert.deepEqual(others(page), []);
  rmSync(place, { recursive: true, force: true });
});

test("a slow network: the page stands, the upload shows how far it is, and can be called off", async () => {
  const page = await own.page();
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 300, downloadThroughput: 50000, uploadThroughput: 50000 });
  await page.goto(own.server.url);
  await page.locator("#photo").waitFor();
  const large = { name: "large.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(2000000, 7) };
  await page.setInputFiles("#photo-file", large);
  await page.locator("#status", { hasText: "Uploading" }).waitFor();
  await page.waitForFunction(() => document.getElementById("progress-bar").value > 0);
  assert.ok(await page.evaluate(() => document.getElementById("progress-bar").value < 100));
  await page.click("#cancel");
  await page.locator("#status", { hasText: "Cancelled" }).waitFor();
  await remove(page);
  assert.deepEqual(page.faults, []);
});

test("a stream that is cut off is followed by asking", async () => {
  const page = await own.page();
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
    assert.match(await problem(page), /wants a key/);
    await page.locator("#key-why", { hasText: "wants a key" }).waitFor();
    await page.fill("#key-text", "wrong:key");
    await page.keyboard.press("Enter");
    await page.click("#go");
    await page.locator("#key-why", { hasText: "does not know this key" }).waitFor();
    assert.equal(await page.getAttribute("#key-text", "aria-invalid"), "true");
    await page.fill("#key-text", key);
    await page.click("#key-save");
    await again(page);
    await unfold(page);
    assert.match(await page.textContent("#call-text"), /Authorization: Key \$FAL_KEY/);
    assert.ok(!(await page.content()).includes(key));
    await page.reload();
    await ready(page);
    assert.equal(await page.textContent("#key-open"), "Key: set");
    assert.equal(await page.evaluate((key) => JSON.stringify(localStorage).includes(key), key), false);
    assert.deepEqual(others(page), []);
  } finally {
    await locked.end();
    rmSync(data, { recursive: true, force: true });
  }
});
