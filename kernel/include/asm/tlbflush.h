/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* asm/tlbflush.h - nothing of it is used. */
#ifndef UZS_KERNEL_ASM_TLBFLUSH_H
#define UZS_KERNEL_ASM_TLBFLUSH_H

#endif
