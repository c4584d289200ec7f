// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: a page's number does not fit beside the object's index
// Fix: "arch: pgtable: define MAX_POSSIBLE_PHYSMEM_BITS where needed", 2020
// Had it: up to 5.9, on 32-bit machines with more than 4 GiB (ARM LPAE and others)
// Tree: 5.10
// Found by: suite room_for_every_size: Segmentation fault
//
// Where the architecture did not say how many bits an address of memory has,
// zsmalloc took the bits of a word, 32. The numbers of pages beyond 4 GiB lost
// their upper bits in obj. Here with a word of 64 bits: addresses have 47, the
// file is told 37.

@@
@@
 #include <linux/migrate.h>
+#undef MAX_POSSIBLE_PHYSMEM_BITS
+#define MAX_POSSIBLE_PHYSMEM_BITS 37
