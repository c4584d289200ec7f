/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* trace_gen.c - makes up traces; see trace_ops.h.
 *
 * What the phases are for: growth and shrinking move zspages through every
 * fullness group; draining to a tenth leaves sparse zspages, the case for
 * compaction; bursts empty a zspage and refill it; few sizes make long lists
 * in few classes, many sizes make short lists in all.
 */
#include "trace_ops.h"

#include <stdlib.h>

#include "test_random.h"

#define FEW_SIZES 6
#define HANDLE_BYTES 8 /* the same traces on 32-bit machines, too */
/* Of objects that live at once: so that a pool has some MiB. */
#define LIVE_BYTES (24u << 20)
#define LIVE_MAX 6000u

enum sizes { FEW, NEIGHBOURS, ALL, SMALL, BELL, LARGE, BORDERS, NR_SIZES };
enum victim { RANDOM, NEWEST, SWEEP, NR_VICTIMS };

struct gen {
	struct rng rng;
	struct trace_ops *ops;
	unsigned int page_size;
	uint32_t *live; /* IDs; all: nr_live live ones, then the others */
	unsigned int nr_live, max_live;
	unsigned int sweep; /* the last victim's place */
	/* of the trace */
	enum sizes sizes;
	unsigned int few[FEW_SIZES], nr_few;
	unsigned int compact_every; /* operations on average, 0: never */
};

static unsigned int clamp_size(const struct gen *g, unsigned int size)
{
	if (!size)
		return 1;
	return size > g->page_size ? g->page_size : size;
}

static unsigned int some_size(struct gen *g)
{
	unsigned int p = g->page_size, n;

	switch (g->sizes) {
	case FEW:
		return g->few[rng_below(&g->rng, g->nr_few)];
	case NEIGHBOURS:
		return clamp_size(g, g->few[0] + rng_below(&g->rng, p / 32));
	case SMALL:
		return rng_range(&g->rng, 1, p / 16);
	case BELL: /* as compressed pages are */
		n = 0;
		for (int i = 0; i < 4; i++)
			n += rng_below(&g->rng, p / 5);
		return clamp_size(g, n);
	case LARGE:
		return rng_range(&g->rng, p - p / 8, p);
	case BORDERS: /* the last of a class, the first of the next */
		n = 32 + rng_below(&g->rng, 256) * (p / 256);
		return clamp_size(g, n - HANDLE_BYTES + rng_below(&g->rng, 2));
	default:
		return rng_range(&g->rng, 1, p);
	}
}

static bool add_alloc(struct gen *g)
{
	return trace_add(g->ops, 'a', g->live[g->nr_live++], some_size(g));
}

static bool add_free(struct gen *g, enum victim victim)
{
	unsigned int i = g->nr_live - 1;
	uint32_t id;

	if (victim == RANDOM)
		i = rng_below(&g->rng, g->nr_live);
	else if (victim == SWEEP)
		i = ++g->sweep % g->nr_live;
	id = g->live[i];
	g->live[i] = g->live[--g->nr_live];
	g->live[g->nr_live] = id;
	return trace_add(g->ops, 'f', id, 0);
}

/* A new kind of sizes now and then: objects of several kinds then live
 * beside each other. */
static void choose_sizes(struct gen *g)
{
	g->sizes = (enum sizes)rng_below(&g->rng, NR_SIZES);
	g->nr_few = rng_range(&g->rng, 1, FEW_SIZES);
	for (unsigned int i = 0; i < FEW_SIZES; i++) {
		unsigned int most = g->page_size >> rng_below(&g->rng, 7);

		g->few[i] = rng_range(&g->rng, most / 4 + 1, most);
	}
}

/* One phase: `alloc` of 100 operations allocate, until `steps` are done or
 * the number of live objects reaches `goal`. */
static bool run_phase(struct gen *g, unsigned int alloc, unsigned int steps,
		      unsigned int goal, size_t nr)
{
	enum victim victim = (enum victim)rng_below(&g->rng, NR_VICTIMS);

	while (steps-- && g->ops->nr < nr && g->nr_live != goal) {
		bool full = g->nr_live == g->max_live, ok;

		if (g->compact_every && !rng_below(&g->rng, g->compact_every))
			ok = trace_add(g->ops, 'c', 0, 0);
		else if (!g->nr_live ||
			 (!full && rng_below(&g->rng, 100) < alloc))
			ok = add_alloc(g);
		else
			ok = add_free(g, victim);
		if (!ok)
			return false;
	}
	return true;
}

static bool burst(struct gen *g, size_t nr)
{
	unsigned int objects = rng_range(&g->rng, 1, 64);
	unsigned int begin = g->nr_live;

	if (begin + objects > g->max_live)
		return true;
	return run_phase(g, 100, objects, begin + objects, nr) &&
	       run_phase(g, 0, objects, begin, nr);
}

static bool next_phase(struct gen *g, size_t nr)
{
	static const unsigned int compact_every[] = { 0, 0, 2000, 300, 40 };
	unsigned int most = g->max_live;
	unsigned int steps = rng_range(&g->rng, most / 8 + 1, 2 * most);

	if (!rng_below(&g->rng, 3))
		choose_sizes(g);
	g->compact_every = compact_every[rng_below(
		&g->rng, sizeof(compact_every) / sizeof(*compact_every))];
	switch (rng_below(&g->rng, 6)) {
	case 0:
		return run_phase(g, 75, steps, most + 1, nr);
	case 1:
		return run_phase(g, 25, steps, 0, nr);
	case 2:
		return run_phase(g, 50, steps, most + 1, nr);
	case 3: /* fill */
		return run_phase(g, 100, most, most, nr);
	case 4: /* drain, compact */
		return run_phase(g, 0, most, most / 10, nr) &&
		       (g->ops->nr >= nr || trace_add(g->ops, 'c', 0, 0));
	default:
		for (int i = 0; i < 16; i++)
			if (!burst(g, nr))
				return false;
		return true;
	}
}

bool trace_generate(struct trace_ops *ops, uint64_t seed,
		    unsigned int page_size, size_t nr)
{
	struct gen g = { .ops = ops, .page_size = page_size };
	bool ok = true;

	rng_seed(&g.rng, seed);
	/* Few objects: each operation matters. Many: long lists. */
	g.max_live = LIVE_BYTES / page_size * 2;
	if (g.max_live > LIVE_MAX)
		g.max_live = LIVE_MAX;
	g.max_live = rng_range(&g.rng, 16, g.max_live >> rng_below(&g.rng, 4));
	g.live = calloc(g.max_live, sizeof(*g.live));
	if (!g.live)
		return false;
	for (unsigned int i = 0; i < g.max_live; i++)
		g.live[i] = i;
	choose_sizes(&g);
	ops->nr = 0;
	while (ok && ops->nr < nr)
		ok = next_phase(&g, nr);
	free(g.live);
	return ok;
}
