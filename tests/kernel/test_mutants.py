#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Changes 6.12's file in ways that lose something, and sees that each is found
at once, by the test that should, and with the right words: a semantic patch
of tests/kernel/mutants or kernel/examples each. Needs what kernel-test needs,
and that it ran with --debian 6.12 before."""
import os
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_test  # noqa: E402
import kernel_tree  # noqa: E402

MUTANTS = ROOT / "tests/kernel/mutants"
EXAMPLES = ROOT / "kernel/examples"
GEOMETRY = (12, 8)
LIMIT = 60  # seconds: what loses memory or hangs ends long before
FEW = {"UZS_TEST_SCALE": "10"}


class Mutants(unittest.TestCase):
    builds = {}

    @classmethod
    def setUpClass(cls):
        base = kernel_test.BUILD / "kernel-trees/debian-6.12"
        if not (base / kernel_tree.SOURCE).is_file():
            raise unittest.SkipTest(f"{base}: scripts/kernel-test --debian "
                                    "6.12 makes it")
        cls.base = base
        cls.lock = kernel_test.only_one()
        cls.addClassCleanup(cls.lock.close)

    def build(self, cocci, kind, program):
        """Its one directory, so that only the file is compiled anew."""
        copy = kernel_test.BUILD / "kernel-trees/mutant"
        kernel_tree.copy_files(self.base, copy)
        kernel_tree.apply_cocci(cocci, copy)
        tree = kernel_tree.Tree(copy, "mutant", cocci.name)
        tree.split = []
        tree.write_config()
        if kind not in self.builds:
            self.builds[kind] = kernel_test.Build(None, tree, [GEOMETRY], kind)
        build = self.builds[kind]
        build.make(build.targets + [program.name])
        return build

    def found(self, cocci, text, program, *arguments, kind=""):
        """The program fails, and says that."""
        build = self.build(cocci, kind, Path(program))
        log = kernel_test.BUILD / f"logs/mutant-{cocci.stem}.log"
        status = kernel_test.execute(
            [build.program(program), *arguments, build.subject(*GEOMETRY)],
            log, LIMIT, {**os.environ, **FEW})
        said = log.read_text(errors="replace")
        self.assertIsNotNone(status, f"{cocci.name}: no end; see {log}")
        self.assertNotEqual(status, 0, f"{cocci.name} is not found")
        self.assertRegex(said, text)
        return said

    def by_stress(self, cocci, text, kind=""):
        self.found(cocci, text, "kernel/uzs-kernel-stress", kind=kind)

    def by_suite(self, name, test, text, folder=MUTANTS):
        return self.found(folder / f"{name}.cocci", text,
                          "tests/conformance/uzs-conformance", "--test",
                          f"test_{test}", "--subject")

    def test_lost_pages(self):
        self.by_stress(MUTANTS / "leak-pages.cocci", "out of memory")

    def test_lock_order(self):
        self.by_stress(EXAMPLES / "compact-order-wrong.cocci",
                       "lock order inversion", "checked")

    def test_page_type(self):
        self.by_suite("keep-page-type", "room_for_every_size",
                      r"kernel/page\.c:\d+: bug: .*page_type")

    def test_page_flag(self):
        self.by_suite("keep-private-2", "room_for_every_size",
                      r"kernel/page\.c:\d+: bug: .*PagePrivate2")

    def test_work_in_freed_memory(self):
        """The harness neither waits for a pool's work nor does it."""
        self.by_suite("destroy-unflushed-wrong", "destroy_with_work",
                      "memory is freed in which work is queued", EXAMPLES)

    def test_memory_is_not_cleared(self):
        """The harness clears nothing that the kernel does not."""
        for name in ("keep-index", "zspage-as-it-comes", "class-as-it-comes"):
            with self.subTest(name):
                self.by_suite(name, "room_for_every_size",
                              "FAILED .*test_room_for_every_size")

    def test_what_is_registered(self):
        kinds = ["shrinkers of a pool", "entries in debugfs of a pool",
                 "zpool drivers", "states of CPU hotplug"]
        said = self.by_suite("keep-all", "bad_sizes", "left behind: ")
        self.assertEqual([kind for kind in kinds
                          if f"1 {kind}" not in said
                          and f"2 {kind}" not in said], [])

    def test_out_of_memory(self):
        self.by_suite("lose-pages-without-memory", "no_memory_for_an_object",
                      "left behind: [1-9][0-9]* pages")


if __name__ == "__main__":
    unittest.main()
