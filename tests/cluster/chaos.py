#!/usr/bin/env python3
"""chaos.py PROGRAM SERVICES.SH SHIFTED_CLOCK.SO: servers and workers over PostgreSQL, pgbouncer and S3, each of all these in a
network namespace of its own (root), and what may happen to any of them, drawn from a seed. What must hold:
  - every request that a client was told is accepted ends, and has one ending, whoever is asked, from then on for ever;
  - a result that is a picture has the bytes that a lone server makes that nobody disturbs;
  - its webhook comes at least once, and once where nothing was wrong with its courier;
  - the limits of a key (a minute's requests, running, waiting) are never exceeded, as the database itself sees it;
  - a request that runs is stopped within two seconds by a client of a server on another machine;
  - nothing is left in the queue, every stored file has its bytes, and no bytes lie where no row knows them.

BN_CHAOS_SEED (1) and BN_CHAOS_SECONDS (120) say which faults and for how long: the faults are drawn from the seed; how they
meet the work is not repeatable. BN_CHAOS_KEEP keeps the logs. Where namespaces cannot be had, the network has no faults, and a
line says so. Ends with 77 where a service is not installed.
"""
import os
import random
import shutil
import subprocess
import sys
import time

import checks
import clients as clients_of
from clients import BODIES, SHADES, Clients, call, path_of
from faults import Faults
from parts import Cluster

QUIET_S = 180  # within which all must have ended once nobody is disturbed any more; a busy machine takes its time
CLIENT_KEYS = ("free", "free", "free", "free", "minute", "minute", "one", "line", "line")
CANCELS, CANCEL_S = 5, 2

seed = int(os.environ.get("BN_CHAOS_SEED", "1"))
seconds = float(os.environ.get("BN_CHAOS_SECONDS", "120"))


def wait_until(what, clients, condition, seconds=QUIET_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    clients.wrong("after %d s still not: %s" % (seconds, what))
    return False


def all_answer(cluster, clients):
    def answers(server):
        if not server.lives():
            server.start()  # it was started while the database was away
        answer = call(server, "GET", "/readyz")
        return answer and answer[0] == 200
    return all([wait_until(server.name + " answers", clients, lambda server=server: answers(server)) for server in cluster.servers])


def picture(server, path):
    answer = call(server, "GET", path, timeout=30)
    return answer[1] if answer and answer[0] == 200 else None


def lone_pictures(cluster, clients):
    """What one server alone, over a folder, makes of each photo."""
    words = [cluster.program, "serve", "--data", cluster.folder + "/lone", "-l", "127.0.0.1:0", "--test-resolution", "64x64",
             "-t", "1", "--access-log", "off"]
    lone = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, universal_newlines=True)
    try:
        class Lone:
            class place:
                address = "127.0.0.1"
        for line in lone.stderr:
            if "http://127.0.0.1:" in line:
                Lone.port = int(line.rsplit(":", 1)[1].strip().strip("/"))
                break
        made = {}
        for shade in SHADES:
            answer = call(Lone, "POST", "/run/fal-ai/birefnet/v2", BODIES[shade], timeout=120)
            assert answer and answer[0] == 200, answer
            made[shade] = picture(Lone, path_of(clients_of.json.loads(answer[1])["image"]["url"]))
            assert made[shade]
        return made
    finally:
        lone.kill()
        lone.wait()
        shutil.rmtree(cluster.folder + "/lone", ignore_errors=True)


def wait_for_all(cluster, clients):
    def left():
        return [known for known in clients.accepted.values() if not known.ending]

    def look():
        for i, known in enumerate(left()):
            clients.look(cluster.servers[i % len(cluster.servers)], known)
        return not left()
    wait_until("all that was accepted has ended", clients, look)
    for known in left():
        clients.wrong("%s was accepted and did not end" % known.id)
    wait_until("webhooks are delivered", clients, lambda: cluster.sql("SELECT count(*) FROM webhooks") == [["0"]])
    wait_until("the queue is empty", clients, lambda: cluster.sql("SELECT count(*) FROM queue") == [["0"]])


def check_endings(cluster, clients, pictures):
    rng = random.Random("%d endings" % seed)
    for known in clients.accepted.values():
        told = {clients.look(server, known) for server in cluster.servers}
        if len(told) != 1 or None in told:
            clients.wrong("%s: the servers tell %s" % (known.id, told))
            continue
        code, detail, path = told.pop()
        if code == 200 and picture(rng.choice(cluster.servers), path) != pictures[known.shade]:
            clients.wrong("%s: another picture than a lone server makes" % known.id)
        if code != 200 and not (known.cancelled or "cancelled" in detail):
            clients.wrong("%s ended with %d %s" % (known.id, code, detail))


