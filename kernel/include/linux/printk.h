/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/printk.h - errors and warnings go to stderr, other messages nowhere. */
#ifndef UZS_KERNEL_LINUX_PRINTK_H
#define UZS_KERNEL_LINUX_PRINTK_H

#include <uzs/compat.h>
#ifndef pr_fmt
#define pr_fmt(fmt) fmt
#endif
#define pr_emerg(...) pr_level_(0, __VA_ARGS__)
#define pr_alert(...) pr_level_(1, __VA_ARGS__)
#define pr_crit(...) pr_level_(2, __VA_ARGS__)
#define pr_err(...) pr_level_(3, __VA_ARGS__)
#define pr_warn(...) pr_level_(4, __VA_ARGS__)
#define pr_notice(...) pr_level_(5, __VA_ARGS__)
#define pr_info(...) pr_level_(6, __VA_ARGS__)
#define pr_debug(...) pr_level_(7, __VA_ARGS__)
#define pr_level_(level, fmt, ...) \
	uzs_k_printk((level), pr_fmt(fmt), ##__VA_ARGS__)
#define pr_err_once pr_err
#define pr_warn_once pr_warn
#define pr_warn_ratelimited pr_warn

#endif
