#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""No line of a kernel's source is in this repository: what kernel/ and its
tests have is compared, line by line, with 6.12's mm/, include/ and x86's
headers. Short lines, and those that include a header, are anyone's. Needs
python3, and Debian's linux-source-6.12, which is fetched if it is not
installed."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import kernel_debian  # noqa: E402

PARTS = ("include/", "mm/", "arch/x86/include/")
OURS = ["kernel", "tests/kernel"]
# Characters, blanks folded, up to which two may well write the same.
SHORT = 25


def folded(line):
    return " ".join(line.split())


def lines_of(text):
    """{folded line: number}, as they stand and without what is around them
    where C stands in a string or a diff."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = folded(line)
        for form in (line, re.sub(r"^[-+] ?", "", line),
                     line.strip("\"' +-,\\").removesuffix("\\n")):
            form = form.strip()
            if len(form) > SHORT and not form.startswith("#include"):
                found.setdefault(form, number)
    return found


def kernel_lines():
    found = {}
    with kernel_debian.open_source("6.12") as (tar, _):
        for member in tar:
            name = member.name.partition("/")[2]
            if not member.isfile() or not name.startswith(PARTS) \
                    or not name.endswith((".c", ".h")):
                continue
            text = tar.extractfile(member).read().decode(errors="replace")
            for line in text.splitlines():
                line = folded(line)
                if len(line) > SHORT:
                    found.setdefault(line, name)
    return found


class OwnText(unittest.TestCase):
    def test_no_line_is_the_kernels(self):
        kernel = kernel_lines()
        self.assertIn("void zs_free(struct zs_pool *pool, unsigned long "
                      + "handle)", kernel)
        files = [path for part in OURS for path in (ROOT / part).rglob("*")
                 if path.is_file() and path.suffix != ".pyc"]
        self.assertGreater(len(files), 60)
        same = []
        for path in files:
            for line, number in lines_of(
                    path.read_text(errors="replace")).items():
                if line in kernel:
                    same.append(f"{path.relative_to(ROOT)}:{number}: {line}  "
                                f"[{kernel[line]}]")
        self.assertEqual(same, [], "\n" + "\n".join(same))

    def test_finds_one(self):
        """In a string, in a diff."""
        line = "if (kernel_has_it(page)) return 0;"
        for text in (line, "\t" + line, "-\t" + line, "+ " + line,
                     f'    "{line}\\n"'):
            self.assertIn(line, lines_of(text), text)


if __name__ == "__main__":
    unittest.main()
