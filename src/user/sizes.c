/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sizes.c - which sizes share a class, and how many pages its zspages have, in
 * the user profile. Owns no state.
 *
 * Kernel origin: none. As there, a zspage has the number of pages that wastes
 * least, and sizes with equal zspages share a class. Differs: sizes go beyond a
 * page; larger ones are 1/256 of themselves apart, and smaller ones 8 bytes,
 * where 16 would be much of an object. Sizes of whole
 * pages, the most frequent of all, would leave a zspage of theirs with a gap of
 * nearly an object, as each needs a first word: these lie apart.
 * Locks: runs->lock, to change which classes are used. Sleeps: no.
 */
#include "user/sizes.h"

#include <limits.h>

#include "compat/os.h"
#include "user/runs.h"

/* Runs for one object are an eighth of an octave apart. What is behind the object
 * has no memory. */
#define LONG_STEPS 8u

/* Zspages of several objects have one of so many lengths, the longest. Each length
 * has sections of its own, which are not full; and shorter zspages waste more. */
#define CHAIN_LENGTHS 7u

static unsigned int shortest(const struct zs_pool *pool)
{
	return pool->chain_size > CHAIN_LENGTHS
		       ? pool->chain_size - CHAIN_LENGTHS + 1
		       : 1;
}

/* Without their first word: larger objects, and those of this very size, have a run
 * each, of a length of their own. */
static size_t largest_shared(const struct zs_pool *pool)
{
	return min(((size_t)pool->chain_size << pool->page_shift) / 2,
		   (size_t)USER_MAX_SIZE);
}

/* Pages of a zspage that objects of `size` bytes fill, two at least and the first words
 * not counted: the fewest. 0 if there is none. These objects are worth sections of
 * their own. */
static unsigned int exact_pages(const struct zs_pool *pool, size_t size)
{
	if (size % pool->page_size && size * 2 != pool->page_size)
		return 0;
	for (unsigned int k = shortest(pool); k <= pool->chain_size; k++) {
		size_t bytes = (size_t)k << pool->page_shift;

		if (bytes % size == 0 && bytes >= 2 * size)
			return k;
	}
	return 0;
}

/* First words of a zspage of so many pages: of the smallest objects that it has
 * exactly; 0 if there are none. */
static unsigned int most_heads(const struct zs_pool *pool, unsigned int pages)
{
	size_t size = pool->page_size / 2;

	for (; size < largest_shared(pool);
	     size = ALIGN(size + 1, pool->page_size))
		if (exact_pages(pool, size) == pages)
			return (unsigned int)(((size_t)pages
					       << pool->page_shift) /
					      size);
	return 0;
}

unsigned int uzs_user_lengths(const struct zs_pool *pool,
			      struct run_length lengths[USER_LENGTHS])
{
	unsigned int most = uzs_user_pages(pool, USER_MAX_OBJECT), n = 0, last;

	for (unsigned int k = shortest(pool); k <= pool->chain_size; k++)
		lengths[n++] =
			(struct run_length){ .pages = k, .shared = true };
	for (unsigned int k = shortest(pool); k <= pool->chain_size; k++)
		if (most_heads(pool, k))
			lengths[n++] = (struct run_length){
				.pages = k,
				.heads = most_heads(pool, k),
				.shared = true,
			};
	last = uzs_user_pages(pool, largest_shared(pool) + USER_HEAD);
	for (;;) {
		lengths[n++] = (struct run_length){ .pages = last, .heads = 1 };
		if (last == most)
			break;
		last += max((1u << ilog2(last)) / LONG_STEPS, 1u);
		last = min(most, last);
	}
	VM_BUG_ON(n > USER_LENGTHS);
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
	size_t first, nr = uzs_runs_fit(run, 0, page, &first);

	return nr ? (UZS_SECTION_SIZE - first - nr * run) / nr : run;
}

/* Pages of a zspage of objects of that size, two at least: the number that wastes
 * least; among equal ones the least. */
static unsigned int best_pages(const struct zs_pool *pool, size_t size)
{
	unsigned int best = 0;
	size_t best_waste = 1;

	for (unsigned int k = shortest(pool); k <= pool->chain_size; k++) {
		size_t bytes = (size_t)k << pool->page_shift;
		size_t waste = bytes - objs_in(bytes, size) * size +
			       rest_of(bytes, pool->page_size);

		if (bytes < 2 * size)
			continue;
		/* waste / k < best_waste / best */
		if (!best || waste * best < best_waste * k) {
			best = k;
			best_waste = waste;
		}
	}
	return best;
}

/* The size that a class may have, if it can hold objects of `size` bytes with and
 * without their first word apart. */
