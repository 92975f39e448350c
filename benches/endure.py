#!/usr/bin/env python3
"""Recording under load and under trouble, on loopback.

    benches/endure.py cost     # CPU seconds per million flows, whole process until exit, beside nfcapd -y
    benches/endure.py kills    # kill -9 at random moments, restart, query: what is missing
    benches/endure.py full     # a full disk (needs root, for a small tmpfs), and room again
    benches/endure.py reload   # SIGHUP five times a second, every third time with settings that are wrong

Flows come from examples/load as NetFlow v9. Build with `cargo build --release --bins --examples`.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
TOPTALK, LOAD = BUILT / "toptalk", BUILT / "examples" / "load"
PORT = os.environ.get("PORT", "34389")
UTC = {**os.environ, "TZ": "UTC", "TOPTALK_NO_STATE": "true", "TOPTALK_NO_SERVE": "true",
       "TOPTALK_CONFIG": "/dev/null"}


class Child:
    """A program with its log, waited for until it says that it listens."""

    def __init__(self, log, *words, ready):
        self.log = pathlib.Path(log)
        with open(self.log, "w") as out:
            self.process = subprocess.Popen([str(word) for word in words], stdout=out, stderr=out, env=UTC)
        while not re.search(ready, self.log.read_text()):
            if self.process.poll() is not None:
                sys.exit(f"{words[0]}: {self.log.read_text()}")
            time.sleep(0.01)

    def end(self, number):
        """Sends a signal and waits; CPU seconds of the whole run and peak MB."""
        self.process.send_signal(number)
        _, _, usage = os.wait4(self.process.pid, 0)
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def collect(work, folder, *more):
    return Child(work / "collect.log", TOPTALK, "collect", "-b", "127.0.0.1", "-p", PORT, "-w", folder, *more,
                 ready="listening")


def load(rate, seconds, *more):
    return subprocess.Popen([str(LOAD), "--port", PORT, "--rate", str(rate), "--seconds", str(seconds), *more],
                            stdout=subprocess.PIPE, text=True)


def summary(folder):
    done = subprocess.run([TOPTALK, "query", "-R", folder, "-I", "-o", "json", "--no-dedup"], env=UTC, text=True,
                          capture_output=True)
    if done.returncode or done.stderr.strip():
        print(f"query: exit {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def cost(work, args):
    """Three slots of ten seconds: nothing may be lost, and what it costs."""
    print(f"{args.rate} flows/s for {args.seconds} s, slots of 10 s")
    per = []
    for name in ("toptalk", "nfcapd -y"):
        folder = work / name.split()[0]
        folder.mkdir()
        if name == "toptalk":
            child = collect(work, folder, "-t", "10", *args.more)
        else:
            child = Child(work / "nfcapd.log", "nfcapd", "-y", "-b", "127.0.0.1", "-p", PORT, "-t", "10", "-B",
                          "64000000", "-w", folder, ready="Bound to")
        time.sleep(0.2)
        sent = json.loads(load(args.rate, args.seconds).communicate()[0])
        time.sleep(1)
        cpu, memory = child.end(signal.SIGTERM)
        if name == "toptalk":
            got = summary(folder)["flows"]
        else:
            got = sum(int(n) for n in re.findall(r"Flows: (\d+)", child.log.read_text()))
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        per.append(cpu / sent["flows"] * 1e6)
        print(f"{name:<10} sent {sent['flows']}, recorded {got}, {cpu:.2f} CPU s, {per[-1]:.3f} per M flows, "
              f"{memory:.0f} MB, {size / max(got, 1):.1f} bytes a flow")
        if name == "toptalk":
            print(child.log.read_text().strip())
    print(f"toptalk/nfcapd -y: {per[0] / per[1]:.2f}")


def kills(work, args):
    """What is missing at the end of what a killed recorder wrote, in seconds."""
    folder, rate = work / "archive", 50_000
    folder.mkdir()
    missing, before = [], 0
    for turn in range(args.rounds):
        child = collect(work, folder, "-t", "5")
        began = datetime.datetime.now(datetime.UTC)
        sender = load(rate, 30, "--shape", "short")
        time.sleep(random.uniform(1.0, 6.5))
        killed = time.time()
        child.end(signal.SIGKILL)
        sender.kill()
        sender.wait()
        collect(work, folder, "-t", "5").end(signal.SIGTERM)
        when = began.strftime("%Y-%m-%dT%H:%M:%SZ")
        flows = subprocess.run([TOPTALK, "query", "-R", folder, "-q", "-o", "fmt:%trr", "--no-dedup",
                                f"first seen > {when}"], env=UTC, text=True, capture_output=True, check=True)
        arrivals = [float(line) for line in flows.stdout.split()]
        missing.append(killed - max(arrivals))
        steady = len(arrivals) / max(max(arrivals) - min(arrivals), 0.1)
        after = summary(folder)["flows"]
        print(f"{turn + 1:>3}: {len(arrivals)} flows, {steady:.0f} per second, the last {missing[-1]:.2f} s missing; "
              f"{after} in all", flush=True)
        if after < before or abs(steady - rate) > rate / 50:
            print("     SOMETHING IS WRONG")
        before = after
    for file in sorted(folder.rglob("*.parquet")):
        subprocess.run([TOPTALK, "query", "-v", file], env=UTC, check=True, stdout=subprocess.DEVNULL)
    print(f"missing at most {max(missing):.2f} s, median {statistics.median(missing):.2f} s; every segment verified")


def full(work, args):
    """A disk that fills up and has room again."""
    folder = work / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={args.megabytes}m", "tmpfs", folder], check=True)
    try:
        filler = folder / "filler"
        # Room for some seconds above what is left to others.
        filler.write_bytes(bytes((args.megabytes << 20) - 160_000_000))
        archive = folder / "archive"
        archive.mkdir()
        child = collect(work, archive, "-t", "5")
        sender = load(50_000, 40)
        time.sleep(25)
        print("--- room again")
        filler.unlink()
        sent = json.loads(sender.communicate()[0])
        time.sleep(1)
        child.end(signal.SIGTERM)
        print(child.log.read_text().strip())
        print(f"sent {sent['flows']}, recorded {summary(archive)['flows']}")
    finally:
        subprocess.run(["umount", folder], check=True)


def reload(work, args):
    """New settings all the time: nothing may be lost, and those that are wrong keep the old ones."""
    folder, settings = work / "archive", work / "toptalk.toml"
    folder.mkdir()
    settings.write_text('[alerts]\nup = "1G"\n')
    child = collect(work, folder, "-t", "10", "--config", settings)
    sender, turn = load(args.rate, args.seconds), 0
    while sender.poll() is None:
        turn += 1
        up = "fast" if turn % 3 == 0 else f"{turn}M"
        settings.write_text(f'[alerts]\nup = "{up}"\n[groups.names]\nlab = ["10.{turn % 200}.0.0/16"]\n')
        child.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
    sent = json.loads(sender.communicate()[0])
    time.sleep(1)
    child.end(signal.SIGTERM)
    log = child.log.read_text()
    print(f"{turn} times: reloaded {log.count('reloaded')}, refused {log.count('the old settings stay')}")
    print(*re.findall(r".*slot ended.*", log), sep="\n")
    print(f"sent {sent['flows']}, recorded {summary(folder)['flows']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "kills", "full", "reload"])
    parser.add_argument("--rate", type=int, default=300_000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--megabytes", type=int, default=600)
    parser.add_argument("more", nargs="*", help="further options of `toptalk collect`, after --")
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as work:
        {"cost": cost, "kills": kills, "full": full, "reload": reload}[args.what](pathlib.Path(work), args)


if __name__ == "__main__":
    main()
