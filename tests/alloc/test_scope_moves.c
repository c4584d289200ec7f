/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_scope_moves.c - scope.c: an object moves after a free has looked for
 * its class and before the free has the lock of the class.
 *
 * The test holds class->lock. When the free sleeps for the lock, it has read
 * the handle. Then the test moves the object, and releases the lock.
 */
#include "class.h"
#include "handle.h"
#include "kernel/migrate.h"
#include "kernel/access.h"
#include "kernel/zspage.h"
#include "test_defer.h"

/* A zspage with a full neighbour, in a class of several pages. */
struct scene {
	struct zs_pool *pool;
	struct size_class *class;
	size_t room;
	unsigned int n;
	unsigned long *handles; /* each holds the pattern of its index */
};

static void build(struct scene *s, struct size_class *(*pick)(struct zs_pool *))
{
	s->pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	s->class = pick(s->pool);
	s->room = room_of(s->class);
	s->n = 2 * s->class->objs_per_zspage;
	s->handles = malloc_many(s->pool, s->room, s->n);
	for (unsigned int i = 0; i < s->n; i++)
		assert_true(object_fill(s->pool, s->handles[i], s->room, i));
}

static void drop(struct scene *s)
{
	unsigned int live = 0;

	for (unsigned int i = 0; i < s->n; i++) {
		if (!s->handles[i])
			continue;
		live++;
		if (!object_ok(s->pool, s->handles[i], s->room, i))
			fail_msg("object %u", i);
	}
	assert_int_equal(s->class->objs_inuse, live);
	assert_sound(s->pool);
	for (unsigned int i = 0; i < s->n; i++)
		zs_free(s->pool, s->handles[i]);
	assert_empty(s->pool);
	free(s->handles);
	zs_destroy_pool(s->pool);
}

static struct size_class *several_pages(struct zs_pool *pool)
{
	return class_of_pages(pool, 3);
}

static struct size_class *huge(struct zs_pool *pool)
{
	return pool->size_class[pool->nr_classes - 1];
}

/* Lets a thread free object `victim`, and stop before it has class->lock. Only
 * in class-idx may somebody move the object then: has he pool->lock now? */
static bool stop_free(struct scene *s, struct helper *h, size_t way,
		      unsigned int victim)
{
	bool may_move;

	h->handles = &s->handles[victim];
	h->n = 1;
	helper_start_stopped(h, s->pool, free_ways[way], s->class);
	may_move = write_trylock(&s->pool->lock);
	assert_int_equal(may_move, s->pool->scope->class_in_obj);
	return may_move;
}

static void let_free(struct scene *s, struct helper *h, unsigned int victim)
{
	spin_unlock(&s->class->lock);
	helper_join(h);
	s->handles[victim] = 0;
}

/* ---- to another zspage --------------------------------------------------- */

/* What compaction does with one object. Return: its new obj. */
static unsigned long move_object(struct scene *s, unsigned long handle,
				 struct zspage *dst)
{
	unsigned long from = handle_to_obj(handle), to;
	struct zspage *src = zspage_of(s->pool, handle);

	to = uzs_obj_malloc(s->pool, s->class, dst, handle);
	uzs_obj_copy(s->pool, s->class, to, from);
	record_obj(handle, to);
	uzs_obj_free(s->pool, s->class, src, from, false);
	uzs_fix_fullness_group(s->class, src);
	uzs_fix_fullness_group(s->class, dst);
	return to;
}

/* The place that the free has read is another object's by now. */
static void check_other_zspage(size_t way)
{
	struct helper h = { 0 };
	struct scene s;
	struct zspage *src, *dst;
	unsigned long obj, newcomer;
	unsigned int objs, victim, hole;

	build(&s, several_pages);
	objs = s.class->objs_per_zspage;
	victim = objs / 2;
	hole = objs + 1;
	src = zspage_of(s.pool, s.handles[victim]);
	dst = zspage_of(s.pool, s.handles[hole]);
	assert_ptr_not_equal(src, dst);
	zs_free(s.pool, s.handles[hole]);
	newcomer = uzs_alloc_handle(s.pool, GFP_KERNEL);
	assert_int_not_equal(newcomer, 0);

	if (stop_free(&s, &h, way, victim)) {
		obj = handle_to_obj(s.handles[victim]);
		move_object(&s, s.handles[victim], dst);
		record_obj(newcomer,
			   uzs_obj_malloc(s.pool, s.class, src, newcomer));
		assert_true(handle_to_obj(newcomer) == obj);
		uzs_fix_fullness_group(s.class, src);
		uzs_add(&s.class->objs_inuse, 1);
		write_unlock(&s.pool->lock);
		let_free(&s, &h, victim);
		/* It is where it was, and the hole is one again. */
		assert_ptr_equal(zspage_of(s.pool, newcomer), src);
		assert_int_equal(src->inuse, objs);
		assert_int_equal(dst->inuse, objs - 1);
		s.handles[hole] = newcomer;
		assert_true(object_fill(s.pool, newcomer, s.room, hole));
	} else {
		let_free(&s, &h, victim);
		uzs_free_handle(s.pool, newcomer);
		s.handles[hole] = 0;
		assert_int_equal(src->inuse, objs - 1);
	}
	drop(&s);
}

static void test_free_finds_object_in_other_zspage(void **state)
{
	for_each_way(way) check_other_zspage(way);
}