def webhooks_once(cluster, clients):
    """While nothing is disturbed: one each."""
    made = [clients.submit(cluster.servers[i % len(cluster.servers)], SHADES[0], hook=True) for i in range(12)]
    made = [known for known in made if known]
    wait_until("webhooks of a calm hour", clients, lambda: all(known.id in clients.webhooks for known in made))
    wait_for_all(cluster, clients)
    for known in made:
        if len(clients.webhooks[known.id]) != 1:
            clients.wrong("%s: its webhook came %d times" % (known.id, len(clients.webhooks[known.id])))


def status(known, server):
    answer = known.ask(server, what="/status")
    return clients_of.json.loads(answer[1])["status"] if answer and answer[0] in (200, 202) else ""


def long_run(cluster, clients, server):
    """One that a worker has begun."""
    known = clients.submit(server, SHADES[0])
    end = time.monotonic() + QUIET_S
    while known and status(known, server) in ("", "IN_QUEUE") and time.monotonic() < end:
        time.sleep(0.01)
    return known


def cancel_one(cluster, clients, server, most_s):
    """How long it took; None where it had ended before."""
    known = long_run(cluster, clients, server)
    begin = time.monotonic()
    clients.cancel(server, known)
    wait_until("a cancelled request ends", clients, lambda: status(known, server) == "COMPLETED")
    took = time.monotonic() - begin
    ending = clients.look(server, known)
    if ending and ending[0] == 200:
        return None
    if took > most_s:
        clients.wrong("a request that ran was stopped after %.1f s, not %.1f" % (took, most_s))
    return took


def cancel_far(cluster, clients):
    """Requests that take long, on a worker of their own, cancelled through each server in turn: how long that took. It may take
    two seconds; and where the machine has other things to do, too, the longest step of the network longer than usual."""
    for worker in cluster.workers:
        if not worker.stop():
            clients.wrong(worker.name + " did not end when it was told to")
    worker = cluster.workers[1]
    worker.shift_s = 0
    worker.start("768x768")
    for _ in range(2):  # the first opens the model, too
        known = long_run(cluster, clients, cluster.servers[0])
        begin = time.monotonic()
        wait_until("a long request ends", clients, lambda: status(known, cluster.servers[0]) == "COMPLETED", 2 * QUIET_S)
        run_s = time.monotonic() - begin
        known.cancelled = True  # another size than the pictures that results are compared with
    took = [cancel_one(cluster, clients, cluster.servers[i % len(cluster.servers)], CANCEL_S + run_s / 5)
            for i in range(CANCELS)]
    if not any(took):
        clients.wrong("nothing could be cancelled")
    return ["%.2f" % each for each in took if each], run_s


def report(cluster, clients, made, twice, entered, took, told, objects):
    ended = {}
    for known in clients.accepted.values():
        code = known.ending[0] if known.ending else "none"
        ended[code] = ended.get(code, 0) + 1
    print("seed %d, %.0f s, network %s" % (seed, seconds, cluster.why_no_network or "in namespaces"))
    print("%d faults: %s" % (sum(made.values()), made))
    print("%d accepted, ended with %s; %s" % (len(clients.accepted), ended, dict(sorted(clients.counts.items()))))
    print("webhooks of %d requests, %d came twice; let in by key %s; %d objects" %
          (len(clients.webhooks), twice, entered, objects))
    print("of a run of %.1f s cancelled on another machine within %s s; lines in the logs: %s" %
          (took[1], ", ".join(took[0]), told))


def main(cluster):
    missing = cluster.start_services()
    if missing:
        print("skipped: no", missing)
        return 77
    clients = Clients(cluster, seed)
    pictures = lone_pictures(cluster, clients)
    cluster.make_store()
    checks.watch(cluster)
    for process in cluster.processes:
        process.start()
    if not all_answer(cluster, clients):
        return 1
    faults = Faults(cluster, clients, seed)
    clients.start(CLIENT_KEYS)
    faults.run(seconds)
    clients.stop()
    if all_answer(cluster, clients):
        wait_for_all(cluster, clients)
        check_endings(cluster, clients, pictures)
    webhooks_once(cluster, clients)
    entered = checks.check_limits(cluster, clients)
    twice = checks.check_webhooks(cluster, clients)
    took = cancel_far(cluster, clients)
    wait_for_all(cluster, clients)
    checks.check_rows(cluster, clients)
    objects = checks.check_objects(cluster, clients)
    for process in cluster.processes:
        if not process.stop():
            clients.wrong(process.name + " did not end when it was told to")
    told = checks.check_logs(cluster, clients, faults.made)
    report(cluster, clients, faults.made, twice, entered, took, told, objects)
    if not clients.accepted or not faults.made:
        clients.wrong("nothing was tested")
    return 1 if clients.faults else 0


cluster = Cluster(*sys.argv[1:4], server_count=3, worker_count=4)
code = 1
try:
    code = main(cluster)
finally:
    cluster.close(code == 1 or "BN_CHAOS_KEEP" in os.environ)
sys.exit(code)
