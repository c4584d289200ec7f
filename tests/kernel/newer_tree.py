#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Makes a tree with the interface of 6.15 and later out of 6.12's
mm/zsmalloc.c: where no such tree can be had, scripts/kernel-test --tree runs a
kernel's allocator through that interface on this one.

What changes is what the interface asks for: pages are struct zpdesc, objects
are read with zs_obj_read_begin() and kin, which may be open for long, so that
who wants to move objects only tries zspage->lock. All text that is added is
ours; what is 6.12's is changed in the copy that is made. Anything that is not
found as it is expected ends it with an error.

Needs python3."""
import argparse
import re
import shutil
import sys
from pathlib import Path

EXAMPLE = """
example:
  scripts/kernel-test --debian 6.12 --build-only
  tests/kernel/newer_tree.py build/kernel-trees/debian-6.12 /tmp/newer
  scripts/kernel-test --tree /tmp/newer
"""
SOURCE = "mm/zsmalloc.c"
HEADER = "include/linux/zsmalloc.h"

# Calls whose argument is a page, and which zpdesc.h wraps: zpdesc_NAME().
ON_PAGES = """
    trylock_page unlock_page wait_on_page_locked get_page put_page PageLocked
    PagePrivate SetPagePrivate ClearPagePrivate page_private set_page_private
    PageZsmalloc __SetPageZsmalloc __ClearPageZsmalloc PageIsolated
    __SetPageMovable __ClearPageMovable inc_zone_page_state
    dec_zone_page_state page_zone page_to_pfn kmap_atomic __free_page
    """.split()
# Members of struct zpdesc, each with the one of struct page that it lies on.
MEMBERS = [
    ("unsigned long flags", "flags"),
    ("struct list_head lru", "lru"),
    ("unsigned long movable_ops", "mapping"),
    ("union { struct zpdesc *next; unsigned long handle; }", "index"),
    ("struct zspage *zspage", "private"),
    ("unsigned int first_obj_offset", "page_type"),
    ("atomic_t _refcount", "_refcount"),
]


class Unexpected(Exception):
    pass


class Source:
    """A file that is changed step by step."""

    def __init__(self, text):
        self.text = text

    def sub(self, pattern, to, times=1, part=None):
        """Replaces; times 0: at least once. part: (begin, end) of it."""
        begin, end = part or (0, len(self.text))
        inside, n = re.subn(pattern, to, self.text[begin:end],
                            flags=re.M | re.S)
        if n != times and not (times == 0 and n):
            raise Unexpected(f"{n} times, not {times or 'at least one'}: "
                             f"{pattern}")
        self.text = self.text[:begin] + inside + self.text[end:]

    def word(self, old, new):
        self.sub(rf"(?<![\w.]){re.escape(old)}\b", new, 0)

    def span(self, name):
        """A function from its head to its closing brace."""
        found = re.search(r"^[^\n;{}]*\b" + name + r"\([^;{}]*\)\s*\n\{.*?^\}\n",
                          self.text, re.M | re.S)
        if not found:
            raise Unexpected(f"no function {name}()")
        return found.span()

    def inside(self, function, pattern, to, times=1):
        self.sub(pattern, to, times, self.span(function))

    def remove(self, function):
        begin, end = self.span(function)
        self.text = self.text[:begin] + self.text[end:]
        self.text = self.text.replace(f"EXPORT_SYMBOL_GPL({function});\n", "")

    def prototype(self, function):
        """(type, name, [parameter])"""
        begin, end = self.span(function)
        head = self.text[begin:end].split("{", 1)[0]
        found = re.match(r"(.*?)\s*\b" + function + r"\((.*)\)", head, re.S)
        return found[1], function, [" ".join(p.split())
                                    for p in found[2].split(",")]


# ---- pages are zpdescs -----------------------------------------------------------

def zpdesc_header():
    lines = ["/* Made by newer_tree.py. */", "#ifndef NEWER_ZPDESC",
             "#define NEWER_ZPDESC", "#include <linux/migrate.h>",
             "#include <linux/pagemap.h>", "struct zpdesc {"]
    lines += [f"\t{member};" for member, _ in MEMBERS] + ["};"]
    for member, page in MEMBERS:
        name = re.findall(r"\w+", member)[-1]
        lines.append(f"static_assert(offsetof(struct zpdesc, {name}) == "
                     f"offsetof(struct page, {page}));")
    lines += ["#define zpdesc_page(z) ((struct page *)(z))",
              "#define page_zpdesc(p) ((struct zpdesc *)(p))"]
    lines += [f"#define zpdesc_{name}(z, ...) "
              f"{name}(as_page_(z), ##__VA_ARGS__)" for name in ON_PAGES]
    # A page in the place of a zpdesc is an error.
    lines += ["static inline struct page *as_page_(const struct zpdesc *z)",
              "{", "\treturn zpdesc_page(z);", "}", "#endif"]
    return "\n".join(lines) + "\n"


def wrap_callbacks(source):
    """The page allocator's calls keep their names and take pages; what they
    did becomes functions on zpdescs. Returns what goes before the table."""
    text = ""
    for name in ("zs_page_isolate", "zs_page_migrate", "zs_page_putback"):
        result, _, parameters = source.prototype(name)
        arguments = []
        for parameter in parameters:
            word = re.findall(r"\w+", parameter)[-1]
            arguments.append(f"page_zpdesc({word})" if "struct page" in
                             parameter else word)
        inner = name.replace("page", "zpdesc")
        call = f"{inner}({', '.join(arguments)});"
        if not result.endswith("void"):
            call = "return " + call
        text += (f"{result} {name}({', '.join(parameters)})\n"
                 f"{{\n\t{call}\n}}\n\n")
        source.sub(rf"\b{name}\(", f"{inner}(")
    return text


def to_zpdesc(source):
    callbacks = wrap_callbacks(source)
    source.sub(r"\(struct page \*\)page->index", "page->next")
    source.sub(r"\b(page|newpage|oldpage|prev_page|f_page|first_page)->index",
               r"\1->handle", 0)
    source.word("page->page_type", "page->first_obj_offset")
    source.word("struct page", "struct zpdesc")
    for name in ON_PAGES:
        source.sub(rf"(?<![\w.]){name}\(", f"zpdesc_{name}(", 0)
    source.sub(r"(?<!\w)pfn_to_page\((.*?)\);", r"page_zpdesc(pfn_to_page(\1));",
               2)
    source.sub(r"kmsan_copy_page_meta\((\w+), (\w+)\)",
               r"kmsan_copy_page_meta(zpdesc_page(\1), zpdesc_page(\2))")
    source.sub(r"VM_BUG_ON_PAGE\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*), "
               r"(\w+)\)", r"VM_BUG_ON_PAGE(\1, zpdesc_page(\2))", 0)
    for old, new in (("get_first_page", "get_first_zpdesc"),
                     ("get_next_page", "get_next_zpdesc"),
                     ("reset_page", "reset_zpdesc"),
                     ("obj_to_page", "obj_to_zpdesc")):
        source.word(old, new)
    source.sub(r"(?=^static const struct movable_operations zsmalloc_mops = )",
               lambda _: callbacks)
    source.sub(r"^#include <linux/zpool\.h>\n", "")
    source.sub(r"(^#include <linux/local_lock\.h>\n)",
               r'\1#include <linux/scatterlist.h>\n#include "zpdesc.h"\n')
    source.sub(r"^#ifdef CONFIG_ZPOOL\n.*?^#endif[^\n]*\n", "", 3)


# ---- access ------------------------------------------------------------------------

PIN = """\
/* Where an object's bytes begin; the lock of its zspage is held for reading. */
struct pinned {
	struct zspage *in;
	struct zpdesc *from;
	size_t before; /* bytes of that page */
	size_t bytes; /* of its room */
};

