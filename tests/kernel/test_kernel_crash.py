#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""What a crash of the stress test leaves: what each thread did (activity.c),
where it was (scripts/kernel_crash.py), and how to run it again. Needs python3,
cc and addr2line."""
import contextlib
import io
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_crash  # noqa: E402
import kernel_test  # noqa: E402

# A thread that ends as the argument says while another one works.
PROGRAM = r"""
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "kernel/activity.h"

static struct activity all[2] = {
	{ .name = "worker 1", .seed = 7 }, { .name = "migrator", .seed = -1 },
};
static volatile int *nowhere;

static __attribute__((noinline)) void ends_here(int by_abort)
{
	if (by_abort)
		abort();
	*nowhere = 1;
}

static void *work(void *arg)
{
	activity_enter(&all[0]);
	activity_do(&all[0], "malloc", 3, 100);
	activity_do(&all[0], "free", 4, 200);
	ends_here(arg != NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	activity_report_signals("program", all, 2);
	activity_do(&all[1], "migrates pages", 0, 0);
	pthread_create(&thread, NULL, work, argc > 1 ? argv : NULL);
	pthread_join(thread, NULL);
	return 0;
}
"""


class Crash(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = Path(self.dir.name)
        self.program = self.path / "crash"
        (self.path / "crash.c").write_text(PROGRAM)
        subprocess.run(
            ["cc", "-D_GNU_SOURCE", "-std=gnu11", "-g", "-O1", "-pthread",
             "-I", ROOT, "-o", self.program, self.path / "crash.c",
             ROOT / "kernel/activity.c"], check=True)

    def run_it(self, *arguments):
        done = subprocess.run(
            [self.program, *arguments], text=True, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout.splitlines()

    def check(self, number, *arguments):
        status, lines = self.run_it(*arguments)
        self.assertEqual(status, -number)
        self.assertEqual(lines[:3], [
            f"program: signal {number} in worker 1",
            "> worker 1, seed 7, step 2: free, object 4 of 200 bytes",
            "  migrator: migrates pages"])
        named = kernel_crash.name_frames(lines)
        self.assertEqual(named[:3], lines[:3])
        frames = [n.strip() for n in named[3:]]
        where = [n for n in frames
                 if re.match(r"ends_here at crash\.c:\d+ \(crash\)$", n)]
        self.assertEqual(len(where), 1, named)
        self.assertTrue(frames[frames.index(where[0]) + 1]
                        .startswith("work at crash.c:"), named)

    def test_segmentation_fault(self):
        self.check(signal.SIGSEGV)

    def test_abort(self):
        self.check(signal.SIGABRT, "abort")

    def test_lines_without_frames_stay(self):
        lines = ["text", "/no/such/file(+0x10)[0x123]", "/x(main+0x1)[0x2]"]
        self.assertEqual(kernel_crash.name_frames(lines), lines)

    def test_in_the_report(self):
        """With the command that runs it again, which does the same."""
        build = types.SimpleNamespace(kind="")
        tree = types.SimpleNamespace(description="X", lines=list, groups=12)
        args = types.SimpleNamespace(sanitize=None)
        steps = []
        with mock.patch.object(kernel_test, "BUILD", self.path), \
                contextlib.redirect_stderr(io.StringIO()), \
                contextlib.redirect_stdout(io.StringIO()) as out:
            kernel_test.run(steps, "dies", build, [self.program, "a b"],
                            env={"SOME": "words of it"})
            status = kernel_test.report(tree, build, steps, [], "", args)
        self.assertEqual(status, 1)
        self.assertEqual(steps[0].note, "killed by signal 6")
        self.assertIn("ends_here at crash.c:", out.getvalue())
        again = re.search(r"^  again: (.*)$", out.getvalue(), re.M)[1]
        self.assertEqual(shlex.split(again), [
            "SOME=words of it", "gdb", "-ex", "run", "--args",
            str(self.program), "a b"])

    def test_killed_from_outside(self):
        """A sanitizer would not tell more."""
        build = types.SimpleNamespace(kind="")
        tree = types.SimpleNamespace(description="X", lines=list, groups=12)
        args = types.SimpleNamespace(sanitize=None)
        steps = []
        with mock.patch.object(kernel_test, "BUILD", self.path), \
                contextlib.redirect_stderr(io.StringIO()), \
                contextlib.redirect_stdout(io.StringIO()) as out:
            kernel_test.run(steps, "eats", build, ["sh", "-c", "kill -9 $$"])
            kernel_test.report(tree, build, steps, [], "", args)
        self.assertEqual(steps[0].note,
                         "killed by signal 9, perhaps for want of memory")
        self.assertIn("  no output\n", out.getvalue())


if __name__ == "__main__":
    unittest.main()
