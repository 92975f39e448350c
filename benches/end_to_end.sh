#!/usr/bin/env bash
# End to end on loopback: what receiving, decoding and recording costs, and how
# much can be taken in without loss.
#
#   benches/end_to_end.sh [FLOWS_PER_SECOND [SECONDS [CONVERSATIONS]]]
#   benches/end_to_end.sh max [SECONDS]
#
# The first sends NetFlow v9 at a steady rate (300000 for 20 s unless said otherwise)
# to examples/collector and, when it is installed, to nfcapd, and prints the CPU
# seconds per million flows of each; everything that was sent must have been counted.
# The second looks for the highest rate that loses nothing for SECONDS (30).
#
# FORMAT=v5|v9|ipfix, LOAD="--exporters 4 …" and PORT change what is sent.
set -euo pipefail
cd "$(dirname "$0")/.."
port=${PORT:-34377} format=${FORMAT:-v9} extra=${LOAD:-}
examples=${CARGO_TARGET_DIR:-target}/release/examples
buffer=64000000
work=$(mktemp -d)
child= sender=

finish() {
    for one in $child $sender; do kill -KILL "$one" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

die() {
    echo "end_to_end.sh: $*" >&2
    exit 1
}

# Waits until a file has a word, for ten seconds at most.
wait_for() {
    for _ in $(seq 200); do
        if grep -qs "$1" "$2"; then return; fi
        sleep 0.05
    done
    die "no \"$1\" within ten seconds: $(tail -n 3 "$2")"
}

# User and system seconds of the child so far.
cpu() {
    sed 's/.*) //' "/proc/$child/stat" |
        awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($12 + $13) / hz }'
}

# A figure of what the sender or the collector printed.
figure() {
    python3 -c 'import functools, json, sys
print(functools.reduce(lambda at, key: at[key], sys.argv[2].split("."), json.load(open(sys.argv[1]))))' "$work/$1.json" "$2"
}

# Sends for $2 seconds at rate $1 over $3 conversations; sets sent (flows),
# sent_bytes and achieved (flows per second).
load() {
    local hosts=$(($3 > 4 ? $3 / 4 : 1))
    # shellcheck disable=SC2086 # several words
    "$examples/load" --port "$port" --format "$format" --rate "$1" --seconds "$2" \
        --conversations "$3" --hosts "$hosts" $extra >"$work/load.json" &
    sender=$!
    # Waited for, so that a signal is heeded meanwhile.
    wait "$sender" || die "sending failed"
    sender=
    sent=$(figure load flows) sent_bytes=$(figure load bytes) achieved=$(figure load rate)
}

# Waits until the child has nothing left to do: its CPU time stands still.
settle() {
    local before=x now
    for _ in $(seq 40); do
        now=$(cpu)
        if [ "$now" = "$before" ]; then return; fi
        before=$now
        sleep 0.25
    done
}

stop() {
    kill "-$1" "$child"
    wait "$child" || die "$2 failed: $(tail -n 3 "$3")"
    child=
}

# Each of these sets got (flows), bytes, drops and used (CPU seconds).
toptalk() {
    "$examples/collector" --port "$port" >"$work/collector.json" 2>"$work/collector.log" &
    child=$!
    wait_for listening "$work/collector.log"
    load "$@"
    sleep 0.5
    stop TERM collector "$work/collector.log"
    got=$(figure collector flows) bytes=$(figure collector hour.bytes)
    drops=$(figure collector kernel_drops) used=$(figure collector cpu_seconds)
}

# nfcapd with the options in $options. Its buffer is no larger than
# net.core.rmem_max, whatever it asks for.
nfcapd_files() {
    local start log=$work/nfcapd.log
    rm -rf "$work/flows"
    mkdir "$work/flows"
    # shellcheck disable=SC2086 # several options
    nfcapd $options -b 127.0.0.1 -p "$port" -t 3600 -w "$work/flows" >"$log" 2>&1 &
    child=$!
    wait_for "Bound to" "$log"
    sleep 0.2
    start=$(cpu)
    load "$@"
    settle
    used=$(awk -v a="$start" -v b="$(cpu)" 'BEGIN { print b - a }')
    drops=$(socket_drops)
    stop TERM nfcapd "$log"
    got=$(grep -o 'Flows: [0-9]*' "$log" | awk '{ n += $2 } END { print n + 0 }')
    bytes=$(grep -o 'Bytes: [0-9]*' "$log" | awk '{ n += $2 } END { printf "%.0f", n }')
    rm -rf "$work/flows"
}

