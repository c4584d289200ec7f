/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios.h - the names of all scenarios, by file. */
#ifndef UZS_LAB_SCENARIOS_H
#define UZS_LAB_SCENARIOS_H

#include "scenario.h"

/* clang-format off */
#define LAB_FREE_SCENARIOS(X) \
	X(free_free) X(free_free_chain) X(free_malloc) X(malloc_malloc) \
	X(malloc_count) X(rcu_free)
#define LAB_LOCK_SCENARIOS(X) \
	X(lock_add) X(lock_spin) X(lock_try) X(lock_polled) X(lock_write) \
	X(lock_read) X(lock_shared) X(lock_pin) X(lock_pinned) X(lock_bit)
#define LAB_LOOK_SCENARIOS(X) \
	X(free_stat) X(free_check) X(malloc_check) X(free_walk)
#define LAB_MOVE_SCENARIOS(X) \
	X(free_migrate) X(free_migrate_chain) X(free_compact) \
	X(read_compact) X(read_migrate) X(write_migrate) \
	X(compact_compact) X(compact_migrate) X(shrink_free) \
	X(async_malloc) X(async_migrate) X(free_trim) X(trim_malloc)
#define LAB_DEFER_SCENARIOS(X) \
	X(push_flush) X(push_drain_destroy) X(array_full) X(cpu_change) \
	X(flush_flush) X(flush_compact) X(push_schedule) X(work_flush)
#define LAB_REUSE_SCENARIOS(X) \
	X(keep_take) X(evict_take) X(flush_take) X(flush_evict) X(age_take) \
	X(age_destroy) X(kept_compact) X(kept_migrate) X(kept_trim) \
	X(enable_take) X(keep_check)
#define LAB_LIMIT_SCENARIOS(X) \
	X(limit_flush) X(relieve_keep) X(relieve_check) X(limit_compact) \
	X(limit_trim) X(limit_pinned)
#define LAB_REF_SCENARIOS(X) \
	X(ref_read_compact) X(ref_read_read) X(ref_write_compact) \
	X(ref_store_compact) X(ref_take_compact) X(ref_free_compact) \
	X(ref_many_compact) X(ref_move_compact) X(ref_over_compact) \
	X(ref_replace_compact) X(ref_end_compact) X(ref_nested_compact) X(ref_end_other) \
	X(ref_ends_other) X(ref_hand_over) X(ref_compact_trim) \
	X(ref_write_trim) X(ref_free_trim) X(ref_tiny_trim) \
	X(ref_slot) X(ref_free_free) X(ref_store_store) \
	X(ref_big_trim) X(ref_big_unmap) X(ref_big_check) \
	X(ref_limit_kept) X(ref_limit_compact) X(ref_limit_trim) \
	X(ref_destroy) X(ref_fork) X(ref_fork_free) X(ref_fork_child)
#define LAB_HARD_SCENARIOS(X) \
	X(hard_read_compact) X(hard_free_compact) X(hard_drop_compact) \
	X(hard_store_compact) X(hard_hand_over)
#define LAB_SETTLE_SCENARIOS(X) \
	X(settle_read) X(settle_write) X(settle_free) X(settle_empty) \
	X(settle_store) X(settle_over) X(settle_move) X(settle_compact) \
	X(settle_trim) X(settle_check) X(settle_limit) X(settle_fork) \
	X(settle_fork_child) X(settled_trim) X(settled_free)
/* clang-format on */

#define LAB_DECLARE(name) extern const struct lab_scenario lab_scenario_##name;
LAB_LOCK_SCENARIOS(LAB_DECLARE)
LAB_FREE_SCENARIOS(LAB_DECLARE)
LAB_LOOK_SCENARIOS(LAB_DECLARE)
LAB_MOVE_SCENARIOS(LAB_DECLARE)
LAB_DEFER_SCENARIOS(LAB_DECLARE)
LAB_REUSE_SCENARIOS(LAB_DECLARE)
LAB_LIMIT_SCENARIOS(LAB_DECLARE)
LAB_REF_SCENARIOS(LAB_DECLARE)
LAB_HARD_SCENARIOS(LAB_DECLARE)
LAB_SETTLE_SCENARIOS(LAB_DECLARE)

/* ---- scenarios_defer.c, for ours ---------------------------------------------- */

/* Handles that were queued or kept, and by now are freed or taken. */
unsigned long lab_deferred_done(struct lab_world *w);
/* Flushes. If no other fiber runs, nothing may be left. */
void lab_flush_and_look(struct lab_world *w);
/* Frees object 0 with zs_free_deferred, and flushes. Nothing that was queued
 * before may be left. */
void lab_later_then_flush(struct lab_world *w);

/* ---- scenarios_reuse.c, for ours ---------------------------------------------- */

/* Calls zs_pool_check. */
void lab_call_check(struct lab_world *w);

#endif
