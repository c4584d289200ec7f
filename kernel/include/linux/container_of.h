/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/container_of.h - compat's. */
#ifndef UZS_KERNEL_LINUX_CONTAINER_OF_H
#define UZS_KERNEL_LINUX_CONTAINER_OF_H

#include <uzs/compat.h>

#endif
