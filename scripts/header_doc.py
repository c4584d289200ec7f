# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Reads include/uzsmalloc.h: its sections, groups of calls, declarations and their
comments. What the manual pages and the HTML reference are made of.

A group begins with a comment of which the first line is dashes; its title is the
first sentence. A declaration belongs to the comment just before it, and so do those
that follow it without a blank line. From the first group on whose comment says "Not
for programs" nothing is read."""
import re
import sys
from pathlib import Path

RULE = re.compile(r"-{20,}")
LABEL = re.compile(r"(@\w+|Context|Return|Lifetime of the pointer|Lifetime|Kernel"
                   r"|Differs|Memory|Time):(?=\s|$)")
ERRNO = re.compile(r" *(-?E[A-Z0-9]{3,}) +(\S.*)")


class Item:
    """Declarations with one comment. `kind`: function, type or macro."""

    def __init__(self, comment):
        self.comment, self.code = comment, []

    @property
    def functions(self):
        return [m.group(1) for code in self.code if is_function(code)
                for m in [re.search(r"\b(zs_\w+)\(", code)] if m]

    @property
    def names(self):
        names = self.functions
        for code in self.code:
            if is_function(code):
                continue
            names += re.findall(r"^#define (\w+)", code, re.M)
            names += re.findall(r"^((?:struct|enum) \w+)(?: \{|;)", code, re.M)
            names += re.findall(r"^typedef .*?(\w+);", code, re.M)
            names += re.findall(r"^\} (\w+);", code, re.M)
        return names


class Group:
    def __init__(self, title, comment):
        self.title, self.comment, self.items = title, comment, []

    @property
    def functions(self):
        return [name for item in self.items for name in item.functions]


class Header:
    """`title`; `sections`: [(TITLE, [line])] of the comment at the top, the first
    one with title ""; `groups`; `version`."""

    def __init__(self, path):
        self.path = Path(path)
        lines = self.path.read_text().expandtabs(8).splitlines()
        try:
            guard = next(i for i, s in enumerate(lines)
                         if s.startswith("#ifndef UZSMALLOC_H"))
        except StopIteration:
            sys.exit(f"{path}: no #ifndef UZSMALLOC_H")
        self._read_top(uncomment(lines[1:guard]))
        self.groups = [Group("Basics", [])]
        self._read_body(lines[guard + 2:])
        text = "\n".join(lines)
        self.version = ".".join(
            re.search(rf"^#define ZS_VERSION_{part} (\d+)$", text, re.M)[1]
            for part in ("MAJOR", "MINOR", "PATCH"))

    def _read_top(self, lines):
        self.title = lines[0].split(" - ", 1)[-1]
        self.sections = [("", [])]
        for line in lines[1:]:
            if re.fullmatch(r"[A-Z][A-Z, ]+", line):
                self.sections.append((line, []))
            else:
                self.sections[-1][1].append(line)

    def _read_body(self, lines):
        pending, item, i = [], None, 0
        while i < len(lines):
            line = lines[i]
            if line.startswith("/*"):
                end = i
                while "*/" not in lines[end]:
                    end += 1
                comment = uncomment(lines[i:end + 1])
                i = end + 1
                if comment and RULE.match(comment[0]):
                    if not self._begin_group(comment[1:]):
                        break
                    pending, item = [], None
                elif "Not for programs" in comment[0]:
                    break
                else:
                    if item:
                        pending, item = [], None
                    pending += ([""] if pending else []) + comment
                continue
            if is_declaration(line):
                end = end_of_declaration(lines, i)
                if item is None:
                    item = Item(pending)
                    self.groups[-1].items.append(item)
                item.code.append("\n".join(lines[i:end + 1]))
                pending = []
                i = end + 1
                continue
            if line.startswith("#"):
                pending = []
            elif not line.strip():
                # A comment that stands alone is the group's.
                if pending:
                    self.groups[-1].comment += [""] + pending
                    pending = []
                item = None
            i += 1
        self.groups = [g for g in self.groups if g.items]

    def _begin_group(self, comment):
        text = " ".join(comment)
        if "Not for programs" in text:
            return False
        title = re.match(r"(.+?)(?:\.(?= |$)|$)", comment[0])[1]
        # A title alone in its line is not said again.
        rest = comment[1:] if comment[0].rstrip(".") == title else \
            [comment[0][len(title) + 1:].strip()] + comment[1:]
        self.groups.append(Group(title[0].upper() + title[1:], trim(rest)))
        return True


