/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/err.h - compat's ERR_PTR and the like. */
#ifndef UZS_KERNEL_LINUX_ERR_H
#define UZS_KERNEL_LINUX_ERR_H

#include <uzs/compat.h>

#endif
