/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_stat_walks.c - src/stat.c: walks over live objects and over zspages: what
 * is shown, in which order, and what a callback may change meanwhile.
 */
#include "test_system.h"
#include "stat_model.h"

#include <pthread.h>

#include "compat/fault.h"

/* ---- walks ------------------------------------------------------------------ */

struct live_seen {
	struct model *m;
	unsigned int calls;
	unsigned int stop_after;
	unsigned char seen[MODEL_OBJS];
};

static int note_live(unsigned long handle, void *arg)
{
	struct live_seen *s = arg;

	for (unsigned int i = 0; i < s->m->nr; i++)
		if (s->m->handle[i] == handle) {
			s->seen[i]++;
			break;
		}
	return ++s->calls == s->stop_after ? 42 : 0;
}

static void test_live_walk_shows_each_once(void **state)
{
	static struct model m;
	static struct live_seen s;
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	model_init(&m, pool, 7);
	s = (struct live_seen){ .m = &m };
	assert_int_equal(zs_for_each_live(pool, note_live, &s), 0);
	assert_int_equal(s.calls, 0);
	for (int round = uzs_test_scale(30); round > 0; round--) {
		for (int i = 0; i < 20; i++)
			model_step(&m);
		s = (struct live_seen){ .m = &m };
		assert_int_equal(zs_for_each_live(pool, note_live, &s), 0);
		assert_int_equal(s.calls, m.nr);
		for (unsigned int i = 0; i < m.nr; i++)
			assert_int_equal(s.seen[i], 1);
		if (m.nr < 3)
			continue;
		/* It stops where it is told to, with what it is told. */
		s = (struct live_seen){ .m = &m, .stop_after = 1 + m.nr / 2 };
		assert_int_equal(zs_for_each_live(pool, note_live, &s), 42);
		assert_int_equal(s.calls, 1 + m.nr / 2);
	}
	zs_destroy_pool(pool);
}

struct live_change {
	struct zs_pool *pool;
	unsigned long *extra; /* handles that callbacks allocated */
	unsigned int nr_extra, max_extra;
	unsigned int calls;
};

static int free_this(unsigned long handle, void *arg)
{
	struct live_change *c = arg;

	c->calls++;
	zs_free(c->pool, handle);
	return 0;
}

static int alloc_more(unsigned long handle, void *arg)
{
	struct live_change *c = arg;
	unsigned long more;

	(void)handle;
	c->calls++;
	if (c->nr_extra == c->max_extra)
		return 0;
	more = zs_malloc(c->pool, 500, GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(more))
		return zs_err(more);
	c->extra[c->nr_extra++] = more;
	return 0;
}

static int replace_this(unsigned long handle, void *arg)
{
	struct live_change *c = arg;
	char data[100] = "replaced";

	if (c->calls++ >= c->max_extra)
		return 0;
	/* Reading and writing are allowed as well. */
	if (zs_obj_write(c->pool, handle, data, sizeof(data)))
		return -1;
	if (!zs_obj_read_begin(c->pool, handle, 1, NULL))
		return -2;
	zs_obj_read_end(c->pool, handle, 1, data);
	zs_free(c->pool, handle);
	return zs_is_err(zs_malloc(c->pool, 100, GFP_KERNEL, NUMA_NO_NODE)) ? -3
									    : 0;
}

