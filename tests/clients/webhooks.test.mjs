// webhooks.test.mjs - rows W1 to W5.
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { after, before, test } from "node:test";
import { client, completed, dot, E, host, serve } from "./support.mjs";

let server, api, hooks;
before(async () => {
  server = await serve();
  hooks = await host();
  api = client(server);
});
after(async () => {
  hooks.close();
  await server.stop();
});

async function deliver(path, input = { image_url: dot }, answers = []) {
  hooks.answers.push(...answers);
  const { request_id } = await api.queue.submit(E, { input, webhookUrl: `${hooks.url}/webhook/${path}` });
  const mine = () => hooks.hooks.filter((hook) => hook.url === `/webhook/${path}`);
  await hooks.until(() => mine().length >= Math.max(1, answers.length));
  return { id: request_id, hooks: mine() };
}

test("W1 the result comes", async () => {
  const { id, hooks: got } = await deliver("ok?token=a%20b");
  assert.equal(got.length, 1);
  assert.equal(got[0].headers["content-type"], "application/json");
  const body = JSON.parse(got[0].body);
  assert.equal(body.request_id, id);
  assert.equal(body.gateway_request_id, id);
  assert.equal(body.status, "OK");
  assert.deepEqual(body.payload, (await api.queue.result(E, { requestId: id })).data);
  assert.equal((await fetch(body.payload.image.url)).status, 200);
});

test("W2 a failure comes", async () => {
  const body = JSON.parse((await deliver("bad", {})).hooks[0].body);
  assert.equal(body.status, "ERROR");
  assert.equal(body.error, "Invalid status code: 422");
  assert.equal(body.payload.detail[0].type, "missing");
});

test("W3 the signature holds, and not for another body", async () => {
  const [{ headers, body }] = (await deliver("signed")).hooks;
  const message = (bytes) => Buffer.from([headers["x-fal-webhook-request-id"], headers["x-fal-webhook-user-id"],
    headers["x-fal-webhook-timestamp"], createHash("sha256").update(bytes).digest("hex")].join("\n"));
  const { keys } = await (await fetch(`${server.url}/rest/.well-known/jwks.json`)).json();
  const signature = Buffer.from(headers["x-fal-webhook-signature"], "hex");
  const holds = (bytes) => keys.some((jwk) => verify(null, message(bytes), createPublicKey({ key: jwk, format: "jwk" }), signature));
  assert.ok(Math.abs(Date.now() / 1000 - Number(headers["x-fal-webhook-timestamp"])) < 300);
  assert.ok(holds(body));
  assert.ok(!holds(Buffer.concat([body, Buffer.from(" ")])));
});

test("W4 tried again after an error", async () => {
  const { id, hooks: got } = await deliver("again", { image_url: dot }, [500, 200]);
  assert.equal(got.length, 2);
  for (const hook of got) assert.equal(JSON.parse(hook.body).request_id, id);
});

test("W5 a redirect is the end", async () => {
  const { id } = await deliver("redirect", { image_url: dot }, [302]);
  await completed(api, id);
  await deliver("after"); // by its end the redirect's second attempt would be due
  assert.equal(hooks.hooks.filter((hook) => hook.url.includes("moved")).length, 0);
  assert.equal(hooks.hooks.filter((hook) => hook.url === "/webhook/redirect").length, 1);
});
