// result.js - the files of a result, brought into the page: shown, offered for download under a telling name, described.
import { here } from "./api.js";
import { createStage } from "./compare.js";
import { compose } from "./compose.js";
import { bytes } from "./photo.js";

const $ = (id) => document.getElementById(id);
const EXTENSIONS = { "image/png": "png", "image/webp": "webp", "image/gif": "gif", "image/jpeg": "jpg" };
const THUMB_PX = 200;

async function load(file) {
  const response = await fetch(here(file.url));
  if (!response.ok) throw new Error("The file of this result is no longer on the server.");
  const age = /max-age=(\d+)/.exec(response.headers.get("cache-control") ?? "");
  const blob = await response.blob();
  return { blob, url: URL.createObjectURL(blob), type: file.content_type ?? blob.type, keptS: age ? Number(age[1]) : null };
}

// The mask as a picture of its own: how opaque each pixel of the cut-out is.
async function maskOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height); // RGBA, 8 bits each
  const data = pixels.data;
  for (let i = 0; i < data.length; i += 4) {
    data[i] = data[i + 1] = data[i + 2] = data[i + 3];
    data[i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** A small picture of a result as a data URI, for the list of recent ones. */
export async function thumbnail(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const scale = Math.min(1, THUMB_PX / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", 0.8);
}

function offer(link, file, name, words) {
  const extension = EXTENSIONS[file.type] ?? "bin";
  link.href = file.url;
  link.download = `${name}.${extension}`;
  link.textContent = `${words} (${extension.toUpperCase()}, ${bytes(file.blob.size)})`;
}

function showFacts(facts) {
  const rows = facts.filter(([, value]) => value).map(([name, value]) => {
    const row = document.createElement("div");
    row.append(Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value }));
    return row;
  });
  $("facts").replaceChildren(...rows);
}

/** The place where results are shown. */
export function createResult() {
  let image = null, mask = null, before = null, onlyMask = false, stem = "photo";

  const stage = createStage(async (view) => {
    if (view !== "mask" || !image) return;
    if (onlyMask) return stage.setMask(image.url);
    if (!mask) {
      const blob = await maskOf(image.blob);
      mask = { blob, url: URL.createObjectURL(blob), type: "image/png" };
      offerMask();
    }
    stage.setMask(mask.url);
  }, offerShown);

  function offerMask() {
    $("download-mask").hidden = !mask || onlyMask;
    if (mask) offer($("download-mask"), mask, `${stem}-mask`, "Download mask");
  }

  function offerShown() {
    const ground = image && !onlyMask ? stage.ground() : null;
    const what = ground?.image ? "image" : "colour";
    $("download-shown").hidden = !ground;
    $("download-note").textContent = ground
      ? `“Download” stays transparent; “Download as shown” is the whole cut-out on this ${what}.` : "";
  }

  async function downloadShown() {
    try {
      const blob = await compose(image.url, stage.ground());
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${stem}-shown.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000); // the browser has taken it by then
    } catch (error) {
      $("download-note").textContent = error.message;
    }
  }
  $("download-shown").addEventListener("click", downloadShown);

  async function copy() {
    const button = $("copy-image");
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": image.blob })]);
      button.textContent = "Copied";
    } catch {
      button.textContent = "This browser does not allow it";
    }
    setTimeout(() => { button.textContent = "Copy the image"; }, 2000);
  }
  $("copy-image").addEventListener("click", copy);

  return {
    /** shown: {output, input, before, name, weights, saw, seconds}; before is an address, a file, or null. Resolves to {url, keptS} of the image. */
    async show(shown) {
      const [nextImage, nextMask] = await Promise.all([load(shown.output.image),
        shown.output.mask_image ? load(shown.output.mask_image) : null]);
      for (const old of [image, mask, before]) if (old) URL.revokeObjectURL(old.url);
      image = nextImage;
      mask = nextMask;
      // an address of its own: the photo may be chosen away while its result is looked at
      before = shown.before instanceof Blob ? { url: URL.createObjectURL(shown.before) } : null;
      onlyMask = Boolean(shown.input.mask_only);
      stem = shown.name.replace(/\.[^.]*$/, "") || "photo";
      const { width, height } = shown.output.image;
      await stage.show({ before: before?.url ?? shown.before, after: image.url, width, height, onlyMask });
      offer($("download"), image, `${stem}-${onlyMask ? "mask" : "cutout"}`, "Download");
      offerMask();
      $("copy-image").hidden = image.type !== "image/png" || !globalThis.ClipboardItem || !navigator.clipboard?.write;
      showFacts([["Size", `${width} × ${height}`], ["Network saw", shown.saw], ["Computed in", shown.seconds ? `${shown.seconds.toFixed(1)} s` : ""],
        ["Weights", shown.weights]]);
      return { url: image.url, keptS: image.keptS };
    },
  };
}
