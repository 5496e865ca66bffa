// hostile.test.mjs - what strangers, careless readers of logs and visited pages can do to a server: nothing lasting.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";
import { Agent, request as ask0 } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { dot, folder, host, serve, until } from "./support.mjs";

/** One number of /metrics. */
async function metric(server, name) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const found = new RegExp(`^${name.replace(/[{}"]/g, "\\$&")} ([0-9.e+]+)$`, "m").exec(text);
  return found && Number(found[1]);
}

/** A pipe that nobody reads unless `text()` is called; as small as the system's pages. */
function pipe(name) {
  const path = join(folder(), name);
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const bytes = Buffer.alloc(65536);
  return {
    fd: openSync(path, constants.O_WRONLY),
    text: () => {
      let text = "";
      try {
        for (;;) text += bytes.toString("utf8", 0, readSync(fd, bytes));
      } catch (error) {
        if (error.code !== "EAGAIN") throw error;
      }
      return text;
    },
    close: () => closeSync(fd),
  };
}

/** A server that does not outlive its test, whatever becomes of that. */
async function start(context, options) {
  const server = await serve(options);
  context.after(() => server.child.kill("SIGKILL"));
  return server;
}

async function ends(server, limit_ms) {
  server.child.kill("SIGTERM");
  const ended = await Promise.race([server.ended, new Promise((resolve) => setTimeout(resolve, limit_ms, "hangs").unref())]);
  if (ended === "hangs") server.child.kill("SIGKILL");
  assert.deepEqual(ended, { code: 0, signal: null });
}

test("an access log that nobody reads: every request is answered, what is lost is counted and said, SIGTERM ends it", async (context) => {
  const unread = pipe("stdout");
  const server = await start(context, { stdio: ["ignore", unread.fd, "pipe"] });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const get = () => new Promise((resolve, reject) => {
    ask0(`${server.url}/healthz?x`, { agent, timeout: 10000 }, (answer) => answer.resume().on("end", () => resolve(answer.statusCode)))
      .on("timeout", () => reject(new Error("no answer within 10 s"))).on("error", reject).end();
  });
  const count = 6000; // 250 bytes each: more than the pipe and what the program keeps
  for (let done = 0; done < count; done += 500) {
    const answers = await Promise.all(Array.from({ length: 500 }, get));
    assert.ok(answers.every((status) => status === 200));
  }
  const lost = await until(() => metric(server, "birefnet_log_lines_lost_total{log=\"access\"}"));
  let log = "";
  // once it is read again the log goes on, and says what is missing at the place where it is
  const said = await until(() => {
    log += unread.text();
    return log.split("\n").slice(0, -1).map((line) => JSON.parse(line)).find((line) => line.lines_lost >= lost);
  });
  assert.ok(said);
  await get();
  await until(() => (log += unread.text()).split("\n").slice(0, -1).map((line) => JSON.parse(line)).at(-1).status === 200);
  for (let i = 0; i < 1000; i++) await get(); // full once more
  agent.destroy();
  await ends(server, 15000);
  unread.close();
});

test("a standard error that nobody reads: the work goes on, SIGTERM ends it", async (context) => {
  const unread = pipe("stderr");
  const server = await start(context, { stdio: ["ignore", "ignore", unread.fd], errors: unread.text });
  const submit = () => fetch(`${server.url}/queue/fal-ai/birefnet/v2?fal_webhook=${encodeURIComponent("http://127.0.0.1:9/")}`,
    { method: "POST", body: '{"image_url":"data:,"}' });
  for (let done = 0; done < 600; done += 20) { // each says on standard error that nobody takes its webhook
    const answers = await Promise.all(Array.from({ length: 20 }, submit));
    assert.ok(answers.every((answer) => answer.status === 200));
  }
  await until(async () => (await metric(server, "birefnet_webhooks_failed_total")) >= 600);
  await ends(server, 15000);
  unread.close();
});

