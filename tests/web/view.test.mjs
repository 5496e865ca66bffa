// view.test.mjs - looking at a result: the slider, the mask, the edge, zoom, what lies behind; and taking it away as a file.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { begin, download, photoFile, photoSize, pixel, ready, remove, typeOf } from "./browser.mjs";

let own, page;
before(async () => {
  own = await begin();
  page = await own.page();
  await remove(page);
});
after(() => own.end());

/** Where the photo ends, once what moves has come to rest: a result is uncovered from one side. */
const clip = () => page.evaluate(async () => {
  const layer = document.querySelector(".layer.before");
  await Promise.allSettled(layer.getAnimations().map((animation) => animation.finished));
  return getComputedStyle(layer).clipPath;
});
const choose = (name, value) => page.click(`label:has(input[name="${name}"][value="${value}"])`);
/** Wait until the button has the file that was wished for. */
const measured = () => page.waitForFunction(() => !document.getElementById("download").hasAttribute("aria-busy"));
const variable = (name) => page.evaluate((name) => parseFloat(getComputedStyle(document.getElementById("stage")).getPropertyValue(name)), name);

test("the slider by keyboard", async () => {
  await page.focus("#slider");
  await page.keyboard.press("Home");
  assert.match(await clip(), /inset\(0px (calc\(100% - 0%\)|100%) 0px 0px\)/);
  assert.equal(await page.getAttribute("#slider", "aria-valuetext"), "0 percent before, 100 percent after");
  const labels = async () => [await page.isVisible(".tag.left"), await page.isVisible(".tag.right")];
  assert.deepEqual(await labels(), [false, true]); // what is not there has no label
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
  assert.equal(await page.inputValue("#slider"), "3");
  await page.keyboard.press("End");
  assert.match(await clip(), /inset\(0px( 0%)?( 0px)*\)|inset\(0px (calc\(100% - 100%\)|0%) 0px 0px\)/);
  assert.deepEqual(await labels(), [true, false]);
});

test("the slider by pointer: the line stands where it is pressed", async () => {
  const box = await page.locator("#stage").boundingBox();
  await page.mouse.click(box.x + box.width * 0.25, box.y + box.height / 2);
  assert.equal(await page.inputValue("#slider"), "25");
  const handle = await page.locator("#stage .handle").boundingBox();
  assert.ok(Math.abs(handle.x + handle.width / 2 - (box.x + box.width * 0.25)) < 4);
});

test("the photo is left of the line, the cut-out right of it", async () => {
  await page.fill("#colour", "#00ff00"); // chooses itself
  await page.evaluate(() => { document.getElementById("stage-after").style.opacity = 0; });
  const seen = async () => {
    const shot = (await page.locator("#stage").screenshot()).toString("base64");
    return page.evaluate(async (shot) => {
      const image = new Image();
      image.src = `data:image/png;base64,${shot}`;
      await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height), context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const at = (x) => [...context.getImageData(Math.floor(x * image.width), Math.floor(0.2 * image.height), 1, 1).data];
      return [at(0.1), at(0.9)];
    }, shot);
  };
  await page.focus("#slider");
  await page.keyboard.press("Home");
  const [left, right] = await seen();
  assert.deepEqual([left.slice(0, 3), right.slice(0, 3)], [[0, 255, 0], [0, 255, 0]]); // only the colour behind
  await page.keyboard.press("End");
  for (const colour of await seen()) assert.ok(colour[1] < 200, String(colour)); // the photo, and no green left
  await page.evaluate(() => { document.getElementById("stage-after").style.opacity = ""; });
});

