#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Puts bugs that zsmalloc really had back into a kernel's file (kernel/bugs/),
and sees that each is found by what its patch names, which the file as it is
passes. See docs/kernel-bugs.md. Started by scripts/kernel-bugs, which installs
what is needed."""
import json
import re
import shutil
import sys
import time

sys.dont_write_bytecode = True  # nothing is left in the tree
sys.argv[0] = "kernel-bugs"  # in messages

import kernel_debian
import kernel_lab
import kernel_test
import kernel_tree
from bench_common import ROOT, Parser, die, run_main, say

BUGS = ROOT / "kernel/bugs"
PAGE = ROOT / "docs/kernel-bugs.md"
BEGIN, END = "<!-- scripts/kernel-bugs --table -->", "<!-- end -->"
LIMIT = 120  # seconds for one run of one finder
# What may stand behind what a finder is to run: 64K, no-compaction, and these.
LAB_OPTIONS = ["every-step"]
FIELDS = ["Bug", "Fix", "Had it", "Tree", "Found by"]
# What a finder is called in the table.
FINDERS = {
    "suite": "conformance suite, `{0}`",
    "lab": "lab, `{0}`",
    "plain": "lab with plain accesses, `{0}`",
    "none": "not found",
}


class Bug:
    """A semantic patch, and what its head says."""

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        text = path.read_text()
        head = text.split("\n\n")[0].splitlines()
        self.fields = {}
        for line in head[1:]:
            key, colon, value = line.removeprefix("// ").partition(": ")
            if not colon or key not in FIELDS:
                break
            self.fields[key] = value
        missing = [f for f in FIELDS if f not in self.fields]
        if missing:
            die(f"{path}: no line '// {missing[0]}: ...'")
        fix = re.fullmatch(r'"(.+)", (20\d\d)', self.fields["Fix"])
        found = re.fullmatch(r"(\w+)(?: ([^:]+))?: (.+)",
                             self.fields["Found by"])
        if not fix or not found or found[1] not in FINDERS:
            die(f"{path}: 'Fix: \"SUBJECT\", YEAR' and 'Found by: FINDER "
                "[WHAT]: TEXT' are wanted")
        self.subject, self.year = fix[1], int(fix[2])
        self.finder, self.text = found[1], found[3]
        self.words = (found[2] or "").split()
        self.tree = self.fields["Tree"].split()[0]
        if self.tree not in kernel_debian.SUITES:
            die(f"{path}: --debian has no {self.tree}")

    def key(self):
        """Bugs with equal keys share a build and a run of the file as it is.
        """
        return self.tree, self.finder, tuple(self.words)

    def how(self):
        """For the table."""
        return FINDERS[self.finder].format(" ".join(self.words)) + (
            f": {self.text}" if self.finder == "none" else "")


def all_bugs():
    """By what has to be built for them."""
    return sorted((Bug(p) for p in BUGS.glob("*.cocci")),
                  key=lambda b: (b.tree, "64K" in b.words,
                                 "no-compaction" in b.words, b.finder,
                                 b.words, b.name))


# ---- running ------------------------------------------------------------------

class Bench:
    """One version's tree, with one bug or none, and its builds."""

    def __init__(self, version):
        self.version = version
        self.base = kernel_test.BUILD / f"kernel-trees/debian-{version}"
        kernel_debian.extract(version, self.base,
                              kernel_tree.FILES + ["Makefile"])
        # One folder for all, so that only the file is compiled anew.
        self.copy = kernel_test.BUILD / f"kernel-trees/bug-{version}"
        kernel_tree.copy_files(self.base, self.copy)
        self.shift = self.built = None

    def use(self, bug, buggy):
        """Takes the file with that bug, or as it is, in the bug's
        configuration. What the tests are told that this version does
        differently is what the file as it is does differently."""
        shutil.copyfile(self.base / kernel_tree.SOURCE,
                        self.copy / kernel_tree.SOURCE)
        tree = kernel_tree.Tree(self.copy, "bug", f"Linux {self.version}")
        tree.split = []
        tree.compaction = "no-compaction" not in bug.words
        tree.write_config()
        kernel_lab.write_unwatched(tree)
        if buggy:
            kernel_tree.apply_cocci(bug.path, self.copy)
        self.tree = tree
        self.chain = tree.fixed_chain or kernel_lab.CHAIN_SIZE

    def build(self, shift, program):
        """The build with the program made, and the subject if it is not in
        the program."""
        if shift != self.shift:
            self.shift = shift
            self.built = kernel_test.Build(None, self.tree,
                                           [(shift, self.chain)], "")
        self.built.make([program] if program.startswith("uzs-lab")
                        else self.built.targets + [program])
        return self.built

    def run(self, finder, words, log):
        """Returns (did it pass, what it said)."""
        shift = 16 if "64K" in words else 12
        if finder in ("lab", "plain"):
            return self.run_lab(finder, words, log)
        build = self.build(shift, "uzs-conformance")
        status = kernel_test.execute(
            [build.program("tests/conformance/uzs-conformance"), "--test",
             f"test_{words[0]}", "--subject",
             build.subject(shift, self.chain)], log, LIMIT)
        text = log.read_text(errors="replace")
        return status == 0, text + ("\nno end" if status is None else "")

    def run_lab(self, finder, words, log):
        kind = "plain-" if finder == "plain" else ""
        build = self.build(12, kernel_lab.name(self.chain, kind))
        status = kernel_test.execute(
            [kernel_lab.program(build, self.chain, kind), "explore", "--json",
             "--only", f"{words[0]}/*", *(f"--{w}" for w in words[1:] if w in LAB_OPTIONS)],
            log, LIMIT)
        text = log.read_text(errors="replace")
        try:
            rows = json.loads(text[:text.rindex("]") + 1])
        except ValueError:
            return False, text
        found = [f"{r['found']}: {r.get('text', '')}" for r in rows
                 if r["found"] != "nothing"]
        return status == 0 and not found, "\n".join(found)


