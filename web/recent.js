// recent.js - the last results, remembered by this browser: addresses and a small picture each, until the server's files
// expire or the person clears them.
import { $, make } from "./dom.js";
import { timeOf } from "./progress.js";

const STORE = "birefnet.recent";
const KEEP = 12;
const ENTRY_MAX = 300000; // characters: what is longer (a photo inside of its address) would push the others out
const DEFAULT_KEPT_S = 24 * 3600;

function read() {
  try {
    const entries = JSON.parse(localStorage.getItem(STORE) ?? "[]");
    return entries.filter((entry) => entry.expires > Date.now());
  } catch {
    return []; // storage is off, or holds something else
  }
}

function write(entries) {
  for (let count = entries.length; count >= 0; count--) {
    try {
      return localStorage.setItem(STORE, JSON.stringify(entries.slice(0, count)));
    } catch {
      // full: try with fewer
    }
  }
}

/** onOpen is called with an entry that the person picks. */
export function createRecent(onOpen) {
  function render() {
    const entries = read();
    $("recent").replaceChildren(...entries.map((entry) => item(entry, onOpen)));
    $("recent-panel").hidden = entries.length === 0;
    $("recent-clear").hidden = entries.length === 0;
  }
  $("recent-clear").addEventListener("click", () => {
    write([]);
    render();
    $("content").focus();
  });
  render();
  return {
    /** entry: {id, name, input, output, weights, saw, seconds, thumb, keptS}. */
    add(entry) {
      const { keptS, ...kept } = entry;
      if (JSON.stringify(kept).length > ENTRY_MAX) return;
      const expires = Date.now() + 1000 * (keptS ?? DEFAULT_KEPT_S);
      write([{ ...kept, at: Date.now(), expires }, ...read().filter((other) => other.id !== entry.id)].slice(0, KEEP));
      render();
    },
    remove(id) {
      write(read().filter((entry) => entry.id !== id));
      render();
    },
  };
}

function item(entry, onOpen) {
  const when = timeOf(entry.at);
  const button = make("button", { type: "button" },
    make("img", { src: entry.thumb, alt: "", className: "checker" }), make("span", { textContent: entry.name, dir: "auto" }),
    make("span", { textContent: when, className: "quiet" }));
  button.addEventListener("click", () => onOpen(entry));
  return make("li", {}, button);
}
