// touchup.test.mjs - POST /touchup: what an edited mask makes of a photo, and masks that are none.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { crc32, deflateSync, inflateSync } from "node:zlib";
import { dot, host, photo, serve } from "./support.mjs";

let server;
before(async () => { server = await serve(); });
after(() => server.stop());

const uri = (type, bytes) => `data:${type};base64,${bytes.toString("base64")}`;
const image_url = uri("image/jpeg", photo);
const post = (own, path, body, headers = {}) =>
  fetch(own.url + path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
async function made(path, body) {
  const answer = await post(server, path, body);
  const output = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(output).slice(0, 300));
  const bytes = async (file) => file && Buffer.from(await (await fetch(file.url)).arrayBuffer());
  return { image: await bytes(output.image), mask: await bytes(output.mask_image), facts: output.image };
}

/** A PNG of 8 bits: channels 1 grey, 4 RGBA. */
function png(width, height, channels, at) {
  const rows = Buffer.alloc(height * (1 + width * channels));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) rows.set(at(x, y), y * (1 + width * channels) + 1 + x * channels);
  return wrap(width, height, channels === 1 ? 0 : 6, deflateSync(rows));
}
function wrap(width, height, colour, data) {
  const chunk = (type, bytes) => {
    const body = Buffer.concat([Buffer.from(type), bytes]), made = Buffer.alloc(8 + body.length);
    made.writeUInt32BE(bytes.length, 0);
    body.copy(made, 4);
    made.writeUInt32BE(crc32(body), 4 + body.length);
    return made;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, colour, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}
/** {width, height, channels, data} of a PNG of 8 bits without interlace. */
function pixels(bytes) {
  const width = bytes.readUInt32BE(16), height = bytes.readUInt32BE(20), channels = { 0: 1, 2: 3, 6: 4 }[bytes[25]];
  const parts = [];
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at))
    if (bytes.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  const rows = inflateSync(Buffer.concat(parts)), row = width * channels, data = Buffer.alloc(row * height);
  for (let y = 0; y < height; y++)
    for (let i = 0; i < row; i++) {
      const left = i < channels ? 0 : data[y * row + i - channels], up = y ? data[(y - 1) * row + i] : 0;
      const corner = y && i >= channels ? data[(y - 1) * row + i - channels] : 0;
      const [a, b, c] = [left, up, corner].map((each) => Math.abs(left + up - corner - each));
      const paeth = a <= b && a <= c ? left : b <= c ? up : corner;
      data[y * row + i] = rows[y * (row + 1) + 1 + i] + [0, left, up, (left + up) >> 1, paeth][rows[y * (row + 1)]];
    }
  return { width, height, channels, data };
}

let run;
test("the run's own mask gives the run's own bytes, refined or not, in each format", async () => {
  for (const fields of [{ output_format: "png" }, { output_format: "webp" }, { output_format: "png", refine_foreground: false },
    { output_format: "png", crop: true }, { output_format: "png", shadow: "soft", canvas: "300x300" }]) {
    const plain = await made("/run/fal-ai/birefnet/v2", { image_url, output_mask: true, output_format: "png" });
    const wanted = await made("/run/fal-ai/birefnet/v2", { image_url, ...fields });
    const again = await made("/touchup", { image_url, mask_url: uri("image/png", plain.mask), ...fields });
    assert.ok(again.image.equals(wanted.image), JSON.stringify(fields));
    run = plain;
  }
});

test("what was painted is what is kept", async () => {
  const { width, height, data } = pixels(run.mask);
  assert.deepEqual([width, height], [400, 446]);
  const painted = (x, y) => (x < 100 ? 255 : x < 200 ? 0 : x < 300 ? 77 : data[y * width + x]);
  const grey = png(width, height, 1, (x, y) => [painted(x, y)]);
  const colour = png(width, height, 4, (x, y) => (x >= 100 && x < 200 ? [255, 255, 255, 0] : [painted(x, y), painted(x, y), painted(x, y), 255]));
  for (const mask of [grey, colour]) {
    const { image, mask: back } = await made("/touchup", { image_url, mask_url: uri("image/png", mask), output_format: "png", output_mask: true });
    const result = pixels(image), matte = pixels(back);
    assert.equal(result.channels, 4);
    for (let i = 0; i < width * height; i++) {
      const value = painted(i % width, Math.floor(i / width));
      if (result.data[4 * i + 3] !== value || matte.data[i] !== value) assert.fail(`pixel ${i}: ${result.data[4 * i + 3]}, ${matte.data[i]}, not ${value}`);
    }
  }
});

test("an uploaded mask, and a mask of another host", async () => {
  const begun = await (await post(server, "/rest/storage/upload/initiate", { content_type: "image/png", file_name: "mask.png" })).json();
  await fetch(begun.upload_url, { method: "PUT", body: run.mask });
  const wanted = await made("/touchup", { image_url, mask_url: uri("image/png", run.mask), output_format: "png" });
  assert.ok((await made("/touchup", { image_url, mask_url: begun.file_url, output_format: "png" })).image.equals(wanted.image));
  const hoster = await host();
  const mask_url = `${hoster.url}/dot`;
  const body = { image_url: dot, mask_url };
  assert.equal((await post(server, "/touchup", body)).status, 200);
  const foreign = await post(server, "/touchup", body, { origin: "https://evil.example" });
  assert.equal(foreign.status, 422, "a page of others does not lead into the network by a mask either");
  assert.deepEqual((await foreign.json()).detail[0].loc, ["body", "mask_url"]);
  hoster.close();
});

