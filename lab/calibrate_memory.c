/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* calibrate_memory.c - what cache lines and memory cost, by loads that depend
 * on each other; see calibrate.h. Owns its buffers.
 */
#include "calibrate.h"

#include <string.h>

#include "bench/harness.h"
#include "compat/lock.h"

#define LINE 64u
#define PAGE 4096u
#define ADDS 200000u
#define TURNS 20000u
#define CHAINS 24u

/* A line that says which one comes next. */
struct link {
	struct link *next;
	uint64_t count;
	char rest[LINE - 16];
};

static uint64_t rng = 1;

/* ---- chains ----------------------------------------------------------------------- */

static void shuffle(uint32_t *order, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		uint32_t j = random_below(&rng, (uint32_t)i);
		uint32_t swap = order[i - 1];

		order[i - 1] = order[j];
		order[j] = swap;
	}
}

/* Links the lines of memory in random order: `run` of them in one page, then the
 * next page. Return: the first. */
static struct link *make_chain(char *mem, size_t bytes, unsigned int run)
{
	size_t pages = bytes / PAGE;
	uint32_t *order = harness_alloc(pages * sizeof(*order));
	struct link *first = NULL, *last = NULL;

	for (size_t i = 0; i < pages; i++)
		order[i] = (uint32_t)i;
	shuffle(order, pages);
	for (size_t i = 0; i < pages; i++) {
		uint32_t at[PAGE / LINE];

		/* In no order that a prefetcher takes for a stream. */
		for (unsigned int k = 0; k < PAGE / LINE; k++)
			at[k] = k;
		shuffle(at, PAGE / LINE);
		for (unsigned int k = 0; k < run; k++) {
			struct link *link =
				(void *)(mem + (size_t)order[i] * PAGE +
					 (size_t)at[k] * LINE);

			if (last)
				last->next = link;
			else
				first = link;
			last = link;
		}
	}
	last->next = first;
	return first;
}

/* The same in their order. */
static struct link *make_row(char *mem, size_t bytes)
{
	struct link *lines = (void *)mem;
	size_t n = bytes / LINE;

	for (size_t i = 0; i < n; i++)
		lines[i].next = &lines[(i + 1) % n];
	return lines;
}

/* The value is used, as far as the compiler knows. */
static struct link *follow(struct link *link, size_t n)
{
	while (n--)
		link = link->next;
	__asm__ volatile("" : "+r"(link));
	return link;
}

static double chase(struct link **at, size_t n)
{
	uint64_t begin = now_ns();

	*at = follow(*at, n);
	return (double)(now_ns() - begin) / (double)n;
}

/* ---- one CPU's memory ----------------------------------------------------------------- */

static char *far;
static const size_t far_bytes = (size_t)CALIBRATE_FAR_MIB << 20;

/* Several chains at once, each from a place of its own. */
static double chase_many(struct link *first, unsigned int chains, size_t n)
{
	struct link *at[CHAINS];
	uint64_t begin;

	for (unsigned int i = 0; i < chains; i++) {
		at[i] = first;
		first = follow(first, 1000);
	}
	begin = now_ns();
	for (size_t k = 0; k < n / chains; k++)
		for (unsigned int i = 0; i < chains; i++)
			at[i] = at[i]->next;
	for (unsigned int i = 0; i < chains; i++)
		__asm__ volatile("" : "+r"(at[i]));
	return (double)(now_ns() - begin) / (double)n;
}

static struct link *far_chain;

struct both {
	double ns[2];
};

static void chase_first(void *arg)
{
	((struct both *)arg)->ns[0] = chase_many(far_chain, CHAINS, 400000);
}

static void chase_second(void *arg)
{
	struct link *elsewhere = follow(far_chain, far_bytes / PAGE * 8);

	((struct both *)arg)->ns[1] = chase_many(elsewhere, CHAINS, 400000);
}

static void measure_memory(struct calibrate_memory *m, unsigned int rounds)
{
	size_t near_bytes = (size_t)CALIBRATE_NEAR_MIB << 20;
	struct link *chain;
	double with_tlb = 1e9, alone = 1e9, near[CALIBRATE_ROUNDS];
	struct both both;

	far = harness_alloc(far_bytes);
	m->miss = m->bus = m->ahead = 1e9;
	chain = make_chain(far, near_bytes, 16);
	chase(&chain, near_bytes / PAGE * 16);
	for (unsigned int i = 0; i < rounds; i++)
		near[i] = chase(&chain, near_bytes / PAGE * 16);
	m->near = calibrate_middle(near, rounds);
	chain = make_row(far, far_bytes / 4);
	for (unsigned int i = 0; i < rounds; i++)
		m->ahead = calibrate_less(m->ahead, chase(&chain, 100000));
	chain = make_chain(far, far_bytes, 1);
	for (unsigned int i = 0; i < rounds; i++)
		with_tlb = calibrate_less(with_tlb, chase(&chain, 60000));
	chain = make_chain(far, far_bytes, 16);
	for (unsigned int i = 0; i < rounds; i++)
		m->miss = calibrate_less(m->miss, chase(&chain, 100000));
	/* miss = line + tlb / 16, with_tlb = line + tlb */
	m->tlb = calibrate_more(0, (with_tlb - m->miss) * 16 / 15);
	m->miss = with_tlb - m->tlb;
	far_chain = chain;
	for (unsigned int i = 0; i < rounds; i++) {
		alone = calibrate_less(alone,
				       chase_many(chain, CHAINS, 400000));
		calibrate_pair(chase_first, chase_second, &both);
		m->bus = calibrate_less(m->bus, (both.ns[0] + both.ns[1]) / 4);
	}
	m->misses = (double)(int)(m->miss / alone + 0.5);
	m->misses = calibrate_more(1, calibrate_less(m->misses, 64));
}

