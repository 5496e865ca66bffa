// other.test.mjs - rows T, P, C, R14 and O1, and what is our own: keys, rembg's API, health, documents, TLS.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { request as tlsRequest } from "node:https";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";
import { client, completed, dot, E, failure, folder, keys, photo, rewrite, serve, source, until } from "./support.mjs";

const require = createRequire(import.meta.url);
const { PNG } = require("pngjs"); // gives RGBA, whatever the file holds
let server, api;
before(async () => {
  server = await serve();
  api = client(server);
});
after(() => server.stop());


test("T1 stream is not offered", async () => {
  const stream = await api.stream(E, { input: { image_url: dot } });
  const error = await failure(stream.done());
  assert.equal(error.status, 404);
  assert.equal(error.body.detail, "Path /v2/stream not found");
});

test("T2 the realtime handshake is refused", async () => {
  const answer = await fetch(`${server.url}/run/fal-ai/birefnet/v2/realtime?fal_jwt_token=x`);
  assert.equal(answer.status, 404);
  assert.match(answer.headers.get("content-type"), /json/);
});

test("T3 tokens", async () => {
  const post = (path, body) => fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
  const token = await (await post("/rest/tokens/", { allowed_apps: ["birefnet"], token_expiration: 120 })).json();
  assert.equal(typeof token, "string");
  const other = await (await post("/rest/tokens/realtime", { allowed_apps: ["x"], duration: 120 })).json();
  assert.equal(typeof other.token, "string");
});

test("T3 a stream that the client opens itself, with a token", async () => {
  const redirect = rewrite(server);
  const direct = client(server, { fetch: async (url, init) => fetch((await redirect({ url: String(url) })).url, init) });
  const { request_id } = await direct.queue.submit(E, { input: { image_url: dot } });
  const stream = await direct.queue.streamStatus(E, { requestId: request_id, logs: true, connectionMode: "client" });
  const events = [];
  stream.on("data", (event) => events.push(event.status));
  assert.equal((await stream.done()).status, "COMPLETED");
  assert.equal(events.at(-1), "COMPLETED");
});

test("P1 proxyUrl", async () => {
  const proxied = client(server, { requestMiddleware: undefined, proxyUrl: { url: `${server.url}/api/fal/proxy`, when: "always" } });
  const { data } = await proxied.run(E, { input: { image_url: new Blob([photo], { type: "image/jpeg" }) } });
  assert.ok(data.image.url.startsWith(server.url));
  assert.equal((await fetch(data.image.url)).status, 200);
  for (const mode of ["polling", "streaming"])
    assert.ok((await proxied.subscribe(E, { input: { image_url: dot }, mode, pollInterval: 20 })).data.image);
  const { status_url } = await proxied.queue.submit(E, { input: { image_url: dot } });
  assert.ok(status_url.startsWith("https://queue.fal.run/fal-ai/birefnet/requests/"));
});

test("P2 foreign targets", async () => {
  for (const target of ["https://example.com/fal-ai/birefnet/v2", "https://fal.run.example.com/x", "nonsense", undefined]) {
    const answer = await fetch(`${server.url}/api/fal/proxy`, { headers: target ? { "x-fal-target-url": target } : {} });
    assert.equal(answer.status, 400);
    assert.equal(await answer.json(), "Invalid request");
  }
});

test("P3 behind the real proxy", async () => {
  const express = require("express");
  const { createHandler } = require("@fal-ai/server-proxy/express");
  const app = express();
  app.use(express.json());
  app.all("/api/fal/proxy", createHandler());
  const proxy = await new Promise((resolve) => { const s = app.listen(0, "127.0.0.1", () => resolve(s)); });
  const own = globalThis.fetch;
  const redirect = rewrite(server);
  // what a preload would do in the proxy's process
  globalThis.fetch = async (url, init) => own((await redirect({ url: String(url) })).url, init);
  process.env.FAL_KEY = "id:secret";
  try {
    const proxied = client(server, {
      credentials: undefined, requestMiddleware: undefined, fetch: own,
      proxyUrl: { url: `http://127.0.0.1:${proxy.address().port}/api/fal/proxy`, when: "always" } });
    for (const mode of ["polling", "streaming"])
      assert.ok((await proxied.subscribe(E, { input: { image_url: dot }, mode, pollInterval: 20 })).data.image.url);
  } finally {
    globalThis.fetch = own;
    delete process.env.FAL_KEY;
    proxy.closeAllConnections();
    proxy.close();
  }
});