static struct pinned pin_object(struct zs_pool *pool, unsigned long handle)
{
	struct pinned at;
	unsigned int number;

	read_lock(&pool->lock);
	obj_to_location(handle_to_obj(handle), &at.from, &number);
	at.in = get_zspage(at.from);
	read_lock(&at.in->lock);
	read_unlock(&pool->lock);
	at.bytes = zspage_class(pool, at.in)->size;
	at.before = number * at.bytes % PAGE_SIZE;
	if (!ZsHugePage(at.in)) {
		at.before += ZS_HANDLE_SIZE;
		at.bytes -= ZS_HANDLE_SIZE;
	}
	return at;
}

static void unpin_object(unsigned long handle)
{
	struct zpdesc *from;
	unsigned int number;

	obj_to_location(handle_to_obj(handle), &from, &number);
	read_unlock(&get_zspage(from)->lock);
}

/* Its first len bytes, of which some lie in the next page. */
static void copy_pinned(const struct pinned *at, void *mem, size_t len,
			bool out)
{
	size_t here = min(len, PAGE_SIZE - at->before);
	struct page *parts[2] = { zpdesc_page(at->from), NULL };

	if (here < len)
		parts[1] = zpdesc_page(get_next_zpdesc(at->from));
	if (out) {
		memcpy_from_page(mem, parts[0], at->before, here);
		if (parts[1])
			memcpy_from_page(mem + here, parts[1], 0, len - here);
	} else {
		memcpy_to_page(parts[0], at->before, mem, here);
		if (parts[1])
			memcpy_to_page(parts[1], 0, mem + here, len - here);
	}
}

