"""What test_fal_client.py needs around the program: a server of its own, a host for photos, a proxy that fails at will."""
import base64
import contextlib
import http.client
import json
import os
import re
import struct
import subprocess
import tempfile
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

E = "fal-ai/birefnet/v2"
REQUESTS = "/queue/fal-ai/birefnet/requests/"
NO_ID = "00000000-0000-4000-8000-000000000000"
UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
MIB = 1 << 20


def png(width, height):
    """A picture, so that a cut-out has something to cut: a red block that stands on the edge of blue."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    red, blue = b"\xd0\x20\x10", b"\x10\x20\xd0"
    edge, middle = blue * (width // 4), width // 2
    rows = [edge + (red if y > height // 4 else blue) * middle + edge for y in range(height)]
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PHOTO = png(40, 30)
IN = {"image_url": "data:image/png;base64," + base64.b64encode(PHOTO).decode()}


def until(look, seconds=60):
    """What `look` gives, once that is something; asked again and again until a deadline."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError("waited too long")
        time.sleep(0.02)
    return found


class Server:
    """The program on free ports, with a key, a data folder of its own and a tiny seeded model."""

    def __init__(self, program):
        self.data = tempfile.mkdtemp(prefix="birefnet-test-")
        place = {name: self.data for name in ("HOME", "XDG_DATA_HOME", "BIREFNET_MODELS")}
        environment = {**os.environ, **place, "OMP_NUM_THREADS": "1"}
        keys = [program, "keys", "--data", self.data, "--quiet", "add", "tester"]
        self.key = subprocess.run(keys, check=True, capture_output=True, text=True, env=environment).stdout.strip()
        self.log, said = Path(self.data, "access.log"), Path(self.data, "stderr")
        words = ["--listen", "127.0.0.1:0", "--tls-self-signed", "--tls-listen", "127.0.0.1:0", "--data", self.data,
                 "--models-dir", self.data, "--fallback-model", "seeded:gen3-pvt_v2_b0:7", "--test-resolution", "64x64",
                 "--threads", "1", "--allow-private", "--drain", "10", "--fetches", "4", "--access-log", str(self.log)]
        with said.open("w") as errors:
            self.process = subprocess.Popen([program, "serve", *words], env=environment, stderr=errors)
        until(lambda: "Keys:" in said.read_text() or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended: {said.read_text()}")
        self.plain_port = int(re.search(r"http://127\.0\.0\.1:(\d+)", said.read_text())[1])
        self.exports = dict(re.findall(r"export (FAL_\w+|SSL_\w+)=(.*)", said.read_text()))
        self.url = "https://" + self.exports["FAL_RUN_HOST"].removesuffix("/run")

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines(True) if line.endswith("\n")]

    def stop(self):
        try:
            self.process.terminate()
            return self.process.wait(60)
        finally:
            self.process.kill()


class Web:
    """A plain HTTP server on a free port; answer(method, path, headers, body) gives status, fields and body."""

    def __init__(self):
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, fields, answer = web.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in fields.items():
                    if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *words: None  # who asked may have left
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Host(Web):
    """A host for photos; /hold waits for release(); what is posted is noted and answered from `answers`."""

    def __init__(self):
        super().__init__()
        self.asked, self.hooks, self.answers, self.gate = [], [], [], threading.Event()

    def answer(self, method, path, headers, body):
        if method == "POST":
            self.hooks.append((path, headers, body))
            return self.answers.pop(0) if self.answers else 200, {}, b""
        gate = self.gate
        self.asked.append(path)
        if path.startswith("/hold"):
            gate.wait(60)
        if path.startswith("/text"):
            return 200, {"Content-Type": "image/png"}, b"this is no picture"
        found = path.startswith(("/hold", "/photo"))
        return 200 if found else 404, {"Content-Type": "image/png"}, PHOTO if found else b""

    def release(self):
        gate, self.gate = self.gate, threading.Event()
        gate.set()


class Proxy(Web):
    """Passes requests on and notes them; each of `faults`, (part of the path, status, fields, body), answers once."""

    def __init__(self, port):
        super().__init__()
        self.port, self.faults, self.seen = port, [], []

    def answer(self, method, path, headers, body):
        fault = next((fault for fault in self.faults if fault[0] in path), None)
        if fault:
            self.faults.remove(fault)
            reply = fault[1:]
        else:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as ahead:
                ahead.request(method, path, body, dict(headers))
                got = ahead.getresponse()
                reply = got.status, dict(got.getheaders()), got.read()
        self.seen.append((path, headers, reply[0]))
        return reply
