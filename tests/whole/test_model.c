/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_model.c - the model of conformance/model.h with operations that only
 * our own internals and our own calls allow: pages that are locked and moved
 * one by one, trimming, segments, walks, and the pool's own figures.
 *
 * A failure prints how to repeat it alone: UZS_TEST_MODEL, see m_repeat().
 */
#include "kernel/migrate.h"
#include "model.h"

#include "kernel/obj.h"
#include "subject_uzs.h"

#define NR_LOCKED 4

/* What the runs did, so that none of it can silently be nothing. */
static struct {
	unsigned long compacted, async_freed, migrated, busy;
} totals;

struct locks {
	struct {
		struct page *page;
		struct m_zspage *zspage;
	} locked[NR_LOCKED];
};

static struct zs_pool *pool_of(const struct model *m)
{
	return subject_uzs_pool(m->pool);
}

/* ---- comparing ----------------------------------------------------------- */

static void compare_info(struct model *m)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;
	unsigned long capacity = 0;

	for (unsigned int k = 0; k < m->nr_classes; k++)
		capacity += m->classes[k].capacity;
	MUST(m, zs_pool_info(pool_of(m), &i) == 0);
	MUST(m, i.page_size == m->page_size);
	MUST(m, i.chain_size == m->run->chain_size);
	MUST(m, i.pages == m->pages);
	MUST(m, i.peak_pages == m->peak);
	MUST(m, i.objs_inuse == m->nr_live);
	MUST(m, i.objs_capacity == capacity);
	MUST(m, i.freeable_pages == m_freeable_all(m));
	MUST(m, i.compactions == m->compactions);
	MUST(m, i.pages_compacted == m->compacted);
	MUST(m, i.objs_moved == m->moved);
	MUST(m, i.bytes_moved == m->moved_bytes);
	MUST(m, i.zspages_async_freed == m->async_freed);
	/* the header's identities */
	MUST(m, i.objs_inuse <= i.objs_capacity);
	MUST(m, i.freeable_pages <= i.pages);
	MUST(m, i.pages <= i.peak_pages);
	MUST(m, (i.pages + i.slab_pages) * i.page_size <= i.bytes_resident);
	MUST(m, i.bytes_resident <= i.bytes_mapped);
	MUST(m, i.bytes_free <= i.bytes_resident);
	MUST(m, i.slab_pages * i.page_size >= m->nr_live * sizeof(long));
}

static int compare_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct model *m = arg;
	const struct m_class *c = m->classes;

	while (c->index != info->class_index)
		c++;
	MUST(m, info->pages == c->pages);
	MUST(m, info->objs == c->objs);
	return 0;
}

static void compare_own(struct model *m)
{
	struct zs_class_info info = ZS_CLASS_INFO_INIT;
	const struct m_class *c;

	compare_info(m);
	/* What the table of subjects does not have, of one class a time. */
	c = &m->classes[rng_below(&m->rng, m->nr_classes)];
	MUST(m, zs_class_info(pool_of(m), c->index, &info) == 0);
	MUST(m, info.index == c->index);
	MUST(m, info.objs_capacity == c->capacity);
	MUST(m, info.objs_inuse == c->inuse);
	MUST(m, info.pages_used == c->capacity / c->objs * c->pages);
	MUST(m, info.freeable_pages == m_freeable(c));
	MUST(m, !memcmp(info.zspages, c->zspages, sizeof(info.zspages)));
	MUST(m,
	     zs_for_each_zspage(pool_of(m), c->index, compare_zspage, m) == 0);
}

/* ---- operations ---------------------------------------------------------- */

static void op_read_sg(struct model *m)
{
	struct m_object *o = m_some_live(m);
	struct iovec iov[2];
	unsigned int n;
	size_t len;

	if (!o)
		return;
	len = rng_range(&m->rng, 1, o->size);
	n = zs_obj_read_sg_begin(pool_of(m), o->handle, iov, len);
	MUST(m, n == 1 || n == 2);
	MUST(m, m_holds(o, 0, iov[0].iov_base, iov[0].iov_len));
	if (n == 1) {
		MUST(m, iov[0].iov_len == len);
	} else {
		MUST(m, iov[0].iov_len + iov[1].iov_len == len);
		MUST(m, m_holds(o, iov[0].iov_len, iov[1].iov_base,
				iov[1].iov_len));
	}
	zs_obj_read_sg_end(pool_of(m), o->handle);
}

static struct zspage *zspage_of(struct m_object *o, const struct zs_pool *pool)
{
	return obj_to_zpdesc(pool, handle_to_obj(o->handle))->zspage;
}

