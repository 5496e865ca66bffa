// many.js - many photos: a grid with the state of each, a few under way at a time, one ZIP in the end. What is on the shelf
// goes on after a reload, and after the server was gone for a while.
import * as api from "./api.js";
import { $, make } from "./dom.js";
import { explain } from "./errors.js";
import { PHOTO_FIELD } from "./form.js";
import { nameOf } from "./photo.js";
import { extensionOf } from "./save.js";
import { shelf } from "./shelf.js";
import { t } from "./words.js";
import { zipOf } from "./zip.js";

const AT_ONCE = 3; // a browser has six connections to a server: one each, and some for pictures
const PATIENCE_MS = [500, 1000, 2000, 4000, 8000];
const TRIES = 10; // where the server answers: what it says of itself may be true of one photo alone

// item: {n, name, input, state: waiting, sending, working, done or failed, file, url, id, image, why}. url: the photo's
// address, here where it was a file (uploaded); image, mask: the result's files.
let items = [], stop = new AbortController(), busy = 0;
let locked = ""; // in words, that the server wants a key: until there is one, no photo goes there
let away = ""; // in words, that the server does not answer
let askForKey = () => {};
const cards = new Map(); // item to its {place, update}

const has = (state) => items.filter((item) => item.state === state);

async function set(item, change) {
  Object.assign(item, change);
  cards.get(item)?.();
  sum();
  await shelf.put(item);
}

/** Try again while the server is away, however long, and say so; a few times where it is busy. Anything else is an answer. */
async function patiently(work, signal) {
  for (let tries = 0; ; tries++) {
    try {
      const answer = await work();
      tell("");
      return answer;
    } catch (error) {
      const unreached = error instanceof TypeError;
      if (!unreached) tell("");
      if (!api.passes(error) || (!unreached && tries >= TRIES - 1)) throw error;
      if (unreached && tries >= PATIENCE_MS.length - 1) tell(explain(error).text);
      await api.sleep(PATIENCE_MS[Math.min(tries, PATIENCE_MS.length - 1)], signal);
    }
  }
}

function tell(why) {
  if (why === away) return;
  away = why;
  sum();
}

async function completed(id, signal) {
  for await (const _ of api.follow(id, { signal, onLost: () => {}, byAsking: true })); // until it is
}

async function cut(item, signal) {
  const go = { signal, onProgress: () => {} };
  if (!item.id) {
    if (!item.url) {
      await set(item, { state: "sending" });
      Object.assign(item, { url: await patiently(() => api.upload(item.file, go), signal), uploaded: true });
    }
    const { request_id: id } = await patiently(() => api.submit({ [PHOTO_FIELD]: item.url, ...item.input }, go), signal);
    if (signal.aborted) api.cancel(id).catch(() => {});
    signal.throwIfAborted(); // the item has begun anew, or is put away
    await set(item, { id, state: "working" });
  }
  await patiently(() => completed(item.id, signal), signal);
  const { output } = await patiently(() => api.result(item.id, go), signal);
  signal.throwIfAborted();
  await set(item, { state: "done", image: output.image, mask: output.mask_image ?? null, file: null });
}

// One of AT_ONCE: takes what waits, until nothing does.
async function worker(signal) {
  for (;;) {
    const item = items.find(({ state }) => state === "waiting");
    if (!item || signal.aborted || locked) return;
    item.state = item.id ? "working" : "sending";
    cards.get(item)?.();
    await cut(item, signal).catch((error) => signal.aborted || failed(item, error));
  }
}

// A key that is wanted is wanted for all: asked for once, and no photo has failed for it.
async function failed(item, error) {
  const { text, needsKey } = explain(error);
  if (!needsKey) return set(item, { state: "failed", why: text, id: null, url: item.file ? null : item.url });
  if (!locked) askForKey(text);
  locked = text;
  await set(item, { state: "waiting" });
}

/** There is a key now, or another: go on with it. */
export function unlock() {
  if (!locked) return;
  locked = "";
  sum();
  work();
}

/** ask(why) is called when the server wants a key. */
export const onKeyWanted = (ask) => { askForKey = ask; };

function work() {
  const { signal } = stop;
  while (busy < AT_ONCE) {
    busy++;
    worker(signal).finally(() => { if (stop.signal === signal) busy--; });
  }
}

const stem = (name) => name.replace(/\.[^.]*$/, "") || "photo";
const named = (item, what, file) => `${stem(item.name)}-${what}.${extensionOf(file.content_type)}`;
const fileName = (item) => named(item, "cutout", item.image);

/** The bytes of a result; null where the server has let them go, which the item tells then: the others are still to be had. */
async function read(item, file = item.image) {
  const response = await fetch(api.here(file.url));
  if (response.ok) return response.blob();
  if (response.status !== 404) throw new Error(t("problem.server"));
  await set(item, { state: "failed", why: t("problem.gone"), id: null });
  return null;
}

const complain = (error) => { $("many-said").textContent = explain(error).text; };

function give(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000); // the browser has taken it by then
}

