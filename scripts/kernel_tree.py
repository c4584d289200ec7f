# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""A kernel tree's zsmalloc for scripts/kernel-test: getting the files, applying
semantic patches to a copy (kernel_patch.py has the others), finding out what
its interface is, and what it needs that kernel/include does not have. Needs
python3's standard library and spatch."""
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from bench_common import ROOT, die, say

SOURCE = "mm/zsmalloc.c"
HEADER = "include/linux/zsmalloc.h"
# Optional: what some versions have.
OTHERS = ["mm/zpdesc.h", "include/linux/zpool.h"]
FILES = [SOURCE, HEADER] + OTHERS
CONFIG = "uzs-tree.h"
FIELDS = "uzs-fields.h"  # of the structures, for the simulator
STUBS = "uzs-stubs.h"  # is read before the file
STUB_HEADERS = "uzs-stubs"  # the folder of empty headers


# ---- getting the files ------------------------------------------------------

def kernel_version(tree):
    """From the tree's Makefile, e.g. 6.12.117; None without one."""
    try:
        text = (tree / "Makefile").read_text(errors="replace")
    except OSError:
        return None
    parts = dict(re.findall(
        r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION) *=[ \t]*(\S*)",
        text, re.M))
    if not parts.get("VERSION"):
        return None
    numbers = [parts.get(n, "") for n in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
    version = ".".join(n for n in numbers if n)
    return version + parts.get("EXTRAVERSION", "")


def copy_files(tree, to, source=None):
    """Copies the files of a tree, with another mm/zsmalloc.c if given."""
    shutil.rmtree(to, ignore_errors=True)
    for name in FILES:
        path = source if source and name == SOURCE else tree / name
        if not path.is_file():
            if name in OTHERS:
                continue
            die(f"{path}: no such file"
                + ("; --source takes the rest from the tree that it is in, "
                   "or from --tree or --debian" if source else
                   "; is it a kernel tree?"))
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, to / name)
        except OSError as error:
            # One of reading or writing does not say of which file.
            raise OSError(error.errno, error.strerror,
                          error.filename or str(path)) from error


# ---- changing the copy --------------------------------------------------------