test("C1 preflight", async () => {
  const answer = await fetch(`${server.url}/queue/fal-ai/birefnet/v2`, { method: "OPTIONS", headers: {
    origin: "https://example.com", "access-control-request-method": "POST", "access-control-request-private-network": "true",
    "access-control-request-headers": "authorization,content-type,x-fal-queue-priority" } });
  assert.equal(answer.status, 204);
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
  assert.equal(answer.headers.get("access-control-allow-headers"), "authorization,content-type,x-fal-queue-priority");
  assert.match(answer.headers.get("access-control-allow-methods"), /PUT/);
  assert.ok(Number(answer.headers.get("access-control-max-age")) >= 600);
  assert.equal(answer.headers.get("access-control-allow-private-network"), "true");
});

test("C2 C3 CORS on errors, and the fields that pages may read", async () => {
  for (const path of ["/nothing", "/run/fal-ai/none", "/queue/fal-ai/birefnet/requests/x/status"]) {
    const answer = await fetch(server.url + path);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    assert.match(answer.headers.get("access-control-expose-headers"), /x-fal-request-id/);
    assert.match(answer.headers.get("x-fal-request-id"), /^[0-9a-f-]{36}$/);
  }
});

test("O1 the OpenAPI document", async () => {
  for (const path of ["/openapi.json", "/api/openapi/queue/openapi.json?endpoint_id=fal-ai/birefnet/v2"]) {
    const document = await (await fetch(server.url + path)).json();
    const schema = document.paths["/fal-ai/birefnet/v2"].post.requestBody.content["application/json"].schema;
    const input = schema.$ref.split("/").slice(1).reduce((at, name) => at[name], document);
    assert.deepEqual(input.required, ["image_url"]);
    assert.equal(input.properties.model.default, "General Use (Light)");
  }
});

test("R14 keys: made, needed, limited, revoked", async () => {
  const own = await serve();
  const open = client(own);
  assert.ok((await open.run(E, { input: { image_url: dot } })).data, "without keys this machine is answered");
  const key = await keys(own, "add", "alice");
  const limited = await keys(own, "add", "bob", "--per-minute", "2");
  const error = await failure(client(own, { credentials: "x:y" }).run(E, { input: { image_url: dot } }));
  assert.equal(error.status, 401);
  assert.equal(error.body.detail, "No user found for Key ID and Secret");
  const bad = client(own, { credentials: "x:y" });
  await failure(bad.queue.submit(E, { input: {} }));
  assert.equal(bad.seen.length, 1);
  const ask = (headers) => fetch(`${own.url}/queue/fal-ai/birefnet/requests/x/status`, { headers });
  assert.equal((await ask({})).status, 401);
  const malformed = await ask({ authorization: "Key nocolon" });
  assert.equal(malformed.status, 401);
  const alice = client(own, { credentials: key });
  const { data } = await alice.run(E, { input: { image_url: dot } });
  assert.equal((await fetch(data.image.url)).status, 200, "S12: outputs need no key");
  assert.ok((await (await fetch(`${own.url}/run/fal-ai/birefnet/v2`, { method: "POST", body: JSON.stringify({ image_url: dot }), headers: { authorization: `Bearer ${key}` } })).json()).image);
  const codes = [];
  for (let i = 0; i < 3; i++)
    codes.push((await fetch(`${own.url}/queue/fal-ai/birefnet/v2`, { method: "POST", body: JSON.stringify({ image_url: dot }), headers: { authorization: `Key ${limited}` } })).status);
  assert.deepEqual(codes, [200, 200, 429]);
  const token = await (await fetch(`${own.url}/rest/tokens/`, { method: "POST", body: "{}", headers: { authorization: `Key ${key}` } })).json();
  const { request_id } = await alice.queue.submit(E, { input: { image_url: dot } });
  await completed(alice, request_id);
  const stream = (t) => fetch(`${own.url}/queue/fal-ai/birefnet/requests/${request_id}/status/stream?fal_jwt_token=${t}`);
  assert.equal((await stream(token)).status, 200);
  assert.equal((await stream(token.slice(0, -2) + "xx")).status, 401);
  if (!process.env.BN_TEST_STORE) // tests/store/migrate.sh looks into databases
    assert.ok(!readFileSync(`${own.data}/keys.json`, "utf8").includes(key.split(":")[1]), "stored hashed");
  await keys(own, "revoke", "alice");
  assert.equal((await failure(alice.run(E, { input: { image_url: dot } }))).status, 401);
  await own.stop();
});

