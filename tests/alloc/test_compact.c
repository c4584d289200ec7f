/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_compact.c - compact.c: which zspage is filled and which is emptied,
 * in what order objects go where, when it stops, and who may come in between.
 *
 * Scenes are built of one class with 17 objects in 5 pages, so that objects
 * lie across pages and each group but two has one or two fill levels:
 *   objects  1  2-3 4-5  6  7-8 9-10 11 12-13 14-15 16 17
 *   group    1   2   3   4   5   6   7   8     9    10 11
 */
#include "test_layout.h"
#include "test_objects.h"
#include "test_process.h"

#include <pthread.h>
#include <sched.h>

#include "kernel/geometry.h"
#include "kernel/obj.h"

#define OBJS 17u
#define PAGES 5u
#define SIZE (1200 - ZS_HANDLE_SIZE)
#define MAX_ZSPAGES 16u

struct scene {
	struct zs_pool *pool;
	struct size_class *class;
	unsigned int n;
	struct zspage *zspage[MAX_ZSPAGES];
	/* by zspage and object index, as built; 0 was freed */
	unsigned long handle[MAX_ZSPAGES][OBJS];
};

static unsigned int index_of(struct zs_pool *pool, unsigned long handle)
{
	return obj_to_index(pool, handle_to_obj(handle));
}

static uint64_t key_of(unsigned int z, unsigned int idx)
{
	return 100 * z + idx;
}

/* Is the object at `idx` among the first `inuse` to stay? They stay in an
 * order that jumps about: what is live is neither all low nor all high. */
static bool stays(unsigned int idx, unsigned int inuse)
{
	return (idx * 7 + 3) % OBJS < inuse;
}

/* Zspages with that many objects each; of those in one group the last one
 * built is the first in the list. */
static void build(struct scene *s, unsigned int n, const unsigned int *inuse)
{
	memset(s, 0, sizeof(*s));
	s->pool = make_pool(4096, 8, ZS_POOL_NO_WORKER);
	s->class = s->pool->size_class[uzs_class_index(s->pool, 1200)];
	assert_int_equal(s->class->size, 1200);
	assert_int_equal(s->class->objs_per_zspage, OBJS);
	assert_int_equal(s->class->pages_per_zspage, PAGES);
	assert_true(n <= MAX_ZSPAGES);
	s->n = n;
	for (unsigned int z = 0; z < n; z++) {
		for (unsigned int i = 0; i < OBJS; i++) {
			s->handle[z][i] = must_malloc(s->pool, SIZE);
			assert_true(object_fill(s->pool, s->handle[z][i], SIZE,
						key_of(z, i)));
		}
		s->zspage[z] = zspage_of(s->pool, s->handle[z][0]);
	}
	for (unsigned int z = 0; z < n; z++)
		for (unsigned int i = 0; i < OBJS; i++)
			if (!stays(i, inuse[z])) {
				zs_free(s->pool, s->handle[z][i]);
				s->handle[z][i] = 0;
			}
	for (unsigned int z = 0; z < n; z++)
		assert_int_equal(s->zspage[z]->inuse, inuse[z]);
}

#define BUILD(s, ...)                                           \
	build(s, ARRAY_SIZE(((unsigned int[]){ __VA_ARGS__ })), \
	      (unsigned int[]){ __VA_ARGS__ })

static void check_data(struct scene *s)
{
	for (unsigned int z = 0; z < s->n; z++)
		for (unsigned int i = 0; i < OBJS; i++)
			if (s->handle[z][i] &&
			    !object_ok(s->pool, s->handle[z][i], SIZE,
				       key_of(z, i)))
				fail_msg("object %u of zspage %u", i, z);
	assert_sound(s->pool);
}

static void drop(struct scene *s)
{
	unsigned long live = 0;

	check_data(s);
	for (unsigned int z = 0; z < s->n; z++)
		for (unsigned int i = 0; i < OBJS; i++)
			live += s->handle[z][i] != 0;
	assert_int_equal(zs_destroy_pool(s->pool), live);
}

/* The k-th live object of zspage z, as built. */
static unsigned long nth(const struct scene *s, unsigned int z, unsigned int k)
{
	for (unsigned int i = 0; i < OBJS; i++)
		if (s->handle[z][i] && !k--)
			return s->handle[z][i];
	fail_msg("zspage %u has not that many objects", z);
	return 0;
}

