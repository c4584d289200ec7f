# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""What bench-peers holds its figures against: goals, and the figures by what they
are of."""
import statistics

from bench_allocators import LIBRARIES, REFS
from bench_common import unique

# Pools of which everything is freed by zs_free_deferred. DEFERRED: its worker,
# on another core if there is one, does that meanwhile; speed only. REUSE: what
# was freed is given out again, for programs that replace objects.
DEFERRED = "zs-deferred"
REUSE = "zs-reuse"
# Many threads on few cores: what is run, and on how many.
CROWD_OPS, CROWD_THREADS, CROWD_CORES = ["read", "replace"], 8, 2
# Objects far beyond a page; pools of the kernel's profile hold none.
LARGE_SIZES = "log:64-256K"
# Objects of one size, bytes: the most that one may take, in RSS.
OBJECT_LIMITS = {30: 42, 100: 114, 1000: 1030, 3700: 3780}
# Pools of so many MiB. The last is for REFS alone, to see that what helps a
# small pool costs a large one nothing.
SMALL_MIB, SMALL_QUICK_MIB, LARGE_MIB = (1, 4, 32), (1, 4), 4096
# The most that a new pool of so many MiB may take, RSS over live bytes.
SMALL_LIMITS = {1: 1.25, 4: 1.1, 32: 1.045, LARGE_MIB: 1.02}
# Kinds of runs. Each has a file of its figures.
# PAIR: REFS and another in one process, slice by slice in turn. These are the
# ratios that are held against what is to be reached: a machine that is shared moves
# those of SPEED.
SPEED, PAIR, CROWD, MEMORY, SMALL, GAPS, OBJECT, WAIT = KINDS = (
    "speed", "pair", "crowd", "memory", "small", "gaps", "object", "wait")
# The kernel's own 6.12 code in userspace, on objects of 1,676 bytes on
# average, as measured on a machine of the same kind: upper ends, ns. It ran on
# memory that it did not give back, so ours keeps its memory for that, too.
KERNEL_SIZES = "lib-zstd"
KERNEL_NS = {"malloc": 200, "malloc-warm": 200, "free": 350, "read": 650}


def size_text(mib):
    return f"{mib} MiB" if mib < 1024 else f"{mib // 1024} GiB"


class Figures:
    """Values by what they are of, round by round."""

    def __init__(self, rows, names, value):
        self.values = {}
        for row in rows:
            key = tuple(row[name] for name in names)
            self.values.setdefault(key, []).append(float(row[value]))

    @staticmethod
    def compaction(opt, rows):
        """GB/s of objects moved."""
        rows = [dict(row) for row in rows if row["op"] == "compact"]
        for row in rows:
            ns = float(row[time_column(opt)]) * float(row["ops"])
            row["gb_per_s"] = float(row["bytes"]) / ns if ns else 0
        return Figures(rows, ("allocator", "sizes", "threads"), "gb_per_s")

    def median(self, *key):
        return statistics.median(self.values[key])

    def ratio(self, key, other):
        """min, median, max of the ratios of the same rounds."""
        ratios = [ours / theirs for ours, theirs in
                  zip(self.values[key], self.values[other]) if theirs]
        if not ratios:
            return None
        return min(ratios), statistics.median(ratios), max(ratios)


def time_column(opt):
    return "cpu_ns_per_op" if opt.clock == "cpu" else "ns_per_op"


def crowd_ratios(results):
    """{(allocator, op): (min, median, max)}: CPU time of an operation among
    many threads, over that of one thread alone."""
    names = ("allocator", "sizes", "threads", "op")
    cpu = Figures(results[CROWD] + results[SPEED], names, "cpu_ns_per_op")
    ratios = {}
    for allocator, sizes, threads, op in cpu.values:
        alone = (allocator, sizes, "1", op)
        if threads == str(CROWD_THREADS) and alone in cpu.values:
            ratios[allocator, op] = cpu.ratio(
                (allocator, sizes, threads, op), alone)
    return ratios


def refs_ratios(opt, results, sizes, threads, op):
    """{malloc: the time of REFS over its time, median of the rounds}. PAIR has
    elapsed times only."""
    pair = Figures(results[PAIR], ("against", "sizes", "threads", "op"),
                   "ratio")
    keys = {name: (name, sizes, threads, op) for name in LIBRARIES}
    ratios = {name: pair.median(*key) for name, key in keys.items()
              if key in pair.values}
    if ratios and opt.clock == "wall":
        return ratios
    ns = Figures(results[SPEED], ("allocator", "sizes", "threads", "op"),
                 time_column(opt))
    ours = (REFS, sizes, threads, op)
    return {name: ns.ratio(ours, key)[1] for name, key in keys.items()
            if {ours, key} <= set(ns.values)}


def user_goals(opt, results, at_most):
    """Calls at_most for what the user profile is to reach, by refs."""
    sizes = "mem-lz4"
    for threads in unique(results[SPEED] + results[PAIR], "threads"):
        for op, limit in (("replace", 1.05), ("read", 1.05), ("write", 1.1),
                          ("peek-one", 2)):
            ratios = refs_ratios(opt, results, sizes, threads, op)
            if ratios:
                fastest = max(ratios, key=ratios.get)
                at_most(f"{op}, {threads} thread{'s' * (threads != '1')}, "
                        f"{REFS} over the fastest malloc ({fastest})", limit,
                        ratios[fastest])
        for op in ("free", "free-many"):
            ratios = refs_ratios(opt, results, sizes, threads, op)
            if "jemalloc" in ratios:
                at_most(f"{op}, random order, {threads} "
                        f"thread{'s' * (threads != '1')}, {REFS} over "
                        "jemalloc", 0.8, ratios["jemalloc"])
    ratio = Figures(results[MEMORY],
                    ("allocator", "sizes", "threads", "phase", "step"),
                    "rss_over_live")
    for sizes in unique(results[MEMORY], "sizes"):
        fresh = 1.045 if sizes == LARGE_SIZES else 1.03
        for phase, step, limit in (("fresh", "before", fresh),
                                   ("free50", "trim", 1.03),
                                   ("free90", "trim", 1.06)):
            key = (REFS, sizes, "1", phase, step)
            if key in ratio.values and (sizes != LARGE_SIZES or
                                        phase == "fresh"):
                at_most(f"memory {sizes}, {REFS}, {phase}"
                        + (", compacted and trimmed" * (step == "trim")),
                        limit, ratio.median(*key))
    ratio = Figures(results[SMALL], ("allocator", "sizes", "pool_mib", "phase",
                                     "step"), "rss_over_live")
    for mib, limit in SMALL_LIMITS.items():
        key = (REFS, "mem-lz4", str(mib), "fresh", "before")
        if key in ratio.values:
            at_most(f"memory, {REFS}, pool of {size_text(mib)}, fresh", limit,
                    ratio.median(*key))
    ratio = Figures(results[GAPS], ("allocator", "phase", "step"),
                    "rss_over_live")
    if (REFS, "churn", "before") in ratio.values:
        at_most(f"memory, {REFS}, half full, churn, nobody compacts", 1.06,
                ratio.median(REFS, "churn", "before"))
    rows = [{**row, "each": int(row["rss_bytes"]) / int(row["objects"])}
            for row in results[OBJECT]]
    each = Figures(rows, ("allocator", "sizes", "phase"), "each")
    for size, limit in OBJECT_LIMITS.items():
        key = (REFS, f"one:{size}", "fresh")
        if key in each.values:
            at_most(f"object of {size} bytes, {REFS}, bytes of RSS", limit,
                    each.median(*key))
    for column, what, limit in (("max_ns", "longest replacement", 100),
                                ("p9999_ns", "99.99 % of replacements", 20)):
        times = Figures(results[WAIT], ("allocator", "phase"), column)
        if (REFS, "compact") in times.values:
            at_most(f"{what} beside compaction, {REFS}, us", limit,
                    times.median(REFS, "compact") / 1e3)
        if column == "p9999_ns" and (REFS, "empty") in times.values:
            found = times.median(REFS, "compact") - \
                times.median(REFS, "empty")
            at_most("the same, less what nothing takes that is as long, us",
                    limit, found / 1e3)
    for (name, op), (_, median, _) in crowd_ratios(results).items():
        if name == REFS:
            at_most(f"{op}, {CROWD_THREADS} threads on {CROWD_CORES} cores, "
                    f"{REFS}, CPU time over one thread's", 1.3, median)


def goal_lines(opt, results):
    """[(what, limit, found, reached or MISSED)] for the figures that are
    there."""
    results = {**{kind: [] for kind in KINDS}, **results}
    goals = []

    def add(what, limit, found, reached):
        goals.append((what, limit, f"{found:.4g}",
                      "reached" if reached else "MISSED"))

    def at_most(what, limit, found):
        add(what, f"<= {limit:g}", found, found <= limit)

    user_goals(opt, results, at_most)
    ratio = Figures(results["memory"],
                    ("allocator", "sizes", "threads", "phase", "step"),
                    "rss_over_live")
    for sizes in unique(results["memory"], "sizes"):
        for phase, step, limit in (("fresh", "before", 1.05),
                                   ("free50", "trim", 1.07),
                                   ("free90", "trim", 1.15)):
            for pool in ("zs", REUSE):
                key = (pool, sizes, "1", phase, step)
                if key in ratio.values:
                    at_most(f"memory {sizes}, {pool}, {phase}"
                            + (", compacted and trimmed" * (step == "trim")),
                            limit, ratio.median(*key))
    names = ("allocator", "sizes", "threads", "op")
    ns = Figures(results["speed"], names, time_column(opt))
    rate = Figures.compaction(opt, results["speed"])
    # For a program that replaces objects, which may choose its pool; the
    # others are held against the same limit.
    theirs = ("jemalloc", "mem-lz4", "1", "replace")
    for pool in (REUSE, "zs", DEFERRED):
        ours = (pool, "mem-lz4", "1", "replace")
        if ours not in ns.values or theirs not in ns.values:
            continue
        at_most(f"replace mem-lz4, {pool} over jemalloc", 2,
                ns.ratio(ours, theirs)[1])
    for sizes in unique(results["speed"], "sizes"):
        key = ("zs", sizes, "1")
        if key in rate.values:
            found = rate.median(*key)
            add(f"compaction {sizes}, GB/s", ">= 1", found, found >= 1)
    for op, limit in KERNEL_NS.items():
        key = ("zs", KERNEL_SIZES, "1", op)
        if key in ns.values:
            at_most(f"{op} {KERNEL_SIZES}, memory retained, ns "
                    "(the kernel's code)", limit, ns.median(*key))
    return goals
