/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/minmax.h - min() and max() are compat's. */
#ifndef UZS_KERNEL_LINUX_MINMAX_H
#define UZS_KERNEL_LINUX_MINMAX_H

#include <uzs/compat.h>
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define clamp(v, lo, hi) min(max((v), (lo)), (hi))
#define clamp_t(type, v, lo, hi) clamp((type)(v), (type)(lo), (type)(hi))

#endif