/* The objects of zspage z that were there when built lie in which zspage? */
static void assert_moved(const struct scene *s, unsigned int z, unsigned int k,
			 unsigned int to)
{
	assert_ptr_equal(zspage_of(s->pool, nth(s, z, k)), s->zspage[to]);
}

static struct zspage *first_of(const struct scene *s, unsigned int group)
{
	return list_first_entry_or_null(&s->class->groups->list[group],
					struct zspage, list);
}

/* ---- who goes where ------------------------------------------------------ */

static void test_fullest_is_filled_from_emptiest(void **state)
{
	enum { A, B, C, D, E, F };
	struct zs_pool_info info;
	struct scene s;

	/* 50 objects in 6 zspages, where 3 would do. */
	BUILD(&s, [A] = 16, [B] = 15, [C] = 15, [D] = 1, [E] = 1, [F] = 2);
	assert_int_equal(zs_shrink_count(s.pool), 3 * PAGES);
	assert_int_equal(zs_compact(s.pool), 3 * PAGES);

	/* The fullest, A, gets the object of the emptiest, of which E is the
	 * first. Then A is full: next C, the first of its group, which gets
	 * D's, and is kept: it gets the first of F's, and is full. The rest
	 * of F goes to B. */
	assert_moved(&s, E, 0, A);
	assert_moved(&s, D, 0, C);
	assert_moved(&s, F, 0, C);
	assert_moved(&s, F, 1, B);
	for (unsigned int k = 0; k < 15; k++) {
		assert_moved(&s, A, k, A);
		assert_moved(&s, B, k, B);
		assert_moved(&s, C, k, C);
	}
	assert_int_equal(zs_get_total_pages(s.pool), 3 * PAGES);
	assert_int_equal(s.class->objs_capacity, 3 * OBJS);
	assert_int_equal(s.class->objs_inuse, 50);
	assert_int_equal(s.class->groups->zspages[11], 2);
	assert_ptr_equal(first_of(&s, 11), s.zspage[C]);
	assert_ptr_equal(first_of(&s, 10), s.zspage[B]);
	for (unsigned int g = 0; g < 10; g++)
		assert_int_equal(s.class->groups->zspages[g], 0);

	info = info_of(s.pool);
	assert_int_equal(info.compactions, 1);
	assert_int_equal(info.pages_compacted, 3 * PAGES);
	assert_int_equal(info.objs_moved, 4);
	assert_int_equal(info.bytes_moved, 4 * 1200);
	assert_true(info.compact_hold_ns_max > 0);
	assert_int_equal(zs_shrink_count(s.pool), 0);
	drop(&s);
}

/* Lowest index first; into the free places of the destination in the order of
 * its free list, the one freed last first. */
static void test_objects_move_in_index_order(void **state)
{
	enum { TO, FROM };
	unsigned int places[OBJS], n = 0;
	struct scene s;

	BUILD(&s, [TO] = 10, [FROM] = 7);
	/* Freed in order of index: the last one is the head of the list. */
	for (unsigned int i = OBJS; i-- > 0;)
		if (!s.handle[TO][i])
			places[n++] = i;
	assert_int_equal(n, 7);
	assert_int_equal(zs_compact(s.pool), PAGES);
	for (unsigned int k = 0; k < 7; k++) {
		assert_moved(&s, FROM, k, TO);
		assert_int_equal(index_of(s.pool, nth(&s, FROM, k)), places[k]);
	}
	assert_int_equal(s.class->groups->zspages[11], 1);
	drop(&s);
}

/* A source that is not emptied goes to the head of the group that it now
 * belongs to. */
