// toast.js - a word on what was just begun, with the way back.
import { $ } from "./dom.js";

const SHOWN_MS = 12000;

let undo = null, timer = 0;

function hide() {
  clearTimeout(timer);
  undo = null;
  $("toast").hidden = true;
}

export const toast = {
  show(text, onUndo) {
    clearTimeout(timer);
    undo = onUndo;
    $("toast-text").textContent = text;
    $("undo").hidden = !onUndo;
    $("toast").hidden = false;
    timer = setTimeout(() => $("toast").matches(":hover, :focus-within") || hide(), SHOWN_MS);
  },
  hide,
};

function back() {
  const way = undo;
  hide();
  way?.();
}

$("undo").addEventListener("click", back);
document.addEventListener("keydown", (event) => {
  if (!undo || event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
  if (event.target.closest?.("input:not([type=radio], [type=checkbox], [type=range]), textarea")) return;
  event.preventDefault();
  back();
});
