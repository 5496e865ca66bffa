// keys.test.mjs - several keys on one server: what each may see, what tokens are good for, the door without keys.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { databaseOf, dropDatabaseOf, inDatabaseOf } from "./database.mjs";
import { block, client, completed, dot, E, folder, host, keys, keysIn, photo, serve, until } from "./support.mjs";


let server, alice, bob, hoster;
const secret = {};
before(async () => {
  server = await serve();
  for (const name of ["alice", "bob", "carol"]) secret[name] = await keys(server, "add", name);
  alice = client(server, { credentials: secret.alice });
  bob = client(server, { credentials: secret.bob });
  hoster = await host();
});
after(async () => {
  hoster.close();
  await server.stop();
});

const as = (key, path, init = {}) => fetch(server.url + path, { ...init, headers: { authorization: `Key ${key}`, ...init.headers } });
const of = (id, rest = "") => `/queue/fal-ai/birefnet/requests/${id}${rest}`;
const run = (key, body) => as(key, "/run/fal-ai/birefnet/v2", { method: "POST", body: JSON.stringify(body) });

async function unknown(answer) {
  assert.equal(answer.status, 404);
  assert.deepEqual(await answer.json(), { status: "NOT_FOUND" });
}

test("another key's request is not there", async () => {
  const [first, second] = await block(alice, hoster, 2);
  const { request_id: waiting } = await alice.queue.submit(E, { input: { image_url: dot } });
  for (const id of [first, waiting]) {
    for (const rest of ["/status", "/status/stream", ""]) await unknown(await as(secret.bob, of(id, rest)));
    await unknown(await as(secret.bob, of(id, "/cancel"), { method: "PUT" }));
    assert.equal((await as(secret.alice, of(id, "/status"))).status, 202);
  }
  hoster.release();
  for (const id of [first, second, waiting]) await completed(alice, id);
  for (const rest of ["/status", "/status/stream", ""]) {
    await unknown(await as(secret.bob, of(waiting, rest)));
    assert.equal((await as(secret.alice, of(waiting, rest))).status, 200);
  }
  await unknown(await as(secret.bob, of(waiting, "/cancel"), { method: "PUT" }));
  assert.equal((await as(secret.alice, of(waiting, "/cancel"), { method: "PUT" })).status, 400);
});

test("one key holds half of the connections at most with what waits", async () => {
  const own = await serve({ descriptors: 256 }), hold = await host();
  const most = Math.floor(Number(/Connections: (\d+) at most/.exec(own.errors)[1]) / 2);
  const [greedy, other] = [await keys(own, "add", "greedy"), await keys(own, "add", "other")];
  const ask = (key, path, init = {}) => fetch(own.url + path, { ...init, headers: { authorization: `Key ${key}` } });
  const dots = { method: "POST", body: JSON.stringify({ image_url: dot }) };
  const [held, second] = await block(client(own, { credentials: greedy }), hold, 2);
  const theirs = await client(own, { credentials: other }).queue.submit(E, { input: { image_url: `${hold.url}/hold` } });
  const waits = [];
  for (let i = 0; i < most; i++) {
    waits.push(await ask(greedy, of(i % 2 ? held : second, "/status/stream")));
    assert.equal(waits[i].status, 200);
  }
  const form = new FormData();
  form.append("file", new Blob([photo]), "photo.jpg");
  for (const [path, init] of [[of(held, "/status/stream")], ["/run/fal-ai/birefnet/v2", dots], ["/touchup", dots],
    [`/api/remove?url=${hold.url}/dot`], ["/api/remove", { method: "POST", body: form }]]) {
    const refused = await ask(greedy, path, init);
    assert.equal(refused.status, 429, path);
    assert.equal(refused.headers.get("retry-after"), "5");
    assert.equal(refused.headers.get("x-fal-needs-retry"), "1");
    assert.equal((await refused.json()).detail[0].type, "concurrent_requests_limit");
  }
  assert.match(await (await ask(other, "/metrics")).text(), /birefnet_requests_rejected_total 5\n/);
  assert.equal((await ask(greedy, of(held, "/status"))).status, 202, "what is answered at once is not held back");
  const beside = await ask(other, of(theirs.request_id, "/status/stream"));
  assert.equal(beside.status, 200, "another key has the other half");
  await waits.pop().body.cancel(); // who leaves makes room
  await until(async () => {
    const again = await ask(greedy, of(held, "/status/stream"));
    if (again.status === 200) waits.push(again);
    else await again.arrayBuffer();
    return again.status === 200;
  });
  hold.release(); // and so does who has been answered
  for (const wait of [...waits, beside]) await wait.text();
  await until(async () => (await ask(greedy, "/run/fal-ai/birefnet/v2", dots)).status === 200);
  hold.close();
  await own.stop();
});