function card(item) {
  const picture = make("img", { alt: "", loading: "lazy", decoding: "async", referrerPolicy: "no-referrer" }), link = make("a", {}, picture);
  const state = make("span", { className: "quiet" }), retry = make("button", { type: "button", className: "button small", textContent: t("retry") });
  retry.addEventListener("click", async () => {
    await set(item, { state: "waiting" });
    link.focus();
    work();
  });
  link.addEventListener("click", async (event) => {
    event.preventDefault(); // the server would give it under a name of its own
    if (item.image) await read(item).then((blob) => blob && give(blob, fileName(item)), complain);
  });
  const place = make("li", {}, link, make("span", { className: "name", textContent: item.name, dir: "auto" }), state, retry);
  let local = item.file && URL.createObjectURL(item.file);
  picture.onerror = () => { picture.hidden = true; };
  const update = () => {
    place.dataset.state = item.state;
    state.textContent = item.state === "failed" ? item.why ?? t("many.failed") : t(`many.${item.state === "done" ? "ready" : item.state}`);
    retry.hidden = item.state !== "failed";
    const src = item.image ? api.here(item.image.url) : local || (item.uploaded ? api.here(item.url) : item.url);
    if (src && picture.getAttribute("src") !== src) picture.src = src;
    picture.classList.toggle("checker", Boolean(item.image));
    if (item.image) {
      Object.assign(link, { href: src, download: fileName(item) });
      link.setAttribute("aria-label", t("many.save", { name: item.name }));
      picture.hidden = false;
      if (local) URL.revokeObjectURL(local);
      local = null;
    } else {
      for (const name of ["href", "aria-label"]) link.removeAttribute(name);
    }
  };
  update();
  cards.set(item, update);
  return place;
}

function sum() {
  const done = has("done").length, failed = has("failed").length;
  $("many-title").textContent = t("many.title", { n: items.length });
  $("many-said").textContent = [t("many.done", { done, n: items.length }), failed && t("many.failures", { n: failed }), locked, away]
    .filter(Boolean).join(" · ");
  $("many-bar").max = items.length;
  $("many-bar").value = done + failed;
  $("many-zip").disabled = done === 0;
}

async function save() {
  const done = has("done"), name = "cutouts.zip";
  let target = null;
  try { // to the disk as it comes, where the browser can; else the browser keeps it, on its disk where it is large
    target = await globalThis.showSaveFilePicker?.({ suggestedName: name, types: [{ accept: { "application/zip": [".zip"] } }] });
  } catch {
    return; // the person changed their mind
  }
  const words = $("many-zip").lastElementChild;
  try {
    const files = done.flatMap((item) => [{ name: fileName(item), read: () => read(item) },
      ...(item.mask ? [{ name: named(item, "mask", item.mask), read: () => read(item, item.mask) }] : [])]);
    const stream = zipOf(files, (count) => { words.textContent = t("many.saving", { done: count, n: files.length }); });
    if (target) return await stream.pipeTo(await target.createWritable());
    const archive = await new Response(stream).blob();
    if (has("done").length) give(archive, name);
  } catch (error) {
    complain(error);
  } finally {
    words.textContent = t("many.zip");
  }
}
$("many-zip").addEventListener("click", save);

function begin(more) {
  items.push(...more);
  $("many-grid").append(...more.map(card));
  sum();
  work();
}

/** Photos, {file} or {url} each, to be cut out with these options; they come beside what is there already. */
export async function add(photos, input) {
  const more = photos.map(({ file, url }) => ({ n: shelf.place(), name: nameOf({ file, url }), input, state: "waiting", file, url }));
  for (const item of more) await shelf.put(item);
  begin(more);
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Whether any photo was or will be made with other options. */
export const differs = (input) => items.some((item) => !same(item.input, input));

/** The options of the first. */
export const options = () => items[0]?.input ?? {};

/** Make those with these options that were, or are to be, made with others. */
export async function again(input) {
  const others = items.filter((item) => !same(item.input, input));
  halt((item) => others.includes(item));
  for (const item of others) await set(item, { input, state: "waiting", id: null, image: null, mask: null });
  work();
}

/** What an earlier visit left on the shelf; resolves to whether there was anything. */
export async function resume() {
  const kept = (await shelf.all()).filter(({ file, url, id, image }) => file || url || id || image);
  for (const item of kept) if (item.state === "sending" || item.state === "working") item.state = "waiting"; // to be gone on with
  if (kept.length) begin(kept);
  return kept.length > 0;
}

// Nothing is under way any more. What was waits, to be gone on with, or where anew(item) says so from its beginning.
function halt(anew) {
  stop.abort();
  for (const item of items.filter(({ state }) => state === "sending" || state === "working")) {
    if (item.id && anew(item)) {
      api.cancel(item.id).catch(() => {});
      item.id = null;
    }
    item.state = "waiting";
    cards.get(item)?.();
  }
  [stop, busy] = [new AbortController(), 0];
}

/** Put all of it away; returns what brings it back. */
export async function leave() {
  const before = items;
  halt(() => true);
  [items, locked, away] = [[], "", ""];
  cards.clear();
  $("many-grid").replaceChildren();
  await shelf.clear();
  return async () => {
    for (const item of before) await shelf.put(item);
    begin(before);
  };
}
