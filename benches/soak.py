#!/usr/bin/env python3
"""A long run of `toptalk collect` under everything that happens to a service, on loopback.

    benches/soak.py run FOLDER --steps 3    # each step takes ten minutes; a later call goes on where this one ended
    benches/soak.py report FOLDER           # what the steps so far have shown

Twelve exporters (three each of NetFlow v5, v9, IPFIX and sFlow) send 10,000 flows/s in all. Slots are 5 s long, the
archive expires by size, two screens are attached, a query and `top` ask every 10 s, SIGHUP comes every minute, and in
the middle of each step the collector is killed with SIGKILL and started again at once, from the newest build. All
flows of a step carry the step's number in their destination port, so that what was recorded of a step is a query:
what is missing is the cost of the kill. Everything is appended to FOLDER/soak.ndjson.
"""

import argparse
import fcntl
import hashlib
import json
import multiprocessing
import os
import pathlib
import pty
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
PORT = int(os.environ.get("PORT", "34400"))
RATE, PER_DATAGRAM, TICK = 10_000, 20, 0.05
FIRST_TAG = 20_000
ELEMENTS = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (2, 4), (1, 4), (10, 2), (14, 2), (22, 4), (21, 4))
TEMPLATE = b"".join(struct.pack(">HH", *element) for element in ELEMENTS)
ETHERNET = bytes(12) + b"\x08\x00"


class Exporter:
    """One sender with an address of its own; counts as its protocol does."""

    def __init__(self, number):
        self.kind = ("v5", "v9", "ipfix", "sflow")[number % 4]
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((f"127.0.0.{11 + number}", 0))
        self.random = random.Random(number)
        self.tag, self.datagrams, self.flows, self.since_template = 0, 0, 0, 10 ** 9
        self.booted = time.time() - 86_400 if self.kind != "ipfix" else 0

    def addresses(self):
        number = self.random.randrange(5000)
        return bytes((10, 1, number >> 8, number & 255)), bytes((198, 51, 100, self.random.randrange(256)))

    def counters(self):
        packets = self.random.randrange(1, 60)
        return packets, packets * self.random.randrange(60, 1400)

    def send(self):
        now = time.time()
        datagram = getattr(self, self.kind)(now, int((now - self.booted) * 1000) & 0xFFFFFFFF)
        # Not connected: a datagram to a collector that is down is sent and lost, as on a network.
        self.socket.sendto(datagram, ("127.0.0.1", PORT))
        self.datagrams += 1
        self.flows += PER_DATAGRAM

    def v5(self, now, uptime):
        out = [struct.pack(">HHIIIIBBH", 5, PER_DATAGRAM, uptime, int(now), int(now % 1 * 1e9), self.flows, 0, 0, 0)]
        for _ in range(PER_DATAGRAM):
            source, destination = self.addresses()
            packets, octets = self.counters()
            out.append(source + destination + bytes(4) + struct.pack(
                ">HHIIIIHHBBBBHHBBH", 1, 2, packets, octets, uptime - self.random.randrange(1, 15_000), uptime,
                self.random.randrange(1024, 65536), self.tag, 0, 0, 6, 0, 0, 0, 24, 24, 0))
        return b"".join(out)

    def records(self, uptime):
        out = []
        for _ in range(PER_DATAGRAM):
            packets, octets = self.counters()
            out.append(b"".join(self.addresses()) + struct.pack(
                ">HHBIIHHII", self.random.randrange(1024, 65536), self.tag, 6, packets, octets, 1, 2,
                uptime - self.random.randrange(1, 15_000), uptime))
        return b"".join(out)

    def sets(self, template_set, uptime):
        body = b""
        self.since_template += 1
        if self.since_template > 400:
            self.since_template = 0
            body = struct.pack(">HHHH", template_set, 8 + len(TEMPLATE), 300, len(ELEMENTS)) + TEMPLATE
        data = self.records(uptime)
        data += bytes(-len(data) % 4)
        return body + struct.pack(">HH", 300, 4 + len(data)) + data, bool(body)

    def v9(self, now, uptime):
        body, with_template = self.sets(0, uptime)
        return struct.pack(">HHIIII", 9, PER_DATAGRAM + with_template, uptime, int(now), self.datagrams, 7) + body

    def ipfix(self, now, _):
        # Uptimes count from an initialisation time that the exporter never says: they are taken from the newest.
        body, _ = self.sets(2, int(now * 1000) & 0x7FFFFFFF)
        return struct.pack(">HHIII", 10, 16 + len(body), int(now), self.flows, 7) + body

    def sflow(self, _, uptime):
        agent = socket.inet_aton(self.socket.getsockname()[0])
        out = [struct.pack(">II4sIIII", 5, 1, agent, 0, self.datagrams, uptime, PER_DATAGRAM)]
        for number in range(PER_DATAGRAM):
            source, destination = self.addresses()
            length = self.random.randrange(60, 1400)
            packet = ETHERNET + struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, 6, 0) + source + destination
            packet += struct.pack(">HHIIHHHH", self.random.randrange(1024, 65536), self.tag, 0, 0, 0x5010, 0, 0, 0)
            header = packet + bytes(-len(packet) % 4)
            record = struct.pack(">IIIIII", 1, 16 + len(header), 1, length + 18, 4, len(packet)) + header
            count = self.flows + number + 1
            sample = struct.pack(">IIIIIIII", count, 1, 100, count * 100, 0, 1, 2, 1) + record
            out.append(struct.pack(">II", 1, len(sample)) + sample)
        return b"".join(out)


