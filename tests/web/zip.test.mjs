// zip.test.mjs - the ZIP of many photos as Python reads it: plain, and where an archive is larger than ZIP without ZIP64 holds.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { folder, source } from "./support.mjs";

const { ZipRecords, crc32, zipOf } = await import(`data:text/javascript;base64,${readFileSync(join(source, "web/zip.js")).toString("base64")}`);
const place = folder();
after(() => rmSync(place, { recursive: true, force: true }));

/** What python says: `shown` is an expression over the archive z. */
function python(file, shown) {
  return JSON.parse(execFileSync("python3", ["-c", `import json, sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
print(json.dumps(${shown}))`, file], { encoding: "utf8", maxBuffer: 1 << 26 }));
}

async function written(files, name) {
  const file = join(place, name), chunks = [];
  for await (const chunk of zipOf(files)) chunks.push(chunk);
  writeFileSync(file, Buffer.concat(chunks));
  return file;
}
const text = (name, words) => ({ name, read: async () => new Blob([words]) });
const zip64 = (bytes) => bytes.includes(Buffer.from("PK\x06\x06", "latin1"));

test("a few files: no ZIP64, which old programs do not read", async () => {
  const file = await written([text("a.png", "one"), text("ä.png", "zwei"), text("a.png", "three"), text("empty", "")], "few.zip");
  assert.deepEqual(python(file, "[z.testzip(), [[i.filename, z.read(i).decode(), i.extract_version, len(i.extra)] for i in z.infolist()]]"),
    [null, [["a.png", "one", 20, 0], ["ä.png", "zwei", 20, 0], ["a (2).png", "three", 20, 0], ["empty", "", 20, 0]]]);
  assert.equal(zip64(readFileSync(file)), false);
});

test("names that one disk tells apart and another does not", async () => {
  const names = ["Shoe.png", "shoe.PNG", "caf\u00e9.png", "cafe\u0301.png", "SHOE.png"];
  const file = await written(names.map((name) => text(name, "")), "alike.zip");
  assert.deepEqual(python(file, "[i.filename for i in z.infolist()]"),
    ["Shoe.png", "shoe (2).PNG", "caf\u00e9.png", "cafe\u0301 (2).png", "SHOE (3).png"]);
});

test("65,534 files, and one more", () => {
  for (const [count, large] of [[65534, false], [65535, true]]) {
    const records = new ZipRecords(), chunks = [], words = Buffer.from("x"), sum = crc32(words);
    for (let i = 0; i < count; i++) chunks.push(...records.begin(`${i}.txt`, 1, sum), words);
    const bytes = Buffer.concat([...chunks, ...records.end()]), file = join(place, "many.zip");
    writeFileSync(file, bytes);
    assert.deepEqual(python(file, "[len(z.namelist()), z.namelist()[-1], z.read(z.namelist()[-1]).decode()]"), [count, `${count - 1}.txt`, "x"]);
    assert.equal(zip64(bytes), large);
  }
});

// Files with holes in them: what is not written costs no disk.
test("a file beyond 4 GiB, and files that lie behind 4 GiB", () => {
  const file = join(place, "large.zip"), descriptor = openSync(file, "w"), records = new ZipRecords();
  let at = 0;
  const write = (bytes) => { at += writeSync(descriptor, bytes, 0, bytes.length, at); };
  const add = (name, bytes) => {
    for (const each of records.begin(name, bytes.length, crc32(bytes))) write(each);
    write(bytes);
  };
  const words = Buffer.from("a photo's bytes");
  add("first.txt", words);
  const size = 5 * 2 ** 30;
  for (const each of records.begin("large.bin", size, 0)) write(each);
  at += size;
  add("behind.txt", words);
  add("last.txt", words);
  for (const each of records.end()) write(each);
  closeSync(descriptor);
  assert.deepEqual(python(file, `[[[i.filename, i.file_size, i.header_offset > 2**32, i.extract_version] for i in z.infolist()],
    [z.read(name).decode() for name in z.namelist() if name != "large.bin"], z.open("large.bin").read(4).hex()]`),
  [[["first.txt", words.length, false, 20], ["large.bin", size, false, 45], ["behind.txt", words.length, true, 45], ["last.txt", words.length, true, 45]],
    Array(3).fill(String(words)), "00000000"]);
});
