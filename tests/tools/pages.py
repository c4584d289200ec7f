#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Do the manual pages say what the programs' --help and the header's comments say?

usage: pages.py help PAGE.1 COMMAND...   every word of that --help, in its order
       pages.py header HEADER MAN3-DIR   every word of the comments on what is
                                         public, as often at least, and a page for
                                         each function
       pages.py docs UZS PAGE.md...      options of uzs and its commands that are
                                         written there exist

Reads the pages as mandoc shows them, the header by itself."""
import collections
import re
import subprocess
import sys
from pathlib import Path


def words_of(text):
    """Without case, as headings are in capitals."""
    return [word.strip(".") for word in re.findall(r"[\w.]+", text.lower())]


def shown(page):
    text = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=300", page],
                          check=True, capture_output=True, text=True).stdout
    return re.sub(".\b", "", text)


def check_help(page, command):
    text = subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout
    text = re.sub(r"(?mi)^(usage|examples?|exit status):", "", text)
    found = iter(words_of(shown(page)))
    for word in words_of(text):
        if word not in found:
            sys.exit(f"{page}: '{word}' of `{' '.join(command)}` is not there, "
                     "or not in its place")


def check_header(header, directory):
    text = Path(header).read_text()
    public = text[:text.index("The usual case of zs_ref_begin")]
    comments = re.findall(r"(?ms)^[ \t]*/\*(.*?)\*/", public)
    said = collections.Counter()
    for comment in comments[2:]:  # behind the license and the top comment's name
        said.update(words_of(re.sub(r"(?m)^[ \t]*\*", "", comment)))
    said.update(words_of(re.sub(r"(?m)^ \*", "", comments[1])
                         .split("\n", 1)[1]))
    there = collections.Counter()
    for page in sorted(Path(directory).iterdir()):
        if not page.read_text().startswith(".so "):
            there.update(words_of(shown(str(page))))
    lacking = said - there
    # Comments on the version's macros, on what compilers warn of and how they inline.
    for comment in comments:
        if re.search(r"the build reads it from here|g\+\+ warns|^ Inlined, and ",
                     comment):
            lacking -= collections.Counter(words_of(comment))
    if lacking:
        sys.exit(f"{directory}: words of {header} that no page has: {lacking}")
    for name in re.findall(r"\b(zs_\w+[a-z])\(", public):
        if re.search(rf"(ZS_API|inline)[^;{{]*\b{name}\(", public) and \
                not (Path(directory) / f"{name}.3").exists():
            sys.exit(f"{directory}: no page of {name}")


def check_docs(uzs, pages):
    """In `code`, indented or fenced: uzs COMMAND ... --option ..., as far as the
    command goes."""
    known, found = {}, 0

    def options_of(command):
        if command not in known:
            text = subprocess.run([uzs, *command, "--help"], check=False,
                                  capture_output=True, text=True).stdout
            known[command] = set(re.findall(r"--[a-z][a-z-]*", text))
        return known[command] | {"--help", "--version"}

    for page in pages:
        for line in Path(page).read_text().splitlines():
            for call in re.findall(r"\buzs ((?:lab )?[a-z]+\b[^`|;&#)]*)", line):
                words = call.split()
                length = 1 if words[0] != "lab" else \
                    2 if words[1:2] != ["watch"] else 3
                command = tuple(words[:length])
                options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", call)
                if not options or not options_of(command):
                    continue
                found += len(options)
                for option in options:
                    if option not in options_of(command):
                        sys.exit(f"{page}: uzs {' '.join(command)} has no "
                                 f"{option}")
    if not found:
        sys.exit("no option is written anywhere")


if sys.argv[1] == "docs":
    check_docs(sys.argv[2], sys.argv[3:])
elif sys.argv[1] == "help":
    check_help(sys.argv[2], sys.argv[3:])
else:
    check_header(sys.argv[2], sys.argv[3])