/* Callbacks that change what is walked over. */
static void test_live_walk_callbacks_may_change(void **state)
{
	const unsigned int nr = 20000;
	struct live_change c = { .pool = make_pool(0, 0, 0),
				 .max_extra = 3 * nr };

	c.extra = malloc(c.max_extra * sizeof(*c.extra));
	for (unsigned int i = 0; i < nr; i++)
		must_malloc(c.pool, 300);

	/* Grown meanwhile: every old one is seen, the walk ends. */
	assert_int_equal(zs_for_each_live(c.pool, alloc_more, &c), 0);
	assert_true(c.calls >= nr);
	assert_true(c.nr_extra >= nr);
	assert_int_equal(info_of(c.pool).objs_inuse, nr + c.nr_extra);
	for (unsigned int i = 0; i < c.nr_extra; i++)
		zs_free(c.pool, c.extra[i]);
	assert_int_equal(info_of(c.pool).objs_inuse, nr);

	/* Each one freed and another allocated in its place. */
	c.calls = 0;
	c.max_extra = nr;
	assert_int_equal(zs_for_each_live(c.pool, replace_this, &c), 0);
	assert_int_equal(info_of(c.pool).objs_inuse, nr);

	/* Emptied by the walk: none missed, none seen twice. */
	c.calls = 0;
	assert_int_equal(zs_for_each_live(c.pool, free_this, &c), 0);
	assert_int_equal(c.calls, nr);
	assert_int_equal(info_of(c.pool).objs_inuse, 0);
	assert_sound(c.pool);
	assert_int_equal(zs_destroy_pool(c.pool), 0);
	free(c.extra);
}

struct zspage_walk {
	struct zs_pool *pool;
	struct model *m;
	struct zs_class_info c;
	unsigned long groups[ZS_NR_FULLNESS_GROUPS];
	unsigned long inuse;
	unsigned int last_group;
	unsigned int calls;
	unsigned int stop_after;
};

/* The same as the walk says, and the word that the handle has. */
static void check_place(const struct zspage_walk *w,
			const struct zs_zspage_info *z, unsigned int index)
{
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT;
	unsigned long pfn, class;

	assert_int_equal(zs_obj_place(w->pool, z->handles[index], &place), 0);
	assert_int_equal(place.struct_size, sizeof(place));
	assert_int_equal(place.class_index, z->class_index);
	assert_int_equal(place.index, index);
	assert_int_equal(place.pages, z->pages);
	assert_memory_equal(place.pfns, z->pfns, z->pages * sizeof(*z->pfns));
	assert_int_equal(place.word, handle_to_obj(z->handles[index]));
	pfn = z->pfns[(unsigned long)index * w->c.size / w->pool->page_size];
	class = place.class_shift
			? (unsigned long)z->class_index << place.class_shift
			: 0;
	assert_int_equal(place.word, pfn << place.pfn_shift | class | index);
}

static int note_zspage(const struct zs_zspage_info *z, void *arg)
{
	struct zspage_walk *w = arg;
	unsigned char free_at[4096] = { 0 };
	unsigned int live = 0;

	assert_int_equal(z->class_index, w->c.index);
	assert_int_equal(z->objs, w->c.objs_per_zspage);
	assert_int_equal(z->pages, w->c.pages_per_zspage);
	assert_true(z->group >= w->last_group && z->group <= 11);
	w->last_group = z->group;
	w->groups[z->group]++;
	w->inuse += z->inuse;
	/* The free list and the handles are two views of one thing. */
	for (unsigned int i = 0; i < z->objs - z->inuse; i++) {
		assert_true(z->free_list[i] < z->objs);
		assert_int_equal(free_at[z->free_list[i]]++, 0);
	}
	for (unsigned int i = 0; i < z->objs; i++) {
		assert_int_equal(z->handles[i] == 0, free_at[i]);
		if (!z->handles[i])
			continue;
		live++;
		assert_int_equal(
			obj_to_index(w->pool, handle_to_obj(z->handles[i])), i);
		if (live % 16 == 1)
			check_place(w, z, i);
	}
	assert_int_equal(live, z->inuse);
	return ++w->calls == w->stop_after ? -77 : 0;
}

