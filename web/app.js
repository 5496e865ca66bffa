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
import { statusOf, withOptions, withPhoto } from "./state.js";

const $ = (id) => document.getElementById(id);
const EXAMPLE = "https://example.com/photo.jpg"; // stands in the calls until there is a photo

let form = null;
// photo and outcome: see state.js. problem: what was thrown; broken: the same, where it keeps the page from working at all.
// running: {stop: AbortController, id} while a request is on its way.
let state = { photo: null, running: null, problem: null, broken: null, outcome: null };
const uploads = new WeakMap(); // File to its address here: the same photo goes up once

const calls = createCalls();
const progress = createProgress();
const result = createResult();
const key = createKey(showCall);
const photo = createPhoto((chosen) => {
  showCall();
  change(state.running ? { photo: chosen } : withPhoto(state, chosen));
});
const recent = createRecent(openRecent);

// The one place where the page's own words and buttons follow the state.
function change(next) {
  const wrongBefore = state.problem ?? state.broken;
  state = { ...state, ...next };
  const { running, outcome } = state, wrong = state.problem ?? state.broken;
  if (!running) progress.rest(statusOf(state));
  $("shown").hidden = Boolean(running) || outcome?.kind !== "shown";
  $("go").setAttribute("aria-disabled", String(Boolean(running)));
  if (!running && document.activeElement === $("cancel")) $("go").focus(); // what is hidden would lose the focus
  $("cancel").hidden = !running;
  if (wrong !== wrongBefore) showProblem(wrong);
}

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
  const { text, fields, needsKey, technical } = error ? explain(error) : { fields: [] };
  const title = Object.assign(document.createElement("strong"), { textContent: "That did not work" });
  const words = Object.assign(document.createElement("p"), { textContent: text });
  const small = Object.assign(document.createElement("p"), { textContent: technical, className: "quiet" });
  $("problem").replaceChildren(...(error ? [title, words] : []), ...(technical ? [small] : []));
  form?.showProblems(fields);
  if (needsKey) key.open(text);
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
  const last = chosen.url.split(/[?#]/)[0].split("/").pop();
  try {
    return decodeURIComponent(last) || "photo";
  } catch {
    return last; // "50%off.jpg": a percent sign that stands for itself
  }
}

async function compute(chosen, input, signal) {
  input = { [PHOTO_FIELD]: await addressOf(chosen, signal), ...input };
  const submitted = await api.submit(input, { signal });
  state.running.id = submitted.request_id;
  progress.status(submitted);
  let last = submitted, saw = "";
  for await (const status of api.follow(submitted.request_id, { signal, onLost: progress.lost })) {
    progress.status(status);
    saw = sizeSeen(status.logs) ?? saw;
    last = status;
  }
  const { output, weights } = await api.result(submitted.request_id, { signal });
  return { id: submitted.request_id, name: nameOf(chosen), uploaded: Boolean(chosen.file), input, output, weights, saw,
    seconds: last.metrics?.inference_time };
}

// The size at which the network ran, which may differ from what was asked for; the job's log tells it.
function sizeSeen(logs = []) {
  const said = logs.map(({ message }) => /^Network: .* at (\d+) x (\d+)$/.exec(message)).findLast(Boolean);
  return said && `${said[1]} × ${said[2]}`;
}

async function run() {
  const chosen = state.photo;
  if (!chosen) {
    change({ problem: null });
    return photo.ask();
  }
  progress.start();
  change({ running: { stop: new AbortController(), id: null }, problem: null, outcome: null });
  // on a phone the result is below the form
  $("result").scrollIntoView({ block: "nearest" });
  try {
    const made = await compute(chosen, form.values(), state.running.stop.signal);
    const shown = await result.show({ ...made, before: chosen.preview && (chosen.file ?? chosen.preview) });
    change({ running: null, outcome: { kind: "shown", photo: chosen, name: made.name } });
    $("result").scrollIntoView({ block: "nearest" });
    await remember(made, shown).catch(() => {}); // no more than a convenience
  } catch (error) {
    uploads.delete(chosen.file); // the server may have let it expire: next time it goes up again
    const cancelled = error.name === "AbortError";
    change({ running: null, outcome: { kind: cancelled ? "cancelled" : "failed" }, problem: cancelled ? null : error });
  }
}

async function remember(made, { url, keptS }) {
  if (made.output.image.url.startsWith("data:")) return; // nothing on the server to come back to
  recent.add({ ...made, keptS, thumb: await thumbnail(url) });
}

async function openRecent(entry) {
  if (state.running) return;
  change({ problem: null });
  try {
    const url = entry.input[PHOTO_FIELD], preview = entry.uploaded ? api.here(url) : url;
    await result.show({ ...entry, before: (await canShow(preview)) ? preview : null });
    if (state.running) return; // begun meanwhile
    form?.set(entry.input);
    photo.useAddress(url, preview);
    change({ outcome: { kind: "shown", photo: state.photo, name: entry.name, opened: true } });
    $("result").scrollIntoView({ block: "nearest" });
  } catch (error) {
    recent.remove(entry.id);
    change({ problem: error });
  }
}

// Whether this browser can show a picture, and it is still there.
async function canShow(url) {
  const image = new Image();
  image.referrerPolicy = "no-referrer";
  image.src = url;
  return image.decode().then(() => true, () => false);
}

async function cancel() {
  if (!state.running) return;
  const { id, stop } = state.running;
  stop.abort();
  if (id) await api.cancel(id).catch(() => {}); // finished meanwhile, or gone: nothing left to stop
}

async function start() {
  $("server-name").textContent = location.host;
  $("server-address").textContent = location.host;
  $("cancel").addEventListener("click", cancel);
  $("options").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form) askServer();
    else if (!state.running) run();
  });
  showCall();
  await askServer();
}

// What it can do: the form's fields. Asked again by the button where the first try failed.
async function askServer() {
  try {
    const schema = inputSchema(await api.openapi(), api.ENDPOINT);
    form = createForm($("fields"), schema, () => {
      showCall();
      change(withOptions(state));
    });
    form.limit("operating_resolution", "2304x2304", ({ model }) => model === "General Use (Dynamic)");
    change({ broken: null });
  } catch (error) {
    return change({ broken: error });
  }
  showCall();
  await showWeights().catch(() => {}); // remarks only
}

// Which names are answered by other weights, because their own are not there.
async function showWeights() {
  const absent = (await api.presets()).filter((preset) => !preset.available);
  const remarks = new Map(absent.map(({ name, weights, pull }) => [name,
    `These weights are not on this server${weights ? `; ${weights} answers instead` : ""}.` +
    (pull ? ` To get them: ${pull}` : "")]));
  form.remark("model", ({ model }) => remarks.get(model));
  // fallback weights run at the size that they were trained for
  const fallbacks = new Map(absent.filter(({ fallback }) => fallback).map(({ name, weights }) => [name, weights]));
  form.remark("operating_resolution", ({ model }) => fallbacks.has(model) &&
    `${fallbacks.get(model)} answers for this model, at its own size: what is chosen here makes no difference.`);
}

start();
