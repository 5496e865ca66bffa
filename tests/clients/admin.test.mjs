// admin.test.mjs - what administrators ask for, and who may not: keys without the right, tokens, pages of others, other
// machines; and that each number stands in /metrics, too.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { dot, keys, keysIn, serve, source, until } from "./support.mjs";

const PATHS = [["GET", "/admin/overview.json"], ["POST", "/admin/keys"], ["POST", "/admin/keys/some/revoke"]];

let server;
before(async () => { server = await serve(); });
after(() => server.stop());

const ask = (own, method, path, headers = {}, body = method === "POST" ? {} : undefined) =>
  fetch(own.url + path, { method, headers, body: body && (typeof body === "string" ? body : JSON.stringify(body)) });
const overview = async (own, headers) => (await ask(own, "GET", "/admin/overview.json", headers)).json();
const as = (key) => ({ authorization: `Key ${key}` });
const plain = (answer) => assert.equal(answer.headers.get("access-control-allow-origin"), null);

test("without keys: this machine by its own name, and no page of others", async () => {
  for (const [method, path] of PATHS) {
    for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }, { "sec-fetch-site": "cross-site" },
      { "x-forwarded-for": "10.1.2.3" }, { forwarded: "for=10.1.2.3" }, { via: "1.1 proxy" }]) {
      const answer = await ask(server, method, path, headers);
      assert.equal(answer.status, 403, `${method} ${path} ${JSON.stringify(headers)}`);
      plain(answer);
    }
    const preflight = await ask(server, "OPTIONS", path, { origin: "https://evil.example", "access-control-request-method": method });
    assert.equal(preflight.status, 405);
    plain(preflight);
    assert.equal(preflight.headers.get("access-control-allow-methods"), null);
  }
  const answer = await ask(server, "GET", "/admin/overview.json", { origin: server.url });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("cache-control"), "no-store");
  plain(answer);
});

test("a slash behind a page leads to the page itself, also below a proxy's folder", async () => {
  for (const [path, location] of [["/admin/", "../admin"], ["/admin/?x=1", "../admin"], ["/app.js/", "../app.js"], ["/samples/cat.jpg/", "../cat.jpg"]]) {
    const answer = await fetch(server.url + path, { redirect: "manual" });
    assert.deepEqual([answer.status, answer.headers.get("location")], [301, location], path);
  }
  for (const path of ["/", "/admin"]) assert.equal((await fetch(server.url + path, { redirect: "manual" })).status, 200, path);
  for (const path of ["/nothing/", "/admin/nothing/"]) assert.equal((await fetch(server.url + path, { redirect: "manual" })).status, 404, path);
});

test("a name that was pointed here is not ours", async () => {
  const bytes = execFileSync("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: evil.example",
    `${server.url}/admin/overview.json`], { encoding: "utf8" });
  assert.equal(bytes, "403");
});

/** The fields that packaging/nginx.conf sets for a client elsewhere that asked for `authority`, as arguments of cURL. */
function proxied(authority) {
  const lines = [...readFileSync(join(source, "packaging/nginx.conf"), "utf8").matchAll(/^ *proxy_set_header (\S+) (\S+);/gm)];
  const values = { $host: authority.replace(/:.*/, ""), $http_host: authority, $proxy_add_x_forwarded_for: "203.0.113.7" };
  const fields = lines.flatMap(([, name, value]) => (value in values ? ["-H", `${name}: ${values[value]}`] : []));
  assert.ok(fields.some((field) => field.startsWith("Host: ")));
  return fields;
}
const code = (...words) => execFileSync("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", ...words], { encoding: "utf8" });

test("who comes through the proxy of packaging/nginx.conf is not taken for this machine", async (context) => {
  const own = await serve({ args: ["--public-url", "https://cut.example"] });
  context.after(() => own.stop());
  const ask = (path, ...more) => code(...proxied("cut.example"), ...more, own.url + path);
  const ways = [["/metrics/"], ["/x", "-H", "x-fal-target-url: https://fal.ai/metrics"], ["/admin/overview.json"],
    ["/admin/keys", "-d", '{"name": "stranger", "admin": true}']];
  for (const way of ways) assert.equal(ask(...way), "403", way.join(" "));
  const key = await keys(own, "add", "operator");
  for (const way of ways) assert.equal(ask(...way), "401", way.join(" "));
  assert.equal(ask("/metrics/", "-H", `Authorization: Key ${key}`), "200");
  assert.equal((await fetch(`${own.url}/metrics`)).status, 200); // this machine itself
});