def apply_cocci(cocci, tree):
    if not cocci.is_file():
        die(f"{cocci}: no such file", 2)
    before = (tree / SOURCE).read_bytes()
    done = subprocess.run(
        ["spatch", "--very-quiet", "--no-includes", "--in-place",
         "--sp-file", str(cocci.resolve()), SOURCE], cwd=tree, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        die(f"{cocci}: spatch failed:\n{done.stdout.rstrip()}")
    if (tree / SOURCE).read_bytes() == before:
        die(f"{cocci} changes nothing in {SOURCE} of this tree")


def split_bit_fields(tree):
    """Gives those bit-fields of struct zspage that are written after it was
    made a word each: the others in their word are read without the lock, which
    ThreadSanitizer cannot tell apart. Returns their names."""
    path = tree / SOURCE
    names = []

    def split(match):
        names.append(match[1])
        return f"unsigned int {match[1]};"

    text = path.read_text(errors="replace")
    fields = "fullness|class|isolated" if "set_zspage_mapping" in text \
        else "fullness"
    text = re.sub(rf"\bunsigned int ({fields}):[A-Z][A-Z_ +0-9]*;", split,
                  text)
    path.write_text(text)
    return names


# ---- what its interface is ------------------------------------------------------

def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def prototypes(text):
    """Functions that a header declares: {name: [parameter, ...]}."""
    found = {}
    for name, params in re.findall(r"\b(zs_\w+)\s*\(([^()]*)\)\s*;",
                                   without_comments(text)):
        params = [" ".join(p.split()) for p in params.split(",")]
        found[name] = [] if params in ([""], ["void"]) else params
    return found


def function_body(text, name):
    """From the head to the closing brace in the first column."""
    found = re.search(r"(?ms)^[^\n;]*\b" + name + r"\([^;{]*\)\s*\n\{.*?^\}",
                      text)
    return found[0] if found else ""


def padded(values, params):
    """Arguments for params: values, then 0 of whatever type, no NUMA node."""
    extra = [("NUMA_NO_NODE" if re.search(r"\bn(ode|id)\b", p) else "0")
             for p in params[len(values):]]
    return ", ".join(values + extra)


def structure_fields(text, structure):
    """The fields of a structure as [("field", name) or ("line", preprocessor
    line)]; those of unnamed structures in it too, bit-fields not."""
    found = re.search(rf"(?ms)^struct {structure} \{{\n(.*?)^\}}", text)
    fields, inner = [], []
    for line in re.split(r"\n|(?<=[;{])", found[1] if found else ""):
        line = line.strip()
        if line.startswith("#"):
            fields.append(("line", line))
        elif re.match(r"(struct|union)\s*\w*\s*\{$", line):
            inner.append(len(fields))
        elif line.startswith("}"):
            start = inner.pop() if inner else len(fields)
            name = re.match(r"\}\s*(\w+)", line)
            if name:
                fields[start:] = [("field", name[1])]
        elif line.endswith(";") and ":" not in line and "(" not in line:
            for part in line[:-1].split(","):
                name = re.search(r"(\w+)\s*(\[.*\])?\s*$", part)
                if name:
                    fields.append(("field", name[1]))
    return fields


class Tree:
    """What differs from version to version, read from the files."""

    def __init__(self, path, label, description):
        self.path = path
        self.label = label
        self.description = description
        self.told = []  # what was made up or defined, kernel_vendor.py
        self.compaction = True  # CONFIG_COMPACTION
        self.calls = prototypes((path / HEADER).read_text(errors="replace"))
        self.source = without_comments(
            (path / SOURCE).read_text(errors="replace"))
        for name in ("zs_create_pool", "zs_destroy_pool", "zs_malloc",
                     "zs_free", "zs_compact", "zs_get_total_pages",
                     "zs_pool_stats", "zs_huge_class_size"):
            if name not in self.calls:
                die(f"{HEADER} does not declare {name}()")
        self.map_api = "zs_map_object" in self.calls
        if not self.map_api and not {"zs_obj_read_begin", "zs_obj_read_end",
                                     "zs_obj_write"} <= self.calls.keys():
            die(f"{HEADER} declares neither zs_map_object() nor "
                "zs_obj_read_begin(), zs_obj_read_end(), zs_obj_write()")
        self.groups = 12 if self.has("ZS_INUSE_RATIO_0") else 4
        self.zpdesc = self.has("get_first_zpdesc")
        order = re.search(r"#define\s+ZS_MAX_ZSPAGE_ORDER\s+(\d+)",
                          self.source)
        self.fixed_chain = (None if self.has("CONFIG_ZSMALLOC_CHAIN_SIZE")
                            else 1 << int(order[1]) if order else 4)
        self.segments = {"zs_obj_read_sg_begin",
                         "zs_obj_read_sg_end"} <= self.calls.keys()
        # Later ones need operations of the caller's, and flush nothing.
        self.deferred = {"zs_free_deferred",
                         "zs_free_deferred_flush"} <= self.calls.keys()

        # 6.2 to 6.4: zpool's shrink().
        self.evicts = self.has("zs_zpool_shrink")

        # Until 5.16 it has no error values.
        body = function_body(self.source, "zs_malloc")
        self.fails_with_0 = bool(body) and "ERR" not in body
        # Until 5.19 the operations of pages are those of an inode.
        self.address_space = self.has("address_space_operations")

    def has(self, word):
        return re.search(rf"\b{word}\b", self.source) is not None

    def traits(self):
        lookup = function_body(self.source, "zs_lookup_class_index")
        if "lookup_size_class" in lookup:
            lookup += function_body(self.source, "lookup_size_class")
        found = {
            "ONE_OPEN_OBJECT": self.map_api,
            "NO_SEGMENTS": not self.segments,
            "FOUR_GROUPS": self.groups == 4,
            "PERCENT_CHAINS": self.has("usedpc"),
            "LARGE_IS_EINVAL": not self.has("ENOSPC"),
            "LEAKS_LIVE": True,
            "UNCHECKED_ACCESS": True,
            "LOOKUP_ADDS_HANDLE": "ZS_HANDLE_SIZE" in lookup,
            "FAILS_WITH_0": self.fails_with_0,
            # 6.1's does not take what it frees off the statistics.
            "COUNTS_FREED": "class_stat" not in function_body(
                self.source, "async_free_zspage"),
        }
        return [name for name, yes in found.items() if yes]

    def facts(self):
        """For the report."""
        args = self.calls["zs_create_pool"]
        return [
            "access by " + ("zs_map_object/zs_unmap_object" if self.map_api
                            else "zs_obj_read_begin/_end, " +
                            "zs_obj_read_sg_begin/_end, " * self.segments +
                            "zs_obj_write"),
            "pages are " + ("zpdesc" if self.zpdesc else "struct page")
            + ", of a pseudo file system" * self.address_space,
            f"{self.groups} fullness groups",
            "zs_create_pool with " + ("one argument" if len(args) == 1 else
                                      f"{len(args)} arguments"),
            "chain size " + (f"{self.fixed_chain}, fixed" if self.fixed_chain
                             else "configured"),
        ] + (["deferred free"] if self.deferred else []) + (
            ["zpool shrinks pools"] if self.evicts else []) + (
            [] if self.compaction else ["without CONFIG_COMPACTION"])

    def lines(self):
        """The head of a report."""
        return ["; ".join(self.facts())] + self.told

    def config(self):
        """The text of uzs-tree.h."""
        calls = self.calls

        def macro(name, parameters, call, values, result=""):
            values = [f"({v})" for v in values]
            return (f"#define {name}({parameters}) \\\n\t{result}{call}("
                    + padded(values, calls[call]) + ")")

        traits = " | ".join("SUBJECT_" + t for t in self.traits())
        allocated = ("ZS_OBJS_ALLOCATED" if self.has("ZS_OBJS_ALLOCATED")
                     else "OBJ_ALLOCATED")
        inuse = "ZS_OBJS_INUSE" if self.has("ZS_OBJS_INUSE") else "OBJ_USED"
        pointer = re.search(r"\bpool->shrinker->", self.source) is not None
        lines = [
            "/* Written by scripts/kernel-test. */",
            f'#define UZS_K_NAME "kernel-{self.label}"',
            f'#define UZS_K_DESCRIPTION "{SOURCE} of {self.description}"',
            f"#define UZS_K_COMPACTION {int(self.compaction)}",
            f"#define UZS_K_GROUPS {self.groups}",
            f"#define UZS_K_STAT_ALLOCATED {allocated}",
            f"#define UZS_K_STAT_INUSE {inuse}",
            f"#define UZS_K_ZPDESC {int(self.zpdesc)}",
            "#define UZS_K_HAVE_LOOKUP "
            f"{int('zs_lookup_class_index' in calls)}",
            f"#define UZS_K_SHRINKER_POINTER {int(pointer)}",
            f"#define UZS_K_MAP_API {int(self.map_api)}",
            f"#define UZS_K_FAILS_WITH_0 {int(self.fails_with_0)}",
            f"#define UZS_K_ADDRESS_SPACE {int(self.address_space)}",
            f"#define UZS_K_OPS_BY_TYPE {int(self.has('set_movable_ops'))}",
            "#define UZS_K_ZSPAGE_POOL "
            f"{int('zspage->pool' in self.source)}",
            "#define UZS_K_OBJ_ALLOCATED "
            f"{int(bool(function_body(self.source, 'obj_allocated')))}",
            "#define UZS_K_ASYNC_COUNTS "
            f"{int('COUNTS_FREED' not in self.traits())}",
            # Before the fix of 2021 zs_compact() answers what was freed by
            # all of its calls.
            "#define UZS_K_COMPACT_TELLS_ALL " + str(int(bool(re.search(
                r"return pool->stats\.pages_compacted;",
                function_body(self.source, "zs_compact"))))),
            f"#define UZS_K_EVICTS {int(self.evicts)}",
            f"#define UZS_K_HAVE_DEFERRED {int(self.deferred)}",
            f"#define UZS_K_HAVE_SEGMENTS {int(self.segments)}",
            f"#define UZS_K_TRAITS ({traits})",
            macro("UZS_K_CREATE", "name", "zs_create_pool", ["name"]),
            macro("UZS_K_MALLOC", "pool, size, gfp", "zs_malloc",
                  ["pool", "size", "gfp"]),
        ]
        if not self.map_api:
            # 6.15 has no length; later ones put it before the memory.
            begin, end = ["pool", "handle"], ["pool", "handle"]
            whole = len(calls["zs_obj_read_begin"]) <= 3
            if not whole:
                begin.append("len")
            if len(calls["zs_obj_read_end"]) > 3:
                end.append("len")
            lines += [
                f"#define UZS_K_READ_WHOLE {int(whole)}",
                macro("UZS_K_READ_BEGIN", "pool, handle, len, copy",
                      "zs_obj_read_begin", begin + ["copy"]),
                macro("UZS_K_READ_END", "pool, handle, len, data",
                      "zs_obj_read_end", end + ["data"]),
            ]
        return "\n".join(lines) + "\n"

    def fields(self):
        """The text of uzs-fields.h: of each structure a list that kernel/peek.c
        picks by UZS_K_OF_..."""
        zpdesc = self.path / "mm/zpdesc.h"
        zpdesc = without_comments(zpdesc.read_text(errors="replace")) \
            if zpdesc.exists() else ""
        lines = ["/* Written by scripts/kernel-test. */"]
        for structure, name, text in (("zs_pool", "pool", self.source),
                                      ("size_class", "class", self.source),
                                      ("zspage", "zspage", self.source),
                                      ("zpdesc", "zpdesc", zpdesc)):
            lines.append(f"#ifdef UZS_K_OF_{structure}")
            for kind, word in structure_fields(text, structure):
                lines.append(word if kind == "line" else
                             f'UZS_K_FIELD({structure}, "{name}->{word}", '
                             f"{word})")
            lines.append("#endif")
        return "\n".join(lines) + "\n"

    def write_config(self):
        (self.path / STUBS).touch()
        for name, text in ((CONFIG, self.config()), (FIELDS, self.fields())):
            path = self.path / name
            if not path.exists() or path.read_text() != text:
                path.write_text(text)


# ---- what it needs that is not there ----------------------------------------------

# What a compiler (gcc, clang) says of it: (kind, pattern).
MESSAGES = [
    ("macros", r"type defaults to 'int' in declaration of '(\w+)'"),
    ("macros", r"^expected .* before '(__\w+)'"),
    ("functions", r"implicit declaration of function '(\w+)'"),
    ("functions", r"call to undeclared function '(\w+)'"),
    ("types", r"unknown type name '(\w+)'"),
    ("types", r"field '\w+' has incomplete type '([^']+)'"),
    ("types", r"field '(\w+)' has incomplete type"),
    ("types", r"parameter \d+ \('(\w+)'\) has incomplete type"),
    ("types", r"invalid use of undefined type '([^']+)'"),
    ("types", r"incomplete (?:definition of )?type '([^']+)'"),
    ("types", r"storage size of '(\w+)' isn't known"),
    ("types", r"'(\w+)' has (?:an )?(?:initializer but )?incomplete type"),
    ("names", r"'(\w+)' undeclared"),
    ("names", r"use of undeclared identifier '(\w+)'"),
    ("members", r"'([^']+)' has no member named '(\w+)'"),
    ("members", r"no member named '(\w+)' in '([^']+)'"),
    ("calls with other arguments",
     r"too (?:few|many) arguments to function '?(\w+)"),
    ("calls with other arguments", r'macro "(\w+)" (?:passed|requires)'),
    ("calls with other arguments", r"conflicting types for '(\w+)'"),
    ("calls with other arguments", r"incompatible .*type for argument \d+ of "
                                   r"'(\w+)'"),
]
# Macros that take the name of a class (linux/cleanup.h), which is none by
# itself.
OF_CLASSES = {"guard", "scoped_guard", "scoped_cond_guard", "CLASS", "__free"}


def compile_command(tree, file, extra=()):
    return ["cc", "-std=gnu11", "-fsyntax-only",
            "-Werror=implicit-function-declaration", "-Werror=implicit-int",
            "-Werror=incompatible-pointer-types", "-D_GNU_SOURCE",
            "-DUZS_PAGE_OWNER_BYTES=32", "-DUZS_K_PAGE_SHIFT=12",
            f"-DUZS_K_CHAIN_SIZE={tree.fixed_chain or 8}",
            f"-I{ROOT}/kernel/include", f"-I{tree.path}",
            f"-I{tree.path}/include", f"-I{ROOT}/src", f"-I{ROOT}",
            f"-I{tree.path}/{STUB_HEADERS}",
            *(["-include", str(tree.path / STUBS)]
              if (tree.path / STUBS).exists() else []),
            *extra, str(file)]


def compile_errors(command):
    done = subprocess.run(command, text=True, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE,
                          env={"PATH": "/usr/local/bin:/usr/bin:/bin",
                               "LC_ALL": "C"})
    return [] if done.returncode == 0 else done.stderr.splitlines()


def source_line(place):
    try:
        text = Path(place[0]).read_text(errors="replace")
    except OSError:
        return ""
    return (text.splitlines() + [""] * int(place[1]))[int(place[1]) - 1]


def classify(text, place):
    """An error as (kind, name); kind None: another error, told as it is."""
    if "type specifier missing" in text:
        # clang names nothing, but points at it
        word = re.match(r"\w+", source_line(place)[int(place[2]) - 1:])
        return ("macros", word[0]) if word else (None, text)
    for kind, pattern in MESSAGES:
        found = re.search(pattern, text)
        if not found:
            continue
        words = [g for g in found.groups() if g]
        if kind == "members" and "no member named" in text:
            if text.startswith("no member"):
                words.reverse()
            return kind, ".".join(words)
        name = words[0] if words else text
        if kind == "functions" and name in OF_CLASSES:
            kind = "macros"
        return kind, name
    return None, text


def read_errors(lines):
    """A compiler's errors: [(kind, name or text, (file, line, column))]."""
    found = []
    for line in lines:
        place = re.match(r"(.+?):(\d+):(?:(\d+):)? (?:fatal )?error: (.*)",
                         line)
        if place:
            text = place[4].replace("‘", "'").replace("’", "'")
            at = (place[1], place[2], place[3] or "1")
            found.append((*classify(text, at), at))
    return found


def is_of_macro(name, errors):
    """Is the name unknown only as a macro is missing, whose argument it is or
    that is written behind it where it is declared?"""
    name = re.escape(name)
    return any(
        kind == "macros" and re.search(
            rf"\b{macro}\s*\(\s*{name}\s*[,)]|\b{name}\s+{macro}\b",
            source_line(place))
        for kind, macro, place in errors)


def what_is_missing(tree, file, extra=()):
    """Compiles a file and reads the errors. Returns ({kind: {name: line}},
    other errors)."""
    missing, other = {}, []
    with tempfile.TemporaryDirectory() as stubs:
        command = compile_command(tree, file, list(extra) + [f"-I{stubs}"])
        # A header that is not there ends the compilation: with an empty one
        # in its place the next one shows.
        while True:
            lines = compile_errors(command)
            header = None
            for line in lines:
                header = (re.search(r"fatal error: (\S+): No such file", line)
                          or re.search(r"fatal error: '([^']+)' file not",
                                       line))
                if header:
                    break
            if not header:
                break
            stub = Path(stubs) / header[1]
            if stub.exists():
                break
            missing.setdefault("headers", {})[header[1]] = line.split(":")[1]
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.touch()
    errors = read_errors(lines)
    # The first of a name counts, and one that is a macro is no function too.
    taken = set()
    for kind, name, place in sorted(errors, key=lambda e: e[0] != "macros"):
        if kind and name not in taken and not is_of_macro(name, errors):
            taken.add(name)
            missing.setdefault(kind, {})[name] = place[1]
    told = {place[:2] for kind, _, place in errors if kind}
    other = [f"{Path(place[0]).name}:{place[1]}: {text}"
             for kind, text, place in errors
             # what follows in the line follows from it
             if not kind and place[:2] not in told]
    if lines and not missing and not other:
        other = lines[:10]
    return missing, other


def print_missing(title, missing, other):
    print(title)
    for kind, names in missing.items():
        print(f"  {kind}:")
        for name, line in names.items():
            print(f"    {name}  (line {line})")
    if other:
        print("  other errors:")
        for line in other[:10]:
            print(f"    {line}")
        if len(other) > 10:
            print(f"    ... and {len(other) - 10} more")


def hints(missing):
    """What can be done about it without changing kernel/include."""
    return ([f"--include-stub {name}" for name in missing.get("headers", ())]
            + [f"--define {name}=VALUE" for name in missing.get("names", ())]
            + [f"--define '{name}(...)=VALUE'"
               for name in missing.get("functions", ())])


def check(tree):
    """Can the file be built? If not, says what it needs and ends."""
    missing, other = what_is_missing(tree, tree.path / SOURCE)
    if missing or other:
        print_missing(f"{SOURCE} needs what kernel/include does not have:"
                      if missing else f"{SOURCE} does not compile:",
                      missing, other)
        if hints(missing):
            print("What of this does not matter here can be left out with\n  "
                  + "\n  ".join(hints(missing)))
        die("the file cannot be built" + (
            "; see kernel/README.md for what to add" if missing else ""))
    source = f'-DUZS_K_SOURCE="{tree.path}/{SOURCE}"'
    missing, other = what_is_missing(tree, ROOT / "kernel/peek.c", [source])
    if missing or other:
        print_missing(f"{SOURCE} builds, but kernel/peek.c, which looks into "
                      "its structures for the tests, does not find:",
                      missing, other)
        die("the tests do not know this version's structures")
