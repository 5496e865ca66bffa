"""clients.py - clients of all kinds, through whichever server answers; what they were told, and must be told from then on."""
import base64
import http.client
import http.server
import json
import random
import struct
import threading
import time
import zlib

from parts import SECRET

ENDPOINT = "/queue/fal-ai/birefnet/v2"
SHADES = (10, 90, 200)
MOST_OPEN = 40  # requests without an ending, above which clients only look


def png(side, shade):
    """A small photo, each shade another."""
    rows = b"".join(b"\0" + bytes((x * 255 // side, y * 255 // side, shade)[c] for x in range(side) for c in range(3))
                    for y in range(side))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


PHOTOS = {shade: png(40, shade) for shade in SHADES}


def body_of(url):
    return json.dumps({"image_url": url}).encode()


BODIES = {shade: body_of("data:image/png;base64," + base64.b64encode(photo).decode()) for shade, photo in PHOTOS.items()}


def call(server, method, path, body=None, key="free", timeout=8, kind="application/json"):
    """(code, bytes), or None where nothing is known: no connection, or no whole answer."""
    headers = {"Authorization": "Key %s:%s" % (key, SECRET)}
    if body:
        headers["Content-Type"] = kind
    try:
        connection = http.client.HTTPConnection(server.place.address, server.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return None


def path_of(url):
    return "/" + url.split("/", 3)[3]


class Known:
    """What the client of an accepted request knows."""

    def __init__(self, told, key, shade, hook):
        self.id, self.path = told["request_id"], path_of(told["response_url"])
        self.key, self.shade, self.hook = key, shade, hook
        self.cancelled, self.ending = False, None

    def ask(self, server, method="GET", what=""):
        return call(server, method, self.path + what, key=self.key)


class Clients:
    def __init__(self, cluster, seed):
        self.cluster, self.seed = cluster, seed
        self.lock = threading.Lock()
        self.faults = []  # what went wrong; empty is a pass
        self.accepted, self.webhooks = {}, {}  # by id: what is known; [(when, from which address)]
        self.counts = {}
        self.over = threading.Event()
        self.threads = []
        clients = self

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with clients.lock:
                    clients.webhooks.setdefault(told["request_id"], []).append((time.monotonic(), self.client_address[0]))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.receiver = http.server.ThreadingHTTPServer((cluster.hub, 0), Receiver)
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()

    def wrong(self, words):
        with self.lock:
            self.faults.append(words)
            print("FAILED:", words, flush=True)

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    # ---- endings

    def ending_of(self, server, known):
        """(code, error, path of the picture) where it has ended; None: not yet, or nobody answers."""
        answer = known.ask(server, what="/status")
        if not answer or answer[0] not in (200, 202):
            if answer and answer[0] == 404:
                self.wrong("%s answers 404 for %s, which was accepted: %s" % (server.name, known.id, answer[1]))
            return None
        if json.loads(answer[1])["status"] != "COMPLETED":
            return None
        answer = known.ask(server)
        if not answer or b"cannot be read now" in answer[1] or answer[0] >= 500 and b"error_type" not in answer[1]:
            return None
        told = json.loads(answer[1])
        picture = told.get("image", {}).get("url", "")
        return answer[0], str(told.get("detail", "")), path_of(picture) if picture else ""

    def look(self, server, known):
        ending = self.ending_of(server, known)
        with self.lock:
            before = known.ending
            if ending and not before:
                known.ending = ending
        if ending and before and ending != before:
            self.wrong("%s had ended with %s, and with %s by %s" % (known.id, before, ending, server.name))
        return ending

    # ---- what clients do

    def submit(self, server, shade, key="free", hook=False, body=None):
        path = ENDPOINT + ("?fal_webhook=http://%s:%d/" % self.receiver.server_address if hook else "")
        answer = call(server, "POST", path, body or BODIES[shade], key)
        if not answer:
            self.count("submits unknown")
        elif answer[0] == 429 and key in ("minute", "line"):
            self.count("refused by the limit of " + key)
        elif answer[0] != 200:
            self.count("submits refused")
            if answer[0] != 503:
                self.wrong("a submit was answered with %d %s" % (answer[0], answer[1][:200]))
        else:
            known = Known(json.loads(answer[1]), key, shade, hook)
            with self.lock:
                self.accepted[known.id] = known
            return known
        return None

    def upload(self, server, shade):
        """The photo as a file of the server's first."""
        told = call(server, "POST", "/rest/storage/upload/initiate",
                    json.dumps({"content_type": "image/png", "file_name": "a.png"}).encode())
        if not told or told[0] != 200:
            self.count("uploads refused" if told else "uploads unknown")
            return
        told = json.loads(told[1])
        put = call(server, "PUT", path_of(told["upload_url"]), PHOTOS[shade], kind="image/png")
        if not put or put[0] != 200:
            self.count("uploads refused" if put else "uploads unknown")
            return
        self.count("uploads")
        self.submit(server, shade, body=body_of(told["file_url"]))

    def run_and_wait(self, server, shade):
        answer = call(server, "POST", "/run/fal-ai/birefnet/v2", BODIES[shade], timeout=30)
        self.count("runs done" if answer and answer[0] == 200 else "runs refused" if answer else "runs lost")

    def cancel(self, server, known):
        answer = known.ask(server, "PUT", "/cancel")
        if answer and answer[0] in (200, 202):
            known.cancelled = True

    def follow(self, server, known):
        answer = call(server, "GET", known.path + "/status/stream", key=known.key, timeout=15)
        self.count("event streams" if answer and answer[0] == 200 else "event streams lost")

    def act(self, rng, key):
        server, chance, shade = rng.choice(self.cluster.servers), rng.random(), rng.choice(SHADES)
        with self.lock:
            all_known = list(self.accepted.values())
        full = sum(not known.ending for known in all_known) > MOST_OPEN and key == "free"
        if chance < 0.3 and not full:
            self.submit(server, shade, key, rng.random() < 0.4)
        elif chance < 0.35 and key == "free" and not full:
            self.upload(server, shade)
        elif chance < 0.42:
            self.run_and_wait(server, shade)
        elif chance < 0.46 and all_known:
            self.cancel(server, rng.choice(all_known[-20:]))
        elif chance < 0.5 and all_known:
            self.follow(server, rng.choice(all_known[-20:]))
        elif all_known:
            self.look(server, rng.choice([known for known in all_known if not known.ending] or all_known[-50:]))

    def live(self, number, key):
        rng = random.Random("%d client %d" % (self.seed, number))
        while not self.over.is_set():
            self.act(rng, key)
            time.sleep(rng.uniform(0.02, 0.2))

    def start(self, keys):
        self.threads = [threading.Thread(target=self.live, args=pair, daemon=True) for pair in enumerate(keys)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
