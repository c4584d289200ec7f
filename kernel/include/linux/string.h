/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/string.h - the C library's, and the kernel's kstrdup(). The C library
 * includes a header of this name, too. */
#ifndef UZS_KERNEL_LINUX_STRING_H
#define UZS_KERNEL_LINUX_STRING_H

#include <uzs/compat.h>
#include <string.h>

#include <linux/gfp.h>

char *uzs_k_strdup(const char *s);
#define kstrdup(s, gfp) ((void)(gfp), uzs_k_strdup(s))
#define kstrdup_const(s, gfp) kstrdup((s), (gfp))

#endif