async function upload(own, bytes, type, headers = {}) {
  const begun = await (await post(own, "/rest/storage/upload/initiate", { content_type: type, file_name: "a file" }, headers)).json();
  await fetch(begun.upload_url, { method: "PUT", body: bytes });
  return begun.file_url;
}

test("the id of a request that has ended stands for its photo, also of a touch-up itself", async () => {
  const photo_url = await upload(server, photo, "image/jpeg"), mask_url = uri("image/png", run.mask);
  const first = await post(server, "/run/fal-ai/birefnet/v2", { image_url: photo_url });
  assert.equal(first.status, 200);
  const wanted = await made("/touchup", { image_url, mask_url, output_format: "webp" });
  let request_id = first.headers.get("x-fal-request-id");
  for (let turn = 0; turn < 2; turn++) {
    const answer = await post(server, "/touchup", { request_id, mask_url, output_format: "webp" });
    const output = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(output));
    assert.ok(Buffer.from(await (await fetch(output.image.url)).arrayBuffer()).equals(wanted.image));
    request_id = answer.headers.get("x-fal-request-id");
  }
  const other = await made("/touchup", { image_url: dot, request_id, mask_url: uri("image/png", png(2, 2, 1, () => [255])) });
  assert.deepEqual([other.facts.width, other.facts.height], [2, 2], "a photo that is given is the photo");
});

test("ids that stand for no photo", async () => {
  const inside = (await post(server, "/run/fal-ai/birefnet/v2", { image_url: dot })).headers.get("x-fal-request-id");
  const failed = (await post(server, "/run/fal-ai/birefnet/v2", { image_url: `${server.url}/files/b/nothing/x.png` })).headers.get("x-fal-request-id");
  const hoster = await host();
  const waits = (await (await post(server, "/queue/fal-ai/birefnet/v2", { image_url: `${hoster.url}/hold/x` })).json()).request_id;
  await hoster.untilHeld(1);
  const mask_url = uri("image/png", png(2, 2, 1, () => [255]));
  for (const [request_id, words, type = "value_error"] of [[inside, /inside of it and was not kept/], [failed, /no request of this id/], [waits, /no request of this id/],
    ["", /no request of this id/], ["0'; --", /no request of this id/], ["x".repeat(100000), /no request of this id/],
    ["00000000-0000-4000-8000-000000000000", /no request of this id/], [7, /valid string/, "string_type"], [["x"], /valid string/, "string_type"]]) {
    const answer = await post(server, "/touchup", { request_id, mask_url }), body = await answer.json();
    assert.equal(answer.status, 422, JSON.stringify(body).slice(0, 300));
    assert.deepEqual([body.detail[0].loc, body.detail[0].type], [["body", "request_id"], type]);
    assert.match(body.detail[0].msg, words);
  }
  hoster.release();
  hoster.close();
  const neither = await (await post(server, "/touchup", { mask_url, request_id: null })).json();
  assert.deepEqual([neither.detail[0].loc, neither.detail[0].type], [["body", "image_url"], "missing"]);
  const endpoint = await post(server, "/run/fal-ai/birefnet/v2", { request_id: inside, mask_url });
  assert.equal(endpoint.status, 422, "the endpoint knows no such field");
});

/** A file's time to live ends now, however long the run took that read it. */
const expire = (data, url) => execFileSync("python3", ["-c", `import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=60) as store:
    assert store.execute("UPDATE files SET expires_ms = 1 WHERE id = ?", sys.argv[2:]).rowcount == 1`,
  join(data, "jobs.sqlite"), new URL(url).pathname.split("/").at(-2)]);

test("an uploaded photo that has gone is told by the id that was given", async () => {
  const photo_url = await upload(server, photo, "image/jpeg");
  const ran = await post(server, "/run/fal-ai/birefnet/v2", { image_url: photo_url });
  assert.equal(ran.status, 200);
  expire(server.data, photo_url);
  assert.equal((await fetch(photo_url)).status, 404);
  const answer = await post(server, "/touchup", { request_id: ran.headers.get("x-fal-request-id"), mask_url: uri("image/png", run.mask) });
  const { detail } = await answer.json();
  assert.deepEqual([answer.status, detail[0].loc, detail[0].type], [422, ["body", "request_id"], "file_download_error"]);
});