test("zoom: keys, wheel, buttons; moved by dragging, and never away; the line then by its handle", async () => {
  await page.focus("#slider");
  await page.keyboard.press("End");
  await page.focus("#stage-area");
  const fit = await variable("--sheet-w");
  await page.keyboard.press("+");
  assert.ok(Math.abs((await variable("--sheet-w")) / fit - 1.25) < 0.01);
  await page.keyboard.press("0");
  assert.ok(Math.abs((await variable("--sheet-w")) - fit) < 1);
  await page.keyboard.press("1");
  assert.equal(await page.textContent("#zoom-fit"), "100%");
  await page.click("#zoom-fit");
  const area = await page.locator("#stage-area").boundingBox();
  const at = { x: area.x + area.width / 2 + 60, y: area.y + area.height / 2 + 40 };
  // which part of the picture lies under the pointer
  const under = async () => (at.x - (area.x + area.width / 2) - (await variable("--x"))) / (await variable("--sheet-w"));
  await page.mouse.move(at.x, at.y);
  const before = await under();
  await page.focus("#stage-area"); // as a press does it; without it the wheel is the page's
  await page.mouse.wheel(0, -600);
  await page.waitForFunction((fit) => parseFloat(document.getElementById("stage").style.getPropertyValue("--sheet-w")) > 2 * fit, fit);
  assert.ok(Math.abs((await under()) - before) < 0.01);
  const x = await variable("--x");
  await page.mouse.down();
  await page.mouse.move(at.x - 50, at.y);
  await page.mouse.up();
  assert.ok(Math.abs((await variable("--x")) - (x - 50)) < 2);
  assert.equal(await page.inputValue("#slider"), "100"); // as it was
  await page.mouse.move(at.x, at.y);
  await page.mouse.down();
  await page.mouse.move(at.x - 5000, at.y);
  await page.mouse.up();
  assert.ok((await variable("--x")) + ((await variable("--sheet-w")) - (await variable("--frame-w"))) / 2 > -1);
  const handle = await page.locator(".handle").boundingBox(), stage = await page.locator("#stage").boundingBox();
  await page.mouse.move(stage.x + stage.width - 6, handle.y + handle.height / 2);
  await page.mouse.down();
  await page.mouse.move(stage.x + stage.width / 2, handle.y + handle.height / 2, { steps: 3 });
  await page.mouse.up();
  assert.equal(await page.inputValue("#slider"), "50");
  for (let i = 0; i < 20; i++) await page.click("#zoom-in");
  assert.equal(await page.textContent("#zoom-fit"), "1,600%");
  assert.equal(await page.evaluate(() => getComputedStyle(document.getElementById("stage-after")).imageRendering), "pixelated");
  await page.click("#zoom-fit");
});

