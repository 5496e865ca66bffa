// admin.test.mjs - the administrators' page: live numbers, failures, keys made and revoked, the door for everybody else.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";
import { dot, until } from "./support.mjs";

let own;
before(async () => { own = await begin(); });
after(() => own.end());

const run = (body, headers = {}) => fetch(`${own.server.url}/run/fal-ai/birefnet/v2`, { method: "POST", body: JSON.stringify(body), headers });
const number = (page, name) => page.evaluate((name) => [...document.querySelectorAll("#now div")]
  .find((pair) => pair.firstChild.textContent === name)?.lastChild.textContent, name);

async function open(options) {
  const page = await own.page(options);
  await page.goto(`${own.server.url}/admin`);
  return page;
}

let secret;
test("without keys this machine sees it, live, in both colours", async () => {
  const page = await open({ reducedMotion: "reduce" });
  await page.locator("#room").waitFor();
  assert.equal(await number(page, "Succeeded"), "0");
  for (const table of ["in-work", "failures"]) assert.equal(await page.isVisible(`#${table}`), false, "what is empty has no heads");
  assert.equal((await run({ image_url: dot })).status, 200);
  assert.equal((await run({ image_url: "data:image/png;base64,aGVsbG8=" })).status, 422);
  assert.equal((await run({ image_url: "data:image/png;base64,aGVsbG8=", model: "<img src=x onerror=alert(1)>" })).status, 422);
  await page.locator("#failures tbody tr").nth(1).waitFor(); // by polling
  assert.equal(await number(page, "Succeeded"), "1");
  assert.equal(await number(page, "Failed"), "2");
  assert.match(await page.textContent("#failures tbody"), /image_load_error|unsupported_image_format/);
  assert.match(await page.textContent("#models tbody"), /seeded.*yes/);
  assert.equal(await page.locator("main img").count(), 0);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const { texts } = await page.evaluate(contrasts);
    assert.ok(texts.length > 30);
    assert.deepEqual(texts.filter(({ ratio, needed }) => ratio < needed), []);
  }
  await page.setViewportSize({ width: 320, height: 640 });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  assert.deepEqual(page.faults, []);
});

for (const [locale, word, dir] of [["de", "Verwaltung", "ltr"], ["ar", "الإدارة", "rtl"]])
  test(`in another language: ${locale}`, async () => {
    const page = await open({ locale });
    await page.locator("#failures tbody tr").first().waitFor();
    assert.equal(await page.textContent("h1"), word);
    assert.equal(await page.evaluate(() => document.documentElement.dir), dir);
    for (const width of [320, 1280, 3840]) {
      await page.setViewportSize({ width, height: 700 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, "scrolls sideways");
    }
    const english = await page.evaluate(async () => Object.values((await import("./words-admin-en.js")).default).filter((words) => / /.test(words) && !/[{]/.test(words)));
    const text = await page.evaluate(() => document.body.innerText);
    assert.deepEqual(english.filter((words) => text.includes(words)), []);
    assert.deepEqual(page.faults, []);
  });

test("with a slash behind its address it is the same page", async () => {
  const page = await own.page();
  await page.goto(`${own.server.url}/admin/`);
  await page.locator("#room").waitFor();
  assert.equal(page.url(), `${own.server.url}/admin`);
  assert.deepEqual(page.faults, []);
});

test("the first key is an administrator's, shown once, and the page goes on with it", async () => {
  const page = await open();
  await page.fill("#make-name", "boss");
  assert.equal(await page.isChecked("#make-admin"), true);
  assert.equal(await page.isDisabled("#make-admin"), true);
  await page.click("#make button");
  await page.locator("#made").waitFor();
  secret = await page.inputValue("#made-key");
  assert.match(secret, /^[0-9a-f-]{36}:[0-9a-f]{64}$/);
  await page.locator("#keys tbody tr").waitFor();
  assert.match(await page.textContent("#keys tbody"), /boss.*administrator.*yours/);
  await page.click("#made-done");
  assert.equal(await page.inputValue("#made-key"), "");
  assert.equal((await page.content()).includes(secret.split(":")[1]), false);
  assert.deepEqual(page.faults, []);
});

test("everybody else stands before the door", async () => {
  const page = await open();
  await page.locator("#door").waitFor();
  assert.equal(await page.isVisible("#room"), false);
  await page.fill("#door-key", "some:nonsense");
  await page.keyboard.press("Enter");
  await page.locator("#door-why", { hasText: "No user found" }).waitFor();
  await page.fill("#door-key", secret);
  await page.keyboard.press("Enter");
  await page.locator("#room").waitFor();
  assert.equal(await number(page, "Succeeded"), "1");
});

test("a key for use opens nothing here; revoked, it runs nothing", async () => {
  const page = await open();
  await page.fill("#door-key", secret);
  await page.keyboard.press("Enter");
  await page.locator("#room").waitFor();
  await page.fill("#make-name", "user");
  await page.click("#make button");
  await page.locator("#made").waitFor();
  const user = await page.inputValue("#made-key");
  assert.equal((await run({ image_url: dot }, { authorization: `Key ${user}` })).status, 200);
  const other = await open();
  await other.fill("#door-key", user);
  await other.keyboard.press("Enter");
  await other.locator("#door-why", { hasText: "not an administrator" }).waitFor();
  page.once("dialog", (dialog) => dialog.accept());
  await page.click('button[aria-label="Revoke user"]');
  await until(async () => (await page.locator("#keys tbody tr").count()) === 1);
  assert.equal((await run({ image_url: dot }, { authorization: `Key ${user}` })).status, 401);
});
