// keys.test.mjs - several keys on one server: what each may see, what tokens are good for, the door without keys.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { block, client, completed, dot, E, host, photo, serve } from "./support.mjs";

const keys = (data, ...words) => execFileSync(process.env.BIREFNET, ["keys", "--data", data, "--quiet", ...words], { encoding: "utf8" });

let server, alice, bob, hoster;
const secret = {};
before(async () => {
  server = await serve();
  for (const name of ["alice", "bob", "carol"]) secret[name] = keys(server.data, "add", name).trim();
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

test("a revoked key's request is still its own", async () => {
  const carol = client(server, { credentials: secret.carol });
  const { request_id } = await carol.queue.submit(E, { input: { image_url: dot } });
  await completed(carol, request_id);
  keys(server.data, "revoke", "carol");
  await unknown(await as(secret.bob, of(request_id)));
  assert.equal((await as(secret.carol, of(request_id))).status, 401);
});

test("what was made without a key can be read with any", async () => {
  const own = await serve();
  const open = client(own);
  const { request_id } = await open.queue.submit(E, { input: { image_url: dot } });
  await completed(open, request_id);
  const key = keys(own.data, "add", "late").trim();
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