/* ---- lines between two CPUs ------------------------------------------------------------- */

static struct {
	struct link *lines; /* CALIBRATE_LINES in a chain */
	uint64_t word __attribute__((aligned(128)));
	uint64_t other __attribute__((aligned(128)));
	double ns[2];
	bool add;
} s;

/* The second CPU writes to all lines, then the first looks at them. */
static void take_lines(void *arg)
{
	struct link *link = s.lines;
	uint64_t begin;

	(void)arg;
	while (!__atomic_load_n(&s.word, __ATOMIC_ACQUIRE))
		;
	begin = now_ns();
	for (unsigned int i = 0; i < CALIBRATE_LINES; i++) {
		if (s.add)
			__atomic_fetch_add(&link->count, 1, __ATOMIC_SEQ_CST);
		link = link->next;
	}
	__asm__ volatile("" : "+r"(link));
	s.ns[0] = (double)(now_ns() - begin) / CALIBRATE_LINES;
}

static void write_lines(void *arg)
{
	struct link *link = s.lines;

	(void)arg;
	for (unsigned int i = 0; i < CALIBRATE_LINES; i++) {
		((volatile struct link *)link)->count++;
		link = link->next;
	}
	__atomic_store_n(&s.word, 1, __ATOMIC_RELEASE);
}

static double measure_lines(bool add, unsigned int rounds)
{
	double best = 1e9;

	s.add = add;
	for (unsigned int i = 0; i < rounds * 3; i++) {
		s.word = 0;
		calibrate_pair(take_lines, write_lines, NULL);
		best = calibrate_less(best, s.ns[0]);
	}
	return best;
}

/* The first CPU adds while the second one does. */
static void add_first(void *arg)
{
	uint64_t begin;

	(void)arg;
	while (!__atomic_load_n(&s.word, __ATOMIC_ACQUIRE))
		;
	begin = now_ns();
	for (unsigned int i = 0; i < ADDS; i++)
		__atomic_fetch_add(&s.word, 1, __ATOMIC_SEQ_CST);
	s.ns[0] = (double)(now_ns() - begin) / ADDS;
	__atomic_store_n(&s.other, 1, __ATOMIC_RELEASE);
}

static void add_second(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&s.other, __ATOMIC_ACQUIRE))
		for (unsigned int i = 0; i < 100; i++)
			__atomic_fetch_add(&s.word, 1, __ATOMIC_SEQ_CST);
}

/* By turns: each waits for the other's number, as a lock's waiter does. */
static void ping(void *arg)
{
	uint64_t begin = now_ns();

	(void)arg;
	for (uint64_t i = 0; i < TURNS; i++) {
		__atomic_store_n(&s.word, 2 * i + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&s.word, __ATOMIC_ACQUIRE) != 2 * i + 2)
			cpu_relax();
	}
	s.ns[0] = (double)(now_ns() - begin) / (2.0 * TURNS);
}

static void pong(void *arg)
{
	(void)arg;
	for (uint64_t i = 0; i < TURNS; i++) {
		while (__atomic_load_n(&s.word, __ATOMIC_ACQUIRE) != 2 * i + 1)
			cpu_relax();
		__atomic_store_n(&s.word, 2 * i + 2, __ATOMIC_RELEASE);
	}
}

static double measure_atomic(void)
{
	uint64_t begin = now_ns(), v;

	for (unsigned int i = 0; i < ADDS; i++) {
		v = i & 1;
		__atomic_compare_exchange_n(&s.other, &v, !(i & 1), false,
					    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}
	return (double)(now_ns() - begin) / ADDS;
}

static double measure_memcpy(void)
{
	static char from[1024], to[1024];
	uint64_t begin = now_ns();

	for (unsigned int i = 0; i < 10000; i++) {
		memcpy(to, from, sizeof(to));
		__asm__ volatile("" : : "r"(to) : "memory");
	}
	return (double)(now_ns() - begin) / 10000;
}

static void measure_sharing(struct calibrate_memory *m, unsigned int rounds)
{
	/* Few of a page, so that none comes with its neighbours. */
	const unsigned int run = 8;
	size_t bytes = (size_t)CALIBRATE_LINES / run * PAGE;
	double moves, adds[CALIBRATE_ROUNDS];

	s.lines = make_chain(harness_alloc(bytes), bytes, run);
	m->line = measure_lines(false, rounds);
	m->line_atomic = measure_lines(true, rounds);
	m->handover = m->atomic = m->memcpy_kib = 1e9;
	for (unsigned int i = 0; i < rounds; i++) {
		m->atomic = calibrate_less(m->atomic, measure_atomic());
		m->memcpy_kib = calibrate_less(m->memcpy_kib, measure_memcpy());
		s.word = s.other = 0;
		calibrate_pair(add_first, add_second, NULL);
		adds[i] = s.ns[0];
		s.word = 0;
		calibrate_pair(ping, pong, NULL);
		m->handover = calibrate_less(m->handover, s.ns[0]);
	}
	/* The least would be one where the other CPU was away. */
	m->contended_add = calibrate_middle(adds, rounds);
	/* additions = moves * line + the additions themselves, and each CPU
	 * has the line for as many as it does between two moves */
	moves = (m->contended_add - m->atomic) / m->line;
	m->gap = moves > 0 ? m->atomic / calibrate_less(moves, 1) : 0;
}

void calibrate_memory(struct calibrate_memory *m, unsigned int rounds)
{
	calibrate_pin(0);
	measure_sharing(m, rounds);
	measure_memory(m, rounds);
}
