/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_migrate.c - migrate.c: one page of a zspage becomes another page, and
 * nobody who holds a handle can tell. Called directly, page by page, and by
 * the zone's compaction, with the test in between.
 *
 * Whole, as both parts look at the same pages before and after.
 */
#include "kernel/migrate.h"
#include "test_layout.h"
#include "test_objects.h"

#include <sched.h>

#include "class.h"
#include "kernel/geometry.h"
#include "kernel/obj.h"

#define MAX_OBJS (1u << OBJ_BITS)

/* A page from the zone, full of what looks like tags of allocated objects. */
static struct page *new_page(struct zs_pool *pool)
{
	struct page *page;

	assert_true(uzs_alloc_pages_bulk(&pool->zone, GFP_KERNEL,
					 MIGRATE_MOVABLE, 1, &page));
	memset(page_address(&pool->zone, page), 0xff, pool->page_size);
	return page;
}

/* What the zone's compaction does with a page. The old page is free
 * afterwards, if it was moved, else the new one. Return: as migrate_page. */
static int migrate(struct zs_pool *pool, struct page *src, struct page *dst)
{
	const struct movable_operations *ops = pool->zone.movable;
	struct zone *zone = &pool->zone;
	int rc;

	assert_true(page_flags(src) & PG_movable);
	assert_true(trylock_page(src));
	assert_true(ops->isolate_page(zone, src));
	page_set(src, PG_isolated);
	lock_page(dst);
	rc = ops->migrate_page(zone, dst, src);
	if (rc)
		ops->putback_page(zone, src);
	else
		/* No page of a zspage any more, not even for another try. */
		assert_false(ops->isolate_page(zone, src));
	page_clear(src, PG_isolated);
	unlock_page(dst);
	unlock_page(src);
	__free_page(zone, rc ? dst : src);
	return rc;
}

/* ---- one page ------------------------------------------------------------ */

/* A zspage with some of its objects live. */
struct one {
	struct zs_pool *pool;
	struct size_class *class;
	struct zspage *zspage;
	size_t room;
	unsigned int objs;
	unsigned long handles[MAX_OBJS]; /* by object index; 0 is free */
	unsigned long before[MAX_OBJS]; /* obj words */
	/* what the leftover at the end of the zspage seems to point to */
	unsigned long sentinel;
};

/* Makes the bytes behind the last object look like handles of allocated
 * objects: they are none. */
static void spoil_leftover(struct one *o)
{
	size_t used = (size_t)o->objs * o->class->size;
	size_t all = (size_t)o->class->pages_per_zspage * o->pool->page_size;

	for (size_t at = used; at + sizeof(long) <= all; at += sizeof(long)) {
		struct page *page = page_at(
			o->zspage, (unsigned int)(at / o->pool->page_size));
		char *mem = page_address(&o->pool->zone, page);

		uzs_write_head((unsigned long *)(mem + at % o->pool->page_size),
			       (unsigned long)&o->sentinel | OBJ_ALLOCATED_TAG);
	}
	o->sentinel = 12345;
}

static void make_one(struct one *o, struct zs_pool *pool,
		     struct size_class *class, struct rng *rng)
{
	o->pool = pool;
	o->class = class;
	o->room = class->size - (class->huge ? 0 : sizeof(long));
	o->objs = class->objs_per_zspage;
	for (unsigned int i = 0; i < o->objs; i++) {
		o->handles[i] = must_malloc(pool, o->room);
		assert_true(object_fill(pool, o->handles[i], o->room, i));
	}
	o->zspage = zspage_of(pool, o->handles[0]);
	/* Free ones in between, whose links must not be taken for handles;
	 * not all. */
	for (unsigned int i = 1; i < o->objs; i++)
		if (!rng_below(rng, 3)) {
			zs_free(pool, o->handles[i]);
			o->handles[i] = 0;
		}
	spoil_leftover(o);
}

static void note_objs(struct one *o)
{
	for (unsigned int i = 0; i < o->objs; i++)
		if (o->handles[i])
			o->before[i] = handle_to_obj(o->handles[i]);
}