test("pinch", async () => {
  const phone = await own.page({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await remove(phone);
  const width = () => phone.evaluate(() => parseFloat(document.getElementById("stage").style.getPropertyValue("--sheet-w")));
  const before = await width(), box = await phone.locator("#stage").boundingBox();
  const session = await phone.context().newCDPSession(phone), [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const touch = (type, apart) => session.send("Input.dispatchTouchEvent", { type,
    touchPoints: apart ? [{ x: x - apart, y, id: 1 }, { x: x + apart, y, id: 2 }] : [] });
  await touch("touchStart", 30);
  for (const apart of [40, 50, 60]) await touch("touchMove", apart);
  await touch("touchEnd");
  assert.ok((await width()) / before > 1.5, String((await width()) / before));
  assert.deepEqual(phone.faults, []);
});

test("full screen and back", async () => {
  await page.click("#zoom-full");
  await page.waitForFunction(() => document.fullscreenElement?.className === "desk");
  await page.focus("#stage-area");
  await page.keyboard.press("f");
  await page.waitForFunction(() => !document.fullscreenElement);
});

test("the mask is how opaque the cut-out is; the edge is where it changes", async () => {
  await choose("view", "mask");
  await page.locator("#stage-mask").waitFor();
  for (const [x, y] of [[0.5, 0.5], [0.05, 0.05], [0.3, 0.7], [0.9, 0.2]]) {
    const cutout = await pixel(page, "#stage-after", x, y), mask = await pixel(page, "#stage-mask", x, y);
    assert.deepEqual(mask, [cutout[3], cutout[3], cutout[3], 255]);
  }
  assert.equal(await page.isVisible("#slider"), false);
  assert.equal(await page.isVisible("#backgrounds"), false);
  const mask = await page.getAttribute("#stage-mask", "src");
  await choose("view", "edge");
  await page.waitForFunction((mask) => document.getElementById("stage-mask").src !== mask, mask);
  const counted = await page.evaluate(async () => {
    const pixels = async (id) => {
      const image = document.getElementById(id);
      await image.decode();
      const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight), context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, canvas.width, canvas.height).data;
    };
    const after = await pixels("stage-after"), edge = await pixels("stage-mask");
    let soft = 0, marked = 0;
    for (let i = 0; i < after.length; i += 4) {
      if (after[i + 3] < 64 || after[i + 3] > 191) continue;
      soft++;
      if (edge[i] > edge[i + 1] + 60) marked++;
    }
    return { soft, marked };
  });
  assert.ok(counted.soft > 20 && counted.marked > 0.95 * counted.soft, JSON.stringify(counted));
});

const ground = () => page.evaluate(() => {
  const { backgroundColor, backgroundImage } = getComputedStyle(document.getElementById("ground"));
  return { backgroundColor, backgroundImage };
});

test("the cut-out alone, on each ground", async () => {
  await choose("view", "cutout");
  await page.locator("#slider").waitFor({ state: "hidden" });
  await choose("background", "checker");
  assert.match((await ground()).backgroundImage, /gradient/);
  for (const [name, colour] of [["white", "rgb(255, 255, 255)"], ["black", "rgb(0, 0, 0)"]]) {
    await choose("background", name);
    assert.equal((await ground()).backgroundColor, colour);
  }
  await page.fill("#colour", "#123456");
  assert.equal((await ground()).backgroundColor, "rgb(18, 52, 86)");
  const chooser = page.waitForEvent("filechooser");
  await choose("background", "image");
  assert.match((await ground()).backgroundImage, /gradient/); // until there is an image
  assert.match(await page.textContent("#backdrop-note"), /Choose an image/);
  await (await chooser).setFiles({ name: "no.png", mimeType: "image/png", buffer: Buffer.from("no image") });
  await page.locator("#backdrop-note", { hasText: "cannot show no.png" }).waitFor();
  await page.setInputFiles("#backdrop", photoFile);
  await page.waitForFunction(() => document.getElementById("ground").style.backgroundImage.startsWith('url("blob:'));
  const image = (await ground()).backgroundImage;
  await choose("background", "blur");
  await page.waitForFunction((image) => !image.includes(document.getElementById("ground").style.backgroundImage.slice(5, -2)), image);
  assert.match((await ground()).backgroundImage, /^url\("blob:/);
  assert.equal(await page.textContent("#backdrop-note"), "");
  assert.deepEqual(page.faults, []);
});

/** RGBA of a downloaded picture's pixels at parts of its width and height. */
function pixelsOf(bytes, places, target = page) {
  return target.evaluate(async ([base64, places]) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return places.map(([x, y]) => [...context.getImageData(Math.floor(x * bitmap.width), Math.floor(y * bitmap.height), 1, 1).data]);
  }, [bytes.toString("base64"), places]);
}

test("the photo out of focus has none of its subject's colours beside it", async () => {
  const [beside, far, corner] = await page.evaluate(async () => {
    const side = 400, draw = (ground) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side }), context = canvas.getContext("2d");
      for (const [colour, at, size] of [[ground, 0, side], ["#20c020", 100, 200]]) {
        context.fillStyle = colour;
        context.fillRect(at, at, size, size);
      }
      return canvas.toDataURL();
    };
    const { blurred, readImage } = await import("./pixels.js");
    const image = await readImage(await blurred(draw("#c02020"), draw("transparent")));
    const context = Object.assign(document.createElement("canvas"), { width: side, height: side }).getContext("2d");
    context.drawImage(image, 0, 0);
    return [[97, 200], [85, 200], [5, 5]].map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
  });
  for (const [red, green, blue] of [beside, far, corner])
    assert.ok(Math.abs(red - 0xc0) < 16 && Math.abs(green - 0x20) < 16 && Math.abs(blue - 0x20) < 16, `${red} ${green} ${blue}`);
});

test("downloaded as it is seen: on the colour, on the image, at full size, or transparent", async () => {
  const places = [[0.5, 0.5], [0.02, 0.02], [0.3, 0.7], [0.9, 0.2]];
  const cutout = await Promise.all(places.map(([x, y]) => pixel(page, "#stage-after", x, y)));
  const near = (one, other, why) => assert.ok(one.every((value, i) => Math.abs(value - other[i]) <= 2), `${why}: ${one} and ${other}`);
  const on = (top, ground) => [...[0, 1, 2].map((i) => (top[i] * top[3] + ground[i] * (255 - top[3])) / 255), 255];
  await page.fill("#colour", "#1040f0");
  await measured();
  const coloured = await download(page, "#download");
  assert.equal(coloured.name, "photo1-cutout.png");
  assert.deepEqual([coloured.bytes.readUInt32BE(16), coloured.bytes.readUInt32BE(20)], [photoSize.width, photoSize.height]);
  (await pixelsOf(coloured.bytes, places)).forEach((made, i) => near(made, on(cutout[i], [16, 64, 240]), "colour"));
  await page.check('input[name="background"][value="image"]', { force: true }); // the photo itself, which covers exactly
  await measured();
  const behind = await Promise.all(places.map(([x, y]) => pixel(page, "#stage-before", x, y)));
  const backed = await download(page, "#download");
  (await pixelsOf(backed.bytes, places)).forEach((made, i) => near(made, on(cutout[i], behind[i]), "image"));
  await choose("background", "checker");
  await measured();
  const plain = await pixelsOf((await download(page, "#download")).bytes, places);
  plain.forEach((made, i) => assert.equal(made[3], cutout[i][3]));
  assert.deepEqual(page.faults, []);
});

