// s3.test.mjs - a server whose files lie in a bucket: through it, by addresses of the bucket, and while the bucket is away.
// BN_TEST_FILES names a bucket (scripts/services.sh run swift).
import assert from "node:assert/strict";
import { createConnection, createServer } from "node:net";
import { after, before, test } from "node:test";
import { client, completed, dot, E, photo, serve } from "./support.mjs";

const place = new URL(process.env.BN_TEST_FILES);
const endpoint = new URL(place.searchParams.get("endpoint"));

/** A way to the bucket that can be cut. */
async function passage() {
  const self = { open: true, refused: 0 };
  const sockets = new Set();
  const server = createServer((near) => {
    near.on("error", () => {});
    if (!self.open) return void (self.refused++, near.destroy());
    const far = createConnection(Number(endpoint.port), endpoint.hostname);
    for (const socket of [near, far]) sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  place.searchParams.set("endpoint", `http://127.0.0.1:${server.address().port}`);
  self.address = decodeURIComponent(place.href);
  self.cut = () => {
    self.open = false;
    sockets.forEach((socket) => socket.destroy());
  };
  self.close = () => {
    self.cut();
    server.close();
  };
  return self;
}

let way, server, api;
before(async () => {
  way = await passage();
  server = await serve({ place: way.address });
  api = client(server);
});
after(async () => {
  await server.stop();
  way.close();
});

const run = async (input = {}) => (await api.run(E, { input: { image_url: dot, ...input } })).data;

test("results are read through the server, whole and in part", async () => {
  const { image } = await run();
  const all = await fetch(image.url);
  const bytes = Buffer.from(await all.arrayBuffer());
  assert.equal(bytes.length, image.file_size);
  assert.equal(all.headers.get("content-type"), "image/png");
  const part = await fetch(image.url, { headers: { range: "bytes=1-3" } });
  assert.equal(part.status, 206);
  assert.equal(await part.text(), "PNG");
  const again = await fetch(image.url, { headers: { "if-none-match": all.headers.get("etag") } });
  assert.equal(again.status, 304);
  const head = await fetch(image.url, { method: "HEAD" });
  assert.equal(head.headers.get("content-length"), String(bytes.length));
  assert.equal((await fetch(image.url, { headers: { range: `bytes=${bytes.length}-` } })).status, 416);
});

test("uploads and results inside of answers", async () => {
  const url = await api.storage.upload(new File([photo], "p.jpg", { type: "image/jpeg" }));
  const { image } = await run({ image_url: url, sync_mode: true });
  assert.match(image.url, /^data:image\/png;base64,/);
});

test("a bucket that is away for a while costs time, and nothing else", async () => {
  way.cut();
  const { request_id } = await api.queue.submit(E, { input: { image_url: dot } });
  while (way.refused < 3) await new Promise((wake) => setTimeout(wake, 20));
  const status = await api.queue.status(E, { requestId: request_id });
  assert.notEqual(status.status, "COMPLETED");
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
  way.open = true;
  await completed(api, request_id);
  const { data } = await api.queue.result(E, { requestId: request_id });
  assert.equal((await fetch(data.image.url)).status, 200);
});

test("clients are sent to the bucket, but for what they may not see", async () => {
  const other = await serve({ place: way.address, args: ["--serve-files", "redirect", "--redirect-seconds", "100"] });
  const its = client(other);
  const { data } = await its.run(E, { input: { image_url: dot } });
  const moved = await fetch(data.image.url, { redirect: "manual" });
  assert.equal(moved.status, 302);
  assert.equal(moved.headers.get("cache-control"), "private, max-age=50");
  const there = await fetch(moved.headers.get("location"));
  assert.equal(there.headers.get("content-type"), "image/png");
  assert.equal(there.headers.get("content-disposition"), `inline; filename="${data.image.file_name}"`);
  assert.equal((await there.arrayBuffer()).byteLength, data.image.file_size);
  assert.equal((await fetch(data.image.url, { method: "HEAD" })).headers.get("content-length"), String(data.image.file_size));
  const hidden = await (await fetch(`${other.url}/run/${E}`, {
    method: "POST", body: JSON.stringify({ image_url: dot }),
    headers: { "content-type": "application/json",
      "x-fal-object-lifecycle-preference": JSON.stringify({ initial_acl: { default: "hide" } }) },
  })).json();
  const answer = await fetch(hidden.image.url, { redirect: "manual" });
  assert.equal(answer.status, 404);
  await other.stop();
});

test("clients write to the bucket themselves", async () => {
  const other = await serve({ place: way.address, args: ["--uploads", "direct"] });
  const its = client(other);
  const begun = await (await fetch(`${other.url}/rest/storage/upload/initiate`, {
    method: "POST", body: JSON.stringify({ file_name: "p.jpg", content_type: "image/jpeg" }),
  })).json();
  assert.notEqual(new URL(begun.upload_url).origin, other.url);
  assert.equal((await fetch(begun.file_url)).status, 404);
  assert.equal((await fetch(begun.upload_url, { method: "PUT", body: photo })).status, 200);
  const read = await fetch(begun.file_url);
  assert.equal(read.headers.get("content-type"), "image/jpeg");
  assert.ok(Buffer.from(await read.arrayBuffer()).equals(photo));
  const url = await its.storage.upload(new File([photo], "q.jpg", { type: "image/jpeg" }));
  assert.ok((await its.run(E, { input: { image_url: url } })).data.image);
  await other.stop();
});

test("a bucket that is not there is said, with an exit code of its own", async () => {
  const wrong = way.address.replace(place.host, "no-such-bucket");
  await assert.rejects(serve({ place: wrong }), /ended with 15: .*there is no such bucket/);
});
