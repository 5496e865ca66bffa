// output.test.mjs - rows M1 to M4: what comes out.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { client, dot, E, serve } from "./support.mjs";

let server, api;
before(async () => {
  server = await serve();
  api = client(server);
});
after(() => server.stop());

const run = async (input) => (await api.run(E, { input: { image_url: dot, ...input } })).data;
const magic = { png: /^\x89PNG/, webp: /^RIFF....WEBP/s, gif: /^GIF8/ };
const bytesOf = async (url) => Buffer.from(await (await fetch(url)).arrayBuffer()).toString("latin1");

test("M1 sync_mode", async () => {
  const { image, mask_image } = await run({ sync_mode: true, output_mask: true });
  for (const file of [image, mask_image]) {
    assert.match(file.url, /^data:image\/png;base64,[A-Za-z0-9+/]+=*$/);
    const bytes = Buffer.from(file.url.split(",")[1], "base64");
    assert.match(bytes.toString("latin1"), magic.png);
    assert.equal(bytes.length, file.file_size);
  }
});

test("M2 output_mask", async () => {
  const { mask_image } = await run({ output_mask: true });
  assert.equal(mask_image.width, 2);
  assert.match(await bytesOf(mask_image.url), magic.png);
  assert.ok(!(await run({})).mask_image);
});

test("M3 mask_only", async () => {
  const both = await run({ output_mask: true });
  const only = await run({ mask_only: true });
  assert.equal(await bytesOf(only.image.url), await bytesOf(both.mask_image.url));
});

test("M4 formats", async () => {
  for (const format of ["png", "webp", "gif"]) {
    const { image } = await run({ output_format: format });
    assert.equal(image.content_type, `image/${format}`);
    assert.ok(image.file_name.endsWith(`.${format}`));
    assert.match(await bytesOf(image.url), magic[format]);
  }
});
