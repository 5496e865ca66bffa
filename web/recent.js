// recent.js - the last results, remembered by this browser: addresses and a small picture each, until the server's files
// expire or the person clears them.

const $ = (id) => document.getElementById(id);
const STORE = "birefnet.recent";
const KEEP = 12;
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
    $("recent-none").hidden = entries.length > 0;
    $("recent-clear").hidden = entries.length === 0;
  }
  $("recent-clear").addEventListener("click", () => {
    write([]);
    render();
    $("recent-title").tabIndex = -1;
    $("recent-title").focus();
  });
  render();
  return {
    /** entry: {id, name, input, output, weights, saw, seconds, thumb, keptS}. */
    add(entry) {
      const { keptS, ...kept } = entry;
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
  const button = Object.assign(document.createElement("button"), { type: "button" });
  const image = Object.assign(document.createElement("img"), { src: entry.thumb, alt: "", className: "checker" });
  const name = Object.assign(document.createElement("span"), { textContent: entry.name });
  const when = new Date(entry.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const facts = Object.assign(document.createElement("span"), { textContent: when, className: "quiet" });
  button.append(image, name, facts);
  button.setAttribute("aria-label", `Show the result of ${entry.name}, made at ${when}`);
  button.addEventListener("click", () => onOpen(entry));
  const place = document.createElement("li");
  place.append(button);
  return place;
}
