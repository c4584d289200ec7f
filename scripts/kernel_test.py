#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Runs the tests on a kernel tree's own mm/zsmalloc.c, built in userspace on
compat: the conformance suite, then the differential against ours. See
docs/kernel-testing.md. Started by scripts/kernel-test, which installs what is
needed."""
import csv
import fcntl
import os
import re
import shutil
import signal
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left in the tree
sys.argv[0] = "kernel-test"  # in messages

import kernel_crash
import kernel_debian
import kernel_findings
import kernel_lab
import kernel_options
import kernel_patch
import kernel_series
import kernel_simulate
import kernel_tree
import kernel_vendor
from bench_common import ROOT, die, run_main, say
from kernel_options import SANITIZERS
from kernel_run import (JOBS, end_on_signals, execute, execute_all,
                        run_children)
from kernel_tree import Tree

BUILD = ROOT / "build"
# Seconds after which a step is taken for hung: many times what it needs.
LIMIT = 300
LIMIT_PER_MILLION_OPS = 60
LIMIT_SANITIZED = 4  # times as much
PROGRAMS = ["uzs-conformance", "uzs-compare", "uzs-kernel-stress",
            "uzs-kernel-evict"]


# ---- the tree -----------------------------------------------------------------

def base_tree(args):
    """Where the files are: (directory, version, description)."""
    if args.tree:
        if not args.tree.is_dir():
            die(f"--tree {args.tree}: no such directory", 2)
        version = kernel_tree.kernel_version(args.tree) or args.tree.name
        return args.tree, version, f"Linux {version} ({args.tree})"
    if args.source and not args.debian:
        # mm/zsmalloc.c: the tree is two up
        tree = args.source.resolve().parent.parent
        if args.source.is_file() and (tree / kernel_tree.HEADER).is_file():
            version = kernel_tree.kernel_version(tree) or tree.name
            return tree, version, f"Linux {version} ({tree})"
        die(f"--source {args.source}: not in a kernel tree; give --tree or "
            "--debian for the headers", 2)
    version = args.debian or "6.12"
    tree = BUILD / "kernel-trees" / f"debian-{version}"
    package = kernel_debian.extract(version, tree,
                                    kernel_tree.FILES + ["Makefile"])
    version = kernel_tree.kernel_version(tree) or version
    return tree, version, f"Linux {version} (Debian's {package})"


def prepare_tree(args, series=()):
    """The copy that is tested, in args.copy as soon as there is something to
    remove. Its name follows from what is asked for: the report has it. series:
    patches as (title, text)."""
    if args.source and not args.source.is_file():
        die(f"--source {args.source}: no such file", 2)
    base, version, description = base_tree(args)
    changes = [p.stem for p in args.patch + args.cocci]
    if args.source:
        changes.insert(0, args.source.stem)
        description += f", with {args.source}"
    if args.series:
        changes.append(f"series-{len(series)}")
    label = "-".join([version] + changes)
    label = re.sub(r"[^A-Za-z0-9._+-]", "_", label)
    copy = BUILD / "kernel-trees" / f"work-{label}"
    args.copy = copy
    kernel_tree.copy_files(base, copy, args.source)
    for patch in args.patch:
        description += f", {patch}"
        others = kernel_patch.apply_patch(patch, copy)
        if others:
            say(f"{patch}: not for zsmalloc, left out: " + ", ".join(others))
    for title, text in series:
        kernel_patch.apply_text(title, text, copy)
    for cocci in args.cocci:
        description += f", {cocci}"
        kernel_tree.apply_cocci(cocci, copy)
    split = []
    if args.sanitize == "thread" and not args.tsan_unchanged:
        split = kernel_tree.split_bit_fields(copy)
    tree = Tree(copy, label, description.replace('"', ""))
    tree.compaction = not args.no_compaction
    tree.split = split
    return tree


# ---- building -----------------------------------------------------------------

def quietly(what, log, command):
    say(f"{what} ...")
    if execute(command, log):
        tail = log.read_text(errors="replace").splitlines()[-40:]
        print("\n".join(tail), file=sys.stderr)
        die(f"{what} failed; the whole output: {log}")


class Build:
    def __init__(self, args, tree, geometries, kind):
        self.kind = kind
        self.path = BUILD / ("kernel" + (f"-{kind}" if kind else ""))
        self.tree = tree
        options = [
            f"-DUZS_KERNEL_TREE={tree.path}",
            "-DUZS_KERNEL_GEOMETRIES=" + ";".join(
                f"{shift}:{chain}" for shift, chain in geometries),
            "-DCMAKE_BUILD_TYPE=" + ("Release" if not kind
                                     else "RelWithDebInfo"),
            "-DUZS_SANITIZE=" + (kind if kind in SANITIZERS else ""),
            "-DUZS_CHECKED=" + ("ON" if kind == "checked" else "OFF"),
            "-DUZS_WERROR=" + os.environ.get("UZS_WERROR", "OFF"),
            "-DUZS_BUILD_TESTS=ON",
        ]
        name = self.path.name
        if not (self.path / "CMakeCache.txt").exists():
            options += ["-G", "Ninja"]  # builds targets side by side
        quietly(f"configuring {name}", BUILD / f"logs/{name}-configure.log",
                ["cmake", "-S", ROOT, "-B", self.path] + options)
        self.targets = [self.name(s, c) for s, c in geometries]

    def name(self, shift, chain):
        return f"kernel-{1 << shift}-{chain}"

    def make(self, targets):
        name = self.path.name
        quietly(f"building {name}", BUILD / f"logs/{name}-build.log",
                ["cmake", "--build", self.path, "-j",
                 str(JOBS), "--target", *targets])

    def subject(self, shift, chain):
        return self.path / "kernel" / f"{self.name(shift, chain)}.so"

    def program(self, name):
        return self.path / name


def suppressions(build):
    """The file of what ThreadSanitizer is known to say of the kernel's."""
    names = ["tsan.supp"]
    if build.tree.has("set_zspage_mapping") and build.tree.split:
        names.append("tsan-mapping.supp")
    if build.tree.has("bit_spin_lock"):
        names.append("tsan-pin.supp")
    if build.tree.evicts:
        names.append("tsan-reclaim.supp")
    path = build.path / "kernel-tsan.supp"
    path.write_text("".join((ROOT / "kernel" / n).read_text() for n in names))
    return path


