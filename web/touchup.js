// touchup.js - the touch-up: a brush that erases from a result or restores, at the photo's full resolution, and the server
// composes anew by the mask that was painted. The mask lives in a worker; this is the dialog around it.
import * as api from "./api.js";
import { $, make } from "./dom.js";
import { explain } from "./errors.js";
import { t } from "./words.js";

const LONGEST = 1000; // of an address that the server surely remembers; docs/SERVER.md
const STEP = 1.2; // of the size, a press of a bracket
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function style() {
  const sheet = make("link", { rel: "stylesheet", href: "touchup.css" });
  return new Promise((resolve) => {
    sheet.onload = sheet.onerror = resolve;
    document.head.append(sheet);
  });
}
let styled = null;

/** The worker, as functions that give a promise. onSteps(undo, redo): how many steps there are. */
function startWorker(onSteps, onProblem) {
  const worker = new Worker(new URL("touchup-worker.js", import.meta.url), { type: "module" });
  const waiting = new Map();
  let last = 0;
  worker.onmessage = ({ data: { number, made, problem, undo, redo } }) => {
    const { resolve, reject } = waiting.get(number);
    waiting.delete(number);
    if (problem) return reject(new Error(problem));
    onSteps(undo, redo);
    resolve(made);
  };
  worker.onerror = () => onProblem(new Error(t("problem.draw")));
  return {
    ask: (name, what = {}, moved = []) => new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      worker.postMessage({ name, number: last, ...what }, moved);
    }),
    end: () => worker.terminate(),
  };
}

const range = (id, words, properties) => make("label", {}, make("span", { textContent: t(words) }), make("input", { id, type: "range", ...properties }));
const button = (id, words, properties = {}) => make("button", { id, type: "button", className: "button", textContent: t(words), ...properties });
const choice = (value, checked) => make("label", {}, make("input", { type: "radio", name: "touchup-brush", value, checked }), make("span", { textContent: t(`touchup.${value}`) }));

function build(photo, width, height) {
  const canvas = make("canvas", { id: "touchup-canvas", tabIndex: 0, "aria-label": t("touchup.area") });
  canvas.setAttribute("role", "application");
  const longest = Math.max(width, height), size = Math.max(4, Math.round(longest / 20));
  const ring = make("div", { className: "touchup-ring", hidden: true });
  const sheet = make("div", { className: "touchup-sheet", dir: "ltr" }, photo, canvas, ring);
  const dialog = make("dialog", { id: "touchup", "aria-labelledby": "touchup-title" },
    make("h2", { id: "touchup-title", textContent: t("touchup.title") }),
    make("div", { className: "bar" },
      make("fieldset", { className: "pills joined" }, make("legend", { className: "unseen", textContent: t("touchup.brush") }), choice("erase", true), choice("restore", false)),
      range("touchup-size", "touchup.size", { min: 1, max: Math.max(8, Math.round(longest / 3)), value: size }),
      range("touchup-soft", "touchup.soft", { min: 0, max: 100, value: 30 }),
      range("touchup-zoom", "touchup.zoom", { min: 100, max: 800, step: 25, value: 100 }),
      make("div", { className: "row" }, button("touchup-undo", "touchup.undo", { disabled: true }), button("touchup-redo", "touchup.redo", { disabled: true }))),
    make("div", { className: "touchup-area" }, sheet),
    make("div", { className: "bar" }, button("touchup-apply", "touchup.apply", { className: "button main", disabled: true }),
      button("touchup-close", "cancel"), make("p", { id: "touchup-note", className: "help", textContent: t("touchup.help") })));
  dialog.querySelector("#touchup-note").setAttribute("role", "status");
  return { dialog, canvas, ring, sheet };
}

// The fields of a result's request, and its id for the photo; the server remembers no address that is as long as a photo.
function photoOf({ id, input: { image_url: url, ...fields } }) {
  return /^data:/i.test(url) || url.length > LONGEST ? { image_url: url, ...fields } : { request_id: id, ...fields };
}

/** made: the result as app.js keeps it; photo: its address here; mask: a picture of the same size, white is kept. onDone gets
 * what `made` becomes. */