test("a revoked key's request is still its own", async () => {
  const carol = client(server, { credentials: secret.carol });
  const { request_id } = await carol.queue.submit(E, { input: { image_url: dot } });
  await completed(carol, request_id);
  await keys(server, "revoke", "carol");
  await unknown(await as(secret.bob, of(request_id)));
  assert.equal((await as(secret.carol, of(request_id))).status, 401);
});

test("a revoked key fills no upload that it began", async () => {
  const dave = await keys(server, "add", "dave");
  const begin = async (form) => (await as(dave, `/rest/storage/upload/${form}`, { method: "POST", body: "{}" })).json();
  const whole = await begin("initiate"), late = await begin("initiate"), parts = await begin("initiate-multipart");
  const put = async (url) => (await fetch(url, { method: "PUT", body: "photo" })).status;
  const complete = (etag) => fetch(`${parts.upload_url}/complete`, { method: "POST", body: JSON.stringify({ parts: [{ partNumber: 1, etag }] }) });
  assert.equal(await put(whole.upload_url), 200);
  const { etag } = await (await fetch(`${parts.upload_url}/1`, { method: "PUT", body: "photo" })).json();
  await keys(server, "revoke", "dave");
  assert.equal(await put(late.upload_url), 404);
  assert.equal(await put(`${parts.upload_url}/2`), 404);
  assert.equal((await complete(etag)).status, 404);
  for (const [begun, status] of [[whole, 200], [late, 404], [parts, 404]]) assert.equal((await fetch(begun.file_url)).status, status);
});

test("what was made without a key can be read with any", async () => {
  const own = await serve();
  const open = client(own);
  const { request_id } = await open.queue.submit(E, { input: { image_url: dot } });
  await completed(open, request_id);
  const key = await keys(own, "add", "late");
  assert.ok((await client(own, { credentials: key }).queue.result(E, { requestId: request_id })).data.image);
  await own.stop();
});

test("files that are not public are input for their own key only", async () => {
  for (const decision of ["hide", "forbid"]) {
    const upload = await as(secret.alice, "/cdn/files/upload", { method: "POST", body: photo, headers: {
      "content-type": "image/jpeg", "x-fal-object-lifecycle": JSON.stringify({ initial_acl: { default: decision } }) } });
    const { access_url } = await upload.json();
    assert.equal((await fetch(access_url)).status, decision === "hide" ? 404 : 403);
    assert.equal((await run(secret.alice, { image_url: access_url })).status, 200);
    const other = await run(secret.bob, { image_url: access_url });
    assert.equal(other.status, 422);
    assert.equal((await other.json()).detail[0].type, "file_download_error");
  }
  const url = await alice.storage.upload(new Blob([photo], { type: "image/jpeg" }));
  assert.equal((await run(secret.bob, { image_url: url })).status, 200, "a public one is for all who know it");
});

