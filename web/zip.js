// zip.js - files as one ZIP, made while it is read: one file is in memory at a time. They are stored as they are, since
// pictures do not shrink. What is beyond 4 GiB or 65,535 files has ZIP64's records (APPNOTE 4.3.14, 4.5.3) besides.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const FULL32 = 0xffffffff, FULL16 = 0xffff; // in a field: it stands in ZIP64's record
const UTF8_NAMES = 0x0800, PLAIN = 20, ZIP64 = 45; // versions that are needed to read it

export function crc32(bytes) {
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
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

function dosTime(date) {
  return [(date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1),
    ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate()];
}

/** ZIP64's extra field with those values that no 32 bits hold, in the order that the format gives them. */
function wide(values) {
  const large = values.filter((value) => value >= FULL32);
  return large.length ? record([2, 1], [2, 8 * large.length], ...large.map((value) => [8, value])) : new Uint8Array();
}

/** The records around the files of an archive; it knows no bytes but their number. */
export class ZipRecords {
  #index = [];
  #taken = new Set();
  #offset = 0;
  #time = dosTime(new Date());

  get count() {
    return this.#taken.size;
  }

  /** What stands before a file's `size` bytes. Names that are alike are told apart. */
  begin(name, size, crc) {
    const label = new TextEncoder().encode(unique(name, this.#taken)), offset = this.#offset;
    const extra = wide([size, size]), far = wide([size, size, offset]), small = Math.min(size, FULL32);
    const common = (version, extraBytes) => [[2, version], [2, UTF8_NAMES], [2, 0], [2, this.#time[0]], [2, this.#time[1]], [4, crc],
      [4, small], [4, small], [2, label.length], [2, extraBytes]];
    const needed = far.length ? ZIP64 : PLAIN;
    const head = record([4, 0x04034b50], ...common(needed, extra.length));
    this.#index.push(record([4, 0x02014b50], [2, needed], ...common(needed, far.length), [2, 0], [2, 0], [2, 0], [4, 0],
      [4, Math.min(offset, FULL32)]), label, far);
    this.#offset += head.length + label.length + extra.length + size;
    return [head, label, extra];
  }

  /** What stands behind all files. */
  end() {
    const size = this.#index.reduce((sum, each) => sum + each.length, 0), count = this.#taken.size, offset = this.#offset;
    const last = record([4, 0x06054b50], [2, 0], [2, 0], [2, Math.min(count, FULL16)], [2, Math.min(count, FULL16)],
      [4, Math.min(size, FULL32)], [4, Math.min(offset, FULL32)], [2, 0]);
    if (count < FULL16 && size < FULL32 && offset < FULL32) return [...this.#index, last];
    const whole = record([4, 0x06064b50], [8, 44], [2, ZIP64], [2, ZIP64], [4, 0], [4, 0], [8, count], [8, count], [8, size], [8, offset]);
    const where = record([4, 0x07064b50], [4, 0], [8, offset + size], [4, 1]);
    return [...this.#index, whole, where, last];
  }
}

/** files: an iterable of {name, read}, where read() resolves to a Blob, or to null for one to be left out. A stream of bytes; onFile(count) after each file. */
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
  const records = new ZipRecords();
  for (const { name, read } of files) {
    const blob = await read();
    if (!blob) continue;
    const bytes = new Uint8Array(await blob.arrayBuffer());
    yield* records.begin(name, bytes.length, crc32(bytes));
    yield bytes;
    onFile(records.count);
  }
  yield* records.end();
}

// As the disks of Windows and macOS tell names apart, where Shoe.png would replace shoe.png.
const onDisk = (name) => name.normalize("NFC").toLowerCase();

/** photo.png, photo (2).png ... */
function unique(name, taken) {
  const [, stem, ending] = /^(.*?)(\.[^.]*)?$/s.exec(name);
  let free = name;
  for (let n = 2; taken.has(onDisk(free)); n++) free = `${stem} (${n})${ending ?? ""}`;
  taken.add(onDisk(free));
  return free;
}
