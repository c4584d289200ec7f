/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sizes.c - which sizes share a class, and how many pages its zspages have, in
 * the user profile. Owns no state.
 *
 * Kernel origin: none. As there, a zspage has the number of pages that wastes
 * least, and sizes with equal zspages share a class. Differs: sizes go beyond a
 * page; larger ones are 1/256 of themselves apart, and smaller ones 8 bytes,
 * where 16 would be much of an object.
 * Locks: runs->lock, to change which classes are used. Sleeps: no.
 */
#include "user/sizes.h"

#include <limits.h>

#include "compat/os.h"
#include "user/runs.h"

/* Runs for one object are an eighth of an octave apart. What is behind the object
 * has no memory. */
#define LONG_STEPS 8u

static unsigned int pages_of(const struct zs_pool *pool, size_t bytes)
{
	return (unsigned int)((bytes + pool->page_size - 1) >>
			      pool->page_shift);
}

/* Zspages of several objects have one of so many lengths, the longest. Each length
 * has sections of its own, which are not full; and shorter zspages waste more. */
#define CHAIN_LENGTHS 7u

static unsigned int shortest(const struct zs_pool *pool)
{
	return pool->chain_size > CHAIN_LENGTHS
		       ? pool->chain_size - CHAIN_LENGTHS + 1
		       : 1;
}

unsigned int uzs_user_shared_lengths(const struct zs_pool *pool)
{
	return pool->chain_size - shortest(pool) + 1;
}

/* Larger objects have a run each, of a length of their own. */
static size_t largest_shared(const struct zs_pool *pool)
{
	return min(((size_t)pool->chain_size << pool->page_shift) / 2,
		   USER_MAX_OBJECT);
}

unsigned int uzs_user_lengths(const struct zs_pool *pool,
			      unsigned int pages[USER_LENGTHS])
{
	unsigned int most = pages_of(pool, USER_MAX_OBJECT), n = 0, last;

	for (unsigned int k = shortest(pool); k <= pool->chain_size; k++)
		pages[n++] = k;
	last = pages_of(pool, largest_shared(pool));
	while (last < most) {
		unsigned int step = (1u << ilog2(last)) / LONG_STEPS;

		last = min(most, last + max(step, 1u));
		pages[n++] = last;
	}
	return n;
}

/* Objects of that size that a zspage of so many bytes has: as many as its counters
 * can count. Large pages have room for more of the smallest. */
static unsigned int objs_in(size_t bytes, size_t size)
{
	return (unsigned int)min(bytes / size, (size_t)OBJ_NONE);
}

/* What a run wastes in its section, bytes. */
static size_t rest_of(size_t run, size_t page)
{
	size_t first, nr = uzs_runs_fit(run, page, &first);

	return nr ? (UZS_SECTION_SIZE - first - nr * run) / nr : run;
}

/* Pages of a zspage of objects of that size, the number that wastes least;
 * among equal ones the least. */
static unsigned int best_pages(const struct zs_pool *pool, size_t size)
{
	unsigned int best = 0;
	size_t best_waste = 1;

	for (unsigned int k = shortest(pool); k <= pool->chain_size; k++) {
		size_t bytes = (size_t)k << pool->page_shift;
		size_t waste = bytes - objs_in(bytes, size) * size +
			       rest_of(bytes, pool->page_size);

		if (bytes < size)
			continue;
		/* waste / k < best_waste / best */
		if (!best || waste * best < best_waste * k) {
			best = k;
			best_waste = waste;
		}
	}
	return best;
}

/* The sizes that classes may have, largest first: calls fn for each. */
static void walk_sizes(const struct zs_pool *pool,
		       void (*fn)(size_t size, unsigned int pages, void *arg),
		       void *arg)
{
	unsigned int lengths[USER_LENGTHS];
	unsigned int n = uzs_user_lengths(pool, lengths);
	size_t size = largest_shared(pool);

	while (n > uzs_user_shared_lengths(pool)) {
		n--;
		fn((size_t)lengths[n] << pool->page_shift, lengths[n], arg);
	}
	while (size > USER_MIN_SIZE) {
		size_t step = 16;

		size &= ~(size_t)7;
		fn(size, best_pages(pool, size), arg);
		if (size <= USER_TINY)
			step = 8;
		else if (size > USER_FINE)
			step = max((size_t)1 << (ilog2(size - 1) -
						 USER_FINE_SHIFT),
				   step);
		/* Onto the grid of the table by size. */
		size = (size - 1) / step * step;
	}
	fn(USER_MIN_SIZE, best_pages(pool, USER_MIN_SIZE), arg);
}

struct size_walk {
	const struct zs_pool *pool;
	void (*fn)(const struct class_geometry *geometry, void *arg);
	void *arg;
	struct class_geometry last;
	unsigned int index; /* of the next class */
	bool count;
};

static void visit_size(size_t size, unsigned int pages, void *arg)
{
	struct size_walk *walk = arg;
	size_t bytes = (size_t)pages << walk->pool->page_shift;
	struct class_geometry g = {
		.size = (unsigned int)size,
		.pages = pages,
		.objs = objs_in(bytes, size),
	};

	/* (Where a zspage has more places than can be counted, only those that
	 * are used have memory, so smaller ones save some.) */
	if (g.pages == walk->last.pages && g.objs == walk->last.objs &&
	    g.objs != OBJ_NONE)
		return;
	walk->last = g;
	if (walk->count) {
		walk->index++;
		return;
	}
	g.index = --walk->index;
	walk->fn(&g, walk->arg);
}