static void test_zspage_walk_shows_all_of_a_class(void **state)
{
	static struct model m;
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	model_init(&m, pool, 8);
	for (int i = 0; i < 60; i++)
		model_step(&m);
	for (int round = uzs_test_scale(20); round > 0; round--) {
		unsigned long live = 0;

		model_step(&m);
		for (unsigned int n = 0; n < zs_class_count(pool); n++) {
			struct zspage_walk w = { .pool = pool,
						 .m = &m,
						 .c = class_of(pool, n) };

			assert_int_equal(zs_for_each_zspage(pool, n,
							    note_zspage, &w),
					 0);
			assert_memory_equal(w.groups, w.c.zspages,
					    sizeof(w.groups));
			assert_int_equal(w.inuse, w.c.objs_inuse);
			/* By a merged index: the same class. */
			live += w.c.index == n ? w.inuse : 0;
			if (w.calls < 2)
				continue;
			w.stop_after = w.calls - 1;
			w.calls = w.last_group = 0;
			assert_int_equal(zs_for_each_zspage(pool, n,
							    note_zspage, &w),
					 -77);
			assert_int_equal(w.calls, w.stop_after);
		}
		assert_int_equal(live, m.nr);
	}
	zs_destroy_pool(pool);
}

static int note_first_handles(const struct zs_zspage_info *z, void *arg)
{
	unsigned long **next = arg;

	*(*next)++ = z->handles[0];
	return 0;
}

static int note_free_list(const struct zs_zspage_info *z, void *arg)
{
	memcpy(arg, z->free_list, (z->objs - z->inuse) * sizeof(unsigned int));
	return 0;
}

/* List order: the zspage that came last into a group is its first; the free
 * list: what was freed last comes first. */
static void test_zspage_walk_is_in_list_order(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned int index = zs_lookup_class_index(pool, 1024 + 8);
	struct zs_class_info c = class_of(pool, index);
	unsigned int objs = c.objs_per_zspage;
	unsigned long *handles = malloc(4 * objs * sizeof(*handles));
	unsigned long first[4] = { 0 }, *next = first;
	unsigned int links[256];

	assert_true(objs > 4 && objs <= ARRAY_SIZE(links));
	for (unsigned int i = 0; i < 4 * objs; i++)
		handles[i] = must_malloc(pool, 1024);
	assert_int_equal(
		zs_for_each_zspage(pool, index, note_first_handles, &next), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(first[i], handles[(3 - i) * (int)objs]);

	/* Of the first only: 1, 3, 2 freed in this order. */
	for (unsigned int i = objs; i < 4 * objs; i++)
		zs_free(pool, handles[i]);
	zs_free(pool, handles[1]);
	zs_free(pool, handles[3]);
	zs_free(pool, handles[2]);
	assert_int_equal(zs_for_each_zspage(pool, index, note_free_list, links),
			 0);
	assert_int_equal(links[0], 2);
	assert_int_equal(links[1], 3);
	assert_int_equal(links[2], 1);
	free(handles);
	zs_destroy_pool(pool);
}

struct zspage_change {
	struct zs_pool *pool;
	unsigned int calls;
	unsigned int freed;
	bool grow;
};

static int free_zspage_objects(const struct zs_zspage_info *z, void *arg)
{
	struct zspage_change *c = arg;

	c->calls++;
	for (unsigned int i = 0; i < z->objs; i++) {
		if (!z->handles[i])
			continue;
		zs_free(c->pool, z->handles[i]);
		c->freed++;
	}
	if (c->grow)
		for (unsigned int i = 0; i < 2 * z->objs; i++)
			if (zs_is_err(zs_malloc(c->pool, 1024, GFP_KERNEL,
						NUMA_NO_NODE)))
				return -1;
	return 0;
}

/* The callback sees a copy: it may empty, and refill, what is walked over. */
static void test_zspage_walk_shows_a_copy(void **state)
{
	struct zspage_change c = { .pool = make_pool(0, 0, 0) };
	unsigned int index = zs_lookup_class_index(c.pool, 1024 + 8);
	unsigned int objs = class_of(c.pool, index).objs_per_zspage;
	unsigned int nr = 100 * objs;

	for (unsigned int i = 0; i < nr; i++)
		must_malloc(c.pool, 1024);
	c.grow = true;
	assert_int_equal(
		zs_for_each_zspage(c.pool, index, free_zspage_objects, &c), 0);
	/* Those of the moment of the call, not what came since. */
	assert_int_equal(c.calls, 100);
	assert_int_equal(c.freed, nr);
	assert_int_equal(info_of(c.pool).objs_inuse, 2 * nr);
	c.grow = false;
	assert_int_equal(
		zs_for_each_zspage(c.pool, index, free_zspage_objects, &c), 0);
	assert_int_equal(c.freed, 3 * nr);
	assert_int_equal(info_of(c.pool).pages, 0);
	assert_sound(c.pool);
	assert_int_equal(zs_destroy_pool(c.pool), 0);
}

struct grower {
	struct zs_pool *pool;
	bool stop; /* atomic */
	bool failed; /* read after the join */
};

static void *grow_and_shrink(void *arg)
{
	struct grower *g = arg;
	unsigned long handles[512];

	while (!READ_ONCE(g->stop)) {
		unsigned int n;

		for (n = 0; n < ARRAY_SIZE(handles); n++) {
			handles[n] = zs_malloc(g->pool, 4096, GFP_KERNEL,
					       NUMA_NO_NODE);
			g->failed |= zs_is_err(handles[n]);
		}
		while (n)
			zs_free(g->pool, handles[--n]);
	}
	return NULL;
}

static int sum_inuse(const struct zs_zspage_info *z, void *arg)
{
	*(unsigned long *)arg += z->inuse;
	return 0;
}

/* A class that grows while room for its copy is being made. */
static void test_zspage_walk_of_a_growing_class(void **state)
{
	struct grower g = { .pool = make_pool(0, 0, 0) };
	unsigned int index = zs_lookup_class_index(g.pool, 4096);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, grow_and_shrink, &g), 0);
	for (int i = uzs_test_scale(2000); i > 0; i--) {
		unsigned long n = 0;

		assert_int_equal(
			zs_for_each_zspage(g.pool, index, sum_inuse, &n), 0);
		assert_true(n <= 512);
	}
	WRITE_ONCE(g.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(g.failed);
	assert_int_equal(zs_destroy_pool(g.pool), 0);
}

