#!/usr/bin/env bash
# Writes docs/SCREENS.md: the screens of the demo as text, captured with tmux.
# Takes about two minutes; the alert needs most of a minute to be raised.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
cargo build --release --quiet
tmux=(tmux -L toptalk-screens)
trap '"${tmux[@]}" kill-server 2>/dev/null || true' EXIT

screen() { # SESSION TITLE
    echo
    echo "## $2"
    echo
    echo '```'
    "${tmux[@]}" capture-pane -p -t "$1" | sed 's/ *$//'
    echo '```'
}

begin() { # SESSION WIDTH HEIGHT
    "${tmux[@]}" new-session -d -s "$1" -x "$2" -y "$3" \
        "LANG=C.UTF-8 '$target/release/toptalk' demo --seed 7"
}

begin small 80 24
begin large 160 50
sleep 75
{
    echo '# Screens'
    echo
    echo 'Captured from `toptalk demo --seed 7` by `docs/capture-screens.sh`. The alert is shown'
    echo 'in the header, below the totals, and as a mark in the row.'
    for size in small:80x24 large:160x50; do
        name=${size%%:*} label=${size##*:}
        screen "$name" "Main with an alert, $label"
        "${tmux[@]}" send-keys -t "$name" Enter
        sleep 2
        screen "$name" "One host, $label"
        "${tmux[@]}" send-keys -t "$name" Escape
        sleep 1
        "${tmux[@]}" send-keys -t "$name" e
        sleep 1
        screen "$name" "Exporters, $label"
        "${tmux[@]}" send-keys -t "$name" Enter
        sleep 1
        screen "$name" "One exporter, $label"
        "${tmux[@]}" send-keys -t "$name" Escape
        sleep 1
        "${tmux[@]}" send-keys -t "$name" Escape
        sleep 1
        "${tmux[@]}" send-keys -t "$name" '?'
        sleep 1
        screen "$name" "Help, $label"
        "${tmux[@]}" send-keys -t "$name" Escape
    done
} >docs/SCREENS.md
