// run.test.mjs - rows R1 to R18: the synchronous run.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { block, client, completed, dot, E, failure, host, photo, serve, until } from "./support.mjs";

let server, api, photos;
before(async () => {
  server = await serve();
  photos = await host();
  api = client(server);
});
after(async () => {
  photos.close();
  await server.stop();
});

const raw = (path, init = {}) => fetch(server.url + path, init);
const post = (path, body, headers = {}) =>
  raw(path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });

test("R1 sync run", async () => {
  const { data, requestId } = await api.run(E, { input: { image_url: `${photos.url}/photo.jpg` } });
  assert.match(requestId, /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  const image = await fetch(data.image.url);
  assert.equal(image.status, 200);
  assert.equal(image.headers.get("content-type"), "image/png");
  assert.equal((await image.arrayBuffer()).byteLength, data.image.file_size);
});

test("R2 request id in the header", async () => {
  const answer = await post("/run/fal-ai/birefnet/v2", { image_url: dot });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("x-fal-request-id"), /^[0-9a-f-]{36}$/);
  assert.ok(Number(answer.headers.get("x-fal-billable-units")) >= 0);
});

test("R3 trailing slash", async () => {
  const { data } = await api.run("https://fal.run/fal-ai/birefnet/v2", { input: { image_url: dot } });
  assert.ok(api.seen.at(-1).url.endsWith("/v2/"));
  assert.ok(data.image.url);
});

test("R4 members of the output", async () => {
  const { data } = await api.run(E, { input: { image_url: dot } });
  assert.deepEqual(Object.keys(data), ["image"]);
  assert.deepEqual(Object.keys(data.image), ["url", "content_type", "file_name", "file_size", "width", "height"]);
  assert.equal(data.image.width, 2);
  assert.equal(data.image.height, 2);
  assert.equal(data.image.content_type, "image/png");
  assert.match(data.image.file_name, /\.png$/);
});

test("R5 missing image_url", async () => {
  const error = await failure(api.run(E, { input: {} }));
  assert.equal(error.constructor.name, "ValidationError");
  assert.equal(error.status, 422);
  assert.equal(error.getFieldErrors("image_url").length, 1);
  assert.equal(error.fieldErrors[0].type, "missing");
  assert.equal(api.seen.at(-1).answer.get("x-fal-billable-units"), "0");
});

test("R6 no body", async () => {
  const error = await failure(api.run(E));
  assert.equal(error.status, 422);
  assert.deepEqual(error.body.detail[0].loc, ["body"]);
});

test("R7 bad enum and bad bool", async () => {
  for (const [field, value, type] of [["model", "X", "literal_error"], ["operating_resolution", "1x1", "literal_error"],
    ["output_format", "bmp", "literal_error"], ["output_mask", "maybe", "bool_parsing"], ["image_url", 12, "string_type"]]) {
    const error = await failure(api.run(E, { input: { image_url: dot, [field]: value } }));
    assert.equal(error.status, 422);
    assert.deepEqual(error.body.detail[0].loc, ["body", field]);
    assert.equal(error.body.detail[0].type, type);
  }
  const { data } = await api.run(E, { input: { image_url: dot, output_mask: "yes" } });
  assert.ok(data.mask_image);
});

test("R8 unknown field", async () => {
  assert.ok((await api.run(E, { input: { image_url: dot, foo: 1, fal_fallback: [] } })).data.image);
});

test("R9 unreachable image", async () => {
  const url = `${photos.url}/nothing-here.jpg`;
  const error = await failure(api.run(E, { input: { image_url: url } }));
  assert.equal(error.status, 422);
  assert.equal(error.body.detail[0].type, "file_download_error");
  assert.equal(error.body.detail[0].input, url);
  assert.deepEqual(error.body.detail[0].loc, ["body", "image_url"]);
});

test("R10 no image", async () => {
  const error = await failure(api.run(E, { input: { image_url: `${photos.url}/text.png` } }));
  assert.equal(error.status, 422);
  assert.equal(error.body.detail[0].type, "image_load_error");
});

test("R11 data URI", async () => {
  const { data } = await api.run(E, { input: { image_url: `data:image/jpeg;base64,${photo.toString("base64")}` } });
  assert.ok(data.image.width > 100);
});

test("R12 unknown path", async () => {
  const error = await failure(api.run(`${E}/nope`, { input: { image_url: dot } }));
  assert.equal(error.status, 404);
  assert.equal(error.body.detail, "Path /v2/nope not found");
  assert.equal(api.seen.at(-1).answer.get("x-fal-billable-units"), "0");
});

test("R13 unknown application", async () => {
  const error = await failure(api.run("fal-ai/none", { input: {} }));
  assert.equal(error.status, 404);
  assert.equal(error.body.detail, 'Application "none" not found');
});

test("R15 start timeout while busy", async () => {
  await block(api, photos);
  const before = api.seen.length;
  const error = await failure(api.run(E, { input: { image_url: `${photos.url}/dot` }, startTimeout: 2 }));
  photos.release();
  assert.equal(error.status, 504);
  assert.equal(error.isUserTimeout, true);
  assert.equal(api.seen.length - before, 1);
});

test("R16 start timeout that is no number", async () => {
  for (const value of ["abc", "", "-1", "nan", "1e999"]) {
    const answer = await post("/run/fal-ai/birefnet/v2", { image_url: dot }, { "X-Fal-Request-Timeout": value });
    assert.equal(answer.status, 400, value);
    assert.equal((await answer.json()).error_type, "bad_request");
    assert.equal(answer.headers.get("x-fal-error-type"), "bad_request");
  }
});

test("R17 a client that leaves stops the work", async () => {
  const ids = await block(api, photos);
  const abort = new AbortController();
  const run = failure(api.run(E, { input: { image_url: `${photos.url}/hold/left` }, abortSignal: abort.signal }));
  await until(async () => /birefnet_http_parked [1-9]/.test(await (await raw("/metrics")).text()));
  abort.abort();
  assert.equal((await run).name, "AbortError");
  await until(async () => /birefnet_http_parked 0/.test(await (await raw("/metrics")).text()));
  await until(() => server.lines().some((line) => line.status === 499));
  photos.release();
  for (const id of ids) await completed(api, id);
  assert.equal(photos.heldCount(), 0, "the photo of the run that was left was not asked for");
});

test("R18 GET is not a method of the endpoint", async () => {
  const answer = await raw("/run/fal-ai/birefnet/v2");
  assert.equal(answer.status, 405);
  assert.deepEqual(await answer.json(), { detail: "Method Not Allowed" });
  assert.equal(answer.headers.get("allow"), "POST");
});

test("the endpoint without /v2, and its health", async () => {
  assert.ok((await api.run("fal-ai/birefnet", { input: { image_url: dot } })).data.image);
  assert.ok((await (await raw("/run/fal-ai/birefnet/health")).json()).version);
});

test("broken JSON", async () => {
  const answer = await post("/run/fal-ai/birefnet/v2", '{"image_url": ');
  assert.equal(answer.status, 422);
  assert.equal((await answer.json()).detail[0].type, "json_invalid");
});

test("the weights that answered are named", async () => {
  const answer = await post("/run/fal-ai/birefnet/v2", { image_url: dot });
  assert.match(answer.headers.get("x-fal-served-from"), /seeded/);
});
