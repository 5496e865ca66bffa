// touchup-worker.js - the mask's own thread: paints into it, shows what is not kept on the page's canvas, makes the PNG. So a
// photo of many megapixels does not hold up the page.
import { MaskEditor } from "./touchup-mask.js";

const VEIL = [255, 0, 122], VEIL_MOST = 176; // over what is not kept: RGB, and how opaque at most
// for each value of the mask, RGBA as the 32 bits of a canvas (little-endian, as every machine with a browser is)
const VEILS = Uint32Array.from({ length: 256 }, (_, kept) =>
  VEIL[0] | (VEIL[1] << 8) | (VEIL[2] << 16) | (Math.round((VEIL_MOST * (255 - kept)) / 255) << 24));

let editor = null, context = null;

async function open({ canvas, mask, width, height }) {
  const bitmap = await createImageBitmap(mask);
  if (bitmap.width !== width || bitmap.height !== height) throw new Error(`The mask is ${bitmap.width} × ${bitmap.height}`);
  const reader = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  reader.drawImage(bitmap, 0, 0);
  bitmap.close();
  const bytes = new Uint8Array(width * height);
  const rgba = reader.getImageData(0, 0, width, height).data;
  for (let i = 0; i < bytes.length; i++) bytes[i] = rgba[4 * i];
  Object.assign(canvas, { width, height });
  context = canvas.getContext("2d");
  editor = new MaskEditor(bytes, width, height);
  show({ x: 0, y: 0, width, height });
}

function show(box) {
  if (!box) return;
  const veil = context.createImageData(box.width, box.height), pixels = new Uint32Array(veil.data.buffer), { mask, width } = editor;
  for (let y = 0, i = 0; y < box.height; y++)
    for (let x = 0; x < box.width; x++, i++) pixels[i] = VEILS[mask[(box.y + y) * width + box.x + x]];
  context.putImageData(veil, box.x, box.y);
}

async function png() {
  const { mask, width, height } = editor, picture = new ImageData(width, height), pixels = new Uint32Array(picture.data.buffer);
  for (let i = 0; i < mask.length; i++) pixels[i] = 0xff000000 | (0x010101 * mask[i]);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

const DO = {
  open,
  begin: (brush) => editor.begin(brush),
  line: ({ points }) => { for (let i = 2; i < points.length; i += 2) show(editor.line(points[i - 2], points[i - 1], points[i], points[i + 1])); },
  end: () => editor.end(),
  undo: () => show(editor.undo()),
  redo: () => show(editor.redo()),
  png,
};

let last = Promise.resolve(); // one after the other, as they came
onmessage = ({ data: { name, number, ...what } }) => {
  last = last.then(() => DO[name](what)).then(
    (made) => postMessage({ number, made, undo: editor.done.length, redo: editor.undone.length }),
    (error) => postMessage({ number, problem: error.message }));
};
