#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Every generation of zsmalloc's interface is one that kernel/subject.c builds
with, without a warning; and tests/kernel/newer_tree.py makes trees of the two
newest. Needs python3, cc (and clang, if it is there), and Debian's
linux-source-6.12, which is fetched if it is not installed."""
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

import interfaces  # noqa: E402
import kernel_debian  # noqa: E402
import kernel_tree  # noqa: E402
import newer_tree  # noqa: E402

COMPILERS = [c for c in ("cc", "clang") if shutil.which(c)]
SUBJECT = ROOT / "kernel/subject.c"
# What the lab has for pools that zpool shrinks.
LAB = [ROOT / f"kernel/lab_{name}.c" for name in ("pool", "reclaim",
                                                  "scenarios")]
# What subject.c is compiled with, and more. It hands on the kernel's void *.
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
# What tells struct page from zpdesc, and 4 groups from 12.
PAGES = {"page": "", "zpdesc": "get_first_zpdesc "}
GROUPS = {4: "", 12: "ZS_INUSE_RATIO_0 "}

# What kernel/zpool.c uses of the header of 6.2.
ZPOOL = """
#include <linux/list.h>
#include <linux/types.h>
struct zpool;
struct zpool_ops {
	int (*evict)(struct zpool *its, unsigned long handle);
};
struct zpool_driver {
	struct list_head list;
	void *(*create)(const char *name, gfp_t gfp,
			const struct zpool_ops *ops, struct zpool *its);
	int (*shrink)(void *pool, unsigned int nr, unsigned int *given_back);
};
void zpool_register_driver(struct zpool_driver *its);
int zpool_unregister_driver(struct zpool_driver *its);
"""


def lab_command(tree, file):
    """As lab/CMakeLists.txt and lab/kernel.cmake compile it."""
    return ["cc", "-std=gnu11", "-fsyntax-only", "-D_GNU_SOURCE",
            "-DUZS_LAB=1", "-DUZS_CHECKED=1", "-DUZS_DEBUG=1",
            '-DUZS_BODY_LOCK_H="lab/body/lab_lock.h"',
            '-DUZS_BODY_OS_H="lab/body/lab_peek.h"',
            '-DUZS_BODY_RCU_H="lab/body/lab_rcu.h"',
            "-DZS_API=", "-DZS_NO_INLINE=1", "-DUZS_PAGE_OWNER_BYTES=32",
            *(f"-I{ROOT}/{place}" for place in ("include", "src", "", "lab")),
            f"-I{tree.path}", "-include", f"{ROOT}/lab/body/lab_force.h",
            *WARNINGS, str(file)]


def errors(command):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.stdout if done.returncode else ""


class Generations(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = Path(self.dir.name)

    def tree(self, name, header, source):
        path = self.path / name
        for file, text in ((kernel_tree.HEADER, header),
                           (kernel_tree.SOURCE, source)):
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_text(text)
        tree = kernel_tree.Tree(path, name, name)
        tree.write_config()
        return tree

    def test_subject_builds(self):
        jobs = []
        for access, create, node, pages, groups in itertools.product(
                interfaces.ACCESS, interfaces.CREATE, (False, True), PAGES,
                GROUPS):
            more = interfaces.LOOKUP if groups == 12 else []
            if node:
                more = more + interfaces.DEFERRED
            name = f"{access}-{create}-{node}-{pages}-{groups}"
            tree = self.tree(name, interfaces.header(access, create, node,
                                                     more),
                             PAGES[pages] + GROUPS[groups])
            self.assertEqual(tree.groups, groups)
            self.assertEqual(tree.zpdesc, pages == "zpdesc")
            command = kernel_tree.compile_command(tree, SUBJECT, WARNINGS)
            jobs += [(f"{name}, {compiler}", [compiler] + command[1:])
                     for compiler in COMPILERS]
        self.assertGreaterEqual(len(jobs), 64)
        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            for (name, _), text in zip(jobs, pool.map(
                    errors, [command for _, command in jobs])):
                self.assertEqual(text, "", name)

    def test_oldest(self):
        """As 5.4 to 5.15: no error values, pages of an address space."""
        tree = self.tree("oldest", interfaces.header(), """
static const struct address_space_operations ops;
unsigned long zs_malloc(struct zs_pool *pool, size_t size, gfp_t flags)
{
	return 0;
}
""")
        self.assertIn("FAILS_WITH_0", tree.traits())
        for file in (SUBJECT, ROOT / "kernel/page.c"):
            for compiler in COMPILERS:
                command = kernel_tree.compile_command(tree, file, WARNINGS)
                self.assertEqual(errors([compiler] + command[1:]), "", file)
        newer = self.tree("newer", interfaces.header(), """
