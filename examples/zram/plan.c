/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* plan.c - chooses size classes so that the least memory is lost.
 *
 * Expected loss of a set of classes, if compressed sizes are spread evenly over
 * a page: for each object the unused bytes of its place and its share of the
 * zspage's tail; for each class a part of one zspage. The best set is found
 * from small classes to large ones: the best set that ends with a class is the
 * best set that ends with some smaller class, and this class for all sizes
 * between.
 */
#include "plan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* The part of a zspage that a class loses. Half is empty, and some of that was
 * never touched and takes no memory. */
#define HOLE_SHARE 0.4

struct candidate {
	unsigned int index; /* of the class */
	double size, place; /* bytes of an object; the same with its share of
			     * the tail */
	double zspage; /* bytes */
	double loss; /* of the best set that ends with this class */
	size_t before; /* the candidate before it in that set, plus 1; 0:
			* none */
};

/* Lists the classes that are not merged and not huge, by size. Return: how
 * many. */
static size_t list_candidates(struct zs_pool *pool, size_t page_size,
			      struct candidate *list)
{
	unsigned int classes = zs_class_count(pool);
	size_t nr = 0;

	for (unsigned int i = 0; i < classes; i++) {
		struct zs_class_info info = ZS_CLASS_INFO_INIT;

		zs_class_info(pool, i, &info);
		if (info.index != i || info.huge)
			continue;
		list[nr].index = i;
		list[nr].size = info.size;
		list[nr].zspage = (double)page_size * info.pages_per_zspage;
		list[nr].place = list[nr].zspage / info.objs_per_zspage;
		nr++;
	}
	return nr;
}

static void choose(struct candidate *list, size_t nr, double objs_per_byte)
{
	for (size_t last = 0; last < nr; last++) {
		struct candidate *c = &list[last];

		c->loss = INFINITY;
		for (size_t before = 0; before <= last; before++) {
			double from = before ? list[before - 1].size : 0;
			double objs = objs_per_byte * (c->size - from);
			double loss = (before ? list[before - 1].loss : 0) +
				      objs * (c->place - (c->size + from) / 2) +
				      HOLE_SHARE * c->zspage;

			if (loss < c->loss) {
				c->loss = loss;
				c->before = before;
			}
		}
	}
}

int plan_init(struct plan *plan, struct zs_pool *pool, size_t page_size,
	      uint64_t blocks)
{
	unsigned int classes = zs_class_count(pool);
	struct candidate *list = calloc(classes, sizeof(*list));
	size_t nr, at;

	plan->sizes = calloc(classes, sizeof(*plan->sizes));
	if (!list || !plan->sizes) {
		free(list);
		plan_destroy(plan);
		return -ENOMEM;
	}
	nr = list_candidates(pool, page_size, list);
	choose(list, nr, (double)blocks / (double)page_size);
	for (at = nr; at; at = list[at - 1].before) {
		struct candidate *c = &list[at - 1];
		unsigned int first = c->before ? list[c->before - 1].index + 1
					       : 0;

		/* zs_malloc adds its own handle word */
		for (unsigned int i = first; i <= c->index; i++)
			plan->sizes[i] =
				(uint32_t)(c->size - sizeof(unsigned long));
	}
	free(list);
	return 0;
}

void plan_destroy(struct plan *plan)
{
	free(plan->sizes);
	plan->sizes = NULL;
}

size_t plan_size(const struct plan *plan, struct zs_pool *pool, size_t size)
{
	uint32_t planned;

	if (!plan->sizes || size >= zs_huge_class_size(pool))
		return size;
	planned = plan->sizes[zs_lookup_class_index(
		pool, (unsigned int)(size + sizeof(unsigned long)))];
	return planned > size ? planned : size;
}
