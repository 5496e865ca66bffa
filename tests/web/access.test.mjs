// access.test.mjs - for keyboards, screen readers, small and large screens, dark rooms, other languages: names, landmarks,
// headings, contrast, focus; axe-core where it can be had.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { begin, finished, photoFile, ready, remove, unfold } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";

let own;
before(async () => { own = await begin(); });
after(() => own.end());

const CONTROLS = ["button", "textbox", "radio", "checkbox", "combobox", "slider", "link", "tab", "ColorWell", "spinbutton",
  "progressbar", "progressIndicator", "dialog", "radiogroup", "group", "tabpanel", "region", "image", "img"];

/** What Chromium tells a screen reader: [{role, name, level}]. */
async function tree(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  return nodes.filter((node) => !node.ignored).map((node) => ({
    role: node.role?.value, name: node.name?.value ?? "",
    level: node.properties?.find((property) => property.name === "level")?.value.value,
  }));
}

async function withResult(options) {
  const page = await own.page(options);
  await remove(page);
  await page.locator("#recent li").waitFor();
  await unfold(page);
  return page;
}

async function checkTree(page, least) {
  const nodes = await tree(page);
  const nameless = nodes.filter(({ role, name }) => CONTROLS.includes(role) && role !== "group" && !name.trim());
  assert.deepEqual(nameless, []);
  assert.ok(nodes.filter(({ role }) => CONTROLS.includes(role)).length > least);
  for (const role of ["banner", "main"]) assert.equal(nodes.filter((node) => node.role === role).length, 1, role);
  const levels = nodes.filter(({ role }) => role === "heading").map(({ level }) => level);
  assert.equal(levels.filter((level) => level === 1).length, 1);
  levels.reduce((last, level) => {
    assert.ok(level <= last + 1, `headings ${levels}`);
    return level;
  }, 0);
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((element) => element.id));
  assert.equal(new Set(ids).size, ids.length);
  const references = await page.evaluate(() => [...document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls], label[for]")]
    .flatMap((element) => ["aria-labelledby", "aria-describedby", "aria-controls", "for"].map((name) => element.getAttribute(name)))
    .filter(Boolean).flatMap((list) => list.split(" ")).filter((id) => !document.getElementById(id)));
  assert.deepEqual(references, []);
}

test("names, landmarks, headings", async () => {
  const page = await own.page();
  await checkTree(page, 8);
  await remove(page);
  await page.locator("#recent li").waitFor();
  await unfold(page);
  await checkTree(page, 40);
});

test("axe-core has no findings: first visit, result, touch-up, problem, dialog, many, administration; light, dark, right to left", async (t) => {
  let axe;
  try {
    axe = readFileSync(process.env.AXE ?? createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  } catch {
    return t.skip("no axe-core");
  }
  const findings = [];
  for (const [name, options] of [["light", {}], ["dark", { colorScheme: "dark" }], ["right to left", { locale: "ar" }]]) {
    const page = await own.page({ reducedMotion: "reduce", ...options });
    const look = async (state) => {
      await page.evaluate(axe); // by the debugger's way: the policy lets no other script in
      const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
      findings.push(...violations.map(({ id, nodes }) => `${name}, ${state}: ${id}: ${nodes.map(({ html }) => html).join(" ").slice(0, 300)}`));
    };
    await look("first visit");
    await remove(page);
    await page.locator("#recent li").waitFor();
    await unfold(page);
    await look("result");
    await page.click("#touch-up");
    await page.locator("#touchup[data-ready]").waitFor();
    await look("touch-up");
    await page.keyboard.press("Escape");
    await page.locator("#touchup").waitFor({ state: "detached" });
    if (name === "light") {
      await page.setInputFiles("#photo-file", { name: "no.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo\n") });
      await page.locator("#problem strong").waitFor();
      await look("problem");
      await page.click("#key-open");
      await look("dialog");
      await page.click("#key-close");
      await page.setInputFiles("#photo-file", [photoFile, photoFile]);
      await page.locator('#many-grid [data-state="done"]').nth(1).waitFor();
      await look("many");
    }
    await page.goto(`${own.server.url}/admin`);
    await page.locator("#room").waitFor();
    await look("administration");
  }
  assert.deepEqual(findings, []);
});

