// calls.test.mjs - the calls that the page shows are run as they stand there: shell, node, and Python where its client is.
import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { begin, photoFile, remove, typeOf, unfold } from "./browser.mjs";
import { folder, source } from "./support.mjs";

const execute = promisify(execFile);
let own, page, place;
before(async () => {
  own = await begin();
  page = await own.page();
  await unfold(page);
  place = folder();
  copyFileSync(photoFile, join(place, "a photo's $name.jpg"));
  copyFileSync(photoFile, join(place, "photo1.jpg"));
});
after(async () => {
  await own.end();
  rmSync(place, { recursive: true, force: true });
});

async function shown(language) {
  await page.click(`#tab-${language}`);
  return page.textContent("#call-text");
}

async function check(url, type) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  assert.equal(typeOf(Buffer.from(await answer.arrayBuffer())), type);
}

async function runCurl() {
  const { stdout } = await execute("bash", ["-c", await shown("curl")], { cwd: place });
  return JSON.parse(stdout);
}

test("cURL with a photo on the disk, whatever its name", async () => {
  // cancelled before it has gone up: the call takes it from the disk
  await page.route("**/rest/**", () => {});
  await page.setInputFiles("#photo-file", join(place, "a photo's $name.jpg"));
  await page.click("#cancel");
  await page.unrouteAll();
  await unfold(page);
  await page.click('label:has(input[name="output_format"][value="webp"])');
  await page.check('input[name="output_mask"]');
  const output = await runCurl();
  await check(output.image.url, "webp");
  assert.ok(output.mask_image.url);
});

test("cURL with the photo that was uploaded", async () => {
  await remove(page);
  const text = await shown("curl");
  assert.ok(text.includes(`${own.server.url}/files/b/`), text);
  await check((await runCurl()).image.url, "webp");
});

async function runJavascript() {
  const file = join(process.cwd(), `call-${process.pid}.mjs`); // beside node_modules
  writeFileSync(file, await shown("javascript"));
  try {
    const { stdout } = await execute("node", [file], { cwd: place, env: { ...process.env, FAL_KEY: "" } });
    return stdout.trim().split("\n").pop();
  } finally {
    rmSync(file);
  }
}

test("JavaScript with the photo that was uploaded", async () => {
  await check(await runJavascript(), "webp");
});

test("JavaScript with a photo on the disk", async () => {
  await page.route("**/rest/**", () => {});
  await page.setInputFiles("#photo-file", join(place, "photo1.jpg"));
  await page.click("#cancel");
  await page.unrouteAll();
  const text = await shown("javascript");
  assert.match(text, /readFile\("photo1\.jpg"\)/);
  await check(await runJavascript(), "webp");
});

test("Python", async (t) => {
  const text = await shown("python");
  if (spawnSync("python3", ["--version"]).status !== 0) return t.skip("no python3");
  // docs/SERVER.md gives the same addresses: the same lines but for the server's
  const manual = readFileSync(join(source, "docs/SERVER.md"), "utf8").split("\n").map((line) => line.trim());
  const addresses = text.split("\n").filter((line) => /^fal\.|^import fal_client\.client/.test(line));
  assert.equal(addresses.length, 5);
  for (const line of addresses) assert.ok(manual.includes(line), line);
  // at least: it is Python
  execFileSync("python3", ["-c", "import ast, sys; ast.parse(sys.stdin.read())"], { input: text });
  if (spawnSync("python3", ["-c", "import fal_client"]).status !== 0) return t.skip("no fal_client: only its grammar was checked");
  const { stdout } = await execute("python3", ["-c", text], { cwd: place });
  await check(stdout.trim().split("\n").pop(), "webp");
});

test("after a touch-up: that call, in each language; with other options the endpoint's again", async () => {
  await remove(page, join(place, "photo1.jpg"));
  await page.click("#touch-up");
  await page.locator("#touchup[data-ready]").waitFor();
  await page.focus("#touchup-canvas");
  await page.keyboard.press("Space");
  await page.waitForFunction(() => !document.getElementById("touchup-apply").disabled);
  await page.click("#touchup-apply");
  await page.locator("#touchup").waitFor({ state: "detached" });
  const text = await shown("curl");
  assert.ok(text.includes(`${own.server.url}/touchup`) && text.includes('"request_id"') && !text.includes('"image_url"'), text);
  await check((await runCurl()).image.url, "webp");
  await shown("javascript");
  await check(await runJavascript(), "webp");
  if (spawnSync("python3", ["--version"]).status === 0) {
    const { stdout } = await execute("python3", ["-c", await shown("python")], { cwd: place });
    await check(stdout.trim(), "webp");
  }
  await page.uncheck('input[name="refine_foreground"]');
  assert.ok((await shown("curl")).includes(`${own.server.url}/run/fal-ai/birefnet/v2`));
  await shown("python");
});

test("the copy button, and the tabs by keyboard", async () => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: own.server.url });
  await page.focus("#tab-python");
  await page.keyboard.press("ArrowRight");
  assert.equal(await page.evaluate(() => document.activeElement.id), "tab-curl");
  await page.click("#call-copy");
  await page.locator("#call-copied", { hasText: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await page.textContent("#call-text"));
  assert.deepEqual(page.faults, []);
});