test("R14 a wrong key with a large photo is told so, once", async () => {
  const own = await serve();
  try {
    const key = await keys(own, "add", "alice");
    assert.match(key, /:/);
    const bad = client(own, { credentials: "wrong:key" });
    const error = await failure(bad.run(E, { input: { image_url: `data:image/png;base64,${"A".repeat(20 << 20)}` } }));
    assert.equal(error.status, 401);
    assert.equal(bad.seen.length, 1);
  } finally {
    await own.stop();
  }
});

test("rembg's API", async () => {
  const form = new FormData();
  form.append("file", new Blob([photo], { type: "image/jpeg" }), "photo.jpg");
  const posted = await fetch(`${server.url}/api/remove`, { method: "POST", body: form });
  assert.equal(posted.status, 200);
  assert.equal(posted.headers.get("content-type"), "image/png");
  const png = Buffer.from(await posted.arrayBuffer());
  assert.equal(png.subarray(1, 4).toString(), "PNG");
  const url = await api.storage.upload(new Blob([photo], { type: "image/jpeg" }));
  const got = await fetch(`${server.url}/api/remove?url=${encodeURIComponent(url)}&model=birefnet-portrait`);
  assert.equal(got.status, 200);
  assert.ok(Buffer.from(await got.arrayBuffer()).equals(png));
  const mask = await fetch(`${server.url}/api/remove?url=${encodeURIComponent(url)}&om=true`);
  assert.notDeepEqual(Buffer.from(await mask.arrayBuffer()), png);
  // rembg's own names, wherever its users put them; no others
  const named = (query, fields) => {
    const named = new FormData();
    named.append("file", new Blob([photo], { type: "image/jpeg" }), "photo.jpg");
    for (const [name, value] of Object.entries(fields)) named.append(name, value);
    return fetch(`${server.url}/api/remove${query}`, { method: "POST", body: named });
  };
  for (const name of ["u2net", "isnet-general-use", "birefnet-dis", "sam", ""]) {
    assert.equal((await named("", { model: name })).status, 200, name);
    assert.equal((await named(`?model=${name}`, {})).status, 200, name);
    assert.equal((await fetch(`${server.url}/api/remove?url=${encodeURIComponent(url)}&model=${name}`)).status, 200, name);
  }
  for (const answer of [await named("", { model: "u2nett" }), await named("?model=General Use (Light)", {}),
    await fetch(`${server.url}/api/remove?url=${encodeURIComponent(url)}&model=u2`)]) {
    assert.equal(answer.status, 422);
    assert.match((await answer.json()).detail, /model/);
  }
  assert.equal((await fetch(`${server.url}/api/remove`)).status, 422);
  assert.equal((await fetch(`${server.url}/api/remove`, { method: "POST", body: new FormData() })).status, 422);
});