static void *map_pinned(const struct pinned *at)
{
	return kmap_local_page(zpdesc_page(at->from)) + at->before;
}

void zs_obj_write(WRITE_PARAMETERS)
{
	struct pinned at = pin_object(pool, handle);

	copy_pinned(&at, handle_mem, mem_len, false);
	unpin_object(handle);
}
EXPORT_SYMBOL_GPL(zs_obj_write);

void zs_obj_read_end(END_PARAMETERS)
{
	unpin_object(handle);
}
EXPORT_SYMBOL_GPL(zs_obj_read_end);
"""

# 6.15: without a length, so all of its room is copied, and the handle word
# before it.
READ_WHOLE = """
void *zs_obj_read_begin(BEGIN_PARAMETERS)
{
	struct pinned at = pin_object(pool, handle);

	if (at.before + at.bytes <= PAGE_SIZE)
		return map_pinned(&at);
	copy_pinned(&at, local_copy + ZS_HANDLE_SIZE, at.bytes, true);
	*(unsigned long *)local_copy = handle | OBJ_ALLOCATED_TAG;
	return local_copy + ZS_HANDLE_SIZE;
}
EXPORT_SYMBOL_GPL(zs_obj_read_begin);
"""

READ_LENGTH = """
void *zs_obj_read_begin(BEGIN_PARAMETERS)
{
	struct pinned at = pin_object(pool, handle);

	if (at.before + mem_len <= PAGE_SIZE)
		return map_pinned(&at);
	copy_pinned(&at, local_copy, mem_len, true);
	return local_copy;
}
EXPORT_SYMBOL_GPL(zs_obj_read_begin);

void zs_obj_read_sg_begin(SG_PARAMETERS)
{
	struct pinned at = pin_object(pool, handle);
	size_t here = min(mem_len, PAGE_SIZE - at.before);

	sg_init_table(sg, here < mem_len ? 2 : 1);
	sg_set_page(sg, zpdesc_page(at.from), here, at.before);
	if (here < mem_len)
		sg_set_page(sg_next(sg), zpdesc_page(get_next_zpdesc(at.from)),
			    mem_len - here, 0);
}
EXPORT_SYMBOL_GPL(zs_obj_read_sg_begin);

