#!/usr/bin/env python3
"""Queries over twenty million flows: toptalk beside nfdump, in one run.

    benches/query.py prepare FOLDER     # makes the flows once: ours, and nfcapd's of the same ones
    benches/query.py compare FOLDER     # asks both, compares the answers, prints a table
    benches/query.py sizes FOLDER       # bytes per flow of each kind of file

`prepare` writes FOLDER/busy (20 slots of 1 M flows) and FOLDER/day (288 slots), as far as
they are missing, with examples/site_archive, and replays every slot over loopback into an nfcapd of its own, so
that nfdump reads what nfcapd wrote (-z as FOLDER/busy.nf, and -y). --flows N makes less.
Needs nfdump 1.7 and some 4 GB of disk. Build with `cargo build --release --bins --examples`.
"""

import argparse
import csv
import datetime
import io
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
TOPTALK, SITE = BUILT / "toptalk", BUILT / "examples" / "site_archive"
PORT = int(os.environ.get("PORT", "34388"))
START = 1_795_392_000  # as in examples/site_archive.rs
UTC = {**os.environ, "TZ": "UTC"}
KEPT = 4 << 20  # bytes of an answer that are compared


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, env=UTC, **options)


def stamp(slot):
    return datetime.datetime.fromtimestamp(START + 300 * slot, datetime.UTC).strftime("%Y%m%d%H%M")


def nfcapd_of(segment, target, options, flows):
    """What nfcapd writes of a segment's flows; when it lost some it is told them again, slower."""
    for rate in (300_000, 150_000, 75_000, 40_000):
        told = replayed(segment, target, options, rate)
        if told == flows:
            return
        print(f"\n{target.name}: nfcapd took {told} of {flows} at {rate} a second", file=sys.stderr)
    sys.exit("nfcapd loses flows at any rate: raise net.core.rmem_max")


def replayed(segment, target, options, rate):
    work = target.parent / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with open(work / "log", "w") as log:
        nfcapd = subprocess.Popen(
            ["nfcapd", *options, "-b", "127.0.0.1", "-p", str(PORT), "-t", "86400", "-B", "64000000", "-w", str(work)],
            stdout=log, stderr=log, env=UTC)
        while "Bound to" not in (work / "log").read_text():
            if nfcapd.poll() is not None:
                sys.exit(f"nfcapd: {(work / 'log').read_text()}")
            time.sleep(0.02)
        time.sleep(0.1)
        run(TOPTALK, "replay", "-r", segment, "--as", "v9", "--to", f"127.0.0.1:{PORT}", "--rate", rate,
            "--keep-times", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.3)
        nfcapd.send_signal(signal.SIGTERM)
        nfcapd.wait()
    [made] = [file for file in work.iterdir() if file.name.startswith("nfcapd.2")]
    made.rename(target)
    shutil.rmtree(work)
    summary = run("nfdump", "-r", target, "-I", stdout=subprocess.PIPE, text=True).stdout
    return int(re.search(r"^Flows: (\d+)", summary, re.M)[1])


def prepare(folder, flows):
    for name, slots in [("busy", 20), ("day", 288)]:
        ours = folder / name
        if not ours.exists():
            run(SITE, "--to", ours, "--flows", flows, "--slots", slots)
        for kind, options in [("nf", ["-z"])]:
            theirs = folder / f"{name}.{kind}"
            theirs.mkdir(exist_ok=True)
            for slot, segment in enumerate(sorted(ours.glob("*.parquet"))):
                if (theirs / f"nfcapd.{stamp(slot)}").exists():
                    continue
                count = flows * (slot + 1) // slots - flows * slot // slots
                nfcapd_of(segment, theirs / f"nfcapd.{stamp(slot)}", options, count)
                if sys.stderr.isatty():
                    print(f"\r{name}.{kind}: {slot + 1} of {slots} ", end="", file=sys.stderr)
    lz4 = folder / "busy.lz4"
    shutil.rmtree(lz4, ignore_errors=True)
    lz4.mkdir()
    for file in sorted((folder / "busy.nf").iterdir()):
        run("nfdump", "-q", "-r", file, "-y", "-w", lz4 / file.name, stdout=subprocess.DEVNULL)


def measured(words):
    """Output, wall seconds, CPU seconds and peak memory in MB of a command."""
    began = time.monotonic()
    child = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=UTC)
    chunks, size = [], 0
    while block := os.read(child.stdout.fileno(), 1 << 20):
        size += len(block)
        # Memory of this process would count as the next child's.
        if size < KEPT:
            chunks.append(block)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    if status:
        sys.exit(f"{' '.join(map(str, words))}: {child.stderr.read().decode()}")
    return b"".join(chunks).decode(), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def ranks(text):
    """The values at each rank of a CSV answer, bytes and flows; ties are free."""
    lines = [line for line in text.splitlines() if line]
    start = next(at for at, line in enumerate(lines) if line.startswith(("ts,", "first,")))
    rows = []
    for row in csv.DictReader(io.StringIO("\n".join(lines[start:]))):
        if row["ts"] in ("Summary", None) or not (row.get("td") or "").strip():
            break
        rows.append([row.get(key) for key in ("byt", "ibyt") if row.get(key) is not None][:1])
    return rows


