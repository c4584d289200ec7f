/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* futex.h - linux/futex.h. Where the compiler does not find it (musl-gcc has
 * none of the kernel's headers), the few numbers of it that are used.
 */
#ifndef UZS_COMPAT_FUTEX_H
#define UZS_COMPAT_FUTEX_H

#if __has_include(<linux/futex.h>)
#include <linux/futex.h>
#else
#define FUTEX_WAIT 0
#define FUTEX_WAKE 1
#define FUTEX_PRIVATE_FLAG 128
#define FUTEX_WAIT_PRIVATE (FUTEX_WAIT | FUTEX_PRIVATE_FLAG)
#define FUTEX_WAKE_PRIVATE (FUTEX_WAKE | FUTEX_PRIVATE_FLAG)
#endif

#endif