# Datagrams that the kernel dropped at the port.
socket_drops() {
    awk -v port="$(printf ':%04X' "$port")" \
        'index($2, port) { n += $NF } END { print n + 0 }' /proc/net/udp
}

has_nfcapd() { command -v nfcapd >/dev/null; }


# Fails when anything is missing of what was sent.
complete() {
    if [ "$drops" != 0 ] || [ "$got" != "$sent" ] || [ "$bytes" != "$sent_bytes" ]; then
        die "$1 LOST something: $got of $sent flows, $bytes of $sent_bytes bytes," \
            "$drops datagrams dropped by the kernel"
    fi
}

row() { printf '%-20s %12s %12s %8s %18s %8s\n' "$@"; }

# CPU seconds per million flows, and toptalk's as a multiple of them.
result() {
    local per
    per=$(awk -v used="$used" -v n="$sent" 'BEGIN { printf "%.3f", used / n * 1e6 }')
    : "${own:=$per}"
    row "$1" "$sent" "$got" "$(printf '%.2f' "$used")" "$per" \
        "$(awk -v own="$own" -v per="$per" 'BEGIN { if (per > 0) printf "%.2f", own / per; else print "-" }')"
}

steady() {
    local rate=$1 seconds=$2 conversations=$3 own=
    echo "$format, $rate flows/s for $seconds s, $conversations conversations${extra:+, $extra}"
    row what sent received "CPU s" "CPU s per M flows" "toptalk/it"
    toptalk "$rate" "$seconds" "$conversations"
    complete toptalk
    result toptalk
    toptalk_figures=$(figure collector answers)" answers, median $(figure collector answer_ms.median) ms,"
    toptalk_figures+=" max $(figure collector answer_ms.max) ms; a batch takes"
    toptalk_figures+=" $(figure collector batch_p99_us) us (p99); $(figure collector peak_rss_kb) kB at most"
    if has_nfcapd; then
        for options in " -y -B $buffer" " -B $buffer"; do
            nfcapd_files "$rate" "$seconds" "$conversations"
            complete "nfcapd$options"
            result "nfcapd${options%-B*}"
        done
    else
        echo "nfcapd is not installed: nothing to compare with"
    fi
    echo "toptalk: $toptalk_figures"
}

# Whether $1 loses nothing at rate $2 for $3 seconds. A sender that cannot keep up
# with the rate is no evidence: `limited` says so.
holds() {
    "$1" "$2" "$3" 100000
    limited=$(awk -v got="$achieved" -v want="$2" 'BEGIN { print (got < 0.97 * want) ? 1 : 0 }')
    local verdict=lost
    if [ "$drops" = 0 ] && [ "$got" = "$sent" ]; then verdict=ok; fi
    printf '  %s at %d flows/s for %s s: %s (%s of %s, %.0f flows/s sent)\n' \
        "${1%_files}" "$2" "$3" "$verdict" "$got" "$sent" "$achieved"
    [ "$verdict" = ok ]
}

# The highest rate at which $1 loses nothing for $2 seconds, to about 5 %.
highest() {
    local good=0 bad=0 rate=200000
    while [ "$bad" = 0 ]; do
        if holds "$1" "$rate" 5; then
            good=$rate
            if [ "$limited" = 1 ]; then
                echo "  the sender is the limit"
                good=${achieved%.*} bad=$good
            fi
            rate=$((rate * 2))
        else
            bad=$rate
        fi
    done
    while [ $((bad - good)) -gt $((good / 20 + 5000)) ]; do
        rate=$(((good + bad) / 2))
        if holds "$1" "$rate" 5; then good=$rate; else bad=$rate; fi
    done
    rate=$good
    until [ "$rate" -lt 10000 ] || holds "$1" "$rate" "$2"; do rate=$((rate * 9 / 10)); done
    if [ "$rate" -lt 10000 ]; then die "${1%_files} loses at any rate"; fi
    echo "${1%_files}: $rate flows/s without loss for $2 s ($format)"
}

cargo build --release --quiet --example collector --example load
if [ "${1:-}" = max ]; then
    highest toptalk "${2:-30}"
    if has_nfcapd; then
        options="-B $buffer"
        highest nfcapd_files "${2:-30}"
    fi
else
    steady "${1:-300000}" "${2:-20}" "${3:-100000}"
fi
