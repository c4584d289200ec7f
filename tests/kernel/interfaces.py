# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""include/linux/zsmalloc.h as trees of different age have it, as far as
scripts/kernel-test looks at it: for tests. Not a module of its own."""

POOL = "struct zs_pool *pool"
HANDLE = "unsigned long handle"
SIZE = "size_t mem_len"

# What all declare: name, result, parameters after the pool.
ALWAYS = [
    ("zs_destroy_pool", "void", []),
    ("zs_free", "void", [HANDLE]),
    ("zs_compact", "unsigned long", []),
    ("zs_get_total_pages", "unsigned long", []),
    ("zs_pool_stats", "void", ["struct zs_pool_stats *stats"]),
    ("zs_huge_class_size", "size_t", []),
]
LOOKUP = [("zs_lookup_class_index", "unsigned int", ["unsigned int size"])]
DEFERRED = [("zs_free_deferred", "void", [HANDLE]),
            ("zs_free_deferred_flush", "void", [])]
# Of 2026: with operations of the caller's, and nothing to flush.
DEFERRED_OPS = [("zs_pool_enable_deferred_free", "int",
                 ["const struct zs_deferred_ops *ops", "void *private"]),
                ("zs_free_deferred", "bool", ["unsigned long value"])]

WRITE = [("zs_obj_write", "void", [HANDLE, "void *handle_mem", SIZE])]
ACCESS = {
    # Until 6.14.
    "map": [("zs_map_object", "void *", [HANDLE, "enum zs_mapmode mm"]),
            ("zs_unmap_object", "void", [HANDLE])],
    # 6.15: no length.
    "whole": WRITE + [
        ("zs_obj_read_begin", "void *", [HANDLE, "void *local_copy"]),
        ("zs_obj_read_end", "void", [HANDLE, "void *handle_mem"])],
    "length": WRITE + [
        ("zs_obj_read_begin", "void *", [HANDLE, SIZE, "void *local_copy"]),
        ("zs_obj_read_end", "void", [HANDLE, SIZE, "void *handle_mem"])],
}
ACCESS["segments"] = ACCESS["length"] + [
    ("zs_obj_read_sg_begin", "void", [HANDLE, "struct scatterlist *sg",
                                      SIZE]),
    ("zs_obj_read_sg_end", "void", [HANDLE])]

CREATE = {
    1: [],
    4: ["bool memcg_aware", "enum memcg_stat_item compressed_stat",
        "enum memcg_stat_item uncompressed_stat"],
}
TYPES = """#include <linux/memcontrol.h>
#include <linux/types.h>
enum zs_mapmode { ZS_MM_RW, ZS_MM_RO, ZS_MM_WO };
struct zs_pool_stats { atomic_long_t pages_compacted; };
struct zs_pool;
struct scatterlist;
struct zs_deferred_ops;
"""


def header(access="map", create=1, node=False, more=(), types=TYPES):
    """Its text. access: of ACCESS; create: arguments of zs_create_pool();
    node: has zs_malloc() one; more: of LOOKUP, DEFERRED."""
    lines = [f"struct zs_pool *zs_create_pool("
             f"{', '.join(['const char *name'] + CREATE[create])});"]
    malloc = ["size_t size", "gfp_t flags"] + ["const int nid"] * node
    calls = ALWAYS + [("zs_malloc", "unsigned long", malloc)]
    for name, result, parameters in calls + ACCESS[access] + list(more):
        lines.append(f"{result} {name}({', '.join([POOL] + parameters)});")
    return types + "\n".join(lines) + "\n"