test("administrators come through that proxy, also where it is on a port of its own", async (context) => {
  const own = await serve({ args: ["--public-url", "https://cut.example:8443"] });
  context.after(() => own.stop());
  const key = await keys(own, "add", "boss", "--admin");
  assert.equal(code(...proxied("cut.example:8443"), "-H", `Authorization: Key ${key}`, `${own.url}/admin/overview.json`), "200");
});

test("an open server has no administrators without keys", async () => {
  const own = await serve({ args: ["--anyone"] });
  for (const [method, path] of PATHS) assert.equal((await ask(own, method, path)).status, 403);
  await own.stop();
});

test("each number is a metric, too", async () => {
  assert.equal((await ask(server, "POST", "/run/fal-ai/birefnet/v2", {}, { image_url: dot })).status, 200);
  assert.equal((await ask(server, "POST", "/run/fal-ai/birefnet/v2", {}, { image_url: "data:image/png;base64,aGVsbG8=" })).status, 422);
  const seen = await overview(server);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const metric = (name) => Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (\\S+)`, "m").exec(text)?.[1]);
  const pairs = [[seen.queue.waiting, "birefnet_requests_waiting"], [seen.queue.waiting_limit, "birefnet_requests_waiting_limit"],
    [seen.queue.running, "birefnet_requests_running"], [seen.queue.oldest_waiting_s, "birefnet_requests_oldest_waiting_seconds"],
    [seen.sessions.count, "birefnet_sessions"], [seen.sessions.busy, 'birefnet_requests_in_work{step="network"}'],
    [seen.models_open.length, "birefnet_models_open"], [1, `birefnet_model_open{weights="${seen.models_open[0]}"}`],
    [seen.memory.decode_bytes, "birefnet_decode_memory_bytes"], [seen.memory.decode_limit_bytes, "birefnet_decode_memory_limit_bytes"],
    [seen.stored.bytes, "birefnet_stored_bytes"], [seen.stored.limit_bytes, "birefnet_stored_bytes_limit"],
    [seen.requests.accepted, "birefnet_requests_accepted_total"], [seen.requests.succeeded, "birefnet_requests_succeeded_total"],
    [seen.requests.refused, "birefnet_requests_rejected_total"], [seen.requests.webhooks_pending, "birefnet_webhooks_pending"],
    [seen.keys.length, 'birefnet_keys{right="use"}']];
  for (const [value, name] of pairs) assert.equal(metric(name), value, name);
  assert.ok(metric("process_resident_memory_bytes") > 1e6 && seen.memory.resident_bytes > 1e6 && seen.memory.peak_bytes >= 1e6);
  assert.equal(seen.requests.succeeded, 1);
  assert.equal(seen.failures.length, seen.requests.failed);
  const [{ reason, code, at_ms, error }] = seen.failures;
  assert.equal(code, 422);
  assert.ok(error);
  assert.equal(metric(`birefnet_requests_failed_total{reason="${reason}"}`), 1);
  assert.equal(metric(`birefnet_requests_failed_last_timestamp_seconds{reason="${reason}"}`), at_ms / 1000);
});

test("where workers share the work they are counted, as in the metrics", async (t) => {
  if (process.env.BN_TEST_STORE || process.env.BN_TEST_FILES) return t.skip("by the data folder");
  const own = await serve({ args: ["--no-worker"] });
  const worker = spawn(process.env.BIREFNET, ["work", "--data", own.data, "--models-dir", own.data, "--fallback-model", "seeded:gen3-pvt_v2_b0:7",
    "--test-resolution", "64x64", "--threads", "1", "--quiet"], { stdio: "ignore" });
  try {
    await until(async () => (await overview(own)).cluster?.idle_workers === 1);
    assert.equal((await ask(own, "POST", "/run/fal-ai/birefnet/v2", {}, { image_url: dot })).status, 200);
    let cluster, text; // both of a look at the store after that run has ended
    await until(async () => {
      [{ cluster }, text] = [await overview(own), await (await fetch(`${own.url}/metrics`)).text()];
      const counted = Object.entries({ workers: 1, waiting: 0 });
      return counted.every(([name, count]) => cluster[name] === count && new RegExp(`^birefnet_cluster_${name} ${count}$`, "m").test(text));
    });
    assert.deepEqual(Object.keys(cluster).sort(), ["held", "idle_workers", "oldest_waiting_s", "running", "waiting", "workers"]);
    for (const name of ["held", "running", "idle_workers", "oldest_waiting_seconds"]) assert.match(text, new RegExp(`^birefnet_cluster_${name} `, "m"));
  } finally {
    worker.kill();
    await new Promise((resolve) => worker.on("exit", resolve));
    await own.stop();
  }
  assert.equal((await overview(server)).cluster, undefined, "alone there is nothing to add");
});

test("bodies that are none are refused, and make no key", async () => {
  for (const body of ["", "null", "[]", "{", '{"name":""}', '{"name":7}', '{"name":"a\\u0007"}', `{"name":"${"é".repeat(51)}"}`,
    '{"name":"a","admin":1}', '{"name":"a","admin":true,"per_minute":-1}', '{"name":"a","admin":true,"running":1.5}',
    '{"name":"a","admin":true,"waiting":1000001}', '{"name":"a"}' /* the first is an administrator's */])
    assert.equal((await ask(server, "POST", "/admin/keys", {}, body || " ")).status, 422, body);
  assert.equal((await ask(server, "POST", "/admin/keys", {}, "x".repeat(20000))).status, 413);
  assert.deepEqual((await overview(server)).keys, []);
});

test("with keys: administrators only", async () => {
  const made = await ask(server, "POST", "/admin/keys", {}, { name: "boss", admin: true });
  assert.equal(made.headers.get("cache-control"), "no-store");
  const boss = await made.json();
  for (const [method, path] of PATHS) assert.equal((await ask(server, method, path)).status, 401, "loopback is not enough any more");
  const user = await (await ask(server, "POST", "/admin/keys", as(boss.key), { name: "user", per_minute: 5 })).json();
  assert.equal(user.admin, false);
  const tokens = [];
  for (const path of ["/rest/tokens/", "/rest/storage/auth/token"]) {
    const answer = await (await ask(server, "POST", path, as(boss.key), {})).json();
    tokens.push(answer.token ?? answer);
  }
  for (const [method, path] of PATHS) {
    assert.equal((await ask(server, method, path, as(user.key))).status, 403);
    for (const token of tokens) assert.equal((await ask(server, method, path, { authorization: `Bearer ${token}` })).status, 401);
    const foreign = await ask(server, method, path, { ...as(boss.key), origin: "https://evil.example" });
    assert.equal(foreign.status, 403, "a page of others, even with the key");
    plain(foreign);
  }
  const seen = await overview(server, as(boss.key));
  assert.deepEqual(seen.keys.map(({ name, admin, per_minute }) => [name, admin, per_minute]), [["boss", true, -1], ["user", false, 5]]);
  assert.equal(JSON.stringify(seen).includes(user.key.split(":")[1]), false);
  assert.match(keysIn(server.data, "list"), /boss {2}\(administrator\)/);

  const revoke = (id) => ask(server, "POST", `/admin/keys/${encodeURIComponent(id)}/revoke`, as(boss.key));
  assert.equal((await revoke(boss.id)).status, 409, "one administrator stays");
  assert.equal((await revoke("user")).status, 404, "an id, not a name");
  assert.equal((await revoke(user.id)).status, 200);
  assert.equal((await revoke(user.id)).status, 404);
  assert.equal((await ask(server, "POST", "/run/fal-ai/birefnet/v2", as(user.key), { image_url: dot })).status, 401);
  const second = await keys(server, "add", "second", "--admin");
  assert.equal((await ask(server, "GET", "/admin/overview.json", as(second))).status, 200);
  await keys(server, "revoke", "second");
  assert.equal((await ask(server, "GET", "/admin/overview.json", as(second))).status, 401);
  for (const line of server.lines()) assert.equal(JSON.stringify(line).includes(boss.key.split(":")[1]), false);
});

test("the document says these routes, where they are", async () => {
  const { paths } = await (await fetch(`${server.url}/openapi.json`)).json();
  for (const path of ["/admin/overview.json", "/admin/keys", "/admin/keys/{key_id}/revoke"])
    assert.deepEqual(paths[path].servers, [{ url: server.url }]);
});