def busiest(folder):
    text, *_ = measured([TOPTALK, "query", "-R", folder, "-s", "dstip/bytes", "-n", "1", "-o", "csv", "-q"])
    return text.split(",")[4]


def rarest(folder):
    text, *_ = measured([TOPTALK, "query", "-R", folder, "-s", "dstip/flows", "-n", "20000", "-o", "csv", "-q"])
    rows = [line.split(",") for line in text.splitlines() if line.count(",") > 5]
    return rows[-1][4]


def cases(folder):
    busy, day = folder / "busy", folder / "day"
    host, rare = busiest(busy), rarest(busy)
    window = f"{stamp(144)}:nfcapd.{stamp(145)}"
    return [
        ("top 10 dst", busy, "", ["-s", "dstip/bytes", "-n", "10"], True),
        ("src of a busy dst", busy, "", ["-s", "srcip/bytes", "-n", "50", f"dst ip {host}"], True),
        ("src of a rare dst", busy, "", ["-s", "srcip/bytes", "-n", "50", f"dst ip {rare}"], True),
        ("dst net 10/8, csv", busy, "", ["-s", "dstip/bytes", "-n", "100", "dst net 10.0.0.0/8"], True),
        ("5-tuples", busy, "", ["-s", "record/bytes", "-n", "20"], True),
        ("pairs", busy, "", ["-A", "srcip,dstip", "-s", "record/bytes", "-n", "20"], True),
        ("listing of a host", busy, "", ["-o", "line", f"ip {host}"], False),
        ("filter only", busy, "", ["-o", "null", "proto tcp and port 443"], False),
        ("listing of port 443", busy, "", ["-o", "line", "proto tcp and port 443"], False),
        ("CSV of everything", busy, "", ["-o", "csv"], False),
        ("top 10 dst, day", day, "", ["-s", "dstip/bytes", "-n", "10"], True),
        ("ten minutes by -t", day, "", ["-t", "2026/11/23.12:00:00-2026/11/23.12:10:00", "-s", "dstip/bytes", "-n", "10"], True),
        ("ten minutes by -R", day, f"/nfcapd.{window}", ["-s", "dstip/bytes", "-n", "10"], True),
    ]


def compare(folder, runs, only, without):
    print(f"{'query':<22}{'nfdump s':>10}{'CPU s':>8}{'MB':>7}{'toptalk s':>11}{'CPU s':>8}{'MB':>7}{'wall':>8}{'CPU':>7}")
    for name, archive, tail, words, same in cases(folder):
        if (only and only not in name) or (without and without in name):
            continue
        theirs, ours, answers = [], [], []
        for _ in range(runs):
            answer = []
            for figures, program, place in [
                (theirs, ["nfdump"], f"{archive}.nf{tail}"),
                (ours, [TOPTALK, "query"], f"{archive}{tail}"),
            ]:
                output = [] if "-o" in words else ["-o", "csv"]
                text, *rest = measured([*program, "-R", place, *output, *words])
                figures.append(rest)
                answer.append(text)
            answers = answer
        a, b = ([statistics.median(column) for column in zip(*rows)] for rows in (theirs, ours))
        verdict = ""
        if same:
            left, right = (ranks(text) for text in answers)
            verdict = "same" if left == right and left else f"DIFFERENT {left[:2]} {right[:2]}"
        print(f"{name:<22}{a[0]:>10.2f}{a[1]:>8.2f}{a[2]:>7.0f}{b[0]:>11.2f}{b[1]:>8.2f}{b[2]:>7.0f}"
              f"{a[0] / b[0]:>7.1f}x{a[1] / b[1]:>6.1f}x  {verdict}", flush=True)


def sizes(folder, flows):
    for kind in ("busy", "busy.nf", "busy.lz4", "day", "day.nf"):
        files = [file for file in (folder / kind).rglob("*") if file.is_file()]
        print(f"{kind:<10} {sum(file.stat().st_size for file in files) / flows:6.1f} bytes a flow")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["prepare", "compare", "sizes"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--flows", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="only queries with this in their name")
    parser.add_argument("--without", help="no queries with this in their name")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.what == "prepare":
        prepare(args.folder, args.flows)
    elif args.what == "compare":
        compare(args.folder, args.runs, args.only, args.without)
    else:
        sizes(args.folder, args.flows)


if __name__ == "__main__":
    main()