static void test_place_of_wrong_handles(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT, before = place;
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handle = must_malloc(pool, 100);

	assert_int_equal(zs_obj_place(pool, 0, &place), -EINVAL);
	assert_int_equal(zs_obj_place(pool, -(unsigned long)ENOMEM, &place),
			 -EINVAL);
	place.struct_size--;
	assert_int_equal(zs_obj_place(pool, handle, &place), -EINVAL);
	place.struct_size++;
	assert_memory_equal(&place, &before, sizeof(place));
	assert_int_equal(zs_obj_place(pool, handle, &place), 0);
	zs_destroy_pool(pool);

	/* Without a class index, where the scope has none. */
	o.lock_scope = ZS_SCOPE_HELD;
	o.flags = ZS_POOL_NO_WORKER;
	pool = zs_create_pool_with("held", &o);
	assert_non_null(pool);
	handle = must_malloc(pool, 100);
	assert_int_equal(zs_obj_place(pool, handle, &place), 0);
	assert_int_equal(place.class_shift, 0);
	assert_int_equal(place.word, place.pfns[0] << place.pfn_shift);
	zs_destroy_pool(pool);
}

struct sections_seen {
	struct zs_pool *pool;
	unsigned long uses[ZS_PAGE_COLD + 1];
	unsigned int calls, stop_after;
	unsigned char *use; /* of the first section */
	unsigned long pfn;
	unsigned long zspage_pages; /* that lie there */
};

static int note_section(const struct zs_section_info *info, void *arg)
{
	struct sections_seen *s = arg;

	assert_int_equal(info->pages, UZS_SECTION_SIZE / s->pool->page_size);
	assert_int_equal(info->pfn % info->pages, 0);
	for (unsigned int i = 0; i < info->pages; i++) {
		assert_true(info->use[i] <= ZS_PAGE_COLD);
		s->uses[info->use[i]]++;
	}
	if (!s->calls) {
		s->pfn = info->pfn;
		memcpy(s->use, info->use, info->pages);
	}
	return ++s->calls == s->stop_after ? 5 : 0;
}

