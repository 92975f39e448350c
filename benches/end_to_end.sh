#!/usr/bin/env bash
# End to end on loopback: what receiving, decoding and recording costs.
#
#   benches/end_to_end.sh [FLOWS_PER_SECOND [SECONDS [CONVERSATIONS]]]
#
# Sends NetFlow v9 at a steady rate to `toptalk top`, and the same to nfcapd when
# it is installed, and prints the CPU seconds per million flows of each. Both are
# told to stop when the sender is done; toptalk must have counted every flow.
set -euo pipefail
rate=${1:-100000} seconds=${2:-20} conversations=${3:-100000}
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release --quiet --bin toptalk --example load
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
port=34377

# User and system seconds of a process so far.
cpu() {
    local stat
    stat=$(sed 's/.*) //' "/proc/$1/stat")
    set -- $stat
    awk -v t=$((${12} + ${13})) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", t / hz }'
}

load() {
    "$target/release/examples/load" "$port" "$rate" "$seconds" "$conversations"
}

"$target/release/toptalk" top -b 127.0.0.1 -p $port --for 1h --window 1m -o json \
    >"$work/top.json" 2>"$work/top.err" &
pid=$!
until grep -qs listening "$work/top.err"; do :; done
sent=$(load)
used=$(cpu $pid)
rss=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
kill -INT $pid
wait $pid || true
python3 - "$sent" "$used" "$rss" "$work/top.json" <<'PY'
import json, sys
sent, used, rss, answer = json.loads(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), json.load(open(sys.argv[4]))
got = sum(exporter["flows"] for exporter in answer["exporters"])
print(f"toptalk: {sent['flows']} flows sent, {got} received, dropped {answer['dropped']}, "
      f"{used / sent['flows'] * 1e6:.2f} CPU s per million flows, {rss / 1000:.0f} MB")
PY

if command -v nfcapd >/dev/null; then
    mkdir "$work/nf"
    nfcapd -y -B 64000000 -b 127.0.0.1 -p $port -t 3600 -w "$work/nf" >"$work/nf.log" 2>&1 &
    pid=$!
    until grep -qs "Bound to" "$work/nf.log"; do :; done
    sent=$(load)
    used=$(cpu $pid)
    kill -TERM $pid
    wait $pid || true
    python3 - "$sent" "$used" "$work/nf.log" <<'PY'
import json, re, sys
sent, used, log = json.loads(sys.argv[1]), float(sys.argv[2]), open(sys.argv[3]).read()
got = re.findall(r"Flows: (\d+)", log)
print(f"nfcapd -y: {sent['flows']} flows sent, {got[-1] if got else '?'} received, "
      f"{used / sent['flows'] * 1e6:.2f} CPU s per million flows")
PY
fi