test("each format and size, with its bytes known beforehand", async () => {
  const large = await own.page();
  const chooseThere = (name, value) => large.click(`label:has(input[name="${name}"][value="${value}"])`);
  const picture = await large.evaluate(async () => {
    const canvas = new OffscreenCanvas(1500, 900), context = canvas.getContext("2d");
    context.fillStyle = "#c33";
    context.fillRect(400, 200, 700, 500);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer());
    return Array.from(bytes);
  });
  await remove(large, { name: "large.jpg", mimeType: "image/jpeg", buffer: Buffer.from(picture) });
  assert.deepEqual(await large.locator("#sizes span").allTextContents(), ["Full", "1024", "512"]);
  for (const [type, word] of [["image/png", "PNG"], ["image/webp", "WEBP"], ["image/jpeg", "JPG"]])
    for (const width of ["1500", "512"]) {
      await chooseThere("format", type);
      await chooseThere("size", width);
      await large.waitForFunction(() => !document.getElementById("download").hasAttribute("aria-busy"));
      const said = await large.textContent("#download small"), { bytes, name } = await download(large, "#download");
      assert.match(said, new RegExp(`^${word} · ${width} × `));
      const amount = bytes.length < 1000 ? `${bytes.length} bytes` : `${Math.round(bytes.length / 1000)} kB`;
      assert.ok(said.endsWith(amount), `${said}, ${bytes.length}`);
      assert.equal(typeOf(bytes), word.toLowerCase());
      assert.equal(name.split(".").pop(), word.toLowerCase());
    }
  assert.match(await large.textContent("#download-note"), /white lies behind/);
  assert.deepEqual((await pixelsOf((await download(large, "#download")).bytes, [[0.01, 0.01]], large))[0][3], 255);
  assert.deepEqual(large.faults, []);
});

test("copied as it is seen", async () => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: own.server.url });
  await page.bringToFront();
  await page.click("#copy-image");
  await page.locator("#copy-image", { hasText: "Copied" }).waitFor();
  const size = await page.evaluate(async () => {
    const [item] = await navigator.clipboard.read();
    const { width, height } = await createImageBitmap(await item.getType("image/png"));
    return { width, height };
  });
  assert.deepEqual(size, photoSize);
  assert.deepEqual(page.faults, []);
});

/** A phone whose browser has `navigator.share`, as the stub says it; takes: what canShare answers for files. */
async function phoneThatShares(takes) {
  const phone = await own.page({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await phone.addInitScript((takes) => {
    window.shared = [];
    navigator.canShare = ({ files } = {}) => takes && files?.length === 1 && files[0] instanceof File;
    navigator.share = async ({ files }) => {
      if (!navigator.userActivation.isActive) throw new DOMException("no gesture", "NotAllowedError"); // as browsers do
      const read = async (file) => ({ name: file.name, type: file.type, real: file instanceof File, bytes: [...new Uint8Array(await file.arrayBuffer())] });
      window.shared.push(...await Promise.all(files.map(read)));
      throw new DOMException("the person changed their mind", "AbortError");
    };
  }, takes);
  await phone.reload();
  await ready(phone);
  await remove(phone);
  return phone;
}

test("shared on a phone: the file that the button would save, as a real File", async () => {
  const phone = await phoneThatShares(true);
  const { bottom, height } = await phone.evaluate(() => ({ bottom: document.getElementById("share").getBoundingClientRect().bottom, height: innerHeight }));
  assert.ok(bottom > 0 && bottom <= height, "in sight");
  for (const type of ["image/png", "image/jpeg"]) {
    await phone.click(`label:has(input[name="format"][value="${type}"])`);
    await phone.waitForFunction(() => !document.getElementById("download").hasAttribute("aria-busy"));
    await phone.tap("#share");
    await phone.waitForFunction((count) => window.shared.length === count, type === "image/png" ? 1 : 2);
    const saved = await download(phone, "#download"), shared = await phone.evaluate(() => window.shared.at(-1));
    assert.deepEqual([shared.name, shared.type, shared.real], [saved.name, type, true]);
    assert.ok(Buffer.from(shared.bytes).equals(saved.bytes), "byte by byte");
  }
  assert.deepEqual(phone.faults, []);
});

test("no button where files cannot be shared", async () => {
  const phone = await phoneThatShares(false);
  assert.equal(await phone.isVisible("#share"), false);
  assert.equal(await page.isVisible("#share"), await page.evaluate(() => Boolean(navigator.canShare?.({ files: [new File(["x"], "x.png", { type: "image/png" })] }))));
});
