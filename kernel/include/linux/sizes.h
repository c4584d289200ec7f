/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/sizes.h */
#ifndef UZS_KERNEL_LINUX_SIZES_H
#define UZS_KERNEL_LINUX_SIZES_H

#include <uzs/compat.h>
#define SZ_1K 0x400
#define SZ_4K 0x1000
#define SZ_64K 0x10000
#define SZ_1M 0x100000
#define SZ_16M 0x1000000

#endif
