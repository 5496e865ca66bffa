// errors.test.mjs - what the page says when things go wrong, and that it goes on afterwards.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { after, before, test } from "node:test";
import { begin, photoFile, remove } from "./browser.mjs";
import { folder } from "./support.mjs";

let own;
before(async () => { own = await begin(); });
after(() => own.end());

const problem = async (page) => {
  await page.locator("#problem strong").waitFor();
  return page.textContent("#problem");
};
// the browser itself notes replies of 400 and above; everything else is a fault
const others = (page) => page.faults.filter((fault) => !fault.startsWith("Failed to load resource"));

test("no photo", async () => {
  const page = await own.page();
  await page.click("#go");
  assert.match(await problem(page), /Choose a photo first/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "photo-file");
  assert.deepEqual(page.faults, []);
});

test("a text file as photo, then a real one", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no photo at all\n") });
  await page.locator("#photo-facts", { hasText: "no preview" }).waitFor();
  await page.click("#go");
  const text = await problem(page);
  assert.match(text, /could not read this file as a photo|not supported/);
  assert.match(text, /HTTP 422/);
  assert.equal(await page.isVisible("#shown"), false);
  await page.setInputFiles("#photo-file", photoFile);
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

test("a resolution that this model does not have is told beside its field", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  await page.click('label:has(input[name="operating_resolution"][value="2304x2304"])');
  await page.click("#go");
  await problem(page);
  assert.ok((await page.textContent("#field-operating_resolution-problem")).length > 10);
  assert.equal(await page.getAttribute("#field-operating_resolution", "aria-invalid"), "true");
  await page.click('label:has(input[name="operating_resolution"][value="1024x1024"])');
  await remove(page);
  assert.equal(await page.getAttribute("#field-operating_resolution", "aria-invalid"), null);
});

test("the server is gone", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  await page.route("**/rest/**", (route) => route.abort("connectionrefused"));
  await page.click("#go");
  assert.match(await problem(page), /cannot be reached/);
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
    await page.locator("#key-dialog").waitFor();
    await page.fill("#key-text", "wrong:key");
    await page.keyboard.press("Enter");
    await page.click("#go");
    await page.locator("#key-dialog").waitFor();
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
