#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Tests scripts/kernel_lab.py, on what the lab's programs may print and on
small trees: which functions' plain accesses are left out, what a report says,
and what ends a run. Needs python3 and cc."""
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import kernel_lab  # noqa: E402
import kernel_options  # noqa: E402
import kernel_test  # noqa: E402

ROW = {"scenario": "free-free", "scope": "kernel", "defer": "none", "cpus": 2,
       "preemptions": 2, "schedules": 59, "states": 72, "longest": 51,
       "cpu_seconds": 0.25, "complete": True, "found": "nothing"}
RACE = {**ROW, "found": "data race", "found_at": 7, "found_steps": 46,
        "schedule": "free-free/kernel/none/2/5b", "confirmed": True,
        "text": "two stores\nto x"}


class Unwatched(unittest.TestCase):
    def declared(self, source):
        with tempfile.TemporaryDirectory() as directory:
            tree = types.SimpleNamespace(path=Path(directory), source=source,
                                         evicts=False)
            kernel_lab.write_unwatched(tree)
            text = (tree.path / kernel_lab.UNWATCHED_FILE).read_text()
            file = tree.path / "whole.c"
            file.write_text("#define UZS_K_UNWATCHED "
                            "__attribute__((noinline))\n" + text + source)
            done = subprocess.run(["cc", "-fsyntax-only", file],
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return text

    def test_as_defined(self):
        text = self.declared(
            "struct zpdesc { int x; };\n"
            "static struct zspage *get_zspage(struct zpdesc *d)\n"
            "{\n\treturn d ? (void *)d : 0;\n}\n"
            "static int other(void)\n{\n\treturn !get_zspage(0);\n}\n"
            "int (*use)(void) = other;\n")
        self.assertIn("static struct zspage *get_zspage(struct zpdesc *d) "
                      "UZS_K_UNWATCHED;", text)
        self.assertNotIn("other", text)

    def test_several_lines(self):
        text = self.declared(
            "static unsigned long zs_shrinker_count(struct shrinker *s,\n"
            "\t\tstruct shrink_control *c)\n"
            "{\n\treturn s != (void *)c;\n}\n"
            "void *use = zs_shrinker_count;\n")
        self.assertIn("(struct shrinker *s, struct shrink_control *c)", text)

    def test_none(self):
        self.assertNotIn("UNWATCHED", self.declared("int x;\n"))


class Report(unittest.TestCase):
    def test_rows(self):
        text = kernel_lab.rows_text([ROW, {**ROW, "complete": False}], False)
        self.assertRegex(text, r"free-free +2 +2 +59 +72 +51 +0.250  nothing\n")
        self.assertIn("nothing so far", text)
        self.assertIn("2 rows, 118 schedules, 144 states, 0.5 s of CPU time, "
                      "236 schedules a second", text)

    def test_briefly(self):
        text = kernel_lab.rows_text([ROW, RACE], True)
        self.assertIn("data race", text)
        self.assertNotIn("nothing", text)
        self.assertEqual(len(kernel_lab.rows_text([ROW], True).splitlines()),
                         1)

    def test_findings(self):
        longer = {**RACE, "found_steps": 400, "schedule": "a/b/c/2/1b",
                  "confirmed": False}
        with mock.patch.object(kernel_lab, "table", lambda *_: "TABLE"):
            text = kernel_lab.findings_text(ROOT / "build/prog",
                                            [longer, RACE])
        self.assertRegex(text, "(?s)^data race, found by schedule 7 of "
                         "free-free with 2 CPUs.*TABLE.*"
                         "  build/prog replay free-free/kernel/none/2/5b\n"
                         "  gdb --args build/prog replay free-free.*"
                         "  400  a/b/c/2/1b  data race: two stores to x")
        self.assertNotIn("alone does not", text)

    def rewrite(self, first, second):
        return (f"a plain {first[0]} by CPU 0 at {first[1]}, after its step at "
                f"a.c:1, and a {second[0]} by CPU 1 at {second[1]}, after its "
                "step at b.c:2")

    def test_rewrites(self):
        """A pair of lines is told once, whoever of the two comes first."""
        load, store = ("load", "f at z.c:5"), ("store", "g at z.c:9")
        other = self.rewrite(("load", "h at z.c:7"), store)
        rows = [{**ROW, "rewrites": [self.rewrite(load, store), other]},
                {**ROW, "rewrites": [self.rewrite(store, load)]}, ROW]
        lines = kernel_lab.rewrites_text(rows, "prog").splitlines()
        self.assertEqual(len(lines), 3)
        self.assertIn("change nothing", lines[0])
        self.assertEqual(lines[1], "  free-free, 2 CPUs: "
                         + self.rewrite(load, store))
        self.assertEqual(kernel_lab.rewrites_text([ROW], "prog"), "")

    def test_places(self):
        """Numbers in the program become lines, if it knows them."""
        with mock.patch.object(kernel_lab.kernel_crash, "places",
                               lambda file, at: ["f at z.c:5", "m", "g"]
                               if at == "0x10" else []):
            self.assertEqual(kernel_lab.with_places(
                "at (+0x10), and (+0x20)", "prog"),
                "at f at z.c:5 in g, and (+0x20)")

    def test_long_table(self):
        lines = "\n".join(f"line {i}" for i in range(500))
        done = types.SimpleNamespace(stdout=lines)
        with mock.patch.object(subprocess, "run", lambda *_, **__: done):
            text = kernel_lab.table("prog", "x")
        self.assertIn("line 0", text)
        self.assertIn("line 499", text)
        self.assertIn("... 440 steps", text)
        self.assertLessEqual(len(text.splitlines()),
                             kernel_lab.MOST_LINES + 1)


def one_by_one(execute):
    """As execute_all() takes the commands; what each does is execute()'s."""
    return lambda jobs, limit: [execute(*job, limit) for job in jobs]