static void test_source_goes_to_head_of_its_group(void **state)
{
	enum { TO, OTHER, FROM, SMALL };
	struct scene s;

	/* 34 in 4 zspages. FROM's first one fills TO; then FROM is alone in
	 * group 2, and the next source; SMALL is the next destination. */
	BUILD(&s, [TO] = 16, [OTHER] = 4, [FROM] = 4, [SMALL] = 10);
	assert_int_equal(first_of(&s, 3)->inuse, 4);
	assert_int_equal(zs_compact(s.pool), 2 * PAGES);
	assert_moved(&s, FROM, 0, TO);
	assert_moved(&s, FROM, 1, SMALL);
	assert_moved(&s, FROM, 2, SMALL);
	assert_moved(&s, FROM, 3, SMALL);
	for (unsigned int k = 0; k < 4; k++)
		assert_moved(&s, OTHER, k, SMALL);
	drop(&s);

	/* Here it stays in its group, before OTHER. */
	BUILD(&s, [TO] = 16, [OTHER] = 5, [FROM] = 5, [SMALL] = 13);
	assert_ptr_equal(first_of(&s, 3), s.zspage[FROM]);
	assert_int_equal(zs_compact(s.pool), PAGES);
	assert_moved(&s, FROM, 0, TO);
	for (unsigned int k = 1; k < 5; k++)
		assert_moved(&s, FROM, k, SMALL);
	for (unsigned int k = 0; k < 5; k++)
		assert_moved(&s, OTHER, k, OTHER);
	assert_ptr_equal(first_of(&s, 11), s.zspage[SMALL]);
	drop(&s);
}

/* K2: nothing moves if that frees no zspage; nothing is touched at all. */
static void test_nothing_moves_without_gain(void **state)
{
	static const unsigned int none[][3] = {
		{ 9, 9, 17 }, { 1, 17, 17 }, { 17, 17, 17 }, { 16, 16, 3 }
	};

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct layout was = { 0 }, is = { 0 };
		struct scene s;

		build(&s, 3, none[i]);
		layout_take(&was, s.pool);
		assert_int_equal(zs_shrink_count(s.pool), 0);
		assert_int_equal(zs_compact(s.pool), 0);
		layout_take(&is, s.pool);
		assert_true(layout_same(&was, &is));
		assert_int_equal(info_of(s.pool).objs_moved, 0);
		assert_int_equal(info_of(s.pool).compactions, 1);
		layout_drop(&was);
		layout_drop(&is);
		drop(&s);
	}
}

/* It ends as soon as no zspage can be freed, not when all are full: the last
 * destination and what is left of others stay partly filled. */
static void test_stops_when_no_zspage_can_be_freed(void **state)
{
	struct scene s;

	BUILD(&s, 8, 8, 8, 8, 8);
	/* 40 of 85: 2 zspages too many. */
	assert_int_equal(zs_compact(s.pool), 2 * PAGES);
	/* 4 is filled from 3 (empty at 16, kept), 2 gives one (full); then 1
	 * (first of group 5) is the next destination, and 2, with 7, goes
	 * there. 0 is left alone. */
	assert_int_equal(s.zspage[0]->inuse, 8);
	for (unsigned int k = 0; k < 8; k++) {
		assert_moved(&s, 3, k, 4);
		assert_moved(&s, 0, k, 0);
	}
	assert_int_equal(s.class->objs_capacity, 3 * OBJS);
	drop(&s);
}

static void test_empty_pool_frees_nothing(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	assert_int_equal(zs_compact(pool), 0);
	assert_int_equal(zs_shrink_count(pool), 0);
	assert_true(zs_shrink_scan(pool, 100) == ZS_SHRINK_STOP);
	/* Huge objects have no partly filled zspages. */
	for (int i = 0; i < 10; i++)
		must_malloc(pool, 4096);
	assert_int_equal(zs_compact(pool), 0);
	assert_sound(pool);
	zs_destroy_pool(pool);
}

static void test_shrinker_counts_and_frees_pages(void **state)
{
	struct zs_pool_stats stats;
	unsigned long h[32];
	struct scene s;

	BUILD(&s, 5, 5, 5, 17);
	/* Another class, with 4 objects in a page, of which 1 stays. */
	for (int i = 0; i < 32; i++)
		h[i] = must_malloc(s.pool, 1000);
	for (int i = 0; i < 32; i++)
		if (i % 4)
			zs_free(s.pool, h[i]);
	assert_int_equal(zs_shrink_count(s.pool), 2 * PAGES + 6);
	assert_int_equal(info_of(s.pool).freeable_pages, 2 * PAGES + 6);
	assert_int_equal(zs_shrink_scan(s.pool, 1), 2 * PAGES + 6);
	assert_int_equal(zs_shrink_count(s.pool), 0);
	zs_pool_stats(s.pool, &stats);
	assert_int_equal(stats.pages_compacted, 2 * PAGES + 6);
	assert_true(zs_shrink_scan(s.pool, 1) == ZS_SHRINK_STOP);
	assert_int_equal(info_of(s.pool).compactions, 2);
	for (int i = 0; i < 32; i += 4)
		zs_free(s.pool, h[i]);
	drop(&s);
}

