// app.js - puts the parts together: a photo and options become a request, the request a result, the result an entry among the
// recent ones. A photo that comes is worked on at once, and the way back is kept.
import * as api from "./api.js";
import { $, make } from "./dom.js";
import { explain } from "./errors.js";
import { createForm, inputSchema, PHOTO_FIELD } from "./form.js";
import { createKey } from "./key.js";
import { listenForPhotos, nameOf } from "./photo.js";
import { createProgress } from "./progress.js";
import { createRecent } from "./recent.js";
import { pageOf, statusOf, wantsRun } from "./state.js";
import { toast } from "./toast.js";
import { startWords, t } from "./words.js";

const EXAMPLE = "https://example.com/photo.jpg"; // stands in the calls until there is a photo

await startWords($("language"));

let form = null;
// photo: {file or url, preview}; outcome: see state.js; made: the result that is shown. problem: what was thrown; broken: the
// same, where it keeps the page from working at all. many: the module many.js while it has the page. running: {stop: AbortController, id} while a request is on its way.
let state = { photo: null, running: null, problem: null, broken: null, outcome: null, made: null, many: null };
const uploads = new WeakMap(); // File to its address here: the same photo goes up once

// What the first look does not need is fetched when it is needed.
let call = null, calls = null, results = null;
const result = () => (results ??= fetched(() => import("./result.js")).then(({ createResult }) => createResult(), (error) => {
  results = null; // the next photo asks again
  throw error;
}));

