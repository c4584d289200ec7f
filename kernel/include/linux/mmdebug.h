/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/mmdebug.h - in builds that test as with CONFIG_DEBUG_VM; VM_BUG_ON() is
 * compat's. */
#ifndef UZS_KERNEL_LINUX_MMDEBUG_H
#define UZS_KERNEL_LINUX_MMDEBUG_H

#include <uzs/compat.h>
#include <linux/bug.h>

#define VM_BUG_ON_PAGE(wrong, page) VM_BUG_ON(wrong)
#define VM_BUG_ON_FOLIO(wrong, folio) VM_BUG_ON(wrong)
#define VM_WARN_ON(cond) ((void)(UZS_DEBUG && WARN_ON(cond)))
#define VM_WARN_ON_ONCE(cond) ((void)(UZS_DEBUG && WARN_ON(cond)))
#define VM_WARN_ON_ONCE_PAGE(cond, page) VM_WARN_ON_ONCE(cond)
#define VM_WARN_ON_ONCE_FOLIO(cond, folio) VM_WARN_ON_ONCE(cond)

#endif
