// queue.test.mjs - rows Q1 to Q30 and E3: the queue.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { block, client, completed, E, failure, host, serve, until } from "./support.mjs";

let server, api, photos, input;
before(async () => {
  server = await serve();
  photos = await host();
  input = { image_url: `${photos.url}/dot` };
  api = client(server);
});
after(async () => {
  photos.close();
  await server.stop();
});

const raw = (path, init) => fetch(server.url + path, init);
const submit = async (options = {}) => (await api.queue.submit(E, { input, ...options })).request_id;
const base = "/queue/fal-ai/birefnet/requests/";

test("Q1 Q2 Q25 submit", async () => {
  const body = await api.queue.submit(E, { input });
  assert.equal(api.seen.at(-1).status, 200);
  assert.equal(api.seen.at(-1).headers["x-fal-queue-priority"], "normal");
  assert.equal(api.seen.at(-1).answer.get("x-fal-request-id"), body.request_id);
  assert.equal(body.status, "IN_QUEUE");
  assert.ok(Number.isInteger(body.queue_position));
  for (const url of [body.response_url, body.status_url, body.cancel_url])
    assert.ok(url.startsWith(`${server.url}${base}${body.request_id}`), url);
  await completed(api, body.request_id);
  assert.equal((await fetch(body.status_url)).status, 200);
  assert.ok((await (await fetch(body.response_url)).json()).image.url);
});

test("Q3 Q4 short and long paths, with and without slash", async () => {
  const id = await submit();
  await completed(api, id);
  for (const path of ["/queue/fal-ai/birefnet/requests/", "/queue/fal-ai/birefnet/v2/requests/", "/fal-ai/birefnet/requests/"])
    for (const end of ["", "/", "/status", "/status/", "/response", "/status?logs=true"])
      assert.equal((await raw(path + id + end)).status, 200, path + end);
  const answer = await raw("/queue/fal-ai/birefnet/v2/", { method: "POST", body: JSON.stringify(input) });
  assert.equal(answer.status, 200);
});

test("Q5 202 until it is completed", async () => {
  const id = await submit();
  api.seen.length = 0;
  await completed(api, id);
  const codes = api.seen.map((entry) => entry.status);
  assert.equal(codes.at(-1), 200);
  assert.ok(codes.slice(0, -1).every((code) => code === 202));
});

test("Q6 position in the queue", async () => {
  await block(api, photos);
  const ids = [];
  for (let i = 0; i < 6; i++) ids.push(await submit());
  const positions = [];
  for (const id of ids) {
    const status = await api.queue.status(E, { requestId: id });
    if (status.status === "IN_QUEUE") positions.push(status.queue_position);
  }
  assert.ok(positions.length >= 3);
  positions.slice(1).forEach((position, i) => assert.equal(position, positions[i] + 1));
  photos.release();
  for (const id of ids) await completed(api, id);
});

test("Q7 Q8 Q9 logs", async () => {
  const id = await submit();
  await completed(api, id);
  assert.equal((await api.queue.status(E, { requestId: id, logs: false })).logs, null);
  const { logs } = await api.queue.status(E, { requestId: id, logs: true });
  assert.ok(logs.length > 0);
  for (const line of logs) {
    assert.equal(typeof line.message, "string");
    assert.ok(["STDERR", "STDOUT", "ERROR", "INFO", "WARN", "DEBUG"].includes(line.level));
    assert.ok(!Number.isNaN(Date.parse(line.timestamp)));
  }
  assert.deepEqual((await (await raw(`${base}${id}/status?logs=true`)).json()).logs, logs);
  assert.equal((await (await raw(`${base}${id}/status?logs=false`)).json()).logs, null);
});

test("Q10 metrics", async () => {
  const status = await completed(api, await submit());
  assert.equal(typeof status.metrics.inference_time, "number");
});

test("Q11 subscribe", async () => {
  const updates = [];
  const { data, requestId } = await api.subscribe(E, {
    input, logs: true, pollInterval: 20,
    onQueueUpdate: (update) => {
      updates.push(update.status);
      if (update.status === "IN_PROGRESS") update.logs.map((log) => log.message);
    },
  });
  assert.equal(updates.at(-1), "COMPLETED");
  assert.equal((await fetch(data.image.url)).status, 200);
  assert.equal(requestId.length, 36);
});

