# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""The command line of scripts/kernel-test. Needs python3's standard library."""
import argparse
import re
from pathlib import Path

import kernel_debian
import kernel_vendor
from bench_common import Parser

PAGE_SIZES_DEFAULT = "4K,64K"
PAGE_SIZES = {"4K": 12, "8K": 13, "16K": 14, "32K": 15, "64K": 16}
SIMULATE_ONLY = ["against", "work", "costs", "cpus", "processes", "objects",
                 "fill", "workers", "sizes", "set", "bus_queue", "published", "output"]
SANITIZERS = ["address", "undefined", "thread"]
EXAMPLE = """
example: what does this change do to 6.12's file?
  scripts/kernel-test --debian 6.12 --patch my.patch --page-size 4096
example: and what would it bring on 1 to 64 CPUs?
  scripts/kernel-test --debian 6.12 --patch my.patch --simulate
"""


def arguments():
    parser = Parser(
        prog="kernel-test", epilog=EXAMPLE, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds a kernel tree's own mm/zsmalloc.c in userspace, "
        "for each page size and\nchain size, runs the conformance suite and "
        "the differential against ours on it,\nand prints a report. Ends with "
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
    what.add_argument("--series", type=Path, metavar="MBOX|DIR",
                      help="apply these patches one after the other, and "
                      "report tests, lab, locks and time after each; in one "
                      "geometry, with --ops 500K if not given")
    what.add_argument("--define", metavar="NAME=VALUE", action="append",
                      default=[], help="define a macro before the file, also "
                      "'NAME(PARAMETERS)=VALUE'")
    what.add_argument("--include-stub", metavar="HEADER", action="append",
                      default=[], help="an empty header, for one that the "
                      "file includes and kernel/include does not have")
    what.add_argument("--no-compaction", action="store_true",
                      help="without CONFIG_COMPACTION: pages do not move")
    how = parser.add_argument_group("how it is tested")
    how.add_argument("--page-size", metavar="LIST",
                     default=PAGE_SIZES_DEFAULT,
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
    how.add_argument("--memory", choices=["sc", "tso", "c11", "lkmm-ish"],
                     help="with --lab: the order of memory, sc by default; "
                     "each row with one preemption less")
    how.add_argument("--build-only", action="store_true",
                     help="stop when it is built, and print where it is")
    how.add_argument("--keep", action="store_true",
                     help="keep the copy of the files, and say where")
    add_simulate(parser)
    args = parser.parse_args()
    if args.debian and args.tree:
        parser.error("--debian and --tree: one of them")
    if args.series and (args.lab or args.locks or args.sanitize or args.cocci
                        or args.build_only or args.keep):
        parser.error("--series: without --lab, --locks, --sanitize, --cocci, "
                     "--build-only and --keep; it does the first two")
    if args.series and not args.series.exists():
        parser.error(f"--series {args.series}: no such file or directory")
    if args.lab and (args.sanitize or args.locks):
        parser.error("--lab: without --sanitize and --locks")
    check_simulate(parser, args)
    if args.deep and not args.lab:
        parser.error("--deep: with --lab")
    if args.memory and not args.lab:
        parser.error("--memory: with --lab")
    if args.tsan_unchanged and args.sanitize != "thread":
        parser.error("--tsan-unchanged: with --sanitize thread")
    if args.build_only and args.locks:
        parser.error("--locks: without --build-only")
    kernel_vendor.check_options(parser, args)
    args.page_shifts = page_shifts(parser, args.page_size)
    args.chain_sizes = chain_sizes(
        parser, "4,8,16" if args.chain_size is None else args.chain_size)
    if args.ops is None:
        args.ops = "1M" if args.sanitize else "500K" if args.series else "20M"
    if not re.fullmatch(r"0*[1-9][0-9]{0,11}[KM]?", args.ops, re.ASCII):
        parser.error(f"--ops {args.ops}: 1 to 999999999999, with K or M for "
                     "thousands or millions")
    args.ops = args.ops.lstrip("0")
    if not 0 <= args.seed < 1 << 32:
        parser.error(f"--seed {args.seed}: 0 to 4294967295")
    return args


def add_simulate(parser):
    group = parser.add_argument_group(
        "virtual time (docs/lab-simulation.md)")
    group.add_argument("--simulate", action="store_true",
                       help="instead of all tests: what calls take on virtual "
                       "CPUs, and where the time goes; before and after "
                       "--patch, --cocci or --against, ours beside it")
    group.add_argument("--against", metavar="VERSION|DIR|FILE",
                       help="the file to compare with: of Debian's package, "
                       "of a tree, or itself")
    group.add_argument("--work", choices=["release", "churn", "read", "exit"],
                       help="release: each CPU's process frees its objects "
                       "(default); churn: frees and stores one after the "
                       "other; read: looks at them; exit: 8 processes free "
                       "all they have at once")
    group.add_argument("--costs", metavar="TABLE",
                       help="what things cost (default epyc-2)")
    group.add_argument("--cpus", metavar="LIST", help="default 1..64")
    group.add_argument("--processes", metavar="LIST",
                       help="default: one on each CPU")
    group.add_argument("--objects", metavar="N", help="of a process")
    group.add_argument("--workers", metavar="N",
                       help="release, exit: processes only queue what they "
                       "free, and so many workers free it")
    group.add_argument("--fill", choices=["mixed", "apart"],
                       help="stored by all processes at once (default), or by "
                       "one after the other")
    group.add_argument("--sizes", metavar="FILE",
                       help="of the objects, as uzs lab simulate takes it")
    group.add_argument("--set", metavar="NAME=VALUE", action="append",
                       default=[], help="one cost replaced")
    group.add_argument("--bus-queue", action="store_true",
                       help="without --bus-slots of uzs lab simulate, as its "
                       "own figures are")
    group.add_argument("--published", action="store_true",
                       help="as the authors of the 2026 series measured "
                       "class_idx on a Pi and an i7, with their figures")
    group.add_argument("--output", type=Path, metavar="DIR",
                       help="where table.csv, breakdown.csv, curves.svg, "
                       "flame.svg and report.html go")


def check_simulate(parser, args):
    if not args.simulate:
        for name in SIMULATE_ONLY:
            if getattr(args, name):
                parser.error(f"--{name.replace('_', '-')}: with --simulate")
        return
    for name in ("lab", "locks", "sanitize", "series", "build_only"):
        if getattr(args, name):
            parser.error(f"--simulate: without --{name.replace('_', '-')}")
    if args.against and (args.patch or args.cocci):
        parser.error("--against: without --patch and --cocci")
    if args.published and (args.costs or args.cpus or args.processes or
                           args.objects or args.fill or args.sizes or
                           args.work or args.output):
        parser.error("--published: has its own tables, CPUs, processes and "
                     "objects, and writes no files")
    args.work = args.work or "release"
    args.costs = args.costs or "epyc-2"
    args.cpus = args.cpus or "1..64"


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