class Run(unittest.TestCase):
    """What is explored, and the exit status."""

    def setUp(self):
        patch = mock.patch.object(kernel_lab, "scenarios",
                                  lambda _, deep: ["one"])
        patch.start()
        self.addCleanup(patch.stop)

    def test_scenarios(self):
        """Each by itself, in the order of the list; not all without --deep."""
        mock.patch.stopall()
        with tempfile.TemporaryDirectory() as directory:
            program = Path(directory) / "lab"
            program.write_text("#!/bin/sh\necho '[{\"name\": \"b\", "
                               "\"quick\": true}, {\"name\": \"a\", "
                               "\"quick\": false}]'\n")
            program.chmod(0o755)
            self.assertEqual(kernel_lab.scenarios(program, False), ["b"])
            self.assertEqual(kernel_lab.scenarios(program, True), ["b", "a"])

    def run_with(self, plain, steps, deep=False):
        asked = []

        def execute(command, log, limit):
            kind = "plain" if "plain" in str(command[0]) else "steps"
            asked.append(kind)
            log.write_text(json.dumps(plain if kind == "plain" else steps)
                           + "\nuzs-lab-kernel: something\n")
            return 0

        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory)
            build = types.SimpleNamespace(
                program=lambda n: path / Path(n).name, make=lambda t: None)
            for kind in kernel_lab.KINDS:
                (path / kernel_lab.name(8, kind)).touch()
            tree = types.SimpleNamespace(path=path / "t", description="X",
                                         lines=lambda: ["y"])
            tree.path.mkdir()
            out = io.StringIO()
            with contextlib.redirect_stdout(out), \
                    contextlib.redirect_stderr(io.StringIO()), \
                    mock.patch.object(kernel_lab, "table", lambda *_: "T"):
                args = types.SimpleNamespace(deep=deep, memory=None)
                result = kernel_lab.run(args, tree, build, [8],
                                        one_by_one(execute), path)
        return result, asked, out.getvalue()

    def test_nothing(self):
        result, asked, text = self.run_with([ROW], [ROW])
        self.assertEqual(result, (0, False))
        self.assertEqual(asked, ["steps", "plain"])
        self.assertIn("\npassed: no order of steps within", text)

    def test_found_by_steps(self):
        result, asked, text = self.run_with([ROW], [ROW, RACE])
        self.assertEqual(result, (1, True))
        self.assertEqual(asked, ["steps"])
        self.assertIn("\nFAILED: ", text)

    def test_memory_is_passed_on(self):
        commands = []

        def execute(command, log, _limit):
            commands.append(command)
            log.write_text(json.dumps([ROW]))
            return 0

        build = types.SimpleNamespace(program=lambda n: Path(n))
        with tempfile.TemporaryDirectory() as directory, \
                contextlib.redirect_stderr(io.StringIO()):
            for memory in None, "sc", "lkmm-ish":
                args = types.SimpleNamespace(deep=False, memory=memory)
                kernel_lab.explore(args, build, 8, "", one_by_one(execute),
                                   Path(directory) / "log")
        self.assertNotIn("--memory", commands[0] + commands[1])
        self.assertEqual(commands[2][3:],
                         ["--memory", "lkmm-ish", "--preemptions", "1",
                          "--only", "one/*"])

    def test_found_by_plain_accesses(self):
        result, asked, text = self.run_with([RACE], [ROW])
        self.assertEqual(result, (1, True))
        self.assertEqual(asked, ["steps", "plain"])

    def test_not_complete(self):
        some = {**ROW, "complete": False}
        self.assertEqual(self.run_with([ROW], [some])[0], (1, False))
        result, _, text = self.run_with([ROW, some], [some, ROW, ROW],
                                        deep=True)
        self.assertEqual(result, (0, False))
        self.assertIn("passed as far as it went: 2 of 5 rows were not "
                      "explored to the end (20 s", text)
        self.assertNotIn("no order of steps", text)

    def test_no_json(self):
        with tempfile.TemporaryDirectory() as directory:
            log = Path(directory) / "log"

            def execute(command, log, limit):
                log.write_text("Segmentation fault\n")
                return -11

            build = types.SimpleNamespace(program=Path)
            args = types.SimpleNamespace(deep=False, memory=None)
            error = io.StringIO()
            with contextlib.redirect_stderr(error), \
                    contextlib.redirect_stdout(io.StringIO()), \
                    self.assertRaises(SystemExit) as ended:
                kernel_lab.explore(args, build, 8, "", one_by_one(execute),
                                   log)
        self.assertEqual(ended.exception.code, 1)
        self.assertIn("the lab ended with -11", error.getvalue())


class Options(unittest.TestCase):
    def refused(self, *options):
        error = io.StringIO()
        with mock.patch.object(sys, "argv", ["kernel-test", *options]), \
                contextlib.redirect_stderr(error), \
                self.assertRaises(SystemExit) as ended:
            kernel_options.arguments()
        self.assertEqual(ended.exception.code, 2)
        return error.getvalue()

    def test_with_others(self):
        self.assertIn("--lab: without", self.refused("--lab", "--locks"))
        self.assertIn("--lab: without",
                      self.refused("--lab", "--sanitize", "thread"))
        self.assertIn("--deep: with --lab", self.refused("--deep"))

    def test_page_size(self):
        args = types.SimpleNamespace(page_shifts=[16], chain_size=None)
        with contextlib.redirect_stderr(io.StringIO()), \
                self.assertRaises(SystemExit):
            kernel_lab.chain_sizes(args, types.SimpleNamespace(
                fixed_chain=None))


if __name__ == "__main__":
    unittest.main()
