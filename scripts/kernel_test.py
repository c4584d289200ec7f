#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Runs the tests on a kernel tree's own mm/zsmalloc.c, built in userspace on
compat: the conformance suite, then the differential against ours. See
docs/kernel-testing.md. Started by scripts/kernel-test, which installs what is
needed."""
import argparse
import csv
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left in the tree
sys.argv[0] = "kernel-test"  # in messages

import kernel_crash
import kernel_debian
import kernel_findings
import kernel_lab
import kernel_patch
import kernel_tree
import kernel_vendor
from bench_common import ROOT, Parser, die, run_main, say
from kernel_tree import Tree

BUILD = ROOT / "build"
PAGE_SIZES = {"4K": 12, "8K": 13, "16K": 14, "32K": 15, "64K": 16}
SANITIZERS = ["address", "undefined", "thread"]
# Seconds after which a step is taken for hung: many times what it needs.
LIMIT = 300
LIMIT_PER_MILLION_OPS = 60
LIMIT_SANITIZED = 4  # times as much
EXAMPLE = """
example: what does this change do to 6.12's file?
  scripts/kernel-test --debian 6.12 --patch my.patch --page-size 4096
"""


def arguments():
    parser = Parser(
        prog="kernel-test", epilog=EXAMPLE, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds a kernel tree's own mm/zsmalloc.c in userspace, "
        "for each page size and chain size, runs the conformance suite and "
        "the differential against ours on it, and prints a report. Ends with "
        "1 if anything failed.")
    what = parser.add_argument_group("the file")
    what.add_argument("--debian", metavar="VERSION",
                      choices=kernel_debian.SUITES,
                      help="from Debian's linux-source-VERSION ("
                      + ", ".join(kernel_debian.SUITES) + "), which is fetched "
                      "if it is not installed; the default is 6.12")
    what.add_argument("--tree", type=Path, metavar="DIR",
                      help="from a kernel tree")
    what.add_argument("--source", type=Path, metavar="FILE",
                      help="this mm/zsmalloc.c; the headers are those of the "
                      "tree that it is in, or of --tree or --debian")
    what.add_argument("--patch", type=Path, metavar="FILE", action="append",
                      default=[], help="apply this diff to the copy first; "
                      "may be given several times")
    what.add_argument("--cocci", type=Path, metavar="FILE", action="append",
                      default=[], help="apply this semantic patch, after "
                      "the diffs")
    what.add_argument("--define", metavar="NAME=VALUE", action="append",
                      default=[], help="define a macro before the file, also "
                      "'NAME(PARAMETERS)=VALUE'")
    what.add_argument("--include-stub", metavar="HEADER", action="append",
                      default=[], help="an empty header, for one that the "
                      "file includes and kernel/include does not have")
    how = parser.add_argument_group("how it is tested")
    how.add_argument("--page-size", metavar="LIST", default="4K,64K",
                     help="bytes: 4096 or 4K, 8K ... 64K (default 4K,64K)")
    how.add_argument("--chain-size", metavar="LIST",
                     help="4 to 16 (default 4,8,16)")
    how.add_argument("--ops", metavar="N",
                     help="operations of the differential in all, K and M "
                     "for thousands and millions (default 20M)")
    how.add_argument("--seed", metavar="N", type=int, default=1,
                     help="of the differential's traces and the stress "
                     "test's threads, 0 to 2^32-1 (default 1)")
    how.add_argument("--sanitize", choices=SANITIZERS,
                     help="build everything with this sanitizer; --ops is "
                     "then 1M if not given")
    how.add_argument("--tsan-unchanged", action="store_true",
                     help="with --sanitize thread: leave struct zspage's "
                     "bit-fields as they are, and see the known reports")
    how.add_argument("--locks", action="store_true",
                     help="run the stress test in the checked body of compat "
                     "too, which checks the order of locks, and print the "
                     "lock statistics of two threads")
    how.add_argument("--lab", action="store_true",
                     help="instead of all tests: explore every interleaving "
                     "of a few calls on virtual CPUs (docs/lab.md)")
    how.add_argument("--deep", action="store_true",
                     help="with --lab: one preemption more, up to 20 seconds "
                     "for each row")
    how.add_argument("--build-only", action="store_true",
                     help="stop when it is built, and print where it is")
    how.add_argument("--keep", action="store_true",
                     help="keep the copy of the files, and say where")
    args = parser.parse_args()
    if args.debian and args.tree:
        parser.error("--debian and --tree: one of them")
    if args.lab and (args.sanitize or args.locks):
        parser.error("--lab: without --sanitize and --locks")
    if args.deep and not args.lab:
        parser.error("--deep: with --lab")
    if args.tsan_unchanged and args.sanitize != "thread":
        parser.error("--tsan-unchanged: with --sanitize thread")
    if args.build_only and args.locks:
        parser.error("--locks: without --build-only")
    kernel_vendor.check_options(parser, args)
    args.page_shifts = page_shifts(parser, args.page_size)
    args.chain_sizes = chain_sizes(
        parser, "4,8,16" if args.chain_size is None else args.chain_size)
    if args.ops is None:
        args.ops = "1M" if args.sanitize else "20M"
    if not re.fullmatch(r"0*[1-9][0-9]{0,11}[KM]?", args.ops, re.ASCII):
        parser.error(f"--ops {args.ops}: 1 to 999999999999, with K or M for "
                     "thousands or millions")
    args.ops = args.ops.lstrip("0")
    if not 0 <= args.seed < 1 << 32:
        parser.error(f"--seed {args.seed}: 0 to 4294967295")
    return args


def page_shifts(parser, text):
    shifts = []
    for word in text.split(","):
        name = word
        if re.fullmatch("[0-9]{1,9}", word) and int(word) % 1024 == 0:
            name = f"{int(word) // 1024}K"
        if name not in PAGE_SIZES:
            parser.error(f"--page-size {text}: {word or 'nothing'} is none "
                         "of " + ", ".join(PAGE_SIZES))
        shifts.append(PAGE_SIZES[name])
    return list(dict.fromkeys(shifts))


def chain_sizes(parser, text):
    sizes = []
    for word in text.split(","):
        if not re.fullmatch("[0-9]{1,9}", word) or not 4 <= int(word) <= 16:
            parser.error(f"--chain-size {text}: 4 to 16")
        sizes.append(int(word))
    return list(dict.fromkeys(sizes))


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


def prepare_tree(args):
    """The copy that is tested, in args.copy as soon as there is something to
    remove. Its name follows from what is asked for: the report has it."""
    if args.source and not args.source.is_file():
        die(f"--source {args.source}: no such file", 2)
    base, version, description = base_tree(args)
    changes = [p.stem for p in args.patch + args.cocci]
    if args.source:
        changes.insert(0, args.source.stem)
        description += f", with {args.source}"
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
    for cocci in args.cocci:
        description += f", {cocci}"
        kernel_tree.apply_cocci(cocci, copy)
    split = []
    if args.sanitize == "thread" and not args.tsan_unchanged:
        split = kernel_tree.split_bit_fields(copy)
    tree = Tree(copy, label, description.replace('"', ""))
    tree.split = split
    return tree


# ---- building -----------------------------------------------------------------

def execute(command, log, limit=None, env=None):
    """Returns the exit status, None if there was none after limit seconds.
    Whatever ends the wait, a signal too, all that was started ends."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as out:
        child = subprocess.Popen([str(c) for c in command], env=env,
                                 stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT,
                                 start_new_session=True)
        try:
            return child.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if child.returncode is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


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
        quietly(f"configuring {name}", BUILD / f"logs/{name}-configure.log",
                ["cmake", "-S", ROOT, "-B", self.path] + options)
        self.targets = [self.name(s, c) for s, c in geometries]

    def name(self, shift, chain):
        return f"kernel-{1 << shift}-{chain}"

    def make(self, targets):
        name = self.path.name
        quietly(f"building {name}", BUILD / f"logs/{name}-build.log",
                ["cmake", "--build", self.path, "-j",
                 str(os.cpu_count() or 2), "--target", *targets])

    def subject(self, shift, chain):
        return self.path / "kernel" / f"{self.name(shift, chain)}.so"

    def program(self, name):
        return self.path / name


