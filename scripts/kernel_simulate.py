# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""The step of scripts/kernel-test that --simulate asks for: a kernel tree's
mm/zsmalloc.c in virtual time, before and after a change, with ours beside it
(docs/lab-simulation.md). Needs python3's standard library and addr2line."""
import copy
import csv
import io
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import kernel_debian
import kernel_tree
from bench_common import die, say, table
from kernel_lab import CHAIN_SIZE, PAGE_SHIFT
from lab_published import PLATFORMS, few_sizes, off, published

# What a work is for the simulator; objects of a process, and processes, if not
# asked for.
WORKS = {
    "release": ["--work", "release", "--objects", "1000"],
    "churn": ["--work", "replace", "--objects", "256", "--warm-up", "8",
              "--rounds", "4"],
    "read": ["--work", "read", "--objects", "256"],
    "exit": ["--work", "release", "--objects", "8192", "--processes", "8",
             "--defer", "none,percpu"],
}
OURS = "held,class-idx"
FILES = {"--csv-file": "table.csv", "--breakdown-csv": "breakdown.csv",
         "--svg": "curves.svg", "--flame": "flame.svg",
         "--html": "report.html"}
LONGEST_NAME = 31


def target(chain):
    return f"sim-kernel-{1 << PAGE_SHIFT}-{chain}"


def geometry(args, tree):
    """The chain size. The tables of costs and ours are for pages of 4 KiB."""
    if PAGE_SHIFT not in args.page_shifts:
        die("--simulate: for --page-size 4K", 2)
    if tree.fixed_chain:
        return tree.fixed_chain
    if args.chain_size is None:
        return CHAIN_SIZE
    if len(args.chain_sizes) > 1:
        die("--simulate: one --chain-size", 2)
    return args.chain_sizes[0]


def variants(args):
    """What is compared, each as the arguments that its tree is made from."""
    changed = args.patch or args.cocci
    if not changed and not args.against:
        return [args]
    before = copy.copy(args)
    before.patch, before.cocci = [], []
    after = copy.copy(args)
    if args.against:
        after.debian = after.tree = after.source = None
        if args.against in kernel_debian.SUITES:
            after.debian = args.against
        elif Path(args.against).is_dir():
            after.tree = Path(args.against)
        elif Path(args.against).is_file():
            after.source = Path(args.against)
        else:
            die(f"--against {args.against}: no directory, no file, and none "
                "of " + ", ".join(kernel_debian.SUITES), 2)
    return [before, after]


def short_name(label, taken):
    """As the simulator takes it, and unlike the others."""
    name = re.sub(r"[=,\"<>&\s]", "_", label)[:LONGEST_NAME]
    number = 2
    while name in taken:
        name = f"{name[:LONGEST_NAME - 3]}-{number}"
        number += 1
    return name


def build_variants(args, prepare, make, out):
    """Builds each as a shared object in the directory. prepare(args) makes a
    tree, make(args, tree, chain, targets) builds them and returns the build.
    Returns [(name, tree, object)] and the simulator."""
    built, program = [], None
    out.mkdir(parents=True, exist_ok=True)
    for of in variants(args):
        of.copy = None
        try:
            tree = prepare(of)
            chain = geometry(of, tree)
            build = make(of, tree, chain, [target(chain), "uzs-lab-simulate"])
            name = short_name(tree.label, [b[0] for b in built])
            path = out / f"{name}.so"
            shutil.copy2(build.program(f"lab/{target(chain)}.so"), path)
            built.append((name, tree, path))
            program = build.program("tools/uzs-lab-simulate")
        finally:
            if of.copy and not args.keep:
                shutil.rmtree(of.copy, ignore_errors=True)
    return built, program


def options(args, built, work):
    """The simulator's, from ours."""
    command = [w for name, _, path in built
               for w in ("--kernel", f"{name}={path}")]
    command += ["--scope", OURS, *WORKS[work]]
    if not args.bus_queue:
        command.append("--bus-slots")
    if args.workers:
        command += ["--defer", "none"]
    command += ["--cpus", args.cpus, "--costs", args.costs]
    for name, value in (("--processes", args.processes),
                        ("--objects", args.objects), ("--fill", args.fill),
                        ("--workers", args.workers)):
        if value:
            command += [name, value]
    for setting in args.set:
        command += ["--set", setting]
    if args.sizes:
        command += ["--sizes", args.sizes]
    return command


def run(command, capture=False):
    done = subprocess.run([str(c) for c in command], text=True,
                          stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE if capture else None)
    if done.returncode:
        die(f"the simulation ended with {done.returncode}")
    return done.stdout


def compare_published(args, built, program):
    """The first file and the last against what was published of the change
    between 7.2 and 7.3 (scope class-idx without deferral)."""
    lines = []
    with tempfile.TemporaryDirectory() as work:
        for costs, platform in PLATFORMS.items():
            rows = [r for r in published()
                    if (r["platform"], r["scope"], r["defer"])
                    == (platform.name, "class-idx", "none")]
            if not rows:
                continue
            say(f"simulating {costs}")
            some = copy.copy(args)
            some.costs, some.cpus = costs, str(platform.cpus)
            some.processes = ",".join(r["processes"] for r in rows)
            some.objects = str(int(rows[0]["mib"]) * 256)
            some.fill, some.sizes = "apart", few_sizes(work)
            text = run([program, *options(some, built, "release"), "--csv"],
                       True)
            got = {(r["processes"], r["scope"]): float(r["call_ns"]) / 1e6
                   for r in csv.DictReader(io.StringIO(text))}
            for row in rows:
                of = row["processes"]
                want = float(row["before"]) / float(row["after"])
                first, last = got[of, built[0][0]], got[of, built[-1][0]]
                ours = got[of, "held"] / got[of, "class-idx"]
                lines.append([f"{platform.name}, {of} x {row['mib']} MiB",
                              f"{float(row['before']):.1f}",
                              f"{float(row['after']):.1f}", f"{want:.2f}",
                              f"{first:.1f}", f"{last:.1f}",
                              f"{first / last:.2f}", off(first / last, want),
                              f"{ours:.2f}"])
    print(f"{built[0][0]} and {built[-1][0]} in virtual time, and what the "
          "authors of the series published.\n")
    print(table(["processes", "before ms", "after", "ratio", "virtual before",
                 "after", "ratio", "ratio off", "ours"], lines))


def simulate(args, prepare, make, directory):
    """All of it. Returns the exit status."""
    built, program = build_variants(args, prepare, make, directory)
    for name, tree, _ in built:
        print(f"kernel-test: {kernel_tree.SOURCE} of {tree.description}, in "
              f"virtual time as {name}")
    print(flush=True)
    if args.published:
        if len(built) < 2:
            die("--published: with --against, --patch or --cocci", 2)
        compare_published(args, built, program)
        return 0
    files = args.output or directory
    files.mkdir(parents=True, exist_ok=True)
    command = options(args, built, args.work)
    run([program, *command, "--breakdown",
         *(str(w) for name, file in FILES.items()
           for w in (name, files / file))])
    print("\nfiles: " + ", ".join(FILES.values()) + f" in {files}")
    print("again: " + shlex.join([str(program), *command]))
    return 0
