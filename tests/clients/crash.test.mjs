// crash.test.mjs - kill -9 at random moments, fifty times: what was accepted is finished, once, and told.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { client, completed, dot, E, folder, host, serve, until } from "./support.mjs";

const ROUNDS = Number(process.env.BN_CRASHES ?? 50);
const PER_ROUND = 8; // accepted at most between two kills, so that finishing them all ends in time

/** Numbers that are the same in every run (mulberry32). */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("kill -9 at random moments", { timeout: 1200000 }, async () => {
  const chance = random(20261123);
  const hooks = await host();
  const data = folder();
  const accepted = new Map(); // id -> its result once a client has seen it
  for (let round = 0; round < ROUNDS; round++) {
    const server = await serve({ data, args: ["--preload", "light"] });
    const post = async (i) => {
      const answer = await fetch(`${server.url}/queue/fal-ai/birefnet/v2?fal_webhook=${encodeURIComponent(`${hooks.url}/webhook/${round}.${i}`)}`, {
        method: "POST", body: JSON.stringify({ image_url: dot, output_mask: i % 2 === 0 }) });
      if (answer.status === 200) accepted.set((await answer.json()).request_id, undefined);
    };
    const look = async (id) => {
      const answer = await fetch(`${server.url}/queue/fal-ai/birefnet/requests/${id}`);
      if (answer.status === 200) accepted.set(id, new URL((await answer.json()).image.url).pathname);
    };
    const busy = (async () => {
      for (let i = 0; ; i++) {
        if (i < PER_ROUND) await post(i);
        const ids = [...accepted.keys()];
        await look(ids[Math.floor(chance() * ids.length)]);
      }
    })().catch(() => {}); // the kill ends it
    const end = new Promise((resolve) => setTimeout(resolve, 20 + chance() * 500));
    await end;
    server.child.kill("SIGKILL");
    await server.ended;
    await busy;
  }
  const server = await serve({ data });
  const api = client(server);
  try {
    assert.ok(accepted.size > ROUNDS / 2, `only ${accepted.size} requests were accepted`);
    for (const [id, seen] of accepted) {
      await completed(api, id);
      const { data: result } = await api.queue.result(E, { requestId: id });
      const path = new URL(result.image.url).pathname;
      if (seen) assert.equal(path, seen, `${id}: another result than the one a client has seen`);
      const file = await fetch(result.image.url);
      assert.equal((await file.arrayBuffer()).byteLength, result.image.file_size);
    }
    const told = () => new Set(hooks.hooks.map((hook) => JSON.parse(hook.body).request_id));
    await until(() => [...accepted.keys()].every((id) => told().has(id)), 300000);
    console.log(`${accepted.size} requests accepted over ${ROUNDS} kills, ${hooks.hooks.length} webhook deliveries`);
  } finally {
    await server.stop();
    hooks.close();
    rmSync(data, { recursive: true, force: true });
  }
});
