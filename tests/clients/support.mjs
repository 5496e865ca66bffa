// support.mjs - what the tests share: a server of our own, a host for photos that can hold a request back, a client.
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseOf, dropDatabaseOf } from "./database.mjs";

const require = createRequire(import.meta.url);
export const fal = require("@fal-ai/client");
export const E = "fal-ai/birefnet/v2";
export const source = process.env.BN_SOURCE;
export const photo = readFileSync(join(source, "examples/photo1.jpg"));
// 2x2 pixels, red: small enough for runs by the hundred
export const dot =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==";

export function folder() {
  return mkdtempSync(join(tmpdir(), "birefnet-test-"));
}

/** A bucket's address with a folder that nobody else has. */
const ofItsOwn = (place) => place.replace(/(\?|$)/, `/${randomUUID()}$1`);

/** Start the program; resolves when it says its address. */
export async function serve(options = {}) {
  const data = options.data ?? folder();
  const args = ["serve", "--listen", "127.0.0.1:0", "--data", data, "--models-dir", data,
    "--fallback-model", "seeded:gen3-pvt_v2_b0:7", "--test-resolution", "64x64", "--threads", "1",
    ...(options.place ?? process.env.BN_TEST_FILES ? ["--files", ofItsOwn(options.place ?? process.env.BN_TEST_FILES)] : []),
    ...(options.strict ? [] : ["--allow-private"]), "--drain", "10", "--fetches", "4", ...(options.args ?? [])];
  // a limit on the size of files, in KiB, is a full disk that we may have
  const limit = options.file_limit ? `-f ${options.file_limit}` : options.descriptors ? `-n ${options.descriptors}` : "";
  const [program, words] = limit
    ? ["bash", ["-c", `ulimit ${limit}; exec "$0" "$@"`, process.env.BIREFNET, ...args]]
    : [process.env.BIREFNET, args];
  const child = spawn(program, words, {
    env: { ...process.env, HOME: data, XDG_DATA_HOME: data, BIREFNET_MODELS: data, OMP_NUM_THREADS: "1",
      ...databaseOf(data), ...options.env },
    stdio: options.stdio ?? ["ignore", "pipe", "pipe"],
  });
  process.once("exit", () => child.kill("SIGKILL")); // a test that failed did not stop it
  const server = { child, data, errors: "", log: "" };
  server.ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve({ code, signal })));
  child.stdout?.on("data", (bytes) => (server.log += bytes));
  child.stderr?.on("data", (bytes) => (server.errors += bytes));
  server.port = await until(() => {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${server.errors}`);
    if (options.errors) server.errors += options.errors();
    const said = /http:\/\/127\.0\.0\.1:(\d+)/.exec(server.errors);
    return said && server.errors.includes("Keys:") && Number(said[1]);
  });
  server.url = `http://127.0.0.1:${server.port}`;
  server.lines = () => server.log.split("\n").slice(0, -1).filter(Boolean).map((line) => JSON.parse(line));
  server.stop = async (signal = "SIGTERM") => {
    child.kill(signal);
    const end = await server.ended;
    if (signal === "SIGTERM" && end.code !== 0) throw new Error(`stopped with ${end.code} ${end.signal}: ${server.errors}`);
    if (!options.data && !server.keep) {
      rmSync(data, { recursive: true, force: true });
      dropDatabaseOf(data);
    }
    return end;
  };
  return server;
}

/** `birefnet keys` over the keys of a data folder's servers; what it says. */
export const keysIn = (data, ...words) => execFileSync(process.env.BIREFNET, ["keys", "--data", data, "--quiet", ...words],
  { encoding: "utf8", env: { ...process.env, ...databaseOf(data) } }).trim();

const made = new Map(); // keys by data folder and name

/** The same of a running server, back when it goes by it: those over one database look for changes once a second. */
export async function keys(server, verb, name, ...words) {
  const said = keysIn(server.data, verb, name, ...words), at = `${server.data} ${name}`;
  const status = async (key) => (await fetch(`${server.url}/queue/fal-ai/birefnet/requests/x/status`,
    { headers: key ? { authorization: `Key ${key}` } : {} })).status;
  if (verb === "add") {
    made.set(at, said);
    await until(async () => (await status()) === 401 && (await status(said)) !== 401);
  } else {
    await until(async () => (await status(made.get(at))) === 401);
  }
  return said;
}

/** Where the client's addresses go with path prefixes. */
export function rewrite(server) {
  return async (request) => ({
    ...request,
    url: request.url
      .replace("https://fal.run/", `${server.url}/run/`)
      .replace("https://queue.fal.run/", `${server.url}/queue/`)
      .replace("https://rest.fal.ai/", `${server.url}/rest/`),
  });
}

/** A client of `server`; `seen` notes method, path, status and header fields of every request. */
export function client(server, options = {}) {
  const seen = [];
  const made = fal.createFalClient({
    credentials: "id:secret",
    requestMiddleware: rewrite(server),
    fetch: async (url, init) => {
      const entry = { url: String(url), method: init?.method ?? "GET", headers: init?.headers ?? {} };
      seen.push(entry);
      const response = await fetch(url, init);
      entry.status = response.status;
      entry.answer = response.headers;
      return response;
    },
    ...options,
  });
  made.seen = seen;
  return made;
}

/** A host for photos. /dot and /photo come at once; /hold waits until release(); /webhook notes what it gets and answers from `answers`. */
export async function host() {
  const held = [];
  const hooks = [];
  const waiting = [];
  const self = { hooks, answers: [], location: undefined };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url.startsWith("/hold")) {
        held.push(response);
        waiting.splice(0).forEach((wake) => wake());
      } else if (request.url.startsWith("/webhook")) {
        hooks.push({ url: request.url, headers: request.headers, body: Buffer.concat(chunks), at: Date.now() });
        const status = self.answers.shift() ?? 200;
        response.writeHead(status, status === 302 ? { location: self.url + "/webhook/moved" } : {}).end();
        waiting.splice(0).forEach((wake) => wake());
      } else if (request.url.startsWith("/text")) {
        response.writeHead(200, { "content-type": "image/png" }).end("this is no picture");
      } else if (request.url.startsWith("/dot")) {
        response.writeHead(200, { "content-type": "image/png" }).end(Buffer.from(dot.split(",")[1], "base64"));
      } else if (request.url.startsWith("/photo")) {
        response.writeHead(200, { "content-type": "image/jpeg" }).end(photo);
      } else {
        response.writeHead(404).end();
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  self.url = `http://127.0.0.1:${server.address().port}`;
  self.until = async (condition) => {
    while (!condition()) await new Promise((wake) => waiting.push(wake));
  };
  self.heldCount = () => held.length;
  self.untilHeld = (count) => self.until(() => held.length >= count);
  self.untilHooks = (count) => self.until(() => hooks.length >= count);
  self.release = () => held.splice(0).forEach((response) => response.writeHead(200, { "content-type": "image/jpeg" }).end(photo));
  self.close = () => {
    self.release();
    server.closeAllConnections();
    server.close();
  };
  return self;
}

/** Keep the server busy with as many held photos as it fetches at a time for one caller: others that must be fetched
 * wait. (Photos inside of requests do not; `--max-running 2` holds up those as well.) */
export async function block(api, hoster, count = 2) {
  const before = hoster.heldCount();
  const ids = [];
  for (let i = 0; i < count; i++) {
    const { request_id } = await api.queue.submit(E, { input: { image_url: `${hoster.url}/hold/${i}` } });
    ids.push(request_id);
  }
  await hoster.untilHeld(before + count);
  return ids;
}

/** Ask until `look` gives something; the server's own pace decides how often. */
export async function until(look, limit_ms = 60000) {
  const end = Date.now() + limit_ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error("waited too long");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function completed(api, requestId) {
  return until(async () => {
    const status = await api.queue.status(E, { requestId });
    return status.status === "COMPLETED" && status;
  });
}

/** The error that a promise ends with. */
export async function failure(promise) {
  return promise.then(
    () => { throw new Error("this should have failed"); },
    (error) => error,
  );
}
