// admin.js - the administrators' page: asks for the overview every two seconds while it is seen, makes and revokes keys.
// Whatever the server says is shown as text, never as markup. The key is kept for this tab only, apart from the playground's.
import { $, make } from "./dom.js";
import { locale, startWords, t } from "./words.js";

const POLL_MS = 2000;
const STORE = "birefnet.admin-key";
const HERE = new URL(".", location.href).href; // the page is /admin: its calls lie below admin/

await startWords($("language"), (language) => import(`./words-admin-${language}.js`));

let key = "";
let timer = 0;
let presets = [];
let asked = 0; // only the answer to the latest question counts
try {
  key = sessionStorage.getItem(STORE) ?? "";
} catch {
  // storage is off: the key lives as long as the page
}

function keep(text) {
  key = text;
  try {
    if (key) sessionStorage.setItem(STORE, key);
    else sessionStorage.removeItem(STORE);
  } catch {
    // as above
  }
}

class Refused extends Error {
  constructor(status, detail) {
    super(typeof detail === "string" ? detail : t("admin.answered", { status }));
    this.status = status;
  }
}

async function ask(path, body) {
  const headers = key ? { Authorization: `Key ${key}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(HERE + path, { headers, method: body ? "POST" : "GET", body: body && JSON.stringify(body) });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, answer?.detail);
  return answer;
}

// ---- words

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
const measure = (value, unit, digits) => new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short",
  minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
function bytes(count) {
  let unit = 0;
  while (count >= 1000 && unit < UNITS.length - 1) [count, unit] = [count / 1000, unit + 1];
  return measure(count, UNITS[unit], unit && count < 100 ? 1 : 0);
}
function span(seconds) {
  if (seconds < 60) return measure(seconds, "second", seconds < 10 ? 1 : 0);
  return seconds < 3600 ? measure(seconds / 60, "minute", 0) : measure(seconds / 3600, "hour", 1);
}
const percent = (part) => new Intl.NumberFormat(locale(), { style: "percent" }).format(part);
const time = (ms) => new Date(ms).toLocaleString(locale());

// ---- what is shown

function cell(content) {
  const made = document.createElement("td");
  made.append(content);
  return made;
}
/** rows: [{name, cells}]; a row whose text is the same stays, and with it the focus in it. */
function fill(table, rows) {
  const body = $(table).tBodies[0];
  const old = new Map([...body.rows].map((row) => [row.dataset.name, row]));
  body.replaceChildren(...rows.map(({ name, cells }) => {
    const before = old.get(name);
    if (before) {
      cells.forEach((content, i) => typeof content === "string" && (before.cells[i].textContent = content));
      return before;
    }
    const row = document.createElement("tr");
    row.dataset.name = name;
    row.append(...cells.map(cell));
    return row;
  }));
}

const of = (n_of, all) => t("admin.of", { n_of, all });

/** Of all processes that share the store, where there are several. */
const together = ({ waiting, running, workers, idle_workers: idle }) => [
  ["workers", t("admin.fact.workers.busy", { all: workers, busy: workers - idle })],
  ["waiting.all", String(waiting)],
  ["running.all", String(running)],
];

/** [name of its words, text] */
const facts = ({ queue, cluster, sessions, memory, stored, requests }) => [
  ...(cluster ? together(cluster) : []),
  ["waiting", of(queue.waiting, queue.waiting_limit)],
  ["oldest", queue.waiting ? span(queue.oldest_waiting_s) : t("admin.none")],
  ["running", String(queue.running)],
  ["sessions", of(sessions.busy, sessions.count)],
  ["accepted", String(requests.accepted)],
  ["succeeded", String(requests.succeeded)],
  ["failed", String(requests.failed)],
  ["refused", String(requests.refused)],
  ["webhooks", String(requests.webhooks_pending)],
  ["memory", t("admin.fact.memory.peak", { now: bytes(memory.resident_bytes), peak: bytes(memory.peak_bytes) })],
  ["decoding", of(bytes(memory.decode_bytes), bytes(memory.decode_limit_bytes))],
  ["stored", of(bytes(stored.bytes), bytes(stored.limit_bytes))],
];

function showFacts(list) {
  const terms = $("now").querySelectorAll("dd");
  if (terms.length === list.length) return list.forEach(([, text], i) => (terms[i].textContent = text));
  $("now").replaceChildren(...list.map(([name, text]) =>
    make("div", {}, make("dt", { textContent: t(`admin.fact.${name}`) }), make("dd", { textContent: text }))));
}

function revokeButton({ id, name }) {
  const who = { name: name || id };
  const button = make("button", { type: "button", className: "button small", textContent: t("admin.revoke"), "aria-label": t("admin.revoke.one", who) });
  button.addEventListener("click", () => {
    if (confirm(t("admin.revoke.sure", who))) change(() => ask(`admin/keys/${encodeURIComponent(id)}/revoke`, {}));
  });
  return button;
}

function showKeys({ keys, keys_needed: needed }) {
  const mine = key.split(":")[0];
  fill("keys", keys.map((each) => ({ name: `${each.id} ${each.created_ms} ${each.id === mine}`, cells: [
    each.name, each.id, t(each.admin ? "admin.right.admin" : "admin.right.use"), time(each.created_ms),
    each.id === mine ? t("admin.yours") : revokeButton(each)] })));
  $("keys-none").hidden = keys.length > 0;
  $("keys-none").textContent = t(needed ? "admin.keys.none" : "admin.keys.first");
  $("make-admin").disabled = !needed;
  if (!needed) $("make-admin").checked = true;
}

const answers = ({ weights, fallback }) => (!weights ? t("admin.answers.nothing") : fallback ? t("admin.answers.instead", { weights }) : weights);

function show(overview) {
  const open = new Set(overview.models_open);
  showFacts(facts(overview));
  fill("in-work", overview.in_work.map((each) => ({ name: each.id,
    cells: [each.id, each.key, each.step, percent(each.progress), span(each.age_s)] })));
  $("in-work-none").hidden = overview.in_work.length > 0;
  fill("models", presets.map((each) => ({ name: each.name,
    cells: [each.name, answers(each), t(open.has(each.weights) ? "admin.yes" : "admin.no")] })));
  fill("failures", overview.failures.map((each) => ({ name: `${each.at_ms} ${each.id}`,
    cells: [time(each.at_ms), each.reason, each.error, String(each.code), each.key, each.id] })));
  $("failures-none").hidden = overview.failures.length > 0;
  showKeys(overview);
  $("state").textContent = t("admin.state", { version: overview.version, time: new Date(overview.now_ms).toLocaleTimeString(locale()) });
  $("room").hidden = false;
  $("door").hidden = true;
}

/** Nothing of what was seen before stays for whoever has no key. */
function shut(why) {
  $("room").hidden = true;
  for (const table of ["in-work", "models", "failures", "keys"]) $(table).tBodies[0].replaceChildren();
  $("now").replaceChildren();
  $("door-why").textContent = key ? why : "";
  $("state").textContent = why;
  if ($("door").hidden) {
    $("door").hidden = false;
    $("door-key").focus();
  }
}

// ---- asking

async function look() {
  clearTimeout(timer);
  const number = ++asked;
  try {
    if (!presets.length) presets = await ask("presets.json");
    const overview = await ask("admin/overview.json");
    if (number === asked) show(overview);
  } catch (error) {
    if (number !== asked) return;
    if (error instanceof Refused && error.status < 500) return shut(error.message); // until there is another key
    $("state").textContent = t("admin.lost", { why: error.message });
  }
  if (number === asked && !document.hidden) timer = setTimeout(look, POLL_MS);
}

async function change(what) {
  $("keys-problem").textContent = "";
  try {
    await what();
  } catch (error) {
    $("keys-problem").textContent = error.message;
  }
  await look();
}

$("door").addEventListener("submit", (event) => {
  event.preventDefault();
  keep($("door-key").value.trim());
  $("door-key").value = "";
  look();
});
$("make").addEventListener("submit", (event) => {
  event.preventDefault();
  change(async () => {
    const first = $("make-admin").disabled; // from now on this page needs it
    const made = await ask("admin/keys", { name: $("make-name").value, admin: $("make-admin").checked });
    if (first) keep(made.key);
    $("make").reset();
    $("made-key").value = made.key;
    $("made").hidden = false;
    $("made-key").select();
  });
});
$("made-copy").addEventListener("click", async () => {
  $("made-key").select();
  await navigator.clipboard.writeText($("made-key").value).catch(() => {});
});
$("made-done").addEventListener("click", () => {
  $("made-key").value = "";
  $("made").hidden = true;
});
document.addEventListener("visibilitychange", () => document.hidden || look());
look();