static void check_data(struct one *o)
{
	for (unsigned int i = 0; i < o->objs; i++)
		if (o->handles[i] &&
		    !object_ok(o->pool, o->handles[i], o->room, i))
			fail_msg("class size %u: data of object %u is wrong",
				 o->class->size, i);
}

/* Moves page n, and looks at everything that may and may not change. */
static void check_move(struct one *o, unsigned int n)
{
	struct page *src = page_at(o->zspage, n), *dst = new_page(o->pool);
	struct page *pages[ZS_MAX_CHAIN_SIZE];
	unsigned int first = page_zpdesc(src)->first_obj_offset;
	struct layout was = { 0 }, is = { 0 };

	for (unsigned int i = 0; i < o->class->pages_per_zspage; i++)
		pages[i] = page_at(o->zspage, i);
	layout_take(&was, o->pool);
	note_objs(o);
	assert_int_equal(migrate(o->pool, src, dst), 0);

	/* The chain: this page, and no other. */
	pages[n] = dst;
	for (unsigned int i = 0; i < o->class->pages_per_zspage; i++)
		assert_ptr_equal(page_at(o->zspage, i), pages[i]);
	assert_ptr_equal(page_zpdesc(dst)->zspage, o->zspage);
	assert_int_equal(page_zpdesc(dst)->first_obj_offset, first);
	assert_true(page_flags(dst) & PG_movable);
	assert_false(page_flags(src) & PG_movable);
	/* The objs: those that start in it, and no other. */
	for (unsigned int i = 0; i < o->objs; i++) {
		unsigned int at = i * o->class->size;
		unsigned long obj = o->before[i];

		if (!o->handles[i])
			continue;
		if (at / o->pool->page_size == n)
			obj = location_to_obj(o->pool, page_zpdesc(dst), i);
		assert_true(handle_to_obj(o->handles[i]) == obj);
	}
	assert_int_equal(o->sentinel, 12345);
	assert_int_equal(o->zspage->lock.word, 0);
	check_data(o);
	layout_take(&is, o->pool);
	assert_true(layout_same(&was, &is));
	layout_drop(&was);
	layout_drop(&is);
}

static struct one one;

/* Each page of a zspage of each class, then each once more. */
static void check_geometry(unsigned int page_size, unsigned int chain_size)
{
	struct zs_pool *pool =
		make_pool(page_size, chain_size, ZS_POOL_NO_WORKER);
	struct rng rng;

	rng_seed(&rng, page_size + chain_size);
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		unsigned int pages = pool->size_class[i]->pages_per_zspage;

		if (!uzs_class_is_own(pool, i))
			continue;
		make_one(&one, pool, pool->size_class[i], &rng);
		for (unsigned int n = 0; n < pages; n++)
			check_move(&one, n);
		check_move(&one, rng_below(&rng, pages));
		assert_sound(pool);
		/* What was moved is as usable as before. */
		for (unsigned int k = 0; k < one.objs; k++)
			zs_free(pool, one.handles[k]);
		assert_int_equal(zs_get_total_pages(pool), 0);
		assert_sound(pool);
	}
	zs_destroy_pool(pool);
}

static void test_every_page_can_move(void **state)
{
	check_geometry(4096, 8);
	check_geometry(4096, 16);
	check_geometry(8192, 5);
	check_geometry(65536, 4);
}

