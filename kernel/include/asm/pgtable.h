/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* asm/pgtable.h - until 5.7; see linux/pgtable.h. */
#ifndef UZS_KERNEL_ASM_PGTABLE_H
#define UZS_KERNEL_ASM_PGTABLE_H

#include <linux/pgtable.h>

#endif