def quoted(path):
    """As a sanitizer's options take it, with blanks and colons."""
    mark = '"' if "'" in str(path) else "'"
    return f"{mark}{path}{mark}"


def environment(build):
    """What a step's environment has beside ours."""
    env = {}
    kind = build.kind
    if kind:
        env["UZS_TEST_SCALE"] = os.environ.get("UZS_TEST_SCALE", "20")
    if kind == "thread":
        env["TSAN_OPTIONS"] = (
            "halt_on_error=1:history_size=7:suppressions="
            + quoted(suppressions(build)))
    elif kind == "address":
        env["ASAN_OPTIONS"] = "detect_leaks=1"
    elif kind == "undefined":
        env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    return env


# ---- running ------------------------------------------------------------------

class Step:
    """One thing that was run, for the report."""

    def __init__(self, name, log):
        self.name = name
        self.log = log
        self.good = False
        self.crashed = False
        self.killed = False  # from outside
        self.note = ""
        self.seconds = 0.0
        self.repeat = ""
        self.variables = {}


def time_limit(build, ops="0"):
    """Seconds for a step with so many operations of the differential."""
    number = int(ops.rstrip("KM")) * {"K": 1000, "M": 1000000}.get(ops[-1], 1)
    limit = LIMIT + number * LIMIT_PER_MILLION_OPS // 1000000
    return limit * (LIMIT_SANITIZED if build.kind in SANITIZERS else 1)


def run_all(steps, build, named, env=None, limit=None):
    """Steps as (name, command), side by side. Returns (step, text) of each."""
    variables = environment(build)
    variables.update(env or {})
    limit = limit or time_limit(build)
    done, jobs = [], []
    for name, command in named:
        say(f"{name} ...")
        step = Step(name, BUILD / "logs" / (
            "kernel-test-" + re.sub(r"[^a-z0-9]+", "-", name) + ".log"))
        step.repeat = kernel_crash.repeat(command, variables)
        step.variables = variables
        done.append(step)
        jobs.append((command, step.log, {**os.environ, **variables}))
    for step, child in zip(done, run_children(jobs, limit)):
        status, step.seconds = child.status, child.seconds
        step.good = status == 0
        if status is None:
            step.note = f"no end after {limit} s: a deadlock?"
        elif status < 0:
            step.crashed = True
            step.note = f"killed by signal {-status}"
            step.killed = -status == signal.SIGKILL
            if step.killed:
                step.note += ", perhaps for want of memory"
    steps += done
    return [(step, step.log.read_text(errors="replace")) for step in done]


def run(steps, name, build, command, env=None, limit=None):
    return run_all(steps, build, [(name, command)], env, limit)[0]


