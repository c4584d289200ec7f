/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* rcu.h - the kernel's RCU calls, on liburcu's bp flavour.
 *
 * Kernel origin: linux/rcupdate.h, linux/rculist.h. Restored:
 *   G1 what was removed before synchronize_rcu is seen by no reader when it
 *      returns, and everything those readers did happened before
 *   G2 a reader that began after synchronize_rcu did sees all that was
 *      written before synchronize_rcu
 *   G3 rcu_dereference sees what was written before the rcu_assign_pointer
 *      that stored the pointer
 * The bp flavour, as it needs no registration of the callers' threads.
 * Simpler: rcu_dereference is an acquire load, since C11 has nothing usable
 * for dependencies (free on x86, cheap on ARM); readers may sleep.
 *
 * liburcu 0.13 does its ordering in inline assembly, which TSan cannot see.
 * Under TSan G1 and G2 are told to it by annotations around liburcu's calls,
 * and pointers are loaded and stored by compiler builtins rather than
 * liburcu's macros. No suppressions are needed.
 */
#ifndef UZS_COMPAT_RCU_H
#define UZS_COMPAT_RCU_H

#include "base.h"
#include "list.h"

#ifdef UZS_BODY_RCU_H
#include UZS_BODY_RCU_H /* a body from outside: by its build */
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
/* Their addresses stand for G1 and G2; one of each in a program, as weak. */
__attribute__((weak)) char uzs_rcu_readers_done;
__attribute__((weak)) char uzs_rcu_writers_done;
#define UZS_RCU_HAPPENS_BEFORE(what) __tsan_release(&(what))
#define UZS_RCU_HAPPENS_AFTER(what) __tsan_acquire(&(what))
#else
#define UZS_RCU_HAPPENS_BEFORE(what) ((void)0)
#define UZS_RCU_HAPPENS_AFTER(what) ((void)0)
#endif

/* liburcu's macros of these names give way to ours. */
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

/* Not from within a reader; sleeps. */
static inline void synchronize_rcu(void)
{
	UZS_RCU_HAPPENS_BEFORE(uzs_rcu_writers_done);
	urcu_bp_synchronize_rcu();
	UZS_RCU_HAPPENS_AFTER(uzs_rcu_readers_done);
}
#endif

#define rcu_dereference(p) __atomic_load_n(&(p), __ATOMIC_ACQUIRE)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

/* Lists that readers walk while writers, who lock each other out, change
 * them. Readers go forward only, so only next is shared. */

static inline void list_add_rcu(struct list_head *entry, struct list_head *head)
{
	struct list_head *next = head->next;

	entry->next = next;
	entry->prev = head;
	rcu_assign_pointer(head->next, entry);
	next->prev = entry;
}

/* The entry still leads on to the rest of the list, for those who are at it.
 * It may be freed, or added again, only after synchronize_rcu. */
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