def trim(lines):
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def uncomment(lines):
    found = []
    for line in lines:
        line = re.sub(r"\s*\*/\s*$", "", line)
        found.append(re.sub(r"^\s*/\* ?|^ \* ?", "", line).rstrip())
    return trim(found)


def is_declaration(line):
    if line.startswith("#define "):
        return not re.match(r"#define (ZS_API|ZS_VERSION_\w+|\w+_)\b(?!\w)", line)
    return bool(re.match(r"(ZS_API|struct|enum|typedef|static inline)\b", line))


def end_of_declaration(lines, i):
    if lines[i].startswith("#"):
        while lines[i].endswith("\\"):
            i += 1
        return i
    depth, comment = 0, False
    while True:
        code = re.sub(r"/\*.*?\*/", "", lines[i])
        if comment:
            if "*/" in code:
                comment, code = False, code.split("*/", 1)[1]
            else:
                code = ""
        if "/*" in code:
            comment, code = True, code.split("/*", 1)[0]
        depth += code.count("{") - code.count("}")
        if depth == 0 and (code.rstrip().endswith(";") or code == "}"):
            return i
        i += 1


def is_function(code):
    return code.startswith(("ZS_API", "static inline"))


def prototype(code):
    """One line, without the marks of the library's."""
    code = re.sub(r"^(ZS_API|static inline)\s+", "", code).split("\n{")[0]
    code = re.sub(r"\s+", " ", code)
    return code if code.endswith(";") else code + ";"


def shown(code):
    """A type or macro as it is shown: of what a macro for an initial value stands
    for nothing."""
    if code.startswith("#define") and "\\\n" in code:
        return code.split("\n")[0].rstrip("\\ ").rstrip()
    return code


def blocks(lines):
    """What a comment says: ("text", string), ("bullet", string), ("label", name,
    string), ("error", name, string) and ("table", [line])."""
    found, mode = [], None
    for line in split_labels(lines):
        body = line.strip()
        if not body:
            mode = None
            continue
        indent = len(line) - len(line.lstrip())
        label = LABEL.match(body)
        labelled = mode in ("label", "error")
        if label and (indent == 0 or labelled):
            name = label[1]
            found.append(["label", name, body[label.end():].strip()])
            mode = "label"
        elif labelled and ERRNO.match(line):
            name, text = ERRNO.match(line).groups()
            found.append(["error", name, text])
            mode = "error"
        elif labelled and not (mode == "error" and 0 < indent <= 8):
            add(found[-1], body)
        elif labelled:
            # After the errors, as far out as the label's text is.
            found.append(["text", body])
            mode = "text"
        elif re.match(r" *- ", line):
            found.append(["bullet", body[2:]])
            mode = "bullet"
        elif mode == "bullet" and indent >= 2:
            add(found[-1], body)
        elif indent >= 2:
            if mode != "table":
                if found and found[-1][0] == "table":
                    found[-1][1].append("")
                else:
                    found.append(["table", []])
                mode = "table"
            found[-1][1].append(line)
        elif mode == "text":
            add(found[-1], body)
        else:
            found.append(["text", body])
            mode = "text"
    return found


def split_labels(lines):
    """A label within a line of prose begins a new one."""
    for line in lines:
        parts = [line]
        if not line.startswith("  "):
            parts = re.split(r"(?<=\.) +(?=(?:@\w+|Context|Return|Kernel|Differs"
                             r"|Lifetime):\s)", line)
        yield from parts


def add(block, text):
    block[-1] = (block[-1] + " " + text).strip()
