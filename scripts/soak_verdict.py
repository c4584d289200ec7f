# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Judges the rows of uzs-soak: does memory creep, do calls take longer and
longer? Computed, so that nobody has to look. Needs python3's standard library.

Every interval does the same, so intervals can be compared. The first half lets
the pool become what it is; the second is looked at.
"""
import math
import statistics

# A verdict needs so many intervals.
LEAST_INTERVALS = 8
# How much more memory than stored bytes may be taken at the end of the second
# half than at its beginning, in percent of what is taken, by a line through all
# of that half. Where figures scatter so much that chance alone draws a steeper
# line, more: three times the line's own error; but never more than the second
# number. In a run of an hour the first counts.
CREEP_PERCENT, CREEP_MOST_PERCENT = 3.0, 15.0
CREEP_ERRORS = 3
# What a pool says that it has is what the process has: percent, and KiB.
UNTOLD_PERCENT, UNTOLD_KIB = 2.0, 2048
# How many times as much may be in the last quarter as in the second, beyond what
# the same calls without the library do meanwhile; and growth below which there is
# none.
#  - p99.99 of all calls: a few dozen calls of an interval. With more threads than
#    CPUs these wait for a thread that has a lock and not the CPU, a time slice or
#    several. So only what is beyond some of these counts.
#  - p99.99 of those that did not wait is the library's own work, and steadier;
#    the rest is interrupts, and page faults.
#  - how many calls in a million wait: locks that are held for longer show here.
#  - p50 depends on the CPU's caches alone.
TAIL = 2.5, 20e6  # ns
RAN = 2.0, 50e3  # ns
WAITS = 3.0, 200  # in a million
LEAST_WAITS = 100  # in the last quarter; fewer are chance
MIDDLE = 1.5, 100  # ns
# Beside the quarters: one in twelve intervals, one after the other, anywhere
# behind the second quarter. What begins near the end is in no median of a quarter.
EPISODE = 12
LEAST_EPISODE = 3
# An interval in which the threads waited for a CPU so many times as long as they
# had one says nothing of how long calls take: it is left out of that. More than
# so many such intervals, and there is no verdict.
STARVED_TIMES = 50
STARVED_MOST = 0.25
# In such a time a pool's threads may do no less than so much of what they did in
# the second quarter, as far as those of the other pools do.
STEPS = 0.7


def slope(values):
    """Of a line through values that lie one apart: the median of the slopes of
    all pairs, which a few odd values do not change."""
    return statistics.median(
        (values[j] - values[i]) / (j - i)
        for i in range(len(values)) for j in range(i + 1, len(values)))


def is_starved(row):
    """Did the machine give the threads next to no CPU?"""
    return (int(row.get("cpu_wait_ms") or 0)
            > STARVED_TIMES * max(int(row.get("cpu_ms") or 0), 1))


def creep(values):
    """How much higher a line through values ends than it begins, and how much
    chance may make of that, both in percent of their median."""
    middle = max(statistics.median(values), 0.01)
    rise = slope(values)
    off = [value - rise * n for n, value in enumerate(values)]
    # The median distance from the line, as a standard deviation.
    noise = 1.4826 * statistics.median(
        abs(value - statistics.median(off)) for value in off)
    error = noise * math.sqrt(12 / len(values))
    return (100 * rise * len(values) / middle,
            min(max(CREEP_PERCENT, CREEP_ERRORS * 100 * error / middle),
                CREEP_MOST_PERCENT))


def quarters(rows, value):
    """Medians of a figure in the second and in the last quarter."""
    n = len(rows)
    return [statistics.median(value(row) for row in rows[first:last])
            for first, last in ((n // 4, n // 2), (n - n // 4, n))]


def column(name):
    return lambda row: float(row[name])


def episodes(rows):
    """The runs of intervals behind the second quarter that are looked at on their
    own: (first, behind the last)."""
    width = max(LEAST_EPISODE, len(rows) // EPISODE)
    return [(first, first + width)
            for first in range(len(rows) // 2, len(rows) - width + 1)]


def median_of(rows, value):
    return statistics.median(value(row) for row in rows)


class Growth:
    """How much more there is at the end, beside the same without the library."""

    def __init__(self, rows, bound, value, control):
        self.most, least = bound
        self.before, self.after = quarters(rows, value)
        before, after = quarters(rows, control)
        self.times = self.after / max(self.before, 1)
        self.machine = after / max(before, 1)
        self.bad = (self.times > self.most * max(self.machine, 1)
                    and self.after - self.before > least)

    def episode(self, rows, bound, value, control):
        """The worst time that is too bad, or None: (first, last, figure)."""
        most, least = bound
        calm, _ = quarters(rows, value)
        machine_calm, _ = quarters(rows, control)
        bad = []
        for first, end in episodes(rows):
            figure = median_of(rows[first:end], value)
            machine = median_of(rows[first:end], control) / max(machine_calm, 1)
            if (figure > most * max(machine, 1) * max(calm, 1)
                    and figure - calm > least):
                bad.append((figure, rows[first]["interval"],
                            rows[end - 1]["interval"]))
        return max(bad, default=None)

    def text(self, name, unit, scale=1):
        return (f"{name} grows: {self.before / scale:.1f} {unit} in the second "
                f"quarter, {self.after / scale:.1f} in the last, "
                f"{self.times:.1f} times (without the library "
                f"{self.machine:.1f}); more than {self.most:g} times is too "
                "much")


class Judged:
    """One pool's rows, and what is wrong with them."""

    def __init__(self, pool, rows, machine):
        """machine: how much the threads of all pools do in each interval, as a
        part of what they did in the second quarter."""
        self.pool = pool
        self.intervals = len(rows)
        self.seconds = float(rows[-1]["seconds"])
        for name in ("steps", "refused", "forks", "checks"):
            setattr(self, name, sum(int(row[name]) for row in rows))
        self.moved_mib = sum(int(row["moved_kib"]) for row in rows) / 1024
        late = rows[len(rows) // 2:]
        ratios = [float(row["rss_over_live"]) for row in late]
        self.rss_mib = statistics.median(
            float(row["rss_kib"]) for row in late) / 1024
        self.ratio = statistics.median(ratios)
        self.creep, self.creep_most = creep(ratios)
        self.untold_kib = max(
            int(row["rss_kib"]) - int(row["resident_kib"]) * (
                1 + UNTOLD_PERCENT / 100) for row in rows)
        self.starved = [int(row["interval"]) for row in rows if is_starved(row)]
        fed = [(row, part) for row, part in zip(rows, machine)
               if not is_starved(row)]
        if len(fed) >= LEAST_INTERVALS:
            rows, machine = map(list, zip(*fed))
        self.tail = Growth(rows, TAIL, column("p9999_ns"),
                           column("control_p9999_ns"))
        self.ran = Growth(rows, RAN, column("ran_p9999_ns"),
                          column("control_ran_p9999_ns"))
        self.waits = Growth(
            rows, WAITS,
            lambda row: 1e6 * int(row["waited"]) / max(int(row["calls"]), 1),
            lambda row: 1e6 * int(row["control_waited"])
            / max(int(row["steps"]), 1))
        last = rows[len(rows) - len(rows) // 4:]
        self.waits.bad &= sum(int(row["waited"]) for row in last) >= LEAST_WAITS
        self.middle = Growth(rows, MIDDLE, column("p50_ns"),
                             column("control_p50_ns"))
        self.p50_ns, self.p99_ns = (statistics.median(
            float(row[name]) for row in late) for name in ("p50_ns", "p99_ns"))
        self.max_ns = max(int(row["max_ns"]) for row in rows)
        self.episode = self.tail.episode(rows, TAIL, column("p9999_ns"),
                                         column("control_p9999_ns"))
        own = parts(rows)
        self.idle = min(((statistics.median(
            own[n] / min(1, machine[n]) for n in range(first, end)),
                          rows[first]["interval"], rows[end - 1]["interval"])
                         for first, end in episodes(rows)),
                        default=(1, 0, 0))
        self.wrong = list(self.findings())

    def findings(self):
        if self.creep > self.creep_most:
            yield (f"RSS creeps: {self.creep:.1f} % more for what is stored "
                   f"in the second half, at most {self.creep_most:.1f} % is none")
        if self.untold_kib > UNTOLD_KIB:
            yield (f"RSS is {self.untold_kib / 1024:.1f} MiB more than the "
                   "pool says that it has")
        if len(self.starved) > STARVED_MOST * self.intervals:
            yield (f"in {len(self.starved)} of {self.intervals} intervals the "
                   "machine gave its threads next to no CPU: no verdict on how "
                   "long calls take")
            return
        if self.episode:
            figure, first, last = self.episode
            yield (f"p99.99 is {figure / 1e6:.1f} ms in intervals {first} to "
                   f"{last}, after {self.tail.before / 1e6:.3f} in the second "
                   "quarter")
        if self.idle[0] < STEPS:
            yield (f"its threads do {100 * self.idle[0]:.0f} % of their steps "
                   f"in intervals {self.idle[1]} to {self.idle[2]}, while those "
                   f"of others go on; less than {100 * STEPS:.0f} % is too few")
        for growth, name, unit, scale in (
                (self.tail, "p99.99", "us", 1000),
                (self.ran, "p99.99 of calls that do not wait", "us", 1000),
                (self.waits, "the number of waits in a million calls", "", 1),
                (self.middle, "p50", "us", 1000)):
            if growth.bad:
                yield growth.text(name, unit, scale).replace("  ", " ")


def parts(rows):
    """Steps of each interval, as a part of those in the second quarter."""
    usual, _ = quarters(rows, column("steps"))
    return [int(row["steps"]) / max(usual, 1) for row in rows]


def judge(rows):
    """rows: of all pools, as dicts. Returns a list of Judged. ValueError: they
    are no rows of uzs-soak, or too few."""
    pools = {}
    try:
        for row in rows:
            pools.setdefault(row["pool"], []).append(row)
        for pool, own in pools.items():
            if len(own) < LEAST_INTERVALS:
                raise ValueError(f"{pool}: {len(own)} intervals; a verdict "
                                 f"needs {LEAST_INTERVALS}")
        shares = [parts(own) for own in pools.values()]
        # What the machine does, two pools cannot tell: then only that they work.
        machine = [statistics.median(at) if len(shares) > 2 else 0.01
                   for at in zip(*shares)]
        # Of one that failed there are fewer.
        machine += [1] * max(map(len, shares), default=0)
        return [Judged(pool, own, machine) for pool, own in pools.items()]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not rows of uzs-soak: {error}") from error
