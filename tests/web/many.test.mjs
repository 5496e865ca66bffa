// many.test.mjs - many photos at once: states, bounded work, one ZIP, a reload and a server that is killed in the middle.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { begin, download, photoFile, ready, remove } from "./browser.mjs";
import { dot, folder, host, keysIn, serve } from "./support.mjs";

let own, data;
before(async () => {
  data = folder();
  own = await begin({ data });
});
after(async () => {
  await own.end();
  rmSync(data, { recursive: true, force: true });
});

const dots = (count) => Array.from({ length: count }, (_, i) =>
  ({ name: `photo ${i}.png`, mimeType: "image/png", buffer: Buffer.from(dot.split(",")[1], "base64") }));
// BMP files of noise, each another, which no format makes small: what is kept of them would be seen
const noises = (count) => Array.from({ length: count }, (_, i) => {
  const side = 128, buffer = Buffer.alloc(54 + 3 * side * side);
  buffer.write("BM");
  for (const [at, value] of [[2, buffer.length], [10, 54], [14, 40], [18, side], [22, side], [26, 1 + (24 << 16)]]) buffer.writeUInt32LE(value, at);
  for (let at = 54, state = i + 1; at < buffer.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    buffer[at] = state >>> 24;
  }
  return { name: `photo ${i}.bmp`, mimeType: "image/bmp", buffer };
});
const done = (page, count) => page.waitForFunction((count) =>
  document.querySelectorAll('#many-grid [data-state="done"]').length >= count, count, { timeout: 280000 });
// the other way of saving asks in a window of the browser's own
const noPicker = (page) => page.evaluate(() => { delete window.showSaveFilePicker; });

/** What is held, in bytes: by the page's script (objects, and buffers of bytes), by all of Chromium's processes together. */
async function memory(page) {
  const session = await page.context().newCDPSession(page), whole = await own.browser.newBrowserCDPSession();
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize } = await session.send("Runtime.getHeapUsage");
  const { processInfo } = await whole.send("SystemInfo.getProcessInfo");
  await Promise.all([session.detach(), whole.detach()]);
  const processes = processInfo.reduce((sum, { id }) => sum + 1024 * Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))[1]), 0);
  return { script: usedSize + backingStorageSize, processes };
}

/** What python says of a ZIP: [[name, bytes]]; it also checks every sum. */
function listing(bytes) {
  const file = join(data, "test.zip");
  writeFileSync(file, bytes);
  const said = execFileSync("python3", ["-c", `import json, sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
print(json.dumps([[i.filename, i.file_size] for i in z.infolist()]))`, file], { encoding: "utf8" });
  return JSON.parse(said);
}

test("several: each with its state, one by one or as a ZIP; names that are alike stay apart", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", [photoFile, photoFile, photoFile]);
  await done(page, 3);
  assert.match(await page.textContent("#many-said"), /^3 of 3 done$/);
  assert.equal((await download(page, "#many-grid a >> nth=0")).name, "photo1-cutout.png");
  await noPicker(page);
  const { name, bytes } = await download(page, "#many-zip");
  assert.equal(name, "cutouts.zip");
  const files = listing(bytes);
  assert.deepEqual(files.map(([each]) => each), ["photo1-cutout.png", "photo1-cutout (2).png", "photo1-cutout (3).png"]);
  assert.ok(files.every(([, size]) => size > 1000));
  assert.deepEqual(page.faults, []);
});

test("a folder, chosen or dropped, with a folder in it: its photos, and nothing else", async () => {
  const place = join(data, "shoes"), inner = join(place, "more");
  mkdirSync(inner, { recursive: true });
  const [{ buffer }] = dots(1);
  for (const name of [join(place, "a.png"), join(place, "b.png"), join(inner, "c.png")]) writeFileSync(name, buffer);
  writeFileSync(join(place, "notes.txt"), "no photo");
  const names = (page) => page.evaluate(() => [...document.querySelectorAll("#many-grid .name")].map((name) => name.textContent).sort());
  const chosen = await own.page();
  await chosen.setInputFiles("#photo-folder", place);
  await done(chosen, 3);
  assert.deepEqual(await names(chosen), ["a.png", "b.png", "c.png"]);
  const dropped = await own.page(), session = await dropped.context().newCDPSession(dropped);
  for (const type of ["dragEnter", "dragOver", "drop"])
    await session.send("Input.dispatchDragEvent", { type, x: 600, y: 300, data: { items: [], files: [place], dragOperationsMask: 1 } });
  await done(dropped, 3);
  assert.deepEqual(await names(dropped), ["a.png", "b.png", "c.png"]);
  assert.deepEqual([...chosen.faults, ...dropped.faults], []);
});