static struct page *some_page(struct model *m, struct m_object *o)
{
	struct zspage *zspage = zspage_of(o, pool_of(m));
	struct zpdesc *zpdesc = zspage->first_zpdesc;

	for (unsigned int n = rng_below(&m->rng, o->zspage->class->pages); n;
	     n--)
		zpdesc = get_next_zpdesc(zpdesc);
	return zpdesc_page(zpdesc);
}

/* Moves one page; not if somebody reads in its zspage. */
static void op_migrate(struct model *m)
{
	struct m_object *o = m_some_live(m);
	struct zone *zone = &pool_of(m)->zone;
	struct page *src, *dst;
	int rc;

	if (!o)
		return;
	src = some_page(m, o);
	if (!trylock_page(src)) {
		MUST(m, o->zspage->locks);
		return;
	}
	MUST(m,
	     uzs_alloc_pages_bulk(zone, GFP_KERNEL, MIGRATE_MOVABLE, 1, &dst));
	lock_page(dst);
	MUST(m, uzs_movable_ops.isolate_page(zone, src));
	rc = uzs_movable_ops.migrate_page(zone, dst, src);
	MUST(m, rc == (o->zspage->pins ? -EAGAIN : 0));
	if (rc)
		uzs_movable_ops.putback_page(zone, src);
	unlock_page(dst);
	unlock_page(src);
	__free_page(zone, rc ? dst : src);
}

/* Locks a page, as its migration would, or unlocks it. */
static void unlock_slot(struct locks *l, unsigned int i)
{
	if (!l->locked[i].page)
		return;
	unlock_page(l->locked[i].page);
	l->locked[i].zspage->locks--;
	l->locked[i].page = NULL;
}

static void op_lock_page(struct model *m)
{
	unsigned int i = rng_below(&m->rng, NR_LOCKED);
	struct locks *l = m->more;
	struct m_object *o;

	if (l->locked[i].page) {
		unlock_slot(l, i);
		return;
	}
	o = m_some_live(m);
	if (!o)
		return;
	l->locked[i].page = some_page(m, o);
	l->locked[i].zspage = o->zspage;
	if (trylock_page(l->locked[i].page))
		o->zspage->locks++;
	else
		l->locked[i].page = NULL;
}

/* Who frees the empty zspages waits for their page locks. */
static void unlock_empty(struct model *m)
{
	struct locks *l = m->more;

	for (unsigned int i = 0; i < NR_LOCKED; i++)
		if (l->locked[i].page && !l->locked[i].zspage->inuse)
			unlock_slot(l, i);
}

static void op_drain(struct model *m)
{
	unlock_empty(m);
	m_op_drain(m);
}

static void op_trim(struct model *m)
{
	unlock_empty(m);
	zs_trim(pool_of(m));
	m_drain(m);
}

static int compare_handles(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a;
	unsigned long y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

struct seen {
	unsigned long *handles;
	unsigned int n, room;
};

static int see(unsigned long handle, void *arg)
{
	struct seen *seen = arg;

	if (seen->n < seen->room)
		seen->handles[seen->n] = handle;
	seen->n++;
	return 0;
}

static void op_for_each_live(struct model *m)
{
	unsigned long *should = calloc(m->max_live, sizeof(*should));
	struct seen seen = { calloc(m->max_live, sizeof(long)), 0,
			     m->max_live };

	assert_non_null(should);
	assert_non_null(seen.handles);
	MUST(m, zs_for_each_live(pool_of(m), see, &seen) == 0);
	MUST(m, seen.n == m->nr_live);
	for (unsigned int i = 0; i < m->nr_live; i++)
		should[i] = m->live[i]->handle;
	qsort(should, seen.n, sizeof(*should), compare_handles);
	qsort(seen.handles, seen.n, sizeof(*should), compare_handles);
	MUST(m, !memcmp(should, seen.handles, seen.n * sizeof(*should)));
	free(should);
	free(seen.handles);
}

/* Of 100, in phases of growth, shrinking and neither. */
static const struct m_op ops[] = {
	{ m_op_malloc, { 46, 22, 34 } }, { m_op_free, { 16, 40, 34 } },
	{ m_op_write, { 6, 6, 4 } },	 { m_op_read, { 4, 4, 3 } },
	{ op_read_sg, { 4, 4, 3 } },	 { m_op_compact, { 2, 5, 4 } },
	{ op_trim, { 2, 2, 1 } },	 { op_migrate, { 8, 5, 5 } },
	{ m_op_pin, { 4, 4, 4 } },	 { op_lock_page, { 4, 4, 4 } },
	{ op_drain, { 2, 2, 2 } },	 { op_for_each_live, { 1, 1, 1 } },
	{ m_op_read_all, { 1, 1, 1 } },
};

/* Before all is freed. */
static void finish(struct model *m)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	for (unsigned int i = 0; i < NR_LOCKED; i++)
		unlock_slot(m->more, i);
	m_op_drain(m);
	MUST(m, zs_pool_info(pool_of(m), &info) == 0);
	totals.compacted += info.pages_compacted;
	totals.async_freed += info.zspages_async_freed;
	totals.migrated += info.pages_migrated;
	totals.busy += info.migrations_busy;
}

