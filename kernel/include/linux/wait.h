/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/wait.h - nothing of it is used. */
#ifndef UZS_KERNEL_LINUX_WAIT_H
#define UZS_KERNEL_LINUX_WAIT_H

#include <uzs/compat.h>

#endif