test("by keyboard only: each photo is reached, tried again, saved; all as one ZIP", async () => {
  const page = await own.page();
  let refuse = true;
  await page.route("**/queue/fal-ai/birefnet/v2", (route) => (refuse && !(refuse = false)
    ? route.fulfill({ status: 422, json: { detail: [{ type: "image_load_error", loc: ["body", "image_url"], msg: "no" }] } }) : route.continue()));
  await page.setInputFiles("#photo-file", dots(2));
  await done(page, 1);
  await page.locator('[data-state="failed"]').waitFor();
  const tabTo = async (selector) => {
    for (let i = 0; i < 40 && !(await page.evaluate((selector) => document.activeElement.matches(selector), selector)); i++) await page.keyboard.press("Tab");
    assert.equal(await page.evaluate((selector) => document.activeElement.matches(selector), selector), true, selector);
  };
  await tabTo('[data-state="failed"] button');
  await page.keyboard.press("Enter");
  await done(page, 2);
  const saved = async () => (await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]))[0].suggestedFilename();
  await page.evaluate(() => { document.body.tabIndex = -1; document.body.focus(); });
  await noPicker(page);
  await tabTo("#many-zip");
  assert.equal(await saved(), "cutouts.zip");
  await tabTo("#many-grid li:last-child a");
  assert.equal(await saved(), "photo 1-cutout.png");
});

test("one that failed is tried again; the others are not held up", async () => {
  const page = await own.page();
  let refuse = true;
  await page.route("**/queue/fal-ai/birefnet/v2", (route) => (refuse && !(refuse = false)
    ? route.fulfill({ status: 422, json: { detail: [{ type: "image_load_error", loc: ["body", "image_url"], msg: "no" }] } }) : route.continue()));
  await page.setInputFiles("#photo-file", dots(5));
  await done(page, 4);
  await page.locator('[data-state="failed"]', { hasText: "could not read this file" }).waitFor();
  assert.match(await page.textContent("#many-said"), /1 failed/);
  await page.click('[data-state="failed"] button');
  await done(page, 5);
  assert.equal(await page.textContent("#many-said"), "5 of 5 done");
});

test("options are for all: what was made with others is made anew, and what comes later has them", async () => {
  const page = await own.page(), inputs = [];
  await page.route("**/queue/fal-ai/birefnet/v2", (route) => {
    inputs.push(route.request().postDataJSON());
    return route.continue();
  });
  await page.setInputFiles("#photo-file", dots(2));
  await done(page, 2);
  await page.click("#many-options > summary");
  assert.equal(await page.isVisible("#many-again"), false);
  await page.click("#group-more > summary");
  await page.click('#options label:has([name="output_format"][value="gif"])');
  await page.check("#options [name=output_mask]");
  await page.click("#many-again");
  await page.locator("#many-again").waitFor({ state: "hidden" });
  await done(page, 2);
  assert.deepEqual(inputs.map((input) => [input.output_format, input.output_mask]),
    [[undefined, undefined], [undefined, undefined], ["gif", true], ["gif", true]]);
  assert.deepEqual(new Set(inputs.map((input) => input.image_url)).size, 2); // no photo went up twice
  assert.equal((await download(page, "#many-grid a >> nth=0")).name, "photo 0-cutout.gif");
  await noPicker(page);
  assert.deepEqual(listing((await download(page, "#many-zip")).bytes).map(([name]) => name),
    ["photo 0-cutout.gif", "photo 0-mask.gif", "photo 1-cutout.gif", "photo 1-mask.gif"]);
  await page.setInputFiles("#photo-file", dots(1));
  await done(page, 3);
  assert.equal(inputs[4].output_format, "gif");
  await page.reload(); // the shelf knows them
  await done(page, 3);
  assert.equal(await page.isChecked('#options [name="output_format"][value="gif"]'), true);
  assert.equal(await page.isHidden("#many-again"), true);
  await page.click("#new");
  await page.locator("#many").waitFor({ state: "hidden" });
  await page.setInputFiles("#photo-file", dots(1)[0]); // one alone has the options beside it again
  await page.locator("#work #options").waitFor();
  assert.deepEqual(page.faults, []);
});

