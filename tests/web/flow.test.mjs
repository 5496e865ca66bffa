// flow.test.mjs - from a photo to a download: queue, progress, cancel, formats and options, recent results, keys.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { begin, download, finished, photoFile, photoSize, remove, typeOf } from "./browser.mjs";
import { block, client, host } from "./support.mjs";

let own;
// two at a time: two held photos make the page's own wait, which lies on the server and would pass them
before(async () => { own = await begin({ args: ["--max-running", "2"] }); });
after(() => own.end());

test("photo to download, by the public protocol and nothing else", async () => {
  const page = await own.page();
  const paths = [];
  page.on("request", (request) => paths.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await page.setInputFiles("#photo-file", photoFile);
  await remove(page);
  assert.match(await page.textContent("#facts"), new RegExp(`${photoSize.width} × ${photoSize.height}`));
  assert.match(await page.textContent("#facts"), /Weights\s*\S/);
  assert.match(await page.textContent("#facts"), /Network saw\s*64 × 64/); // what this server was told to use
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

test("which weights will answer is said beside the model", async () => {
  const page = await own.page();
  const presets = await (await fetch(`${own.server.url}/presets.json`)).json();
  for (const { name, available, fallback, weights } of presets) {
    await page.selectOption("#field-model", name);
    const size = page.locator("#field-operating_resolution-note");
    assert.equal(await size.isVisible(), fallback);
    if (fallback) assert.ok((await size.textContent()).startsWith(`${weights} answers`));
    const note = await page.textContent("#field-model-note");
    assert.equal(note.includes("not on this server"), !available);
    assert.ok(available || note.includes(weights), note);
  }
});

test("2304x2304 is offered with the one model that has it", async () => {
  const page = await own.page();
  const large = page.locator('input[name="operating_resolution"][value="2304x2304"]');
  assert.equal(await large.isDisabled(), true);
  await page.selectOption("#field-model", "General Use (Dynamic)");
  assert.equal(await large.isDisabled(), false);
  await page.click('label:has(input[value="2304x2304"])');
  assert.match(await page.textContent("#call-text"), /2304x2304/);
  await page.selectOption("#field-model", "Portrait");
  assert.equal(await large.isDisabled(), true);
  assert.equal(await page.isChecked('input[name="operating_resolution"][value="1024x1024"]'), true);
  assert.ok(!(await page.textContent("#call-text")).includes("2304x2304"));
  assert.ok(!(await page.textContent("#fields")).includes("`"));
  assert.equal(await page.textContent("#field-mask_only-help code"), "image");
});

test("another photo takes the result of the one before away", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  await remove(page);
  await page.setInputFiles("#photo-file", { name: "second.jpg", mimeType: "image/jpeg", buffer: readFileSync(photoFile) });
  await page.locator("#status", { hasText: "The photo is ready" }).waitFor();
  assert.equal(await page.isVisible("#shown"), false);
  await remove(page);
  assert.equal((await download(page, "#download")).name, "second-cutout.png");
  await page.click("#photo-clear");
  assert.match(await page.textContent("#status"), /Nothing here yet/);
  assert.equal(await page.isVisible("#shown"), false);
  assert.deepEqual(page.faults, []);
});

test("a photo that is chosen meanwhile: the result says whose it is, and can still be compared", async () => {
  const page = await own.page();
  const api = client(own.server), hoster = await host();
  await block(api, hoster);
  try {
    await page.setInputFiles("#photo-file", photoFile);
    await page.click("#go");
    await page.locator("#status", { hasText: "Waiting" }).waitFor();
    await page.setInputFiles("#photo-file", { name: "second.jpg", mimeType: "image/jpeg", buffer: readFileSync(photoFile) });
    assert.match(await page.textContent("#status"), /Waiting/);
    hoster.release();
    await finished(page);
    assert.match(await page.textContent("#status"), /result of photo1\.jpg, not of the photo that is chosen now/);
    await page.waitForFunction(() => document.getElementById("stage-before").naturalWidth > 0);
    assert.deepEqual(page.faults, []);
  } finally {
    hoster.close();
  }
});

test("the same photo goes up once", async () => {
  const page = await own.page();
  let uploads = 0;
  page.on("request", (request) => { if (request.method() === "PUT") uploads++; });
  await page.setInputFiles("#photo-file", photoFile);
  await remove(page);
  await remove(page);
  assert.equal(uploads, 1);
});

for (const format of ["webp", "gif", "png"])
  test(`options: ${format}, with the mask`, async () => {
    const page = await own.page();
    await page.setInputFiles("#photo-file", photoFile);
    await page.click(`label:has(input[name="output_format"][value="${format}"])`);
    await page.check('input[name="output_mask"]');
    await remove(page);
    assert.equal(typeOf((await download(page, "#download")).bytes), format);
    const mask = await download(page, "#download-mask");
    assert.equal(typeOf(mask.bytes), mask.name.split(".").pop());
    assert.match(mask.name, /^photo1-mask\./);
    assert.deepEqual(page.faults, []);
  });

test("options: only the mask", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  await page.check('input[name="mask_only"]');
  await remove(page);
  assert.equal((await download(page, "#download")).name, "photo1-mask.png");
  assert.equal(await page.isVisible('label:has(input[value="cutout"])'), false);
  assert.equal(await page.isVisible("#stage-before"), true);
  assert.equal(await page.isVisible("#backgrounds"), false); // a mask lies on nothing
  assert.equal(await page.isVisible("#download-shown"), false);
  assert.deepEqual(page.faults, []);
});

test("options: images inside the result", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", photoFile);
  await page.check('input[name="sync_mode"]');
  await remove(page);
  assert.equal(typeOf((await download(page, "#download")).bytes), "png");
  assert.equal(await page.locator("#recent li").count(), 0); // nothing on the server to come back to
  assert.deepEqual(page.faults, []);
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

test("progress is told by steps and quarters", async () => {
  const page = await own.page();
  const event = (message, timestamp) => `data: ${JSON.stringify({ status: "IN_PROGRESS", logs: [{ message, timestamp, labels: {} }] })}\n\n`;
  const body = [event("Network: 25 %", "1"), event("Network: 26 %", "2"), event("Network: 50 %", "3")].join("");
  await page.route("**/status/stream*", (route) => route.fulfill({ status: 200, contentType: "text/event-stream", body }));
  await page.setInputFiles("#photo-file", photoFile);
  await listen(page);
  await remove(page);
  const told = await page.evaluate(() => window.told);
  assert.ok(told.includes("Network: 25 %") && told.includes("Network: 50 %"), told.join(" | "));
  assert.ok(!told.includes("Network: 26 %"), told.join(" | "));
  assert.match(told.at(-1), /^Done/);
});

test("waiting, its position, then progress", async () => {
  const page = await own.page();
  const api = client(own.server), hoster = await host();
  await block(api, hoster);
  try {
    const first = await api.queue.submit("fal-ai/birefnet/v2", { input: { image_url: `${hoster.url}/photo` } });
    await listen(page);
    await page.setInputFiles("#photo-file", photoFile);
    await page.click("#go");
    await page.locator("#status", { hasText: /Waiting: [1-9]\d* requests? ahead/ }).waitFor();
    assert.ok(first.request_id);
    hoster.release();
    await finished(page);
    const told = await page.evaluate(() => window.told);
    // how many stages are told depends on how fast they pass; the log has them all in the end, with their percents
    const lines = await page.locator("#progress-log li").allTextContents();
    assert.ok(lines.some((text) => /^Network: \d+ %$/.test(text)), lines.join(" | "));
    assert.match(told.at(-1), /^Done/);
    assert.deepEqual(page.faults, []);
  } finally {
    hoster.close();
  }
});

test("cancel while it waits", async () => {
  const page = await own.page();
  const api = client(own.server), hoster = await host();
  await block(api, hoster);
  try {
    await page.setInputFiles("#photo-file", photoFile);
    const [submitted] = await Promise.all([page.waitForResponse(/\/queue\/fal-ai\/birefnet\/v2$/), page.click("#go")]);
    const { request_id: requestId } = await submitted.json();
    await page.locator("#status", { hasText: "Waiting" }).waitFor();
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
  await page.setInputFiles("#photo-file", photoFile);
  await page.click('label:has(input[name="output_format"][value="webp"])');
  await remove(page);
  await page.locator("#recent li").waitFor();
  await page.reload();
  await page.click("#recent button");
  await page.locator("#shown").waitFor();
  assert.equal(typeOf((await download(page, "#download")).bytes), "webp");
  assert.ok(await page.isChecked('input[name="output_format"][value="webp"]'));
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
  await page.locator("#field-model").waitFor();
  assert.equal(await page.locator("#recent li").count(), 0);
  assert.deepEqual(page.faults, []);
});
