/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/build_bug.h */
#ifndef UZS_KERNEL_LINUX_BUILD_BUG_H
#define UZS_KERNEL_LINUX_BUILD_BUG_H

#include <uzs/compat.h>
#define BUILD_BUG_ON(cond) _Static_assert(!(cond), #cond)
#define BUILD_BUG_ON_MSG(cond, msg) _Static_assert(!(cond), msg)
#ifndef static_assert
#define static_assert(cond, ...) _Static_assert(cond, #cond)
#endif

#endif