def try_bug(bench, bug, passed):
    """Returns (what went wrong or None, seconds). passed: keys of those that
    the file as it is has passed."""
    log = kernel_test.BUILD / f"logs/bug-{bug.name}.log"
    if bug.key() not in passed:
        bench.use(bug, False)
        good, said = bench.run(bug.finder, bug.words, log)
        if not good:
            return f"the file as it is does not pass: {said[:300]}", 0
        passed.add(bug.key())
    bench.use(bug, True)
    began = time.monotonic()
    good, said = bench.run(bug.finder, bug.words, log)
    seconds = time.monotonic() - began
    if good:
        return f"not found; see {log}", seconds
    if not re.search(bug.text, said):
        return f"found, but it does not say '{bug.text}': {said[:300]}", seconds
    return None, seconds


def run(bugs):
    """Prints a line for each. Returns how many were not found."""
    failed = 0
    benches, passed = {}, set()
    width = max(len(b.name) for b in bugs)
    for bug in bugs:
        if bug.finder == "none":
            say(f"{bug.name}: {bug.text}")
            continue
        if bug.tree not in benches:
            benches = {bug.tree: Bench(bug.tree)}
        wrong, seconds = try_bug(benches[bug.tree], bug, passed)
        failed += wrong is not None
        print(f"{bug.name:{width}}  {bug.tree:5} {bug.finder:6} "
              f"{' '.join(bug.words):22} {seconds:5.1f} s  "
              f"{wrong or 'found'}", flush=True)
    return failed


# ---- the table ------------------------------------------------------------------

def table(bugs):
    lines = ["| bug | fix | had it | file | found by |",
             "|---|---|---|---|---|"]
    for b in sorted(bugs, key=lambda b: (b.year, b.name)):
        lines.append(f"| [{b.name}](../kernel/bugs/{b.name}.cocci): "
                     f"{b.fields['Bug']} | {b.subject}, {b.year} | "
                     f"{b.fields['Had it']} | {b.fields['Tree']} | "
                     f"{b.how()} |")
    return "\n".join(lines) + "\n"


def written_table():
    """What the page has."""
    return PAGE.read_text().partition(BEGIN + "\n\n")[2].partition(
        "\n" + END)[0]


def main():
    parser = Parser(prog="kernel-bugs", description="Puts bugs that zsmalloc "
                    "really had back into the file of a kernel that Debian "
                    "has, and sees that each is found. Without a name: all "
                    "of kernel/bugs.")
    parser.add_argument("names", nargs="*", metavar="BUG")
    parser.add_argument("--table", action="store_true",
                        help="print the table of docs/kernel-bugs.md")
    args = parser.parse_args()
    bugs = all_bugs()
    unknown = set(args.names) - {b.name for b in bugs}
    if unknown:
        die(f"{BUGS} has no {sorted(unknown)[0]}.cocci", 2)
    if args.table:
        print(table(bugs), end="")
        return 0
    bugs = [b for b in bugs if not args.names or b.name in args.names]
    kernel_test.end_on_signals()
    with kernel_test.only_one():
        failed = run(bugs)
    if failed:
        print(f"FAILED: {failed} of {len(bugs)} were not found")
    return 1 if failed else 0


if __name__ == "__main__":
    run_main(main)
