#!/usr/bin/env bash
# Builds the Debian package: release binary, man pages and completions from its
# own words, cargo-deb for the rest. Needs `cargo install cargo-deb`.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo=${CARGO:-cargo}
"$cargo" build --release --locked
made=target/package
rm -rf "$made"
mkdir -p "$made/man" "$made/completions"
target/release/toptalk setup man --to "$made/man" >/dev/null
gzip -9n "$made"/man/*.1
for shell in bash zsh fish; do
    target/release/toptalk setup completions "$shell" >"$made/completions/toptalk.$shell"
done
"$cargo" deb --no-build --locked "$@"
