# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""What the outputs of scripts/kernel-test's steps say: uzs-compare's table and
what it found, and the part of a log that a report shows."""
import re
import shlex

# From so many operations of the differential on, a geometry in which nothing
# was migrated or compacted has failed.
ENOUGH_OPS = 500000
# A line of what uzs-compare --csv prints.
CSV_LINE = re.compile(r"subject,against,|[^,\s]+,[^,\s]+(,[0-9]+){9}$")
# What it says of a trace that shows something.
TRACED_LINE = re.compile(r"uzs-compare: |operation [0-9]+: |shrunk to |"
                         r"  written: ")


def uneventful(cells, geometries):
    """What a differential that found nothing did not do; "" if it did all."""
    if len(cells) != len(geometries):
        return f"only {len(cells)} of {len(geometries)} geometries"
    for c in cells:
        idle = [what for what, column in (
            ("compacted", "pages_compacted"), ("migrated", "pages_moved"))
                if not int(c[column])]
        if not int(c["ops"]):
            idle = ["compared"]
        elif int(c["ops"]) < ENOUGH_OPS:
            idle = []
        if idle:
            return (f"nothing was {' or '.join(idle)} with "
                    f"{c['page_size']} byte pages, chain {c['chain_size']}")
    return ""


def shown_by(text):
    """If it wrote a trace of what it found: (what that is, is it a crash, the
    command that shows it); else None."""
    again = re.findall(r"(?m)^  again: (.*)$", text)
    if not again:
        return None
    crash = re.search(r"(?m)^uzs-compare: crash: .*: (.*)$", text)
    return (crash[1] if crash else "mismatch", bool(crash),
            shlex.split(again[-1]))


def excerpt(log):
    """What a reader of the report wants of a log: the first mismatch or
    finding of a sanitizer from its head, else the end."""
    lines = [line for line in log.read_text(errors="replace").splitlines()
             if not CSV_LINE.match(line)
             and not line.startswith("  again: ")]  # the report's own has more
    for number, line in enumerate(lines):
        if re.search(r"WARNING: ThreadSan|ERROR: \w+Sanitizer|runtime error:|"
                     r": mismatch:|: crash:", line):
            end = number + 40
            summary = [x for x in lines[end:] if x.startswith("SUMMARY:")]
            traced = [x for x in lines[end:] if TRACED_LINE.match(x)]
            return lines[number:end] + summary[:1] + traced
    return lines[-25:]
