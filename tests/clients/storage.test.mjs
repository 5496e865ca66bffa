// storage.test.mjs - rows S1 to S12: uploads and files.
import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { after, before, test } from "node:test";
import { client, completed, dot, E, photo, serve, until } from "./support.mjs";

let server, api;
before(async () => {
  server = await serve();
  api = client(server);
});
after(() => server.stop());

const picture = () => new File([photo], "my photo (1).jpg", { type: "image/jpeg" });
const bytesOf = async (url) => Buffer.from(await (await fetch(url)).arrayBuffer());

test("S1 upload", async () => {
  const url = await api.storage.upload(picture());
  const answer = await fetch(url);
  assert.equal(answer.headers.get("content-type"), "image/jpeg");
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(photo));
});

test("S2 a Blob in the input", async () => {
  const { data } = await api.run(E, { input: { image_url: new Blob([photo], { type: "image/jpeg" }) } });
  assert.equal((await fetch(data.image.url)).status, 200);
});

test("S3 multipart", async () => {
  const big = Buffer.alloc(91 * 1024 * 1024);
  randomFillSync(big, 0, 11 * 1024 * 1024);
  big.write("the end", big.length - 7);
  const url = await api.storage.upload(new Blob([big], { type: "application/octet-stream" }));
  assert.ok((await bytesOf(url)).equals(big));
  assert.ok(api.seen.some((entry) => /\/10$/.test(new URL(entry.url).pathname) && entry.method === "PUT"));
});

test("S4 lifecycle of an upload", async () => {
  const keep = await api.storage.upload(picture(), { lifecycle: { expiresIn: "1h" } });
  const maxAge = Number(/max-age=(\d+)/.exec((await fetch(keep)).headers.get("cache-control"))[1]);
  assert.ok(maxAge > 3500 && maxAge <= 3600);
  const brief = await api.storage.upload(picture(), { lifecycle: { expiresIn: 1 } });
  await until(async () => (await fetch(brief)).status === 404);
  assert.equal((await fetch(keep)).status, 200);
});

