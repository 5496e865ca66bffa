// api.js - the server's public protocol, as any client speaks it: upload, submit, follow, result, cancel. Paths are relative
// to the page, so that a proxy may serve all of this below a folder.

export const ENDPOINT = "fal-ai/birefnet/v2";
const APP = "fal-ai/birefnet"; // requests are followed without the endpoint's last part
export const BASE = new URL(".", document.baseURI).href.replace(/\/$/, "");

const POLL_MS = 500;
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 8000, 8000]; // a server that starts again takes seconds

let key = "";

/** The key that goes with every call; empty for none. */
export function useKey(text) {
  key = text;
}

/** A reply that is not a success: status, the JSON body (or null), the request's id, whether a key went with the call. */
export class ApiError extends Error {
  constructor(status, body, requestId) {
    super(`The server answered ${status}`);
    this.status = status;
    this.body = body;
    this.requestId = requestId;
    this.hadKey = Boolean(key);
  }
}

/** The same file at the address this page came from: behind a proxy the server may know itself by another name. */
export function here(url) {
  if (url.startsWith("data:")) return url;
  const { origin, pathname, search } = new URL(url, BASE + "/");
  return origin === location.origin ? url : location.origin + pathname + search;
}

async function fail(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // no JSON: the status says enough
  }
  throw new ApiError(response.status, body, response.headers.get("x-fal-request-id"));
}

async function call(path, { method = "GET", body, signal } = {}) {
  const headers = {};
  if (key) headers.Authorization = `Key ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(`${BASE}/${path}`, {
    method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) await fail(response);
  return response;
}

export async function openapi() {
  return (await call("openapi.json")).json();
}

export async function presets() {
  return (await call("presets.json")).json();
}

/** Store a file on the server; onProgress is told 0 to 1. Resolves to its address. */
export async function upload(file, { onProgress, signal }) {
  const begun = await call("rest/storage/upload/initiate?storage_type=fal-cdn-v3", {
    method: "POST", signal,
    body: { content_type: file.type || "application/octet-stream", file_name: file.name || "photo" },
  });
  const { file_url: fileUrl, upload_url: uploadUrl } = await begun.json();
  await put(here(uploadUrl), file, onProgress, signal);
  return fileUrl;
}

// XMLHttpRequest, because fetch does not tell how much of a body has gone out.
function put(url, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      signal.removeEventListener("abort", stop);
      if (request.status < 300) return resolve();
      let body = null;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // no JSON: the status says enough
      }
      reject(new ApiError(request.status, body, null));
    };
    // The connection, or a file that was changed or deleted since it was chosen. Reading all of it tells: a part of one that
    // is gone comes as nothing, without an error.
    request.onerror = () => file.arrayBuffer().then(() => reject(new TypeError("The upload was cut off")), reject);
    request.onabort = () => reject(new DOMException("Cancelled", "AbortError"));
    signal.addEventListener("abort", stop, { once: true });
    request.send(file);
  });
}

/** Into the queue. Resolves to the request's first status, which has its id. */
export async function submit(input, { signal }) {
  return (await call(`queue/${ENDPOINT}`, { method: "POST", body: input, signal })).json();
}

/** Whether an error may be gone when the same is tried again: no connection, or a server that starts or has too much to do. */
export function passes(error) {
  return error instanceof TypeError || (error instanceof ApiError && (error.status >= 502 || error.status === 429));
}

/** Every status of the request until it is completed. Log lines come once each. onLost is called when the server cannot be
 * reached, before it is tried again. byAsking: no stream, which would hold one of the browser's few connections. */
export async function* follow(id, { signal, onLost, byAsking = false }) {
  const seen = { logs: new Set(), failures: 0 };
  while (true) {
    try {
      // a stream that ended early, as some proxies make it: ask instead
      for (const source of byAsking ? [polled] : [streamed, polled]) {
        for await (const status of source(id, signal)) {
          seen.failures = 0;
          yield withNewLogs(status, seen.logs);
          if (status.status === "COMPLETED") return;
        }
      }
    } catch (error) {
      if (!passes(error) || seen.failures >= RETRY_MS.length) throw error;
      onLost();
      await sleep(RETRY_MS[seen.failures++], signal);
    }
  }
}

// Each stream and each answer begins with the first line again; a server that started again has lines of its own.
function withNewLogs(status, seen) {
  const name = ({ timestamp, message }) => `${timestamp} ${message}`;
  const logs = (status.logs ?? []).filter((line) => !seen.has(name(line)));
  for (const line of logs) seen.add(name(line));
  return { ...status, logs };
}

async function* streamed(id, signal) {
  const response = await call(`queue/${APP}/requests/${id}/status/stream?logs=1`, { signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) {
        const data = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
        if (data.length) yield JSON.parse(data.join("\n"));
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function* polled(id, signal) {
  for (let pause = POLL_MS / 4; ; pause = Math.min(POLL_MS, 2 * pause)) {
    yield (await call(`queue/${APP}/requests/${id}/status?logs=1`, { signal })).json();
    await sleep(pause, signal);
  }
}

/** The output, and which weights made it. A request that failed throws what it failed with. */
export async function result(id, { signal }) {
  const response = await call(`queue/${APP}/requests/${id}`, { signal });
  return { output: await response.json(), weights: response.headers.get("x-fal-served-from") ?? "" };
}

/** Compose anew by an edited mask (input.mask_url); the answer comes when it is done. */
export async function touchUp(input, { signal }) {
  const response = await call("touchup", { method: "POST", body: input, signal });
  return { output: await response.json(), id: response.headers.get("x-fal-request-id") };
}

export async function cancel(id) {
  await call(`queue/${APP}/requests/${id}/cancel`, { method: "PUT" });
}

export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("Cancelled", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