/* The free list works on in the new page. */
static void test_free_list_goes_on_in_the_new_page(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct size_class *class = pool->size_class[uzs_class_index(pool, 112)];
	struct rng rng;

	rng_seed(&rng, 9);
	make_one(&one, pool, class, &rng);
	for (unsigned int n = 0; n < class->pages_per_zspage; n++)
		check_move(&one, n);
	while (one.zspage->inuse < one.objs) {
		unsigned int idx = one.zspage->freeobj;

		assert_int_equal(one.handles[idx], 0);
		one.handles[idx] = must_malloc(pool, one.room);
		assert_ptr_equal(zspage_of(pool, one.handles[idx]), one.zspage);
		assert_true(object_fill(pool, one.handles[idx], one.room, idx));
	}
	check_data(&one);
	assert_int_equal(zs_get_total_pages(pool), class->pages_per_zspage);
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* A huge object's handle goes with its page. */
static void test_handle_of_huge_object_moves_along(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handle = must_malloc(pool, 4096);
	struct page *src = page_at(zspage_of(pool, handle), 0);
	struct page *dst = new_page(pool);

	assert_true(object_fill(pool, handle, 4096, 1));
	assert_int_equal(migrate(pool, src, dst), 0);
	assert_true(page_zpdesc(dst)->handle == (handle | 1));
	assert_true(page_zpdesc(dst)->huge);
	assert_ptr_equal(obj_to_zpdesc(pool, handle_to_obj(handle)),
			 page_zpdesc(dst));
	assert_true(object_ok(pool, handle, 4096, 1));
	zs_free(pool, handle);
	assert_int_equal(zs_get_total_pages(pool), 0);
	assert_sound(pool);
	zs_destroy_pool(pool);
}

/* M1: while somebody reads, -EAGAIN and everything as it was, whichever page
 * it is and wherever the object read is. */
static void test_page_being_read_stays(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	static const size_t sizes[] = { 112, 1200, 4096 };
	struct rng rng;

	rng_seed(&rng, 4);
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		struct size_class *class =
			pool->size_class[uzs_class_index(pool, sizes[s])];
		struct iovec iov[2];

		make_one(&one, pool, class, &rng);
		assert_in_range(zs_obj_read_sg_begin(pool, one.handles[0], iov,
						     one.room),
				1, 2);
		for (unsigned int n = 0; n < class->pages_per_zspage; n++) {
			struct page *src = page_at(one.zspage, n);
			struct page *dst = new_page(pool);
			struct page src_was = *src, dst_was = *dst;
			struct layout was = { 0 }, is = { 0 };
			const unsigned char *mem =
				page_address(&pool->zone, dst);

			note_objs(&one);
			layout_take(&was, pool);
			assert_true(trylock_page(src));
			assert_true(trylock_page(dst));
			assert_int_equal(uzs_movable_ops.migrate_page(
						 &pool->zone, dst, src),
					 -EAGAIN);
			unlock_page(dst);
			unlock_page(src);
			assert_memory_equal(&src_was, src, sizeof(*src));
			assert_memory_equal(&dst_was, dst, sizeof(*dst));
			for (unsigned int i = 0; i < pool->page_size; i++)
				assert_int_equal(mem[i], 0xff);
			for (unsigned int i = 0; i < one.objs; i++)
				if (one.handles[i])
					assert_true(
						handle_to_obj(one.handles[i]) ==
						one.before[i]);
			assert_ptr_equal(page_at(one.zspage, n), src);
			assert_int_equal(pin_readers(&one.zspage->lock), 1);
			layout_take(&is, pool);
			assert_true(layout_same(&was, &is));
			layout_drop(&was);
			layout_drop(&is);
			assert_true(
				pattern_ok(iov[0].iov_base, iov[0].iov_len, 0));
			/* Its locks are free, also after that. */
			assert_sound(pool);
			__free_page(&pool->zone, dst);
		}
		zs_obj_read_sg_end(pool, one.handles[0]);
		/* The reader gone, all of them move. */
		for (unsigned int n = 0; n < class->pages_per_zspage; n++)
			check_move(&one, n);
		for (unsigned int k = 0; k < one.objs; k++)
			zs_free(pool, one.handles[k]);
	}
	zs_destroy_pool(pool);
}

/* ---- through the zone's compaction --------------------------------------- */

struct object {
	unsigned long handle;
	size_t size;
	uint64_t key;
};

struct crowd {
	struct zs_pool *pool;
	struct object *objects;
	unsigned int n;
};

/* Sections of which a fifth is in use, spread evenly: whole zspages of one
 * object each and of many. */