test("S5 S6 the token form", async () => {
  const asked = await fetch(`${server.url}/rest/storage/auth/token?storage_type=fal-cdn-v3`, { method: "POST", body: "{}" });
  const token = await asked.json();
  assert.equal(token.token_type, "Bearer");
  assert.match(token.expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
  const put = await fetch(`${server.url}/cdn/files/upload`, {
    method: "POST", body: photo,
    headers: { authorization: `Bearer ${token.token}`, "content-type": "image/jpeg", "x-fal-file-name": "p.jpg" },
  });
  const { access_url } = await put.json();
  assert.ok((await bytesOf(access_url)).equals(photo));
});

test("S7 the fallback form", async () => {
  const asked = await fetch(`${server.url}/rest/storage/upload/initiate?storage_type=gcs`, {
    method: "POST", body: JSON.stringify({ file_name: "upload.bin", content_type: "image/jpeg" }) });
  const { upload_url, file_url } = await asked.json();
  assert.equal((await fetch(upload_url, { method: "PUT", body: photo, headers: { "content-type": "image/jpeg" } })).status, 200);
  assert.ok((await bytesOf(file_url)).equals(photo));
});

test("S8 S9 parts by token, in any order, empty ones too", async () => {
  const begun = await fetch(`${server.url}/files/upload/multipart`, {
    method: "POST", headers: { "content-type": "text/plain", "x-fal-file-name": "parts.txt" } });
  const { access_url, uploadId } = await begun.json();
  const parts = [];
  for (const [n, text] of [[3, ""], [1, "first"], [2, "second"]]) {
    const put = await fetch(`${access_url}/multipart/${uploadId}/${n}`, { method: "PUT", body: text });
    assert.equal(put.status, 200);
    const { partNumber, etag } = await put.json();
    assert.equal(partNumber, n);
    assert.ok(put.headers.get("etag").includes(etag));
    parts.push({ partNumber: n, etag: put.headers.get("etag") });
  }
  const wrong = await fetch(`${access_url}/multipart/${uploadId}/complete`, {
    method: "POST", body: JSON.stringify({ parts: [{ partNumber: 9, etag: "x" }] }) });
  assert.equal(wrong.status, 400);
  const done = await fetch(`${access_url}/multipart/${uploadId}/complete`, { method: "POST", body: JSON.stringify({ parts }) });
  assert.equal(done.status, 200);
  assert.equal((await bytesOf(access_url)).toString(), "firstsecond");
});

test("S10 lifecycle of an output", async () => {
  const { data } = await api.run(E, { input: { image_url: dot }, storageSettings: { expiresIn: 2 } });
  const queued = await api.queue.submit(E, { input: { image_url: dot }, storageSettings: { expiresIn: "1d" } });
  await completed(api, queued.request_id);
  await until(async () => (await fetch(data.image.url)).status === 404);
  const kept = (await api.queue.result(E, { requestId: queued.request_id })).data.image.url;
  assert.match((await fetch(kept)).headers.get("cache-control"), /max-age=86[34]/);
});

test("S11 ranges, HEAD, tags, CORS", async () => {
  const url = await api.storage.upload(picture());
  const get = (headers, method = "GET") => fetch(url, { method, headers });
  const whole = await get({});
  await whole.arrayBuffer();
  assert.equal(whole.headers.get("accept-ranges"), "bytes");
  assert.equal(whole.headers.get("access-control-allow-origin"), "*");
  assert.equal(whole.headers.get("cross-origin-resource-policy"), "cross-origin");
  assert.match(whole.headers.get("content-disposition"), /^inline; filename="/);
  const head = await get({}, "HEAD");
  assert.equal(Number(head.headers.get("content-length")), photo.length);
  for (const [range, from, to] of [["bytes=10-19", 10, 20], ["bytes=-5", photo.length - 5, photo.length], [`bytes=${photo.length - 1}-`, photo.length - 1, photo.length]]) {
    const part = await get({ range });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get("content-range"), `bytes ${from}-${to - 1}/${photo.length}`);
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(photo.subarray(from, to)));
  }
  const outside = await get({ range: `bytes=${photo.length}-` });
  assert.equal(outside.status, 416);
  assert.equal(outside.headers.get("content-range"), `bytes */${photo.length}`);
  const etag = whole.headers.get("etag");
  assert.equal((await get({ "if-none-match": etag })).status, 304);
  assert.equal((await get({ range: "bytes=0-1", "if-range": '"other"' })).status, 200);
});

test("what is uploaded cannot act as a page of the server", async () => {
  const url = await api.storage.upload(new File(["<script>alert(1)</script>"], "x.html", { type: "text/html" }));
  const answer = await fetch(url);
  assert.match(answer.headers.get("content-security-policy"), /sandbox/);
  assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
});

test("an upload that was never begun", async () => {
  const answer = await fetch(`${server.url}/upload/${"0".repeat(32)}/x.png`, { method: "PUT", body: photo });
  assert.equal(answer.status, 404);
});

const elsewhere = process.env.BN_TEST_FILES && "files lie in a bucket"; // which has no disk of ours to be full
test("a full disk: the upload fails, others are answered", { skip: elsewhere ?? false }, async () => {
  const own = await serve({ file_limit: 2048 });
  const begun = await (await fetch(`${own.url}/rest/storage/upload/initiate`, { method: "POST", body: "{}" })).json();
  const put = await fetch(begun.upload_url, { method: "PUT", body: Buffer.alloc(5000000) });
  assert.equal(put.status, 507);
  assert.equal((await put.json()).error_type, "internal_error");
  const ready = await fetch(`${own.url}/readyz`);
  assert.equal(ready.status, 503);
  assert.match((await ready.json()).why, /cannot be written/);
  assert.equal((await fetch(begun.file_url)).status, 404);
  assert.ok((await client(own).run(E, { input: { image_url: dot } })).data.image);
  assert.equal((await fetch(begun.upload_url, { method: "PUT", body: photo })).status, 200);
  assert.ok((await bytesOf(begun.file_url)).equals(photo));
  assert.equal((await fetch(`${own.url}/readyz`)).status, 200);
  await own.stop();
});
