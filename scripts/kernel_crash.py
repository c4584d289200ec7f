# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""What a step that died has left, for scripts/kernel-test's report: names of
functions for the addresses of a backtrace, and how to run it again. Needs
addr2line (binutils)."""
import re
import shlex
import subprocess
from pathlib import Path

# As backtrace_symbols_fd() of the C library writes a place in a file whose
# symbol is not exported.
FRAME = re.compile(r"^(?P<file>/\S+)\(\+(?P<offset>0x[0-9a-f]+)\)\s*\[\S+\]$")


def places(file, offset):
    """["function at file:line"], where functions are compiled into others one
    for each, the innermost first. The offset is that of the instruction after
    the call."""
    try:
        done = subprocess.run(
            ["addr2line", "-i", "-f", "-s", "-e", file,
             hex(int(offset, 16) - 1)],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = []
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    for function, where in zip(lines[::2], lines[1::2]):
        if function == "??":
            continue
        # The compiler's suffixes, and what addr2line adds.
        function = re.sub(r"\.(isra|part|constprop|cold)(\.\d+)?", "",
                          function)
        where = where.split(" ")[0]
        # "??:0" or ":?" where it is not known.
        known = where.split(":")[0].strip("?")
        found.append(f"{function} at {where}" if known else function)
    return found


def name_frames(lines):
    """The lines of a log, with places instead of addresses where known."""
    named = []
    for line in lines:
        frame = FRAME.match(line)
        names = places(frame["file"], frame["offset"]) if frame else []
        named += [f"    {name} ({Path(frame['file']).name})"
                  for name in names] or [line]
    return named


def repeat(command, env, debugger=True):
    """How to run a step again, as one line of a shell. env: what it had beside
    the environment."""
    words = [f"{name}={shlex.quote(value)}" for name, value in env.items()]
    return " ".join(words + ["gdb -ex run --args"] * debugger
                    + [shlex.quote(str(c)) for c in command])
