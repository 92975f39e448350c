#!/usr/bin/env python3
"""Counts what `toptalk demo` writes to an 80x24 terminal: bytes per second.

benches/terminal_bytes.py [SECONDS] [COLUMNS] [LINES]; build the release binary first.
"""
import fcntl, os, pty, select, signal, struct, sys, termios, time

seconds, columns, lines = (int(w) for w in (sys.argv[1:] + ["60", "80", "24"][len(sys.argv) - 1:]))
binary = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release", "toptalk")
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(LANG="C.UTF-8", TERM="xterm-256color")
    os.execv(binary, [binary, "demo", "--seed", "7"])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
counts, start = [], time.monotonic()
while (now := time.monotonic() - start) < seconds:
    if select.select([terminal], [], [], 0.2)[0]:
        counts.append((now, len(os.read(terminal, 65536))))
os.kill(pid, signal.SIGTERM)
_, _, usage = os.wait4(pid, 0)
first = sum(size for at, size in counts if at < 5)
rest = sum(size for at, size in counts if at >= 5)
print(f"{columns}x{lines}: {rest / (seconds - 5):.0f} bytes/s after the first 5 s ({first} bytes in those); "
      f"{(usage.ru_utime + usage.ru_stime) / seconds * 100:.1f} % CPU, {usage.ru_maxrss / 1000:.0f} MB RSS")