test("rembg's background colour and hard masks", async () => {
  const ask = async (fields) => {
    const form = new FormData();
    form.append("file", new Blob([photo], { type: "image/jpeg" }), "photo.jpg");
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    const answer = await fetch(`${server.url}/api/remove`, { method: "POST", body: form });
    return { status: answer.status, pixels: answer.status === 200 && PNG.sync.read(Buffer.from(await answer.arrayBuffer())) };
  };
  const plain = (await ask({})).pixels;
  const at = (png, i) => [...png.data.subarray(4 * i, 4 * i + 4)];
  const onGreen = (await ask({ bgc: "0,200,10,255" })).pixels;
  const veiled = (await ask({ bgc: "9, 8, 7, 100" })).pixels;
  for (let i = 0; i < plain.width * plain.height; i += 997) {
    const [r, g, b, alpha] = at(plain, i), part = alpha / 255;
    const blend = (over, under) => over * part + under * (1 - part);
    const expected = [blend(r, 0), blend(g, 200), blend(b, 10), 255];
    at(onGreen, i).forEach((value, c) => assert.ok(Math.abs(value - expected[c]) <= 1.5, `pixel ${i}: ${at(onGreen, i)}, not ${expected}`));
    assert.ok(Math.abs(at(veiled, i)[3] - blend(255, 100)) <= 1.5);
  }
  const mask = (await ask({ om: "true" })).pixels, hard = (await ask({ om: "true", ppm: "true" })).pixels;
  assert.ok(mask.data.some((value) => value > 0 && value < 255));
  assert.ok(hard.data.every((value) => value === 0 || value === 255));
  // alpha matting: what the mask is sure of is wholly there or gone, the rest stays
  const settled = (await ask({ a: "true", af: "200", ab: "60", ae: "3" })).pixels;
  let changed = 0;
  for (let i = 3; i < plain.data.length; i += 4) {
    const before = plain.data[i], now = settled.data[i];
    if (now === before) continue;
    assert.ok(now === 255 ? before > 200 : now === 0 && before < 60, `alpha ${before} became ${now}`);
    changed++;
  }
  assert.ok(changed > 0);
  assert.ok((await ask({ a: "off", af: "7" })).pixels.data.equals(plain.data));
  const wrong = [{ a: "perhaps" }, { af: "256" }, { af: "-1" }, { ab: "1.5" }, { ae: "-1" }, { ae: "x" }, { om: "2" }, { ppm: "?" },
    { extras: '{"sam_prompt": []}' }, { extras: '{"model_path": "x"}' }, { bgc: "1,2,3", background: "blur" }, { background: "gren" }];
  for (const fields of wrong) assert.equal((await ask(fields)).status, 422, JSON.stringify(fields));
  for (const fields of [{ extras: "no JSON" }, { extras: '{"putalpha": true}' }, { ae: "99999999999999999999" }, { af: "", a: "" }])
    assert.equal((await ask(fields)).status, 200, JSON.stringify(fields));
  for (const bgc of ["red", "1,2", "1,2,3,256", "1,2,3,4,5", "-1,2,3,4"]) assert.equal((await ask({ bgc })).status, 422, bgc);
});