/* Classes that are not merged, and class 0, which stands for none. */
static unsigned int count_classes(const struct zs_pool *pool)
{
	struct size_walk walk = { .pool = pool, .index = 1, .count = true };

	walk_sizes(pool, visit_size, &walk);
	return walk.index;
}

void uzs_user_set_geometry(struct zs_pool *pool)
{
	pool->page_size =
		max(pool->page_size, (unsigned int)uzs_os_page_size());
	pool->page_shift = ilog2(pool->page_size);
	pool->max_size = USER_MAX_SIZE;
	pool->min_alloc_size = USER_MIN_SIZE;
	pool->nr_classes = count_classes(pool);
	VM_BUG_ON(pool->nr_classes > USER_MAX_CLASSES);
}

/* Every class has an index of its own: merged sizes have none. Index 0 is that
 * of class 1. */
void uzs_user_walk_classes(const struct zs_pool *pool,
			   void (*fn)(const struct class_geometry *geometry,
				      void *arg),
			   void *arg)
{
	struct size_walk walk = {
		.pool = pool, .fn = fn, .arg = arg, .index = pool->nr_classes
	};
	struct class_geometry none;

	walk_sizes(pool, visit_size, &walk);
	none = walk.last;
	none.index = 0;
	none.merged = true;
	fn(&none, arg);
}

/* ---- which classes are used --------------------------------------------------- */

/* Each class in use has a zspage that is partly filled, which is much of a small
 * pool. So a pool with fewer bytes in zspages uses only some classes: each next one
 * is as small as it can be without being more than so many permille smaller. What is
 * stored already stays where it is when the pool has grown. A pool that shrinks
 * below a quarter of that uses few again. */
#define FEW_BELOW ((size_t)8 << 20)
#define FEW_APART 60u

/* By class: the class that its objects go to. */
static void choose_classes(const struct zs_pool *pool, unsigned int apart,
			   u16 chosen[USER_MAX_CLASSES])
{
	u64 last = 0;
	u16 use = 0;

	for (unsigned int i = pool->nr_classes - 1; i; i--) {
		u64 size = pool->size_class[i]->size;

		/* Without the next smaller one the gap would be too wide. */
		if (!last || i == 1 ||
		    pool->size_class[i - 1]->size * (u64)(1000 + apart) <
			    last * 1000) {
			use = (u16)i;
			/* Objects with a run each have exact pages. */
			last = size > largest_shared(pool) ? 0 : size;
		}
		chosen[i] = use;
	}
}

/* Locks: needs runs->lock, or nobody else has the pool. */
static void use_classes(struct zs_pool *pool, bool few)
{
	struct user_pool *user = pool->user;
	u16 chosen[USER_MAX_CLASSES];
	unsigned int index = 1;

	choose_classes(pool, few ? FEW_APART : 0, chosen);
	for (size_t i = 0; i < USER_LOW_SIZES; i++) {
		while (pool->size_class[index]->size < i * 8)
			index++;
		WRITE_ONCE(user->low[i], chosen[index]);
	}
	for (size_t i = 0; i < USER_HIGH_SIZES; i++) {
		unsigned int octave =
			(unsigned int)(i >> USER_FINE_SHIFT) + ilog2(USER_FINE);
		size_t low = i & ((1u << USER_FINE_SHIFT) - 1);
		/* the largest size with this place in the table */
		size_t size = ((size_t)1 << octave) +
			      ((low + 1) << (octave - USER_FINE_SHIFT));

		size = min(size, USER_MAX_OBJECT);
		while (pool->size_class[index]->size < size)
			index++;
		WRITE_ONCE(user->high[i], chosen[index]);
	}
	WRITE_ONCE(user->more_from,
		   few ? FEW_BELOW >> pool->page_shift : ULONG_MAX);
	WRITE_ONCE(user->less_below,
		   few ? 0 : FEW_BELOW / 4 >> pool->page_shift);
}

void uzs_user_set_classes(struct zs_pool *pool, unsigned long pages)
{
	spin_lock(&pool->user->runs.lock);
	use_classes(pool, pages < FEW_BELOW >> pool->page_shift);
	spin_unlock(&pool->user->runs.lock);
}

void uzs_user_set_tables(struct zs_pool *pool)
{
	struct user_pool *user = pool->user;
	unsigned int lengths[USER_LENGTHS];
	unsigned int n = uzs_user_lengths(pool, lengths);

	use_classes(pool, true);
	for (unsigned int i = 1; i < pool->nr_classes; i++) {
		const struct size_class *class = pool->size_class[i];
		unsigned int most =
			USER_KEPT_PAGES * pool->page_size / class->size;
		unsigned int l = class->size <= largest_shared(pool)
					 ? 0
					 : uzs_user_shared_lengths(pool);

		while (l < n && lengths[l] != class->pages_per_zspage)
			l++;
		user->length[i] = (u8)l;
		user->room[i] = class->objs_per_zspage > 1
					? class->size - (u32)USER_HEAD
					: 0;
		/* To keep one would save nothing: each would be freed when
		 * the next one is. */
		user->class[i].keep = (u8)(most < 2 ? 0 : min(USER_KEPT, most));
	}
}

unsigned int uzs_user_class_index(const struct zs_pool *pool, size_t size)
{
	return user_class(pool, min(size, USER_MAX_OBJECT))->index;
}