// A module, also where the connection is lost for a while just then.
async function fetched(load) {
  for (let pause = 500; ; pause *= 2) {
    try {
      return await load();
    } catch (error) {
      if (pause > 8000) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}
const progress = createProgress();
const key = createKey(() => {
  showCall();
  if (key.isSet()) state.many?.unlock();
});
const recent = createRecent(openRecent);
listenForPhotos((photo) => (state.many ? beginMany([photo]) : begin(photo)), (files) => beginMany(files.map((file) => ({ file }))));

// The one place where what is seen follows the state.
function change(next) {
  const wrongBefore = state.problem ?? state.broken;
  state = { ...state, ...next };
  const { running, outcome, photo } = state, wrong = state.problem ?? state.broken;
  const page = pageOf(state), shown = !running && outcome?.kind === "shown";
  document.body.dataset.page = page;
  document.body.classList.toggle("running", Boolean(running));
  document.body.classList.toggle("has-result", shown);
  $("photo").hidden = page !== "empty";
  $("work").hidden = page !== "work";
  $("many").hidden = page !== "many";
  $("new").hidden = page === "empty";
  const place = $(page === "many" ? "many-form" : "rail"); // one form, for one photo or for all
  if ($("options").parentElement !== place) place.append($("options"));
  $("many-again").hidden = !state.many?.differs(form?.values() ?? {});
  if (!running) progress.rest(statusOf(state));
  for (const id of ["shown", "saving", "download", "more-actions"]) $(id).hidden = !shown;
  $("tools").inert = !shown;
  showPreview(shown ? null : photo);
  const focused = [$("cancel"), $("go")].find((each) => each === document.activeElement);
  $("go").hidden = !wantsRun(state, form?.values() ?? {});
  $("go").textContent = t(shown ? "go.again" : "go");
  $("cancel").hidden = !running;
  // what is hidden would lose the focus
  if (focused?.hidden) [$("cancel"), $("go"), $("download")].find((each) => !each.hidden)?.focus();
  if (wrong !== wrongBefore) showProblem(wrong);
}

function showPreview(photo) {
  const preview = $("photo-preview");
  preview.hidden = !photo?.preview;
  if (!photo?.preview || preview.src === photo.preview) return;
  preview.onerror = () => {
    photo.preview = null;
    change({});
  };
  preview.src = photo.preview;
}

function showCall() {
  const chosen = state.photo, uploaded = chosen?.file && uploads.get(chosen.file);
  const local = chosen?.file && !uploaded ? chosen.file : null;
  call = {
    base: api.BASE,
    input: { [PHOTO_FIELD]: chosen?.url ?? uploaded ?? EXAMPLE, ...form?.values() },
    fileName: local ? local.name || "photo.png" : null,
    fileType: local?.type || "application/octet-stream",
    wantsKey: key.isSet(),
    touched: state.made?.touched && !wantsRun(state, form.values()) ? state.made.touched : null, // by hand: the last call was another
  };
  calls?.then((shown) => shown.update(call));
}

function showProblem(error) {
  const { text, fields, needsKey, technical } = error ? explain(error) : { fields: [] };
  $("problem").replaceChildren(...(error ? [make("strong", { textContent: t("problem.title") }), make("p", { textContent: text })] : []),
    ...(technical ? [make("p", { textContent: technical, className: "quiet" })] : []));
  form?.showProblems(fields);
  if (needsKey) key.open(text);
}

/** A photo that has come: worked on at once. What was there before is one step away. */
function begin(photo) {
  const before = { ...state };
  stop();
  change({ photo, outcome: null, problem: null, made: null });
  showCall();
  scrollTo(0, 0);
  const name = nameOf(photo);
  toast.show(before.photo ? t("undo.photo", { name }) : t("undo.first", { name }), () => goBack(before));
  run();
}

async function goBack(before) {
  stop();
  change({ ...before, running: null, problem: null, outcome: null, made: null });
  showCall();
  if (before.made) await show(before.made, before.outcome).catch((problem) => change({ problem }));
  else if (before.running) run();
  else $("content").focus();
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

async function compute(chosen, input, running) {
  const { signal } = running.stop;
  input = { [PHOTO_FIELD]: await addressOf(chosen, signal), ...input };
  const submitted = await api.submit(input, { signal });
  running.id = submitted.request_id;
  progress.status(submitted);
  let last = submitted, saw = "";
  for await (const status of api.follow(submitted.request_id, { signal, onLost: progress.lost })) {
    progress.status(status);
    saw = sizeSeen(status.logs) ?? saw;
    last = status;
  }
  const { output, weights } = await api.result(submitted.request_id, { signal });
  return { id: submitted.request_id, name: nameOf(chosen), uploaded: Boolean(chosen.file), input, output, weights, saw,
    seconds: last.metrics?.inference_time, before: chosen.preview && (chosen.file ?? chosen.preview) };
}

// The size at which the network ran, which may differ from what was asked for; the job's log tells it.
function sizeSeen(logs = []) {
  const said = logs.map(({ message }) => /^Network: .* at (\d+) x (\d+)$/.exec(message)).findLast(Boolean);
  return said && `${said[1]} × ${said[2]}`;
}

async function show(made, outcome) {
  const shown = await (await result()).show(made);
  change({ running: null, made, outcome });
  showCall();
  return shown;
}

async function run() {
  const chosen = state.photo, running = { stop: new AbortController(), id: null };
  if (!chosen || state.running) return;
  progress.start();
  change({ running, problem: null, outcome: null, made: null });
  result().catch(() => {}); // begun now; asked for again, and told of, when there is something to show
  await asked; // the options are known
  try {
    const made = await compute(chosen, form?.values() ?? {}, running);
    if (state.running !== running) return;
    const shown = await show(made, { kind: "shown", name: made.name });
    await remember(made, shown).catch(() => {}); // no more than a convenience
  } catch (error) {
    uploads.delete(chosen.file); // the server may have let it expire: next time it goes up again
    if (state.running !== running) return; // another took its place
    const cancelled = error.name === "AbortError";
    change({ running: null, outcome: { kind: cancelled ? "cancelled" : "failed" }, problem: cancelled ? null : error });
  }
}

async function remember(made, { url, keptS }) {
  if (made.output.image.url.startsWith("data:")) return; // nothing on the server to come back to
  const { before: _, ...kept } = made, { thumbnail } = await import("./pixels.js");
  recent.add({ ...kept, keptS, thumb: await thumbnail(url) });
}

async function openRecent(entry) {
  if (state.running) return;
  toast.hide();
  const url = entry.input[PHOTO_FIELD], preview = entry.uploaded ? api.here(url) : url;
  try {
    change({ photo: { url, preview, name: entry.name }, problem: null, outcome: null, made: null });
    form?.set(entry.input);
    showCall();
    await show({ ...entry, before: preview }, { kind: "shown", name: entry.name, opened: true });
    scrollTo(0, 0);
  } catch (error) {
    recent.remove(entry.id);
    change({ problem: error, outcome: { kind: "failed" } });
  }
}

// Let what runs go, here and on the server.
function stop() {
  if (!state.running) return;
  const { id, stop } = state.running;
  state.running = null;
  stop.abort();
  if (id) api.cancel(id).catch(() => {}); // finished meanwhile, or gone: nothing left to stop
}

function cancel() {
  toast.hide();
  stop();
  change({ running: null, outcome: { kind: "cancelled" } });
}

async function manyPhotos() {
  const many = await fetched(() => import("./many.js"));
  many.onKeyWanted(key.open);
  return many;
}

async function beginMany(photos) {
  stop();
  toast.hide();
  const many = await manyPhotos();
  change({ photo: null, running: null, outcome: null, made: null, problem: null, many });
  await asked;
  await many.add(photos, form?.values() ?? {});
  change({});
}

async function makeAllAgain() {
  const { many } = state, made = many.again(form.values());
  change({});
  await made;
  change({});
}

async function leaveMany() {
  const { many } = state, back = await many.leave();
  change({ many: null });
  toast.show(t("undo.many"), () => {
    change({ many });
    back();
  });
  $("photo-file").focus();
}

function startAnew() {
  if (state.many) return leaveMany();
  const before = { ...state };
  stop();
  change({ photo: null, running: null, outcome: null, made: null, problem: null });
  showCall();
  toast.show(t("undo.new"), () => goBack(before));
  $("photo-file").focus();
}

// What the server can do: the form's fields. Asked again by the button where the first try failed.
async function askServer() {
  try {
    const schema = inputSchema(await api.openapi(), api.ENDPOINT);
    form = createForm($("fields"), schema, () => {
      showCall();
      change({ problem: null });
    });
    form.limit("operating_resolution", "2304x2304", ({ model }) => model === "General Use (Dynamic)");
    change({ broken: null });
  } catch (error) {
    return change({ broken: error });
  }
  await showWeights().catch(() => {}); // remarks only
  showCall();
  change({});
}

// Which names are answered by other weights, because their own are not there.
async function showWeights() {
  const presets = await api.presets(), absent = presets.filter(({ available }) => !available);
  form.models(presets);
  const remarks = new Map(absent.map(({ name, weights, pull }) => [name,
    [weights && t("model.note", { weights }), pull && t("model.pull", { pull })].filter(Boolean).join(" ")]));
  form.remark("model", ({ model }) => remarks.get(model));
  // fallback weights run at the size that they were trained for
  const fixed = new Set(absent.filter(({ fallback }) => fallback).map(({ name }) => name));
  form.only("operating_resolution", ({ model }) => model !== "" && !fixed.has(model));
  const pull = absent.length === presets.length && absent[0]?.pull;
  $("banner").hidden = !pull;
  $("banner-pull").textContent = pull || "";
}

$("touch-up").addEventListener("click", async () => {
  const { made, outcome } = state, { openTouchup } = await fetched(() => import("./touchup.js"));
  const sources = await (await result()).sources();
  await openTouchup({ made, ...sources, onDone: (next) => show(next, outcome) });
});
$("cancel").addEventListener("click", cancel);
$("new").addEventListener("click", startAnew);
$("options").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!form) await askServer();
  if (form && state.many) await makeAllAgain();
  else if (form && !state.running) run();
});
$("developer").addEventListener("toggle", () => {
  calls ??= fetched(() => import("./calls.js")).then(({ createCalls }) => createCalls());
  showCall();
});
$("banner-copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText($("banner-pull").textContent).then(() => { $("banner-copy").textContent = t("copied"); }, () => {});
});
showCall();
performance.mark("interactive"); // photos are taken from here on; tests/web/interactive.bench.mjs reads it
const asked = askServer();
// photos of an earlier visit go on; most visitors have none, and fetch nothing for it
if ((await import("./shelf.js").then(({ shelf }) => shelf.all())).length && pageOf(state) === "empty") {
  const many = await manyPhotos();
  if (await many.resume()) {
    change({ many });
    await asked;
    form?.set(many.options());
    change({});
  }
}