test("bodies that would become much more than they are: little memory, and others are answered meanwhile", async (context) => {
  const server = await start(context);
  const begun = await (await fetch(`${server.url}/rest/storage/upload/initiate-multipart`, { method: "POST", body: "{}" })).json();
  const bomb = (bytes) => `{"a":[{}${",{}".repeat(bytes / 3)}]}`;
  const nest = (bytes) => `{"a":${"[".repeat(bytes / 2)}${"]".repeat(bytes / 2)}}`;
  const routes = ["/rest/tokens/", "/rest/tokens/realtime", "/rest/storage/upload/initiate", "/rest/storage/upload/initiate-multipart",
    "/rest/storage/auth/token", "/queue/fal-ai/birefnet/v2", "/run/fal-ai/birefnet/v2", new URL(begun.upload_url).pathname + "/complete"];
  const post = async (path, body, headers) => (await fetch(server.url + path, { method: "POST", body, headers })).status;
  const before = await metric(server, "process_resident_memory_bytes");
  const sanitized = /__[at]san_init/.test(readFileSync(process.env.BIREFNET, "latin1")); // and keeps memory for itself
  const fits = async () => {
    if (sanitized) return;
    const more = (await metric(server, "birefnet_resident_memory_peak_bytes")) - before;
    assert.ok(more < 150e6, `${more / 1e6} MB`);
  };
  for (const path of routes)
    for (const bytes of [15000, 1000000])
      for (const body of [bomb(bytes), nest(bytes)]) {
        let open = 32;
        const answers = Promise.all(Array.from({ length: 32 }, () => post(path, body).finally(() => open--)));
        const asked = Date.now();
        assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
        // before they were through, however long a busy machine takes for them; or soon
        assert.ok(open > 0 || Date.now() - asked < 5000, `${path}: /healthz waited ${Date.now() - asked} ms`);
        // small ones are read, and are no input for most; tokens and uploads take no notice of what they do not know
        const statuses = await answers;
        await fits();
        for (const status of statuses) assert.ok(bytes < 16384 ? status < 500 : [413, 422].includes(status), `${path}: ${status}`);
      }
  const lifecycle = { "X-Fal-Object-Lifecycle": bomb(30000) };
  await Promise.all(Array.from({ length: 32 }, () => post("/rest/storage/upload/initiate", "{}", lifecycle)));
  await fits();
  // what is right is as before: the most parts that there may be, in the longest words
  const parts = Array.from({ length: 10000 }, (_, i) => ({ partNumber: i + 1, etag: `"${"0123456789abcdef".repeat(2)}"` }));
  const whole = await fetch(`${begun.upload_url}/complete`, { method: "POST", body: JSON.stringify({ parts }) });
  assert.equal(whole.status, 400); // read, and found that they did not arrive
  assert.match((await whole.json()).detail, /part 1 /);
  await ends(server, 15000);
});

test("few descriptors and many half-open connections: others are answered meanwhile and after", async (context) => {
  const server = await start(context, { descriptors: 64, args: ["--fetches", "2"] });
  assert.match(server.errors, /Connections: \d+ at most/);
  const health = () => fetch(`${server.url}/healthz`, { headers: { connection: "close" }, signal: AbortSignal.timeout(5000) });
  for (const first of ["GET /x HTTP/1.1\r\nHos", ""]) {
    const sockets = Array.from({ length: 100 }, () => connect(server.port, "127.0.0.1", function () { this.write(first); }).on("error", () => {}));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve).once("close", resolve))));
    for (let i = 0; i < 5; i++) assert.equal((await health()).status, 200);
    const answer = await fetch(`${server.url}/run/fal-ai/birefnet/v2`, { method: "POST", body: JSON.stringify({ image_url: dot }) });
    assert.equal(answer.status, 200);
    for (const socket of sockets) socket.destroy();
    for (let i = 0; i < 5; i++) assert.equal((await health()).status, 200);
    await until(async () => (await metric(server, "birefnet_http_connections")) < 3);
  }
  await ends(server, 15000);
});

