# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""What the scripts that run benchmarks share: telling, building the program,
facts of the machine, tables, files of results. Needs python3's standard
library only."""
import argparse
import csv
import errno
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
NAME = Path(sys.argv[0]).name


def say(message):
    print(f"{NAME}: {message}", file=sys.stderr, flush=True)


def die(message, status=1):
    say(message)
    sys.exit(status)


def progress(text=""):
    """Shows what is being done, if somebody looks. Without text: no more."""
    if sys.stderr.isatty():
        print("\r\033[K" + text, end="", file=sys.stderr, flush=True)


def run_main(main, interrupted="interrupted"):
    """Calls main() and ends with its status. What cannot be written to stdout
    is one line, and a status."""
    try:
        if sys.stdout is None:
            die("cannot write the output: stdout is closed")
        try:
            status = main()
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
    except KeyboardInterrupt:
        die(interrupted, 130)
    except OSError as error:
        if error.filename:
            die(f"{error.filename}: {error.strerror}")
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EBADF):
            die(error.strerror or error)
        # What is left of it is not to be tried again at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        die(f"cannot write the output: {error.strerror}")
    sys.exit(status)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        die(f"{message} (see {NAME} --help)", 2)

    def print_help(self, file=None):
        # argparse's own does not mind when it cannot be written.
        (file or sys.stdout).write(self.format_help())


def find_program(program, path, preset="release", folder="bench"):
    """The program at path, or, without one, built."""
    if path:
        if not os.access(path, os.X_OK):
            die(f"{path}: no such program", 2)
        return Path(path).resolve()
    built = ROOT / "build" / preset / folder / program
    say(f"building {program} ({preset})")
    for command in (["cmake", "--preset", preset],
                    ["cmake", "--build", "--preset", preset,
                     "--target", program]):
        try:
            done = subprocess.run(command, cwd=ROOT, text=True,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        except FileNotFoundError:
            die("cmake is not installed")
        if done.returncode:
            sys.stderr.write(done.stdout)
            die("'" + " ".join(command) + "' failed")
    if not built.exists():
        die(f"{built.relative_to(ROOT)} was not built")
    return built


def sizes_path(name):
    path = ROOT / "tests/data/sizes" / (name + ".u16")
    if not path.exists():
        die(f"{path.relative_to(ROOT)}: no such file", 2)
    return path


def first_line(path):
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return "unknown"


def policy():
    """How this process, and what it starts, competes for the processors."""
    names = {"SCHED_FIFO": "real time (FIFO): before all that is not",
             "SCHED_RR": "real time (RR): before all that is not"}
    for name, meaning in names.items():
        if hasattr(os, name) and os.sched_getscheduler(0) == getattr(os, name):
            return meaning
    return "as usual"


def source():
    """Which version of the project this is."""
    try:
        git = subprocess.run(["git", "describe", "--always", "--dirty"],
                             cwd=ROOT, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return "unknown: no git here"
    return git.stdout.strip() or "not from git"


def machine():
    """(name, value) of what the figures depend on."""
    cpu = "unknown"
    memory = "unknown"
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    cpu = line.split(":", 1)[1].strip()
                    break
        with open("/proc/meminfo") as file:
            memory = f"{int(file.readline().split()[1]) / MIB:.1f} GiB"
    except (OSError, ValueError, IndexError):
        pass
    return [
        ("CPU", cpu),
        ("cores", str(os.cpu_count())),
        ("memory", memory),
        ("architecture", platform.machine()),
        ("kernel", platform.system() + " " + platform.release()),
        ("C library", " ".join(platform.libc_ver())),
        ("transparent huge pages",
         first_line("/sys/kernel/mm/transparent_hugepage/enabled")),
        ("CPU governor", first_line(
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        ("load average before", first_line("/proc/loadavg").rsplit(" ", 2)[0]),
        ("scheduling", policy()),
        ("date", time.strftime("%Y-%m-%d", time.gmtime())),
        ("source", source()),
    ]


def table(header, rows):
    """Markdown, aligned so that it reads as text too."""
    cells = [header] + rows
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for number, row in enumerate(cells):
        lines.append("| " + " | ".join(
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))) + " |")
        if not number:
            lines.append("|" + "|".join(
                "-" * (width + 2) if not i else "-" * (width + 1) + ":"
                for i, width in enumerate(widths)) + "|")
    return "\n".join(lines)


def three(values, digits):
    return "{:.{d}f} {:.{d}f} {:.{d}f}".format(
        min(values), statistics.median(values), max(values), d=digits)


def unique(rows, name):
    return list(dict.fromkeys(row[name] for row in rows))


def write_csv(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]),
                                lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def check_cpus(parser, cpus):
    """--cpus N: not more than there are."""
    here = len(os.sched_getaffinity(0))
    if cpus < 2:
        parser.error(f"--cpus {cpus}: at least 2")
    if cpus > here:
        parser.error(f"--cpus {cpus}: this process may use {here}")


def thread_counts(cpus):
    """1, 2, 4 and so on, up to the CPUs there are."""
    counts = [1 << i for i in range(cpus.bit_length()) if 1 << i < cpus]
    return counts + [cpus]


def out_directory(out, quick, facts, cpus=2):
    """Where results go: what was asked for, or a place named by day and CPU,
    and by how many CPUs, if these are more than two.
    """
    if out:
        return Path(out)
    cpu = re.sub(r"[^a-z0-9]+", "-", dict(facts)["CPU"].lower()).strip("-")
    name = (dict(facts)["date"] + "-" + cpu
            + (f"-{cpus}-cpus" if cpus > 2 else "")
            + ("-quick" if quick else ""))
    return ROOT / "bench/results" / name