static void make_crowd(struct crowd *c, unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	unsigned int n = 5000;
	struct rng rng;

	rng_seed(&rng, 77);
	o.flags = flags;
	o.lock_scope = test_scope;
	/* A worker must not give memory back by itself, in the midst of it. */
	o.retained_bytes = SIZE_MAX;
	c->pool = zs_create_pool_with("crowd", &o);
	assert_non_null(c->pool);
	c->objects = calloc(n, sizeof(*c->objects));
	assert_non_null(c->objects);
	for (unsigned int i = 0; i < n; i++) {
		struct object *o = &c->objects[i];

		o->size = i % 4 ? 4096 : rng_range(&rng, 1, 4096);
		o->key = i;
		o->handle = must_malloc(c->pool, o->size);
		assert_true(object_fill(c->pool, o->handle, o->size, o->key));
	}
	c->n = 0;
	for (unsigned int i = 0; i < n; i++)
		if (rng_below(&rng, 5))
			zs_free(c->pool, c->objects[i].handle);
		else
			c->objects[c->n++] = c->objects[i];
	zs_compact(c->pool);
}

static void check_crowd(struct crowd *c)
{
	for (unsigned int i = 0; i < c->n; i++)
		if (!object_ok(c->pool, c->objects[i].handle,
			       c->objects[i].size, c->objects[i].key))
			fail_msg("data of object %u is wrong", i);
	assert_sound(c->pool);
}

static void drop_crowd(struct crowd *c)
{
	assert_int_equal(zs_destroy_pool(c->pool), c->n);
	free(c->objects);
}

/* Pages move, sections go; objects stay where they are in their zspages. */
static void test_trim_frees_sections(void **state)
{
	struct layout was = { 0 }, is = { 0 };
	struct zs_pool_info before, after;
	struct crowd c;
	size_t given;

	make_crowd(&c, ZS_POOL_NO_WORKER);
	layout_take(&was, c.pool);
	before = info_of(c.pool);
	given = zs_trim(c.pool);
	after = info_of(c.pool);
	assert_true(given > 0);
	assert_int_equal(after.bytes_given_back - before.bytes_given_back,
			 given);
	assert_true(after.pages_migrated > 100);
	assert_int_equal(after.migrations_busy, 0);
	assert_int_equal(after.pages, before.pages);
	assert_true(after.bytes_mapped + 2 * UZS_SECTION_SIZE <=
		    before.bytes_mapped);
	layout_take(&is, c.pool);
	assert_true(layout_same(&was, &is));
	layout_drop(&was);
	layout_drop(&is);
	check_crowd(&c);
	drop_crowd(&c);
}

/* The structures of zspages move together, too, but those that are pinned:
 * who reads will end that in the old place. */
static void test_structures_of_zspages_move(void **state)
{
	struct layout was = { 0 }, is = { 0 };
	struct zs_pool_info before, after;
	struct zspage **zspages;
	struct iovec iov[2];
	unsigned int moved = 0;
	struct crowd c;

	make_crowd(&c, ZS_POOL_NO_WORKER);
	zspages = calloc(c.n, sizeof(struct zspage *));
	assert_non_null(zspages);
	for (unsigned int i = 0; i < c.n; i += 5)
		assert_in_range(zs_obj_read_sg_begin(
					c.pool, c.objects[i].handle, iov, 1),
				1, 2);
	for (unsigned int i = 0; i < c.n; i++)
		zspages[i] = zspage_of(c.pool, c.objects[i].handle);
	layout_take(&was, c.pool);
	zs_trim(c.pool);
	layout_take(&is, c.pool);
	assert_true(layout_same(&was, &is));
	for (unsigned int i = 0; i < c.n; i++) {
		struct zspage *zspage = zspage_of(c.pool, c.objects[i].handle);

		if (i % 5 == 0) {
			assert_ptr_equal(zspage, zspages[i]);
			assert_true(pin_readers(&zspage->lock) > 0);
		}
		moved += zspage != zspages[i];
	}
	assert_true(moved > c.n / 4);
	for (unsigned int i = 0; i < c.n; i += 5)
		zs_obj_read_sg_end(c.pool, c.objects[i].handle);
	for (unsigned int i = 0; i < c.n; i++)
		assert_int_equal(
			zspage_of(c.pool, c.objects[i].handle)->lock.word, 0);
	check_crowd(&c);

	/* With nobody reading it saves most of the slabs. */
	before = info_of(c.pool);
	zs_trim(c.pool);
	after = info_of(c.pool);
	assert_true(after.slab_pages < before.slab_pages);
	check_crowd(&c);
	free(zspages);
	layout_drop(&was);
	layout_drop(&is);
	drop_crowd(&c);
}

