#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""What scripts/kernel-test makes of the differential's output: a crash or a
mismatch that has left a trace, and a run that did too little. That
uzs-compare prints this is tests/conformance/compare.sh's to see. Needs
python3."""
import contextlib
import io
import re
import shlex
import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_test  # noqa: E402

HEAD = ("subject,against,page_size,chain_size,ops,compactions,"
        "pages_compacted,states_compared,layouts_compared,pages_moved,"
        "pages_moved_against\n")
CRASH = """uzsmalloc: mm/zsmalloc.c:849: bug: get_zspage_inuse(zspage)
uzs-compare: crash: kernel-x and held, page size 4096, chain size 8, seed 7, \
trace 2: killed by signal 6 (Aborted)
operation 9000: f 12, in kernel-x
  written: /traces/x.crash.trace (9000 operations)
shrunk to 2 operations:
uzsmalloc: mm/zsmalloc.c:849: bug: get_zspage_inuse(zspage)
operation 2: f 0, in kernel-x
  written: /traces/x.shrunk.trace (2 operations)
  again: /build/uzs-compare --subject '/a blank/x.so' --in-process --trace \
/traces/x.shrunk.trace
"""
MISMATCH = """uzs-compare: mismatch: kernel-x and held, page size 4096, \
chain size 8, seed 7, trace 2
operation 5: c: the pages differ
  written: /traces/x.prefix.trace (5 operations)
  again: /build/uzs-compare --subject x.so --shrink-seconds 0 --trace \
/traces/x.prefix.trace
"""


class Differential(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = Path(self.dir.name)
        self.program = self.path / "tests/conformance/uzs-compare"
        self.program.parent.mkdir(parents=True)

    def differential(self, output, status):
        """With a program that prints that: (step, the report)."""
        text = self.path / "output"
        text.write_text(output)
        self.program.write_text(f"#!/bin/sh\ncat '{text}'\nexit {status}\n")
        self.program.chmod(0o755)
        tree = types.SimpleNamespace(groups=12, description="X", lines=list)
        build = types.SimpleNamespace(
            kind="undefined", tree=tree, program=lambda n: self.path / n,
            subject=lambda s, c: f"{s}-{c}.so")
        args = types.SimpleNamespace(ops="1M", seed=7, sanitize=None)
        steps = []
        with mock.patch.object(kernel_test, "BUILD", self.path), \
                contextlib.redirect_stderr(io.StringIO()), \
                contextlib.redirect_stdout(io.StringIO()) as out:
            cells = kernel_test.differential(steps, build, [(12, 8)], args,
                                             self.path)
            kernel_test.report(tree, build, steps, cells, "", args)
        self.assertEqual(len(steps), 1)
        return steps[0], out.getvalue()

    def again(self, report):
        return shlex.split(re.search(r"^  again: (.*)$", report, re.M)[1])

    def row(self, ops, compacted, moved):
        return (HEAD + f"kernel-x,held,4096,8,{ops},9,{compacted},9,9,"
                f"{moved},9\n")

    def test_crash(self):
        step, report = self.differential(CRASH + self.row(10, 0, 0), 1)
        self.assertFalse(step.good)
        self.assertEqual(step.note, "killed by signal 6 (Aborted)")
        for words in ("seed 7, trace 2: killed", "operation 2: f 0, in ker",
                      "written: /traces/x.shrunk.trace",
                      "mm/zsmalloc.c:849: bug"):
            self.assertIn(words, report)
        again = self.again(report)
        self.assertEqual(again[again.index("gdb"):], [
            "gdb", "-ex", "run", "--args", "/build/uzs-compare", "--subject",
            "/a blank/x.so", "--in-process", "--trace",
            "/traces/x.shrunk.trace"])
        self.assertIn("UBSAN_OPTIONS=print_stacktrace=1", again)
        self.assertEqual(report.count("again:"), 1)

    def test_crash_that_a_sanitizer_tells(self):
        frames = "".join(f"  #{n} f\n" for n in range(50))
        _, report = self.differential(
            "==1==ERROR: AddressSanitizer: heap-use-after-free\n" + frames +
            CRASH.replace("killed by signal 6 (Aborted)", "ended with 1"), 1)
        self.assertIn("heap-use-after-free", report)
        self.assertIn("operation 2: f 0, in kernel-x", report)
        self.assertIn("ended with 1", report)

    def test_mismatch(self):
        step, report = self.differential(MISMATCH, 1)
        self.assertEqual(step.note, "mismatch")
        again = self.again(report)
        self.assertNotIn("gdb", again)
        self.assertEqual(again[-1], "/traces/x.prefix.trace")

    def test_failed_otherwise(self):
        step, report = self.differential("uzs-compare: out of memory\n", 1)
        self.assertFalse(step.good)
        self.assertIn("out of memory", report)
        self.assertNotIn("again:", report)

    def test_uneventful(self):
        for row, good, note in (
                (self.row(1000000, 9, 9), True, "1,000,000 operations, no"),
                (self.row(20000, 0, 0), True, "20,000 operations, no"),
                (self.row(0, 0, 0), False, "nothing was compared with 4096"),
                (self.row(1000000, 0, 9), False, "nothing was compacted"),
                (self.row(1000000, 9, 0), False,
                 "nothing was migrated with 4096 byte pages, chain 8"),
                (HEAD, False, "only 0 of 1 geometries")):
            step, _ = self.differential(row, 0)
            self.assertEqual(step.good, good, step.note)
            self.assertIn(note, step.note)


if __name__ == "__main__":
    unittest.main()
