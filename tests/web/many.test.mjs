// many.test.mjs - many photos at once: states, bounded work, one ZIP, a reload and a server that is killed in the middle.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { begin, download, photoFile, ready } from "./browser.mjs";
import { dot, folder, serve } from "./support.mjs";

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
const done = (page, count) => page.waitForFunction((count) =>
  document.querySelectorAll('#many-grid [data-state="done"]').length >= count, count, { timeout: 280000 });
// the other way of saving asks in a window of the browser's own
const noPicker = (page) => page.evaluate(() => { delete window.showSaveFilePicker; });

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

test("200 photos: three at a time, through a reload and a server that is killed and started again", async () => {
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
  await page.setInputFiles("#photo-file", dots(200));
  await done(page, 20);
  // none is under way while the page is loaded anew: whether it knew of that one, nobody here could tell
  await page.route("**/birefnet/v2", (route) => { if (submits(route.request())) held++; else route.continue(); });
  while (asked !== answered + held || held === 0) await page.waitForTimeout(20);
  await page.reload();
  await page.unrouteAll();
  await page.locator("#many-grid li").nth(199).waitFor({ state: "attached" });
  await done(page, 60);
  const port = own.server.port;
  await own.server.stop("SIGKILL");
  own.server = await serve({ data, args: ["--listen", `127.0.0.1:${port}`] });
  await done(page, 200);
  assert.ok(most <= 3, String(most));
  await noPicker(page);
  const files = listing((await download(page, "#many-zip")).bytes);
  assert.equal(new Set(files.map(([name]) => name)).size, 200);
  assert.ok(files.every(([, size]) => size > 50));
});
