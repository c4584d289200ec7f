/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* verify.h - the kernel profile's part of zs_pool_check. For struct profile. */
#ifndef UZS_KERNEL_VERIFY_H
#define UZS_KERNEL_VERIFY_H

#include "findings.h"

unsigned long uzs_kernel_check_zspage(struct check *check,
				      const struct size_class *class,
				      struct zspage *zspage);
void uzs_kernel_check_kept(struct check *check);

#endif
