// access.test.mjs - for keyboards, screen readers, small screens, dark rooms: names, landmarks, headings, contrast, focus.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin, photoFile, remove } from "./browser.mjs";
import { contrasts } from "./contrast.mjs";

let own;
before(async () => { own = await begin(); });
after(() => own.end());

const CONTROLS = ["button", "textbox", "radio", "checkbox", "combobox", "slider", "link", "tab", "ColorWell", "spinbutton",
  "progressbar", "progressIndicator", "dialog", "radiogroup", "group", "tabpanel", "region", "image", "img"];

/** What Chromium tells a screen reader: [{role, name, properties}]. */
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
  await page.setInputFiles("#photo-file", photoFile);
  await page.check('input[name="output_mask"]');
  await remove(page);
  await page.locator("#recent li").waitFor();
  return page;
}

test("names, landmarks, headings", async () => {
  const page = await withResult();
  const nodes = await tree(page);
  const nameless = nodes.filter(({ role, name }) => CONTROLS.includes(role) && role !== "group" && !name.trim());
  assert.deepEqual(nameless, []);
  assert.ok(nodes.filter(({ role }) => CONTROLS.includes(role)).length > 25);
  for (const role of ["banner", "main", "contentinfo"])
    assert.equal(nodes.filter((node) => node.role === role).length, 1, role);
  const levels = nodes.filter(({ role }) => role === "heading").map(({ level }) => level);
  assert.equal(levels.filter((level) => level === 1).length, 1);
  levels.reduce((last, level) => {
    assert.ok(level <= last + 1, `headings ${levels}`);
    return level;
  }, 0);
  assert.equal(await page.getAttribute("html", "lang"), "en");
  assert.equal(await page.evaluate(() => document.querySelectorAll('[role="status"], [role="alert"]').length >= 2), true);
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((element) => element.id));
  assert.equal(new Set(ids).size, ids.length);
  const references = await page.evaluate(() => [...document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls], label[for]")]
    .flatMap((element) => ["aria-labelledby", "aria-describedby", "aria-controls", "for"].map((name) => element.getAttribute(name)))
    .filter(Boolean).flatMap((list) => list.split(" ")).filter((id) => !document.getElementById(id)));
  assert.deepEqual(references, []);
});

for (const colorScheme of ["light", "dark"])
  test(`contrast, ${colorScheme}`, async () => {
    const page = await withResult({ colorScheme, reducedMotion: "reduce" }); // no colour is caught half way
    const check = async (state, leastTexts, leastBorders) => {
      const { texts, borders } = await page.evaluate(contrasts);
      assert.ok(texts.length >= leastTexts && borders.length >= leastBorders, `${state}: ${texts.length} texts, ${borders.length} borders`);
      assert.deepEqual(texts.filter(({ ratio, needed }) => ratio < needed), [], state);
      assert.deepEqual(borders.filter(({ ratio }) => ratio < 3), [], state);
    };
    await check("result", 50, 15);
    await page.click("#photo-clear");
    await page.click("#go");
    await page.locator("#photo-problem", { hasText: "Choose" }).waitFor();
    await check("no photo", 30, 10);
    await page.setInputFiles("#photo-file", { name: "no.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no photo\n") });
    await page.click("#go");
    await page.locator("#problem strong").waitFor();
    await check("problem", 30, 10);
    await page.click("#key-open");
    await check("dialog", 6, 12);
  });

test("everything is reached by Tab, in the order of the page, and shows it", async () => {
  const page = await withResult();
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
      const covered = Boolean(top?.closest(".go")) && !element.closest(".go");
      return { covered, id: element.id || element.name || element.textContent.trim().slice(0, 30), shows };
    });
    if (!at) break;
    seen.push(at);
  }
  assert.deepEqual(seen.filter(({ shows }) => !shows), []);
  assert.deepEqual(seen.filter(({ covered }) => covered), []);
  const ids = seen.map(({ id }) => id);
  const wanted = ["key-open", "photo-file", "photo-url", "field-model", "output_format", "field-output_mask", "go", "view", "background",
    "slider", "download", "download-mask", "tab-curl", "call-text", "call-copy", "recent-clear"];
  assert.deepEqual(wanted.filter((id) => ids.includes(id)), wanted);
  assert.deepEqual(wanted.map((id) => ids.indexOf(id)), wanted.map((id) => ids.indexOf(id)).sort((a, b) => a - b));
});