unsigned long zs_malloc(struct zs_pool *pool, size_t size, gfp_t flags)
{
	return size ? 1 : (uintptr_t)ERR_PTR(-ENOMEM);
}
""")
        self.assertNotIn("FAILS_WITH_0", newer.traits())
        self.assertIn("UZS_K_ADDRESS_SPACE 0\n", newer.config())

    def test_zpool_shrinks(self):
        """As 6.2 to 6.4: pools are made and shrunk through zpool's driver."""
        tree = self.tree("evicts", interfaces.header(),
                         "static int zs_zpool_shrink(void *pool)\n{\n}\n")
        zpool = tree.path / "include/linux/zpool.h"
        self.assertIn("UZS_K_EVICTS 1\n", tree.config())
        self.assertIn("zpool shrinks pools", tree.facts())
        zpool.write_text(ZPOOL)
        commands = [lab_command(tree, file) for file in LAB] + [
            kernel_tree.compile_command(tree, file, WARNINGS)
            for file in (SUBJECT, ROOT / "kernel/zpool.c")]
        for command in commands:
            for compiler in COMPILERS:
                self.assertEqual(errors([compiler] + command[1:]), "",
                                 command[-1])
        # A driver that takes other operations is seen.
        zpool.write_text(ZPOOL.replace("const struct zpool_ops *ops, ", ""))
        self.assertIn("too many arguments", errors(
            kernel_tree.compile_command(tree, ROOT / "kernel/zpool.c",
                                        WARNINGS)))
        self.assertIn("UZS_K_EVICTS 0\n", self.tree(
            "later", interfaces.header(), "").config())

    def test_a_wrong_argument_is_an_error(self):
        """So that the test above can fail."""
        tree = self.tree("wrong", interfaces.header("length"), "")
        config = tree.path / kernel_tree.CONFIG
        config.write_text(config.read_text().replace("(len), ", ""))
        self.assertIn("too few arguments", errors(
            kernel_tree.compile_command(tree, SUBJECT, WARNINGS)))


class NewerTrees(unittest.TestCase):
    def make(self, later):
        base = ROOT / "build/kernel-trees/debian-6.12"
        kernel_debian.extract("6.12", base,
                              kernel_tree.FILES + ["Makefile"])
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        newer_tree.make(base, Path(made.name), later)
        tree = kernel_tree.Tree(Path(made.name), "newer", "newer")
        tree.write_config()
        return tree

    def check_builds(self, tree):
        source = tree.path / kernel_tree.SOURCE
        missing = kernel_tree.what_is_missing(tree, source)
        self.assertEqual(missing, ({}, []))
        peek = kernel_tree.what_is_missing(
            tree, ROOT / "kernel/peek.c", [f'-DUZS_K_SOURCE="{source}"'])
        self.assertEqual(peek, ({}, []))

    def test_first(self):
        tree = self.make(False)
        self.assertFalse(tree.map_api or tree.segments)
        self.assertTrue(tree.zpdesc)
        self.assertEqual(len(tree.calls["zs_obj_read_begin"]), 3)
        self.assertEqual(len(tree.calls["zs_malloc"]), 3)
        self.check_builds(tree)

    def test_later(self):
        tree = self.make(True)
        self.assertTrue(tree.zpdesc and tree.segments)
        self.assertEqual(len(tree.calls["zs_obj_read_begin"]), 4)
        self.assertEqual(len(tree.calls["zs_create_pool"]), 4)
        self.assertEqual(len(tree.calls["zs_malloc"]), 4)
        self.assertNotIn("LOOKUP_ADDS_HANDLE", tree.traits())
        self.check_builds(tree)

    def test_pages_are_not_zpdescs(self):
        """A page where a zpdesc belongs does not compile."""
        tree = self.make(True)
        source = tree.path / kernel_tree.SOURCE
        text = source.read_text()
        wrong = text.replace("zpdesc_unlock_page(page)", "unlock_page(page)")
        self.assertNotEqual(text, wrong)
        source.write_text(wrong)
        missing, other = kernel_tree.what_is_missing(tree, source)
        self.assertTrue(missing or other)

    def test_another_file(self):
        with tempfile.TemporaryDirectory() as made:
            path = Path(made)
            for name in (newer_tree.SOURCE, newer_tree.HEADER):
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name).write_text("int x;\n")
            done = subprocess.run(
                [sys.executable, newer_tree.__file__, path, path / "to"],
                text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is not 6.12's", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