/* The zspage that the free has read is gone: its last object was moved. */
static void check_zspage_gone(size_t way)
{
	struct helper h = { 0 };
	struct scene s;
	struct zspage *src, *dst;
	unsigned int objs;

	build(&s, several_pages);
	objs = s.class->objs_per_zspage;
	src = zspage_of(s.pool, s.handles[0]);
	dst = zspage_of(s.pool, s.handles[objs]);
	for (unsigned int i = 1; i < objs; i++) {
		zs_free(s.pool, s.handles[i]);
		s.handles[i] = 0;
	}
	zs_free(s.pool, s.handles[s.n - 1]);
	s.handles[s.n - 1] = 0;
	if (stop_free(&s, &h, way, 0)) {
		move_object(&s, s.handles[0], dst);
		assert_int_equal(src->fullness, ZS_INUSE_RATIO_0);
		assert_true(uzs_free_zspage(s.pool, s.class, src));
		write_unlock(&s.pool->lock);
	}
	let_free(&s, &h, 0);
	assert_int_equal(dst->inuse, objs - 1);
	assert_int_equal(zs_get_total_pages(s.pool), s.class->pages_per_zspage);
	drop(&s);
}

static void test_free_when_its_zspage_is_gone(void **state)
{
	for_each_way(way) check_zspage_gone(way);
}

/* ---- to another page ----------------------------------------------------- */

/* The pool once more, with locks of its own. With these the real page
 * migration runs, while the test holds the real ones for it; it changes the
 * chain, the pages and the handle words, which the two have in common. */
struct alias {
	struct zs_pool *pool;
	struct size_class *class;
	struct page *page; /* fresh */
};

static void make_alias(struct alias *a, struct scene *s)
{
	size_t size = sizeof(*a->pool) +
		      s->pool->nr_classes * sizeof(s->pool->size_class[0]);
	a->pool = aligned_alloc(64, ALIGN(size, (size_t)64));
	a->class = aligned_alloc(64, ALIGN(sizeof(*a->class), (size_t)64));
	assert_non_null(a->pool);
	assert_non_null(a->class);
	memcpy(a->pool, s->pool, size);
	*a->class = *s->class;
	rwlock_init(&a->pool->lock);
	spin_lock_init(&a->class->lock);
	a->pool->size_class[s->class->index] = a->class;
	a->page = alloc_page(&s->pool->zone, GFP_KERNEL, MIGRATE_MOVABLE);
	assert_non_null(a->page);
	uzs_unpoison(page_address(&s->pool->zone, a->page), s->pool->page_size);
	memset(page_address(&s->pool->zone, a->page), 0xff, s->pool->page_size);
}

static void drop_alias(struct alias *a, struct scene *s)
{
	__free_page(&s->pool->zone, a->page);
	free(a->class);
	free(a->pool);
}

/* Moves the page in which the object starts; the old one is then the fresh
 * one. */
static void move_page(struct alias *a, struct scene *s, unsigned long handle)
{
	struct zone *zone = &a->pool->zone;
	struct page *page =
		zpdesc_page(obj_to_zpdesc(s->pool, handle_to_obj(handle)));

	assert_true(trylock_page(page));
	assert_true(trylock_page(a->page));
	assert_true(uzs_movable_ops.isolate_page(zone, page));
	assert_int_equal(uzs_movable_ops.migrate_page(zone, a->page, page), 0);
	unlock_page(a->page);
	unlock_page(page);
	assert_ptr_equal(
		zpdesc_page(obj_to_zpdesc(s->pool, handle_to_obj(handle))),
		a->page);
	uzs_unpoison(page_address(&s->pool->zone, page), s->pool->page_size);
	memset(page_address(&s->pool->zone, page), 0xff, s->pool->page_size);
	a->page = page;
}

/* Again and again while the free waits: pages may come back. */
static void check_other_page(size_t way, unsigned int moves,
			     struct size_class *(*pick)(struct zs_pool *))
{
	struct helper h = { 0 };
	struct alias alias;
	struct scene s;

	build(&s, pick);
	for (unsigned int victim = 0; victim < s.n;
	     victim += s.n / min(s.n, 12u)) {
		make_alias(&alias, &s);
		if (stop_free(&s, &h, way, victim)) {
			for (unsigned int i = 0; i < moves; i++)
				move_page(&alias, &s, s.handles[victim]);
			write_unlock(&s.pool->lock);
		}
		let_free(&s, &h, victim);
		drop_alias(&alias, &s);
		assert_sound(s.pool);
	}
	drop(&s);
}

static void test_free_finds_object_in_other_page(void **state)
{
	for_each_way(way) for (unsigned int moves = 1; moves <= 3; moves++)
	{
		check_other_page(way, moves, several_pages);
		check_other_page(way, moves, huge);
	}
}

/* Both: first the object, then the page that it has come to. */
static void test_free_finds_object_after_two_moves(void **state)
{
	for_each_way(way)
	{
		struct helper h = { 0 };
		struct alias alias;
		struct scene s;
		unsigned int objs;

		build(&s, several_pages);
		objs = s.class->objs_per_zspage;
		zs_free(s.pool, s.handles[objs]);
		s.handles[objs] = 0;
		make_alias(&alias, &s);
		if (stop_free(&s, &h, way, 0)) {
			move_object(&s, s.handles[0],
				    zspage_of(s.pool, s.handles[objs + 1]));
			move_page(&alias, &s, s.handles[0]);
			write_unlock(&s.pool->lock);
		}
		let_free(&s, &h, 0);
		drop_alias(&alias, &s);
		drop(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_finds_object_in_other_zspage),
		cmocka_unit_test(test_free_when_its_zspage_is_gone),
		cmocka_unit_test(test_free_finds_object_in_other_page),
		cmocka_unit_test(test_free_finds_object_after_two_moves),
	};

	return run_in_every_variant(tests);
}
