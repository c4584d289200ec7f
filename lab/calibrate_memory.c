/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* calibrate_memory.c - measures cache lines and memory by loads that depend on
 * each other; see calibrate.h. Owns its buffers.
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
#define CHAIN_LINKS 16000u /* in each of several chains */

/* A line that points to the next one. */
struct link {
	struct link *next;
	uint64_t count;
	char rest[LINE - 16];
};

static uint64_t rng = 1;

/* Places in the last chain made, CHAIN_LINKS apart. They are noted while it is
 * made, because following it to find them would bring it into the cache. */
static struct link *places[2 * CHAINS];
static size_t links;

static void append(struct link **first, struct link **last, struct link *link)
{
	if (*last) {
		(*last)->next = link;
	} else {
		*first = link;
		links = 0;
	}
	if (links % CHAIN_LINKS == 0 && links / CHAIN_LINKS < 2 * CHAINS)
		places[links / CHAIN_LINKS] = link;
	links++;
	*last = link;
}

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

/* The numbers of the pages in random order. */
static uint32_t *shuffled_pages(size_t pages)
{
	uint32_t *order = harness_alloc(pages * sizeof(*order));

	for (size_t i = 0; i < pages; i++)
		order[i] = (uint32_t)i;
	shuffle(order, pages);
	return order;
}

/* Links the lines of memory in random order: `run` lines of one page, then the
 * next page. Return: the first. */
static struct link *make_chain(char *mem, size_t bytes, unsigned int run)
{
	size_t pages = bytes / PAGE;
	uint32_t *order = shuffled_pages(pages);
	struct link *first = NULL, *last = NULL;

	for (size_t i = 0; i < pages; i++) {
		uint32_t at[PAGE / LINE];

		/* In an order that no prefetcher takes for a stream. */
		for (unsigned int k = 0; k < PAGE / LINE; k++)
			at[k] = k;
		shuffle(at, PAGE / LINE);
		for (unsigned int k = 0; k < run; k++) {
			struct link *link =
				(void *)(mem + (size_t)order[i] * PAGE +
					 (size_t)at[k] * LINE);

			append(&first, &last, link);
		}
	}
	last->next = first;
	return first;
}

/* Links all lines of memory so that no two of a page follow each other: one
 * line of each page, then another one of each, and so on. (Only one of each
 * page would be so few that a shared cache holds them.) Return: the first. */
static struct link *make_scattered(char *mem, size_t bytes)
{
	size_t pages = bytes / PAGE;
	uint32_t *order = shuffled_pages(pages);
	uint32_t at[PAGE / LINE];
	struct link *first = NULL, *last = NULL;

	for (unsigned int k = 0; k < PAGE / LINE; k++)
		at[k] = k;
	shuffle(at, PAGE / LINE);
	for (unsigned int k = 0; k < PAGE / LINE; k++) {
		for (size_t i = 0; i < pages; i++) {
			struct link *link =
				(void *)(mem + (size_t)order[i] * PAGE +
					 (size_t)at[k] * LINE);

			append(&first, &last, link);
		}
	}
	last->next = first;
	return first;
}

/* The same in order of address. */
static struct link *make_row(char *mem, size_t bytes)
{
	struct link *lines = (void *)mem;
	size_t n = bytes / LINE;

	for (size_t i = 0; i < n; i++)
		lines[i].next = &lines[(i + 1) % n];
	return lines;
}

/* Uses the value, so that the compiler keeps the loads. */
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

/* Follows several chains at the same time, from `places` on, through links that
 * were not loaded before. Return: ns for each link. */
static double chase_many(unsigned int from)
{
	struct link *at[CHAINS];
	uint64_t begin;

	for (unsigned int i = 0; i < CHAINS; i++)
		at[i] = places[from + i];
	begin = now_ns();
	for (unsigned int k = 0; k < CHAIN_LINKS; k++)
		for (unsigned int i = 0; i < CHAINS; i++)
			at[i] = at[i]->next;
	for (unsigned int i = 0; i < CHAINS; i++)
		__asm__ volatile("" : "+r"(at[i]));
	return (double)(now_ns() - begin) / ((double)CHAIN_LINKS * CHAINS);
}

struct both {
	double ns[2];
};

static void chase_first(void *arg)
{
	((struct both *)arg)->ns[0] = chase_many(0);
}

static void chase_second(void *arg)
{
	((struct both *)arg)->ns[1] = chase_many(CHAINS);
}

/* Pushes out of the caches what was just followed. */
static void forget(void)
{
	struct link *lines = (void *)far;

	for (size_t i = 0; i < far_bytes / LINE; i++)
		lines[i].count++;
}

static void measure_memory(struct calibrate_memory *m, unsigned int rounds)
{
	size_t near_bytes = (size_t)CALIBRATE_NEAR_MIB << 20;
	struct link *chain;
	double alone = 1e9, ns[CALIBRATE_ROUNDS], with_tlb, apart;
	struct both both;

	far = harness_alloc(far_bytes);
	m->bus = m->ahead = 1e9;
	chain = make_chain(far, near_bytes, 16);
	chase(&chain, near_bytes / PAGE * 16);
	for (unsigned int i = 0; i < rounds; i++)
		ns[i] = chase(&chain, near_bytes / PAGE * 16);
	m->near = calibrate_middle(ns, rounds);
	chain = make_row(far, far_bytes / 4);
	for (unsigned int i = 0; i < rounds; i++)
		m->ahead = calibrate_less(m->ahead, chase(&chain, 100000));
	chain = make_scattered(far, far_bytes);
	for (unsigned int i = 0; i < rounds; i++)
		ns[i] = chase(&chain, 60000);
	with_tlb = calibrate_middle(ns, rounds);
	forget();
	apart = chase_many(0);
	chain = make_chain(far, far_bytes, 16);
	for (unsigned int i = 0; i < rounds; i++)
		ns[i] = chase(&chain, 100000);
	m->miss = calibrate_middle(ns, rounds);
	/* miss = line + tlb / 16, with_tlb = line + tlb */
	m->tlb = calibrate_more(0, (with_tlb - m->miss) * 16 / 15);
	m->miss -= m->tlb / 16;
	for (unsigned int i = 0; i < rounds; i++) {
		forget();
		alone = calibrate_less(alone, chase_many(0));
		forget();
		calibrate_pair(chase_first, chase_second, &both);
		m->bus = calibrate_less(m->bus, (both.ns[0] + both.ns[1]) / 4);
	}
	m->misses = (double)(int)(m->miss / alone + 0.5);
	m->misses = calibrate_more(1, calibrate_less(m->misses, 64));
	m->walks = (double)(int)(m->tlb / apart + 0.5);
	m->walks = calibrate_more(1, calibrate_less(m->walks, 16));
}

/* ---- lines between two CPUs ------------------------------------------------------------- */

static struct {
	struct link *lines; /* CALIBRATE_LINES in a chain */
	uint64_t word __attribute__((aligned(128)));
	uint64_t other __attribute__((aligned(128)));
	double ns[2];
	bool add;
} s;

/* The second CPU writes to all lines, then the first loads them. */
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

/* The first CPU adds while the second one adds, too. */
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

/* In turns: each CPU waits for the other's number, like a thread that waits for
 * a lock. */
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
	/* Few lines of each page, so that none is fetched with its
	 * neighbours. */
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
	/* Not the least: that is a round in which the other CPU was away. */
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