test("the document knows both ways", async () => {
  const document = await (await fetch(`${server.url}/openapi.json`)).json();
  const { $ref } = document.paths["/touchup"].post.requestBody.content["application/json"].schema;
  const schema = $ref.split("/").slice(1).reduce((part, name) => part[name], document);
  assert.deepEqual([schema.required, schema.anyOf], [["mask_url"], [{ required: ["image_url"] }, { required: ["request_id"] }]]);
  for (const name of ["image_url", "request_id", "mask_url", "output_format", "shadow"]) assert.equal(schema.properties[name].type, "string", name);
  assert.equal(document.components.schemas.BirefnetV2Input.properties.mask_url, undefined, "the endpoint's own stay as they are");
});

test("masks that are none", async () => {
  const good = png(2, 2, 1, () => [255]);
  assert.equal((await post(server, "/touchup", { image_url: dot, mask_url: uri("image/png", good) })).status, 200);
  const cases = [
    [undefined, "missing"], [null, "missing"], [7, "missing"], [["x"], "missing"],
    ["", "file_download_error"], ["http://127.0.0.1:1/x.png", "file_download_error"],
    [`${server.url}/files/b/nothing/x.png`, "file_download_error"],
    [uri("image/png", Buffer.from("no png")), /image_load_error|unsupported_image_format/],
    [uri("image/png", Buffer.alloc(0)), /./],
    [uri("image/jpeg", photo), "unsupported_image_format"],
    [uri("image/png", good.subarray(0, 40)), "image_load_error"],
    [uri("image/png", Buffer.concat([good.subarray(0, 45), Buffer.alloc(30, 7)])), "image_load_error"],
    [uri("image/png", png(3, 2, 1, () => [0])), "image_load_error"],
    [uri("image/png", png(2, 3, 1, () => [0])), "image_load_error"],
    [uri("image/png", wrap(1000000, 1000000, 0, deflateSync(Buffer.alloc(1 << 16)))), "image_load_error"],
    [uri("image/png", wrap(30000, 30000, 6, deflateSync(Buffer.alloc(1 << 20)))), "image_load_error"],
  ];
  for (const [mask_url, type] of cases) {
    const answer = await post(server, "/touchup", { image_url: dot, mask_url });
    const body = await answer.json();
    assert.equal(answer.status, 422, `${String(mask_url).slice(0, 60)} ${JSON.stringify(body)}`);
    assert.match(body.detail[0].type, type instanceof RegExp ? type : new RegExp(`^${type}$`), String(mask_url).slice(0, 60));
    assert.deepEqual(body.detail[0].loc, ["body", "mask_url"]);
  }
  const sizes = await (await post(server, "/touchup", { image_url: dot, mask_url: uri("image/png", png(3, 2, 1, () => [0])) })).json();
  assert.match(sizes.detail[0].msg, /3 x 2 pixels, the photo 2 x 2/);
  for (const body of ["", "{", "[]", "null", "{}", '{"mask_url":"x"}']) assert.equal((await post(server, "/touchup", body || " ")).status, 422, body);
  assert.equal((await fetch(`${server.url}/touchup`)).status, 405);
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
});

test("the endpoint itself passes over it", async () => {
  const wanted = await made("/run/fal-ai/birefnet/v2", { image_url, output_format: "png" });
  const other = await made("/run/fal-ai/birefnet/v2", { image_url, output_format: "png", mask_url: uri("image/png", png(2, 2, 1, () => [0])) });
  assert.ok(other.image.equals(wanted.image));
});

test("it needs a key where runs do, and is held by its limits", async () => {
  const own = await serve();
  const key = (...args) => execFileSync(process.env.BIREFNET, ["keys", "add", ...args, "--data", own.data], { encoding: "utf8" }).trim();
  const one = key("one", "--per-minute", "1"), two = key("two");
  const body = { image_url: dot, mask_url: uri("image/png", png(2, 2, 1, () => [255])) };
  const as = (secret) => post(own, "/touchup", body, { authorization: `Key ${secret}` });
  assert.equal((await post(own, "/touchup", body)).status, 401);
  assert.equal((await as(one)).status, 200);
  assert.equal((await as(one)).status, 429);
  const hidden = await (await fetch(`${own.url}/cdn/files/upload`, { method: "POST", body: png(2, 2, 1, () => [255]), headers: {
    authorization: `Key ${one}`, "content-type": "image/png", "x-fal-object-lifecycle": JSON.stringify({ initial_acl: { default: "hide" } }) } })).json();
  const other = await post(own, "/touchup", { ...body, mask_url: hidden.access_url }, { authorization: `Key ${two}` });
  assert.equal(other.status, 422, "another key's hidden file is no mask");
  const of = (secret) => ({ authorization: `Key ${secret}` }), three = key("three");
  const photo_url = await upload(own, photo, "image/jpeg", of(three));
  const ran = await post(own, "/run/fal-ai/birefnet/v2", { image_url: photo_url }, of(three));
  const again = { request_id: ran.headers.get("x-fal-request-id"), mask_url: uri("image/png", run.mask) };
  assert.equal((await post(own, "/touchup", again, of(three))).status, 200);
  const theirs = await post(own, "/touchup", again, of(two));
  assert.equal(theirs.status, 422);
  assert.match((await theirs.json()).detail[0].msg, /no request of this id/, "nor is another key's request a photo");
  await own.stop();
});
