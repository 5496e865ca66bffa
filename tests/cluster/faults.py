"""faults.py - what goes wrong, drawn from a seed: who dies, hangs, is cut off, has another clock; what the services do."""
import random
import signal
import subprocess
import time

from parts import GAVE_UP, LEASE_S


class Faults:
    def __init__(self, cluster, clients, seed):
        self.cluster, self.clients = cluster, clients
        self.rng = random.Random("%d faults" % seed)
        self.made = {}
        self.lasting = []  # (when it ends; what ends it, unless that says False; part)
        services = cluster.services
        near = [(self.kill, 8), (self.sleep, 4), (self.hand_over, 2), (self.shift_clock, 2)]
        if not cluster.why_no_network:
            near += [(self.drop, 5), (self.reject, 3), (self.link_down, 3)]
        far = [(lambda: self.crash(services["postgres"]), 2), (lambda: self.crash(services["pgbouncer"]), 2),
               (self.slow_files, 2), (self.stop_files, 2), (self.old_snapshot, 1)]
        if not cluster.why_no_network:
            far += [(self.lose_service, 4), (self.refuse_service, 2)]
        self.near, self.far = near, far

    def count(self, kind):
        self.made[kind] = self.made.get(kind, 0) + 1

    def last(self, part, seconds, end):
        part.trouble()
        self.lasting.append((time.monotonic() + seconds, end, part))

    def is_troubled(self, part):
        return any(pair[2] is part for pair in self.lasting)

    # ---- one server or worker

    def process(self, group=None):
        """One that nothing else happens to just now, or None."""
        free = [each for each in group or self.cluster.processes if not self.is_troubled(each) and each.lives()]
        return self.rng.choice(free) if free else None

    def restart(self, process, shift_s):
        process.trouble()
        process.kill()
        process.settle()
        process.shift_s = shift_s
        process.start()

    def kill(self, process):
        self.restart(process, 0)
        self.count("killed")

    def shift_clock(self, process):
        """It comes back with a clock that is hours off."""
        self.restart(process, self.rng.choice((-1, 1)) * self.rng.randrange(1800, 7200))
        self.count("clock shifted")

    def sleep(self, process):
        process.signal(signal.SIGSTOP)
        self.last(process, LEASE_S + self.rng.uniform(1, 3), lambda: process.signal(signal.SIGCONT))
        self.count("stopped beyond the lease")

    def hand_over(self, process):
        """Told to end, as in an upgrade; what it does not finish it gives back. Another is started while it ends."""
        process.trouble()
        process.child.terminate()

        def end():
            if process.lives():
                return False
            if not process.wait((0, *GAVE_UP)):
                self.clients.wrong("%s did not end well when it was told to: %s" % (process.name, process.child.returncode))
            process.start()
            return True
        self.lasting.append((time.monotonic() + self.rng.uniform(1, 3), end, process))
        self.count("told to end")

    def drop(self, process):
        way = self.rng.choice((process.place.drop, process.place.drop_to, process.place.drop_from))
        self.last(process, self.rng.uniform(1, LEASE_S + 4), way())
        self.count("packets dropped")

    def reject(self, process):
        self.last(process, self.rng.uniform(1, LEASE_S + 4), process.place.reject())
        self.count("packets rejected")

    def link_down(self, process):
        self.last(process, self.rng.uniform(1, LEASE_S + 4), process.place.link_down())
        self.count("link down")

    # ---- the services

    def crash(self, service):
        service.trouble()
        service.crash()
        service.settle()
        self.count(service.name + " crashed")

    def lose_service(self):
        service = self.rng.choice(list(self.cluster.services.values()))
        self.last(service, self.rng.uniform(1, LEASE_S + 2), service.place.drop())
        self.count(service.name + " cut off")

    def refuse_service(self):
        service = self.rng.choice(list(self.cluster.services.values()))
        self.last(service, self.rng.uniform(1, LEASE_S + 2), service.place.reject())
        self.count(service.name + " refused")

    def slow_files(self):
        self.cluster.slow_down(self.rng.choice((2000, 10000)))
        self.last(self.cluster.services["swift"], self.rng.uniform(4, 8), lambda: self.cluster.slow_down(0))
        self.count("S3 slow")

    def stop_files(self):
        self.cluster.swift_signal(signal.SIGSTOP)
        self.last(self.cluster.services["swift"], self.rng.uniform(2, 8), lambda: self.cluster.swift_signal(signal.SIGCONT))
        self.count("S3 stopped")

    def old_snapshot(self):
        """Somebody's long report, which keeps the database from cleaning up."""
        words = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM requests; SELECT pg_sleep(15)"
        report = subprocess.Popen(["psql", "-X", "-q", "-d", self.cluster.direct, "-c", words], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.lasting.append((time.monotonic() + 16, lambda: (report.kill(), report.wait()), None))
        self.count("old snapshot held")

    # ---- all of them

    def end_due(self, now):
        for lasting in [each for each in self.lasting if each[0] <= now]:
            if lasting[1]() is False:
                continue
            if lasting[2]:
                lasting[2].settle()
            self.lasting.remove(lasting)

    def start_fallen(self):
        """Those that gave up while the database was away, or could not reach it when they started. One that fell is a fault."""
        for process in self.cluster.processes:
            if not process.lives() and not self.is_troubled(process):
                if process.child.returncode not in GAVE_UP:
                    self.clients.wrong("%s ended by itself: %s" % (process.name, process.child.returncode))
                process.start()

    def draw(self):
        if self.rng.random() < 0.15 and not any(self.is_troubled(service) for service in self.cluster.services.values()):
            self.pick(self.far)()
            return
        process = self.process(self.cluster.servers if self.rng.random() < 0.4 else self.cluster.workers)
        if process:
            self.pick(self.near)(process)

    def pick(self, kinds):
        return self.rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.rng.uniform(0.5, 2.5))
            self.end_due(time.monotonic())
            self.start_fallen()
            self.draw()
        while self.lasting:
            self.end_due(float("inf"))
            time.sleep(0.1)
        self.start_fallen()
