// flow.test.mjs - from a photo to a download: queue, progress, cancel, formats and options, recent results.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { again, begin, download, finished, photoFile, photoSize, ready, remove, typeOf, unfold } from "./browser.mjs";
import { block, client, host } from "./support.mjs";

let own;
// two at a time: two held photos make the page's own wait, which lies on the server and would pass them
before(async () => { own = await begin({ args: ["--max-running", "2"] }); });
after(() => own.end());

const second = { name: "second.jpg", mimeType: "image/jpeg", buffer: readFileSync(photoFile) };
const facts = (page) => page.textContent("#facts");

test("photo to download, by the public protocol and nothing else", async () => {
  const page = await own.page();
  const paths = [];
  page.on("request", (request) => paths.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await remove(page);
  assert.match(await facts(page), new RegExp(`${photoSize.width} × ${photoSize.height}`));
  assert.match(await facts(page), /Weights\s*\S/);
  assert.match(await facts(page), /Network saw\s*64 × 64/); // what this server was told to use
  assert.match(await facts(page), /Request\s*[0-9a-f-]{36}/);
  const { name, bytes } = await download(page, "#download");
  assert.equal(name, "photo1-cutout.png");
  assert.equal(typeOf(bytes), "png");
  assert.equal(bytes.readUInt32BE(16), photoSize.width);
  assert.equal(bytes.readUInt32BE(20), photoSize.height);
  for (const expected of [/^POST \/rest\/storage\/upload\/initiate$/, /^PUT \/upload\//, /^POST \/queue\/fal-ai\/birefnet\/v2$/,
    /^GET \/queue\/fal-ai\/birefnet\/requests\/[^/]+\/status\/stream$/, /^GET \/queue\/fal-ai\/birefnet\/requests\/[^/]+$/])
    assert.ok(paths.some((path) => expected.test(path)), `${expected} in ${paths}`);
  assert.deepEqual(page.faults, []);
});

test("which weights are here is said in the list, and one that is not is not chosen first", async () => {
  const page = await own.page();
  await remove(page);
  const presets = await (await fetch(`${own.server.url}/presets.json`)).json();
  assert.ok(presets.every(({ available }) => !available)); // of this test's server
  assert.equal(await page.inputValue("#field-model"), "");
  assert.equal(await page.textContent("#field-model option:checked"), `${presets[0].weights} · here`);
  for (const { name, weights, pull } of presets) {
    await page.selectOption("#field-model", name);
    assert.match(await page.textContent("#field-model option:checked"), /not here/);
    const note = await page.textContent("#field-model-note");
    assert.ok(note.includes(weights) && note.includes(pull), note);
    assert.equal(await page.isVisible("#field-operating_resolution"), false); // fallback weights have a size of their own
  }
});

test("weights that are here: marked, chosen, with their resolutions", async () => {
  const page = await own.page();
  await page.route("**/presets.json", async (route) => {
    const presets = await (await route.fetch()).json();
    for (const preset of presets)
      if (/Matting|Dynamic/.test(preset.name)) Object.assign(preset, { available: true, fallback: false, weights: preset.name, pull: undefined });
    await route.fulfill({ json: presets });
  });
  await page.reload();
  await ready(page);
  await page.waitForFunction(() => document.getElementById("field-model").value === "Matting");
  assert.equal(await page.isVisible("#banner"), false);
  await remove(page);
  await unfold(page);
  assert.match(await page.textContent("#call-text"), /"model": "Matting"/);
  const large = page.locator('input[name="operating_resolution"][value="2304x2304"]');
  assert.equal(await page.isVisible("#field-operating_resolution"), true);
  assert.equal(await large.isDisabled(), true);
  await page.selectOption("#field-model", "General Use (Dynamic)");
  assert.equal(await large.isDisabled(), false);
  await page.click('label:has(input[value="2304x2304"])');
  assert.match(await page.textContent("#call-text"), /2304x2304/);
  await page.selectOption("#field-model", "Matting");
  assert.equal(await page.isChecked('input[name="operating_resolution"][value="1024x1024"]'), true);
  assert.ok(!(await page.textContent("#call-text")).includes("2304x2304"));
  assert.deepEqual(page.faults, []);
});

test("the starter weights are told of, with what fetches others", async () => {
  const page = await own.page();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: own.server.url });
  await page.bringToFront();
  await page.locator("#banner-pull", { hasText: /^birefnet pull light$/ }).waitFor(); // which weights there are is asked behind the fields
  await page.click("#banner-copy");
  await page.locator("#banner-copy", { hasText: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "birefnet pull light");
});

test("another photo takes the result of the one before away; a new one begins anew", async () => {
  const page = await own.page();
  await remove(page);
  await page.setInputFiles("#photo-file", second);
  await page.locator('#download[download="second-cutout.png"]').waitFor();
  assert.equal((await download(page, "#download")).name, "second-cutout.png");
  await page.click("#new");
  assert.equal(await page.isVisible("#work"), false);
  assert.equal(await page.evaluate(() => document.activeElement.id), "photo-file");
  await page.click("#undo");
  await page.locator("#shown").waitFor();
  assert.equal((await download(page, "#download")).name, "second-cutout.png");
  assert.deepEqual(page.faults, []);
});

