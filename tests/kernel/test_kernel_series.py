#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Tests scripts/kernel_series.py, and how kernel_patch.py reads a series, on
patches written here: their order, what is no patch, what is told after each of
them. Needs python3 and patch."""
import contextlib
import io
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_patch  # noqa: E402
import kernel_series  # noqa: E402

OURS = "mm/zsmalloc.c"
LOCKS = """\
pages freed: 200, with a class->lock held: 50
lock                                  taken  contended     failed
zone->lock (src/compat/zone.c:172)     6834          3          0
pool->lock (mm/zsmalloc.c:2141)      read      1000          7          0
class->lock (mm/zsmalloc.c:2213)     2200        104          0
class->lock#1 (mm/zsmalloc.c:2213)     300        104          0
"""


def diff(old, new, name=OURS):
    return f"--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-{old}\n+{new}\n"


def mail(subject, text):
    return ("From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 "
            f"2001\nFrom: A <a@example.org>\nSubject: {subject}\n\n"
            f"Some words.\n---\n{text}-- \n2.39\n\n")


class Series(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = Path(self.dir.name)

    def box(self, *mails):
        path = self.path / "series.mbox"
        path.write_text("".join(mails))
        return path

    def titles(self, path):
        return [title for title, _ in kernel_patch.read_series(path)]


class Reading(Series):
    def test_box(self):
        """By number; letters and answers are none of it."""
        path = self.box(
            mail("[PATCH v2 0/2] a cover letter", ""),
            mail("[PATCH v2 2/2] second", diff("b", "c")),
            mail("Re: [PATCH v2 1/2] first", "> " + diff("a", "b")),
            mail("RE: [PATCH v2 2/2] second", diff("x", "y")),
            mail("[PATCH v2 1/2] zsmalloc: [x] first\n of them",
                 diff("a", "b")))
        self.assertEqual(self.titles(path),
                         ["zsmalloc: [x] first of them", "second"])

    def test_without_numbers(self):
        path = self.box(mail("one", diff("a", "b")),
                        mail("=?utf-8?q?zw=C3=B6lf?=", diff("b", "c")))
        self.assertEqual(self.titles(path), ["one", "zw\u00f6lf"])

    def test_directory(self):
        for number, text in ((2, diff("b", "c")), (1, diff("a", "b"))):
            (self.path / f"000{number}-x.patch").write_text(
                mail(f"[PATCH {number}/2] n{number}", text))
        (self.path / "0000-cover-letter.patch").write_text(
            mail("[PATCH 0/2] cover", ""))
        (self.path / "notes.txt").write_text(diff("q", "r"))
        self.assertEqual(self.titles(self.path), ["n1", "n2"])

    def test_plain_diffs(self):
        for name in ("b.diff", "a.diff"):
            (self.path / name).write_text(diff("a", "b"))
        self.assertEqual(self.titles(self.path), ["a.diff", "b.diff"])

    def refused(self, path, word):
        with contextlib.redirect_stderr(io.StringIO()) as said, \
                self.assertRaises(SystemExit) as raised:
            kernel_patch.read_series(path)
        self.assertEqual(raised.exception.code, 2)
        self.assertIn(word, said.getvalue())
        self.assertEqual(len(said.getvalue().splitlines()), 1)

    def test_two_versions(self):
        self.refused(self.box(mail("[PATCH 1/1] a", diff("a", "b")),
                              mail("[PATCH v2 1/1] a", diff("a", "c"))),
                     "the number 1")

    def test_nothing(self):
        self.refused(self.box(mail("[PATCH 0/1] a", "")), "no patch")
        (self.path / "empty").mkdir()
        self.refused(self.path / "empty", "no patch")


class Cells(unittest.TestCase):
    def test_locks(self):
        """Only the file's own; locks of one kind together."""
        self.assertEqual(kernel_series.locks_cells(LOCKS, 1000),
                         ("class->lock 2.50, pool->lock 1.00", "25 %"))

    def test_tests(self):
        good = types.SimpleNamespace(good=True, name="stress, 4096")
        bad = types.SimpleNamespace(good=False, name="stress, 4096")
        self.assertEqual(kernel_series.tests_cell([good]), "passed")
        self.assertEqual(kernel_series.tests_cell([good, bad, bad]),
                         "FAILED: stress")

    def test_lab(self):
        row = {"found": "nothing", "complete": True, "schedules": 1200,
               "scenario": "free-free"}
        self.assertEqual(kernel_series.lab_cell([row, row]), "2,400 orders")
        self.assertEqual(kernel_series.lab_cell(
            [row, {**row, "complete": False}]), "not to the end")
        self.assertEqual(kernel_series.lab_cell(
            [row, {**row, "found": "crash"}]), "crash: free-free")

    def test_time(self):
        self.assertEqual(kernel_series.churn_numbers(
            "160000 objects, 512 ns for each\n"), (160000, 512))
        self.assertIsNone(kernel_series.churn_numbers("killed\n"))
        self.assertEqual(kernel_series.time_cell([9, 1, 5]), "5")


