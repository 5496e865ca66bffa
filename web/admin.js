// admin.js - the administrators' page: asks for the overview every two seconds while it is seen, makes and revokes keys.
// Whatever the server says is shown as text, never as markup. The key is kept for this tab only, apart from the playground's.

const POLL_MS = 2000;
const STORE = "birefnet.admin-key";
const HERE = new URL(".", location.href).href; // the page is /admin: its calls lie below admin/
const $ = (id) => document.getElementById(id);

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
    super(typeof detail === "string" ? detail : `The server answered ${status}`);
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

const UNITS = ["bytes", "KB", "MB", "GB", "TB"];
function bytes(count) {
  let unit = 0;
  while (count >= 1000 && unit < UNITS.length - 1) [count, unit] = [count / 1000, unit + 1];
  return `${unit && count < 100 ? count.toFixed(1) : Math.round(count)} ${UNITS[unit]}`;
}
function span(seconds) {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
const time = (ms) => new Date(ms).toLocaleString();

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

/** Of all processes that share the store, where there are several. */
const together = ({ waiting, running, workers, idle_workers: idle }) => [
  ["Workers", `${workers}, ${workers - idle} of them busy`],
  ["Waiting, all servers", String(waiting)],
  ["Running, all workers", String(running)],
];

function facts({ queue, cluster, sessions, memory, stored, requests }) {
  return [
    ...(cluster ? together(cluster) : []),
    ["Waiting", `${queue.waiting} of ${queue.waiting_limit}`],
    ["Oldest waiting", queue.waiting ? span(queue.oldest_waiting_s) : "none"],
    ["Running", String(queue.running)],
    ["Sessions busy", `${sessions.busy} of ${sessions.count}`],
    ["Accepted", String(requests.accepted)],
    ["Succeeded", String(requests.succeeded)],
    ["Failed", String(requests.failed)],
    ["Refused by a limit", String(requests.refused)],
    ["Webhooks pending", String(requests.webhooks_pending)],
    ["Memory", `${bytes(memory.resident_bytes)}, at most ${bytes(memory.peak_bytes)}`],
    ["Memory for decoding", `${bytes(memory.decode_bytes)} of ${bytes(memory.decode_limit_bytes)}`],
    ["Files stored", `${bytes(stored.bytes)} of ${bytes(stored.limit_bytes)}`],
  ];
}

function showFacts(list) {
  const terms = $("now").querySelectorAll("dd");
  if (terms.length === list.length) return list.forEach(([, text], i) => (terms[i].textContent = text));
  $("now").replaceChildren(...list.map(([name, text]) => {
    const pair = document.createElement("div"), term = document.createElement("dt"), value = document.createElement("dd");
    term.textContent = name;
    value.textContent = text;
    pair.append(term, value);
    return pair;
  }));
}

function revokeButton({ id, name }) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Revoke";
  button.setAttribute("aria-label", `Revoke ${name || id}`);
  button.addEventListener("click", () => {
    if (confirm(`Revoke ${name || id}? Whoever uses this key is not answered any more.`))
      change(() => ask(`admin/keys/${encodeURIComponent(id)}/revoke`, {}));
  });
  return button;
}

function showKeys({ keys, keys_needed: needed }) {
  const mine = key.split(":")[0];
  fill("keys", keys.map((each) => ({ name: `${each.id} ${each.created_ms} ${each.id === mine}`, cells: [
    each.name, each.id, each.admin ? "administrator" : "use", time(each.created_ms),
    each.id === mine ? "yours" : revokeButton(each)] })));
  $("keys-none").hidden = keys.length > 0;
  $("keys-none").textContent = needed ? "None, and without one nobody is answered."
    : "None: the server answers its own machine only. The first is an administrator's, and from then on this page needs it.";
  $("make-admin").disabled = !needed;
  if (!needed) $("make-admin").checked = true;
}

function show(overview) {
  const open = new Set(overview.models_open);
  showFacts(facts(overview));
  fill("work", overview.in_work.map((each) => ({ name: each.id,
    cells: [each.id, each.key, each.step, `${Math.round(each.progress * 100)} %`, span(each.age_s)] })));
  $("work-none").hidden = overview.in_work.length > 0;
  fill("models", presets.map((each) => ({ name: each.name,
    cells: [each.name, each.weights ? each.weights + (each.fallback ? " (instead)" : "") : "nothing", open.has(each.weights) ? "yes" : "no"] })));
  fill("failures", overview.failures.map((each) => ({ name: `${each.at_ms} ${each.id}`,
    cells: [time(each.at_ms), each.reason, each.error, String(each.code), each.key, each.id] })));
  $("failures-none").hidden = overview.failures.length > 0;
  showKeys(overview);
  $("state").textContent = `Version ${overview.version}, as of ${new Date(overview.now_ms).toLocaleTimeString()}`;
  $("room").hidden = false;
  $("door").hidden = true;
}

/** Nothing of what was seen before stays for whoever has no key. */
function shut(why) {
  $("room").hidden = true;
  for (const table of ["work", "models", "failures", "keys"]) $(table).tBodies[0].replaceChildren();
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
    $("state").textContent = `The server does not answer: ${error.message}. Trying again…`;
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