test("the names of the languages stay whole at 320 pixels", async () => {
  const page = await own.page({ viewport: { width: 320, height: 640 } });
  const lines = await page.evaluate(() => [...document.querySelectorAll("#tabs button")].map((button) => {
    const range = document.createRange();
    range.selectNodeContents(button);
    return range.getClientRects().length;
  }));
  assert.deepEqual(lines, [1, 1, 1]);
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
  await page.click('label:has(input[name="background"][value="colour"])');
  await page.fill("#colour", "#00ff00");
  const styles = await page.evaluate(() => {
    const outline = (checked) => getComputedStyle(document.querySelector(`input[name=output_format]${checked} + span`)).outlineStyle;
    return { ground: getComputedStyle(document.getElementById("stage")).backgroundColor,
      checked: outline(":checked"), other: outline(":not(:checked)") };
  });
  assert.deepEqual(styles, { ground: "rgb(0, 255, 0)", checked: "solid", other: "none" });
});

test("a phone, 360 pixels wide", async () => {
  const page = await withResult({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 });
  for (const width of [360, 320]) {
    await page.setViewportSize({ width, height: 740 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, "scrolls sideways");
  }
  const small = await page.evaluate(() => {
    const targets = "button, select, .button, input:not(.unseen, [type=radio], [type=range], [type=checkbox]), " +
      ".pills label > span:not(.unseen)";
    return [...document.querySelectorAll(targets)]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }))
      .map((element) => ({ name: element.id || element.textContent, box: element.getBoundingClientRect() }))
      .filter(({ box }) => box.width && (box.height < 40 || box.width < 40))
      .map(({ name }) => name);
  });
  assert.deepEqual(small, []);
  await page.locator("#stage").scrollIntoViewIfNeeded();
  const box = await page.locator("#stage").boundingBox();
  await page.touchscreen.tap(box.x + box.width * 0.75, box.y + box.height / 2);
  assert.ok(Math.abs(Number(await page.inputValue("#slider")) - 75) <= 1);
  assert.deepEqual(page.faults, []);
});

test("the main button is in sight on a phone, before and after a photo is chosen", async () => {
  const page = await own.page({ viewport: { width: 390, height: 740 }, hasTouch: true, isMobile: true });
  const inSight = () => page.evaluate(() => {
    const { top, bottom, left, width } = document.getElementById("go").getBoundingClientRect();
    const seen = document.elementFromPoint(left + width / 2, (top + bottom) / 2);
    return top >= 0 && bottom <= innerHeight && seen?.id === "go";
  });
  assert.equal(await inSight(), true);
  await page.setInputFiles("#photo-file", photoFile);
  await page.locator("#photo-preview").waitFor();
  assert.equal(await inSight(), true);
});

test("motion only for those who want it", async () => {
  const moving = async (reducedMotion) => (await own.page({ reducedMotion })).evaluate(() => [...document.querySelectorAll("*")]
    .filter((element) => {
      const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
      return parseFloat(transitionDuration) > 0 || animationName !== "none" || scrollBehavior === "smooth";
    }).length);
  assert.equal(await moving("reduce"), 0);
  assert.ok((await moving("no-preference")) > 0);
});

test("a bar without a value shows stripes", async () => {
  for (const [reducedMotion, moves] of [["reduce", "none"], ["no-preference", "stripes"]]) {
    const page = await own.page({ reducedMotion });
    const styles = await page.evaluate(() => {
      const bar = document.getElementById("progress-bar");
      const look = () => (({ backgroundImage, animationName }) => ({ striped: backgroundImage.includes("gradient"), animationName }))(getComputedStyle(bar));
      document.getElementById("progress").hidden = false;
      const unknown = look();
      bar.value = 40;
      return [unknown, look()];
    });
    assert.deepEqual(styles, [{ striped: true, animationName: moves }, { striped: false, animationName: "none" }]);
  }
});
