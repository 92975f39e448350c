#!/usr/bin/env python3
"""Screens attached to a collector under load, on loopback.

    benches/attach.py screens   # 16 screens with views of their own: loss, CPU of their answers, how often they come
    benches/attach.py hostile   # 200 connections of garbage, half-open and slow ones beside a good screen

Flows come from examples/load as NetFlow v9. Build with `cargo build --release --bins --examples`.
"""

import argparse
import json
import os
import pathlib
import random
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
TOPTALK, LOAD = BUILT / "toptalk", BUILT / "examples" / "load"
PORT = os.environ.get("PORT", "34390")
TICK = os.sysconf("SC_CLK_TCK")
HELLO = b"TTLK" + struct.pack(">HB", 1, 5) + b"bench"
TALKERS, GROUPS = b"\0", b"\4\0"

# Window (1 is a minute), filter, subject.
VIEWS = [(1, "", TALKERS), (2, "", TALKERS), (4, "", TALKERS), (1, "", GROUPS)]
VIEWS += [(1, f"net 10.{n}.0.0/16", TALKERS) for n in range(4)]
VIEWS += [(1, f"port {port}", TALKERS) for port in (443, 53, 22, 80)]
VIEWS += [(4, f"proto {proto}", TALKERS) for proto in ("tcp", "udp")]
VIEWS += [(1, "not port 443", GROUPS), (4, "not net 10.0.0.0/16", TALKERS)]


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def watch(window, text, subject, limit=200):
    """The request to watch a view (docs/ATTACH.md)."""
    body = b"\1\0" + varint(window) + varint(len(text)) + text.encode() + subject + b"\0\0" + varint(limit)
    return struct.pack(">I", len(body)) + body


