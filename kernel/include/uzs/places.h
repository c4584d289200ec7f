/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs/places.h - in the lab: calls of the file under test that make steps
 * (atomics, references and flags of pages, memory, work) record their place, so
 * that the lab's tables show lines of that file. Calls that are macros with
 * their own place (locks, READ_ONCE) need nothing.
 *
 * Included before the file, and after the headers that define these functions.
 */
#ifndef UZS_KERNEL_PLACES_H
#define UZS_KERNEL_PLACES_H

#include <linux/atomic.h>
#include <linux/bit_spinlock.h>
#include <linux/bitops.h>
#include <linux/debugfs.h>
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>
#include <linux/pagemap.h>
#include <linux/percpu.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <linux/vmstat.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

/* For a call that returns a value, and for one that does not. */
#define UZS_K_AT(call)                                                        \
	({                                                                    \
		const struct uzs_place *uzs_before_ = uzs_lab_from(UZS_HERE); \
		__auto_type uzs_answer_ = (call);                             \
                                                                              \
		uzs_lab_from(uzs_before_);                                    \
		uzs_answer_;                                                  \
	})
#define UZS_K_DO_AT(call)                                                     \
	({                                                                    \
		const struct uzs_place *uzs_before_ = uzs_lab_from(UZS_HERE); \
                                                                              \
		call;                                                         \
		uzs_lab_from(uzs_before_);                                    \
	})

/* atomics, bits */
#define atomic_read(v) UZS_K_AT(atomic_read(v))
#define atomic_set(v, i) UZS_K_DO_AT(atomic_set(v, i))
#define atomic_inc(v) UZS_K_DO_AT(atomic_inc(v))
#define atomic_dec(v) UZS_K_DO_AT(atomic_dec(v))
#define atomic_xchg(v, i) UZS_K_AT(atomic_xchg(v, i))
#define atomic_cmpxchg(v, old, i) UZS_K_AT(atomic_cmpxchg(v, old, i))
#define atomic_add_return(i, v) UZS_K_AT(atomic_add_return(i, v))
#define atomic_inc_not_zero(v) UZS_K_AT(atomic_inc_not_zero(v))
#define atomic_long_read(v) UZS_K_AT(atomic_long_read(v))
#define atomic_long_set(v, i) UZS_K_DO_AT(atomic_long_set(v, i))
#define atomic_long_add(i, v) UZS_K_DO_AT(atomic_long_add(i, v))
#define atomic_long_sub(i, v) UZS_K_DO_AT(atomic_long_sub(i, v))
#define atomic_long_inc(v) UZS_K_DO_AT(atomic_long_inc(v))
#define atomic_long_dec(v) UZS_K_DO_AT(atomic_long_dec(v))
#define atomic_long_add_return(i, v) UZS_K_AT(atomic_long_add_return(i, v))
#define atomic_long_xchg(v, i) UZS_K_AT(atomic_long_xchg(v, i))
#define test_bit(n, word) UZS_K_AT(test_bit(n, word))
#define set_bit(n, word) UZS_K_DO_AT(set_bit(n, word))
#define clear_bit(n, word) UZS_K_DO_AT(clear_bit(n, word))
#define test_and_set_bit(n, word) UZS_K_AT(test_and_set_bit(n, word))
#define test_and_clear_bit(n, word) UZS_K_AT(test_and_clear_bit(n, word))

#define bit_spin_lock(n, word) UZS_K_DO_AT(bit_spin_lock(n, word))
#define bit_spin_trylock(n, word) UZS_K_AT(bit_spin_trylock(n, word))
#define bit_spin_unlock(n, word) UZS_K_DO_AT(bit_spin_unlock(n, word))
#define wake_up_all(queue) UZS_K_DO_AT(wake_up_all(queue))

/* pages */
#define page_count(page) UZS_K_AT(page_count(page))
#define get_page(page) UZS_K_DO_AT(get_page(page))
#define get_page_unless_zero(page) UZS_K_AT(get_page_unless_zero(page))
#define put_page(page) UZS_K_DO_AT(put_page(page))
#define uzs_k_alloc_page(gfp) UZS_K_AT(uzs_k_alloc_page(gfp))
#define uzs_k_alloc_order(gfp, order) UZS_K_AT(uzs_k_alloc_order(gfp, order))
#define uzs_k_free_page(page) UZS_K_DO_AT(uzs_k_free_page(page))
#define PageLocked(page) UZS_K_AT(PageLocked(page))
#define PagePrivate(page) UZS_K_AT(PagePrivate(page))
#define SetPagePrivate(page) UZS_K_DO_AT(SetPagePrivate(page))
#define ClearPagePrivate(page) UZS_K_DO_AT(ClearPagePrivate(page))
#define PagePrivate2(page) UZS_K_AT(PagePrivate2(page))
#define SetPagePrivate2(page) UZS_K_DO_AT(SetPagePrivate2(page))
#define ClearPagePrivate2(page) UZS_K_DO_AT(ClearPagePrivate2(page))
#define PageOwnerPriv1(page) UZS_K_AT(PageOwnerPriv1(page))
#define SetPageOwnerPriv1(page) UZS_K_DO_AT(SetPageOwnerPriv1(page))
#define ClearPageOwnerPriv1(page) UZS_K_DO_AT(ClearPageOwnerPriv1(page))
#define PageIsolated(page) UZS_K_AT(PageIsolated(page))
#define PageZsmalloc(page) UZS_K_AT(PageZsmalloc(page))
#define __ClearPageZsmalloc(page) UZS_K_DO_AT(__ClearPageZsmalloc(page))
#define PageMovable(page) UZS_K_AT(PageMovable(page))
#define __SetPageMovable(page, ops) UZS_K_DO_AT(__SetPageMovable(page, ops))
#define __ClearPageMovable(page) UZS_K_DO_AT(__ClearPageMovable(page))
#define SetPageMovableOps(page) UZS_K_DO_AT(SetPageMovableOps(page))
#define inc_zone_page_state(page, item) \
	UZS_K_DO_AT(inc_zone_page_state(page, item))
#define dec_zone_page_state(page, item) \
	UZS_K_DO_AT(dec_zone_page_state(page, item))

/* caches, work, CPUs */
#define uzs_k_cache_alloc(cache, gfp) UZS_K_AT(uzs_k_cache_alloc(cache, gfp))
#define uzs_k_cache_zalloc(cache, gfp) UZS_K_AT(uzs_k_cache_zalloc(cache, gfp))
#define uzs_k_cache_free(cache, obj) UZS_K_DO_AT(uzs_k_cache_free(cache, obj))
#define schedule_work(work) UZS_K_AT(schedule_work(work))
#define flush_work(work) UZS_K_AT(flush_work(work))
#define cancel_work_sync(work) UZS_K_AT(cancel_work_sync(work))
#define work_pending(work) UZS_K_AT(work_pending(work))
#define uzs_k_slot() UZS_K_AT(uzs_k_slot())
#define uzs_k_pin_slot() UZS_K_AT(uzs_k_pin_slot())

#endif