async function token(key, path, body = {}) {
  const answer = await (await as(key, path, { method: "POST", body: JSON.stringify(body) })).json();
  return answer.token ?? answer;
}
const bearer = (token, path, init = {}) => fetch(server.url + path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
const mint = ["/rest/tokens/", "/rest/tokens/realtime", "/rest/storage/auth/token", "/rest/storage/upload/initiate", "/rest/storage/upload/initiate-multipart"];

test("a stream token runs and reads, and makes no other token", async () => {
  const brief = await token(secret.alice, "/rest/tokens/", { token_expiration: 100 });
  const { request_id } = await alice.queue.submit(E, { input: { image_url: dot } });
  await completed(alice, request_id);
  for (const ask of [bearer, (t, path, init) => fetch(`${server.url}${path}?fal_jwt_token=${t}`, init)]) {
    for (const rest of ["/status", "/status/stream", ""]) assert.equal((await ask(brief, of(request_id, rest))).status, 200);
    assert.equal((await ask(brief, "/run/fal-ai/birefnet/v2", { method: "POST", body: JSON.stringify({ image_url: dot }) })).status, 200);
    assert.equal((await ask(brief, "/run/fal-ai/birefnet/v2/realtime")).status, 404);
    for (const path of mint) assert.equal((await ask(brief, path, { method: "POST", body: "{}" })).status, 401, path);
    assert.equal((await ask(brief, "/queue/fal-ai/birefnet/v2", { method: "POST", body: "{}" })).status, 401);
    assert.equal((await ask(brief, of(request_id, "/cancel"), { method: "PUT" })).status, 401);
    assert.equal((await ask(brief, "/files/upload", { method: "POST", body: "x" })).status, 401);
  }
});

test("an upload token uploads, and does nothing else", async () => {
  const upload = await token(secret.alice, "/rest/storage/auth/token");
  assert.equal((await bearer(upload, "/files/upload", { method: "POST", body: photo })).status, 200);
  const { access_url, uploadId } = await (await bearer(upload, "/files/upload/multipart", { method: "POST" })).json();
  const part = await bearer(upload, new URL(`${access_url}/multipart/${uploadId}/1`).pathname, { method: "PUT", body: photo });
  const parts = [{ partNumber: 1, etag: part.headers.get("etag") }];
  const done = await bearer(upload, new URL(`${access_url}/multipart/${uploadId}/complete`).pathname, { method: "POST", body: JSON.stringify({ parts }) });
  assert.equal(done.status, 200);
  for (const path of [...mint, "/run/fal-ai/birefnet/v2", "/queue/fal-ai/birefnet/v2", "/api/remove"])
    assert.equal((await bearer(upload, path, { method: "POST", body: "{}" })).status, 401, path);
  assert.equal((await bearer(upload, of("x", "/status"))).status, 401);
});

test("revoking the last key shuts the door, after a restart too", async () => {
  const data = folder();
  const key = keysIn(data, "add", "last");
  const status = async (own, headers = {}) =>
    (await fetch(`${own.url}/queue/fal-ai/birefnet/requests/x/status`, { headers })).status;
  const first = await serve({ data });
  assert.match(first.errors, /Keys: required\n/);
  assert.equal(await status(first, { authorization: `Key ${key}` }), 404);
  const said = spawnSync(process.env.BIREFNET, ["keys", "revoke", "last", "--data", data],
    { encoding: "utf8", env: { ...process.env, ...databaseOf(data) } });
  await until(async () => (await status(first)) === 401);
  await first.stop();
  const second = await serve({ data });
  assert.equal(await status(second), 401);
  const wayBack = /(?:run (DELETE .*;) in the database|delete (\S+keys\.json)) and start/.exec(said.stderr.replaceAll("\n", " "));
  assert.ok(wayBack, `the way back is told: ${said.stderr}`);
  assert.match(second.errors, /Keys: required, and there is none/);
  assert.match(keysIn(data, "list"), /nobody is answered/);
  await second.stop();
  if (wayBack[1]) inDatabaseOf(data, wayBack[1]);
  else rmSync(wayBack[2]);
  const third = await serve({ data });
  assert.equal(await status(third), 404, "as before the first key");
  await third.stop();
  rmSync(data, { recursive: true });
  dropDatabaseOf(data);
});

test("a file of keys that cannot be read is told once, and the keys stay as they were",
  { skip: process.env.BN_TEST_STORE ? "they are in a database" : false }, async (context) => {
    const own = await serve();
    context.after(() => own.stop());
    const key = await keys(own, "add", "stays");
    const file = join(own.data, "keys.json"), whole = readFileSync(file);
    const status = async () =>
      (await fetch(`${own.url}/queue/fal-ai/birefnet/requests/x/status`, { headers: { authorization: `Key ${key}` } })).status;
    const told = () => own.errors.split("keys stay as they were").length - 1;
    writeFileSync(file, "{");
    assert.equal(await status(), 404);
    await until(() => own.errors.includes(`${file} is not a file of keys`));
    assert.equal(await status(), 404);
    writeFileSync(file, whole);
    assert.equal(await status(), 404);
    writeFileSync(file, "[]");
    assert.equal(await status(), 404);
    await until(() => told() === 2);
  });

/** What becomes of a webhook to this machine: "delivered" or "failed". */
async function hookOf(own, key) {
  const count = async (name) =>
    Number(new RegExp(`^birefnet_webhooks_${name}_total (\\d+)`, "m").exec(await (await fetch(`${own.url}/metrics`)).text())[1]);
  const before = { delivered: await count("delivered"), failed: await count("failed") };
  const api = client(own, { credentials: key });
  await api.queue.submit(E, { input: { image_url: dot }, webhookUrl: `${hoster.url}/webhook/inside` });
  return until(async () => {
    for (const name of ["delivered", "failed"]) if ((await count(name)) > before[name]) return name;
  });
}

test("webhooks reach private addresses only where no stranger can ask for them", async () => {
  const open = await serve({ strict: true });
  assert.equal(await hookOf(open), "delivered", "on one's own machine");
  const key = await keys(open, "add", "guest");
  assert.equal(await hookOf(open, key), "failed", "with a key that was made while it runs");
  await open.stop();
  for (const args of [["--anyone"], ["--webhooks-public-only"]]) {
    const own = await serve({ strict: true, args });
    assert.equal(await hookOf(own), "failed", args[0]);
    await own.stop();
  }
  assert.equal(await hookOf(server, secret.alice), "delivered", "--allow-private");
});

/** Names and modes of everything below a folder. */
function modes(at, name = ".", all = []) {
  const facts = lstatSync(`${at}/${name}`);
  all.push([name, (facts.mode & 0o777).toString(8), facts.isDirectory()]);
  if (facts.isDirectory()) for (const entry of readdirSync(`${at}/${name}`)) modes(at, `${name}/${entry}`, all);
  return all;
}

test("the data folder is for its owner", async () => {
  const parent = folder();
  const mask = process.umask(0o022);
  const log = `${parent}/access.log`;
  try {
    for (const [data, own] of [[`${parent}/new/data`, "700"], [`${parent}/kept`, "755"], [`${parent}/by-keys`, "700"]]) {
      if (own === "755") mkdirSync(data, { mode: 0o755 });
      if (data.endsWith("keys")) keysIn(data, "add", "first");
      const server = await serve({ data, args: ["--tls-self-signed", "--tls-listen", "127.0.0.1:0", "--access-log", log] });
      if (!data.endsWith("keys")) await client(server).run(E, { input: { image_url: await client(server).storage.upload(new Blob([photo])) } });
      await server.stop();
      for (const [name, mode, isFolder] of modes(data))
        assert.equal(mode, name === "." ? own : isFolder ? "700" : "600", `${data}/${name}`);
      assert.equal((lstatSync(log).mode & 0o777).toString(8), "640", "the access log");
    }
  } finally {
    process.umask(mask);
    rmSync(parent, { recursive: true, force: true });
  }
});
