/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/module.h - a module's init function is called before the first pool is
 * made, its exit function after the last pool is destroyed. */
#ifndef UZS_KERNEL_LINUX_MODULE_H
#define UZS_KERNEL_LINUX_MODULE_H

#include <uzs/compat.h>
#include <linux/kernel.h>

#define KBUILD_MODNAME "zsmalloc"
#define THIS_MODULE ((struct module *)NULL)
#define __init
#define __exit
#define __initdata
#define __ro_after_init
#define __read_mostly
#define EXPORT_SYMBOL(name) _Static_assert(1, "")
#define EXPORT_SYMBOL_GPL(name) _Static_assert(1, "")
#define MODULE_LICENSE(text) _Static_assert(1, "")
#define MODULE_AUTHOR(text) _Static_assert(1, "")
#define MODULE_DESCRIPTION(text) _Static_assert(1, "")
#define MODULE_ALIAS(text) _Static_assert(1, "")

/* sys.c calls them. */
int uzs_k_module_init(void);
void uzs_k_module_exit(void);
#define module_init(fn)             \
	int uzs_k_module_init(void) \
	{                           \
		return fn();        \
	}
#define module_exit(fn)              \
	void uzs_k_module_exit(void) \
	{                            \
		fn();                \
	}
#define subsys_initcall(init) module_init(init)
#define late_initcall(init) module_init(init)

#endif
