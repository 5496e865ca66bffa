#!/bin/sh
# spdx.sh PROGRAM: the list of libraries names each that ldd names, with a licence; twice the same.
set -eu
cd "$(dirname "$0")/../.."
program=$1
command -v dpkg-query >/dev/null || { echo "skipped: no dpkg here"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
SOURCE_DATE_EPOCH=1 python3 scripts/spdx.py "$program" >"$scratch/one"
SOURCE_DATE_EPOCH=1 python3 scripts/spdx.py "$program" >"$scratch/other"
cmp "$scratch/one" "$scratch/other"
ldd "$program" | awk '!/linux-vdso/ { sub(/.*\//, "", $1); print $1 }' | sort -u >"$scratch/wanted"
python3 - "$scratch/one" "$scratch/wanted" <<'PYTHON'
import json, re, sys
document = json.load(open(sys.argv[1]))
libraries = {package["packageFileName"]: package for package in document["packages"][1:]}
wanted = open(sys.argv[2]).read().split()
assert len(wanted) > 20, wanted
missing = [name for name in wanted if name not in libraries]
assert not missing, f"not named: {missing}"
texts = {text["licenseId"]: text["extractedText"] for text in document["hasExtractedLicensingInfos"]}
for name, package in libraries.items():
    licence = package["licenseDeclared"]
    assert re.fullmatch(r"[0-9a-f]{64}", package["checksums"][0]["checksumValue"]), name
    assert licence != "NOASSERTION" and package["versionInfo"], name
    if licence.startswith("LicenseRef-"):
        assert len(texts[licence]) > 100, licence
ids = [package["SPDXID"] for package in document["packages"]]
assert len(set(ids)) == len(ids)
linked = {relation["relatedSpdxElement"] for relation in document["relationships"] if relation["relationshipType"] == "DYNAMIC_LINK"}
assert linked == set(ids[1:]), "each library is linked"
assert document["spdxVersion"] == "SPDX-2.3"
print(f"{len(libraries)} libraries, {sum(not p['licenseDeclared'].startswith('LicenseRef') for p in libraries.values())} by SPDX's names")
PYTHON
