/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenarios.h - the names of all scenarios, by file. */
#ifndef UZS_LAB_SCENARIOS_H
#define UZS_LAB_SCENARIOS_H

#include "scenario.h"

/* clang-format off */
#define LAB_FREE_SCENARIOS(X) \
	X(free_free) X(free_free_chain) X(free_malloc) X(malloc_malloc) \
	X(malloc_count) X(rcu_free)
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
/* clang-format on */

#define LAB_DECLARE(name) extern const struct lab_scenario lab_scenario_##name;
LAB_FREE_SCENARIOS(LAB_DECLARE)
LAB_LOOK_SCENARIOS(LAB_DECLARE)
LAB_MOVE_SCENARIOS(LAB_DECLARE)
LAB_DEFER_SCENARIOS(LAB_DECLARE)

#endif