static int find_pages(const struct zs_zspage_info *z, void *arg)
{
	struct sections_seen *s = arg;

	for (unsigned int i = 0; i < z->pages; i++) {
		unsigned long at = z->pfns[i] - s->pfn;

		if (at >= UZS_SECTION_SIZE / s->pool->page_size)
			continue;
		assert_int_equal(s->use[at], ZS_PAGE_ZSPAGE);
		s->zspage_pages++;
	}
	return 0;
}

static void look_at_sections(struct sections_seen *s)
{
	struct zs_pool_info info = info_of(s->pool);
	unsigned int page_size = s->pool->page_size;
	unsigned long in_first = 0;

	memset(s->uses, 0, sizeof(s->uses));
	s->calls = 0;
	s->zspage_pages = 0;
	assert_int_equal(zs_for_each_section(s->pool, note_section, s), 0);
	assert_int_equal(s->uses[ZS_PAGE_ZSPAGE], info.pages);
	assert_int_equal(s->uses[ZS_PAGE_SLAB], info.slab_pages);
	assert_int_equal(s->uses[ZS_PAGE_WARM] * page_size, info.bytes_free);
	for (unsigned int n = 0; s->calls && n < zs_class_count(s->pool); n++)
		if (class_of(s->pool, n).index == n)
			assert_int_equal(zs_for_each_zspage(s->pool, n,
							    find_pages, s),
					 0);
	for (unsigned int i = 0; s->calls && i < UZS_SECTION_SIZE / page_size;
	     i++)
		in_first += s->use[i] == ZS_PAGE_ZSPAGE;
	assert_int_equal(s->zspage_pages, in_first);
}

static void test_section_walk_shows_each_page(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	static struct model m;
	static unsigned char use[UZS_SECTION_SIZE / 4096];
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	struct sections_seen s = { .pool = pool, .use = use };

	look_at_sections(&s);
	model_init(&m, pool, 9);
	for (int round = uzs_test_scale(30); round > 0; round--) {
		model_step(&m);
		look_at_sections(&s);
	}
	while (m.nr < 2000)
		model_alloc(&m);
	look_at_sections(&s);
	assert_true(s.calls > 1);
	while (m.nr > 1000)
		model_free(&m);
	look_at_sections(&s);
	assert_true(s.uses[ZS_PAGE_WARM] > 0);
	zs_trim(pool);
	look_at_sections(&s);
	assert_int_equal(s.uses[ZS_PAGE_WARM], 0);
	assert_true(s.uses[ZS_PAGE_COLD] > 0);

	s.calls = 0;
	s.stop_after = 1;
	assert_int_equal(zs_for_each_section(pool, note_section, &s), 5);
	assert_int_equal(s.calls, 1);
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_int_equal(zs_for_each_section(pool, note_section, &s), -ENOMEM);
	uzs_fault_set(UZS_FAULT_OS, 0);
	assert_int_equal(s.calls, 1);
	/* A walk that was ended holds no section. */
	model_free_all(&m);
	zs_trim(pool);
	assert_int_equal(info_of(pool).pages, 0);
	s.calls = s.stop_after = 0;
	assert_int_equal(zs_for_each_section(pool, note_section, &s), 0);
	assert_int_equal(s.calls, 0);
	zs_destroy_pool(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_walk_shows_each_once),
		cmocka_unit_test(test_live_walk_callbacks_may_change),
		cmocka_unit_test(test_zspage_walk_shows_all_of_a_class),
		cmocka_unit_test(test_zspage_walk_is_in_list_order),
		cmocka_unit_test(test_zspage_walk_shows_a_copy),
		cmocka_unit_test(test_zspage_walk_of_a_growing_class),
		cmocka_unit_test(test_place_of_wrong_handles),
		cmocka_unit_test(test_section_walk_shows_each_page),
	};

	return cmocka_run_group_tests_name("stat_walks", tests, NULL, NULL);
}
