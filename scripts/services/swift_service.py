#!/usr/bin/python3
"""Start and stop an S3 server for tests: Debian's Swift with s3api, on the loopback (or BN_SERVICES_HOST), as a user without rights.

    swift_service.py start FOLDER    in this folder, which is there; FOLDER/env will say, as NAME=VALUE, where it answers
    swift_service.py stop FOLDER     end what was started there
"""
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HOST = os.environ.get("BN_SERVICES_HOST", "127.0.0.1")
USER, SECRET, BUCKET, REGION = "bn:bn", "a-secret-of-tests", "birefnet", "us-east-1"
STORAGE = ("object", "container", "account")
START_S = 120  # on a busy machine; usually 5

SWIFT_CONF = "[swift-hash]\nswift_hash_path_suffix = tests\n[swift-constraints]\nmax_header_size = 16384\n"

STORAGE_CONF = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
workers = 0
fallocate_reserve = 0
disable_fallocate = true
log_level = ERROR
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""

PROXY_CONF = """[DEFAULT]
bind_ip = {host}
bind_port = {port}
swift_dir = {folder}
workers = 0
log_level = ERROR
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{cache_port}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {region}
allow_multipart_uploads = true
max_upload_part_num = 10000
[filter:tempauth]
use = egg:swift#tempauth
user_bn_bn = {secret} .admin
user_bn_guest = {secret}
[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
[filter:dlo]
use = egg:swift#dlo
"""


def free_ports(count):
    """Ports that nobody listens at; all are held until all are known, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as out:
        out.write(text)


def make_rings(folder, ports):
    """One part, one copy, one device: as swift-ring-builder does, without starting Python nine times."""
    from swift.common.ring import RingBuilder
    for name, port in zip(STORAGE, ports):
        builder = RingBuilder(1, 1, 0)
        builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "d1", "weight": 1.0,
                         "replication_ip": "127.0.0.1", "replication_port": port})
        builder.rebalance()
        builder.get_ring().save(os.path.join(folder, name + ".ring.gz"))


def start(folder, user, words):
    """A server of its own session, without our rights."""
    who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    with open(os.path.join(folder, os.path.basename(words[0]) + ".log"), "w") as log:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                                start_new_session=True, env={"PATH": os.environ["PATH"], "HOME": folder}, **who)


def call(url, method="GET", headers=None):
    with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers or {}), timeout=20) as answer:
        return answer.headers


def wait_for(children, deadline, what, action):
    """Until the action succeeds; an ended server will never let it."""
    while True:
        try:
            return action()
        except OSError as fault:
            for child in children:
                if child.poll() is not None:
                    raise SystemExit("swift: %s has ended with %d" % (child.args[0], child.returncode))
            if time.monotonic() > deadline:
                raise SystemExit("swift: %s does not work: %s" % (what, fault))
            time.sleep(0.1)


def make_bucket(proxy):
    headers = call(proxy + "/auth/v1.0", headers={"X-Auth-User": USER, "X-Auth-Key": SECRET})
    for name in (BUCKET, BUCKET + "+segments"):
        call(headers["X-Storage-Url"] + "/" + name, "PUT", {"X-Auth-Token": headers["X-Auth-Token"]})


def kill(pids):
    for pid in pids:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def configure(folder):
    """Everything on disk; the ports of proxy and cache."""
    os.makedirs(os.path.join(folder, "devices", "d1"), exist_ok=True)
    proxy_port, cache_port, *ports = free_ports(2 + len(STORAGE))
    write(folder, "swift.conf", SWIFT_CONF)
    write(folder, "proxy.conf", PROXY_CONF.format(port=proxy_port, cache_port=cache_port, folder=folder, host=HOST, region=REGION,
                                                  secret=SECRET))
    for name, port in zip(STORAGE, ports):
        write(folder, name + ".conf", STORAGE_CONF.format(name=name, port=port, folder=folder))
    make_rings(folder, ports)
    return proxy_port, cache_port


def own(folder, user):
    for where, _, names in os.walk(folder):
        for name in [where] + [os.path.join(where, name) for name in names]:
            os.chown(name, user.pw_uid, user.pw_gid)


def try_start(folder):
    user = pwd.getpwnam("swift") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    proxy_port, cache_port = configure(folder)
    if os.getuid() == 0:
        own(folder, user)
    children = [start(folder, user, ["memcached", "-l", "127.0.0.1", "-p", str(cache_port), "-m", "16"])]
    for name in ("proxy",) + STORAGE:
        children.append(start(folder, user, ["swift-%s-server" % name, os.path.join(folder, name + ".conf")]))
    pids = [child.pid for child in children]
    proxy = "http://%s:%d" % (HOST, proxy_port)
    deadline = time.monotonic() + START_S
    try:
        wait_for(children, deadline, "Swift's proxy", lambda: call(proxy + "/healthcheck"))
        wait_for(children, deadline, "making a bucket", lambda: make_bucket(proxy))
    except BaseException:
        kill(pids)
        raise
    write(folder, "pids", json.dumps(pids))
    write(folder, "env", "BN_TEST_FILES='s3://%s/tests?endpoint=%s&region=%s&style=path'\n"
          "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n" % (BUCKET, proxy, REGION, USER, SECRET))


def command_start(folder):
    """A port that somebody took meanwhile is no reason to fail."""
    for tries_left in (2, 1, 0):
        try:
            return try_start(folder)
        except SystemExit:
            if not tries_left:
                raise


def command_stop(folder):
    with open(os.path.join(folder, "pids")) as pids:
        kill(json.load(pids))


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("start", "stop"):
        raise SystemExit(__doc__)
    (command_start if sys.argv[1] == "start" else command_stop)(sys.argv[2])
