"""parts.py - what a cluster is made of: servers, workers and the services that they stand on, each in a place of its own."""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import network

LEASE_S = 3
# Exit codes of one that found no store or files, or was told to end while it started.
GAVE_UP = (13, 15, -signal.SIGTERM)
PORT = 8000  # of each server, in its place; on the loopback each has another
SERVICES = ("postgres", "pgbouncer", "swift")
KEYS = {  # what limits each has; 0: none
    "free": {}, "minute": {"per-minute": 30}, "one": {"max-running": 1}, "line": {"key-waiting": 2}}
SECRET = "a-word-of-the-chaos-test"
here = os.path.dirname(os.path.abspath(__file__))


class Part:
    """What can have faults: since when, until when."""

    def __init__(self, name, place):
        self.name, self.place = name, place(name)
        self.troubles = []  # [from, to or None while it lasts]

    def trouble(self):
        self.troubles.append([time.monotonic(), None])

    def settle(self):
        self.troubles[-1][1] = time.monotonic()

    def troubled(self, begin, end):
        return any(since <= end and (until is None or until >= begin) for since, until in self.troubles)


class Process(Part):
    """One server or worker, which is started again under the same name, address and port."""

    def __init__(self, cluster, role, number, place, listens):
        super().__init__(role + str(number), place)
        self.cluster, self.role, self.listens, self.shift_s, self.child = cluster, role, listens, 0, None
        self.port = PORT + number
        self.log = open(cluster.folder + "/" + self.name + ".log", "ab")

    def start(self, size="64x64"):
        cluster = self.cluster
        words = [*self.place.inside, cluster.program, self.role, "--data", cluster.folder + "/" + self.name,
                 "--store", cluster.store, "--files", cluster.files, "--lease", str(LEASE_S), "--test-resolution", size,
                 "--allow-private", "-t", "1", "--store-listen", cluster.direct if self.listens else "off"]
        if self.role == "serve":
            words += ["--no-worker", "-l", "%s:%d" % (self.place.address, self.port), "--access-log", "off"]
        environment = {**os.environ, **cluster.environment}
        if self.shift_s:
            environment.update(LD_PRELOAD=cluster.shifted_clock, BN_SHIFT_S=str(self.shift_s))
        self.child = subprocess.Popen(words, stdout=self.log, stderr=self.log, env=environment)

    def lives(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        if self.lives():
            self.child.send_signal(number)

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self):
        """True where it ended as it was told to."""
        if not self.lives():
            return True
        self.signal(signal.SIGCONT)
        self.child.terminate()
        return self.wait()

    def wait(self, codes=(0,)):
        try:
            return self.child.wait(90) in codes
        except subprocess.TimeoutExpired:
            self.kill()
            return False


class Service(Part):
    def __init__(self, cluster, name, place):
        super().__init__(name, place)
        self.cluster, self.crashes = cluster, []  # when, by the calendar

    def do(self, *words):
        return subprocess.run([*self.place.inside, self.cluster.script, *words], check=True, stdout=subprocess.PIPE,
                              env={**os.environ, "BN_SERVICES": self.cluster.services_folder,
                                   "BN_SERVICES_HOST": self.place.address}, universal_newlines=True).stdout

    def crash(self):
        self.crashes.append(time.time())
        self.do("crash", self.name)


class Cluster:
    def __init__(self, program, script, shifted_clock, server_count, worker_count):
        self.program, self.script, self.shifted_clock = program, script, shifted_clock
        self.why_no_network = network.enter_hub()
        self.hub = "127.0.0.1" if self.why_no_network else network.HUB
        self.folder = tempfile.mkdtemp(prefix="birefnet-chaos-")
        os.chmod(self.folder, 0o711)  # the services are other users'
        self.services_folder = self.folder + "/s"
        place = network.Loopback if self.why_no_network else network.Place
        self.services = {name: Service(self, name, place) for name in SERVICES}
        self.servers = [Process(self, "serve", i, place, i > 0) for i in range(server_count)]
        self.workers = [Process(self, "work", i, place, i % 2 > 0) for i in range(worker_count)]
        self.processes = self.servers + self.workers
        self.slow = None

    def start_services(self):
        """None, or which is not installed."""
        for service in self.services.values():
            service.do("start", service.name)
            if not os.path.exists(self.services_folder + "/" + service.name + ".env"):
                return service.name
        known = dict(line.split("=", 1) for line in self.services["postgres"].do("env").splitlines())
        known = {name: value.strip("'") for name, value in known.items()}
        subprocess.run(["psql", "-X", "-q", "-d", known["BN_POSTGRES"], "-c", "CREATE DATABASE chaos"], check=True)
        self.direct, self.store = (known[name].rsplit("/", 1)[0] + "/chaos" for name in ("BN_POSTGRES", "BN_PGBOUNCER"))
        self.environment = {name: value for name, value in known.items() if name.startswith("AWS_")}
        swift = known["BN_TEST_FILES"].split("endpoint=", 1)[1].split("&")[0]
        self.swift = swift
        host, port = swift.rsplit("/", 1)[1].split(":")
        self.slow = subprocess.Popen([*self.services["swift"].place.inside, sys.executable, here + "/slow_proxy.py", host, port, host],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        self.files = known["BN_TEST_FILES"].replace(swift, "http://%s:%s" % (host, self.slow.stdout.readline().strip()))
        return None

    def make_store(self):
        subprocess.run([self.program, "migrate", "--store", self.direct], check=True, stderr=subprocess.DEVNULL)
        for name, limits in KEYS.items():
            words = [word for limit, value in limits.items() for word in ("--" + limit, str(value))]
            subprocess.run([self.program, "keys", "add", name, "--key", name + ":" + SECRET, "--store", self.direct, *words],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def slow_down(self, bytes_a_second):
        self.slow.stdin.write("%d\n" % bytes_a_second)
        self.slow.stdin.flush()

    def swift_signal(self, number):
        with open(self.services_folder + "/swift/pids") as pids:
            os.kill(json.load(pids)[1], number)

    def sql(self, text):
        """Rows of words."""
        out = subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", self.direct, "-c", text], check=True,
                             stdout=subprocess.PIPE, universal_newlines=True).stdout
        return [line.split("|") for line in out.splitlines()]

    def objects(self):
        """The names of all objects in the bucket, by Swift's own protocol."""
        def call(url, headers):
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as answer:
                return answer.headers, answer.read().decode()
        headers, _ = call(self.swift + "/auth/v1.0", {"X-Auth-User": self.environment["AWS_ACCESS_KEY_ID"],
                                                      "X-Auth-Key": self.environment["AWS_SECRET_ACCESS_KEY"]})
        names = []
        while True:
            marker = "&marker=" + names[-1] if names else ""
            _, text = call(headers["X-Storage-Url"] + "/birefnet?prefix=tests/" + marker,
                           {"X-Auth-Token": headers["X-Auth-Token"]})
            if not text:
                return {name[len("tests/"):] for name in names}
            names += text.splitlines()

    def logs(self):
        for path in sorted(glob.glob(self.folder + "/*.log")):
            with open(path, errors="replace") as log:
                yield os.path.basename(path), log.read()

    def close(self, keep):
        for process in self.processes:
            if process.lives():
                process.kill()
        if self.slow:
            self.slow.kill()
        if os.path.isdir(self.services_folder):
            self.services["postgres"].do("stop")
        for part in [*self.services.values(), *self.processes]:
            part.place.close()
        if keep:
            print("logs are in", self.folder)
        else:
            shutil.rmtree(self.folder)
