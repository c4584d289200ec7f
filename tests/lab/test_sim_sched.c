/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_sim_sched.c - when a fiber that had to wait goes on, in virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lab/sim_sched.h"

/* bench/harness.c and tools/message.c want to know who runs. */
extern const char *const uzs_program;
extern const char program_name[];
const char *const uzs_program = "test_sim_sched";
const char program_name[] = "test_sim_sched";

#define US 1000000ull /* picoseconds */

static struct sim_costs costs;
static char memory[1 << 16] __attribute__((aligned(4096)));
static u64 gone_at, waited_from;

static int open_machine(void **state)
{
	const struct uzs_lab_options options = {
		.arena_bytes = (size_t)8 << 20,
		.stack_bytes = (size_t)128 << 10,
		.cpus = 4,
	};

	for (int i = 0; i < SIM_NR_COSTS; i++)
		costs.value[i] = 1;
	costs.value[SIM_slice] = 1e9;
	costs.value[SIM_cache_lines] = 64;
	costs.value[SIM_tlb_pages] = 64;
	return !uzs_lab_init(&options) ||
	       !sim_lines_init(&costs, 4, memory, sizeof(memory));
}

/* Its sections of a reader: from 0 to 5 us and, later, to 50 us. */
static void read_twice(void *arg)
{
	uzs_lab_rcu_read_lock(UZS_HERE);
	sim_spend(5 * US);
	uzs_lab_rcu_read_unlock(UZS_HERE);
	uzs_lab_rcu_read_lock(UZS_HERE);
	sim_spend(45 * US);
	uzs_lab_rcu_read_unlock(UZS_HERE);
	sim_spend(100 * US);
}

static void read_long(void *arg)
{
	uzs_lab_rcu_read_lock(UZS_HERE);
	sim_spend(20 * US);
	uzs_lab_rcu_read_unlock(UZS_HERE);
	sim_spend(200 * US);
}

static void wait_for_readers(void *arg)
{
	sim_spend(1 * US);
	waited_from = sim_now();
	uzs_lab_synchronize_rcu(UZS_HERE);
	gone_at = sim_now();
}

/* A grace period ends with the last reader that it waits for: neither when
 * that fiber ends, nor with a reader that began later. */
static void test_grace_period_ends_with_last_reader(void **state)
{
	struct sim_run run;

	uzs_lab_reset();
	uzs_lab_spawn("twice", 0, read_twice, NULL);
	uzs_lab_spawn("long", 1, read_long, NULL);
	uzs_lab_spawn("waiter", 2, wait_for_readers, NULL);
	assert_true(sim_run(&costs, 4, 0, &run));
	assert_int_equal(waited_from, 1 * US);
	assert_int_equal(gone_at, 20 * US);
	assert_int_equal(run.end_ps, 220 * US);
}

static void copy_some(void *arg)
{
	sim_bulk(memory + 100, 0, false, 0);
	sim_bulk(memory + 100, 400, false, 0); /* lines 1 to 7 */
	sim_bulk(memory + 127, 2, true, 0); /* lines 1 and 2 */
}

static void write_one(void *arg)
{
	sim_spend(5 * US);
	sim_bulk(memory + 128, 1, true, 0);
	sim_bulk(&costs, sizeof(costs), true, 0); /* not of the machine */
}

/* All lines of what is copied come, each once; who writes to one takes it from the
 * CPU that had it. */
static void test_bulk_has_lines(void **state)
{
	struct sim_run run;

	sim_lines_clear();
	uzs_lab_reset();
	uzs_lab_spawn("copy", 0, copy_some, NULL);
	assert_true(sim_run(&costs, 4, 0, &run));
	assert_int_equal(run.line.misses, 7);
	assert_int_equal(run.line.moves, 0);

	sim_lines_clear();
	uzs_lab_reset();
	uzs_lab_spawn("copy", 0, copy_some, NULL);
	uzs_lab_spawn("write", 1, write_one, NULL);
	assert_true(sim_run(&costs, 4, 0, &run));
	assert_int_equal(run.line.misses, 7);
	assert_int_equal(run.line.moves, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grace_period_ends_with_last_reader),
		cmocka_unit_test(test_bulk_has_lines),
	};

	return cmocka_run_group_tests(tests, open_machine, NULL);
}
