#!/bin/sh
# Trains on a lent GPU in one go: gpu_run.sh PACK START OUT SECONDS [more of train.py]
# PACK is pack.py's file, START weights (b0: they are widened), OUT the folder that comes back: log.txt and the moving average of the
# weights in pieces under 16 MB (pieces.py join OUT weights.safetensors). Where the fast ways fail early, it starts again plainly.
here=$(dirname "$0"); pack=$1; start=$2; out=$3; seconds=$4; shift 4
began=$(date +%s); mkdir -p "$out"
export PYTHONUNBUFFERED=1
python3 "$here/train.py" --pack "$pack" --start "$start" --out "$out" --seconds "$seconds" "$@" && exit 0
left=$((seconds - ($(date +%s) - began)))
[ "$left" -ge 60 ] || exit 1
echo "starts again, plainly, with $left s" | tee -a "$out/log.txt"
[ -e "$out/ema.safetensors.json" ] && python3 "$here/pieces.py" join "$out" /tmp/ema-so-far.safetensors && start=/tmp/ema-so-far.safetensors && set -- "$@" --resume
exec python3 "$here/train.py" --pack "$pack" --start "$start" --out "$out" --seconds "$left" --plain "$@"
