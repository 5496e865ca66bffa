#!/bin/bash
# fuzz.sh MINUTES [TARGET...] - every fuzz target, or those named, in turn, for so many minutes of CPU time each; prints
#     executions, coverage (edges of our code: before, new) and findings, which lie in build/fuzz/fuzz/findings.
# fuzz.sh minimise [TARGET...] - the smallest set of inputs that covers what has been covered becomes fuzz/corpus/TARGET.
# Ends with 1 where something was found.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/fuzz
usage() { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
[ $# -ge 1 ] || usage
what=$1
shift
[ "$what" = minimise ] || [[ "$what" =~ ^[0-9]+$ ]] || usage

[ -n "${FUZZ_NO_BUILD:-}" ] || { cmake --preset fuzz -DBN_WERROR=OFF && cmake --build --preset fuzz; } >/dev/null
findings=$build/fuzz/findings
mkdir -p "$findings"
export ASAN_OPTIONS=quarantine_size_mb=16

wanted() { # NAME NAMES...
    local name=$1 each
    shift
    [ $# -gt 0 ] || return 0
    for each; do [ "$each" != "$name" ] || return 0; done
    return 1
}

# Run for a while; adds to executions and cpu, sets first and last (coverage).
run_for() { # SECONDS NAME MALLOC_MB RSS_MB FOLDER...
    local seconds=$1 name=$2 malloc=$3 rss=$4 log=$build/fuzz/$2.log before after
    shift 4
    before=$(awk '{ print $16 + $17 }' /proc/$$/stat) # of children that have ended, in hundredths of a second
    "$build/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=120 -report_slow_units=120 -malloc_limit_mb="$malloc" -rss_limit_mb="$rss" \
        -print_final_stats=1 -artifact_prefix="$findings/$name-" "$@" >"$log" 2>&1 || broken=1
    after=$(awk '{ print $16 + $17 }' /proc/$$/stat)
    cpu=$((cpu + after - before))
    executions=$((executions + $(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1 | grep . || echo 0)))
    [ -n "$first" ] || first=$(sed -n 's/.*INITED *cov: \([0-9]*\).*/\1/p' "$log" | head -1)
    last=$(sed -n 's/.*cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
}

fuzz() { # NAME MALLOC_MB RSS_MB FOUND CORPUS SEEDS...
    local executions=0 cpu=0 first='' last='' broken='' left
    while left=$((what * 60 - cpu / 100)) && [ "$left" -gt 0 ] && [ -z "$broken" ]; do run_for "$left" "$@"; done
    local count
    count=$(find "$findings" -name "$1-*" | wc -l)
    printf '%-16s %8.1f min %12d executions %6s edges %+6d new %4d findings\n' "$1" \
        "$(awk "BEGIN { print $cpu / 6000 }")" "$executions" "${first:-?}" $((${last:-0} - ${first:-0})) "$count"
    [ "$count" -eq 0 ] && [ -z "$broken" ] || bad=1
    all=$((all + executions))
}

minimise() { # NAME MALLOC_MB RSS_MB FOUND CORPUS SEEDS...
    local name=$1 malloc=$2 rss=$3 found=$4 corpus=$5 small=$build/fuzz/small-$1
    shift 5
    rm -rf "$small"
    mkdir -p "$small"
    "$build/fuzz/fuzz_$name" -set_cover_merge=1 -timeout=120 -malloc_limit_mb="$malloc" -rss_limit_mb="$rss" "$small" \
        "$@" "$corpus" "$found" >"$build/fuzz/$name.log" 2>&1
    # seeds have names and stay; what they cover alone is not needed twice
    find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    local seed
    for seed in "$corpus"/* "${@/%//*}"; do
        [ ! -f "$seed" ] || rm -f "$small/$(sha1sum "$seed" | cut -d' ' -f1)"
    done
    find "$small" -type f -size -4k -exec cp {} "$corpus" \;
    printf '%-16s %5d inputs %8d bytes\n' "$name" "$(find "$corpus" -type f | wc -l)" \
        "$(find "$corpus" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')"
}

bad=0 all=0
while read -r -a target; do
    wanted "${target[0]}" "$@" || continue
    if [ "$what" = minimise ]; then minimise "${target[@]}"; else fuzz "${target[@]}"; fi
done <$build/fuzz/targets.txt
[ "$what" = minimise ] || echo "$all executions in all"
exit $bad
