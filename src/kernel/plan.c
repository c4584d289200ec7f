/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* plan.c - which size classes a pool uses that is expected to hold so many bytes
 * (zs_pool_options.expected_bytes). Owns no state.
 *
 * Kernel origin: none: the kernel uses all.
 * Locks: none. Sleeps: no.
 *
 * What a set of classes is expected to lose, if sizes are spread evenly from 1 byte
 * to a page: for each object the unused bytes of its place and its share of the
 * zspage's rest; for each class a part of one zspage. The best set is found from
 * small classes to large ones: the best set that ends with a class is the best set
 * that ends with some smaller class, and this class for all sizes between.
 */
#include "kernel/plan.h"

#include "kernel/geometry.h"

/* The part of a zspage that a class loses. Half is empty, and some of that was never
 * touched and takes no memory. */
#define HOLE_SHARE 0.4

struct candidate {
	unsigned int index; /* of the class */
	double size; /* bytes of an object */
	double place; /* the same with its share of the zspage's rest */
	double zspage; /* bytes */
	double loss; /* of the best set that ends with this class */
	unsigned int before; /* the candidate before it in that set, plus 1; 0:
			      * none */
};

/* Classes that are not huge, the largest first at the end. */
struct list {
	const struct zs_pool *pool;
	unsigned int first; /* the smallest one's place */
	struct candidate each[ZS_MAX_CLASSES];
};

static void add_candidate(const struct class_geometry *g, void *arg)
{
	struct list *list = arg;
	struct candidate *c;

	if (g->merged || g->huge)
		return;
	c = &list->each[--list->first];
	c->index = g->index;
	c->size = g->size;
	c->zspage = (double)g->pages * list->pool->page_size;
	c->place = c->zspage / g->objs;
}

static void find_best_sets(struct candidate *each, unsigned int nr,
			   double objs_per_byte)
{
	for (unsigned int last = 0; last < nr; last++) {
		struct candidate *c = &each[last];

		for (unsigned int before = 0; before <= last; before++) {
			double from = before ? each[before - 1].size : 0;
			double objs = objs_per_byte * (c->size - from);
			double loss = (before ? each[before - 1].loss : 0) +
				      objs * (c->place - (c->size + from) / 2) +
				      HOLE_SHARE * c->zspage;

			if (!before || loss < c->loss) {
				c->loss = loss;
				c->before = before;
			}
		}
	}
}

void uzs_plan_geometry(struct zs_pool *pool)
{
	struct list list = { .pool = pool, .first = ZS_MAX_CLASSES };
	double page = pool->page_size;
	struct candidate *each;
	unsigned int nr, at;

	uzs_set_geometry(pool);
	if (!pool->expected_bytes)
		return;
	uzs_walk_geometry(pool, add_candidate, &list);
	each = &list.each[list.first];
	nr = ZS_MAX_CLASSES - list.first;
	/* An object is half a page on average. */
	find_best_sets(each, nr,
		       (double)pool->expected_bytes / (page / 2) / page);
	at = nr;
	for (unsigned int i = nr; i > 0; i--) {
		unsigned int index = each[i - 1].index;

		if (i == at)
			at = each[i - 1].before;
		else
			pool->unused_class[index / 64] |= (u64)1 << index % 64;
	}
}
