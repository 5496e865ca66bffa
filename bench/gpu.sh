#!/bin/bash
# What a graphics card does with the network, in under four minutes: time, batches, memory, weights on their way, products, layers,
# attention, the kernels' tests, and a folder of 12-megapixel photos with the share of time that the card is busy.
#
#   bench/gpu.sh [--device N] [--small]    over build/release; --small: sizes that a driver that computes on the CPU can do
#   bench/gpu.sh --pack FILE.tar.gz        all of it for a machine without a compiler: unpack there, then ./gpu.sh
set -u
here=$(cd "$(dirname "$0")" && pwd)
device=0 small= pack=
while [ $# -gt 0 ]; do
    case $1 in
    --device) device=$2 && shift ;;
    --small) small=1 ;;
    --pack) pack=$2 && shift ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
    shift
done
if [ -d "$here/bin" ]; then
    bin=$here/bin tests=$here/bin photo=$here/photo.jpg
    export LD_LIBRARY_PATH=$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
else
    root=$(dirname "$here")
    bin=$root/build/release/bin tests=$root/build/release/tests photo=$root/examples/photo1.jpg
fi
programs="bench_gpu_products bench_gpu_layers bench_gpu_attention"
# the last hold networks to the CPU's: minutes where there is no card
kernels="gpu gpu_faults gpu_lists gpu_norm gpu_product gpu_attention gpu_products gpu_layers gpu_layers_attention gpu_photo"

if [ -n "$pack" ]; then
    into=$(mktemp -d) && mkdir "$into/bin" "$into/lib" || exit 1
    for name in birefnet $programs; do strip -o "$into/bin/$name" "$bin/$name" || exit 1; done
    for name in $kernels gpu_model; do strip -o "$into/bin/test_$name" "$tests/test_$name" || exit 1; done
    for file in "$into"/bin/*; do ldd "$file"; done | awk '/=> \//{print $3}' | sort -u |
        grep -vE '/(libc|libm|libdl|libpthread|ld-linux[^/]*)\.so' | xargs cp -Lt "$into/lib"
    "$bin/birefnet" remove "$photo" -o "$into/photo.jpg" --canvas 4000x3000 -b blur -q --device cpu || exit 1
    cp "$0" "$into/gpu.sh" && tar -C "$into" -czf "$pack" . && rm -r "$into" && ls -l "$pack"
    exit
fi

work=$(mktemp -d) && trap 'rm -r "$work"' EXIT
export XDG_CACHE_HOME=$work/cache && mkdir "$XDG_CACHE_HOME" # so that the first opening is one
network=seeded:gen3-swin_v1_l:3 size=1024x1024 runs=30 photos=200 tiny= limit=225
[ -n "$small" ] && network=seeded:gen3-pvt_v2_b0:7 size=64x64 runs=1 photos=3 tiny=--tiny limit=1200
SECONDS=0

# step NAME SECONDS COMMAND...: under its own limit, and none that would end behind the whole one
step() {
    local name=$1 most=$2 left=$((limit - SECONDS))
    shift 2
    echo && echo "== $name (at $SECONDS s)"
    [ -n "$small" ] && most=$left
    [ "$left" -lt 5 ] && echo "left out: time is up" && return
    timeout $((most < left ? most : left)) "$@" 2>&1 | grep -vE '^run [0-9]+ of '
    local code=${PIPESTATUS[0]}
    [ "$code" -eq 0 ] || echo "FAILED with $code"
}

bench() { "$bin/birefnet" bench -m $network -r $size -p f16 --device "gpu:$device" "$@" --photo "$photo"; }
export -f bench && export bin network size device photo

step "devices" 10 "$bin/birefnet" info
step "network, the first opening" 45 bash -c "bench -n $runs"
step "network, a later opening" 20 bash -c "bench -n 3 | grep -E 'opening|weights:'"
step "network, batches of 4" 30 bash -c "bench -n $((runs / 3 + 1)) --batch 4"

[ "$here/bin" = "$bin" ] || [ -n "$small" ] || { "$bin/birefnet" remove "$photo" -o "$work/photo.jpg" --canvas 4000x3000 -b blur -q --device cpu &&
    photo=$work/photo.jpg; }
mkdir "$work/in"
for i in $(seq $photos); do cp "$photo" "$work/in/$i.jpg"; done
used=$(command -v nvidia-smi) && (while sleep 0.5; do $used --query-gpu=memory.used --format=csv,noheader; done >"$work/used") & sampler=$!
step "a folder of $photos photos" 50 "$bin/birefnet" remove "$work/in" -o "$work/out" -m $network -r $size \
    --device "gpu:$device" -p f16 -v >"$work/folder.txt"
kill $sampler 2>/dev/null
grep -vE -- '-> .*\.png' "$work/folder.txt"
[ -s "$work/used" ] && echo "most memory of the card in use: $(sort -n "$work/used" | tail -1)"
rm -rf "$work/out"

[ -z "$small" ] && step "tiles of products" 25 "$bin/bench_gpu_products" --device "$device" --speeds
step "small layers" 15 "$bin/bench_gpu_layers" --device "$device" $tiny
step "attention" 30 "$bin/bench_gpu_attention" --device "$device" $tiny
[ -n "$small" ] && kernels="gpu gpu_faults" # the others: ctest -R gpu
for name in $kernels; do
    echo && echo "== test $name (at $SECONDS s)"
    [ $((limit - SECONDS)) -gt 10 ] || { echo "left out: time is up" && continue; }
    BN_TEST_GPU=$device BN_REQUIRE_GPU=1 timeout ${small:+30}30 "$tests/test_$name" 2>&1 | grep -E 'PASSED|FAILED|ERROR' ||
        echo "no result"
done
[ -z "$small" ] && step "network on plain products" 20 env BIREFNET_GPU_MATRIX=none bash -c "bench -n 5"
echo && echo "all in $SECONDS s"
