/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/list.h - compat's, and the last entry. */
#ifndef UZS_KERNEL_LINUX_LIST_H
#define UZS_KERNEL_LINUX_LIST_H

#include <uzs/compat.h>
#include <linux/types.h>

#define list_last_entry(list, type, link) list_entry((list)->prev, type, link)

#endif
