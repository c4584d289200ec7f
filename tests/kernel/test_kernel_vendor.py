#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Tests scripts/kernel_vendor.py on small files written here: which unknown
names become stubs by themselves, and that each is told; --define and
--include-stub; that nothing else is made up. Needs python3 and cc."""
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
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import interfaces  # noqa: E402
import kernel_tree  # noqa: E402
import kernel_vendor  # noqa: E402

HOOKS = """
#include <linux/gfp.h>
#include <trace/hooks/ours.h>
static int hooked(gfp_t gfp)
{
	bool bypass = false;

	trace_vendor_hook(&bypass, gfp & ~__GFP_VENDOR);
	if (trace_vendor_hook_enabled())
		return 1;
	return bypass;
}
"""
OTHERS = """
#include <linux/types.h>
#include <linux/vendor_swap.h>
static unsigned long seen;
static bool often(void)
{
	seen = ticks + 10 * PER_SECOND;
	return is_daemon() && after(seen);
}
"""


class Vendor(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = Path(self.dir.name)

    def tree(self, source, define=(), include_stub=()):
        for name, text in ((kernel_tree.HEADER, interfaces.header()),
                           (kernel_tree.SOURCE, source)):
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        tree = kernel_tree.Tree(self.path, "x", "X")
        tree.write_config()
        kernel_vendor.add_stubs(tree, types.SimpleNamespace(
            define=define, include_stub=include_stub))
        return tree

    def missing(self, tree):
        return kernel_tree.what_is_missing(tree,
                                           tree.path / kernel_tree.SOURCE)

    def test_hooks_and_flags(self):
        tree = self.tree(HOOKS)
        self.assertEqual(self.missing(tree), ({}, []))
        told = "\n".join(tree.lines())
        for what in ("trace/hooks/ours.h, empty (line 3)",
                     "trace_vendor_hook(), does nothing (line 8)",
                     "trace_vendor_hook_enabled(), false (line 9)",
                     "__GFP_VENDOR, 0 (line 8)"):
            self.assertIn("a stub, not known here: " + what, told)
        self.assertEqual(len(tree.told), 4)

    def test_what_they_do(self):
        """The hook changes nothing, the flag is none."""
        tree = self.tree(HOOKS)
        program = self.path / "program.c"
        program.write_text((tree.path / kernel_tree.STUBS).read_text()
                           + "#include <stdbool.h>\ntypedef unsigned gfp_t;\n"
                           + HOOKS.replace("#include <linux/gfp.h>", "")
                           + "int main(void)\n{\n"
                           "\treturn hooked(5) + (5 & __GFP_VENDOR);\n}\n")
        subprocess.run(["cc", "-I", self.path / kernel_tree.STUB_HEADERS,
                        "-o", self.path / "program", program], check=True)
        self.assertEqual(subprocess.run([self.path / "program"]).returncode,
                         0)

    def test_nothing_else_is_made_up(self):
        tree = self.tree(OTHERS)
        self.assertEqual(tree.told, [])
        missing, _ = self.missing(tree)
        self.assertEqual(set(missing["headers"]), {"linux/vendor_swap.h"})
        self.assertEqual(set(missing["functions"]), {"is_daemon", "after"})
        self.assertEqual(set(missing["names"]), {"ticks", "PER_SECOND"})
        with contextlib.redirect_stdout(io.StringIO()) as out, \
                contextlib.redirect_stderr(io.StringIO()), \
                self.assertRaises(SystemExit):
            kernel_tree.check(tree)
        for hint in ("--include-stub linux/vendor_swap.h",
                     "--define ticks=VALUE",
                     "--define 'is_daemon(...)=VALUE'"):
            self.assertIn(hint, out.getvalue())

    def test_asked_for(self):
        tree = self.tree(OTHERS, ["ticks=7", "PER_SECOND=100", "is_daemon()",
                                  "after(t)=((t) == 1007)"],
                         ["linux/vendor_swap.h"])
        self.assertEqual(self.missing(tree), ({}, []))
        self.assertIn("as --define says: ticks=7", tree.told)
        self.assertIn("as --include-stub says: linux/vendor_swap.h is empty",
                      tree.told)
        text = (tree.path / kernel_tree.STUBS).read_text()
        self.assertIn("#define is_daemon() 1\n", text)
        self.assertIn("#define after(t) ((t) == 1007)\n", text)

    def test_nothing_to_do(self):
        self.assertEqual(self.tree("int x;\n").told, [])

    def refused(self, *options):
        done = subprocess.run([sys.executable, ROOT / "scripts/kernel_test.py",
                               *options], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout), (2, ""), options)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        return done.stderr

    def test_bad_options(self):
        for text in ("", "=1", "2x=1", "a b", "f(=1", "a=1\n#error"):
            self.assertIn("--define", self.refused("--define", text))
        for text in ("", "/etc/x.h", "../x.h", "linux/../x.h", "x.c"):
            self.assertIn("--include-stub",
                          self.refused("--include-stub", text))
        self.assertIn("kernel/include has it",
                      self.refused("--include-stub", "linux/slab.h"))


if __name__ == "__main__":
    unittest.main()