test("an image behind the subject", async () => {
  const pixels = async (answer) => PNG.sync.read(Buffer.from(await answer.arrayBuffer()));
  const form = (parts) => {
    const form = new FormData();
    form.append("file", new Blob([photo], { type: "image/jpeg" }), "photo.jpg");
    for (const [name, ...value] of parts) form.append(name, ...value);
    return fetch(`${server.url}/api/remove`, { method: "POST", body: form });
  };
  const green = new PNG({ width: 3, height: 2 });
  for (let i = 0; i < 24; i++) green.data[i] = [0, 200, 10, 255][i % 4];
  const bytes = PNG.sync.write(green), uri = `data:image/png;base64,${bytes.toString("base64")}`;
  const colour = await pixels(await form([["bgc", "0,200,10,255"]]));
  assert.ok((await pixels(await form([["background", new Blob([bytes]), "green.png"]]))).data.equals(colour.data));
  assert.ok((await pixels(await form([["background", uri]]))).data.equals(colour.data));
  const stored = await api.storage.upload(new Blob([bytes], { type: "image/png" }));
  const image_url = `data:image/jpeg;base64,${Buffer.from(photo).toString("base64")}`;
  for (const background of [uri, stored]) {
    const { data } = await api.run(E, { input: { image_url, background } });
    assert.ok((await pixels(await fetch(data.image.url))).data.equals(colour.data));
  }
  for (const [background, type] of [["http://127.0.0.1:1/x.png", "file_download_error"], ["data:image/png;base64,AAAA", "image_load_error"],
    ["ftp://h/x.png", "value_error"]]) {
    const error = await failure(api.run(E, { input: { image_url: dot, background } }));
    assert.equal(error.status, 422);
    assert.deepEqual(error.body.detail[0].loc, ["body", "background"]);
    assert.equal(error.body.detail[0].type, type);
  }
});

test("health, readiness, metrics, access log", async () => {
  assert.equal((await (await fetch(`${server.url}/healthz`)).json()).status, "ok");
  assert.equal((await (await fetch(`${server.url}/readyz`)).json()).ready, true);
  await api.run(E, { input: { image_url: dot } });
  const text = await (await fetch(`${server.url}/metrics`)).text();
  for (const line of text.split("\n").filter((line) => line && !line.startsWith("#")))
    assert.match(line, /^[a-z_]+(\{[^}]*\})? -?[0-9.e+-]+(Inf)?$/i, line);
  assert.match(text, /birefnet_http_connections \d/);
  const ran = (entry) => entry.path === "/run/fal-ai/birefnet/v2" && entry.status === 200;
  const line = await until(() => server.lines().find(ran)); // written by a thread of its own
  assert.match(line.id, /^[0-9a-f-]{36}$/);
  assert.equal(line.peer, "127.0.0.1");
});


test("TLS with a private authority", async () => {
  const data = relative(".", folder()); // what is printed holds in any folder
  const own = await serve({ data, args: ["--tls-self-signed", "--tls-listen", "127.0.0.1:0"] });
  const port = Number(/FAL_RUN_HOST=localhost:(\d+)\/run/.exec(own.errors)[1]);
  assert.match(own.errors, /SSL_CERT_FILE=\/\S+ca-bundle\.pem/);
  assert.match(own.errors, /NODE_EXTRA_CA_CERTS=\/\S+ca\.pem/);
  const ca = readFileSync(`${own.data}/tls/ca.pem`);
  const ask = (options, body) => new Promise((resolve, reject) => {
    const request = tlsRequest({ host: "127.0.0.1", port, ca, ...options }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, body: JSON.parse(Buffer.concat(chunks)) }));
    });
    request.on("error", reject);
    request.end(body);
  });
  const byPrefix = await ask({ method: "POST", path: "/queue/fal-ai/birefnet/v2", servername: "localhost", headers: { host: `localhost:${port}` } }, JSON.stringify({ image_url: dot }));
  assert.ok(byPrefix.body.status_url.startsWith(`https://localhost:${port}/queue/`));
  const byName = await ask({ method: "POST", path: "/fal-ai/birefnet/v2", servername: "fal.run", headers: { host: "fal.run" } }, JSON.stringify({ image_url: dot }));
  assert.ok(byName.body.image.url.startsWith("https://v3.fal.media/files/"));
  await assert.rejects(ask({ path: "/", servername: "example.com" }));
  const speak = (version) => ask({ path: "/healthz", servername: "localhost", minVersion: version, maxVersion: version, ciphers: "ALL:@SECLEVEL=0" });
  for (const version of ["TLSv1.2", "TLSv1.3"]) assert.equal((await speak(version)).status, 200);
  for (const version of ["TLSv1", "TLSv1.1"]) await assert.rejects(speak(version), /before secure TLS connection|alert protocol version|ECONNRESET/, version);
  await own.stop();
  rmSync(data, { recursive: true });
});

