// app.js - puts the parts together: a photo and options become a request, the request a result, the result an entry among the
// recent ones.
import * as api from "./api.js";
import { createCalls } from "./calls.js";
import { explain } from "./errors.js";
import { createForm, inputSchema, PHOTO_FIELD } from "./form.js";
import { createKey } from "./key.js";
import { createPhoto } from "./photo.js";
import { createProgress } from "./progress.js";
import { createRecent } from "./recent.js";
import { createResult, thumbnail } from "./result.js";

const $ = (id) => document.getElementById(id);
const EXAMPLE = "https://example.com/photo.jpg"; // stands in the calls until there is a photo

let form = null;
let running = null; // {stop: AbortController, id} while a request is on its way
const uploads = new WeakMap(); // File to its address here: the same photo goes up once

const calls = createCalls();
const progress = createProgress();
const result = createResult();
const key = createKey(showCall);
const photo = createPhoto((chosen) => {
  showCall();
  if (chosen && !running) progress.say("The photo is ready. Choose options, then remove the background.");
});
const recent = createRecent(openRecent);

function showCall() {
  const chosen = photo.get();
  const uploaded = chosen?.file && uploads.get(chosen.file);
  const local = chosen?.file && !uploaded ? chosen.file : null;
  const url = chosen?.url ?? uploaded ?? EXAMPLE;
  calls.update({
    base: api.BASE,
    input: { [PHOTO_FIELD]: url, ...form?.values() },
    fileName: local ? local.name || "photo.png" : null,
    fileType: local?.type || "application/octet-stream",
    wantsKey: key.isSet(),
  });
}

function showProblem(error) {
  const { text, fields, needsKey, technical } = explain(error);
  const box = $("problem");
  const title = Object.assign(document.createElement("strong"), { textContent: "That did not work" });
  const words = Object.assign(document.createElement("p"), { textContent: text });
  const small = Object.assign(document.createElement("p"), { textContent: technical, className: "quiet" });
  box.replaceChildren(title, words, ...(technical ? [small] : []));
  form?.showProblems(fields);
  if (needsKey) key.open();
}

function setRunning(state) {
  running = state;
  $("go").setAttribute("aria-disabled", String(Boolean(state)));
  $("cancel").hidden = !state;
}

async function addressOf(chosen, signal) {
  if (chosen.url) return chosen.url;
  if (!uploads.has(chosen.file)) {
    progress.uploading(0);
    uploads.set(chosen.file, await api.upload(chosen.file, { onProgress: progress.uploading, signal }));
    showCall();
  }
  return uploads.get(chosen.file);
}

function nameOf(chosen) {
  if (chosen.file) return chosen.file.name || "photo";
  if (chosen.url.startsWith("data:")) return "photo";
  return decodeURIComponent(chosen.url.split(/[?#]/)[0].split("/").pop()) || "photo";
}

async function compute(chosen, input, signal) {
  input = { [PHOTO_FIELD]: await addressOf(chosen, signal), ...input };
  const submitted = await api.submit(input, { signal });
  running.id = submitted.request_id;
  progress.status(submitted);
  let last = submitted;
  for await (const status of api.follow(submitted.request_id, { signal })) {
    progress.status(status);
    last = status;
  }
  const { output, weights } = await api.result(submitted.request_id, { signal });
  return { id: submitted.request_id, name: nameOf(chosen), uploaded: Boolean(chosen.file), input, output, weights,
    seconds: last.metrics?.inference_time };
}

async function run() {
  const chosen = photo.get();
  $("problem").replaceChildren();
  form.showProblems([]);
  if (!chosen) {
    showProblem(new Error("Choose a photo first."));
    return $("photo-file").focus();
  }
  setRunning({ stop: new AbortController(), id: null });
  result.hide();
  progress.start();
  // on a phone the result is below the form
  $("result").scrollIntoView({ block: "nearest" });
  try {
    const made = await compute(chosen, form.values(), running.stop.signal);
    const shown = await result.show({ ...made, before: chosen.preview });
    progress.stop("Done. The result is below.");
    $("result").scrollIntoView({ block: "nearest" });
    await remember(made, shown);
  } catch (error) {
    uploads.delete(chosen.file); // the server may have let it expire: next time it goes up again
    progress.stop(error.name === "AbortError" ? "Cancelled." : "No result.");
    if (error.name !== "AbortError") showProblem(error);
  } finally {
    setRunning(null);
  }
}

async function remember(made, { url, keptS }) {
  if (made.output.image.url.startsWith("data:")) return; // nothing on the server to come back to
  recent.add({ ...made, keptS, thumb: await thumbnail(url) });
}

async function openRecent(entry) {
  if (running) return;
  $("problem").replaceChildren();
  try {
    const url = entry.input[PHOTO_FIELD], preview = entry.uploaded ? api.here(url) : url;
    await result.show({ ...entry, before: (await canShow(preview)) ? preview : null });
    form?.set(entry.input);
    photo.useAddress(url, preview);
    progress.say(`The result of ${entry.name} is shown.`);
    $("result").scrollIntoView({ block: "nearest" });
  } catch (error) {
    recent.remove(entry.id);
    showProblem(error);
  }
}

// Whether this browser can show a picture, and it is still there.
async function canShow(url) {
  const image = new Image();
  image.referrerPolicy = "no-referrer";
  image.src = url;
  return image.decode().then(() => true, () => false);
}

async function stop() {
  if (!running) return;
  const { id } = running;
  running.stop.abort();
  if (id) await api.cancel(id).catch(() => {}); // finished meanwhile, or gone: nothing left to stop
}

async function start() {
  $("server-name").textContent = location.host;
  $("server-address").textContent = location.host;
  $("cancel").addEventListener("click", stop);
  $("options").addEventListener("submit", (event) => {
    event.preventDefault();
    if (form && !running) run();
  });
  showCall();
  try {
    const document = await api.openapi();
    form = createForm($("fields"), inputSchema(document, api.ENDPOINT), showCall);
    showCall();
    await showWeights();
  } catch (error) {
    showProblem(error);
  }
}

// Which names are answered by other weights, because their own are not there.
async function showWeights() {
  const absent = (await api.presets()).filter((preset) => !preset.available);
  form.remark("model", Object.fromEntries(absent.map(({ name, weights, pull }) => [name,
    `These weights are not on this server${weights ? `; ${weights} answers instead` : ""}.` +
    (pull ? ` To get them: ${pull}` : "")])));
}

start();