export async function openTouchup({ made, photo, mask, width, height, onDone }) {
  await (styled ??= style());
  const picture = make("img", { src: photo, alt: "", draggable: false });
  const { dialog, canvas, ring, sheet } = build(picture, width, height);
  const stop = new AbortController(), { signal } = stop;
  document.body.append(dialog);
  dialog.showModal();
  const on = (target, name, listener) => target.addEventListener(name, listener, { signal });
  const note = (text) => { $("touchup-note").textContent = text; };
  const worker = startWorker((undo, redo) => {
    $("touchup-undo").disabled = undo === 0;
    $("touchup-redo").disabled = redo === 0;
    $("touchup-apply").disabled = undo === 0;
  }, (error) => note(error.message));
  const tell = (name, what) => worker.ask(name, what).catch((error) => note(error.message));

  function close() {
    stop.abort();
    worker.end();
    dialog.remove();
    $("touch-up").focus();
  }
  const brush = () => ({ keep: dialog.querySelector("input[name=touchup-brush]:checked").value === "restore",
    radius: Number($("touchup-size").value) / 2, softness: Number($("touchup-soft").value) / 100 });

  function fit() {
    const { clientWidth, clientHeight } = sheet.parentElement;
    const scale = Math.min(clientWidth / width, clientHeight / height) * (Number($("touchup-zoom").value) / 100);
    sheet.style.width = `${Math.max(1, Math.floor(width * scale))}px`;
    sheet.style.height = `${Math.max(1, Math.floor(height * scale))}px`;
  }
  const sized = new ResizeObserver(fit);
  sized.observe(sheet.parentElement);
  signal.addEventListener("abort", () => sized.disconnect());
  on($("touchup-zoom"), "input", fit);

  // ---- painting
  let at = { x: width / 2, y: height / 2 }, painting = false;
  function place({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return { x: ((clientX - box.left) * width) / box.width, y: ((clientY - box.top) * height) / box.height };
  }
  function showRing() {
    const scale = canvas.clientWidth / width, side = Math.max(2, Number($("touchup-size").value) * scale);
    ring.hidden = false;
    Object.assign(ring.style, { left: `${at.x * scale}px`, top: `${at.y * scale}px`, width: `${side}px`, height: `${side}px` });
  }
  function paintTo(places) {
    const points = [at.x, at.y];
    for (const { x, y } of places) points.push(x, y);
    at = places.at(-1);
    tell("line", { points });
  }
  on(canvas, "pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    painting = true;
    at = place(event);
    tell("begin", brush());
    paintTo([at]);
    showRing();
  });
  on(canvas, "pointermove", (event) => {
    if (!event.isPrimary) return;
    if (painting) paintTo((event.getCoalescedEvents?.() ?? [event]).concat(event).map(place));
    else at = place(event);
    showRing();
  });
  for (const name of ["pointerup", "pointercancel"])
    on(canvas, name, (event) => {
      if (!event.isPrimary || !painting) return;
      painting = false;
      tell("end");
    });
  on(canvas, "pointerleave", () => { if (!painting) ring.hidden = true; });

  // ---- keys
  function resize(factor) {
    const size = Number($("touchup-size").value);
    $("touchup-size").value = factor > 1 ? Math.max(size + 1, Math.round(size * factor)) : Math.min(size - 1, Math.round(size * factor));
    if (!ring.hidden) showRing();
  }
  function step(name) {
    if (!painting) tell(name);
  }
  function paintByKey(event) {
    const move = MOVES[event.key], far = Math.max(1, Number($("touchup-size").value) / 4);
    if (move) at = { x: Math.min(width, Math.max(0, at.x + move[0] * far)), y: Math.min(height, Math.max(0, at.y + move[1] * far)) };
    else if (event.key === " ") {
      tell("begin", brush());
      paintTo([at]);
      tell("end");
    } else return;
    event.preventDefault();
    showRing();
  }
  on(canvas, "keydown", paintByKey);
  on(dialog, "keydown", (event) => {
    const key = event.key.toLowerCase(), control = event.ctrlKey || event.metaKey;
    if (control && key === "z") step(event.shiftKey ? "redo" : "undo");
    else if (control && key === "y") step("redo");
    else if (!control && key === "[") resize(1 / STEP);
    else if (!control && key === "]") resize(STEP);
    else return;
    event.preventDefault();
  });
  on($("touchup-undo"), "click", () => step("undo"));
  on($("touchup-redo"), "click", () => step("redo"));

  // ---- the way back
  async function apply() {
    note(t("touchup.working"));
    $("touchup-apply").disabled = true;
    try {
      const file = new File([await worker.ask("png")], "mask.png", { type: "image/png" });
      const mask_url = await api.upload(file, { onProgress: () => {}, signal });
      const touched = { ...photoOf(made), mask_url };
      const { output, id } = await api.touchUp(touched, { signal });
      if (signal.aborted) return;
      await onDone({ ...made, id, output, seconds: 0, touched });
      close();
    } catch (error) {
      if (signal.aborted) return;
      note(explain(error).text);
      $("touchup-apply").disabled = false;
    }
  }
  on($("touchup-apply"), "click", apply);
  on($("touchup-close"), "click", close);
  on(dialog, "cancel", (event) => {
    event.preventDefault(); // Escape: the same way as the button
    close();
  });

  const veil = canvas.transferControlToOffscreen();
  await worker.ask("open", { canvas: veil, mask, width, height }, [veil]).catch((error) => note(error.message));
  dialog.dataset.ready = "";
}
