// soak.test.mjs - 2,000 requests: the resident memory at the end is that after 100, give or take 5 %.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { client, dot, E, photo, serve } from "./support.mjs";

const REQUESTS = Number(process.env.BN_SOAK ?? 2000);

test("memory does not grow", { timeout: 1200000 }, async () => {
  const server = await serve();
  const api = client(server);
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))[1]);
  const big = `data:image/jpeg;base64,${photo.toString("base64")}`;
  let next = 0;
  let early = 0;
  const samples = [];
  const work = async () => {
    while (next < REQUESTS) {
      const i = next++;
      const input = { image_url: i % 10 === 0 ? big : dot, output_mask: i % 3 === 0, sync_mode: i % 5 === 0, output_format: ["png", "webp", "gif"][i % 3] };
      if (i % 2) await api.run(E, { input });
      else await api.subscribe(E, { input, pollInterval: 10, logs: true });
      if (i === 100) early = rss();
      if (i % 250 === 0) samples.push(rss());
      api.seen.length = 0;
    }
  };
  await Promise.all([work(), work(), work(), work()]).catch(async (error) => { await server.stop("SIGKILL"); throw error; });
  const late = rss();
  console.log(`${early} KiB after 100 requests, ${late} KiB after ${REQUESTS}; every 250: ${samples.join(" ")}`);
  await server.stop();
  assert.ok(late <= early * 1.05, `${early} KiB became ${late} KiB`);
});