test("a photo that comes while another is worked on takes its place, here and on the server", async () => {
  const page = await own.page();
  const api = client(own.server), hoster = await host();
  await block(api, hoster);
  try {
    const [submitted] = await Promise.all([page.waitForResponse(/\/queue\/fal-ai\/birefnet\/v2$/), page.setInputFiles("#photo-file", photoFile)]);
    const { request_id: requestId } = await submitted.json();
    await page.locator("#status", { hasText: /line|ahead/ }).waitFor();
    await Promise.all([page.waitForResponse(/\/cancel$/), page.setInputFiles("#photo-file", second)]);
    hoster.release();
    await finished(page);
    assert.equal(await page.getAttribute("#download", "download"), "second-cutout.png");
    const error = await api.queue.result("fal-ai/birefnet/v2", { requestId }).catch((thrown) => thrown);
    assert.equal(error.status, 499);
    assert.deepEqual(page.faults, []);
  } finally {
    hoster.close();
  }
});

test("the same photo goes up once, and other options wait for the button", async () => {
  const page = await own.page();
  let uploads = 0;
  page.on("request", (request) => { if (request.method() === "PUT") uploads++; });
  await remove(page);
  assert.equal(await page.isVisible("#go"), false); // nothing to do
  await unfold(page);
  await page.uncheck('input[name="refine_foreground"]');
  assert.equal(await page.textContent("#go"), "Apply");
  await again(page);
  assert.equal(await page.isVisible("#go"), false);
  assert.equal(uploads, 1);
});

for (const format of ["webp", "gif"])
  test(`options: made as ${format}, with the mask`, async () => {
    const page = await own.page();
    await remove(page);
    await unfold(page);
    await page.click(`label:has(input[name="output_format"][value="${format}"])`);
    await page.check('input[name="output_mask"]');
    await again(page);
    assert.equal(typeOf((await download(page, "#download")).bytes), format);
    const mask = await download(page, "#download-mask");
    assert.equal(typeOf(mask.bytes), mask.name.split(".").pop());
    assert.match(mask.name, /^photo1-mask\./);
    assert.deepEqual(page.faults, []);
  });

test("options: only the mask", async () => {
  const page = await own.page();
  await remove(page);
  await unfold(page);
  await page.check('input[name="mask_only"]');
  await again(page);
  assert.equal((await download(page, "#download")).name, "photo1-mask.png");
  assert.equal(await page.isVisible('label:has(input[value="cutout"])'), false);
  assert.equal(await page.isVisible("#stage-before"), true);
  assert.equal(await page.isVisible("#backgrounds"), false); // a mask lies on nothing
  assert.deepEqual(page.faults, []);
});

test("options: images inside the result", async () => {
  const page = await own.page();
  await remove(page);
  await page.click("#recent-clear");
  await unfold(page);
  await page.check('input[name="sync_mode"]');
  await again(page);
  assert.equal(typeOf((await download(page, "#download")).bytes), "png");
  assert.equal(await page.locator("#recent li").count(), 0); // nothing on the server to come back to
  assert.deepEqual(page.faults, []);
});

test("options of shops: another canvas, which is not compared with the photo", async () => {
  const page = await own.page();
  await remove(page);
  assert.equal(await page.isVisible("#field-canvas"), false); // folded away
  await unfold(page);
  await page.fill("#field-canvas", "300x200");
  await page.selectOption("#field-shadow", "soft").catch(() => page.click('label:has(input[name="shadow"][value="soft"])'));
  await again(page);
  assert.match(await page.textContent("#download"), /300 × 200/);
  assert.equal(await page.isVisible('label:has(input[value="compare"])'), false);
  assert.equal(await page.isVisible("#stage-after"), true);
  await page.fill("#field-canvas", "wide");
  await page.click("#go");
  await page.locator("#problem strong").waitFor();
  assert.ok((await page.textContent("#field-canvas-problem")).length > 10);
});

/** From here on all that the live region is told, in window.told, also what the next word takes away at once. */
function listen(page) {
  return page.evaluate(() => {
    window.told = [];
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) window.told.push(node.textContent);
    }).observe(document.getElementById("status"), { childList: true });
  });
}

test("progress is told by stages, and shown by percents", async () => {
  const page = await own.page();
  const event = (message, timestamp) => `data: ${JSON.stringify({ status: "IN_PROGRESS", logs: [{ message, timestamp, labels: {} }] })}\n\n`;
  const body = [event("Decoded JPEG, 400 x 446 pixels", "0"), event("Network: 25 %", "1"), event("Network: 50 %", "3")].join("");
  await page.route("**/status/stream*", (route) => route.fulfill({ status: 200, contentType: "text/event-stream", body }));
  await listen(page);
  await remove(page);
  const told = await page.evaluate(() => window.told);
  for (const text of ["Reading the photo", "Finding the subject"]) assert.ok(told.includes(text), told.join(" | "));
  assert.ok(!told.some((text) => text.includes("%")), told.join(" | "));
  assert.equal(told.at(-1), "Done.");
});

