// zoom.js - how large the picture lies in its frame, and which part of it is seen: wheel, pinch, drag, keys, buttons. The
// frame is as large as the picture until it fills the room that there is.
import { $ } from "./dom.js";
import { locale } from "./words.js";

const FIT_MAX = 2; // screen pixels of a picture's pixel, before anybody zooms
const PIXEL_MAX = 16;
const MARGIN_PX = 32; // around a picture that fits, both sides together
const STEP = 1.25, MOVE_PX = 60;
const SHARP_FROM = 3; // from here on pixels are shown as squares

/** Wire the stage; returns {show(width, height)}, in pixels of the picture. */
export function createZoom() {
  const area = $("stage-area"), stage = $("stage");
  let size = null, zoom = 1, x = 0, y = 0; // zoom: times the fitting size; x, y: of the middle, in pixels of the screen

  const room = () => ({ width: Math.max(1, area.clientWidth), height: Math.max(1, area.clientHeight) });
  const fit = () => Math.min(Math.max(1, room().width - MARGIN_PX) / size.width, Math.max(1, room().height - MARGIN_PX) / size.height, FIT_MAX);
  const pixels = () => 1 / (fit() * devicePixelRatio); // one of the picture on one of the screen
  const most = () => Math.max(1, PIXEL_MAX / fit());

  function place() {
    if (!size) return;
    const { width, height } = room(), scale = fit() * zoom;
    const sheet = { width: size.width * scale, height: size.height * scale };
    const frame = { width: Math.min(width, sheet.width), height: Math.min(height, sheet.height) };
    const limit = (value, most) => Math.max(-most, Math.min(most, value));
    x = limit(x, (sheet.width - frame.width) / 2);
    y = limit(y, (sheet.height - frame.height) / 2);
    for (const [name, value] of [["frame-w", frame.width], ["frame-h", frame.height], ["sheet-w", sheet.width],
      ["sheet-h", sheet.height], ["x", x], ["y", y]]) stage.style.setProperty(`--${name}`, `${value}px`);
    stage.classList.toggle("zoomed", zoom > 1);
    stage.classList.toggle("sharp", scale * devicePixelRatio >= SHARP_FROM);
    $("zoom-fit").textContent = new Intl.NumberFormat(locale(), { style: "percent" }).format(scale * devicePixelRatio);
  }
  /** So that what lies under (px, py), counted from the area's middle, stays there. */
  function zoomTo(next, px = 0, py = 0) {
    next = Math.max(Math.min(1, pixels()), Math.min(most(), next));
    x = px - ((px - x) * next) / zoom;
    y = py - ((py - y) * next) / zoom;
    zoom = next;
    place();
  }
  function move(dx, dy) {
    x += dx;
    y += dy;
    place();
  }
  function middle({ clientX, clientY }) {
    const box = area.getBoundingClientRect();
    return [clientX - box.left - box.width / 2, clientY - box.top - box.height / 2];
  }

  area.addEventListener("wheel", (event) => {
    if (!size) return;
    // the page goes on scrolling, until the picture has been pressed
    const meant = event.ctrlKey || document.fullscreenElement || area.contains(document.activeElement);
    if (zoom <= 1 && (event.deltaY > 0 || !meant)) return;
    event.preventDefault();
    zoomTo(zoom * Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), ...middle(event));
  }, { passive: false });

  const KEYS = { "+": () => zoomTo(zoom * STEP), "=": () => zoomTo(zoom * STEP), "-": () => zoomTo(zoom / STEP), "0": () => zoomTo(1),
    "1": () => zoomTo(pixels()), f: full };
  const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  area.addEventListener("keydown", (event) => {
    if (!size || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow && zoom > 1 && (event.target === area || event.shiftKey)) move(arrow[0] * MOVE_PX, arrow[1] * MOVE_PX);
    else if (KEYS[event.key]) KEYS[event.key]();
    else return;
    event.preventDefault();
  });

  const pointers = new Map();
  let apart = 0; // of two fingers
  const spread = () => {
    const [one, other] = [...pointers.values()];
    return { apart: Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY),
      at: { clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 } };
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".handle")) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) apart = spread().apart;
    if (zoom > 1) stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) {
      const now = spread();
      if (apart) zoomTo((zoom * now.apart) / apart, ...middle(now.at));
      apart = now.apart;
    } else if (zoom > 1) {
      move(event.clientX - before.clientX, event.clientY - before.clientY);
    }
  });
  for (const type of ["pointerup", "pointercancel"]) stage.addEventListener(type, (event) => pointers.delete(event.pointerId));

  function full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.querySelector(".desk").requestFullscreen?.().catch(() => {});
  }
  $("zoom-in").addEventListener("click", () => zoomTo(zoom * STEP));
  $("zoom-out").addEventListener("click", () => zoomTo(zoom / STEP));
  $("zoom-fit").addEventListener("click", () => zoomTo(1));
  $("zoom-full").addEventListener("click", full);
  $("zoom-full").hidden = !document.fullscreenEnabled;
  new ResizeObserver(place).observe(area);

  return {
    show(width, height) {
      size = { width, height };
      [zoom, x, y] = [1, 0, 0];
      place();
    },
  };
}