test("options that change while photos are at work: those begin anew, each once", async () => {
  const page = await own.page(), ended = [];
  let hold = true, allEnded;
  const cancelled = new Promise((resolve) => { allEnded = resolve; });
  await page.route("**/requests/*/cancel", (route) => {
    if (ended.push(route.request().url()) === 3) allEnded();
    return route.fulfill({ status: 202, json: { status: "CANCELLATION_REQUESTED" } });
  });
  await page.route("**/requests/*/status**", (route) => (hold ? route.fulfill({ json: { status: "IN_PROGRESS", logs: [] } }) : route.continue()));
  await page.setInputFiles("#photo-file", dots(4));
  await page.locator('[data-state="working"]').nth(2).waitFor();
  await page.click("#many-options > summary");
  await page.click("#group-more > summary");
  await page.check("#options [name=output_mask]");
  await page.click("#many-again");
  await page.waitForFunction(() => document.querySelectorAll('#many-grid [data-state="working"]').length === 3);
  await cancelled;
  hold = false;
  await done(page, 4);
  assert.equal(ended.length, 3);
  assert.equal(await page.textContent("#many-said"), "4 of 4 done");
  assert.deepEqual(page.faults, []);
});

test("put aside, and brought back", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", dots(2));
  await done(page, 2);
  await page.click("#new");
  await page.locator("#many").waitFor({ state: "hidden" }); // once the shelf is empty
  await page.click("#undo");
  await done(page, 2);
  await page.reload();
  await done(page, 2);
  await page.click("#new");
  await page.locator("#photo").waitFor();
  await page.reload();
  await ready(page);
  assert.equal(await page.isVisible("#photo"), true);
});

test("two windows: each has its own photos, and what one left behind the next takes over", async () => {
  const names = (page) => page.evaluate(() => [...document.querySelectorAll("#many-grid .name")].map((name) => name.textContent));
  const called = (name) => dots(2).map((file, i) => ({ ...file, name: `${name} ${i}.png` }));
  const page = await own.page(), other = await page.context().newPage();
  await page.setInputFiles("#photo-file", called("shoe"));
  await done(page, 2);
  await other.goto(own.server.url);
  await ready(other);
  await other.setInputFiles("#photo-file", called("hat"));
  await done(other, 2);
  assert.deepEqual(await names(other), ["hat 0.png", "hat 1.png"]);
  await other.click("#new");
  await other.locator("#many").waitFor({ state: "hidden" });
  await page.reload();
  await done(page, 2);
  assert.deepEqual(await names(page), ["shoe 0.png", "shoe 1.png"]);
  await page.setInputFiles("#photo-file", called("bag"));
  await done(page, 4);
  await page.close();
  await other.reload();
  await done(other, 4);
  assert.deepEqual(await names(other), ["shoe 0.png", "shoe 1.png", "bag 0.png", "bag 1.png"]);
});

test("results that the server has let go: left out of the ZIP and told, and made anew", async () => {
  const page = await own.page();
  await page.setInputFiles("#photo-file", dots(3));
  await done(page, 3);
  await noPicker(page);
  const gone = new URL(await page.getAttribute("#many-grid a >> nth=1", "href")).pathname;
  await page.route(`**${gone}`, (route) => route.fulfill({ status: 404, json: { detail: "no such file" } }));
  const { bytes } = await download(page, "#many-zip");
  assert.deepEqual(listing(bytes).map(([name]) => name), ["photo 0-cutout.png", "photo 2-cutout.png"]);
  assert.equal(await page.textContent("#many-said"), "2 of 3 done · 1 failed");
  await page.locator('[data-state="failed"]', { hasText: "no longer on the server" }).locator("button").click();
  await done(page, 3);
  assert.equal((await download(page, "#many-grid a >> nth=1")).name, "photo 1-cutout.png");
  await page.route("**/files/**", (route) => route.abort());
  await page.click("#many-zip");
  await page.locator("#many-said", { hasText: "cannot be reached" }).waitFor();
});

test("an address that is pasted beside many photos is one of them; recent results wait until they are put away", async () => {
  const page = await own.page(), hoster = await host();
  try {
    await remove(page);
    await page.locator("#recent li").waitFor();
    await page.setInputFiles("#photo-file", dots(2));
    await done(page, 2);
    assert.equal(await page.isVisible("#recent-panel"), false); // they would open behind the grid
    await page.evaluate((url) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", url);
      document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
    }, `${hoster.url}/photo/shoe.jpg`);
    await done(page, 3);
    assert.equal((await download(page, "#many-grid li:last-child a")).name, "shoe-cutout.png");
    await page.click("#new");
    await page.locator("#recent-panel").waitFor();
  } finally {
    hoster.close();
  }
});