test("Q12 Q14 subscribe in streaming mode", async () => {
  const updates = [];
  const { data } = await api.subscribe(E, { input, logs: true, mode: "streaming", onQueueUpdate: (update) => updates.push(update) });
  assert.ok(data.image.url);
  const last = updates.at(-1);
  assert.equal(last.status, "COMPLETED");
  const full = await api.queue.status(E, { requestId: last.request_id, logs: true });
  assert.deepEqual(last.logs.map((line) => line.message), full.logs.map((line) => line.message));
});

test("Q13 Q14 events on the wire", async () => {
  await block(api, photos);
  const id = await submit();
  const answer = await raw(`${base}${id}/status/stream?logs=1`);
  assert.equal(answer.status, 200);
  assert.ok(answer.headers.get("content-type").startsWith("text/event-stream"));
  assert.equal(answer.headers.get("x-fal-request-id"), id);
  let text = "";
  let released = false;
  for await (const chunk of answer.body) {
    text += Buffer.from(chunk).toString("latin1");
    if (!released) photos.release();
    released = true;
  }
  assert.ok([...text].every((c) => c.charCodeAt(0) < 128));
  const events = text.split("\n\n").filter((event) => event && !event.startsWith(":"));
  const states = events.map((event) => {
    assert.ok(event.startsWith("data: {"));
    assert.ok(!event.includes("\n"));
    return JSON.parse(event.slice(6)).status;
  });
  assert.equal(states[0], "IN_QUEUE");
  assert.equal(states.at(-1), "COMPLETED");
  assert.equal(states.filter((state) => state === "COMPLETED").length, 1);
  assert.equal((await raw(`${base}${id.replace(/./, "0")}0/status/stream`)).status, 404);
});

test("Q15 result before completion", async () => {
  const [id] = await block(api, photos);
  const before = api.seen.length;
  const error = await failure(api.queue.result(E, { requestId: id }));
  photos.release();
  assert.equal(error.status, 400);
  assert.equal(error.body.detail, "Request is still in progress");
  assert.equal(api.seen.length - before, 1);
});

test("Q16 result again", async () => {
  const id = await submit();
  await completed(api, id);
  const first = await api.queue.result(E, { requestId: id });
  assert.deepEqual((await api.queue.result(E, { requestId: id })).data, first.data);
  assert.equal(first.requestId, id);
});

test("Q17 invalid input", async () => {
  const { request_id } = await api.queue.submit(E, { input: {} });
  await completed(api, request_id);
  assert.equal((await failure(api.queue.result(E, { requestId: request_id }))).status, 422);
  const error = await failure(api.subscribe(E, { input: {}, pollInterval: 20 }));
  assert.equal(error.constructor.name, "ValidationError");
});

test("Q18 cancel what waits", async () => {
  await block(api, photos);
  const id = await submit();
  await api.queue.cancel(E, { requestId: id });
  assert.equal(api.seen.at(-1).status, 202);
  const status = await completed(api, id);
  assert.equal(status.error_type, "client_cancelled");
  photos.release();
  const error = await failure(api.queue.result(E, { requestId: id }));
  assert.equal(error.status, 499);
  assert.equal(error.body.error_type, "client_cancelled");
});

test("Q19 cancel what runs", async () => {
  const [id] = await block(api, photos);
  await api.queue.cancel(E, { requestId: id });
  photos.release();
  await completed(api, id);
  const answer = await raw(base + id);
  assert.ok([200, 499].includes(answer.status));
});

test("Q20 cancel what is completed", async () => {
  const id = await submit();
  await completed(api, id);
  const error = await failure(api.queue.cancel(E, { requestId: id }));
  assert.equal(error.status, 400);
  assert.deepEqual(error.body, { status: "ALREADY_COMPLETED" });
});

test("Q21 Q22 unknown id", async () => {
  const requestId = "00000000-0000-4000-8000-000000000000";
  for (const call of ["cancel", "status"]) {
    const before = api.seen.length;
    const error = await failure(api.queue[call](E, { requestId }));
    assert.equal(error.status, 404);
    assert.deepEqual(error.body, { status: "NOT_FOUND" });
    assert.equal(api.seen.length - before, 1);
  }
  assert.equal((await raw(base + requestId)).status, 404);
});