def sender(first, steps, seconds, result):
    """Sends at the rate, a tag after the other, and says after each how many flows of each kind went out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    exporters = [Exporter(number) for number in range(12)]
    began, turn = time.monotonic(), 0
    for step in range(steps):
        before = {exporter: exporter.flows for exporter in exporters}
        for exporter in exporters:
            exporter.tag = first + step
        while (passed := time.monotonic() - began) < seconds * (step + 1):
            while turn * PER_DATAGRAM < passed * RATE:
                exporters[turn % 12].send()
                turn += 1
            time.sleep(TICK)
        kinds = {}
        for exporter in exporters:
            kinds[exporter.kind] = kinds.get(exporter.kind, 0) + exporter.flows - before[exporter]
        result.put(kinds)


class Screen(threading.Thread):
    """An attached screen in a terminal of its own, read all the time; the longest silence is kept."""

    def __init__(self, program, path, size):
        super().__init__(daemon=True)
        self.silence, self.drawn, self.starts, self.going = 0.0, 0, 0, True
        self.words = [str(program), "--socket", path]
        self.size = size
        self.start()

    def run(self):
        while self.going:
            child, terminal = pty.fork()
            if child == 0:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *self.size, 0, 0))
                os.environ["TERM"] = "xterm-256color"
                os.execv(self.words[0], self.words)
            self.starts += 1
            last = time.monotonic()
            try:
                while self.going:
                    ready = select.select([terminal], [], [], 0.5)[0]
                    if ready and not os.read(terminal, 65536):
                        break
                    if ready:
                        self.drawn += 1
                        self.silence, last = max(self.silence, time.monotonic() - last), time.monotonic()
            except OSError:
                pass
            os.close(terminal)
            try:
                os.kill(child, signal.SIGTERM)
            except ProcessLookupError:
                pass
            os.waitpid(child, 0)


class Soak:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.archive, self.path = self.folder / "archive", str(self.folder / "t.sock")
        self.settings, self.log = self.folder / "toptalk.toml", self.folder / "collect.log"
        self.program = self.folder / "toptalk"
        self.env = {**os.environ, "TZ": "UTC", "TOPTALK_STATE": str(self.folder / "state"),
                    "TOPTALK_CONFIG": str(self.settings)}
        self.longest = {"query": 0.0, "top": 0.0}
        self.troubles = []

    def say(self, **what):
        line = json.dumps({"time": time.strftime("%H:%M:%S", time.gmtime()), **what})
        print(line, flush=True)
        with open(self.folder / "soak.ndjson", "a") as out:
            out.write(line + "\n")

    def lines(self):
        path = self.folder / "soak.ndjson"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def start(self):
        at = self.log.stat().st_size if self.log.exists() else 0
        began = time.monotonic()
        with open(self.log, "a") as out:
            self.process = subprocess.Popen(
                [self.program, "collect", "-b", "127.0.0.1", "-p", str(PORT), "-w", self.archive, "-t", "5",
                 "--socket", self.path, "--expire-size", "300M", "--metrics", str(PORT + 1)],
                stdout=out, stderr=out, env=self.env)
        while "listening" not in self.log.read_text()[at:]:
            if self.process.poll() is not None:
                sys.exit(self.log.read_text()[at:])
            time.sleep(0.005)
        return time.monotonic() - began

    def take_program(self):
        """A copy of the newest build, so that a build does not change a running program. A kill may be an upgrade."""
        fresh = self.folder / "toptalk.new"
        shutil.copy(BUILT / "toptalk", fresh)
        fresh.rename(self.program)
        self.version = hashlib.sha256(self.program.read_bytes()).hexdigest()[:8]

    def settle(self, turn):
        self.settings.write_text(f'[alerts]\nup = "{500 + turn % 9}M"\n')

    def usage(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        descriptors = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1000, descriptors

    def ask(self, kind, *words):
        began = time.monotonic()
        done = subprocess.run([self.program, kind, "--socket", self.path, *words], env=self.env, text=True,
                              capture_output=True)
        self.longest[kind] = max(self.longest[kind], time.monotonic() - began)
        if done.returncode:
            self.troubles.append(f"{kind}: exit {done.returncode}: {done.stderr.strip()[:300]}")
        return done.stdout

    def recorded(self, tag):
        # Without a socket of its own: what has come is in the archive when the collector has ended.
        text = self.ask("query", "-R", str(self.archive), "-I", "-o", "json", "--no-dedup", f"dst port {tag}")
        return json.loads(text)["flows"]

    def metrics(self):
        try:
            text = urllib.request.urlopen(f"http://127.0.0.1:{PORT + 1}/metrics", timeout=10).read().decode()
        except OSError as error:
            self.troubles.append(f"metrics: {error}")
            return {}
        bad = re.compile(r"^(\S*(?:shed|dropped|lost|missed|kernel)\S*) (\d+)(?:\.0)?$", re.M)
        return {name: int(value) for name, value in bad.findall(text) if int(value)}

    def asking(self, stop):
        while not stop.wait(10):
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
            self.ask("query", "-R", str(self.archive), "-s", "dstip/bytes", "-n", "10", f"first seen > {since}")
            if self.process.poll() is None:
                self.ask("top", "-o", "json", "-n", "10")

    def step(self, number, seconds, sent_flows):
        began, killed, dying = time.monotonic(), None, None
        self.longest = {"query": 0.0, "top": 0.0}
        for minute in range(1, seconds // 60 + 1):
            half = minute == (seconds // 60 + 1) // 2
            if half:
                time.sleep(max(0, began + 60 * minute - 30 - time.monotonic()))
                before = self.metrics()
                # Copied before the kill: on a busy disk a copy takes a second, and that is no cost of the kill.
                self.take_program()
                dying = time.monotonic()
                self.process.kill()
                self.process.wait()
                dying = time.monotonic() - dying
                killed = self.start()
            time.sleep(max(0, began + 60 * minute - time.monotonic()))
            self.settle(number + minute)
            self.process.send_signal(signal.SIGHUP)
            memory, descriptors = self.usage()
            size = sum(file.stat().st_size for file in self.archive.rglob("*") if file.is_file()) // 10 ** 6
            self.say(step=number, minute=minute, memory_mb=memory, descriptors=descriptors, archive_mb=size)
        sent = sent_flows.get()
        time.sleep(2)
        got = self.recorded(FIRST_TAG + number)
        total = sum(sent.values())
        self.say(step=number, done=True, sent=total, recorded=got, missing=total - got,
                 seconds_missing=round((total - got) / RATE, 3), restart_ms=round(killed * 1000),
                 dying_ms=round(dying * 1000), dropped_before_kill=before, dropped=self.metrics(),
                 longest={kind: round(value, 2) for kind, value in self.longest.items()},
                 version=self.version, troubles=self.troubles)
        self.troubles = []

    def run(self, steps, seconds):
        number = 1 + max((line["step"] for line in self.lines()), default=0)
        self.take_program()
        self.settle(0)
        self.start()
        screens = [Screen(self.program, self.path, size) for size in ((24, 80), (50, 160))]
        stop = threading.Event()
        asking = threading.Thread(target=self.asking, args=(stop,))
        asking.start()
        sent_flows = multiprocessing.Queue()
        multiprocessing.Process(target=sender, args=(FIRST_TAG + number, steps, seconds, sent_flows)).start()
        for _ in range(steps):
            self.step(number, seconds, sent_flows)
            number += 1
        stop.set()
        asking.join()
        for screen in screens:
            screen.going = False
            screen.join()
        self.process.terminate()
        self.say(step=number - 1, ended=self.process.wait(), screens_longest_silence=[
            round(screen.silence, 2) for screen in screens], screens_drawn=[screen.drawn for screen in screens],
            screens_started=[screen.starts for screen in screens])
        errors = [line for line in self.log.read_text().splitlines() if "ERROR" in line or "panic" in line]
        self.say(step=number - 1, errors_in_log=len(errors), some=errors[-5:])

    def report(self):
        done = [line for line in self.lines() if line.get("done")]
        minutes = [line for line in self.lines() if "minute" in line]
        for line in done:
            own = [minute for minute in minutes if minute["step"] == line["step"]]
            print(f"step {line['step']:>2} {line['version']}: sent {line['sent']}, recorded {line['recorded']}, "
                  f"missing {line['seconds_missing']} s, end {line.get('dying_ms', '?')} ms, start {line['restart_ms']} ms, memory "
                  f"{min(m['memory_mb'] for m in own)}-{max(m['memory_mb'] for m in own)} MB, descriptors "
                  f"{min(m['descriptors'] for m in own)}-{max(m['descriptors'] for m in own)}, longest query "
                  f"{line['longest']['query']} s, top {line['longest']['top']} s, troubles {len(line['troubles'])}")
        print(f"{len(minutes)} minutes, sent {sum(line['sent'] for line in done)}, recorded "
              f"{sum(line['recorded'] for line in done)}, {len(done)} kills cost at most "
              f"{max(line['seconds_missing'] for line in done)} s each")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=600, help="length of a step, in whole minutes")
    args = parser.parse_args()
    soak = Soak(args.folder)
    soak.run(args.steps, args.seconds) if args.what == "run" else soak.report()


if __name__ == "__main__":
    main()