class Report(Series):
    """With a file of one line in the place of the kernel's: `wrong` in it is
    what the tests find."""

    def run_series(self, *mails):
        self.measured = []

        def measure(row, patches):
            tree = self.path / "tree"
            (tree / OURS).parent.mkdir(parents=True, exist_ok=True)
            (tree / OURS).write_text("a\n")
            for title, text in patches:
                kernel_patch.apply_text(title, text, tree)
            text = (tree / OURS).read_text().strip()
            self.measured.append(text)
            row.told = [f"a stub, not known here: __GFP_{text}, 0 (line 1)"]
            row.failed = text == "wrong"
            row.cells["tests"] = "FAILED" if row.failed else "passed"
            if row.failed:
                row.notes.append("how to see it")

        out, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), \
                contextlib.redirect_stderr(said):
            status = kernel_series.run(
                types.SimpleNamespace(series=self.box(*mails)), measure)
        self.said = said.getvalue()
        return status, out.getvalue()

    def test_passes(self):
        status, text = self.run_series(
            mail("one", diff("a", "b")),
            mail("docs", diff("x", "y", "Documentation/mm/zsmalloc.rst")),
            mail("two", diff("b", "c")))
        self.assertEqual(status, 0)
        self.assertEqual(self.measured, ["a", "b", "c"])
        self.assertRegex(text, r"(?m)^0 +passed\n +the file as it is\n"
                               r"1 +passed\n +one\n"
                               r"2 +not for zsmalloc\n +docs\n"
                               r"3 +passed\n +two\n")
        self.assertIn("passed: the file, and after each of 3 patches", text)

    def test_stubs(self):
        """Each once, with the patch that it came with."""
        _, text = self.run_series(mail("one", diff("a", "b")),
                                  mail("two", diff("b", "a")))
        self.assertIn("\n\n0: a stub, not known here: __GFP_a, 0 (line 1)\n"
                      "1: a stub, not known here: __GFP_b, 0 (line 1)\n\n"
                      "passed:", text)

    def test_which_one_breaks_it(self):
        status, text = self.run_series(
            mail("one", diff("a", "b")), mail("two", diff("b", "wrong")),
            mail("three", diff("wrong", "d")))
        self.assertEqual(status, 1)
        # It goes on: a later one may mend it.
        self.assertEqual(self.measured, ["a", "b", "wrong", "d"])
        self.assertIn("\n2: how to see it\n", text)
        self.assertIn("FAILED: first after patch 2 of 3", text)

    def test_does_not_apply(self):
        status, text = self.run_series(
            mail("one", diff("a", "b")), mail("two", diff("q", "r")),
            mail("three", diff("b", "c")))
        self.assertEqual(status, 1)
        self.assertEqual(self.measured, ["a", "b"])
        self.assertIn("two does not apply", self.said)
        self.assertRegex(text, r"2 +does not apply or build\n +two\n")
        self.assertIn("1 patches were not tried", text)


class Options(unittest.TestCase):
    def test_refused(self):
        for options in (["--lab"], ["--locks"], ["--sanitize", "address"],
                        ["--cocci", "x"], ["--build-only"], ["--keep"], []):
            done = subprocess.run(
                [sys.executable, ROOT / "scripts/kernel_test.py", "--series",
                 "/nowhere", *options], text=True, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("--series", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
