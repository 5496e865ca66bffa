// pictures.test.mjs - what the page looks like, beside the pictures in docs/pictures: light, dark, phone. Fonts differ from
// one release of Debian to the next, so small patches are compared by their means, and a few may differ.
// BN_WEB_PICTURES=update writes them anew.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { begin, finished } from "./browser.mjs";
import { source } from "./support.mjs";

const PATCH_PX = 16, PATCH_MAY_DIFFER = 24, PART_MAY_DIFFER = 0.04; // of 255; of all patches
const LOOKS = { light: { viewport: { width: 1280, height: 800 } }, dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } };

let own;
before(async () => { own = await begin(); });
after(() => own.end());

/** The part of PATCH_PX patches whose mean colours differ, and their number. */
function compared(page, one, other) {
  return page.evaluate(async ([pictures, patch, may]) => {
    const [a, b] = await Promise.all(pictures.map(async (base64) => {
      const bitmap = await createImageBitmap(await (await fetch(`data:image/webp;base64,${base64}`)).blob());
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d");
      context.drawImage(bitmap, 0, 0);
      return context.getImageData(0, 0, canvas.width, canvas.height);
    }));
    if (a.width !== b.width || a.height !== b.height) return { part: 1, patches: 0 };
    let differ = 0, patches = 0;
    for (let y = 0; y + patch <= a.height; y += patch)
      for (let x = 0; x + patch <= a.width; x += patch) {
        const sums = [0, 0, 0];
        for (let v = y; v < y + patch; v++)
          for (let u = x; u < x + patch; u++)
            for (let c = 0; c < 3; c++) sums[c] += a.data[4 * (v * a.width + u) + c] - b.data[4 * (v * a.width + u) + c];
        patches++;
        if (sums.some((sum) => Math.abs(sum) / (patch * patch) > may)) differ++;
      }
    return { part: differ / patches, patches };
  }, [[one, other].map((bytes) => bytes.toString("base64")), PATCH_PX, PATCH_MAY_DIFFER]);
}

async function check(page, name) {
  await page.mouse.move(0, 0);
  const shot = await page.screenshot({ animations: "disabled", caret: "hide" });
  const file = join(source, "docs/pictures", `${name}.webp`);
  if (process.env.BN_WEB_PICTURES === "update") {
    const webp = await page.evaluate(async (base64) => {
      const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/webp", quality: 0.8 })).arrayBuffer());
      return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    }, shot.toString("base64"));
    return writeFileSync(file, Buffer.from(webp, "base64"));
  }
  const { part, patches } = await compared(page, shot, readFileSync(file));
  if (part > PART_MAY_DIFFER) writeFileSync(join(process.cwd(), `${name}-now.png`), shot);
  assert.ok(patches > 500 && part <= PART_MAY_DIFFER, `${name}: ${(100 * part).toFixed(1)} % of ${patches} patches differ; see ${name}-now.png`);
}

for (const [look, options] of Object.entries(LOOKS)) {
  test(`the first visit, ${look}`, async () => {
    const page = await own.page({ reducedMotion: "reduce", deviceScaleFactor: 1, locale: "en-US", ...options });
    await page.evaluate(() => Promise.all([...document.images].filter((image) => image.getAttribute("src")).map((image) => image.decode())));
    await check(page, `page-first-${look}`);
  });

  test(`a result, ${look}`, async () => {
    const page = await own.page({ reducedMotion: "reduce", deviceScaleFactor: 1, locale: "en-US", ...options });
    await page.evaluate(() => { document.querySelector("#field-model option").textContent = "Starter · here"; });
    // the pictures show what the starter weights make; the server here runs on none
    await page.route("**/files/b/**", async (route) => {
      if (/image\/png/.test((await (await route.fetch()).headers())["content-type"] ?? ""))
        return route.fulfill({ path: join(source, "web/samples/cat-cutout.webp"), contentType: "image/webp" });
      return route.continue();
    });
    await page.click("#samples button >> nth=0");
    await finished(page);
    await page.evaluate(() => { document.getElementById("toast").hidden = true; });
    await page.waitForFunction(() => !document.getElementById("download").hasAttribute("aria-busy"));
    await page.evaluate(() => Promise.all(["stage-after", "stage-before"].map((id) => document.getElementById(id).decode())));
    await check(page, `page-result-${look}`);
    await page.click("#touch-up");
    await page.locator("#touchup[data-ready]").waitFor();
    await page.focus("#touchup-close");
    await check(page, `page-touchup-${look}`);
    await page.click("#touchup-close");
    const buffer = readFileSync(join(source, "web/samples/cat.jpg"));
    await page.setInputFiles("#photo-file", [1, 2, 3, 4].map((n) => ({ name: `cat ${n}.jpg`, mimeType: "image/jpeg", buffer })));
    await page.locator('#many-grid [data-state="done"]').nth(3).waitFor();
    await page.evaluate(() => Promise.all([...document.querySelectorAll("#many-grid img")].map((image) => image.decode())));
    await check(page, `page-many-${look}`);
  });

  test(`administration, ${look}`, async () => {
    const page = await own.page({ reducedMotion: "reduce", deviceScaleFactor: 1, locale: "en-US", ...options });
    await page.goto(`${own.server.url}/admin`);
    await page.locator("#room").waitFor();
    await check(page, `page-admin-${look}`);
  });
}