/* What is being read stays in place, and where it is. */
static void test_trim_moves_nothing_being_read(void **state)
{
	struct layout was = { 0 }, is = { 0 };
	unsigned long *objs;
	struct iovec(*iov)[2];
	struct crowd c;

	make_crowd(&c, ZS_POOL_NO_WORKER);
	objs = calloc(c.n, sizeof(*objs));
	iov = calloc(c.n, sizeof(*iov));
	assert_non_null(objs);
	assert_non_null(iov);
	for (unsigned int i = 0; i < c.n; i += 7) {
		struct object *o = &c.objects[i];

		assert_in_range(zs_obj_read_sg_begin(c.pool, o->handle, iov[i],
						     o->size),
				1, 2);
		objs[i] = handle_to_obj(o->handle);
	}
	layout_take(&was, c.pool);
	zs_trim(c.pool);
	assert_true(info_of(c.pool).pages_migrated > 100);
	assert_true(info_of(c.pool).migrations_busy > 10);
	layout_take(&is, c.pool);
	assert_true(layout_same(&was, &is));
	for (unsigned int i = 0; i < c.n; i += 7) {
		struct object *o = &c.objects[i];

		assert_true(handle_to_obj(o->handle) == objs[i]);
		assert_true(pattern_ok(iov[i][0].iov_base, iov[i][0].iov_len,
				       o->key));
		if (iov[i][0].iov_len < o->size)
			assert_int_equal(pattern_differs(iov[i][1].iov_base,
							 iov[i][0].iov_len,
							 iov[i][1].iov_len,
							 o->key),
					 iov[i][1].iov_len);
		zs_obj_read_sg_end(c.pool, o->handle);
	}
	check_crowd(&c);
	free(objs);
	free(iov);
	layout_drop(&was);
	layout_drop(&is);
	drop_crowd(&c);
}

/* The test steps in where the zone has the page isolated and locked. */
static struct {
	struct crowd *crowd;
	void (*before)(struct page *page);
	int result; /* of the migration after it */
	unsigned int calls;
	struct zspage *zspage; /* of the page at the first call */
	unsigned long handle;
} hook;

static int hooked_migrate(struct zone *zone, struct page *dst, struct page *src)
{
	int rc;

	if (hook.calls++)
		return uzs_movable_ops.migrate_page(zone, dst, src);
	hook.zspage = page_zpdesc(src)->zspage;
	hook.before(src);
	rc = uzs_movable_ops.migrate_page(zone, dst, src);
	hook.result = rc;
	return rc;
}

static bool plain_isolate(struct zone *zone, struct page *page)
{
	return uzs_movable_ops.isolate_page(zone, page);
}

static void plain_putback(struct zone *zone, struct page *page)
{
	uzs_movable_ops.putback_page(zone, page);
}

static const struct movable_operations hooked_ops = {
	.isolate_page = plain_isolate,
	.migrate_page = hooked_migrate,
	.putback_page = plain_putback,
};

static void trim_hooked(struct crowd *c, void (*before)(struct page *page))
{
	memset(&hook, 0, sizeof(hook));
	hook.crowd = c;
	hook.before = before;
	c->pool->zone.movable = &hooked_ops;
	zs_trim(c->pool);
	c->pool->zone.movable = &uzs_movable_ops;
	assert_true(hook.calls > 1);
}

static bool is_in(struct crowd *c, unsigned int i, struct page *page)
{
	return zspage_of(c->pool, c->objects[i].handle) ==
	       page_zpdesc(page)->zspage;
}

/* Frees every object of the zspage that is being moved. */
static void free_all_of_it(struct page *page)
{
	struct crowd *c = hook.crowd;

	for (unsigned int i = 0; i < c->n;)
		if (is_in(c, i, page)) {
			zs_free(c->pool, c->objects[i].handle);
			c->objects[i] = c->objects[--c->n];
		} else {
			i++;
		}
}

/* zs_free of the last object cannot free the zspage then: it waits in group
 * 0 while its page moves, and the work frees it. */
