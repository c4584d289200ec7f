/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/compiler.h - compat's. */
#ifndef UZS_KERNEL_LINUX_COMPILER_H
#define UZS_KERNEL_LINUX_COMPILER_H

#include <uzs/compat.h>

#endif
