// arrivals.js - photos that come to the page by themselves: dropped anywhere on it, or pasted.

const $ = (id) => document.getElementById(id);

/** onFiles gets what is dropped, as a list of one or more; onUrl the address of a picture from another page. */
export function listenForDrops(onFiles, onUrl) {
  let depth = 0; // dragenter and dragleave come for every element below the pointer
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dragging", depth > 0);
  };
  const fits = (event) => [...event.dataTransfer.types].some((type) => type === "Files" || type === "text/uri-list");
  document.addEventListener("dragenter", (event) => fits(event) && mark(1));
  document.addEventListener("dragleave", (event) => fits(event) && mark(-1));
  document.addEventListener("dragover", (event) => {
    if (!fits(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    if (!fits(event)) return;
    event.preventDefault();
    mark(-depth);
    const files = [...event.dataTransfer.files];
    const url = event.dataTransfer.getData("text/uri-list").split("\n")[0].trim();
    if (files.length) onFiles(files);
    else if (url) onUrl(url);
  });
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
      onNothing("There is no photo on the clipboard.");
    } catch {
      onNothing("This browser does not let the page read the clipboard; press Ctrl+V instead.");
    }
  });
}
