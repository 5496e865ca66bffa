// arrivals.js - photos that come to the page by themselves: dropped anywhere on it, folders included, or pasted.
import { $ } from "./dom.js";
import { t } from "./words.js";

/** onFiles gets what is dropped, as a list of one or more; onUrl the address of a picture from another page. */
export function listenForDrops(onFiles, onUrl) {
  let depth = 0; // dragenter and dragleave come for every element below the pointer
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dragging", depth > 0);
  };
  const fits = (event) => [...event.dataTransfer.types].some((type) => type === "Files" || type === "text/uri-list");
  // Both say yes: where the page moves below a pointer that rests, dragenter is the last that comes before the drop.
  const accept = (event) => {
    if (!fits(event)) return false;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    return true;
  };
  document.addEventListener("dragenter", (event) => accept(event) && mark(1));
  document.addEventListener("dragleave", (event) => fits(event) && mark(-1));
  document.addEventListener("dragover", accept);
  document.addEventListener("drop", async (event) => {
    if (!fits(event)) return;
    event.preventDefault();
    mark(-depth);
    const url = event.dataTransfer.getData("text/uri-list").split("\n")[0].trim();
    const files = await filesOf(event.dataTransfer);
    if (files.length) onFiles(files);
    else if (url) onUrl(url);
  });
}

// What was dropped must be asked for before the event ends; what is in a folder is read afterwards.
async function filesOf(data) {
  const plain = [...data.files];
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) return found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
  const reader = entry.createReader();
  for (;;) { // a hundred at a time, until there are none
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const each of some) await walk(each, found);
  }
}

/** The same for what is pasted; onNothing gets the words for a person whose clipboard has no photo. */
export function listenForPastes(onFiles, onUrl, onNothing) {
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    const text = event.clipboardData.getData("text/plain").trim();
    if (files.length) {
      event.preventDefault();
      onFiles(files);
    } else if (/^https?:\/\/\S+$/.test(text) && !event.target.closest?.("input, textarea")) {
      onUrl(text);
    }
  });
  if (!navigator.clipboard?.read) return;
  $("photo-paste").hidden = false;
  $("photo-paste").addEventListener("click", async () => {
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((each) => each.startsWith("image/"));
        if (type) return onFiles([new File([await item.getType(type)], `pasted.${type.slice(6)}`, { type })]);
      }
      onNothing(t("photo.none"));
    } catch {
      onNothing(t("photo.paste"));
    }
  });
}