test("Q23 timeout of the client cancels", async () => {
  await block(api, photos);
  const before = api.seen.length;
  const error = await failure(api.subscribe(E, { input, timeout: 200 }));
  assert.match(error.message, /timed out/);
  await until(() => api.seen.slice(before).some((entry) => entry.method === "PUT" && entry.status === 202));
  photos.release();
});

test("Q24 priority", async () => {
  await block(api, photos);
  const low = [], normal = [];
  for (let i = 0; i < 4; i++) low.push(await submit({ priority: "low" }));
  for (let i = 0; i < 4; i++) normal.push(await submit());
  const at = async (id) => (await api.queue.status(E, { requestId: id })).queue_position ?? -1;
  assert.ok((await at(normal[3])) < (await at(low[3])));
  photos.release();
  for (const id of [...low, ...normal]) await completed(api, id);
});

test("Q26 hint and headers", async () => {
  const id = await submit({ hint: "somewhere", headers: { "X-Fal-Tags": "a", "X-Fal-No-Retry": "1" } });
  await completed(api, id);
});

test("Q27 fal_max_queue_length", async () => {
  await block(api, photos);
  const ids = [];
  for (let i = 0; i < 5; i++) ids.push(await submit());
  const post = (n) => raw(`/queue/fal-ai/birefnet/v2?fal_max_queue_length=${n}`, { method: "POST", body: JSON.stringify(input) });
  assert.equal((await post(1)).status, 429);
  assert.equal((await post(1000)).status, 200);
  assert.equal((await post("x")).status, 400);
  photos.release();
  for (const id of ids) await completed(api, id);
});

test("Q28 start timeout", async () => {
  await block(api, photos);
  const id = await submit({ startTimeout: 2 });
  const status = await completed(api, id);
  photos.release();
  assert.equal(status.error_type, "request_timeout");
  const before = api.seen.length;
  const error = await failure(api.queue.result(E, { requestId: id }));
  assert.equal(error.status, 504);
  assert.equal(error.isUserTimeout, true);
  assert.equal(api.seen.length - before, 1);
  assert.equal(error.body.error_type, api.seen.at(-1).answer.get("x-fal-error-type"), "E5");
});

test("Q29 twenty at once", async () => {
  const results = await Promise.all(Array.from({ length: 20 }, () => api.subscribe(E, { input, pollInterval: 50 })));
  assert.equal(new Set(results.map((result) => result.requestId)).size, 20);
});

test("Q30 results outlive a restart", async () => {
  const first = await serve();
  first.keep = true;
  const one = client(first);
  const { request_id } = await one.queue.submit(E, { input });
  await completed(one, request_id);
  const { data } = await one.queue.result(E, { requestId: request_id });
  assert.equal((await first.stop()).code, 0);
  const second = await serve({ data: first.data });
  const two = client(second);
  const again = await two.queue.result(E, { requestId: request_id });
  assert.equal(new URL(again.data.image.url).pathname, new URL(data.image.url).pathname);
  assert.equal((await fetch(again.data.image.url)).status, 200);
  await second.stop();
});

test("a stop answers those who wait, and keeps what is queued", async () => {
  const first = await serve({ args: ["--drain", "0"] });
  first.keep = true;
  const one = client(first);
  const ids = await block(one, photos);
  const queued = await one.queue.submit(E, { input });
  ids.push(queued.request_id);
  const waiting = fetch(`${first.url}/run/fal-ai/birefnet/v2`, { method: "POST", body: JSON.stringify(input) });
  await until(async () => /birefnet_http_parked 1/.test(await (await fetch(`${first.url}/metrics`)).text()));
  const ended = first.stop();
  const answer = await waiting;
  assert.equal(answer.status, 503);
  assert.equal((await answer.json()).error_type, "runner_disconnected");
  await ended;
  photos.release(); // what the first asked for: before its end it could have gone on with that
  const second = await serve({ data: first.data });
  const two = client(second);
  await photos.untilHeld(2);
  photos.release();
  for (const id of ids) {
    await completed(two, id);
    assert.ok((await two.queue.result(E, { requestId: id })).data.image);
  }
  await second.stop();
});

test("E3 408 and 409 are never used", async () => {
  await until(() => server.lines().length > 100); // written by a thread of its own
  for (const line of server.lines()) assert.ok(line.status !== 408 && line.status !== 409, JSON.stringify(line));
});
