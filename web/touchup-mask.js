// touchup-mask.js - a mask at full resolution under a brush: strokes of a size and a softness, undone and done again. Pure: no
// page, no canvas; touchup-worker.js shows it, tests/web/touchup.test.mjs measures it.

const STEPS = 100; // that can be undone
const STEPS_BYTES = 256e6; // that they may take together

/** How much of a stroke a pixel takes, 0 to 255, at `distance` from its line. softness 0 (hard, smooth for one pixel) to 1. */
export function coverage(distance, radius, softness) {
  const fade = Math.max(1, radius * softness), inner = radius - fade + 0.5;
  const part = Math.min(1, Math.max(0, (radius + 0.5 - distance) / fade));
  if (distance <= inner) return 255;
  return Math.round(255 * part * part * (3 - 2 * part));
}

function joined(a, b) {
  if (!a) return b;
  const x = Math.min(a.x, b.x), y = Math.min(a.y, b.y);
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

export class MaskEditor {
  /** mask: Uint8Array [height][width], 255 is kept. It is changed in place. */
  constructor(mask, width, height) {
    Object.assign(this, { mask, width, height, before: mask.slice(), covered: new Uint8Array(mask.length), stroke: null });
    this.undone = []; // boxes of bytes to go back to, and forth
    this.done = [];
  }

  /** keep: paint what is kept (255), else what is not (0). radius in pixels of the mask. */
  begin({ keep, radius, softness }) {
    this.stroke = { value: keep ? 255 : 0, radius, softness, box: null };
  }

  /** One piece of the stroke; pixel (0, 0) has its middle at (0.5, 0.5). The box that has changed, or null outside. */
  line(x0, y0, x1, y1) {
    const { radius, softness, value } = this.stroke, { width, mask, before, covered } = this;
    const box = this.#around(x0, y0, x1, y1, radius + 1);
    if (!box) return null;
    const dx = x1 - x0, dy = y1 - y0, length = dx * dx + dy * dy;
    for (let y = box.y; y < box.y + box.height; y++)
      for (let x = box.x; x < box.x + box.width; x++) {
        const px = x + 0.5 - x0, py = y + 0.5 - y0;
        const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
        const part = coverage(Math.hypot(px - along * dx, py - along * dy), radius, softness), i = y * width + x;
        if (part <= covered[i]) continue; // a stroke that crosses itself does not count twice
        covered[i] = part;
        mask[i] = Math.round((before[i] * (255 - part) + value * part) / 255);
      }
    this.stroke.box = joined(this.stroke.box, box);
    return box;
  }

  end() {
    const box = this.stroke?.box;
    this.stroke = null;
    if (!box) return;
    this.done.push({ ...box, bytes: this.#cut(this.before, box) });
    this.undone = [];
    this.#settle(box);
    let bytes = 0;
    const first = this.done.findLastIndex((step) => (bytes += step.bytes.length) > STEPS_BYTES);
    this.done.splice(0, Math.max(first + 1, this.done.length - STEPS));
  }

  /** The box that has changed, or null where there is nothing to go back to. */
  undo() {
    return this.#swap(this.done, this.undone);
  }
  redo() {
    return this.#swap(this.undone, this.done);
  }

  #swap(from, to) {
    const step = from.pop();
    if (!step || this.stroke) return null;
    to.push({ ...step, bytes: this.#cut(this.mask, step) });
    for (let y = 0; y < step.height; y++)
      this.mask.set(step.bytes.subarray(y * step.width, (y + 1) * step.width), (step.y + y) * this.width + step.x);
    this.#settle(step);
    return step;
  }

  #around(x0, y0, x1, y1, reach) {
    const x = Math.max(0, Math.floor(Math.min(x0, x1) - reach)), y = Math.max(0, Math.floor(Math.min(y0, y1) - reach));
    const right = Math.min(this.width, Math.ceil(Math.max(x0, x1) + reach)), bottom = Math.min(this.height, Math.ceil(Math.max(y0, y1) + reach));
    return right > x && bottom > y ? { x, y, width: right - x, height: bottom - y } : null;
  }
  #cut(from, { x, y, width, height }) {
    const bytes = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) bytes.set(from.subarray((y + row) * this.width + x, (y + row) * this.width + x + width), row * width);
    return bytes;
  }
  // What the mask is now is what the next stroke begins with.
  #settle({ x, y, width, height }) {
    for (let row = y; row < y + height; row++) {
      const at = row * this.width + x;
      this.before.set(this.mask.subarray(at, at + width), at);
      this.covered.fill(0, at, at + width);
    }
  }
}