def suppressions(build):
    """The file of what ThreadSanitizer is known to say of the kernel's."""
    names = ["tsan.supp"]
    if build.tree.has("set_zspage_mapping") and build.tree.split:
        names.append("tsan-mapping.supp")
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


def run(steps, name, build, command, env=None, limit=None):
    log = BUILD / "logs" / (
        "kernel-test-" + re.sub(r"[^a-z0-9]+", "-", name) + ".log")
    step = Step(name, log)
    steps.append(step)
    say(f"{name} ...")
    began = time.monotonic()
    variables = environment(build)
    variables.update(env or {})
    limit = limit or time_limit(build)
    step.repeat = kernel_crash.repeat(command, variables)
    step.variables = variables
    status = execute(command, log, limit, {**os.environ, **variables})
    step.seconds = time.monotonic() - began
    step.good = status == 0
    if status is None:
        step.note = f"no end after {limit} s: a deadlock?"
    elif status < 0:
        step.crashed = True
        step.note = f"killed by signal {-status}"
        step.killed = -status == signal.SIGKILL
        if step.killed:
            step.note += ", perhaps for want of memory"
    return step, log.read_text(errors="replace")


def conformance(steps, build, geometries):
    for shift, chain in geometries:
        step, text = run(
            steps, f"conformance, {1 << shift} byte pages, chain {chain}",
            build, [build.program("tests/conformance/uzs-conformance"), "--subject",
                    build.subject(shift, chain)])
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


def differential(steps, build, geometries, args, traces):
    if build.tree.groups != 12:
        return []  # the report says so
    command = [build.program("tests/conformance/uzs-compare"), "--csv", "--ops", args.ops,
               "--seed", str(args.seed), "--jobs", str(os.cpu_count() or 2),
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


def lock_statistics(steps, args, tree, geometries):
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
        return "\n".join(lines + [f"with histograms: {out}"])
    step.good = False
    step.note = step.note or "no lock statistics"
    return ""


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


def end_on_signals():
    """With an exception, so that what was started ends and what was made is
    removed."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda n, _: sys.exit(128 + n))


def main():
    args = arguments()
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
    status, wanted = kernel_lab.run(args, tree, build, chains, execute,
                                    BUILD / "logs")
    args.keep = args.keep or wanted
    return status


def test(args):
    tree = prepare_tree(args)
    tree.write_config()
    kernel_vendor.add_stubs(tree, args)
    kernel_tree.check(tree)
    if tree.fixed_chain:
        if args.chain_size is not None and \
                args.chain_sizes != [tree.fixed_chain]:
            say(f"this version's chain size is {tree.fixed_chain}")
        args.chain_sizes = [tree.fixed_chain]
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
        build.make(build.targets + ["uzs-conformance", "uzs-compare",
                                    "uzs-kernel-stress"])
        traces = BUILD / "kernel-traces"
        traces.mkdir(parents=True, exist_ok=True)
        steps = []
        conformance(steps, build, geometries)
        stress(steps, build, geometries, args)
        cells = differential(steps, build, geometries, args, traces)
        locks = ""
        if args.locks:
            locks = lock_statistics(steps, args, tree, geometries)
        status = report(tree, build, steps, cells, locks, args)
    return status


if __name__ == "__main__":
    run_main(main)
