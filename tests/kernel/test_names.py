#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""The table of kernel/README.md says of each name what becomes of it: of those
that 6.12's file needs (tests/data/kernel-6.12-environment.txt), and of those
that kernel/include defines. Needs python3."""
import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "kernel/README.md"
INCLUDE = ROOT / "kernel/include"
NEEDED = ROOT / "tests/data/kernel-6.12-environment.txt"
# Names of this folder's own, and parts of others' definitions.
OWN = re.compile(r"_*uzs_|UZS_|__st(art|op)_uzs_|\w+_$", re.I)
STATUS = re.compile(r"(mapped|simplified|stubbed)\b")


def table():
    """{name: status}, rows with none of the three words, names twice."""
    found, bad, twice = {}, [], []
    for line in README.read_text().splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        names = re.findall(r"`(\w+)`", cells[0])
        if not line.startswith("| `") or len(cells) != 3:
            continue
        status = STATUS.match(cells[2])
        if not status:
            bad.append(line)
            continue
        for name in names:
            if name in found:
                twice.append(name)
            found[name] = status[1]
    return found, bad, twice


def needed():
    """The names, and the headers, of what 6.12's file needs."""
    text = NEEDED.read_text()
    names = set(re.findall(r"^  (\w+) +\d+$", text, re.M))
    headers = re.search(r"^HEADERS it includes.*?\n(.*?)\n\n", text,
                        re.M | re.S)
    return names, set(re.findall(r"^  (\S+\.h)$", headers[1], re.M))


def at_top(code):
    """Code with the insides of braces left out."""
    text, depth = "", 0
    for character in code:
        depth -= character == "}"
        if depth == 0:
            text += character
        depth += character == "{"
    return text


def defined(path):
    """What a header defines: macros, functions, types, constants."""
    text = re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S)
    text = text.replace("\\\n", " ")
    names = set(re.findall(r"^#define (\w+)", text, re.M))
    names -= set(re.findall(r"^#ifndef (\w+)\n#define \1$", text, re.M))
    # What is renamed while compat's headers are read is not defined here.
    names -= set(re.findall(r"^#undef (\w+)", text, re.M))
    # One macro makes three functions of a name.
    for name in re.findall(r"^UZS_K_PAGE_FLAG\((\w+),", text, re.M):
        names |= {f"Page{name}", f"SetPage{name}", f"ClearPage{name}"}
    code = re.sub(r"^[ \t]*#.*$|^UZS_K_PAGE_FLAG\(.*$", "", text, flags=re.M)
    for body in re.findall(r"\benum\b\s*\w*\s*\{(.*?)\}", code, re.S):
        names |= {word.split("=")[0].strip() for word in body.split(",")}
    top = at_top(code)
    names |= set(re.findall(r"\b(\w+)\s*\([^(){}]*\)[^;{}()]*[;{]", top))
    names |= set(re.findall(r"^\s*(?:typedef )?(?:struct|enum|union) (\w+)"
                            r"\s*[;{]", top, re.M))
    names |= set(re.findall(r"^typedef\b[^;]*?\b(\w+);", top, re.M))
    return {name for name in names if name and not OWN.match(name)}


class Names(unittest.TestCase):
    def setUp(self):
        self.table, self.bad, self.twice = table()

    def test_table(self):
        self.assertGreater(len(self.table), 300)
        self.assertEqual(self.bad, [])
        self.assertEqual(self.twice, [])

    def test_what_the_file_needs(self):
        names, headers = needed()
        self.assertGreater(len(names), 150)
        self.assertEqual(sorted(names - self.table.keys()), [])
        self.assertEqual(len(headers), 26)
        # The tree's own, and the rest of them here.
        own = {"linux/zsmalloc.h", "linux/zpool.h"}
        self.assertEqual(sorted(h for h in headers - own
                                if not (INCLUDE / h).is_file()), [])

    def test_what_is_defined(self):
        names = {}
        for path in sorted(INCLUDE.rglob("*.h")):
            for name in defined(path):
                names.setdefault(name, path.relative_to(INCLUDE))
        # One of each kind that defined() looks for.
        for name in ("PAGE_SIZE", "get_page", "SetPagePrivate", "lockdep_map",
                     "memcg_stat_item", "MIGRATE_SYNC", "atomic_t",
                     "isolate_mode_t", "set_movable_ops"):
            self.assertIn(name, names)
        self.assertEqual(sorted(f"{name} ({path})" for name, path
                                in names.items() if name not in self.table),
                         [])


if __name__ == "__main__":
    unittest.main()