test("a server that is away for minutes: said, waited for, and no photo has failed", async () => {
  const page = await own.page();
  let tries = 0;
  await page.clock.install();
  await page.route("**/upload/initiate?*", (route) => (tries++, route.abort()));
  await page.setInputFiles("#photo-file", dots(2));
  const failed = page.locator('[data-state="failed"]');
  while (tries < 30 && (await failed.count()) === 0) await page.clock.runFor(8000);
  assert.equal(await failed.count(), 0);
  assert.match(await page.textContent("#many-said"), /^0 of 2 done · The server cannot be reached/);
  await page.unrouteAll();
  await page.clock.resume();
  await page.clock.fastForward(8000);
  await done(page, 2);
  assert.equal(await page.textContent("#many-said"), "2 of 2 done");
});

test("a server with keys: asked for once, and all go on with it", async () => {
  const data = folder(), key = keysIn(data, "add", "shop"), locked = await begin({ data });
  try {
    const page = await locked.page();
    await page.setInputFiles("#photo-file", dots(5));
    await page.locator("#key-why", { hasText: "wants a key" }).waitFor();
    assert.match(await page.textContent("#many-said"), /^0 of 5 done · This server wants a key/);
    await page.fill("#key-text", "wrong:key");
    await page.keyboard.press("Enter");
    await page.locator("#key-why", { hasText: "does not know this key" }).waitFor();
    await page.fill("#key-text", key);
    await page.keyboard.press("Enter");
    await done(page, 5);
    assert.equal(await page.textContent("#many-said"), "5 of 5 done");
  } finally {
    await locked.end();
    rmSync(data, { recursive: true, force: true });
  }
});

test("200 photos: three at a time, through a reload and a server that is killed and started again", async () => {
  for (const context of own.browser.contexts()) await context.close(); // their memory is not this test's
  const page = await own.page();
  let most = 0; // requests that were made and are not completed, as the page could know
  const open = new Set(), ended = new Set(); // a body may be read after the answer to the next request
  let asked = 0, answered = 0, held = 0;
  const submits = (request) => request.method() === "POST" && new URL(request.url()).pathname.endsWith("/birefnet/v2");
  page.on("request", (request) => { asked += submits(request); });
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    if (response.request().method() === "POST" && pathname.endsWith("/birefnet/v2") && response.ok()) {
      const { request_id: id } = await response.json().catch(() => ({}));
      answered++;
      if (id && !ended.has(id)) open.add(id); // without: the page went before it could read it
      most = Math.max(most, open.size);
    } else if (/\/requests\/[^/]+$/.test(pathname)) {
      const id = pathname.split("/").pop();
      ended.add(id);
      open.delete(id);
    }
  });
  await page.setInputFiles("#photo-file", noises(200));
  await done(page, 20);
  // none is under way while the page is loaded anew: whether it knew of that one, nobody here could tell
  await page.route("**/birefnet/v2", (route) => { if (submits(route.request())) held++; else route.continue(); });
  while (asked !== answered + held || held === 0) await page.waitForTimeout(20);
  await page.reload();
  await page.unrouteAll();
  await page.locator("#many-grid li").nth(199).waitFor({ state: "attached" });
  await done(page, 60);
  const before = await memory(page);
  const port = own.server.port;
  await own.server.stop("SIGKILL");
  own.server = await serve({ data, args: ["--listen", `127.0.0.1:${port}`] });
  await done(page, 200);
  assert.ok(most <= 3, String(most));
  await noPicker(page);
  const files = listing((await download(page, "#many-zip")).bytes);
  assert.equal(new Set(files.map(([name]) => name)).size, 200);
  const bytes = files.reduce((sum, [, size]) => sum + size, 0), after = await memory(page);
  assert.ok(files.every(([, size]) => size > 20000));
  const megabytes = (count) => (count / 1e6).toFixed(1);
  console.log(`60 and 200 photos done and saved (${megabytes(bytes)} MB): script ${megabytes(before.script)} and ${megabytes(after.script)} MB, ` +
    `all processes ${megabytes(before.processes)} and ${megabytes(after.processes)} MB`);
  assert.ok(after.script - before.script < bytes / 4, `script: ${before.script} to ${after.script} bytes`);
  assert.ok(after.processes - before.processes < 150e6, // its caches, mostly
     `processes: ${before.processes} to ${after.processes} bytes`);
});