test("wrong options are named", () => {
  for (const [words, message, code = 2] of [[["--listen", "nonsense:port"], /no port/], [["--tls-cert", "a.pem"], /belong together/],
    [["--test-resolution", "big"], /WIDTHxHEIGHT/], [["--preload", "light,hevy"], /no preset hevy/], [["--connect-proxy", "8080"], /needs TLS/],
    [["--tls-listen", "127.0.0.1:0"], /--tls-listen needs TLS: --tls-self-signed/],
    [["--listen", "2001:db8::7"], /cannot listen at 2001:db8::7 /, 11], [["--listen", "[2001:db8::7]:81"], /cannot listen at 2001:db8::7 /, 11],
    [["--fallback-model", "nope"], /--fallback-model: .*nope/, 7]]) {
    const result = spawnSync(process.env.BIREFNET, ["serve", "--data", folder(), "--listen", "127.0.0.1:0", ...words],
      { encoding: "utf8", timeout: 30000 });
    assert.equal(result.status, code, result.stderr);
    assert.match(result.stderr, message);
  }
  const unknown = spawnSync(process.env.BIREFNET, ["keys", "--data", folder(), "revoke", "nobody"], { encoding: "utf8" });
  assert.equal(unknown.status, 4, unknown.stderr);
});

test("without a fallback missing weights are an error, and readiness says so", async () => {
  const own = await serve({ args: ["--fallback-model", ""] });
  try {
    const ready = await fetch(`${own.url}/readyz`);
    assert.equal(ready.status, 503);
    assert.match(JSON.stringify(await ready.json()), /no weights/);
  } finally {
    await own.stop();
  }
});

test("weights that cannot be used are told to the operator, and nothing of this machine to clients", async (context) => {
  const data = folder(), cut = join(data, "cut.safetensors");
  writeFileSync(cut, readFileSync(join(source, "models/starter.safetensors")).subarray(0, 1 << 20));
  const own = await serve({ data, args: ["--fallback-model", cut, "--preload", "light"] });
  context.after(async () => { await own.stop(); rmSync(data, { recursive: true }); });
  const other = client(own);
  const error = await failure(other.subscribe(E, { input: { image_url: dot } }));
  assert.deepEqual([error.status, error.body.error_type], [500, "runner_server_error"]);
  const status = await other.queue.status(E, { requestId: error.requestId, logs: true });
  const told = JSON.stringify([error.body, status]);
  assert.ok(!told.includes(data), told);
  assert.ok(status.logs.some((line) => line.level === "ERROR"));
  await until(() => own.errors.includes(`request ${error.requestId}: ${cut}: `));
  assert.match(own.errors, /the file is truncated/);
  const ready = await fetch(`${own.url}/readyz`);
  assert.equal(ready.status, 503);
  assert.match((await ready.json()).why, /^the model light cannot be opened/);
});

test("a run on the starter weights says so, in its logs and in the server's, and how to get others", async () => {
  const small = await serve({ args: ["--fallback-model", "starter"] });
  const logs = [];
  const result = await client(small).subscribe(E, {
    input: { image_url: dot, model: "Portrait" }, logs: true, pollInterval: 50,
    onQueueUpdate: (update) => logs.push(...(update.logs ?? []).map((line) => line.message)),
  });
  await small.stop();
  assert.ok(result.data.image.url);
  assert.match(logs.join("\n"), /weights of Portrait are not here: Starter answers .*birefnet pull portrait/);
  assert.match(small.errors, /starter weights: .*single product.*unsure of people.*birefnet pull light/);
});