/* ---- what is being read -------------------------------------------------- */

static void *pin(struct scene *s, unsigned int z)
{
	static char copy[SIZE];
	void *data = zs_obj_read_begin(s->pool, nth(s, z, 0), 8, copy);

	assert_non_null(data);
	return data;
}

static void unpin(struct scene *s, unsigned int z, void *data)
{
	zs_obj_read_end(s->pool, nth(s, z, 0), 8, data);
}

/* The first source is pinned: this class is left as it was, though others
 * could have been emptied. */
static void test_pinned_source_ends_the_class(void **state)
{
	enum { A, B, C, D, E, F };
	struct layout was = { 0 }, is = { 0 };
	struct scene s;
	void *data;

	BUILD(&s, [A] = 16, [B] = 15, [C] = 15, [D] = 1, [E] = 1, [F] = 2);
	data = pin(&s, E);
	layout_take(&was, s.pool);
	assert_int_equal(zs_compact(s.pool), 0);
	layout_take(&is, s.pool);
	assert_true(layout_same(&was, &is));
	assert_sound(s.pool);
	unpin(&s, E, data);
	assert_int_equal(s.zspage[E]->lock.word, 0);
	assert_int_equal(zs_compact(s.pool), 3 * PAGES);
	layout_drop(&was);
	layout_drop(&is);
	drop(&s);
}

/* The second is: what was done before stays done. */
static void test_second_pinned_source_keeps_what_moved(void **state)
{
	enum { A, B, C, D, E, F };
	struct scene s;
	void *data;

	BUILD(&s, [A] = 16, [B] = 15, [C] = 15, [D] = 1, [E] = 1, [F] = 2);
	data = pin(&s, D);
	assert_int_equal(zs_compact(s.pool), PAGES);
	assert_moved(&s, E, 0, A);
	assert_moved(&s, D, 0, D);
	assert_moved(&s, F, 0, F);
	assert_moved(&s, C, 0, C);
	/* C was taken as destination, and put back. */
	assert_ptr_equal(first_of(&s, 9), s.zspage[C]);
	assert_int_equal(s.class->groups->zspages[9], 2);
	check_data(&s);
	unpin(&s, D, data);
	assert_int_equal(zs_compact(s.pool), 2 * PAGES);
	drop(&s);
}

/* A destination may be read all the while: nothing in it moves. */
static void test_pinned_destination_is_filled(void **state)
{
	enum { A, B, C };
	unsigned long obj;
	struct scene s;
	void *data;

	BUILD(&s, [A] = 12, [B] = 3, [C] = 2);
	data = pin(&s, A);
	obj = handle_to_obj(nth(&s, A, 0));
	assert_int_equal(zs_compact(s.pool), 2 * PAGES);
	assert_true(handle_to_obj(nth(&s, A, 0)) == obj);
	assert_moved(&s, C, 0, A);
	unpin(&s, A, data);
	drop(&s);
}

/* One class's pinned source does not stop the other classes. */
static void test_pinned_source_stops_no_other_class(void **state)
{
	unsigned long h[8];
	struct scene s;
	void *data;

	BUILD(&s, 5, 5, 5);
	for (int i = 0; i < 8; i++)
		h[i] = must_malloc(s.pool, 1000);
	for (int i = 0; i < 8; i++)
		if (i % 4 > 1)
			zs_free(s.pool, h[i]);
	/* 2 is the first of its group: the destination; 1 is the source. */
	data = pin(&s, 1);
	assert_int_equal(zs_compact(s.pool), 1);
	unpin(&s, 1, data);
	assert_int_equal(zs_compact(s.pool), 2 * PAGES);
	for (int i = 0; i < 8; i++)
		if (i % 4 <= 1)
			zs_free(s.pool, h[i]);
	drop(&s);
}

/* ---- a page of the source is locked -------------------------------------- */

/* The pages of an emptied zspage count as freed even if one of them is locked
 * and the work frees them later. */
