#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""The bugs of kernel/bugs: that each can be put back, that the page lists them
as they are, and that some of each kind are found; scripts/kernel-bugs runs all.
Needs what kernel-test needs, and that it ran with --debian 5.10, 6.1, 6.12 and
7.3 before: a bug of another tree is not tried."""
import re
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_bugs  # noqa: E402
import kernel_test  # noqa: E402
import kernel_tree  # noqa: E402

# What the harness got for them: an isolated page, two zones, no debugfs, a
# kernel without compaction. Not more, for time.
SOME = ["destroy-not-woken", "zone-not-moved", "debugfs-needed",
        "write-lock-empty"]


def base_of(bug):
    return kernel_test.BUILD / f"kernel-trees/debian-{bug.tree}"


def has_tree(bug):
    return (base_of(bug) / kernel_tree.SOURCE).is_file()


class Bugs(unittest.TestCase):
    bugs = kernel_bugs.all_bugs()

    def test_page(self):
        """docs/kernel-bugs.md has the table that --table prints."""
        self.assertEqual(kernel_bugs.written_table(),
                         kernel_bugs.table(self.bugs))

    def test_enough(self):
        found = [b for b in self.bugs if b.finder != "none"]
        self.assertGreaterEqual(len(found), 15)
        self.assertEqual(len({b.subject for b in self.bugs}), len(self.bugs))

    def test_each_can_be_put_back(self):
        """Also those that nothing finds."""
        for bug in self.bugs:
            with self.subTest(bug.name), tempfile.TemporaryDirectory() as tmp:
                if not has_tree(bug):
                    self.skipTest(f"no {base_of(bug)}")
                kernel_tree.copy_files(base_of(bug), Path(tmp))
                kernel_tree.apply_cocci(bug.path, Path(tmp))

    def test_each_says_why(self):
        """Between its head and its change each says what went wrong."""
        for bug in self.bugs:
            with self.subTest(bug.name):
                head = bug.path.read_text().split("\n\n")[0]
                self.assertRegex(head, r"(?s)\n//\n// .*\.$")
                self.assertRegex(bug.fields["Bug"], r"^[a-z].*[^.]$")

    def test_a_patch_that_breaks_nothing_is_not_found(self):
        """Else every bug would be."""
        bug = next(b for b in self.bugs if b.name == "zone-not-moved")
        if not has_tree(bug):
            self.skipTest(f"no {base_of(bug)}")
        with tempfile.TemporaryDirectory() as tmp:
            path = Path(tmp) / "harmless.cocci"
            text = bug.path.read_text()
            path.write_text(text[:text.index("@@")] +
                            "@@\n@@\n zs_compact(...)\n {\n"
                            "+(void)pool;\n ...\n }\n")
            with kernel_test.only_one():
                # That the file as it is passes is seen below.
                harmless = kernel_bugs.Bug(path)
                wrong, _ = kernel_bugs.try_bug(
                    kernel_bugs.Bench(bug.tree), harmless, {harmless.key()})
        self.assertRegex(wrong, "^not found")

    def test_some_are_found(self):
        bugs = [b for b in self.bugs if b.name in SOME]
        self.assertEqual(len(bugs), len(SOME))
        missing = [b.tree for b in bugs if not has_tree(b)]
        if missing:
            self.skipTest(f"scripts/kernel-test --debian {missing[0]} "
                          "makes its tree")
        with kernel_test.only_one():
            self.assertEqual(kernel_bugs.run(bugs), 0)


if __name__ == "__main__":
    unittest.main()