def conformance(steps, build, geometries):
    """Most of its tests have one thread."""
    for step, text in run_all(steps, build, [
            (f"conformance, {1 << shift} byte pages, chain {chain}",
             [build.program("tests/conformance/uzs-conformance"), "--subject",
              build.subject(shift, chain)]) for shift, chain in geometries]):
        summary = re.findall(r"(?m)^\d+ tests?\b.*$", text)
        if summary and not step.note:
            step.note = summary[-1]


def stress(steps, build, geometries, args, where=""):
    for shift, chain in geometries:
        step, text = run(
            steps, f"stress, {1 << shift} byte pages, chain {chain}{where}",
            build,
            [build.program("kernel/uzs-kernel-stress"), "--seed",
             str(args.seed), build.subject(shift, chain)])
        if step.good and text:
            step.note = text.splitlines()[0]


def evict(steps, build, geometries, args):
    """Reclaim through zpool, where the file has it."""
    if not build.tree.evicts:
        return
    for shift, chain in geometries:
        step, text = run(
            steps, f"reclaim, {1 << shift} byte pages, chain {chain}", build,
            [build.program("kernel/uzs-kernel-evict"), "--seed",
             str(args.seed), build.subject(shift, chain)])
        if step.good and text:
            step.note = text.splitlines()[0]


def differential(steps, build, geometries, args, traces):
    if build.tree.groups != 12:
        return []  # the report says so
    command = [build.program("tests/conformance/uzs-compare"), "--csv", "--ops", args.ops,
               "--seed", str(args.seed), "--jobs", str(JOBS),
               "--move-pages", "2000", "--output", traces]
    for shift, chain in geometries:
        command += ["--subject", build.subject(shift, chain)]
    step, text = run(steps, "differential against ours", build, command,
                     limit=time_limit(build, args.ops))
    cells = list(csv.DictReader(
        line for line in text.splitlines()
        if kernel_findings.CSV_LINE.match(line)))
    ops = sum(int(c["ops"]) for c in cells)
    if step.good:
        step.note = kernel_findings.uneventful(cells, geometries)
        step.good = not step.note
    elif kernel_findings.shown_by(text):
        step.note, crash, again = kernel_findings.shown_by(text)
        step.crashed = True
        step.repeat = kernel_crash.repeat(again, step.variables,
                                          debugger=crash)
    step.note = step.note or (f"{ops:,} operations" +
                              (", no mismatch" if step.good else ""))
    return cells


def own_locks(steps, build, geometry, lines, text):
    """The same two threads with ours, whose class index lies in the obj word as
    in 7.3: lines that set the takings for each object side by side."""
    numbers = kernel_series.churn_numbers(text)
    build.make(["uzs_subject_own"])
    out = BUILD / "logs/kernel-test-locks-own.txt"
    out.unlink(missing_ok=True)
    _, own = run(
        steps, "two threads in the checked body, ours", build,
        [build.program("kernel/uzs-kernel-stress"), "--churn",
         build.path / "tests/conformance/subject_own.so"],
        {"UZS_LOCKSTAT": str(out),
         "UZS_SUBJECT": f"class-idx,{1 << geometry[0]},{geometry[1]}"})
    own_numbers = kernel_series.churn_numbers(own)
    if not (numbers and own_numbers and out.exists()):
        return []
    theirs, _ = kernel_series.locks_cells("\n".join(lines), numbers[0])
    ours = kernel_series.own_locks(out.read_text(), own_numbers[0])
    return ["taken for each object that was allocated and freed:",
            f"  the file         {theirs}", f"  ours, class-idx  {ours}"]


def lock_statistics(steps, args, tree, geometries):
    """Returns the text of the statistics, and what the two threads said."""
    build = Build(args, tree, geometries[:1], "checked")
    build.make(build.targets + ["uzs-kernel-stress"])
    # Compaction, migration and the shrinker take locks in their order too.
    stress(steps, build, geometries[:1], args, " in the checked body")
    out = BUILD / "logs/kernel-test-locks.txt"
    out.unlink(missing_ok=True)
    step, text = run(
        steps, "two threads in the checked body", build,
        [build.program("kernel/uzs-kernel-stress"), "--churn",
         build.subject(*geometries[0])], {"UZS_KERNEL_LOCKSTAT": str(out)})
    if out.exists() and out.stat().st_size:
        # without the histograms
        lines = [line for line in out.read_text().splitlines()
                 if not line.startswith("  ")]
        lines += own_locks(steps, build, geometries[0], lines, text)
        return "\n".join(lines + [f"with histograms: {out}"]), text
    step.good = False
    step.note = step.note or "no lock statistics"
    return "", text


