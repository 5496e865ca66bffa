// photo.js - the ways in for a photo: picked, taken, dropped, pasted, or named by an address; and what is wrong with it as
// far as this page can tell. Each starts the work at once.
import { listenForDrops, listenForPastes } from "./arrivals.js";
import { $ } from "./dom.js";
import { showSamples } from "./samples.js";
import { toast } from "./toast.js";
import { t } from "./words.js";

const EXTENSION = /\.(jpe?g|jfif|png|webp|gif|avif|tiff?|heic|heif|jxl|bmp)$/i;
const ADDRESS = /^(https?:\/\/[^\s/]\S*|data:\S+)$/i;

/** Whether a file may be a photo, by what is known without reading it; the server has the last word. */
export function mayBePhoto(file) {
  return file.type.startsWith("image/") || EXTENSION.test(file.name) || (!file.type && !file.name.includes("."));
}

/** A telling name for a photo of either kind. */
export function nameOf({ file, url }) {
  if (file) return file.name || "photo";
  if (url.startsWith("data:")) return "photo";
  const last = url.split(/[?#]/)[0].split("/").pop();
  try {
    return decodeURIComponent(last) || "photo";
  } catch {
    return last; // "50%off.jpg": a percent sign that stands for itself
  }
}

/** onPhoto gets {file, preview} or {url, preview}; onMany a list of files; both are for the owner to keep. */
export function listenForPhotos(onPhoto, onMany) {
  function take(photo) {
    complain("");
    hint("");
    $("photo-file").value = $("photo-camera").value = ""; // so that the same file can be picked again
    $("photo-url").value = "";
    onPhoto(photo);
  }
  function takeFiles(files) {
    const photos = files.filter(mayBePhoto);
    for (const id of ["photo-file", "photo-camera", "photo-folder"]) $(id).value = "";
    if (!photos.length) return complain(t("photo.not", { name: files[0].name }), "photo-file");
    complain("");
    hint("");
    if (photos.length > 1) return onMany(photos);
    take({ file: photos[0], preview: URL.createObjectURL(photos[0]) });
  }
  function takeUrl(text) {
    const url = text.trim();
    if (ADDRESS.test(url) && URL.canParse(url)) take({ url, preview: url });
    else if (url) complain(t("photo.not.address"), "photo-url");
  }

  for (const id of ["photo-file", "photo-camera", "photo-folder"])
    $(id).addEventListener("change", ({ target }) => target.files[0] && takeFiles([...target.files]));
  $("photo-url").addEventListener("change", ({ target }) => takeUrl(target.value));
  $("photo-url").addEventListener("input", () => complain(""));
  listenForDrops(takeFiles, takeUrl);
  listenForPastes(takeFiles, takeUrl, hint);
  showSamples((file) => takeFiles([file]), () => hint(t("problem.offline")));
}

function hint(text) {
  if (text && $("photo").hidden) return toast.show(text);
  $("photo-hint").textContent = text;
}

/** Say what is wrong beside the control that it is about; "" takes it all back. */
function complain(text, id) {
  if (text && $("photo").hidden) return toast.show(text); // a photo is at work: nothing else is to be seen of this
  for (const [each, problem] of [["photo-file", "photo-problem"], ["photo-url", "photo-url-problem"]]) {
    $(problem).textContent = each === id ? text : "";
    if (each === id) $(each).setAttribute("aria-invalid", "true");
    else $(each).removeAttribute("aria-invalid");
  }
}
