// pixels.js - pictures made from pictures: read, mask, edge, blurred ground, composed and scaled, small.
import { t } from "./words.js";

const THUMB_PX = 200;
const BLUR_PX = 640; // of the longer side of a blurred ground: more would not be seen

/** A picture that has been read, from its address. */
export async function readImage(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

function canvasOf(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error(t("problem.draw"));
  context.imageSmoothingQuality = "high";
  return { canvas, context };
}

function toBlob(canvas, type = "image/png", quality = 0.92) {
  return new Promise((resolve, reject) => {
    try {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(t("problem.draw")))), type, quality);
    } catch (error) {
      // what came from elsewhere may be shown, but not read again
      reject(error.name === "SecurityError" ? new Error(t("problem.elsewhere")) : error);
    }
  });
}

// A cut-out as another picture, a PNG; a worker for each, so that its memory goes with it.
function changed(blob, name) {
  const worker = new Worker(new URL("pixels-worker.js", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data: { made, problem } }) => (problem ? reject(new Error(problem)) : resolve(made));
    worker.onerror = () => reject(new Error(t("problem.draw")));
    worker.postMessage({ name, blob });
  }).finally(() => worker.terminate());
}

/** How opaque each pixel of a cut-out is. */
export const maskOf = (blob) => changed(blob, "mask");

/** Where a cut-out is neither there nor gone. */
export const edgeOf = (blob) => changed(blob, "edge");

/** A photo out of focus, to lie behind its own subject: a picture's address. What the subject (`cutout`, a picture of the same
 * shape, or null) covers takes the colours around it: else its own would show beside it. */
export async function blurred(url, cutout) {
  const image = await readImage(url);
  const scale = Math.min(1, BLUR_PX / Math.max(image.naturalWidth, image.naturalHeight));
  const size = [Math.max(1, Math.round(image.naturalWidth * scale)), Math.max(1, Math.round(image.naturalHeight * scale))];
  const { canvas, context } = canvasOf(...size), reach = Math.round(Math.max(...size) / 40);
  // larger than the canvas, so that its edges do not fade
  const draw = (picture, radius) => {
    context.filter = `blur(${radius}px)`;
    context.drawImage(picture, -2 * reach, -2 * reach, canvas.width + 4 * reach, canvas.height + 4 * reach);
  };
  draw(image, reach);
  if (cutout) {
    const around = await without(image, await readImage(cutout), size);
    for (const times of [8, 8, 4, 4, 2, 2, 1, 1]) draw(around, times * reach); // far colours where there are no near ones
  }
  return URL.createObjectURL(await toBlob(canvas, "image/jpeg", 0.9));
}

// A picture with a hole where the subject is, and a little beyond: lenses spread colours over its edge.
async function without(image, subject, size) {
  const { canvas, context } = canvasOf(...size);
  context.drawImage(image, 0, 0, ...size);
  context.globalCompositeOperation = "destination-out";
  context.filter = "blur(2px)";
  for (let i = 0; i < 4; i++) context.drawImage(subject, 0, 0, ...size);
  return canvas;
}

// As CSS does it with background-size: cover and background-position: center.
function cover(context, image, width, height) {
  const scale = Math.max(width / image.naturalWidth, height / image.naturalHeight);
  const [wide, high] = [image.naturalWidth * scale, image.naturalHeight * scale];
  context.drawImage(image, (width - wide) / 2, (height - high) / 2, wide, high);
}

/** `url`'s picture, `width` pixels wide, on `ground` ({colour}, {image} or null), as a Blob of `type`. */
export async function compose(url, { ground, width, type }) {
  const image = await readImage(url);
  const height = Math.max(1, Math.round((image.naturalHeight * width) / image.naturalWidth));
  const { canvas, context } = canvasOf(width, height);
  if (ground?.image) cover(context, ground.image, width, height);
  const colour = ground?.colour ?? (type === "image/jpeg" && !ground ? "#ffffff" : null);
  if (colour) {
    context.fillStyle = colour;
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(image, 0, 0, width, height);
  return toBlob(canvas, type);
}

/** A small picture of a result as a data URI, for the list of recent ones. */
export async function thumbnail(url) {
  const image = await readImage(url);
  const scale = Math.min(1, THUMB_PX / Math.max(image.naturalWidth, image.naturalHeight));
  const { canvas, context } = canvasOf(Math.max(1, Math.round(image.naturalWidth * scale)), Math.max(1, Math.round(image.naturalHeight * scale)));
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/webp", 0.8);
}