for (const colorScheme of ["light", "dark"])
  test(`contrast, ${colorScheme}`, async () => {
    const page = await own.page({ colorScheme, reducedMotion: "reduce" }); // no colour is caught half way
    const check = async (state, leastTexts, leastBorders) => {
      const { texts, borders } = await page.evaluate(contrasts);
      assert.ok(texts.length >= leastTexts && borders.length >= leastBorders, `${state}: ${texts.length} texts, ${borders.length} borders`);
      assert.deepEqual(texts.filter(({ ratio, needed }) => ratio < needed), [], state);
      assert.deepEqual(borders.filter(({ ratio }) => ratio < 3), [], state);
    };
    await check("first visit", 10, 2);
    await page.setInputFiles("#photo-file", { name: "no.txt", mimeType: "text/plain", buffer: Buffer.from("no photo\n") });
    await check("no photo", 11, 2);
    await remove(page);
    await unfold(page);
    await check("result", 50, 10);
    await page.setInputFiles("#photo-file", { name: "no.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo\n") });
    await page.locator("#problem strong").waitFor();
    await check("problem", 30, 8);
    await page.click("#key-open");
    await check("dialog", 5, 3);
  });

/** Press Tab until the page's end; what has the focus each time, whether that is seen, and whether something lies over it. */
async function walk(page) {
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
    scrollTo(0, 0);
  });
  const seen = [];
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const shows = [element, element.nextElementSibling, element.closest("label")].filter(Boolean).some((each) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(each);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
      });
      const visible = element.matches(".unseen, [type=radio]") ? element.nextElementSibling : element;
      const { x, y, width, height } = visible.getBoundingClientRect();
      const top = document.elementFromPoint(x + Math.min(width, innerWidth) / 2, y + height / 2);
      const over = top?.closest("#actions, #toast");
      return { covered: Boolean(over) && !over.contains(element), id: element.id || element.name || element.textContent.trim().slice(0, 30), shows };
    });
    if (!at) break;
    seen.push(at);
  }
  assert.deepEqual(seen.filter(({ shows }) => !shows), []);
  assert.deepEqual(seen.filter(({ covered }) => covered), []);
  return seen.map(({ id }) => id);
}

function inOrder(ids, wanted) {
  assert.deepEqual(wanted.filter((id) => ids.includes(id)), wanted);
  assert.deepEqual(wanted.map((id) => ids.indexOf(id)), wanted.map((id) => ids.indexOf(id)).sort((a, b) => a - b));
}

test("everything is reached by Tab, in the order of the page, and shows it", async () => {
  const page = await own.page();
  inOrder(await walk(page), ["language", "key-open", "photo-file", "photo-paste", "photo-url", "A cat", "banner-copy"].filter((id) => id !== "A cat"));
  await remove(page);
  await page.locator("#recent li").waitFor();
  await unfold(page);
  inOrder(await walk(page), ["new", "key-open", "view", "zoom-in", "stage-area", "slider", "download", "copy-image", "background", "colour", "format",
    "field-model", "field-for", "field-output_mask", "recent-clear", "tab-curl", "call-text", "call-copy"]);
});

test("by keyboard only: a sample, its views, another ground, a download, and a new photo", async () => {
  const page = await own.page();
  const press = async (key, times = 1) => { for (let i = 0; i < times; i++) await page.keyboard.press(key); };
  const tabTo = async (selector) => {
    for (let i = 0; i < 60; i++) {
      if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
      await press("Tab");
    }
    assert.fail(`${selector} is not reached`);
  };
  await tabTo("#samples button");
  await press("Enter");
  await finished(page);
  await page.evaluate(() => { document.body.tabIndex = -1; document.body.focus(); });
  await tabTo("#views input");
  await press("ArrowRight");
  await page.waitForFunction(() => document.getElementById("stage").dataset.view === "cutout");
  await tabTo("#swatches input");
  await press("ArrowRight");
  await page.waitForFunction(() => document.getElementById("ground").style.backgroundColor === "rgb(255, 255, 255)");
  await page.evaluate(() => document.body.focus());
  await tabTo("#download");
  const [file] = await Promise.all([page.waitForEvent("download"), press("Enter")]);
  assert.equal(file.suggestedFilename(), "cat-cutout.png");
  await page.evaluate(() => document.body.focus());
  await tabTo("#new");
  await press("Enter");
  await page.locator("#photo").waitFor();
  assert.deepEqual(page.faults, []);
});

