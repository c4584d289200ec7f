# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""The step of scripts/kernel-test that --lab asks for: a kernel tree's
mm/zsmalloc.c on virtual CPUs, all interleavings of a few calls (docs/lab.md).
"""
import json
import re
import shutil
import subprocess

import kernel_crash
from bench_common import ROOT, die, say

PAGE_SHIFT = 12  # what the scenarios' sizes are meant for
CHAIN_SIZE = 8  # if none is asked for
# Seconds of CPU time for each row of --deep (they bound the memory, too: what
# was seen takes up to 100 MB a second); and for all of it, wall clock.
DEEP_SECONDS = 20
LIMIT, LIMIT_DEEP = 600, 4 * 3600
MOST_LINES = 60  # of a table that is printed
# The two programs: steps only, and plain loads and stores, too.
KINDS = {"": "", "plain-": ", plain loads and stores too"}
# Functions whose plain accesses are not looked at: the shrinker's estimate,
# which reads statistics without a lock; those who read, of a word, what never
# changes, while other bits of it do or it is written anew as it was; and a flag
# that barriers order (kernel/README.md, "What was found").
UNWATCHED = ["zs_shrinker_count", "zs_can_compact", "class_stat_read",
             "zs_stat_get", "get_zspage", "get_zspage_mapping",
             "zspage_class", "ZsHugePage", "zs_pool_dec_isolated"]
# Where zpool shrinks pools: reclaim asks, with the locks of its pages alone, which
# objects there are, while zs_free() writes the word that says it.
UNWATCHED_EVICTS = ["obj_tagged"]
UNWATCHED_FILE = "uzs-plain.h"


def write_unwatched(tree):
    """Declares those functions of them that the file has, for kernel/peek.c.
    """
    lines = ["struct page; struct shrink_control; struct shrinker;",
             "struct size_class; struct zpdesc; struct zs_pool; struct zspage;",
             "enum fullness_group;"]
    for name in UNWATCHED + (UNWATCHED_EVICTS if tree.evicts else []):
        head = re.search(r"(?m)^(static [^;{}()]*\b" + name +
                         r"\([^;{}()]*\))\s*\{", tree.source)
        if head:
            lines.append(" ".join(head[1].split()) + " UZS_K_UNWATCHED;")
    path = tree.path / UNWATCHED_FILE
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def name(chain, kind):
    return f"uzs-lab-kernel-{kind}{1 << PAGE_SHIFT}-{chain}"


def program(build, chain, kind):
    return build.program("lab/" + name(chain, kind))


def targets(chains):
    return [name(chain, kind) for chain in chains for kind in KINDS]


def chain_sizes(args, tree):
    """What to explore; without being asked, one geometry."""
    if PAGE_SHIFT not in args.page_shifts:
        die("--lab: its scenarios are for --page-size 4K", 2)
    if tree.fixed_chain or args.chain_size is not None:
        return args.chain_sizes
    return [CHAIN_SIZE]


def scenarios(path, deep):
    """Names of those to explore."""
    listed = json.loads(subprocess.run([path, "list", "--json"], check=True,
                                       stdout=subprocess.PIPE).stdout)
    return [s["name"] for s in listed if s["quick"] or deep]


def rows_of(log, status):
    """What the program told of one scenario."""
    text = log.read_text(errors="replace")
    try:
        return json.loads(text[:text.rindex("]") + 1])
    except ValueError:
        print("\n".join(text.splitlines()[-25:]))
        die("the lab " + ("did not come to an end" if status is None else
                          f"ended with {status}") + f"; its output: {log}")


def explore(args, build, chain, kind, execute_all, log):
    """All rows, as the program tells them; scenarios side by side."""
    path = program(build, chain, kind)
    command = [path, "explore", "--json"]
    if args.deep:
        command += ["--deep", "--seconds", str(DEEP_SECONDS), "--bound-ok"]
    if args.memory not in (None, "sc"):
        command += ["--memory", args.memory, "--preemptions",
                    "2" if args.deep else "1"]
    say(f"exploring, chain {chain}{KINDS[kind]} ...")
    logs = {name: log.with_suffix(f".{name}.log")
            for name in scenarios(path, args.deep)}
    statuses = execute_all([(command + ["--only", f"{name}/*"], logs[name])
                            for name in logs],
                           LIMIT_DEEP if args.deep else LIMIT)
    rows = []
    for name, status in zip(logs, statuses):
        rows += rows_of(logs[name], status)
        logs[name].unlink()
    return rows


def keep_program(build, chain, kind, tree):
    """With the copy of the file, as the next run builds another one."""
    kept = tree.path / name(chain, kind)
    shutil.copy2(program(build, chain, kind), kept)
    return kept


def rows_text(rows, briefly):
    """`briefly`: only those that found something."""
    lines = [f"{'scenario':20} cpus preemptions {'schedules':>9} "
             f"{'states':>9} {'steps':>6} {'CPU s':>7}  found"]
    if briefly and all(r["found"] == "nothing" for r in rows):
        lines = []
    for r in rows:
        found = r["found"]
        if briefly and found == "nothing":
            continue
        if found == "nothing" and not r["complete"]:
            found = "nothing so far"
        scenario = r["scenario"]
        if r["defer"] != "none":
            scenario += f" ({r['defer']})"
        lines.append(f"{scenario:20} {r['cpus']:4} {r['preemptions']:11} "
                     f"{r['schedules']:9} {r['states']:9} {r['longest']:6} "
                     f"{r['cpu_seconds']:7.3f}  {found}")
    schedules = sum(r["schedules"] for r in rows)
    seconds = sum(r["cpu_seconds"] for r in rows)
    lines.append(f"{len(rows)} rows, {schedules:,} schedules, "
                 f"{sum(r['states'] for r in rows):,} states, {seconds:.1f} s "
                 f"of CPU time, {schedules / max(seconds, 0.001):,.0f} "
                 "schedules a second")
    return "\n".join(lines)


def with_places(text, program_path):
    """Places in the program's code as lines of its source, if known; of what
    is compiled into others the outermost, too."""
    def place(match):
        found = kernel_crash.places(str(program_path), match[1])
        return " in ".join(dict.fromkeys(found[:1] + found[-1:])) or match[0]
    return re.sub(r"\(\+(0x[0-9a-f]+)\)", place, text)


def rewrites_text(rows, program_path):
    """Races with a store that changes nothing, each pair of places once."""
    found = {}
    for r in rows:
        for text in r.get("rewrites", []):
            found.setdefault(with_places(text, program_path),
                             f"{r['scenario']}, {r['cpus']} CPUs")
    if not found:
        return ""
    once = {}
    for text, where in found.items():
        # Two lines are one race, whoever comes first.
        pair = re.findall(r"(load|store) by .+? \d+(?: at (.*?))?, after", text)
        once.setdefault(tuple(sorted(pair)), f"  {where}: {text}")
    return "\n".join(["races that change nothing, as the store leaves the "
                      "word as it was (no failure):"] + list(once.values()))


def table(program_path, schedule):
    """The steps of a schedule, as the program prints them."""
    done = subprocess.run([program_path, "replay", schedule], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace", timeout=LIMIT)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    if len(lines) > MOST_LINES:
        left = len(lines) - MOST_LINES
        lines[MOST_LINES // 3:-2 * MOST_LINES // 3] = [
            f"      ... {left} steps; the command below shows them"]
    return "\n".join("  " + with_places(line, program_path)
                     for line in lines)


def findings_text(kept, found):
    """The shortest as a table, all with the command that shows it."""
    found = sorted(found, key=lambda r: r["found_steps"])
    first = found[0]
    path = kept.relative_to(ROOT) if kept.is_relative_to(ROOT) else kept
    lines = [f"{first['found']}, found by schedule {first['found_at']} of "
             f"{first['scenario']} with {first['cpus']} CPUs, here shrunk:",
             "", table(kept, first["schedule"]), ""]
    if not first["confirmed"]:
        lines.append("(this schedule alone does not show it)")
    lines += ["again, as it is and step by step:",
              f"  {path} replay {first['schedule']}",
              f"  gdb --args {path} replay {first['schedule']}"]
    if found[1:]:
        lines += ["", "found elsewhere, in as many steps:"]
    for r in found[1:]:
        what = re.sub(r"\s+", " ", with_places(r["text"], kept)).strip()
        lines.append(f"  {r['found_steps']:5}  {r['schedule']}  "
                     f"{r['found']}: {what[:120]}")
    return "\n".join(lines)


def verdict(status, rows):
    """The last line: no more than what was tried."""
    if status:
        return "FAILED: see above"
    bounded = sum(not r["complete"] for r in rows)
    if bounded:
        return (f"passed as far as it went: {bounded} of {len(rows)} rows were "
                f"not explored to the end ({DEEP_SECONDS} s of CPU time each)")
    return "passed: no order of steps within these bounds goes wrong"


def run(args, tree, build, chains, execute_all, logs):
    """Explores, and prints a report. Returns the exit status and whether the
    copy of the file is still wanted."""
    status, keep, done = 0, False, []
    memory = "" if args.memory in (None, "sc") else f", memory {args.memory}"
    print(f"kernel-test: {tree.description}, in the lab{memory}")
    print("\n".join("  " + line for line in tree.lines()))
    for chain in chains:
        for kind, what in KINDS.items():
            build.make([name(chain, kind)])
            rows = explore(args, build, chain, kind, execute_all,
                           logs / f"kernel-test-lab-{kind}{chain}.log")
            done += rows
            print(f"\npages of {1 << PAGE_SHIFT} bytes, chain size {chain}"
                  f"{what}:")
            print(rows_text(rows, briefly=bool(kind)))
            harmless = rewrites_text(rows, program(build, chain, kind))
            if harmless:
                print("\n" + harmless)
            found = [r for r in rows if r["found"] != "nothing"]
            if found:
                keep = True
                print("\n" + findings_text(
                    keep_program(build, chain, kind, tree), found))
            if found or not (args.deep or all(r["complete"] for r in rows)):
                status = 1
            if found:
                break  # what is wrong already need not be looked at closer
    print("\n" + verdict(status, done))
    return status, keep