class Screen:
    """A client that reads all it is sent and writes down when a snapshot came."""

    def __init__(self, path, view):
        self.began = time.monotonic()
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(path)
        self.stream.sendall(HELLO + watch(*view))
        self.came, self.bytes, self.ended = [], [], None
        self.file = self.stream.makefile("rb")
        head = self.file.read(7)
        self.file.read(head[6])

    def frame(self):
        (length,) = struct.unpack(">I", self.file.read(4))
        frame = self.file.read(length)
        if frame[0] & 127 == 2:
            self.came.append(time.monotonic())
            self.bytes.append(length + 4)
        if frame[0] & 127 == 5:
            self.ended = frame[2:].decode()

    def run(self):
        try:
            while True:
                self.frame()
        except (struct.error, OSError, ValueError):
            pass

    def start(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self


class Collector:
    def __init__(self, work, *more):
        self.path = str(work / "t.sock")
        log = work / "collect.log"
        with open(log, "w") as out:
            words = [TOPTALK, "collect", "-b", "127.0.0.1", "-p", PORT, "--socket", self.path, *more]
            env = {**os.environ, "TOPTALK_NO_STATE": "true"}
            self.process = subprocess.Popen([str(word) for word in words], stdout=out, stderr=out, env=env)
        while not re.search("screens attach", log.read_text()):
            if self.process.poll() is not None:
                sys.exit(log.read_text())
            time.sleep(0.01)

    def cpu(self, name):
        """Seconds of CPU of the threads of this name."""
        ticks = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text().strip() == name:
                ticks += sum(map(int, (task / "stat").read_text().rsplit(")", 1)[1].split()[11:13]))
        return ticks / TICK

    def rss(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1000

    def health(self):
        done = subprocess.run([TOPTALK, "top", "--socket", self.path, "-o", "json", "-n", "1"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def loss(self):
        health = self.health()
        lost = sum(exporter["lost"] for exporter in health["exporters"])
        flows = sum(exporter["flows"] for exporter in health["exporters"])
        return f"flows {flows}, lost {lost}, dropped {health['dropped']}"

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def load(args, seconds):
    words = ["--port", PORT, "--rate", args.rate, "--seconds", seconds, "--hosts", args.hosts,
             "--conversations", args.conversations]
    return subprocess.Popen([str(LOAD), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def first(collector):
    screen = Screen(collector.path, (4, "", TALKERS))
    while not screen.came:
        screen.frame()
    print(f"first full screen, last hour: {(screen.came[0] - screen.began) * 1000:.0f} ms, {screen.bytes[0]} bytes")
    screen.stream.close()


def screens(collector, args):
    sender = load(args, args.seconds + 15)
    time.sleep(10)
    first(collector)
    shown = [Screen(collector.path, view).start() for view in VIEWS[: args.screens]]
    time.sleep(3)
    began, cpu, attach = time.monotonic(), collector.cpu("answers"), collector.cpu("attach")
    marks = [len(screen.came) for screen in shown]
    time.sleep(args.seconds)
    took = time.monotonic() - began
    cpu, attach = collector.cpu("answers") - cpu, collector.cpu("attach") - attach
    print(f"{len(shown)} screens for {took:.0f} s: answers {cpu / took:.3f} cores, sockets {attach / took:.3f} cores")
    for screen, mark, (window, text, subject) in zip(shown, marks, VIEWS):
        gaps = [b - a for a, b in zip(screen.came[mark:], screen.came[mark + 1 :])] or [0]
        what = ["10s", "1m", "5m", "15m", "1h"][window] + (" ports" if subject == GROUPS else " hosts")
        print(f"  {what} {text or 'all':22} every {statistics.median(gaps):.2f} s (longest {max(gaps):.2f}), "
              f"{statistics.median(screen.bytes):.0f} bytes {screen.ended or ''}")
    sender.wait()
    time.sleep(1)
    first(collector)
    print(collector.loss(), f"RSS {collector.rss():.0f} MB")


def harm(path, kind, until):
    """One bad client after the other."""
    chance = random.Random(kind)
    while time.monotonic() < until:
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.connect(path)
            if kind % 4 == 0:
                stream.sendall(chance.randbytes(chance.randrange(1, 100_000)))
            elif kind % 4 == 1:
                stream.sendall(HELLO + chance.randbytes(chance.randrange(1, 1_000)))
                time.sleep(0.05)
            elif kind % 4 == 2:
                stream.sendall(HELLO[: chance.randrange(len(HELLO))])
                time.sleep(chance.uniform(0.1, 10))
            else:
                # Asks and never reads.
                stream.sendall(HELLO + watch(1, f"port {kind}", TALKERS, 1_000))
                time.sleep(chance.uniform(1, 40))
        except OSError:
            pass
        stream.close()
        time.sleep(0.02)


def hostile(collector, args):
    sender = load(args, args.seconds + 10)
    time.sleep(5)
    good = Screen(collector.path, (1, "", TALKERS)).start()
    time.sleep(12)
    before, until = collector.rss(), time.monotonic() + args.seconds
    mark = len(good.came)
    bad = [threading.Thread(target=harm, args=(collector.path, kind, until), daemon=True) for kind in range(args.bad)]
    cpu = collector.cpu("answers"), collector.cpu("attach")
    for thread in bad:
        thread.start()
    sizes = []
    while time.monotonic() < until:
        time.sleep(2)
        sizes.append(collector.rss())
    cpu = [(collector.cpu(name) - was) / args.seconds for name, was in zip(("answers", "attach"), cpu)]
    gaps = [b - a for a, b in zip(good.came[mark:], good.came[mark + 1 :])]
    print(f"{args.bad} bad connections for {args.seconds} s: answers {cpu[0]:.3f} cores, sockets {cpu[1]:.3f} cores")
    print(f"the good screen: every {statistics.median(gaps):.2f} s, longest {max(gaps):.2f} s {good.ended or ''}")
    marks = [f"{sizes[len(sizes) * part // 5 - 1]:.0f}" for part in range(1, 6)]
    print(f"RSS before {before:.0f} MB, at every fifth of the time {' '.join(marks)} MB")
    sender.wait()
    for thread in bad:
        thread.join(0.1)
    time.sleep(1)
    print(collector.loss())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["screens", "hostile"])
    parser.add_argument("--rate", type=int, default=300_000)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--hosts", type=int, default=100_000)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--screens", type=int, default=16)
    parser.add_argument("--bad", type=int, default=200, help="bad connections; 0 to compare with")
    args = parser.parse_args()
    print(f"{args.rate} flows/s, {args.hosts} hosts, {args.conversations} conversations")
    with tempfile.TemporaryDirectory() as work:
        collector = Collector(pathlib.Path(work))
        try:
            {"screens": screens, "hostile": hostile}[args.what](collector, args)
        finally:
            collector.end()


if __name__ == "__main__":
    main()