static void test_last_free_waits_for_the_move(void **state)
{
	unsigned long pages;
	struct crowd c;

	make_crowd(&c, ZS_POOL_NO_WORKER);
	trim_hooked(&c, free_all_of_it);
	assert_int_equal(hook.result, 0);
	assert_int_equal(hook.zspage->inuse, 0);
	assert_int_equal(hook.zspage->fullness, ZS_INUSE_RATIO_0);
	assert_int_equal(zspage_class(c.pool, hook.zspage)->groups->zspages[0],
			 1);
	assert_true(work_pending(&c.pool->free_work));
	check_crowd(&c);
	pages = zs_get_total_pages(c.pool) -
		zspage_class(c.pool, hook.zspage)->pages_per_zspage;
	zs_drain(c.pool);
	assert_int_equal(zs_get_total_pages(c.pool), pages);
	assert_int_equal(info_of(c.pool).zspages_async_freed, 1);
	check_crowd(&c);
	drop_crowd(&c);
}

static void free_and_wait_for_worker(struct page *page)
{
	free_all_of_it(page);
	while (!(page_flags(page) & PG_waiters))
		sched_yield();
}

/* The worker is at it already: then the page stays, or the worker would wait
 * for the lock of a page that is no longer in its zspage. */
static void test_page_stays_while_worker_waits_for_it(void **state)
{
	struct crowd c;

	make_crowd(&c, 0);
	trim_hooked(&c, free_and_wait_for_worker);
	assert_int_equal(hook.result, -EAGAIN);
	zs_drain(c.pool);
	assert_int_equal(info_of(c.pool).zspages_async_freed, 1);
	check_crowd(&c);
	drop_crowd(&c);
}

static void read_it(struct page *page)
{
	struct crowd *c = hook.crowd;
	struct iovec iov[2];
	unsigned int i = 0;

	while (!is_in(c, i, page))
		i++;
	hook.handle = c->objects[i].handle;
	assert_in_range(zs_obj_read_sg_begin(c->pool, hook.handle, iov, 1), 1,
			2);
}

/* A reader who comes after the page was locked is in time. */
static void test_reader_in_time_stops_the_move(void **state)
{
	struct crowd c;

	make_crowd(&c, ZS_POOL_NO_WORKER);
	trim_hooked(&c, read_it);
	assert_int_equal(hook.result, -EAGAIN);
	assert_int_equal(info_of(c.pool).migrations_busy, 1);
	assert_ptr_equal(zspage_of(c.pool, hook.handle), hook.zspage);
	zs_obj_read_sg_end(c.pool, hook.handle);
	check_crowd(&c);
	/* Next time it goes. */
	zs_trim(c.pool);
	assert_int_equal(info_of(c.pool).migrations_busy, 1);
	check_crowd(&c);
	drop_crowd(&c);
}

static void write_it(struct page *page)
{
	struct crowd *c = hook.crowd;

	for (unsigned int i = 0; i < c->n; i++)
		if (is_in(c, i, page)) {
			c->objects[i].key += 1000000;
			assert_true(object_fill(c->pool, c->objects[i].handle,
						c->objects[i].size,
						c->objects[i].key));
		}
}

/* What is written before the page is copied is not lost. */
static void test_write_before_the_copy_is_not_lost(void **state)
{
	struct crowd c;

	make_crowd(&c, ZS_POOL_NO_WORKER);
	trim_hooked(&c, write_it);
	assert_int_equal(hook.result, 0);
	check_crowd(&c);
	drop_crowd(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_page_can_move),
		cmocka_unit_test(test_free_list_goes_on_in_the_new_page),
		cmocka_unit_test(test_handle_of_huge_object_moves_along),
		cmocka_unit_test(test_page_being_read_stays),
		cmocka_unit_test(test_trim_frees_sections),
		cmocka_unit_test(test_structures_of_zspages_move),
		cmocka_unit_test(test_trim_moves_nothing_being_read),
		cmocka_unit_test(test_last_free_waits_for_the_move),
		cmocka_unit_test(test_page_stays_while_worker_waits_for_it),
		cmocka_unit_test(test_reader_in_time_stops_the_move),
		cmocka_unit_test(test_write_before_the_copy_is_not_lost),
	};

	return run_in_every_scope(tests);
}
