/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_scenarios.h - what scenarios of a kernel's file use besides
 * lab/scenario.h (lab_pool.c).
 */
#ifndef UZS_KERNEL_LAB_SCENARIOS_H
#define UZS_KERNEL_LAB_SCENARIOS_H

#include "lab/scenario.h"

/* Words of the world: the pages that lab_migrate_pages and lab_migrate_second
 * move. */
#define LAB_MOVES 6
#define LAB_MOVES_TOO 7
void lab_migrate_second(struct lab_world *w);
/* The two halves of lab_migrate_pages: the page is isolated; then it moves. */
void lab_isolate(struct lab_world *w);
void lab_migrate_isolated(struct lab_world *w);
/* Prints the file `classes` of debugfs. */
void lab_print_classes(void);
/* Destroys the pool, while other CPUs may still move its pages; lab_destroy() is
 * then called after. */
void lab_destroy_pool(void);
void lab_destroy(void);

/* Gives one zspage back; evict() is called for each of its objects, with w. */
void lab_reclaim(struct lab_world *w,
		 int (*evict)(unsigned long handle, void *arg));

/* Those of a file with that (lab_reclaim.c). */
#define LAB_RECLAIM_SCENARIOS(X) \
	X(reclaim_free)          \
	X(reclaim_malloc)        \
	X(reclaim_read)          \
	X(reclaim_migrate)       \
	X(reclaim_reclaim)       \
	X(reclaim_compact)       \
	X(reclaim_async)
#define LAB_RECLAIM_SCENARIO(name) \
	extern const struct lab_scenario lab_scenario_##name;
LAB_RECLAIM_SCENARIOS(LAB_RECLAIM_SCENARIO)

#endif
