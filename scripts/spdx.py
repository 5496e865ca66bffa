#!/usr/bin/env python3
"""spdx.py PROGRAM [LIBRARY...] - an SPDX 2.3 document (JSON, to standard output) of the libraries that PROGRAM links, and of those
named besides: file, SHA-256, Debian package and version, and the licence that its copyright file declares for it.

From the program (ldd) and dpkg's data alone. Where a copyright file is not written for machines, or names a licence that SPDX has
no word for, its text is in the document. The same bytes for the same files; SOURCE_DATE_EPOCH is the document's time.
"""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

# Names of Debian's machine-readable copyright format and SPDX's, where they differ.
SPDX_OF = {
    "expat": "MIT", "mit": "MIT", "isc": "ISC", "zlib": "Zlib", "apache-2": "Apache-2.0", "apache-2.0": "Apache-2.0",
    "bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "lgpl-2": "LGPL-2.0-only", "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only", "lgpl-2.1+": "LGPL-2.1-or-later", "lgpl-3": "LGPL-3.0-only", "lgpl-3+": "LGPL-3.0-or-later",
    "gpl-2": "GPL-2.0-only", "gpl-2+": "GPL-2.0-or-later", "gpl-3": "GPL-3.0-only", "gpl-3+": "GPL-3.0-or-later",
    "curl": "curl", "boost-1.0": "BSL-1.0", "cc0-1.0": "CC0-1.0",
}  # fmt: skip


def command(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout


def linked(program: str) -> list[str]:
    """Paths of what ldd names, in its order; the kernel's own is no file."""
    answer = command("ldd", program)
    if "not found" in answer:
        raise SystemExit(f"spdx.py: {program} links libraries that are not there")
    return re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", answer, re.M)


def variants(library: str) -> list[str]:
    """dpkg may know a file below /lib, below /usr/lib, or by what a link leads to."""
    real = os.path.realpath(library)
    return [library, "/usr" + library, real, real.removeprefix("/usr")]


def owners(libraries: list[str]) -> dict[str, str]:
    """Each library's Debian package, with its architecture where dpkg tells it by that."""
    asked = [path for library in libraries for path in variants(library)]
    answer = subprocess.run(["dpkg-query", "-S", *asked], capture_output=True, text=True, check=False).stdout
    package_of = {path: words.split(",")[0] for words, path in (line.rsplit(": ", 1) for line in answer.splitlines())}
    found = {library: next((package_of[path] for path in variants(library) if path in package_of), None) for library in libraries}
    orphans = [library for library, package in found.items() if not package]
    if orphans:
        raise SystemExit(f"spdx.py: no package has {', '.join(orphans)}")
    return {library: str(package) for library, package in found.items()}


def declared(text: str) -> str | None:
    """The licence of `*.c` (libidn2 keeps its programs under another), else of all files, in SPDX's
    words; None where the file does not say it for machines, or in other words."""
    if not text.startswith("Format:"):
        return None
    of_files = {}
    for paragraph in re.split(r"\n\s*\n", text):
        files = re.search(r"^Files:((?:.*\n)(?:[ \t]+.*\n)*)", paragraph + "\n", re.M)
        licence = re.search(r"^License:[ \t]*(\S.*)$", paragraph, re.M)
        if files and licence:
            of_files.update(dict.fromkeys(files[1].split(), licence[1].strip()))
    words = re.split(r"\s+(and|or)\s+", of_files.get("*.c") or of_files.get("*") or "")
    known = [word.upper() if word in ("and", "or") else SPDX_OF.get(word.lower()) for word in words]
    return " ".join(map(str, known)) if all(known) else None


def describe(library: str, package: str, number: int, texts: dict[str, str]) -> dict[str, object]:
    name = package.split(":")[0]
    version, architecture, source = command("dpkg-query", "-W", "-f", "${Version} ${Architecture} ${source:Package}", package).split()
    text = pathlib.Path(f"/usr/share/doc/{name}/copyright").read_text(encoding="utf-8", errors="replace")
    licence = declared(text)
    if not licence:
        licence = "LicenseRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)
        texts[licence] = text
    return {
        "SPDXID": f"SPDXRef-{number}-{re.sub(r'[^A-Za-z0-9.-]', '-', os.path.basename(library))}",
        "name": name,
        "versionInfo": version,
        "packageFileName": os.path.basename(library),
        "supplier": "Organization: Debian",
        "sourceInfo": f"built from Debian's source package {source}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest(library)}],
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch={architecture}".replace("+", "%2B"),
            }
        ],
    }


def digest(path: str) -> str:
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def document(program: str, opened: list[str]) -> dict[str, object]:
    version = command(program, "--version").split()[1]
    when = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", os.path.getmtime(program))), datetime.UTC)
    texts: dict[str, str] = {}
    direct = linked(program)
    libraries = direct + [path for path in dict.fromkeys(opened) if path not in direct]
    owner = owners(libraries)
    packages = [describe(path, owner[path], number, texts) for number, path in enumerate(libraries)]
    ours = {
        "SPDXID": "SPDXRef-birefnet",
        "name": "birefnet",
        "versionInfo": version,
        "packageFileName": os.path.basename(program),
        "primaryPackagePurpose": "APPLICATION",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest(program)}],
        "licenseConcluded": "MIT",
        "licenseDeclared": "MIT",
        "copyrightText": "Copyright (c) 2026 the birefnet contributors",
    }
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-birefnet"}]
    for path, package in zip(libraries, packages):
        kind = "DYNAMIC_LINK" if path in direct else "OPTIONAL_DEPENDENCY_OF"
        ends = ("SPDXRef-birefnet", package["SPDXID"])
        first, second = ends if path in direct else ends[::-1]
        relations.append({"spdxElementId": first, "relationshipType": kind, "relatedSpdxElement": second})
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"birefnet-{version}",
        "documentNamespace": f"https://birefnet.invalid/spdx/birefnet-{version}-{ours['checksums'][0]['checksumValue']}",
        "creationInfo": {"created": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: birefnet-spdx.py"]},
        "packages": [ours, *packages],
        "hasExtractedLicensingInfos": [
            {"licenseId": name, "extractedText": text, "name": name.removeprefix("LicenseRef-")} for name, text in sorted(texts.items())
        ],
        "relationships": relations,
    }


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    json.dump(document(sys.argv[1], sys.argv[2:]), sys.stdout, indent=1, ensure_ascii=False)
    print()
