#!/usr/bin/env python3
"""chaos.py PROGRAM: servers and workers over one database and one place for files, killed and stopped at random.

Clients submit, poll, cancel and wait through whichever server answers. What must hold, whoever dies:
  - every request that a client was told is accepted ends, and has one ending, whoever is asked, from then on for ever;
  - a result that is a picture has the bytes that a server makes that nobody disturbs;
  - its webhook comes at least once;
  - nothing is left in the queue, every stored file has its bytes, and no bytes lie where no row knows them.

BN_TEST_STORE is an empty database (scripts/services.sh run postgres), BN_TEST_CRASH a command that kills it and starts it
again (may be missing), BN_TEST_FILES a bucket (missing: a folder). BN_CHAOS_SEED (1) and BN_CHAOS_SECONDS (30) say which
faults and for how long: the faults are drawn from the seed; how they meet the work is not repeatable.
"""
import base64
import http.client
import http.server
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

SERVERS, WORKERS, CLIENTS = 3, 4, 5
LEASE_S = 3
QUIET_S = 120  # within which all must have ended once nobody is disturbed any more; a busy machine takes its time
ENDPOINT = "/queue/fal-ai/birefnet/v2"

program = sys.argv[1]
store = os.environ["BN_TEST_STORE"]
seed = int(os.environ.get("BN_CHAOS_SEED", "1"))
seconds = float(os.environ.get("BN_CHAOS_SECONDS", "30"))
folder = tempfile.mkdtemp(prefix="birefnet-chaos-")
files = os.environ.get("BN_TEST_FILES", "folder:" + folder + "/files")
faults = []  # what went wrong; empty is a pass
lock = threading.Lock()


def wrong(words):
    with lock:
        faults.append(words)
        print("FAILED:", words, flush=True)


