/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/sprintf.h */
#ifndef UZS_KERNEL_LINUX_SPRINTF_H
#define UZS_KERNEL_LINUX_SPRINTF_H

#include <uzs/compat.h>
#include <linux/gfp.h>

char *uzs_k_asprintf(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
#define kasprintf(gfp, ...) ((void)(gfp), uzs_k_asprintf(__VA_ARGS__))
#define scnprintf(buf, size, ...) snprintf((buf), (size), __VA_ARGS__)

#endif
