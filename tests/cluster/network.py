"""network.py - each part of a cluster in a network namespace of its own, around a hub that can lose, refuse and cut what passes.

The hub is a namespace, too, which nobody else sees: the process that calls enter_hub() is moved there, and all of it goes with
that process. Faults are routes of the hub, which need no firewall in the kernel: a black hole drops what comes, an unreachable
address answers as a REJECT of iptables does.
"""
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
PROBE = ("ip link add probe0 type veth peer name probe1 && ip rule add from 10.77.1.2 blackhole && "
         "echo 1 >/proc/sys/net/ipv4/ip_forward")
HUB = "10.77.250.1"  # where the hub's own servers listen, for all


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def enter_hub():
    """None, or why there are no namespaces here: then nothing has changed."""
    if os.getuid() != 0:
        return "only root may make network namespaces"
    try:
        probe = subprocess.run(["unshare", "-n", "sh", "-c", PROBE], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               universal_newlines=True)
    except FileNotFoundError as fault:
        return str(fault)
    if probe.returncode:
        return probe.stderr.strip()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        return os.strerror(ctypes.get_errno())
    with open("/proc/sys/net/ipv4/ip_forward", "w") as setting:
        setting.write("1")
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", HUB + "/32", "dev", "lo")
    return None


class Place:
    """A namespace with an address, and what may go wrong on the way to it."""
    count = 0

    def __init__(self, name):
        Place.count += 1
        self.name, self.link = name, "v%d" % Place.count
        self.address, gateway = ("10.77.%d.%d" % (Place.count, host) for host in (2, 1))
        self.keeper = subprocess.Popen(["unshare", "-n", "sh", "-c", "ip link set lo up && echo && exec sleep infinity"],
                                       stdout=subprocess.PIPE)
        self.keeper.stdout.readline()
        self.inside = ["nsenter", "-t", str(self.keeper.pid), "-n", "--"]
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "hub", "netns", str(self.keeper.pid))
        run("ip", "address", "add", gateway + "/30", "dev", self.link)
        run("ip", "link", "set", self.link, "up")
        for words in (("address", "add", self.address + "/30", "dev", "hub"), ("link", "set", "hub", "up"),
                      ("route", "add", "default", "via", gateway)):
            run(*self.inside, "ip", *words)

    def close(self):
        self.keeper.kill()
        self.keeper.wait()

    # each returns what ends it

    def _route(self, kind):
        run("ip", "route", "add", kind, self.address + "/32")
        return lambda: run("ip", "route", "del", kind, self.address + "/32")

    def drop_to(self):
        return self._route("blackhole")

    def drop_from(self):
        run("ip", "rule", "add", "from", self.address, "blackhole")
        return lambda: run("ip", "rule", "del", "from", self.address, "blackhole")

    def drop(self):
        ends = [self.drop_to(), self.drop_from()]
        return lambda: [end() for end in ends]

    def reject(self):
        return self._route("unreachable")

    def link_down(self):
        run("ip", "link", "set", self.link, "down")
        return lambda: run("ip", "link", "set", self.link, "up")


class Loopback:
    """Where there are no namespaces: all parts on this machine's, and no faults of a network."""
    inside, address = [], "127.0.0.1"

    def __init__(self, name):
        self.name = name

    def close(self):
        pass
