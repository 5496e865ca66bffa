// photo.js - the photo to work on: picked, dropped, pasted, or named by an address; its preview; and what is wrong with it as
// far as this page can tell.
import { listenForDrops, listenForPastes } from "./arrivals.js";

const $ = (id) => document.getElementById(id);
const HINT = "Drop a photo anywhere on this page, or paste one.";
const KINDS = "JPEG, PNG, WebP, GIF, AVIF, TIFF, HEIC, JPEG XL and BMP work.";
const EXTENSION = /\.(jpe?g|jfif|png|webp|gif|avif|tiff?|heic|heif|jxl|bmp)$/i;
const ADDRESS = /^(https?:\/\/[^\s/]\S*|data:\S+)$/i;

/** Whether a file may be a photo, by what is known without reading it; the server has the last word. */
function mayBePhoto(file) {
  return file.type.startsWith("image/") || EXTENSION.test(file.name) || (!file.type && !file.name.includes("."));
}

function isAddress(text) {
  return ADDRESS.test(text) && URL.canParse(text);
}

/** 1234567 as "1.2 MB". */
export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  if (count < 1e6) return `${Math.round(count / 1000)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

/** onChange is called with the photo: {file, preview} or {url, preview}, or null. preview is null where this browser cannot
 * show it, which may turn out later: then onChange is called again. */
export function createPhoto(onChange) {
  let photo = null;

  function set(next) {
    if (photo?.file) URL.revokeObjectURL(photo.preview);
    photo = next;
    if (photo?.file !== $("photo-file").files[0]) $("photo-file").value = ""; // so that the same file can be picked again
    hint("");
    complain("");
    show(photo, () => photo === next && onChange(photo));
    onChange(photo);
  }
  function hint(text) {
    $("photo-hint").textContent = text || (photo ? "" : HINT);
  }
  function setFiles(files) {
    const [file] = files;
    if (!mayBePhoto(file)) {
      $("photo-file").value = "";
      hint("");
      return complain(`${file.name} is not a photo${photo ? "; the one below stays chosen" : ""}. ${KINDS}`, "photo-file");
    }
    $("photo-url").value = "";
    set({ file, preview: URL.createObjectURL(file) });
    if (files.length > 1) hint(`There were ${files.length} files; only the first, ${file.name}, is taken.`);
  }
  function setUrl(text, preview) {
    const url = text.trim();
    set(isAddress(url) ? { url, preview: preview ?? url } : null);
    if (url && !photo) complain("Write the whole address of a photo; it begins with https:// or http://.", "photo-url");
  }
  function useAddress(url, preview) {
    $("photo-url").value = url;
    setUrl(url, preview);
  }

  $("photo-file").addEventListener("change", (event) => event.target.files[0] && setFiles([...event.target.files]));
  // Chromium may tell of a change only after a photo that was dropped meanwhile has emptied the field
  $("photo-url").addEventListener("change", ({ target }) => {
    if (target.value.trim() || !photo?.file) setUrl(target.value);
  });
  $("photo-url").addEventListener("input", () => complain(""));
  $("photo-clear").addEventListener("click", () => {
    $("photo-url").value = "";
    set(null);
    $("photo-file").focus();
  });
  listenForDrops(setFiles, useAddress);
  listenForPastes(setFiles, useAddress, (text) => hint(`${text}${photo ? " The photo below stays chosen." : ""}`));

  return {
    get: () => photo,
    useAddress,
    /** Lead the person to what is missing. */
    ask() {
      const address = $("photo-url").value.trim();
      if (address) setUrl(address);
      else if (!$("photo-problem").textContent) complain("Choose a photo first.", "photo-file");
      $(address ? "photo-url" : "photo-file").focus({ preventScroll: true });
      $(address ? "photo-url" : "photo").scrollIntoView({ block: "center" });
    },
  };
}

/** Say what is wrong beside the control that it is about; "" takes it all back. */
function complain(text, id) {
  for (const each of ["photo-file", "photo-url"]) {
    const problem = $(each === "photo-file" ? "photo-problem" : "photo-url-problem");
    problem.textContent = each === id ? text : "";
    if (each === id) $(each).setAttribute("aria-invalid", "true");
    else $(each).removeAttribute("aria-invalid");
  }
}

function show(photo, onUnseen) {
  const image = $("photo-preview"), facts = $("photo-facts");
  $("photo").classList.toggle("has-photo", Boolean(photo));
  $("photo-clear").hidden = !photo;
  facts.hidden = !photo;
  image.hidden = true;
  if (!photo) return image.removeAttribute("src");
  const name = photo.file ? `${photo.file.name || "Pasted photo"}, ${bytes(photo.file.size)}` : "";
  const unseen = () => {
    photo.preview = null;
    facts.textContent = [name, "no preview in this browser"].filter(Boolean).join(", ");
  };
  facts.textContent = name;
  if (!photo.preview) return unseen();
  image.referrerPolicy = "no-referrer";
  image.onload = () => {
    image.hidden = false;
    photo.width = image.naturalWidth;
    photo.height = image.naturalHeight;
    facts.textContent = [name, `${photo.width} × ${photo.height} pixels`].filter(Boolean).join(", ");
  };
  image.onerror = () => {
    unseen();
    onUnseen();
  };
  image.src = photo.preview;
}
