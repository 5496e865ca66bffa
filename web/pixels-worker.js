// pixels-worker.js - pixels put through a change one by one, in a thread of their own, so that a photo of many megapixels does
// not hold up the page. One message in, {name, blob}; one out, {made} or {problem}.

const EDGE = [255, 0, 122]; // seen on any photo

const CHANGES = {
  /** How opaque each pixel of a cut-out is, as a picture of its own. */
  mask(data) {
    for (let i = 0; i < data.length; i += 4) {
      data[i] = data[i + 1] = data[i + 2] = data[i + 3];
      data[i + 3] = 255;
    }
  },
  /** The cut-out in grey, with colour where it is neither there nor gone, or changes between two pixels. */
  edge(data, width) {
    const row = 4 * width;
    for (let i = 0; i < data.length; i += 4) {
      const alpha = data[i + 3];
      const right = data[i + 7] ?? alpha, below = data[i + row + 3] ?? alpha;
      const soft = (4 * alpha * (255 - alpha)) / 65025, hard = Math.max(Math.abs(alpha - right), Math.abs(alpha - below)) / 255;
      const part = Math.min(1, Math.max(soft, hard) * 1.5);
      const grey = (0.35 * (data[i] + data[i + 1] + data[i + 2]) / 3 * alpha) / 255 + 26;
      for (let c = 0; c < 3; c++) data[i + c] = grey + (EDGE[c] - grey) * part;
      data[i + 3] = 255; // written after its left and upper neighbours have read it
    }
  },
};

async function changed(blob, change) {
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  change(pixels.data, canvas.width);
  context.putImageData(pixels, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

onmessage = ({ data: { name, blob } }) => changed(blob, CHANGES[name]).then((made) => postMessage({ made }),
  (error) => postMessage({ problem: error.message }));