static struct class_geometry geometry_of(const struct zs_pool *pool,
					 size_t size)
{
	unsigned int exact = exact_pages(pool, size - USER_HEAD);

	if (exact)
		return (struct class_geometry){
			.size = (unsigned int)(size - USER_HEAD),
			.pages = exact,
			.huge = true,
		};
	return (struct class_geometry){
		.size = (unsigned int)size,
		.pages = best_pages(pool, size),
	};
}

/* The next smaller size, first word included, on the grid of the tables by size, or
 * of half a page. */
static size_t next_size(const struct zs_pool *pool, size_t size)
{
	size_t half = pool->page_size / 2 + USER_HEAD, next, step;

	if (size > USER_FINE + USER_HEAD) {
		next = size - USER_HEAD;
		step = max((size_t)1 << (ilog2(next - 1) - USER_FINE_SHIFT),
			   (size_t)16);
		next = (next - 1) / step * step + USER_HEAD;
	} else {
		step = size <= USER_TINY ? 8 : 16;
		next = (size - 1) / step * step;
	}
	return size > half && next < half ? half : next;
}

/* The sizes that classes may have, largest first: calls fn for each. */
static void walk_sizes(const struct zs_pool *pool,
		       void (*fn)(struct class_geometry *g, void *arg),
		       void *arg)
{
	struct run_length lengths[USER_LENGTHS];
	unsigned int n = uzs_user_lengths(pool, lengths);
	struct class_geometry g;

	for (; !lengths[n - 1].shared; n--) {
		unsigned int pages = lengths[n - 1].pages;

		g = (struct class_geometry){
			.size = pages << pool->page_shift,
			.pages = pages,
			.huge = true,
		};
		fn(&g, arg);
	}
	for (size_t size = next_size(pool, largest_shared(pool) + 1);
	     size >= USER_MIN_SIZE; size = next_size(pool, size)) {
		g = geometry_of(pool, size);
		fn(&g, arg);
	}
}

struct size_walk {
	const struct zs_pool *pool;
	void (*fn)(const struct class_geometry *geometry, void *arg);
	void *arg;
	struct class_geometry last;
	unsigned int index; /* of the next class */
	bool count;
};

static void visit_size(struct class_geometry *g, void *arg)
{
	struct size_walk *walk = arg;

	g->objs = objs_in((size_t)g->pages << walk->pool->page_shift, g->size);
	/* It would take no less than one that fills its zspage. */
	if (walk->last.huge && g->objs > 1 &&
	    (size_t)g->pages << walk->pool->page_shift >=
		    (size_t)g->objs * walk->last.size)
		return;
	/* (Where a zspage has more places than can be counted, only those that
	 * are used have memory, so smaller ones save some.) */
	if (g->pages == walk->last.pages && g->objs == walk->last.objs &&
	    g->objs != OBJ_NONE)
		return;
	walk->last = *g;
	if (walk->count) {
		walk->index++;
		return;
	}
	g->index = --walk->index;
	walk->fn(g, walk->arg);
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
		const struct size_class *class = pool->size_class[i];

		/* Without the next smaller one the gap would be too wide. And
		 * what fills its zspage is always used. */
		if (!last || i == 1 || class->huge ||
		    user_holds(pool->size_class[i - 1]) * (u64)(1000 + apart) <
			    last * 1000) {
			use = (u16)i;
			/* Objects with a run each have exact pages. */
			last = class->objs_per_zspage > 1 ? user_holds(class)
							  : 0;
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
		while (user_holds(pool->size_class[index]) < i * 8)
			index++;
		WRITE_ONCE(user->low[i], chosen[index]);
	}
	for (size_t i = 0; i < USER_HIGH_SIZES; i++) {
		unsigned int octave =
			(unsigned int)(i >> USER_FINE_SHIFT) + ilog2(USER_FINE);
		size_t low = i & ((1u << USER_FINE_SHIFT) - 1);
		/* the largest size with this place in the table, without first
		 * word */
		size_t size = ((size_t)1 << octave) +
			      ((low + 1) << (octave - USER_FINE_SHIFT));

		size = min(size, (size_t)USER_MAX_SIZE) + USER_HEAD;
		while (user_holds(pool->size_class[index]) < size)
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
	const struct run_length *lengths = user->runs.lengths;

	use_classes(pool, true);
	for (unsigned int i = 1; i < pool->nr_classes; i++) {
		const struct size_class *class = pool->size_class[i];
		unsigned int most =
			USER_KEPT_PAGES * pool->page_size / class->size;
		bool shared = class->objs_per_zspage > 1;
		unsigned int l = 0;

		while (lengths[l].pages != class->pages_per_zspage ||
		       lengths[l].shared != shared ||
		       !lengths[l].heads != !class->huge)
			l++;
		user->length[i] = (u8)l;
		user->class[i].huge = class->huge;
		user->room[i] = shared ? (u32)(user_holds(class) - USER_HEAD)
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
