/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_sim_line.c - what a cache line costs whom, in virtual time: each price
 * of the table where it belongs, and nowhere else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lab/sim_line.h"

/* bench/harness.c and tools/message.c want to know who runs. */
extern const char *const uzs_program;
extern const char program_name[];
const char *const uzs_program = "test_sim_line";
const char program_name[] = "test_sim_line";

#define BYTES ((size_t)1 << 22)
#define LINE 64

static char *memory;
static struct sim_costs costs;

/* Each price is another power of ten, so that a sum tells its parts. */
static int open_machine(void **state)
{
	static const struct {
		enum sim_cost_id id;
		double value;
	} values[] = {
		{ SIM_atomic, 1 },	    { SIM_ahead, 10 },
		{ SIM_near, 100 },	    { SIM_line, 1000 },
		{ SIM_miss, 10000 },	    { SIM_overlap, 1 },
		{ SIM_misses, 4 },	    { SIM_cache_lines, 64 },
		{ SIM_shared_lines, 1000 }, { SIM_tlb_pages, 64 },
		{ SIM_drain, 1 },	    { SIM_walks, 1 },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		costs.value[values[i].id] = values[i].value;
	memory = aligned_alloc(BYTES, BYTES);
	return !memory || !sim_lines_init(&costs, 4, memory, BYTES);
}

static int close_machine(void **state)
{
	sim_lines_destroy();
	free(memory);
	return 0;
}

static int clear_machine(void **state)
{
	sim_lines_clear();
	return 0;
}

/* Lines far from each other, so that none is foreseen. */
static char *line(unsigned int n)
{
	return memory + (size_t)n * 3 * LINE;
}

/* What it takes, in ns. */
static u64 load(unsigned int cpu, const void *addr, u64 now)
{
	return sim_load(cpu, addr, now * 1000) / 1000 - now;
}

static u64 atomic(unsigned int cpu, const void *addr, u64 now)
{
	return sim_atomic(cpu, addr, now * 1000) / 1000 - now;
}

static void test_comes_from_memory_once(void **state)
{
	assert_int_equal(load(0, line(1), 0), 10000);
	assert_int_equal(load(0, line(1), 20000), 0);
	assert_int_equal(load(0, line(1) + 60, 20000), 0);
	assert_int_equal(sim_line_stat(0)->misses, 1);
}

static void test_next_line_is_foreseen(void **state)
{
	assert_int_equal(load(0, memory + 10 * LINE, 0), 10000);
	assert_int_equal(load(0, memory + 11 * LINE, 20000), 10);
	assert_int_equal(load(0, memory + 12 * LINE, 30000), 10);
	assert_int_equal(load(0, memory + 14 * LINE, 40000), 10000);
}

static void test_written_line_moves(void **state)
{
	assert_int_equal(atomic(0, line(1), 0), 10001);
	assert_int_equal(atomic(0, line(1), 20000), 1);
	assert_int_equal(load(1, line(1), 30000), 1000);
	assert_int_equal(load(1, line(1), 40000), 0);
	/* both have it; to write, the first must have it alone */
	assert_int_equal(load(0, line(1), 50000), 0);
	assert_int_equal(atomic(0, line(1), 60000), 1001);
	assert_int_equal(load(1, line(1), 70000), 1000);
	assert_int_equal(sim_line_stat(1)->moves, 2);
	assert_int_equal(sim_line_stat(1)->moves_ps, 2000000);
}

static void test_read_line_is_shared(void **state)
{
	load(0, line(1), 0);
	/* the first had it for itself, as far as anybody knows */
	assert_int_equal(load(1, line(1), 20000), 1000);
	assert_int_equal(load(2, line(1), 30000), 100);
	assert_int_equal(load(0, line(1), 40000), 0);
}

static void test_one_move_at_a_time(void **state)
{
	atomic(0, line(1), 0);
	assert_int_equal(atomic(1, line(1), 20000), 1001);
	/* at the same time: it has to get to CPU 1 first, and so on */
	assert_int_equal(atomic(2, line(1), 20000), 2001);
	assert_int_equal(atomic(3, line(1), 20000), 3001);
	/* another line does not wait for it */
	atomic(0, line(2), 20000);
	assert_int_equal(atomic(1, line(2), 40000), 1001);
}

static void test_line_stays_until_it_leaves(void **state)
{
	atomic(0, line(1), 0);
	/* asked for at 30000 by CPU 1, gone from 0 then */
	atomic(1, line(1), 30000);
	assert_int_equal(atomic(0, line(1), 29000), 1);
	assert_int_equal(atomic(0, line(1), 40000), 1001);
}

static void test_stores_are_waited_for_later(void **state)
{
	atomic(0, line(5), 0);
	assert_int_equal(sim_store(0, line(1), 20000000), 20000000);
	/* its line is on its way when the atomic access wants all stores */
	assert_int_equal(atomic(0, line(5), 24000), 6001);
	assert_int_equal(load(0, line(1), 40000), 0);
}

static void test_prefetch_hides(void **state)
{
	assert_int_equal(sim_prefetch(0, line(1), false, 0), 0);
	assert_int_equal(load(0, line(1), 4000), 6000);
	sim_prefetch(0, line(2), true, 20000000);
	assert_int_equal(load(0, line(2), 40000), 0);
}

static void test_few_misses_at_once(void **state)
{
	for (unsigned int i = 0; i < 4; i++)
		sim_prefetch(0, line(i), false, 0);
	/* the fifth waits for the first */
	assert_int_equal(load(0, line(9), 0), 20000);
	/* another CPU has places of its own */
	assert_int_equal(load(1, line(20), 0), 10000);
}

static void test_cache_is_bounded(void **state)
{
	u64 now = 0;

	for (unsigned int i = 0; i < 200; i++, now += 20000)
		load(0, line(i), now);
	/* the last ones are there, the first in the shared cache */
	assert_int_equal(load(0, line(199), now), 0);
	assert_int_equal(load(0, line(0), now), 100);
	sim_lines_clear();
	assert_int_equal(load(0, line(0), 0), 10000);
}

static void test_what_is_used_stays(void **state)
{
	u64 now = 0;

	for (unsigned int i = 1; i < 300; i++, now += 30000) {
		load(0, line(i), now);
		load(0, line(0), now + 15000);
	}
	assert_int_equal(load(0, line(0), now), 0);
}

static void test_same_run_costs_the_same(void **state)
{
	u64 sum[2] = { 0, 0 };

	for (unsigned int run = 0; run < 2; run++) {
		u64 rng = 1;

		sim_lines_clear();
		for (unsigned int i = 0; i < 20000; i++) {
			rng = rng * 6364136223846793005u + 1;
			sum[run] += i * atomic(rng >> 60 & 3,
					       line(rng >> 40 & 1023),
					       (u64)i * 100);
		}
	}
	assert_int_equal(sum[0], sum[1]);
	assert_true(sum[0] > 0);
}

/* Another machine: one price changed. */
static void open_with(enum sim_cost_id id, double value)
{
	struct sim_costs other = costs;

	other.value[id] = value;
	sim_lines_destroy();
	assert_true(sim_lines_init(&other, 4, memory, BYTES));
}

static void test_few_stores_at_once(void **state)
{
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(sim_store(0, line(i), 0), 0);
	/* the fifth needs the place of the first */
	assert_int_equal(sim_store(0, line(9), 0), 10000000);
	/* one that has its line needs none */
	assert_int_equal(sim_store(0, line(0), 20000000), 20000000);
}

static void test_few_translations_at_once(void **state)
{
	open_with(SIM_tlb, 3000);
	sim_prefetch(0, memory, false, 0);
	sim_prefetch(0, memory + 4096, false, 0);
	/* the third waits for two others */
	assert_int_equal(load(0, memory + 2 * 4096, 0), 19000);
	open_with(SIM_tlb, 0);
}

static void test_unlock_exchanges(void **state)
{
	u64 seen;

	atomic(0, line(1), 0);
	sim_store(0, line(2), 20000000);
	/* the store's line is there at 30000: then the lock is given back,
	 * and only then the CPU goes on */
	assert_int_equal(sim_unlock(0, line(1), &seen, 21000000), 30001000);
	assert_int_equal(seen, 30001000);
}

static void test_unlock_stores(void **state)
{
	u64 seen;

	open_with(SIM_unlock_stores, 1);
	atomic(0, line(1), 0);
	sim_store(0, line(2), 20000000);
	/* the CPU goes on at once, but nobody sees it before */
	assert_int_equal(sim_unlock(0, line(1), &seen, 21000000), 21000000);
	assert_int_equal(seen, 30000000);
	open_with(SIM_unlock_stores, 0);
}

static void test_atomic_takes_longer(void **state)
{
	open_with(SIM_line_retry, 500);
	atomic(0, line(1), 0);
	assert_int_equal(load(1, line(1), 20000), 1000);
	atomic(0, line(2), 20000);
	assert_int_equal(atomic(1, line(2), 40000), 1501);
	open_with(SIM_line_retry, 0);
}

/* The bus is busy with a line for 2000: a CPU that is behind waits for one that is
 * ahead, but not if time is given out in slots; then only if many want the same. */
static void test_bus(void **state)
{
	open_with(SIM_bus, 2000);
	assert_int_equal(load(0, line(1), 900000), 10000);
	assert_int_equal(load(1, line(2), 0), 912000);
	sim_lines_clear();
	sim_lines_bus_slots(true);
	assert_int_equal(load(0, line(1), 900000), 10000);
	assert_int_equal(load(1, line(2), 0), 10000);
	for (int i = 0; i < 40; i++)
		load(2 + (i & 1), line(3 + i), 0);
	assert_int_equal(load(1, line(50), 0), 10000 + 2000 * 32);
	sim_lines_bus_slots(false);
	open_with(SIM_bus, 0);
}

/* What an access waited for. */
static void test_last_wait(void **state)
{
	atomic(0, line(1), 0);
	load(1, line(1), 20000);
	assert_true(sim_line_last()->moved);
	load(1, line(2), 40000);
	assert_false(sim_line_last()->moved);
	/* the store's line is another CPU's, and the next atomic waits */
	atomic(0, line(3), 60000);
	sim_store(1, line(3), 80000000);
	atomic(1, line(1), 80000);
	assert_int_equal(sim_line_last()->drain_ps, 1000000);
	assert_ptr_equal(sim_line_last()->drain_addr, line(3));
	assert_true(sim_line_last()->drain_moved);
	assert_int_equal(sim_line_last()->atomic_ps, 1000);
}

/* Another run: what is where stays, and the old times are no more. */
static void test_settled_line_stays(void **state)
{
	atomic(0, line(1), 900000);
	sim_store(0, line(2), 950000000);
	atomic(1, line(3), 900000);
	sim_set_free_at(line(1), 990000000);
	sim_lines_settle();
	assert_int_equal(sim_line_stat(0)->misses, 0);
	assert_int_equal(sim_free_at(line(1)), 0);
	/* no store is under way, and no line on its way */
	assert_int_equal(atomic(0, line(1), 0), 1);
	assert_int_equal(load(0, line(2), 0), 0);
	assert_int_equal(atomic(0, line(3), 10), 1001);
	assert_int_equal(sim_line_stat(0)->moves, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, clear_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_comes_from_memory_once),
		TEST(test_next_line_is_foreseen),
		TEST(test_written_line_moves),
		TEST(test_read_line_is_shared),
		TEST(test_one_move_at_a_time),
		TEST(test_line_stays_until_it_leaves),
		TEST(test_stores_are_waited_for_later),
		TEST(test_prefetch_hides),
		TEST(test_few_misses_at_once),
		TEST(test_few_stores_at_once),
		TEST(test_few_translations_at_once),
		TEST(test_unlock_exchanges),
		TEST(test_unlock_stores),
		TEST(test_atomic_takes_longer),
		TEST(test_cache_is_bounded),
		TEST(test_what_is_used_stays),
		TEST(test_same_run_costs_the_same),
		TEST(test_settled_line_stays),
		TEST(test_bus),
		TEST(test_last_wait),
	};

	return cmocka_run_group_tests(tests, open_machine, close_machine);
}