static void run_with(struct m_run *run)
{
	struct locks locks = { 0 };

	run->ops = ops;
	run->nr_ops = ARRAY_SIZE(ops);
	run->compare = compare_own;
	run->finish = finish;
	m_run(run, &locks);
}

/* subject: a lock scope by its place in the table, or more to go round; plus
 * REUSE to free through what is kept for reuse. */
#define REUSE 0x100u

static void run(unsigned int page_size, unsigned int chain_size,
		unsigned int subject, uint64_t seed, unsigned int steps,
		unsigned int max_live, unsigned int every)
{
	struct m_run run = {
		.subject = &subject_uzs[(subject & ~REUSE) % VARIANT_NR_SCOPES *
						SUBJECT_UZS_DEFERRALS +
					(subject & REUSE ? ZS_DEFER_REUSE -
								   ZS_DEFER_NONE
							 : 0)],
		.page_size = page_size,
		.chain_size = chain_size,
		.seed = seed,
		.steps = steps,
		.max_live = max_live,
		.every = every,
	};

	run_with(&run);
}

/* ---- the runs ------------------------------------------------------------ */

enum { HELD, UNLOCKED, CLASS_IDX };

static void test_every_geometry_agrees(void **state)
{
	unsigned int steps = (unsigned int)uzs_test_scale(150), n = 0;

	for (unsigned int page_size = 4096; page_size <= 65536; page_size *= 2)
		for (unsigned int chain_size = 4; chain_size <= 16;
		     chain_size++)
			run(page_size, chain_size, n++, 1, steps, 300, 1);
}

static void test_long_runs_agree(void **state)
{
	unsigned int steps = (unsigned int)uzs_test_scale(2500);

	for (unsigned int n = 0; n < VARIANT_NR_SCOPES; n++) {
		run(4096, 8, n, n, steps, 600, 1);
		run(4096, 8, n | REUSE, n, steps, 600, 1);
	}
	run(4096, 4, HELD, 1, steps, 600, 1);
	run(4096, 16, UNLOCKED, 1, steps, 600, 1);
	run(16384, 8, CLASS_IDX, 1, steps, 600, 1);
	run(65536, 8, HELD, 1, steps / 2, 600, 1);
	run(65536, 8, HELD | REUSE, 1, steps / 2, 600, 1);
}

/* So many objects that they lie in many sections of the OS's memory, which
 * zs_trim can empty. */
static void test_large_pools_agree(void **state)
{
	unsigned int steps = (unsigned int)uzs_test_scale(50000);

	memset(&totals, 0, sizeof(totals));
	run(4096, 8, CLASS_IDX, 1, steps, 12000, 997);
	run(8192, 8, HELD, 1, steps / 2, 6000, 997);
	run(65536, 5, UNLOCKED, 1, steps / 8, 800, 97);
	if (steps < 50000)
		return;
	assert_true(totals.compacted > 100);
	assert_true(totals.async_freed > 10);
	assert_true(totals.migrated > 10);
	assert_true(totals.busy > 0);
}

static void test_repeat_one(void **state)
{
	struct m_run run = { 0 };
	char name[64];

	assert_true(m_repeat(&run, name));
	for (unsigned int i = 0; i < SUBJECT_UZS_COUNT; i++)
		if (!strcmp(subject_uzs[i].name, name))
			run.subject = &subject_uzs[i];
	assert_non_null(run.subject);
	run_with(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_geometry_agrees),
		cmocka_unit_test(test_long_runs_agree),
		cmocka_unit_test(test_large_pools_agree),
	};
	const struct CMUnitTest repeat[] = {
		cmocka_unit_test(test_repeat_one),
	};

	if (getenv("UZS_TEST_MODEL"))
		return cmocka_run_group_tests(repeat, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
