/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/math.h - DIV_ROUND_UP() is compat's. */
#ifndef UZS_KERNEL_LINUX_MATH_H
#define UZS_KERNEL_LINUX_MATH_H

#include <uzs/compat.h>
#define round_up(x, a) ALIGN((x), (a))
#define round_down(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define roundup(x, a) (DIV_ROUND_UP((x), (a)) * (a))
#define rounddown(x, a) ((x) - (x) % (a))

#endif