def png(side, shade):
    """A small photo, each shade another."""
    rows = b"".join(b"\0" + bytes((x * 255 // side, y * 255 // side, shade)[c] for x in range(side) for c in range(3))
                    for y in range(side))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def body_of(shade):
    uri = "data:image/png;base64," + base64.b64encode(png(40, shade)).decode()
    return json.dumps({"image_url": uri}).encode()


SHADES = (10, 90, 200)
BODIES = {shade: body_of(shade) for shade in SHADES}

# ---- processes


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """One server or worker, which is started again under the same name and port."""

    def __init__(self, role, number):
        self.role, self.name = role, role + str(number)
        self.port = free_port() if role == "serve" else 0
        self.child = None
        self.log = open(folder + "/" + self.name + ".log", "ab")

    def start(self):
        words = [program, self.role, "--data", folder + "/" + self.name, "--store", store, "--files", files,
                 "--lease", str(LEASE_S), "--test-resolution", "64x64", "--allow-private", "-t", "1"]
        if self.role == "serve":
            words += ["--no-worker", "-l", "127.0.0.1:%d" % self.port, "--access-log", "off"]
        self.child = subprocess.Popen(words, stdout=self.log, stderr=self.log)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
            try:
                self.child.wait(60)
            except subprocess.TimeoutExpired:
                wrong(self.name + " did not end when it was told to")
                self.kill()


servers = [Process("serve", i) for i in range(SERVERS)]
workers = [Process("work", i) for i in range(WORKERS)]


def call(server, method, path, body=None, timeout=10):
    """(code, bytes), or None where nothing is known: no connection, or no whole answer."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return None


def wait_ready(server, end):
    while time.monotonic() < end:
        answer = call(server, "GET", "/healthz")
        if answer and answer[0] == 200:
            return True
        if server.child.poll() is not None:
            server.start()  # it was started while the database was away
        time.sleep(0.1)
    wrong(server.name + " does not answer")
    return False


# ---- webhooks

webhooks = {}


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            webhooks.setdefault(told["request_id"], []).append(told.get("status"))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()

# ---- what clients know

accepted = {}  # id: {"path": ..., "shade": ..., "webhook": bool, "cancelled": bool, "ending": None or (code, words)}
counts = {"runs": 0, "runs done": 0, "runs refused": 0, "runs lost": 0, "submits unknown": 0, "refused": 0}
over = threading.Event()


def count(what):
    with lock:
        counts[what] += 1


def ending_of(server, known):
    """(code, error, path of the picture) where it has ended; None: not yet, or nobody answers."""
    answer = call(server, "GET", known["path"] + "/status")
    if not answer or answer[0] not in (200, 202):
        if answer and answer[0] == 404:
            wrong("%s answers 404 for an accepted request" % server.name)
        return None
    if json.loads(answer[1])["status"] != "COMPLETED":
        return None
    answer = call(server, "GET", known["path"])
    if not answer or answer[0] >= 500 and b"error_type" not in answer[1]:
        return None
    told = json.loads(answer[1])
    picture = told.get("image", {}).get("url", "")
    return answer[0], str(told.get("detail", "")), "/" + picture.split("/", 3)[3] if picture else ""


def look(server, request_id):
    known = accepted[request_id]
    ending = ending_of(server, known)
    with lock:
        before = known["ending"]
        if ending and not before:
            known["ending"] = ending
    if ending and before and ending != before:
        wrong("%s had ended with %s, and with %s by %s" % (request_id, before, ending, server.name))
    return ending


def submit(rng, server):
    shade = rng.choice(SHADES)
    hook = rng.random() < 0.3
    path = ENDPOINT + ("?fal_webhook=http://127.0.0.1:%d/" % receiver.server_port if hook else "")
    answer = call(server, "POST", path, BODIES[shade])
    if not answer:
        count("submits unknown")
    elif answer[0] != 200:
        count("refused")
        if answer[0] != 503:
            wrong("a submit was answered with %d %s" % (answer[0], answer[1][:200]))
    else:
        told = json.loads(answer[1])
        known = {"path": "/" + told["response_url"].split("/", 3)[3], "shade": shade, "webhook": hook,
                 "cancelled": False, "ending": None}
        with lock:
            accepted[told["request_id"]] = known


def run_and_wait(rng, server):
    count("runs")
    answer = call(server, "POST", "/run/fal-ai/birefnet/v2", BODIES[rng.choice(SHADES)], timeout=30)
    count("runs done" if answer and answer[0] == 200 else "runs refused" if answer else "runs lost")


def cancel(server, request_id):
    answer = call(server, "PUT", accepted[request_id]["path"] + "/cancel")
    if answer and answer[0] in (200, 202):
        with lock:
            accepted[request_id]["cancelled"] = True


def client(number):
    rng = random.Random("%d client %d" % (seed, number))
    while not over.is_set():
        server = rng.choice(servers)
        chance = rng.random()
        with lock:
            ids = list(accepted)
        if chance < 0.35:
            submit(rng, server)
        elif chance < 0.45:
            run_and_wait(rng, server)
        elif chance < 0.5 and ids:
            cancel(server, rng.choice(ids[-20:]))
        elif ids:
            look(server, rng.choice(ids[-50:]))
        time.sleep(rng.uniform(0.02, 0.2))


# ---- faults


def disturb():
    """Until the time is over; how many there were of each kind."""
    rng = random.Random("%d faults" % seed)
    made = {"killed servers": 0, "killed workers": 0, "stopped beyond the lease": 0, "database crashed": 0}
    end = time.monotonic() + seconds
    asleep = []  # (when to wake it, process)
    crashes = [end - seconds * 2 / 3, end - seconds / 3] if "BN_TEST_CRASH" in os.environ else []
    while time.monotonic() < end:
        time.sleep(rng.uniform(0.3, 1.2))
        for pair in [p for p in asleep if p[0] <= time.monotonic()]:
            pair[1].child.send_signal(signal.SIGCONT)
            asleep.remove(pair)
        for process in servers + workers:
            if process.child.poll() is not None:  # it gave up while the database was away
                process.start()
        chance = rng.random()
        group = servers if chance < 0.4 else workers
        process = rng.choice(group)
        if any(pair[1] is process for pair in asleep):
            continue
        if crashes and time.monotonic() > crashes[0]:
            crashes.pop(0)
            subprocess.run(os.environ["BN_TEST_CRASH"].split(), check=True, stdout=subprocess.DEVNULL)
            made["database crashed"] += 1
        elif chance > 0.85:
            process.child.send_signal(signal.SIGSTOP)
            asleep.append((time.monotonic() + LEASE_S + rng.uniform(1, 3), process))
            made["stopped beyond the lease"] += 1
        else:
            process.kill()
            process.start()
            made["killed servers" if group is servers else "killed workers"] += 1
    for _, process in asleep:
        process.child.send_signal(signal.SIGCONT)
    return made


# ---- in the end


def picture(server, path):
    answer = call(server, "GET", path, timeout=30)
    return answer[1] if answer and answer[0] == 200 else None


def reference():
    """What an undisturbed run answers for each shade."""
    made = {}
    for shade in SHADES:
        answer = call(servers[0], "POST", "/run/fal-ai/birefnet/v2", BODIES[shade], timeout=120)
        assert answer and answer[0] == 200, answer
        url = json.loads(answer[1])["image"]["url"]
        made[shade] = picture(servers[0], "/" + url.split("/", 3)[3])
        assert made[shade]
    return made


def sql(text):
    return subprocess.run(["psql", "-X", "-q", "-At", "-d", store, "-c", text], check=True, stdout=subprocess.PIPE,
                          universal_newlines=True).stdout.split()


def wait_for_all():
    end = time.monotonic() + QUIET_S
    left = list(accepted)
    while left and time.monotonic() < end:
        left = [r for i, r in enumerate(left) if not look(servers[i % SERVERS], r)]
        time.sleep(0.2)
    for request_id in left:
        wrong("%s was accepted and did not end" % request_id)
    while time.monotonic() < end and int(sql("SELECT count(*) FROM queue")[0]) + int(sql("SELECT count(*) FROM webhooks")[0]):
        time.sleep(0.2)


def check_endings(pictures):
    rng = random.Random("%d endings" % seed)
    for request_id, known in accepted.items():
        told = {look(server, request_id) for server in servers}
        if len(told) != 1 or None in told:
            wrong("%s: the servers tell %s" % (request_id, told))
            continue
        code, detail, path = told.pop()
        if code == 200 and picture(rng.choice(servers), path) != pictures[known["shade"]]:
            wrong("%s: another picture than a server makes that nobody disturbs" % request_id)
        if code != 200 and not (known["cancelled"] or "cancelled" in detail):
            wrong("%s ended with %d %s" % (request_id, code, detail))
        if known["webhook"] and request_id not in webhooks:
            wrong("%s: its webhook did not come" % request_id)


def check_rows():
    if sql("SELECT count(*) FROM queue") != ["0"]:
        wrong("something is left in the queue")
    if sql("SELECT count(*) FROM requests WHERE ended_ms IS NULL") != ["0"]:
        wrong("a request has neither ended nor waits")
    if not files.startswith("folder:"):
        return
    there = {name for _, _, names in os.walk(folder + "/files/files") for name in names}
    for lost in set(sql("SELECT object FROM files WHERE whole")) - there:
        wrong("a file without bytes: " + lost)
    for stray in there - set(sql("SELECT object FROM files UNION SELECT object FROM objects UNION SELECT object FROM parts")):
        wrong("bytes that no row knows: " + stray)


def main():
    subprocess.run([program, "migrate", "--store", store], check=True, stderr=subprocess.DEVNULL)
    for process in servers + workers:
        process.start()
    for server in servers:
        wait_ready(server, time.monotonic() + QUIET_S)
    pictures = reference()
    clients = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    for thread in clients:
        thread.start()
    made = disturb()
    over.set()
    for thread in clients:
        thread.join()
    for process in servers + workers:
        if process.child.poll() is not None:
            process.start()
    for server in servers:
        wait_ready(server, time.monotonic() + QUIET_S)
    wait_for_all()
    check_endings(pictures)
    check_rows()
    for process in servers + workers:
        process.stop()
    ended = {}
    for known in accepted.values():
        code = known["ending"][0] if known["ending"] else "none"
        ended[code] = ended.get(code, 0) + 1
    print("seed %d, %.0f s: %s; %d accepted, ended with %s; %s; webhooks %d, %d came twice" %
          (seed, seconds, made, len(accepted), ended, counts, len(webhooks),
           sum(len(told) > 1 for told in webhooks.values())))
    if not accepted or sum(made.values()) == 0:
        wrong("nothing was tested")


try:
    main()
finally:
    for process in servers + workers:
        if process.child and process.child.poll() is None:
            process.kill()
    if faults or "BN_CHAOS_KEEP" in os.environ:
        print("logs are in", folder)
    else:
        shutil.rmtree(folder)
sys.exit(1 if faults else 0)
