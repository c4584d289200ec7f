/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/bug.h - BUG_ON() always ends the process. WARN_ON() and the VM_ ones
 * end it in builds that test (UZS_DEBUG). */
#ifndef UZS_KERNEL_LINUX_BUG_H
#define UZS_KERNEL_LINUX_BUG_H

#include <uzs/compat.h>
#include <linux/build_bug.h>

#define BUG() uzs_bug(__FILE__, __LINE__, "BUG")
#define BUG_ON(cond)                                        \
	do {                                                \
		if (unlikely(cond))                         \
			uzs_bug(__FILE__, __LINE__, #cond); \
	} while (0)
/* Returns whether the condition was true, as in the kernel. */
#define WARN_ON(cond)                                          \
	({                                                     \
		bool warn_ = (cond);                           \
                                                               \
		if (unlikely(warn_))                           \
			uzs_k_warn(__FILE__, __LINE__, #cond); \
		warn_;                                         \
	})
#define WARN_ON_ONCE(cond) WARN_ON(cond)
#define WARN(cond, ...)                               \
	({                                            \
		if (unlikely(cond))                   \
			uzs_k_printk(4, __VA_ARGS__); \
		WARN_ON(cond);                        \
	})
#define WARN_ONCE(cond, ...) WARN((cond), __VA_ARGS__)

#endif