void zs_obj_read_sg_end(OBJECT_PARAMETERS)
{
	unpin_object(handle);
}
EXPORT_SYMBOL_GPL(zs_obj_read_sg_end);
"""

OBJECT = ["struct zs_pool *pool", "unsigned long handle"]


def access_prototypes(later):
    """{call: (result, [parameter])}"""
    length = ["size_t mem_len"] if later else []
    calls = {
        "zs_obj_read_begin": ("void *", OBJECT + length +
                              ["void *local_copy"]),
        "zs_obj_read_end": ("void ", OBJECT + length + ["void *handle_mem"]),
        "zs_obj_write": ("void ", OBJECT + ["void *handle_mem",
                                            "size_t mem_len"]),
    }
    if later:
        calls["zs_obj_read_sg_begin"] = (
            "void ", OBJECT + ["struct scatterlist *sg", "size_t mem_len"])
        calls["zs_obj_read_sg_end"] = ("void ", OBJECT)
    return calls


def access(source, later):
    for function in ("__zs_cpu_up", "__zs_cpu_down", "__zs_map_object",
                     "__zs_unmap_object", "zs_cpu_prepare", "zs_cpu_dead",
                     "zs_map_object", "zs_unmap_object"):
        source.remove(function)
    source.sub(r"^struct mapping_area \{.*?^\};\n", "")
    source.sub(r"^static DEFINE_PER_CPU\(.*?^\};\n", "")
    calls = access_prototypes(later)
    text = PIN + (READ_LENGTH if later else READ_WHOLE)
    for name, call in (("WRITE", "zs_obj_write"), ("END", "zs_obj_read_end"),
                       ("BEGIN", "zs_obj_read_begin"),
                       ("SG", "zs_obj_read_sg_begin")):
        if call in calls:
            text = text.replace(f"{name}_PARAMETERS",
                                ", ".join(calls[call][1]))
    text = text.replace("OBJECT_PARAMETERS", ", ".join(OBJECT))
    begin, _ = source.span("zs_huge_class_size")
    begin = source.text.rindex("/**", 0, begin)
    source.text = source.text[:begin] + text + "\n" + source.text[begin:]


def only_try(source):
    """A reader may hold zspage->lock for long: writers try."""
    source.word("migrate_lock", "lock")
    source.inside("__zs_compact", r"^(\t+)migrate_write_lock\(src_zspage\);",
                  r"\1if (!write_trylock(&src_zspage->lock))\n\1\tbreak;")
    migrate = "zs_zpdesc_migrate"
    source.inside(migrate, r"^\t(zpdesc___SetPageZsmalloc\(newpage\);)\n", "")
    source.inside(
        migrate, r"^\tmigrate_write_lock\(zspage\);",
        "\tif (!write_trylock(&zspage->lock)) {\n"
        "\t\tspin_unlock(&class->lock);\n\t\twrite_unlock(&pool->lock);\n"
        "\t\treturn -EAGAIN;\n\t}\n\tzpdesc___SetPageZsmalloc(newpage);")


# ---- the rest ------------------------------------------------------------------------

MEMCG = ["bool memcg_aware", "enum memcg_stat_item compressed",
         "enum memcg_stat_item uncompressed"]


def node(source):
    """zs_malloc() and what it calls take a node."""
    source.inside("zs_malloc", r"gfp_t gfp\)", "gfp_t gfp, const int nid)")
    source.inside("zs_malloc", r"alloc_zspage\(pool, class, gfp\)",
                  "alloc_zspage(pool, class, gfp, nid)")
    source.inside("alloc_zspage", r"gfp_t gfp\)", "gfp_t gfp, const int nid)")
    source.inside("alloc_zspage", r"(?<!\w)alloc_page\(gfp\)",
                  "page_zpdesc(alloc_pages_node(nid, gfp, 0))")


def operations_of_type(source):
    """Movable pages have their operations by type, and stay movable until
    they are freed: one whose zspage went while it was isolated is done with."""
    source.sub(r"zpdesc___SetPageMovable\((\w+), &zsmalloc_mops\)",
               r"SetPageMovableOps(zpdesc_page(\1))", 2)
    source.inside("reset_zpdesc", r"^\tzpdesc___ClearPageMovable\(page\);\n",
                  "")
    source.inside("zs_zpdesc_isolate", r"return true;",
                  "return zpdesc_page_private(page) != 0;")
    source.inside("zs_zpdesc_migrate", r"(?=^\tzspage = get_zspage\(page\);)",
                  "\tif (!zpdesc_page_private(page))\n\t\treturn 0;\n")
    # Its zspage may be gone since it was isolated.
    source.inside("zs_zpdesc_migrate", r"^(\t/\* The page is locked, so)",
                  "\tif (!zpdesc_page_private(page))\n\t\treturn 0;\n\n\\1")


def module(source, later):
    set_up = ("set_movable_ops(&zsmalloc_mops, PGTY_zsmalloc)" if later
              else "0")
    source.inside("zs_init", r"cpuhp_setup_state\([^;]*\);", set_up + ";")
    source.inside("zs_exit", r"^\tcpuhp_remove_state\([^;]*\);\n",
                  "\tset_movable_ops(NULL, PGTY_zsmalloc);\n" if later else "")


def change_source(text, later):
    source = Source(text)
    to_zpdesc(source)
    access(source, later)
    only_try(source)
    module(source, later)
    if later:
        node(source)
        operations_of_type(source)
        source.inside("zs_create_pool", r"const char \*name\)",
                      "const char *name, " + ", ".join(MEMCG) + ")")
        source.inside("zs_lookup_class_index", r"lookup_size_class\(pool, size\)",
                      "pool->size_class[get_size_class_index(size)]")
    else:
        source.inside("alloc_zspage", r"(?<!\w)alloc_page\(gfp\)",
                      "page_zpdesc(alloc_page(gfp))")
    return source.text


def change_header(text, later):
    header = Source(text)
    header.sub(r"^enum zs_mapmode \{.*?^\};\n", "")
    header.sub(r"^void \*zs_map_object\([^;]*;\n", "")
    header.sub(r"^void zs_unmap_object\([^;]*;\n", "")
    declared = "".join(f"{result}{name}({', '.join(parameters)});\n"
                       for name, (result, parameters)
                       in access_prototypes(later).items())
    header.sub(r"(?=^#endif)", lambda _: "struct scatterlist;\n" + declared)
    if later:
        header.sub(r"(\bzs_malloc\([^;]*)\);", r"\1, const int nid);")
        header.sub(r"(\bzs_create_pool\([^;]*)\);",
                   lambda m: f"{m[1]}, {', '.join(MEMCG)});")
        # For enum memcg_stat_item.
        header.sub(r"^#include <linux/types\.h>\n",
                   "#include <linux/types.h>\n#include <linux/memcontrol.h>\n")
    return header.text


def make(tree, to, later):
    """Writes the new tree into `to`, which is made."""
    texts = {
        SOURCE: change_source((tree / SOURCE).read_text(), later),
        HEADER: change_header((tree / HEADER).read_text(), later),
        "mm/zpdesc.h": zpdesc_header(),
    }
    for name, text in texts.items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_text(text)


def main():
    parser = argparse.ArgumentParser(
        prog="newer_tree.py", epilog=EXAMPLE, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Makes a tree with the interface of 6.15 and later from "
        "that of 6.12.")
    parser.add_argument("--interface", choices=["first", "later"],
                        default="later", help="that of 6.15, or of 2026: "
                        "with lengths, segments, a node (default later)")
    parser.add_argument("tree", type=Path, help="with 6.12's mm/zsmalloc.c")
    parser.add_argument("to", type=Path, help="a directory that is made")
    args = parser.parse_args()
    try:
        make(args.tree, args.to, args.interface == "later")
    except OSError as error:
        print(f"newer_tree.py: {error.filename}: {error.strerror}",
              file=sys.stderr)
        return 1
    except Unexpected as error:
        print(f"newer_tree.py: {args.tree}/{SOURCE} is not 6.12's: {error}",
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
