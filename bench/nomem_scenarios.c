/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* nomem_scenarios.c - what threads of uzs-nomem do with a pool at its limit.
 *
 * In each scenario what is live stays well below the limit. So an -ENOMEM is
 * a wrong one: freed handles wait in a queue that somebody else drains, gaps
 * wait for a compaction that somebody else does, or free memory is just going
 * back to the OS.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_setaffinity */
#endif
#include "nomem.h"

#include <sched.h>
#include <time.h>

#include "harness.h"
#include "report.h"
#include "uzsmalloc.h"

#define PAGE 4096u
#define SMALL 1000u
#define FREE_PAGES 3u
/* Every so many operations a thread frees all that it has. */
#define LET_GO_ALL 50000u

static bool stopped(const struct cell *cell)
{
	return __atomic_load_n(&cell->stop, __ATOMIC_RELAXED);
}

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void note_time(struct cell *cell, uint64_t ns)
{
	uint64_t worst = __atomic_load_n(&cell->worst_ns, __ATOMIC_RELAXED);

	add(&cell->total_ns, ns);
	while (ns > worst &&
	       !__atomic_compare_exchange_n(&cell->worst_ns, &worst, ns, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static unsigned long timed_malloc(struct cell *cell, size_t size)
{
	uint64_t since = now_ns();
	unsigned long handle =
		zs_malloc(cell->pool, size, GFP_KERNEL, NUMA_NO_NODE);

	note_time(cell, now_ns() - since);
	add(&cell->rounds, 1);
	return handle;
}

/* ---- threads that free and allocate --------------------------------------- */

struct held {
	unsigned long *handles;
	uint32_t *sizes;
	unsigned int nr; /* places */
	size_t bytes, most; /* live */
};

static void let_go(struct cell *cell, struct held *held, unsigned int i)
{
	if (!held->handles[i])
		return;
	if (cell->defer == ZS_DEFER_NONE)
		zs_free(cell->pool, held->handles[i]);
	else
		zs_free_deferred(cell->pool, held->handles[i]);
	held->bytes -= held->sizes[i];
	held->handles[i] = 0;
}

/* Places for objects of that size, as many as fit into the quota. */
static void hold(struct held *held, const struct cell *cell, size_t size)
{
	const struct scenario *s = cell->scenario;

	held->most = cell->limit / 100 * s->live_percent / cell->workers;
	held->nr = (unsigned int)(held->most / size) + 1;
	held->handles = harness_alloc(held->nr * sizeof(*held->handles));
	held->sizes = harness_alloc(held->nr * sizeof(*held->sizes));
}

/* Return: is it an object? */
static bool keep(struct held *held, unsigned int i, uint32_t size,
		 unsigned long handle)
{
	if (zs_is_err(handle))
		return false;
	held->handles[i] = handle;
	held->sizes[i] = size;
	held->bytes += size;
	return true;
}

static bool get_hold(struct cell *cell, struct held *held, unsigned int i,
		     uint32_t size)
{
	return keep(held, i, size, timed_malloc(cell, size));
}

static void churn(struct cell *cell, unsigned int number)
{
	uint64_t seed = number + 1, calls = 0, wrong = 0;
	struct held held = { 0 };

	hold(&held, cell, PAGE);
	for (uint64_t op = 0; !stopped(cell); op++) {
		unsigned int i = random_below(&seed, held.nr);

		let_go(cell, &held, i);
		/* All at once now and then: the queue gets full. */
		if (op % LET_GO_ALL == 0)
			for (unsigned int n = 0; n < held.nr; n++)
				let_go(cell, &held, n);
		if (held.bytes + PAGE > held.most)
			continue;
		calls++;
		wrong += !get_hold(cell, &held, i, PAGE);
	}
	add(&cell->calls, calls);
	add(&cell->wrong, wrong);
}

/* ---- gaps that somebody has to close ---------------------------------------- */

#define PINNED 64u

/* Small objects until there is no more, of which two of three go again: two
 * thirds of the memory lie in gaps. */
static void fill_with_gaps(struct cell *cell, struct held *small,
			   uint64_t *seed)
{
	for (unsigned int i = 0; i < small->nr; i++)
		if (!small->handles[i] &&
		    !get_hold(cell, small, i,
			      SMALL + random_below(seed, SMALL)))
			break;
	for (unsigned int i = 0; i < small->nr; i++) {
		if (!random_below(seed, 3) || !small->handles[i])
			continue;
		zs_free(cell->pool, small->handles[i]);
		small->handles[i] = 0;
	}
}

/* Pins the first objects (or unpins them). */
static void pin_first(struct cell *cell, struct held *small, bool pin)
{
	char copy[PAGE];

	for (unsigned int i = 0, n = 0; i < small->nr && n < PINNED; i++) {
		if (!small->handles[i])
			continue;
		if (pin)
			zs_obj_read_begin(cell->pool, small->handles[i], 1,
					  copy);
		else
			zs_obj_read_end(cell->pool, small->handles[i], 1, copy);
		n++;
	}
}

/* Pages, as many as the quota; they must all be had. */
static void close_gaps(struct cell *cell, unsigned int number)
{
	uint64_t seed = number + 1, calls = 0, wrong = 0;
	struct held held = { 0 }, small = { 0 };

	hold(&held, cell, PAGE);
	if (!number)
		small = (struct held){
			.nr = (unsigned int)(cell->limit / SMALL),
			.handles = harness_alloc(cell->limit / SMALL *
						 sizeof(*small.handles)),
			.sizes = harness_alloc(cell->limit / SMALL *
					       sizeof(*small.sizes)),
		};
	for (unsigned int round = 0;; round++) {
		if (!number) {
			fill_with_gaps(cell, &small, &seed);
			if (cell->scenario->pins)
				pin_first(cell, &small, true);
			cell->last = round && stopped(cell);
		}
		pthread_barrier_wait(&cell->together);
		if (cell->last)
			break;
		for (unsigned int i = 0; i + 1 < held.nr; i++) {
			calls++;
			wrong += !get_hold(cell, &held, i, PAGE);
		}
		pthread_barrier_wait(&cell->together);
		for (unsigned int i = 0; i < held.nr; i++)
			let_go(cell, &held, i);
		if (!number && cell->scenario->pins)
			pin_first(cell, &small, false);
	}
	add(&cell->calls, calls);
	add(&cell->wrong, wrong);
}

/* ---- allocating inside a walk ------------------------------------------- */

struct in_walk {
	struct cell *cell;
	uint64_t calls, wrong;
	unsigned int left;
};

static int malloc_in_walk(unsigned long handle, void *arg)
{
	struct in_walk *w = arg;
	unsigned long mine = timed_malloc(w->cell, PAGE);

	(void)handle;
	w->calls++;
	if (zs_is_err(mine))
		w->wrong++;
	else
		zs_free_deferred(w->cell->pool, mine);
	return stopped(w->cell) || !--w->left;
}

static void walk(struct cell *cell, unsigned int number)
{
	struct in_walk w = { .cell = cell };

	if (number) {
		churn(cell, number);
		return;
	}
	while (!stopped(cell)) {
		w.left = 1000;
		zs_for_each_live(cell->pool, malloc_in_walk, &w);
	}
	add(&cell->calls, w.calls);
	add(&cell->wrong, w.wrong);
}

/* ---- a pool that is really full ------------------------------------------ */

#define REFUSALS 100u

/* Fills the pool; when it says no, nothing that a user can do by hand must
 * help, a hundred times. Then frees a part and fills it again, with other
 * sizes. */
static void fill_up(struct cell *cell, unsigned int number)
{
	uint64_t seed = 7, calls = 0, wrong = 0;
	struct held held = { 0 };

	(void)number;
	hold(&held, cell, 64);
	for (uint32_t band = 0; !stopped(cell); band = (band + 512) % PAGE) {
		unsigned int refused = 0;

		for (unsigned int i = 0;
		     i < held.nr && refused < REFUSALS && !stopped(cell); i++) {
			uint32_t size = band + 1 + random_below(&seed, 512);

			if (held.handles[i])
				continue;
			calls++;
			if (get_hold(cell, &held, i, size))
				continue;
			refused++;
			zs_free_deferred_flush(cell->pool);
			zs_compact(cell->pool);
			zs_trim(cell->pool);
			wrong += get_hold(cell, &held, i, size);
			/* As a cache does: one goes, and on. */
			let_go(cell, &held, random_below(&seed, i + 1));
		}
		for (unsigned int i = 0; i < held.nr; i++)
			if (random_below(&seed, 3) == 0)
				let_go(cell, &held, i);
	}
	add(&cell->calls, calls);
	add(&cell->wrong, wrong);
}

/* ---- what another has in hand ------------------------------------------------ */

/* A size whose zspages take more pages than are free. */
static size_t size_of_many_pages(struct zs_pool *pool)
{
	for (unsigned int i = 0; i < zs_class_count(pool); i++) {
		struct zs_class_info c = ZS_CLASS_INFO_INIT;

		if (!zs_class_info(pool, i, &c) &&
		    c.pages_per_zspage > 2 * FREE_PAGES)
			return c.size - sizeof(unsigned long);
	}
	die("no class with zspages of more than %u pages", 2 * FREE_PAGES);
}

/* Thread 0 replaces one page, for which there is room; the others ask for more
 * than there is, in vain. */
static void in_hand(struct cell *cell, unsigned int number)
{
	uint64_t calls = 0, wrong = 0;
	size_t many = size_of_many_pages(cell->pool);
	struct held held = { 0 };
	unsigned int n = 0;

	if (!number) {
		hold(&held, cell, PAGE);
		while (n < held.nr && get_hold(cell, &held, n, PAGE))
			n++;
		for (unsigned int i = 0; i < FREE_PAGES; i++) {
			zs_free(cell->pool, held.handles[--n]);
			held.handles[n] = 0;
		}
	}
	pthread_barrier_wait(&cell->together);
	while (!stopped(cell)) {
		unsigned long handle = number ? zs_malloc(cell->pool, many,
							  GFP_KERNEL,
							  NUMA_NO_NODE)
					      : timed_malloc(cell, PAGE);

		calls += !number;
		if (!zs_is_err(handle))
			zs_free(cell->pool, handle);
		else
			wrong += !number;
	}
	add(&cell->calls, calls);
	add(&cell->wrong, wrong);
}

/* ---- how long others hold something up ------------------------------------ */

/* Fills and frees two of three, so that there is something to compact. */
static void make_gaps(struct cell *cell, struct held *held, uint64_t *seed)
{
	for (unsigned int i = 0; i < held->nr; i++)
		if (!held->handles[i] && held->bytes + SMALL <= held->most &&
		    !keep(held, i, SMALL,
			  zs_malloc(cell->pool, SMALL, GFP_KERNEL,
				    NUMA_NO_NODE)))
			break;
	for (unsigned int i = 0; i < held->nr; i++)
		if (random_below(seed, 3))
			let_go(cell, held, i);
	zs_free_deferred_flush(cell->pool);
}

static void compact_often(struct cell *cell, unsigned int number)
{
	uint64_t seed = number + 1;
	struct held held = { 0 };

	hold(&held, cell, SMALL);
	while (!stopped(cell)) {
		make_gaps(cell, &held, &seed);
		zs_compact(cell->pool);
		if (number)
			zs_trim(cell->pool);
	}
}

#define FORK_MOST_NS (50 * 1000000u)

static void fork_often(struct cell *cell)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	while (!stopped(cell)) {
		uint64_t since = now_ns(), took;

		zs_fork_prepare(cell->pool);
		took = now_ns() - since;
		zs_fork_parent(cell->pool);
		note_time(cell, took);
		add(&cell->rounds, 1);
		add(&cell->calls, 1);
		add(&cell->wrong, took > FORK_MOST_NS);
		nanosleep(&pause, NULL);
	}
}

/* A compaction that has the CPU to itself, and one beside a thread that only
 * computes on the same CPU, by turns: wrong are those that take more than three
 * times as long (medians). */
static void burn(struct cell *cell)
{
	while (!stopped(cell))
		__asm__ __volatile__("" ::: "memory");
}

static void *burn_until(void *arg)
{
	burn(arg);
	return NULL;
}

static uint64_t timed_compaction(struct cell *cell, struct held *held,
				 uint64_t *seed, bool with_neighbour)
{
	struct cell neighbour = { 0 };
	pthread_t thread;
	uint64_t since, took;

	make_gaps(cell, held, seed);
	if (with_neighbour &&
	    pthread_create(&thread, NULL, burn_until, &neighbour))
		die("cannot start a thread");
	since = now_ns();
	zs_compact(cell->pool);
	took = now_ns() - since;
	__atomic_store_n(&neighbour.stop, true, __ATOMIC_RELAXED);
	if (with_neighbour)
		pthread_join(thread, NULL);
	return took;
}

#define NEIGHBOUR_ROUNDS 9

static void beside_neighbour(struct cell *cell, unsigned int number)
{
	double alone[NEIGHBOUR_ROUNDS], beside[NEIGHBOUR_ROUNDS];
	uint64_t seed = 1;
	struct held held = { 0 };
	struct spread a, b;
	cpu_set_t one;

	(void)number;
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	hold(&held, cell, SMALL);
	for (unsigned int i = 0; i < NEIGHBOUR_ROUNDS; i++) {
		alone[i] = (double)timed_compaction(cell, &held, &seed, false);
		beside[i] = (double)timed_compaction(cell, &held, &seed, true);
		note_time(cell, (uint64_t)beside[i]);
	}
	a = spread_of(alone, NEIGHBOUR_ROUNDS);
	b = spread_of(beside, NEIGHBOUR_ROUNDS);
	add(&cell->rounds, NEIGHBOUR_ROUNDS);
	add(&cell->calls, NEIGHBOUR_ROUNDS);
	add(&cell->wrong, b.median > 3 * a.median);
}

static void compact_beside(struct cell *cell)
{
	while (!stopped(cell))
		zs_compact(cell->pool);
}

/* With pauses, so that there is much to give back at once. */
static void trim_beside(struct cell *cell)
{
	const struct timespec pause = { .tv_nsec = 3000000 };

	while (!stopped(cell)) {
		zs_trim(cell->pool);
		nanosleep(&pause, NULL);
	}
}

static void flush_beside(struct cell *cell)
{
	while (!stopped(cell))
		zs_free_deferred_flush(cell->pool);
}

const struct scenario scenarios[] = {
	{ "quota-2", "2 threads, pages, 20 % live", churn, 2, 20, false, NULL },
	{ "quota-4", "4 threads, pages, 50 % live", churn, 4, 50, false, NULL },
	{ "worker", "1 thread, pages, 50 % live", churn, 1, 50, false, NULL },
	{ "flusher", "the same beside one who flushes", churn, 1, 50, false,
	  flush_beside },
	{ "walk", "allocates in a walk, beside one who frees", walk, 2, 50,
	  false, flush_beside },
	{ "gaps", "2 threads, two thirds of the memory in gaps", close_gaps, 2,
	  30, false, NULL },
	{ "compactor", "the same, 1 thread beside one who compacts", close_gaps,
	  1, 30, false, compact_beside },
	{ "trimmer", "1 thread, pages, 80 % live, beside one who trims", churn,
	  1, 80, false, trim_beside },
	{ "pinned", "the same, 2 threads, 64 objects pinned", close_gaps, 2, 30,
	  true, NULL },
	{ "in-hand", "room for a page, beside one who wants more than there is",
	  in_hand, 2, 100, false, NULL },
	{ "full", "really full: nothing done by hand may help", fill_up, 1, 100,
	  false, NULL },
	{ "fork", "zs_fork_prepare beside compaction and trim: 50 ms at most",
	  compact_often, 2, 80, false, fork_often },
	{ "neighbour", "zs_compact beside one who computes: 3 times at most",
	  beside_neighbour, 1, 80, false, NULL },
};
const unsigned int nr_scenarios = sizeof(scenarios) / sizeof(scenarios[0]);
