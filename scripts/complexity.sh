#!/bin/sh
# complexity.sh - fail where a function is longer than 120 lines or more complex than 25 (pmccabe).
set -eu
command -v pmccabe >/dev/null || { echo "complexity.sh: pmccabe is missing (scripts/setup.sh check)" >&2; exit 1; }
git ls-files '*.c' | xargs pmccabe | awk '
    $1 > 25 || $5 > 120 { print $6 " " $7 ": complexity " $1 ", " $5 " lines"; bad = 1 }
    END { exit bad }'