test("the tables of words have the same keys, and the page has no text that is in none", async () => {
  const page = await own.page();
  const whole = (table) => [...new Set(Object.keys(table).map((key) => key.replace(/\.(one|two|few|many|other)$/, "")))].sort();
  const known = {};
  for (const [path, prefix, least] of [["", "words-", 50], ["admin", "words-admin-", 25]]) {
    await page.goto(`${own.server.url}/${path}`);
    const tables = await page.evaluate(async (prefix) => Promise.all(["en", "de", "ar"].map(async (name) => (await import(`./${prefix}${name}.js`)).default)), prefix);
    for (const table of tables.slice(1)) assert.deepEqual(whole(table), whole(tables[0]));
    Object.assign(known, tables[0]);
    const used = await page.evaluate(() => [...document.querySelectorAll("*")].flatMap((element) => ["t", "tLabel", "tHint", "tTitle"].map((name) => element.dataset[name])).filter(Boolean));
    assert.ok(used.length > least);
    assert.deepEqual(used.filter((key) => !(key in known)), []);
  }
});

for (const [locale, word, dir] of [["de-DE", "Hintergrund entfernen", "ltr"], ["ar", "أزل الخلفية", "rtl"]])
  test(`in another language: ${locale}`, async () => {
    const page = await own.page({ locale });
    assert.equal(await page.textContent("#hero-title"), word);
    assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]), [locale.split("-")[0], dir]);
    await remove(page);
    await unfold(page);
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 700 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, "scrolls sideways");
    }
    await Promise.all([page.waitForNavigation(), page.selectOption("#language", "en")]);
    await ready(page);
    assert.equal(await page.textContent("#hero-title"), "Remove the background");
    await page.reload();
    await ready(page);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
    assert.deepEqual(page.faults, []);
  });

test("the checker in dark rooms lets dark and pale things stand out", async () => {
  const page = await own.page({ colorScheme: "dark" });
  const lights = await page.evaluate(() => ["--checker", "--checker-ground"].map((name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = `var(${name})`;
    const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }));
  for (const light of lights) assert.ok((light + 0.05) / 0.05 > 4 && 1.05 / (light + 0.05) > 2.5, String(light));
});

test("forced colours: the ground stays, what is chosen is framed", async () => {
  const page = await withResult({ forcedColors: "active" });
  assert.equal(await page.evaluate(() => matchMedia("(forced-colors: active)").matches), true);
  await page.fill("#colour", "#00ff00");
  const styles = await page.evaluate(() => {
    const outline = (checked) => getComputedStyle(document.querySelector(`input[name=format]${checked} + span`)).outlineStyle;
    return { ground: getComputedStyle(document.getElementById("ground")).backgroundColor,
      checked: outline(":checked"), other: outline(":not(:checked)") };
  });
  assert.deepEqual(styles, { ground: "rgb(0, 255, 0)", checked: "solid", other: "none" });
});

