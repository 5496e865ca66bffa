#!/usr/bin/env python3
"""deploy.py PROGRAM: the commands of packaging/compose.yaml, Kubernetes' manifests and the unit of systemd have options that the
program takes; a front end is told to end when no connections come to it any more, and has the time to."""
import pathlib
import re
import subprocess
import sys

program = sys.argv[1]
packaging = pathlib.Path(__file__).resolve().parents[2] / "packaging"
faults = []


def commands(text):
    """Lists of words that begin with the program, and the command lines of units."""
    text = re.sub(r"#.*", "", text)
    for words in re.findall(r'\[("?birefnet"?,[^]]*)\]', text):
        yield [word.strip().strip('"') for word in words.split(",")]
    for line in re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE):
        yield line.split()


def check_options(name):
    for words in commands((packaging / name).read_text()):
        told = subprocess.run([program, words[1], "--help"], capture_output=True, text=True, check=True).stdout
        known = set(re.findall(r"--[a-z][a-z-]*", told))
        faults.extend(f"{name}: {words[1]} has no {word}" for word in words if word.startswith("--") and word not in known)
        yield words


def number(pattern, text, otherwise=0):
    found = re.search(pattern, text)
    return int(found[1]) if found else otherwise


count = sum(len(list(check_options(name))) for name in
            ("compose.yaml", "kubernetes/birefnet.yaml", "kubernetes/migrate.yaml", "birefnet.service"))
if count != 7:
    faults.append(f"{count} commands were found")

# New connections are refused from SIGTERM on; Kubernetes sends it while it still takes the pod out of its services.
for document in (packaging / "kubernetes/birefnet.yaml").read_text().split("\n---\n"):
    if "kind: Deployment" not in document:
        continue
    name = re.search(r"name: (birefnet-\w+)", document)[1]
    before = number(r"preStop: {sleep: {seconds: (\d+)}}", document)
    if name == "birefnet-serve" and before < 5:
        faults.append(f"{name} ends while connections come to it")
    if number(r"terminationGracePeriodSeconds: (\d+)", document) < before + number(r'--drain, "(\d+)"', document, 60) + 10:
        faults.append(f"{name} is killed before it has drained")

print("\n".join(faults))
sys.exit(len(faults) > 0)
