/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* linux/spinlock.h - compat's locks. */
#ifndef UZS_KERNEL_LINUX_SPINLOCK_H
#define UZS_KERNEL_LINUX_SPINLOCK_H

#include <uzs/compat.h>
#include <linux/bit_spinlock.h>
#include <linux/lockdep.h>

#define __acquires(lock)
#define __releases(lock)
#define __must_hold(lock)
enum { SINGLE_DEPTH_NESTING = 1 };
#define raw_spinlock_t spinlock_t
#define DEFINE_SPINLOCK(name) spinlock_t name = { 0 }
#define DEFINE_RWLOCK(name) rwlock_t name = { 0 }
#define spin_lock_irqsave(lock, flags) ((void)(flags = 0), spin_lock(lock))
#define spin_unlock_irqrestore(lock, flags) ((void)(flags), spin_unlock(lock))
#define spin_lock_irq(lock) spin_lock(lock)
#define spin_unlock_irq(lock) spin_unlock(lock)
#define spin_lock_bh(lock) spin_lock(lock)
#define spin_unlock_bh(lock) spin_unlock(lock)

/* Two locks of one class at the same time. The caller says that the order is
 * right. So it is only tried: the checked body does not check the order of
 * trylocks. */
#if UZS_LAB
#define spin_lock_nested(lock, nesting) \
	((void)(nesting), uzs_lab_spin_lock_nested((lock), UZS_HERE))
#define write_lock_nested(lock, nesting) \
	((void)(nesting), uzs_lab_write_lock_nested((lock), UZS_HERE))
#elif UZS_CHECKED
/* Tries again when it may be free, or after a tenth of a millisecond. */
#define UZS_NESTED_NS 100000u
#define spin_lock_nested(lock, nesting)                                 \
	do {                                                            \
		while (!spin_trylock(lock))                             \
			uzs_wait_on_for(&(lock)->word, UZS_SPIN_LOCKED, \
					UZS_NESTED_NS);                 \
	} while ((void)(nesting), 0)
#define write_lock_nested(lock, nesting)                              \
	do {                                                          \
		while (!write_trylock(lock))                          \
			uzs_wait_on_for(&(lock)->word, UZS_RW_WRITER, \
					UZS_NESTED_NS);               \
	} while ((void)(nesting), 0)
#else
#define spin_lock_nested(lock, nesting) ((void)(nesting), spin_lock(lock))
#define write_lock_nested(lock, nesting) ((void)(nesting), write_lock(lock))
#endif

#endif