test("while it works: the photo stays, dimmed, with its place in the queue; cancel is where the button was", async () => {
  const page = await own.page();
  const api = client(own.server), hoster = await host();
  await block(api, hoster);
  try {
    await api.queue.submit("fal-ai/birefnet/v2", { input: { image_url: `${hoster.url}/photo` } });
    await listen(page);
    await page.setInputFiles("#photo-file", photoFile);
    await page.locator("#status", { hasText: /[1-9]\d* photos? ahead/ }).waitFor();
    assert.equal(await page.isVisible("#photo-preview"), true);
    assert.match(await page.evaluate(() => getComputedStyle(document.getElementById("photo-preview")).filter), /brightness/);
    const place = await page.locator("#cancel").boundingBox();
    hoster.release();
    await finished(page);
    const button = await page.locator("#download").boundingBox();
    assert.deepEqual([place.x, place.y, place.width], [button.x, button.y, button.width]);
    // how many stages are told depends on how fast they pass; the log has them all in the end, with their percents
    const lines = await page.locator("#progress-log li").allTextContents();
    assert.ok(lines.some((text) => /^Network: \d+ %$/.test(text)), lines.join(" | "));
    assert.equal((await page.evaluate(() => window.told)).at(-1), "Done.");
    assert.deepEqual(page.faults, []);
  } finally {
    hoster.close();
  }
});

test("the time left is told from the second on", async () => {
  const page = await own.page();
  const left = await page.evaluate(async () => {
    const { createProgress } = await import("./progress.js");
    const progress = createProgress(), status = (message) => progress.status({ status: "IN_PROGRESS", logs: [{ message }] });
    const now = performance.now.bind(performance);
    let ahead = 0;
    performance.now = () => now() + ahead;
    progress.start();
    status("Network: starter at 384 x 384");
    ahead = 10000;
    status("Network: 25 %");
    return document.getElementById("progress-left").textContent;
  });
  assert.match(left, /^About (30|31) seconds left$/);
});

test("cancel while it waits", async () => {
  const page = await own.page();
  const api = client(own.server), hoster = await host();
  await block(api, hoster);
  try {
    const [submitted] = await Promise.all([page.waitForResponse(/\/queue\/fal-ai\/birefnet\/v2$/), page.setInputFiles("#photo-file", photoFile)]);
    const { request_id: requestId } = await submitted.json();
    await page.locator("#status", { hasText: /line|ahead/ }).waitFor();
    await Promise.all([page.waitForResponse(/\/cancel$/), page.click("#cancel")]);
    await page.locator("#status", { hasText: "Cancelled" }).waitFor();
    const error = await api.queue.result("fal-ai/birefnet/v2", { requestId }).catch((thrown) => thrown);
    assert.equal(error.status, 499);
    assert.equal(await page.isVisible("#cancel"), false);
    assert.equal(await page.evaluate(() => document.activeElement.id), "go");
    assert.deepEqual(page.faults, []);
  } finally {
    hoster.close();
  }
});

test("recent results: after a reload, opened again, cleared, expired", async () => {
  const page = await own.page();
  await remove(page);
  await page.locator("#recent li").waitFor();
  await page.reload();
  await page.click("#recent button");
  await page.locator("#shown").waitFor();
  assert.equal(typeOf((await download(page, "#download")).bytes), "png");
  assert.equal(await page.isVisible("#stage-before"), true);
  await page.evaluate(() => {
    const entries = JSON.parse(localStorage.getItem("birefnet.recent"));
    localStorage.setItem("birefnet.recent", JSON.stringify([...entries, { ...entries[0], id: "old", expires: Date.now() - 1 }]));
  });
  await page.reload();
  await page.locator("#recent li").first().waitFor();
  assert.equal(await page.locator("#recent li").count(), 1);
  await page.click("#recent-clear");
  assert.equal(await page.locator("#recent li").count(), 0);
  await page.reload();
  await ready(page);
  assert.equal(await page.locator("#recent li").count(), 0);
  assert.deepEqual(page.faults, []);
});

test("a photo of megabytes inside of its address does not push the recent results out", async () => {
  const page = await own.page(), side = 1200, photo = Buffer.alloc(54 + 3 * side * side);
  photo.write("BM");
  for (const [at, value] of [[2, photo.length], [10, 54], [14, 40], [18, side], [22, side], [26, 1 + (24 << 16)]]) photo.writeUInt32LE(value, at);
  await remove(page);
  await page.locator("#recent li").waitFor();
  await page.click("#new");
  await page.fill("#photo-url", `data:image/bmp;base64,${photo.toString("base64")}`);
  await page.keyboard.press("Enter");
  await finished(page);
  await page.setInputFiles("#photo-file", photoFile); // a third follows: the second had its turn
  await page.waitForFunction(() => document.querySelectorAll("#recent li").length >= 2);
  assert.match(await page.textContent("#recent li:last-child"), /photo1\.jpg/);
});
