// faults.test.mjs - rows E1, E4 and E5: something between client and server fails for a moment, and errors of the
// service itself. The other rows of E are in queue.test.mjs (E3) and, for the Python client, in test_fal_client.py.
import assert from "node:assert/strict";
import { createServer, request as ask } from "node:http";
import { after, before, test } from "node:test";
import { block, client, dot, E, failure, host, serve, until } from "./support.mjs";

/** A gateway before `server` that answers by itself where `fault(request)` gives a status, and passes on all else. */
async function gateway(server, fault) {
  const self = createServer((request, response) => {
    const status = fault(request);
    if (status) {
      request.resume();
      return response.writeHead(status, { "content-type": "application/json" }).end('{"detail":"not now"}');
    }
    const onward = ask(server.url + request.url, { method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => self.listen(0, "127.0.0.1", resolve));
  self.url = `http://127.0.0.1:${self.address().port}`;
  return self;
}

/** Answers `status` to the first `count` requests that `matches`, and notes how many came in all. */
function first(count, status, matches) {
  const fault = (request) => (matches(request) && fault.seen++ < count ? status : 0);
  fault.seen = 0;
  return fault;
}

let server;
before(async () => {
  server = await serve();
});
after(() => server.stop());

async function through(fault, work) {
  const between = await gateway(server, fault);
  try {
    await work(client(between));
  } finally {
    between.closeAllConnections();
    between.close();
  }
}

test("E1 a transient 503 of a run, of a submit and of a result", async () => {
  const run = first(2, 503, (request) => request.url.startsWith("/run/"));
  await through(run, async (api) => assert.ok((await api.run(E, { input: { image_url: dot } })).data.image.url));
  assert.equal(run.seen, 3);
  const submit = first(1, 503, (request) => request.method === "POST");
  await through(submit, async (api) => assert.ok((await api.subscribe(E, { input: { image_url: dot } })).data.image.url));
  assert.equal(submit.seen, 2);
  const result = first(1, 502, (request) => /requests\/[^/]+$/.test(request.url));
  await through(result, async (api) => assert.ok((await api.subscribe(E, { input: { image_url: dot } })).data.image.url));
  assert.equal(result.seen, 2);
});

test("E4 a status poll that fails once with 500", async () => {
  const poll = first(1, 500, (request) => request.url.includes("/status"));
  await through(poll, async (api) => assert.ok((await api.subscribe(E, { input: { image_url: dot } })).data.image.url));
  assert.ok(poll.seen >= 2);
});

test("E5 errors of the service carry their type in the body and in the header", async () => {
  const api = client(server);
  const hoster = await host();
  try {
    const held = await block(api, hoster);
    const { request_id } = await api.queue.submit(E, { input: { image_url: `${hoster.url}/dot` }, startTimeout: 1.5 });
    const types = { request_timeout: request_id, client_cancelled: held[1] };
    for (const [type, requestId] of Object.entries(types)) {
      if (type === "client_cancelled") await api.queue.cancel(E, { requestId });
      const status = await until(async () => {
        const now = await api.queue.status(E, { requestId });
        return now.status === "COMPLETED" && now;
      });
      assert.equal(status.error_type, type);
      const error = await failure(api.queue.result(E, { requestId }));
      assert.equal(error.body.error_type, type);
      assert.equal(api.seen.at(-1).answer.get("x-fal-error-type"), type);
    }
  } finally {
    hoster.close();
  }
});
