/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/magic.h - the system's, and a number for zsmalloc's pseudo file system,
 * which newer systems do not have. Nobody looks at it. */
#include_next <linux/magic.h>
#ifndef ZSMALLOC_MAGIC
#define ZSMALLOC_MAGIC 0x757a73
#endif
