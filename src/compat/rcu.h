/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* rcu.h - the kernel's RCU calls, on liburcu's bp flavour.
 *
 * Kernel origin: linux/rcupdate.h, linux/rculist.h. Same guarantees:
 *   G1 when synchronize_rcu returns, no reader sees what was removed before the
 *      call, and all that earlier readers did has happened
 *   G2 a reader that began after the call of synchronize_rcu sees all that was
 *      written before it
 *   G3 after rcu_dereference one sees what was written before the
 *      rcu_assign_pointer that stored the pointer
 * The bp flavour, as threads need not be registered with it.
 * Simpler: rcu_dereference is an acquire load, as C11 has no usable dependency
 * ordering (costs nothing on x86, little on ARM); readers may sleep.
 *
 * liburcu 0.13 orders memory by inline assembly, which TSan does not
 * understand. So annotations around liburcu's calls tell TSan of G1 and G2, and
 * pointers are loaded and stored by compiler builtins instead of liburcu's
 * macros. No suppressions are needed.
 */
#ifndef UZS_COMPAT_RCU_H
#define UZS_COMPAT_RCU_H

#include "base.h"
#include "checked/lockdep.h"
#include "list.h"

#ifdef UZS_BODY_RCU_H
#include UZS_BODY_RCU_H /* a body from outside (README.md) */
#else
#include <urcu/urcu-bp.h>

#if defined(__SANITIZE_THREAD__)
#define UZS_RCU_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UZS_RCU_TSAN 1
#endif
#endif

#ifdef UZS_RCU_TSAN
#include <sanitizer/tsan_interface.h>
/* Their addresses stand for G1 and G2. Weak, so that a program has one of each.
 */
__attribute__((weak)) char uzs_rcu_readers_done;
__attribute__((weak)) char uzs_rcu_writers_done;
#define UZS_RCU_HAPPENS_BEFORE(what) __tsan_release(&(what))
#define UZS_RCU_HAPPENS_AFTER(what) __tsan_acquire(&(what))
#else
#define UZS_RCU_HAPPENS_BEFORE(what) ((void)0)
#define UZS_RCU_HAPPENS_AFTER(what) ((void)0)
#endif

/* Ours replace liburcu's macros of these names. */
#undef rcu_read_lock
#undef rcu_read_unlock
#undef rcu_dereference
#undef rcu_assign_pointer
#undef synchronize_rcu

/* May be nested. */
static inline void rcu_read_lock(void)
{
	urcu_bp_read_lock();
	UZS_RCU_HAPPENS_AFTER(uzs_rcu_writers_done);
}

static inline void rcu_read_unlock(void)
{
	UZS_RCU_HAPPENS_BEFORE(uzs_rcu_readers_done);
	urcu_bp_read_unlock();
}

/* Must not be called by a reader. Sleeps. */
static inline void synchronize_rcu(void)
{
	might_sleep();
	UZS_RCU_HAPPENS_BEFORE(uzs_rcu_writers_done);
	urcu_bp_synchronize_rcu();
	UZS_RCU_HAPPENS_AFTER(uzs_rcu_readers_done);
}
#endif

#define rcu_dereference(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

/* Lists that readers walk while a writer changes them. Writers need a lock
 * among themselves. Readers only go forward, so they share only `next`. */

static inline void list_add_rcu(struct list_head *entry, struct list_head *head)
{
	struct list_head *next = head->next;

	entry->next = next;
	entry->prev = head;
	rcu_assign_pointer(head->next, entry);
	next->prev = entry;
}

/* The entry still points to the rest of the list, for readers that are at it.
 * It may be freed or added again only after synchronize_rcu. */
static inline void list_del_rcu(struct list_head *entry)
{
	entry->next->prev = entry->prev;
	rcu_assign_pointer(entry->prev->next, entry->next);
}

#define list_for_each_entry_rcu(pos, head, member)                             \
	for (pos = list_entry(rcu_dereference((head)->next), __typeof__(*pos), \
			      member);                                         \
	     &pos->member != (head);                                           \
	     pos = list_entry(rcu_dereference(pos->member.next),               \
			      __typeof__(*pos), member))

#endif
