// usage.mjs - a program as the client's own pages write it, with nothing in it of where the server is; proxy.test.mjs
// runs it with an environment that leads there. Prints what it saw as one line of JSON.
import { readFileSync } from "node:fs";
import { fal } from "@fal-ai/client";

const photo = new Blob([readFileSync(process.argv[2])], { type: "image/jpeg" });
const updates = [];
const result = await fal.subscribe("fal-ai/birefnet/v2", {
  input: { image_url: photo, output_mask: true },
  logs: true,
  onQueueUpdate: (update) => {
    updates.push(update.status);
    if (update.status === "IN_PROGRESS") update.logs.map((log) => log.message).forEach((message) => updates.push(message));
  },
});
const direct = await fal.run("fal-ai/birefnet/v2", { input: { image_url: result.data.image.url, mask_only: true } });
const image = await fetch(result.data.image.url);
const size = (await image.arrayBuffer()).byteLength;
console.log(JSON.stringify({ node: process.version, updates, ...result, direct: direct.data, status: image.status, size }));
