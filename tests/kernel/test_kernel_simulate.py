#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Tests scripts/kernel-test --simulate: what its options mean, and two files in
virtual time, 6.12's and 7.3's: all cells are there, the one that takes no
pool-wide lock is faster on four CPUs, the breakdown adds up and names fields and
lines that are so in the files. Needs what kernel-test needs; the last part also
that it ran with --debian 6.12 and 7.3 before."""
import contextlib
import csv
import io
import re
import subprocess
import sys
import tempfile
import types
import unittest
from collections import defaultdict
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_options  # noqa: E402
import kernel_simulate  # noqa: E402
import kernel_tree  # noqa: E402

TREES = ROOT / "build/kernel-trees"
BEFORE, AFTER = "6.12", "7.3"


class Fields(unittest.TestCase):
    def test_all_kinds(self):
        text = ("struct zspage {\n\tstruct {\n\t\tunsigned int huge:1;\n\t};\n"
                "\tunsigned int inuse, freeobj;\n#ifdef CONFIG_X\n"
                "\tstruct list_head list[4];\n#endif\n"
                "\tvoid (*call)(int a, int b);\n"
                "\tstruct {\n\t\tint inner;\n\t} named;\n"
                "\tunion { int *a; long b; };\n};\n")
        self.assertEqual(
            kernel_tree.structure_fields(text, "zspage"),
            [("field", "inuse"), ("field", "freeobj"),
             ("line", "#ifdef CONFIG_X"), ("field", "list"),
             ("line", "#endif"), ("field", "named"), ("field", "a"),
             ("field", "b")])
        self.assertEqual(kernel_tree.structure_fields(text, "zs_pool"), [])


class Options(unittest.TestCase):
    def parse(self, *options):
        with mock.patch.object(sys, "argv", ["kernel-test", *options]):
            return kernel_options.arguments()

    def refused(self, *options):
        error = io.StringIO()
        with contextlib.redirect_stderr(error), \
                self.assertRaises(SystemExit) as ended:
            self.parse(*options)
        self.assertEqual(ended.exception.code, 2)
        return error.getvalue()

    def test_with_others(self):
        self.assertIn("--cpus: with --simulate", self.refused("--cpus", "4"))
        self.assertIn("--bus-queue: with --simulate",
                      self.refused("--bus-queue"))
        self.assertIn("--simulate: without --lab",
                      self.refused("--simulate", "--lab"))
        self.assertIn("--against: without",
                      self.refused("--simulate", "--against", "7.3",
                                   "--patch", "x"))
        self.assertIn("--published: has its own",
                      self.refused("--simulate", "--published", "--cpus", "4"))

    def test_variants(self):
        of = kernel_simulate.variants(self.parse("--simulate"))
        self.assertEqual(len(of), 1)
        of = kernel_simulate.variants(self.parse("--simulate", "--patch", "p"))
        self.assertEqual([a.patch for a in of], [[], [Path("p")]])
        of = kernel_simulate.variants(self.parse(
            "--simulate", "--debian", "7.2", "--against", "7.3"))
        self.assertEqual([a.debian for a in of], ["7.2", "7.3"])
        with contextlib.redirect_stderr(io.StringIO()), \
                self.assertRaises(SystemExit):
            kernel_simulate.variants(self.parse("--simulate", "--against",
                                                "/nonexistent"))

    def test_names(self):
        self.assertEqual(kernel_simulate.short_name("7.3.4-a=b", []),
                         "7.3.4-a_b")
        self.assertEqual(kernel_simulate.short_name("x" * 40, ["x" * 31]),
                         "x" * 28 + "-2")

    def test_page_size(self):
        args = types.SimpleNamespace(page_shifts=[16], chain_size=None)
        with contextlib.redirect_stderr(io.StringIO()), \
                self.assertRaises(SystemExit):
            kernel_simulate.geometry(args,
                                     types.SimpleNamespace(fixed_chain=None))


class Simulated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for version in (BEFORE, AFTER):
            path = TREES / f"debian-{version}" / kernel_tree.SOURCE
            if not path.is_file():
                raise unittest.SkipTest(f"{path}: scripts/kernel-test --debian "
                                        f"{version} makes it")
        cls.names = [kernel_tree.kernel_version(TREES / f"debian-{v}")
                     for v in (BEFORE, AFTER)]
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.out = Path(directory.name)
        # No counters that the callers share: what is waited for is the file's.
        done = subprocess.run(
            [ROOT / "scripts/kernel-test", "--simulate", "--debian", BEFORE,
             "--against", AFTER, "--costs", "i7-12700", "--cpus", "1,4",
             "--set", "caller_atomics=0", "--objects", "400", "--output",
             cls.out], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.text = done.stdout
        with open(cls.out / "table.csv") as file:
            cls.cells = list(csv.DictReader(file))
        with open(cls.out / "breakdown.csv") as file:
            cls.parts = list(csv.DictReader(file))

    def ns(self, cpus, scope):
        return [float(c["call_ns"]) for c in self.cells
                if (c["cpus"], c["scope"]) == (cpus, scope)][0]

    def test_cells(self):
        self.assertEqual([(c["cpus"], c["scope"]) for c in self.cells],
                         [(n, s) for n in ("1", "4")
                          for s in [*self.names, "held", "class-idx"]])

    def test_direction(self):
        before, after = self.names
        self.assertGreater(self.ns("4", before), 1.2 * self.ns("4", after))
        self.assertLess(self.ns("1", before), 1.2 * self.ns("1", after))

    def test_adds_up(self):
        sums, wanted = defaultdict(float), {}
        for p in self.parts:
            cell = p["cpus"], p["scope"]
            wanted[cell] = float(p["all_ns"])
            if p["in"] != "worker":
                sums[cell] += float(p["ns"])
        self.assertEqual(len(wanted), len(self.cells))
        for cell, ns in wanted.items():
            self.assertLess(abs(sums[cell] / ns - 1), 0.02, cell)

    def test_whose_line(self):
        lines = {(p["cpus"], p["scope"]) for p in self.parts
                 if p["what"] == "line" and
                 re.fullmatch("pool->(migrate_)?lock", p["of"])}
        self.assertEqual(lines, {("4", self.names[0]), ("4", "held")})
        wanted = "pool-&gt;migrate_lock's line</text>"
        for name in "flame.svg", "report.html":
            self.assertTrue(wanted in (self.out / name).read_text(), name)
        self.assertIn("zs_free          line   pool->migrate_lock", self.text)

    def test_places(self):
        """Waits for locks are told at lines that take one."""
        checked = 0
        for p in self.parts:
            if not p["file"].startswith("mm/"):
                continue
            self.assertNotIn("+0x", p["function"])
            if p["what"] != "lock" or p["of"] != "class->lock":
                continue
            version = (BEFORE, AFTER)[self.names.index(p["scope"])]
            line = (TREES / f"debian-{version}" / p["file"]).read_text(
                errors="replace").splitlines()[int(p["line"]) - 1]
            self.assertIn("lock", line)
            checked += 1
        self.assertGreater(checked, 0)

    def test_all_of_objects_is_named(self):
        """What nobody can name is little."""
        unnamed = sum(float(p["share"]) for p in self.parts
                      if p["what"] in ("line", "memory") and not p["of"])
        self.assertLess(unnamed / len(self.cells), 0.02)


if __name__ == "__main__":
    unittest.main()
