// browser.mjs - what the tests share: Chromium, a fresh page that notes every fault, and the usual steps on it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { serve, source } from "./support.mjs";

export const photoFile = join(source, "examples/photo1.jpg");
export const photoSize = { width: 400, height: 446 };

const SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A server and a browser for one file of tests. */
export async function begin(options) {
  const server = process.env.BN_WEB_SERVER // one that runs already
    ? { url: process.env.BN_WEB_SERVER, stop: async () => {} }
    : await serve(options);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: SWITCHES });
  const own = {
    server, // may be replaced by another on the same port
    browser,
    async end() {
      await browser.close();
      await own.server.stop();
    },
    /** A page in a profile of its own. Faults: errors of the console, of scripts, of the policy, requests elsewhere. */
    async page(contextOptions = {}) {
      const context = await browser.newContext({ acceptDownloads: true, ...contextOptions });
      await context.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) =>
          console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
      });
      const page = await context.newPage();
      page.faults = [];
      page.on("console", (message) => message.type() === "error" && page.faults.push(message.text()));
      page.on("pageerror", (error) => page.faults.push(String(error)));
      page.on("request", (request) => {
        const { protocol, origin } = new URL(request.url());
        if (protocol.startsWith("http") && origin !== server.url) page.faults.push(`request to ${request.url()}`);
      });
      page.setDefaultTimeout(60000);
      await page.goto(server.url + "/");
      await ready(page);
      return page;
    },
  };
  return own;
}

/** The server has been asked what it can do. */
export async function ready(page) {
  await page.locator("#field-model").waitFor({ state: "attached" });
}

/** Choose a photo, which starts the work, and wait for the result. */
export async function remove(page, file = photoFile) {
  await page.setInputFiles("#photo-file", file);
  await finished(page);
}

/** The same photo with other options. */
export async function again(page) {
  await page.click("#go");
  await finished(page);
}

/** Show all that is folded away. */
export async function unfold(page) {
  await page.evaluate(() => { for (const fold of document.querySelectorAll("details")) fold.open = true; });
  await page.waitForFunction(() => document.getElementById("call-text").textContent); // its module is fetched then
}

export async function finished(page) {
  await page.locator("#shown:visible, #problem strong").first().waitFor();
  assert.equal(await page.textContent("#problem"), "");
  await page.waitForFunction(() => document.getElementById("cancel").hidden);
}

/** The bytes of a download and the name it came with. */
export async function download(page, selector) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
  const chunks = [];
  for await (const chunk of await file.createReadStream()) chunks.push(chunk);
  return { name: file.suggestedFilename(), bytes: Buffer.concat(chunks) };
}

export function typeOf(bytes) {
  const text = bytes.subarray(0, 12).toString("latin1");
  if (text.startsWith("\x89PNG")) return "png";
  if (text.startsWith("GIF8")) return "gif";
  if (text.startsWith("\xff\xd8\xff")) return "jpg";
  if (text.startsWith("RIFF") && text.endsWith("WEBP")) return "webp";
  return `unknown: ${text}`;
}

/** RGBA of one pixel of an image in the page; x and y are parts of its width and height. */
export function pixel(page, selector, x, y) {
  return page.evaluate(async ([selector, x, y]) => {
    const image = document.querySelector(selector);
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return [...context.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data];
  }, [selector, x, y]);
}
