# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""The report of scripts/kernel-test --series: what the tests, the lab, the locks
and the clock say of a file after each patch of a series. Needs python3's
standard library."""
import re
import statistics
import textwrap

import kernel_patch
from bench_common import say
from kernel_tree import FILES

HEAD = ["patch", "tests", "lab", "locks for each object", "under lock", "ns"]
LEGEND = """\
locks for each object: how often two threads that allocate and free took each
  of the file's locks, for each object; under lock: of the pages that they
  freed, how many while a class->lock was held (both in the checked body)
ns: for each object allocated and freed, by these two threads without checks,
  median of five runs; differences of a few percent are this machine's"""


class Row:
    """What was found after a patch."""

    def __init__(self, title):
        self.title = title
        self.cells = {}
        self.failed = False
        self.notes = []  # how to see it again
        self.told = []  # stubs that were made, kernel_vendor.py


def tests_cell(steps):
    bad = [s for s in steps if not s.good]
    if not bad:
        return "passed"
    names = dict.fromkeys(s.name.split(",")[0].split(" against")[0]
                          for s in bad)
    return "FAILED: " + ", ".join(names)


def lab_cell(rows):
    """rows: of both programs of the lab (kernel_lab.py)."""
    found = [r for r in rows if r["found"] != "nothing"]
    if found:
        return f"{found[0]['found']}: {found[0]['scenario']}"
    if not all(r["complete"] for r in rows):
        return "not to the end"
    return f"{sum(r['schedules'] for r in rows):,} orders"


def locks_cells(text, objects):
    """Takings of the file's locks, and the share of pages freed under one, from
    the statistics of that many objects."""
    taken = {}
    for name, number in re.findall(
            r"(?m)^([^\s(]+) \(mm/zsmalloc\.c:\d+\)(?: +[a-z]+)? +(\d+)",
            text):
        name = name.partition("#")[0]
        taken[name] = taken.get(name, 0) + int(number)
    freed = re.search(r"pages freed: (\d+), with a class->lock held: (\d+)",
                      text)
    under = (f"{100 * int(freed[2]) / int(freed[1]):.0f} %"
             if freed and int(freed[1]) else "")
    return (", ".join(f"{name} {number / objects:.2f}" for name, number
                      in sorted(taken.items())), under)


def own_locks(text, objects):
    """The same of ours, of the locks that the file has, too."""
    taken = {}
    for name, number in re.findall(
            r"(?m)^(class->lock|pool->lock)[^\s(]* \(src/[^)]*\)"
            r"(?: +[a-z]+)? +(\d+)", text):
        taken[name] = taken.get(name, 0) + int(number)
    return ", ".join(f"{name} {number / objects:.2f}"
                     for name, number in sorted(taken.items()))


def churn_numbers(text):
    """(objects, ns for each) of what uzs-kernel-stress --churn says; None if
    it says nothing."""
    found = re.search(r"(\d+) objects, (\d+) ns for each", text)
    return (int(found[1]), int(found[2])) if found else None


def time_cell(times):
    return f"{statistics.median(times):.0f}" if times else ""


def table(rows):
    """One line for each patch, its title below."""
    cells = [HEAD] + [[str(n)] + [row.cells.get(name, "")
                                  for name in HEAD[1:]]
                      for n, row in enumerate(rows)]
    width = [max(len(line[i]) for line in cells) for i in range(len(HEAD))]
    lines = []
    for n, line in enumerate(cells):
        lines.append("  ".join(f"{cell:{w}}" for cell, w
                               in zip(line, width)).rstrip())
        if n:
            lines.append("       " + textwrap.shorten(
                rows[n - 1].title, 72, placeholder=" ..."))
    return "\n".join(lines)


def stubs(rows):
    """What was made up for the file, and from which patch on."""
    known, lines = set(), []
    for n, row in enumerate(rows):
        for text in row.told:
            # A patch moves lines.
            name = re.sub(r" \(line \d+\)$", "", text)
            if name not in known:
                known.add(name)
                lines.append(f"{n}: {text}")
    return "\n".join(lines)


def verdict(rows, patches):
    bad = [n for n, row in enumerate(rows) if row.failed]
    if not bad:
        return f"passed: the file, and after each of {patches} patches"
    if bad[0] == 0:
        return "FAILED: the file before the first patch"
    return f"FAILED: first after patch {bad[0]} of {patches}"


def run(args, measure):
    """measure(row, patches) tests the file with these patches. Returns the exit
    status."""
    patches = kernel_patch.read_series(args.series)
    rows = []
    for number in range(len(patches) + 1):
        title = patches[number - 1][0] if number else "the file as it is"
        row = Row(title)
        rows.append(row)
        say(f"{number} of {len(patches)}: {title}")
        names = {name for name, _ in kernel_patch.split_patch(
            patches[number - 1][1])} if number else set(FILES)
        if not names & set(FILES):
            row.cells["tests"] = "not for zsmalloc"
            continue
        usable = [p for p in patches[:number]
                  if {n for n, _ in kernel_patch.split_patch(p[1])}
                  & set(FILES)]
        try:
            measure(row, usable)
        except SystemExit:
            # It was said why.
            row.failed = True
            row.cells["tests"] = "does not apply or build"
            break
    print(f"\n{table(rows)}\n\n{LEGEND}")
    if stubs(rows):
        print(f"\n{stubs(rows)}")
    for n, row in enumerate(rows):
        for note in row.notes:
            print(f"\n{n}: {note}")
    left = len(patches) + 1 - len(rows)
    if left:
        print(f"\n{left} patches were not tried")
    print("\n" + verdict(rows, len(patches)))
    return 1 if any(row.failed for row in rows) else 0