test("a phone: nothing scrolls sideways, targets are large, what is pressed next is in sight", async () => {
  const page = await own.page({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  const inSight = (selector) => page.evaluate((selector) => {
    const { top, bottom, left, width } = document.querySelector(selector).getBoundingClientRect();
    const seen = document.elementFromPoint(left + width / 2, (top + bottom) / 2);
    return top >= 0 && bottom <= innerHeight && Boolean(seen?.closest(selector));
  }, selector);
  const fits = async () => {
    for (const width of [360, 320]) {
      await page.setViewportSize({ width, height: 740 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, "scrolls sideways");
    }
    await page.setViewportSize({ width: 360, height: 740 });
    const small = await page.evaluate(() => {
      const targets = "button, select, .button, input:not(.unseen, [type=radio], [type=range], [type=checkbox]), .pills label > span";
      return [...document.querySelectorAll(targets)]
        .filter((element) => element.checkVisibility({ visibilityProperty: true }))
        .map((element) => ({ name: element.id || element.textContent, box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.width && (box.height < 40 || box.width < 40))
        .map(({ name }) => name);
    });
    assert.deepEqual(small, []);
  };
  assert.equal(await inSight("label[for=photo-file]"), true);
  await fits();
  await page.route("**/rest/**", () => {}); // it stays on its way: what has ended cannot be cancelled
  await page.setInputFiles("#photo-file", photoFile);
  await page.locator("#cancel").waitFor();
  assert.equal(await inSight("#cancel"), true);
  await page.tap("#cancel");
  await page.unrouteAll();
  assert.equal(await inSight("#go"), true);
  await page.tap("#go");
  await finished(page);
  assert.equal(await inSight("#download"), true);
  await unfold(page);
  await fits();
  await page.locator("#stage").scrollIntoViewIfNeeded();
  const box = await page.locator("#stage").boundingBox();
  await page.touchscreen.tap(box.x + box.width * 0.75, box.y + box.height / 2);
  assert.ok(Math.abs(Number(await page.inputValue("#slider")) - 75) <= 1);
  assert.deepEqual(page.faults, []);
});

test("3840 pixels wide: the type grows, and the picture has the room", async () => {
  const page = await own.page({ viewport: { width: 3840, height: 2000 } });
  assert.ok(await page.evaluate(() => parseFloat(getComputedStyle(document.documentElement).fontSize) >= 22));
  await remove(page);
  const { width } = await page.locator("#stage-area").boundingBox();
  assert.ok(width > 3000, String(width));
});

test("motion only for those who want it, and short", async () => {
  const durations = async (reducedMotion) => (await own.page({ reducedMotion })).evaluate(() => [...document.querySelectorAll("*")]
    .map((element) => {
      const { transitionDuration, animationName, animationDuration, scrollBehavior } = getComputedStyle(element);
      if (scrollBehavior === "smooth") return Infinity;
      const animation = ["none", "stripes"].includes(animationName) ? 0 : parseFloat(animationDuration); // stripes: something is on its way
      return Math.max(animation, ...transitionDuration.split(",").map(parseFloat));
    }).filter((duration) => duration > 0));
  assert.deepEqual(await durations("reduce"), []);
  const wanted = await durations("no-preference");
  assert.ok(wanted.length > 0 && wanted.every((duration) => duration < 0.2), String(wanted));
});

test("a bar without a value shows stripes", async () => {
  for (const [reducedMotion, moves] of [["reduce", "none"], ["no-preference", "stripes"]]) {
    const page = await own.page({ reducedMotion });
    const styles = await page.evaluate(() => {
      const bar = document.getElementById("progress-bar");
      const look = () => (({ backgroundImage, animationName }) => ({ striped: backgroundImage.includes("gradient"), animationName }))(getComputedStyle(bar));
      document.getElementById("work").hidden = document.getElementById("progress").hidden = false;
      const unknown = look();
      bar.value = 40;
      return [unknown, look()];
    });
    assert.deepEqual(styles, [{ striped: true, animationName: moves }, { striped: false, animationName: "none" }]);
  }
});

test("a first visit loads less than 120 KB, pictures aside", async () => {
  const page = await (await own.browser.newContext()).newPage();
  const bodies = [];
  page.on("response", (response) => bodies.push(response));
  await page.goto(own.server.url);
  await ready(page);
  await page.waitForLoadState("networkidle");
  const sizes = await Promise.all(bodies.filter((response) => !/\/samples\/|\.json$/.test(response.url())).map(async (response) =>
    [new URL(response.url()).pathname, (await response.body()).length]));
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  assert.ok(sizes.length > 10 && sum > 50000, JSON.stringify(sizes));
  assert.ok(sum < 120000, `${sum}: ${JSON.stringify(sizes)}`);
  // what is imported is named in the page's head, so that it comes in one round
  const named = await page.evaluate(() => [...document.querySelectorAll("[rel=modulepreload]")].map((link) => new URL(link.href).pathname));
  const loaded = sizes.map(([name]) => name).filter((name) => name.endsWith(".js") && name !== "/app.js");
  assert.deepEqual(loaded.sort(), named.sort());
});