def churn_times(steps, build, geometry):
    """How long the two threads need for an object, several times, without
    checks."""
    build.make([build.name(*geometry) + "-bench"])
    subject = build.path / "kernel" / f"{build.name(*geometry)}-bench.so"
    times = []
    for n in range(5):
        _, text = run(steps, f"two threads, run {n + 1}", build,
                      [build.program("kernel/uzs-kernel-stress"), "--churn",
                       subject])
        times += [kernel_series.churn_numbers(text)[1]] \
            if kernel_series.churn_numbers(text) else []
    return times


def lab_rows(args, tree, build, chain):
    """Rows of both programs, the second only if the first finds nothing; and
    how to see a finding again."""
    rows = []
    for kind in kernel_lab.KINDS:
        build.make([kernel_lab.name(chain, kind)])
        rows += kernel_lab.explore(args, build, chain, kind, execute_all,
                                   BUILD / f"logs/kernel-test-lab-{kind}{chain}.log")
        found = [r for r in rows if r["found"] != "nothing"]
        if found:
            kept = kernel_lab.keep_program(build, chain, kind, tree)
            return rows, [kernel_lab.findings_text(kept, found)]
    return rows, []


def measure(args, row, patches):
    """One row of --series."""
    args.copy = None
    tree = prepare_tree(args, patches)
    row.told = tree.told
    prepare_build(args, tree)
    geometry = (args.page_shifts[0], args.chain_sizes[0])
    steps = []
    if (kernel_lab.PAGE_SHIFT, geometry[1]) == geometry:
        kernel_lab.write_unwatched(tree)
    build = Build(args, tree, [geometry], "")
    build.make(build.targets + PROGRAMS)
    traces = BUILD / "kernel-traces"
    traces.mkdir(parents=True, exist_ok=True)
    conformance(steps, build, [geometry])
    stress(steps, build, [geometry], args)
    evict(steps, build, [geometry], args)
    differential(steps, build, [geometry], args, traces)
    row.cells["ns"] = kernel_series.time_cell(
        churn_times(steps, build, geometry))
    keep = False
    if geometry[0] == kernel_lab.PAGE_SHIFT:
        rows, notes = lab_rows(args, tree, build, geometry[1])
        row.cells["lab"] = kernel_series.lab_cell(rows)
        row.notes += notes
        keep = bool(notes)
        row.failed |= keep
    statistics, said = lock_statistics(steps, args, tree, [geometry])
    numbers = kernel_series.churn_numbers(said)
    if statistics and numbers:
        row.cells["locks for each object"], row.cells["under lock"] = \
            kernel_series.locks_cells(statistics, numbers[0])
    row.cells["tests"] = kernel_series.tests_cell(steps)
    row.failed |= any(not s.good for s in steps)
    row.notes += [f"{s.name} FAILED; from {s.log}:\n" + "\n".join(
        "  " + line for line in kernel_crash.name_frames(
            kernel_findings.excerpt(s.log))) for s in steps if not s.good]
    if not keep:
        shutil.rmtree(args.copy, ignore_errors=True)


# ---- the report ---------------------------------------------------------------

def report(tree, build, steps, cells, locks, args):
    print(f"kernel-test: {kernel_tree.SOURCE} of {tree.description}")
    print("\n".join("  " + line for line in tree.lines()))
    if args.sanitize:
        print(f"  everything built with -fsanitize={args.sanitize}"
              + (f"; words of their own for {', '.join(tree.split)} in struct "
                 "zspage (kernel/README.md)" if tree.split else ""))
    print()
    rows = [["step", "result", "seconds", ""]]
    for s in steps:
        rows.append([s.name, "passed" if s.good else "FAILED",
                     f"{s.seconds:.1f}", s.note])
    width = [max(len(r[i]) for r in rows) for i in range(4)]
    for r in rows:
        print(f"{r[0]:{width[0]}}  {r[1]:{width[1]}}  {r[2]:>{width[2]}}  "
              f"{r[3]}".rstrip())
    if tree.groups != 12:
        print(f"\nNo differential: with {tree.groups} fullness groups objects "
              "are placed elsewhere than by ours.\nThe conformance suite "
              "compares them with its model as far as they agree.")
    if cells:
        print("\ndifferential: page size, chain size, operations, states "
              "compared, pages freed by compaction, pages migrated")
        for c in cells:
            print("  {page_size:>6} {chain_size:>3} {ops:>12} "
                  "{states_compared:>12} {pages_compacted:>10} "
                  "{pages_moved:>8}".format(**c))
    if locks:
        print("\n" + locks.rstrip())
    failed = [s for s in steps if not s.good]
    for s in failed:
        print(f"\n{s.name} FAILED; from {s.log}:")
        lines = kernel_findings.excerpt(s.log) or ["no output"]
        if lines == ["no output"] and s.crashed and not s.killed \
                and not args.sanitize:
            lines = ["no output; run it with --sanitize address"]
        print("\n".join("  " + line
                        for line in kernel_crash.name_frames(lines)))
        if s.crashed:
            print(f"  again: {s.repeat}")
    print()
    if failed:
        print(f"FAILED: {len(failed)} of {len(steps)} steps")
    else:
        print(f"passed: {len(steps)} steps, "
              f"{sum(s.seconds for s in steps):.0f} s")
    return 1 if failed else 0