static void test_waiting_pages_count_as_freed(void **state)
{
	enum { A, B, C, D, E, F };
	struct scene s;
	struct page *page;

	BUILD(&s, [A] = 16, [B] = 15, [C] = 15, [D] = 1, [E] = 1, [F] = 2);
	page = zpdesc_page(s.zspage[E]->first_zpdesc->next);
	lock_page(page);
	assert_int_equal(zs_compact(s.pool), 3 * PAGES);
	assert_int_equal(info_of(s.pool).pages_compacted, 3 * PAGES);
	assert_moved(&s, E, 0, A);
	assert_int_equal(s.class->groups->zspages[0], 1);
	assert_ptr_equal(first_of(&s, 0), s.zspage[E]);
	assert_int_equal(zs_get_total_pages(s.pool), 4 * PAGES);
	assert_int_equal(s.class->objs_capacity, 4 * OBJS);
	assert_true(work_pending(&s.pool->free_work));
	check_data(&s);
	unlock_page(page);
	assert_int_equal(zs_drain(s.pool), 1);
	assert_int_equal(zs_get_total_pages(s.pool), 3 * PAGES);
	assert_int_equal(s.class->objs_capacity, 3 * OBJS);
	assert_int_equal(info_of(s.pool).zspages_async_freed, 1);
	assert_int_equal(info_of(s.pool).pages_compacted, 3 * PAGES);
	drop(&s);
}

/* Pages in waiting zspages seem freeable, but are nobody's to compact: it
 * must end all the same, with no destination, or with no source. */
static void test_ends_when_only_waiting_is_left(void **state)
{
	struct page *page;
	struct scene s;

	BUILD(&s, 1, 1);
	page = zpdesc_page(s.zspage[0]->first_zpdesc);
	lock_page(page);
	zs_free(s.pool, nth(&s, 0, 0));
	memset(s.handle[0], 0, sizeof(s.handle[0]));
	assert_int_equal(zs_shrink_count(s.pool), PAGES);
	/* The other one is destination; there is no source. */
	assert_int_equal(zs_compact(s.pool), 0);
	assert_ptr_equal(first_of(&s, 1), s.zspage[1]);
	assert_sound(s.pool);
	zs_free(s.pool, nth(&s, 1, 0));
	memset(s.handle[1], 0, sizeof(s.handle[1]));
	/* No destination. */
	assert_int_equal(zs_shrink_count(s.pool), PAGES);
	assert_int_equal(zs_compact(s.pool), 0);
	unlock_page(page);
	zs_drain(s.pool);
	assert_int_equal(zs_get_total_pages(s.pool), 0);
	drop(&s);
}

/* ---- others -------------------------------------------------------------- */

struct compactor {
	struct zs_pool *pool;
	unsigned long freed;
};

static void *compact(void *arg)
{
	struct compactor *c = arg;

	c->freed = zs_compact(c->pool);
	return NULL;
}

/* Lets a compaction begin, and stop at the lock of the scene's class. */
static pthread_t start_stopped(struct compactor *c, struct scene *s)
{
	pthread_t thread;

	c->pool = s->pool;
	spin_lock(&s->class->lock);
	thread = start(compact, c);
	while (!(__atomic_load_n(&s->class->lock.word, __ATOMIC_RELAXED) &
		 UZS_SPIN_WAITERS))
		sched_yield();
	return thread;
}

/* One at a time: the second gets 0 at once, and does not count as a run. */
static void test_second_compactor_gets_0(void **state)
{
	struct compactor c;
	pthread_t thread;
	struct scene s;

	BUILD(&s, 5, 5, 5);
	thread = start_stopped(&c, &s);
	assert_int_equal(zs_compact(s.pool), 0);
	assert_true(zs_shrink_scan(s.pool, 1) == ZS_SHRINK_STOP);
	spin_unlock(&s.class->lock);
	pthread_join(thread, NULL);
	assert_int_equal(c.freed, 2 * PAGES);
	assert_int_equal(info_of(s.pool).compactions, 1);
	assert_int_equal(info_of(s.pool).pages_compacted, 2 * PAGES);
	/* Now somebody may again. */
	assert_int_equal(zs_compact(s.pool), 0);
	assert_int_equal(info_of(s.pool).compactions, 2);
	drop(&s);
}

