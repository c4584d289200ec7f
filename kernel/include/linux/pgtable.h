/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/pgtable.h - see mm.h. */
#ifndef UZS_KERNEL_LINUX_PGTABLE_H
#define UZS_KERNEL_LINUX_PGTABLE_H

#include <uzs/compat.h>
#include <linux/mm.h>

#endif