def only_one():
    """Waits until no other run uses the build directories. Returns the lock,
    which the end of the process gives back."""
    BUILD.mkdir(exist_ok=True)
    lock = open(BUILD / "kernel.lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another kernel-test runs; waiting")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def main():
    args = kernel_options.arguments()
    args.copy = None
    end_on_signals()
    lock = only_one()
    keep = args.keep
    try:
        status = test(args)
        keep = args.keep or args.build_only
    finally:
        if args.copy and not keep:
            shutil.rmtree(args.copy, ignore_errors=True)
        elif args.keep and args.copy:
            print(f"the copy that was tested: {args.copy}")
        lock.close()
    return status


def explore(args, tree):
    chains = kernel_lab.chain_sizes(args, tree)
    kernel_lab.write_unwatched(tree)
    build = Build(args, tree, [(kernel_lab.PAGE_SHIFT, c) for c in chains], "")
    if args.build_only:
        build.make(kernel_lab.targets(chains))
        for target in kernel_lab.targets(chains):
            print(build.program("lab/" + target))
        return 0
    status, wanted = kernel_lab.run(args, tree, build, chains, execute_all,
                                    BUILD / "logs")
    args.keep = args.keep or wanted
    return status


def simulate(args):
    def prepare(of):
        tree = prepare_tree(of)
        prepare_build(of, tree)
        return tree

    def make(of, tree, chain, targets):
        build = Build(of, tree, [(kernel_lab.PAGE_SHIFT, chain)], "")
        build.make(targets)
        return build

    return kernel_simulate.simulate(args, prepare, make,
                                    BUILD / "kernel-simulate")


def prepare_build(args, tree):
    """Writes what the build needs of a tree; ends if it cannot be built."""
    tree.write_config()
    kernel_vendor.add_stubs(tree, args)
    kernel_tree.check(tree)
    if tree.fixed_chain:
        if args.chain_size is not None and \
                args.chain_sizes != [tree.fixed_chain]:
            say(f"this version's chain size is {tree.fixed_chain}")
        args.chain_sizes = [tree.fixed_chain]


def test(args):
    if args.series:
        if args.page_size == kernel_options.PAGE_SIZES_DEFAULT:
            args.page_shifts = [kernel_lab.PAGE_SHIFT]
        if args.chain_size is None:
            args.chain_sizes = [kernel_lab.CHAIN_SIZE]
        return kernel_series.run(args, lambda row, patches: measure(
            args, row, patches))
    if args.simulate:
        return simulate(args)
    tree = prepare_tree(args)
    prepare_build(args, tree)
    if args.lab:
        return explore(args, tree)
    geometries = [(s, c) for s in args.page_shifts for c in args.chain_sizes]

    build = Build(args, tree, geometries, args.sanitize or "")
    status = 0
    if args.build_only:
        bench = [name + "-bench" for name in build.targets]
        programs = ["uzs-conformance", "uzs-compare"]
        build.make(build.targets + bench + programs)
        for name in build.targets + bench:
            print(build.path / "kernel" / f"{name}.so")
        for name in programs:
            print(build.program(f"tests/conformance/{name}"))
    else:
        build.make(build.targets + PROGRAMS)
        traces = BUILD / "kernel-traces"
        traces.mkdir(parents=True, exist_ok=True)
        steps = []
        conformance(steps, build, geometries)
        stress(steps, build, geometries, args)
        evict(steps, build, geometries, args)
        cells = differential(steps, build, geometries, args, traces)
        locks = ""
        if args.locks:
            locks, _ = lock_statistics(steps, args, tree, geometries)
        status = report(tree, build, steps, cells, locks, args)
    return status


if __name__ == "__main__":
    run_main(main)
