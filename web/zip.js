// zip.js - files as one ZIP, made while it is read: one file is in memory at a time. They are stored as they are, since
// pictures do not shrink; no ZIP64, so 4 GB and 65535 files at most.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const MOST_BYTES = 0xffffffff, MOST_FILES = 0xffff;
const UTF8_NAMES = 0x0800;

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Little-endian: each field is [bytes, value]. */
function record(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

function dosTime(date) {
  return [(date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1),
    ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate()];
}

/** files: an iterable of {name, read}, where read() resolves to a Blob. A stream of bytes; onFile(count) after each file. */
export function zipOf(files, onFile = () => {}) {
  return ReadableStream.from ? ReadableStream.from(parts(files, onFile)) : streamOf(parts(files, onFile));
}

function streamOf(chunks) {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => chunks.return(),
  });
}

async function* parts(files, onFile) {
  const index = [], taken = new Set(), [time, day] = dosTime(new Date());
  let offset = 0;
  for (const { name, read } of files) {
    const bytes = new Uint8Array(await (await read()).arrayBuffer()), crc = crc32(bytes);
    const label = new TextEncoder().encode(unique(name, taken));
    const common = [[2, 20], [2, UTF8_NAMES], [2, 0], [2, time], [2, day], [4, crc], [4, bytes.length], [4, bytes.length], [2, label.length], [2, 0]];
    const head = record([4, 0x04034b50], ...common);
    index.push(record([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), label);
    offset += head.length + label.length + bytes.length;
    if (offset > MOST_BYTES || taken.size > MOST_FILES) throw new RangeError("more than a ZIP holds");
    yield head;
    yield label;
    yield bytes;
    onFile(taken.size);
  }
  const size = index.reduce((sum, each) => sum + each.length, 0);
  yield* index;
  yield record([4, 0x06054b50], [2, 0], [2, 0], [2, taken.size], [2, taken.size], [4, size], [4, offset], [2, 0]);
}

/** photo.png, photo (2).png ... */
function unique(name, taken) {
  const [, stem, ending] = /^(.*?)(\.[^.]*)?$/s.exec(name);
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${stem} (${n})${ending ?? ""}`;
  taken.add(free);
  return free;
}