/* Larger classes first, each under pool->lock for writing. */
static void test_larger_classes_first(void **state)
{
	static const size_t sizes[] = { 3000, 1500, 400, 100 };
	struct size_class *classes[ARRAY_SIZE(sizes)];
	struct compactor c;
	pthread_t thread;
	struct scene s;

	BUILD(&s, 5, 5, 5);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned int idx =
			uzs_class_index(s.pool, sizes[i] + ZS_HANDLE_SIZE);
		unsigned long *h;
		unsigned int n;

		classes[i] = s.pool->size_class[idx];
		n = 2 * classes[i]->objs_per_zspage;
		h = calloc(n, sizeof(*h));
		assert_non_null(h);
		for (unsigned int k = 0; k < n; k++)
			h[k] = must_malloc(s.pool, sizes[i]);
		for (unsigned int k = 0; k < n; k++)
			if (k % classes[i]->objs_per_zspage)
				zs_free(s.pool, h[k]);
		free(h);
		assert_int_equal(classes[i]->objs_inuse, 2);
	}
	thread = start_stopped(&c, &s);
	assert_true(rwlock_is_write_locked(&s.pool->lock));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(READ_ONCE(classes[i]->objs_capacity),
				 classes[i]->objs_per_zspage *
					 (sizes[i] > 1200 ? 1 : 2));
	spin_unlock(&s.class->lock);
	pthread_join(thread, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(classes[i]->objs_capacity,
				 classes[i]->objs_per_zspage);
	check_data(&s);
	zs_destroy_pool(s.pool);
}

struct visitor {
	struct scene *scene;
	unsigned long capacity; /* when it came in */
	unsigned long listed; /* zspages in lists then */
};

static void *visit(void *arg)
{
	struct visitor *v = arg;
	struct size_class *class = v->scene->class;

	read_lock(&v->scene->pool->lock);
	spin_lock(&class->lock);
	v->capacity = class->objs_capacity;
	for (unsigned int g = 0; g < NR_FULLNESS_GROUPS; g++)
		v->listed += class->groups->zspages[g];
	spin_unlock(&class->lock);
	read_unlock(&v->scene->pool->lock);
	return NULL;
}

/* K3: who waits for pool->lock comes in after the first source, though the
 * destination has room for all; and finds it in its list. */
static void test_waiter_comes_in_after_first_source(void **state)
{
	struct visitor v = { 0 };
	struct compactor c;
	pthread_t compactor, visitor;
	struct scene s;

	BUILD(&s, 8, 1, 1, 1, 1, 1, 1, 1);
	compactor = start_stopped(&c, &s);
	v.scene = &s;
	visitor = start(visit, &v);
	while (!rwlock_is_contended(&s.pool->lock))
		sched_yield();
	spin_unlock(&s.class->lock);
	pthread_join(visitor, NULL);
	pthread_join(compactor, NULL);
	assert_int_equal(v.capacity, 7 * OBJS);
	assert_int_equal(v.listed, 7);
	assert_int_equal(c.freed, 7 * PAGES);
	for (unsigned int z = 1; z < 8; z++)
		assert_moved(&s, z, 0, 0);
	drop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fullest_is_filled_from_emptiest),
		cmocka_unit_test(test_objects_move_in_index_order),
		cmocka_unit_test(test_source_goes_to_head_of_its_group),
		cmocka_unit_test(test_nothing_moves_without_gain),
		cmocka_unit_test(test_stops_when_no_zspage_can_be_freed),
		cmocka_unit_test(test_empty_pool_frees_nothing),
		cmocka_unit_test(test_shrinker_counts_and_frees_pages),
		cmocka_unit_test(test_pinned_source_ends_the_class),
		cmocka_unit_test(test_second_pinned_source_keeps_what_moved),
		cmocka_unit_test(test_pinned_destination_is_filled),
		cmocka_unit_test(test_pinned_source_stops_no_other_class),
		cmocka_unit_test(test_waiting_pages_count_as_freed),
		cmocka_unit_test(test_ends_when_only_waiting_is_left),
		cmocka_unit_test(test_second_compactor_gets_0),
		cmocka_unit_test(test_larger_classes_first),
		cmocka_unit_test(test_waiter_comes_in_after_first_source),
	};

	return run_in_every_scope(tests);
}
