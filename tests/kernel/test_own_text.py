#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""No line of a kernel's source is in this repository: what kernel/ and its
tests have is compared, line by line, with 6.12's mm/, include/ and x86's
headers. Short lines, and those that include a header, are anyone's. Needs
python3, tar, xz and linux-source-6.12."""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = Path("/usr/src/linux-source-6.12.tar.xz")
PARTS = ["include", "mm", "arch/x86/include"]
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


def kernel_lines(directory):
    package = ARCHIVE.name.removesuffix(".tar.xz")
    subprocess.run(["tar", "-xJf", ARCHIVE, "-C", directory]
                   + [f"{package}/{part}" for part in PARTS], check=True)
    found = {}
    for path in sorted(Path(directory).rglob("*.[ch]")):
        name = str(path.relative_to(Path(directory) / package))
        for line in path.read_text(errors="replace").splitlines():
            line = folded(line)
            if len(line) > SHORT:
                found.setdefault(line, name)
    return found


class OwnText(unittest.TestCase):
    def test_no_line_is_the_kernels(self):
        with tempfile.TemporaryDirectory() as directory:
            kernel = kernel_lines(directory)
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
    if not ARCHIVE.exists():
        sys.exit(f"{ARCHIVE}: no such file: package linux-source-6.12 is not "
                 "installed")
    unittest.main()
