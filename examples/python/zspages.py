#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
"""Shows the zspages of a size class before and after compaction, a line for
each, # for an object. For study: the library by ctypes, without a binding.
usage: zspages.py [SIZE [OBJECTS]]      example: zspages.py 200 400
UZSMALLOC_LIBRARY names the shared library, if the system does not find it."""
import ctypes
import ctypes.util
import os
import random
import sys
from ctypes import c_bool, c_int, c_long, c_size_t, c_uint, c_ulong, c_void_p

GFP_KERNEL, NUMA_NO_NODE = 1, -1


class ZspageInfo(ctypes.Structure):  # struct zs_zspage_info
    _fields_ = [("class_index", c_uint), ("group", c_uint), ("inuse", c_uint),
                ("objs", c_uint), ("pages", c_uint),
                ("handles", ctypes.POINTER(c_ulong)),
                ("free_list", ctypes.POINTER(c_uint))]


Callback = ctypes.CFUNCTYPE(c_int, ctypes.POINTER(ZspageInfo), c_void_p)


def load():
    name = os.environ.get("UZSMALLOC_LIBRARY") or \
        ctypes.util.find_library("uzsmalloc")
    if not name:
        sys.exit("zspages.py: libuzsmalloc.so: not found; install it, or set "
                 "UZSMALLOC_LIBRARY")
    try:
        zs = ctypes.CDLL(name)
    except OSError as error:
        sys.exit("zspages.py: %s" % error)
    for function, result, *arguments in [
            ("zs_create_pool", c_void_p, ctypes.c_char_p),
            ("zs_destroy_pool", c_ulong, c_void_p),
            ("zs_malloc", c_ulong, c_void_p, c_size_t, c_uint, c_int),
            ("zs_is_err", c_bool, c_ulong), ("zs_err", c_int, c_ulong),
            ("zs_free", None, c_void_p, c_ulong),
            ("zs_compact", c_ulong, c_void_p),
            ("zs_lookup_class_index", c_uint, c_void_p, c_uint),
            ("zs_for_each_zspage", c_int, c_void_p, c_uint, Callback,
             c_void_p)]:
        getattr(zs, function).restype = result
        getattr(zs, function).argtypes = arguments
    return zs


def show(zs, pool, index, title):
    print(title)

    @Callback
    def line(info, _):
        zspage = info.contents
        print("  group %2d  " % zspage.group + "".join(
            "#" if zspage.handles[i] else "." for i in range(zspage.objs)))
        return 0
    zs.zs_for_each_zspage(pool, index, line, None)


def main(size=200, objects=400):
    zs = load()
    pool = zs.zs_create_pool(b"python")
    if not pool:
        sys.exit("zspages.py: zs_create_pool failed")
    handles = [zs.zs_malloc(pool, size, GFP_KERNEL, NUMA_NO_NODE)
               for _ in range(objects)]
    for handle in filter(zs.zs_is_err, handles):
        sys.exit("zspages.py: zs_malloc: " + os.strerror(-zs.zs_err(handle)))
    random.seed(1)
    for handle in random.sample(handles, objects * 3 // 4):
        zs.zs_free(pool, handle)
    index = zs.zs_lookup_class_index(pool, size + ctypes.sizeof(c_long))
    show(zs, pool, index, "three quarters freed:")
    show(zs, pool, index, "compacted, %d pages freed:" % zs.zs_compact(pool))
    print("%d objects were still live" % zs.zs_destroy_pool(pool))


if __name__ == "__main__":
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__)
        sys.exit()
    if len(sys.argv) > 3 or not all(a.isdigit() and int(a) for a in sys.argv[1:]):
        sys.exit(__doc__)
    main(*map(int, sys.argv[1:]))
