# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""What a vendor's mm/zsmalloc.c has besides a released kernel's, for
scripts/kernel-test: trace hooks and flags of allocation, which become stubs by
themselves, and what --define and --include-stub say. Needs what kernel_tree.py
needs."""
import re

import kernel_tree
from bench_common import ROOT
from kernel_tree import SOURCE, STUB_HEADERS, STUBS

NAME = r"[A-Za-z_]\w*"
DEFINE = re.compile(rf"({NAME})(\([\w\s,.]*\))?(=.*)?", re.S)
HEADER = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[\w][\w./+-]*\.h")


def check_options(parser, args):
    for text in args.define:
        if not DEFINE.fullmatch(text) or "\n" in text:
            parser.error(f"--define {text!r}: NAME, NAME=VALUE or "
                         "'NAME(PARAMETERS)=VALUE'")
    for header in args.include_stub:
        if not HEADER.fullmatch(header):
            parser.error(f"--include-stub {header}: as the file includes it, "
                         "like linux/swap.h")
        if (ROOT / "kernel/include" / header).exists():
            parser.error(f"--include-stub {header}: kernel/include has it")


def defined(text):
    """--define's text as a line of C."""
    name, parameters, value = DEFINE.fullmatch(text).groups()
    return (f"#define {name}{parameters or ''} "
            f"{value[1:] if value is not None else '1'}")


def stub(kind, name):
    """What an unknown name becomes by itself: (a line of C, how it is told);
    None: nothing."""
    if kind == "headers" and name.startswith("trace/"):
        return "", f"{name}, empty"
    if kind == "functions" and name.startswith("trace_"):
        if name.endswith("_enabled"):
            return f"#define {name}(...) false", f"{name}(), false"
        return f"#define {name}(...) ((void)0)", f"{name}(), does nothing"
    if kind in ("names", "macros") and name.startswith("__GFP_"):
        return f"#define {name} ((gfp_t)0)", f"{name}, 0"
    return None


def write_header(tree, name):
    path = tree.path / STUB_HEADERS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def add_stubs(tree, args):
    """Writes the stubs of a tree. tree.told gets a line for each that was made
    without being asked for, and for those that were."""
    lines = ["/* Written by scripts/kernel-test. */"]
    lines += [defined(text) for text in args.define]
    tree.told += [f"as --define says: {text}" for text in args.define]
    for header in args.include_stub:
        write_header(tree, header)
        tree.told.append(f"as --include-stub says: {header} is empty")
    made = set()
    while True:
        (tree.path / STUBS).write_text("\n".join(lines) + "\n")
        missing, _ = kernel_tree.what_is_missing(tree, tree.path / SOURCE)
        new = [(kind, name, place) for kind, names in missing.items()
               for name, place in names.items()
               if name not in made and stub(kind, name)]
        if not new:
            return
        for kind, name, place in new:
            made.add(name)
            line, what = stub(kind, name)
            if kind == "headers":
                write_header(tree, name)
            else:
                lines.append(line)
            tree.told.append(f"a stub, not known here: {what} (line {place})")
