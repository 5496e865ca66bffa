// raw.test.mjs - bytes on the wire: what is malformed, oversized, smuggled, slow, pipelined.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { dot, serve, until } from "./support.mjs";

let server;
before(async () => { server = await serve({ args: ["--max-body", "1"] }); });
after(() => server.stop());

const H = "Host: 127.0.0.1\r\n";

/** Send pieces, resolve with everything that came back when the server closes or `enough` says so. */
function talk(pieces, enough = () => false) {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, "127.0.0.1");
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (data) => {
      text += data;
      if (enough(text)) socket.destroy();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", (error) => (error.code === "ECONNRESET" || error.code === "EPIPE" ? undefined : reject(error)));
    for (const piece of [pieces].flat()) socket.write(piece, "latin1");
  });
}
const statuses = (text) => [...text.matchAll(/HTTP\/1\.1 (\d\d\d) /g)].map((match) => Number(match[1]));
const answered = (count) => (text) => {
  const found = statuses(text).length;
  return found >= count && text.endsWith("}");
};
async function alive() {
  assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
}

test("shapes that two readers could read differently are refused, and the connection ends", async () => {
  const body = "5\r\nhello\r\n0\r\n\r\n";
  const next = `GET /healthz HTTP/1.1\r\n${H}\r\n`;
  const shapes = {
    "length and chunked": `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
    "chunked and length": `Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${body}`,
    "two lengths that differ": "Content-Length: 4\r\nContent-Length: 5\r\n\r\nhello",
    "two equal lengths": "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "lengths in a list": "Content-Length: 5, 5\r\n\r\nhello",
    "a length with a sign": "Content-Length: +5\r\n\r\nhello",
    "a negative length": "Content-Length: -5\r\n\r\nhello",
    "a hexadecimal length": "Content-Length: 0x5\r\n\r\nhello",
    "an enormous length": "Content-Length: 99999999999999999999999\r\n\r\nhello",
    "an unknown coding": "Transfer-Encoding: gzip, chunked\r\n\r\n" + body,
    "a coding in disguise": "Transfer-Encoding: xchunked\r\n\r\n" + body,
    "two codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + body,
    "a blank before the colon": "Content-Length : 5\r\n\r\nhello",
    "a second Host": "Host: fal.run\r\nContent-Length: 5\r\n\r\nhello",
  };
  for (const [name, shape] of Object.entries(shapes)) {
    const text = await talk(`POST /queue/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}${shape}${next}`);
    const codes = statuses(text);
    // a second request read out of the body would be /healthz, and that is 200; libmicrohttpd's own refusals come
    // with their header section twice (0.9.75)
    assert.ok(codes.length > 0 && codes.every((code) => code >= 400 && code < 500), `${name}: ${codes}`);
  }
  await alive();
});

test("so are lines that are folded, cut or hidden by a byte, whatever the method", async () => {
  const inner = `GET /healthz HTTP/1.1\r\n${H}\r\n`;
  const length = `Content-Length: ${inner.length}`;
  const shapes = {
    "a folded length": `Content-Length:\r\n ${inner.length}\r\n\r\n`,
    "one folded by a tab": `Content-Length:\r\n\t${inner.length}\r\n\r\n`,
    "one folded behind a digit": "Content-Length: 1\r\n 0\r\n\r\n",
    "a length on a line that begins with a blank": `X: a\r\n ${length}\r\n\r\n`,
    "the same on the first line": null,
    "a folded coding": "Transfer-Encoding:\r\n chunked\r\n\r\n",
    "a folded line of another field": `X: a\r\n b\r\n\r\n`,
    "a length with a NUL behind": `${length}\0\r\n\r\n`,
    "one with a NUL in front": `Content-Length: \0${inner.length}\r\n\r\n`,
    "a NUL in its name": `Content\0-Length: ${inner.length}\r\n\r\n`,
    "a NUL behind its name": `Content-Length\0: ${inner.length}\r\n\r\n`,
    "a NUL before its line": `\0${length}\r\n\r\n`,
    "a line that is a NUL": `\0\r\n${length}\r\n\r\n`,
    "a coding with a NUL": "Transfer-Encoding: chunked\0\r\n\r\n",
    "a NUL in another field": `X: a\0b\r\n${length}\r\n\r\n`,
    "lines that end with LF": `X: a\n${length}\n\n`,
    "one that ends with CR": `X: a\r${length}\r\n\r\n`,
    "a name that is empty": `: ${inner.length}\r\n\r\n`,
    "a line without a colon": `Content-Length ${inner.length}\r\n\r\n`,
  };
  for (const method of ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "BREW"])
    for (const [name, shape] of Object.entries(shapes)) {
      const head = shape ? `${H}${shape}` : ` ${length}\r\n${H}\r\n`;
      const codes = statuses(await talk(`${method} /healthz HTTP/1.1\r\n${head}${inner}`));
      assert.ok(codes.length > 0 && codes.every((code) => code === 400), `${method}, ${name}: ${codes}`);
    }
  for (const line of ["GET /healthz\0 HTTP/1.1", "GET /healthz\0/x HTTP/1.1", "GET  /healthz HTTP/1.1", "GET /healthz  HTTP/1.1", "GET /healthz HTTP/1.1 "]) {
    const codes = statuses(await talk(`${line}\r\n${H}\r\n`));
    assert.ok(codes.every((code) => code === 400 || code === 505), `${line}: ${codes}`); // or closed without a word
  }
  // what is right is as before: values with blanks around and none at all, on one connection after the other
  const right = `GET /healthz HTTP/1.1\r\n${H}X:\r\nY: \r\nZ:\t a  \r\nContent-Length:0\r\n\r\n`;
  const text = await talk([right, right], answered(2));
  assert.deepEqual(statuses(text), [200, 200]);
});

test("a refusal of such a shape is an answer like others", async () => {
  const text = await talk(`POST /run/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`);
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.match(text, /\r\nx-fal-request-id: [0-9a-f-]{36}\r\n/);
  assert.match(text, /\r\nAccess-Control-Allow-Origin: \*\r\n/);
  const id = /x-fal-request-id: (\S+)/.exec(text)[1];
  await until(() => server.lines().some((line) => line.id === id && line.status === 400));
});

test("an upload that nobody began is refused before a byte of it is kept", async () => {
  const secret = "0123456789abcdef0123456789abcdef";
  const heads = [`PUT /upload/${secret}/x`, `PUT /upload/${secret}/x/3`, `POST /upload/${secret}/x/complete`];
  for (const head of heads) {
    // with no body behind it: the answer does not wait for one
    const text = await talk(`${head} HTTP/1.1\r\n${H}Content-Length: 1000000000\r\n\r\n`, answered(1));
    assert.deepEqual(statuses(text), [404], head);
  }
  const odd = await fetch(`${server.url}/upload/${secret}/x`); // a method that is none of its own
  assert.equal(odd.status, 405);
  await until(() => server.lines().some((line) => line.status === 405 && line.method === "GET"));
  assert.ok(!server.log.includes(secret), "the access log keeps no secret of an upload");
});

test("what is not UTF-8 in a path is refused like other unknown paths", async () => {
  const long = "a".repeat(99) + "%c3%a9";
  for (const [path, code] of [["/run/fal-ai/%ff", 404], ["/run/fal-ai/birefnet/%ff", 404], [`/run/fal-ai/${long}`, 404]]) {
    const answer = await fetch(server.url + path, { method: "POST", body: "{}" });
    assert.equal(answer.status, code, path);
    assert.equal(typeof (await answer.json()).detail, "string");
  }
  assert.equal((await fetch(`${server.url}/api/remove?url=%ff`)).status, 422);
});

test("no Host, old and odd versions, odd methods", async () => {
  for (const [line, code] of [[`BREW /healthz HTTP/1.1\r\n${H}\r\n`, 405],
    [`GET /%zz HTTP/1.1\r\n${H}\r\n`, 400], [`GET / HTTP/1.1\r\nHost: a b\r\n\r\n`, 400]]) {
    const text = await talk(line, answered(1));
    assert.deepEqual(statuses(text), [code], line);
  }
  const hostless = await talk("GET /healthz HTTP/1.1\r\n\r\n");
  assert.ok(statuses(hostless).every((code) => code === 400) && statuses(hostless).length > 0);
  for (const line of ["GET / HTTP/9.9\r\n\r\n", "GARBAGE\r\n\r\n", "\0\0\0\0\r\n\r\n", "GET\r\n\r\n"]) {
    const socket = talk(line + "\r\n".repeat(4), (text) => text.length > 0);
    assert.ok(statuses(await Promise.race([socket, until(async () => "none", 1000)])).every((code) => code >= 400 || code === 200));
  }
  await alive();
});

test("a header section that is too large", async () => {
  const text = await talk(`GET /healthz HTTP/1.1\r\n${H}X: ${"x".repeat(100000)}\r\n\r\n`);
  assert.ok([400, 413, 431, 414].includes(statuses(text)[0]), text.slice(0, 100));
  const long = await talk(`GET /${"x".repeat(20000)} HTTP/1.1\r\n${H}\r\n`, answered(1));
  assert.equal(statuses(long)[0], 414);
  await alive();
});

test("a body that is too large: refused by its length, or while it comes", async () => {
  const known = await talk(`POST /run/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n`);
  assert.deepEqual(statuses(known), [413]);
  assert.match(known, /access-control-allow-origin: \*/i);
  const chunk = "10000\r\n" + "x".repeat(65536) + "\r\n";
  const chunked = await talk([`POST /run/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n`,
    chunk.repeat(20), "0\r\n\r\n"], answered(1));
  assert.deepEqual(statuses(chunked), [413]);
  await alive();
});

test("N4 chunked bodies and Expect: 100-continue", async () => {
  const body = JSON.stringify({ image_url: dot });
  const size = body.length.toString(16);
  const chunked = await talk(`POST /queue/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n${size}\r\n${body}\r\n0\r\n\r\n`, answered(1));
  assert.deepEqual(statuses(chunked), [200]);
  const expecting = await new Promise((resolve) => {
    const socket = connect(server.port, "127.0.0.1");
    let text = "";
    socket.on("data", (data) => {
      text += data;
      if (text.startsWith("HTTP/1.1 100") && !text.includes("request_id")) socket.write(body);
      if (text.endsWith("}")) socket.destroy();
    });
    socket.on("close", () => resolve(text));
    socket.write(`POST /queue/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}Content-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`);
  });
  assert.deepEqual(statuses(expecting), [100, 200]);
});

test("no request is read behind a chunked body, whose lines two readers could read differently", async () => {
  const head = `POST /queue/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n`;
  const hidden = `GET /healthz HTTP/1.1\r\n${H}\r\n`;
  for (const body of ["2;a\n{}\r\n0\r\n\r\n", "2\n{}\n0\n\n", "2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n", "2\r\n{}\r\n0\r\n\r\n"]) {
    const text = await talk(head + body + hidden, (so_far) => statuses(so_far).length === 2);
    assert.equal(statuses(text).length, 1, JSON.stringify(body));
    assert.match(text, /^connection: close\r$/im);
  }
});

test("N3 pipelined requests are answered in order on one connection", async () => {
  const one = (path) => `GET ${path} HTTP/1.1\r\n${H}\r\n`;
  const text = await talk(one("/healthz") + one("/nothing") + one("/readyz") + one("/healthz"),
    (so_far) => statuses(so_far).length === 4 && so_far.endsWith("}"));
  assert.deepEqual(statuses(text), [200, 404, 200, 200]);
});

test("HEAD has no body, and the next request is read after it", async () => {
  const text = await talk(`HEAD /healthz HTTP/1.1\r\n${H}\r\nGET /nothing HTTP/1.1\r\n${H}\r\n`, (t) => statuses(t).length === 2 && t.endsWith("}"));
  assert.deepEqual(statuses(text), [200, 404]);
});

test("a thousand idle connections and a few slow ones disturb nobody", async () => {
  const sockets = [];
  await Promise.all(Array.from({ length: 1000 }, () => new Promise((resolve, reject) => {
    const socket = connect(server.port, "127.0.0.1", resolve);
    socket.on("error", reject);
    sockets.push(socket);
  })));
  for (const socket of sockets) socket.removeAllListeners("error").on("error", () => {});
  for (let i = 0; i < 20; i++) sockets[i].write("POST /run/fal-ai/birefnet/v2 HTTP/1.1\r\n");
  for (let i = 20; i < 40; i++) sockets[i].write(`POST /run/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}Content-Length: 1000\r\n\r\n{`);
  const connections = async () => Number(/birefnet_http_connections (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())[1]);
  await until(async () => (await connections()) >= 1000);
  const answer = await fetch(`${server.url}/run/fal-ai/birefnet/v2`, { method: "POST", body: JSON.stringify({ image_url: dot }) });
  assert.equal(answer.status, 200);
  sockets.forEach((socket) => socket.destroy());
  await until(async () => (await connections()) < 20);
});

test("clients that vanish in the middle of things", async () => {
  for (const bytes of ["POST /run/fal", `POST /run/fal-ai/birefnet/v2 HTTP/1.1\r\n${H}Content-Length: 99\r\n\r\n{`,
    `PUT /upload/00/x HTTP/1.1\r\n${H}Content-Length: 99\r\n\r\nabc`]) {
    await new Promise((resolve) => {
      const socket = connect(server.port, "127.0.0.1", () => socket.write(bytes, () => socket.destroy()));
      socket.on("close", resolve);
    });
  }
  await alive();
});
