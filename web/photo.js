// photo.js - the photo to work on: picked, dropped, pasted, or named by an address; and its preview.

const $ = (id) => document.getElementById(id);

/** onChange is called with the photo: {file, preview} or {url, preview}, or null. */
export function createPhoto(onChange) {
  let photo = null;

  function set(next) {
    if (photo?.file) URL.revokeObjectURL(photo.preview);
    photo = next;
    show(photo);
    onChange(photo);
  }
  function setFile(file) {
    $("photo-url").value = "";
    set({ file, preview: URL.createObjectURL(file) });
  }
  function setUrl(text, preview) {
    const url = text.trim();
    $("photo-file").value = "";
    set(url ? { url, preview: preview ?? url } : null);
  }

  $("photo-file").addEventListener("change", (event) => event.target.files[0] && setFile(event.target.files[0]));
  $("photo-url").addEventListener("change", (event) => setUrl(event.target.value));
  $("photo-clear").addEventListener("click", () => {
    $("photo-url").value = "";
    setUrl("");
    $("photo-file").focus();
  });
  listenForDrops(setFile, useAddress);
  listenForPastes(setFile, useAddress);

  function useAddress(url, preview) {
    $("photo-url").value = url;
    setUrl(url, preview);
  }
  return { get: () => photo, useAddress };
}

function show(photo) {
  const image = $("photo-preview"), facts = $("photo-facts");
  $("photo").classList.toggle("has-photo", Boolean(photo));
  $("photo-hint").hidden = Boolean(photo);
  $("photo-clear").hidden = !photo;
  facts.hidden = !photo;
  image.hidden = true;
  if (!photo) return image.removeAttribute("src");
  const name = photo.file ? `${photo.file.name || "Pasted photo"}, ${bytes(photo.file.size)}` : "";
  facts.textContent = name;
  image.referrerPolicy = "no-referrer";
  image.onload = () => {
    image.hidden = false;
    photo.width = image.naturalWidth;
    photo.height = image.naturalHeight;
    facts.textContent = [name, `${photo.width} × ${photo.height} pixels`].filter(Boolean).join(", ");
  };
  image.onerror = () => {
    photo.preview = null;
    facts.textContent = [name, "no preview in this browser"].filter(Boolean).join(", ");
  };
  image.src = photo.preview;
}

/** 1234567 as "1.2 MB". */
export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  if (count < 1e6) return `${Math.round(count / 1000)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

function listenForDrops(onFile, onUrl) {
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
    const file = event.dataTransfer.files[0];
    const url = event.dataTransfer.getData("text/uri-list").split("\n")[0].trim();
    if (file) onFile(file);
    else if (/^https?:/.test(url)) onUrl(url);
  });
}

function listenForPastes(onFile, onUrl) {
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData.files[0];
    const text = event.clipboardData.getData("text/plain").trim();
    if (file) {
      event.preventDefault();
      onFile(file);
    } else if (/^https?:\/\/\S+$/.test(text) && !event.target.closest?.("input, textarea")) {
      onUrl(text);
    }
  });
  if (!navigator.clipboard?.read) return;
  $("photo-paste").hidden = false;
  $("photo-paste").addEventListener("click", async () => {
    const hint = $("photo-hint");
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((each) => each.startsWith("image/"));
        if (type) return onFile(new File([await item.getType(type)], `pasted.${type.slice(6)}`, { type }));
      }
      hint.textContent = "There is no photo on the clipboard.";
    } catch {
      hint.textContent = "This browser does not let the page read the clipboard; press Ctrl+V instead.";
    }
    hint.hidden = false;
  });
}