test("too few descriptors for a server are said at start", async () => {
  const descriptors = process.env.BN_TEST_STORE ? 18 : 24; // SQLite has more files open when it counts
  await assert.rejects(serve({ descriptors }), new RegExp(`ended with \\d+: .*${descriptors} files open`));
});

test("a page that is not ours: nothing leads into the network, and what operators ask for is not for it", async (context) => {
  const server = await start(context, { args: ["--fetches", "4"] }); // --allow-private: photos of this machine are fetched
  const hoster = await host();
  const ask = (path, headers, body) => fetch(server.url + path, { method: body ? "POST" : "GET", headers, body });
  const submit = (headers, name) => ask(`/queue/fal-ai/birefnet/v2?fal_webhook=${encodeURIComponent(`${hoster.url}/webhook/${name}`)}`,
    { "content-type": "text/plain", ...headers }, JSON.stringify({ image_url: dot }));
  try {
    const pages = [{ origin: "https://evil.example" }, { origin: "null" }, { origin: "http://localhost:3000" }, { "sec-fetch-site": "cross-site" }];
    for (const page of pages) assert.equal((await submit(page, "foreign")).status, 200);
    await until(async () => (await metric(server, "birefnet_webhooks_failed_total")) >= pages.length);
    assert.equal((await submit({}, "program")).status, 200);
    assert.equal((await submit({ origin: server.url }, "ours")).status, 200);
    await hoster.untilHooks(2);
    assert.deepEqual(hoster.hooks.map((hook) => hook.url.split("/").at(-1)).sort(), ["ours", "program"]);

    const photo = JSON.stringify({ image_url: `${hoster.url}/dot` });
    assert.equal((await ask("/run/fal-ai/birefnet/v2", {}, photo)).status, 200);
    const refused = await ask("/run/fal-ai/birefnet/v2", { origin: "https://evil.example" }, photo);
    assert.equal(refused.status, 422);
    assert.equal((await refused.json()).detail[0].type, "file_download_error");
    const behind = JSON.stringify({ image_url: dot, background: `${hoster.url}/dot` });
    assert.equal((await ask("/run/fal-ai/birefnet/v2", {}, behind)).status, 200);
    const closed = await ask("/run/fal-ai/birefnet/v2", { origin: "https://evil.example" }, behind);
    assert.equal(closed.status, 422);
    assert.deepEqual((await closed.json()).detail[0].loc, ["body", "background"]);
    assert.equal((await ask(`/api/remove?url=${encodeURIComponent(`${hoster.url}/dot`)}`, { origin: "https://evil.example" })).status, 422);

    for (const path of ["/metrics", "/healthz", "/readyz"]) {
      const answer = await ask(path, { origin: "https://evil.example" });
      assert.equal(answer.status, path === "/metrics" ? 403 : 200, path);
      assert.equal(answer.headers.get("access-control-allow-origin"), null, path);
    }
    for (const path of ["/openapi.json", "/rest/.well-known/jwks.json", "/nothing"])
      assert.equal((await ask(path, { origin: "https://evil.example" })).headers.get("access-control-allow-origin"), "*", path);
    // a page whose name leads here now sends no Origin, but its own name
    for (const [path, status] of [["/metrics", 403], [`/api/remove?url=${encodeURIComponent(`${hoster.url}/dot`)}`, 422], ["/healthz", 200]])
      for (const method of ["GET", "HEAD"]) {
        const rebound = await new Promise((resolve) => {
          ask0({ method, port: server.port, host: "127.0.0.1", path, headers: { host: `evil.example:${server.port}` } }, resolve).end();
        });
        rebound.resume();
        assert.equal(rebound.statusCode, status, `${method} ${path}`);
      }
  } finally {
    hoster.close();
  }
  await ends(server, 15000);
});
