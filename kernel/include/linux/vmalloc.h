/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/vmalloc.h - the part that is used is in slab.h. */
#ifndef UZS_KERNEL_LINUX_VMALLOC_H
#define UZS_KERNEL_LINUX_VMALLOC_H

#include <uzs/compat.h>
#include <linux/slab.h>

#endif
