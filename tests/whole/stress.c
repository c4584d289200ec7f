/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stress.c - see stress.h. */
#include "stress.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>

static unsigned int random_size(struct worker *w)
{
	/* Few classes, so that compaction has work, and all of them. */
	if (rng_below(&w->rng, 4))
		return w->s->max_size / 8 * rng_range(&w->rng, 1, 4);
	return rng_range(&w->rng, 1, w->s->max_size);
}

static bool own_alloc(struct worker *w)
{
	gfp_t gfp = rng_below(&w->rng, 4) ? GFP_KERNEL : GFP_NOWAIT;
	struct stress *s = w->s;
	struct object *o = &w->own[w->nr];

	o->size = random_size(w);
	o->handle = zs_malloc(s->pool, o->size, gfp, NUMA_NO_NODE);
	if (zs_is_err(o->handle)) {
		CHECK(s, zs_err(o->handle) == -ENOMEM && gfp == GFP_NOWAIT);
		return false;
	}
	CHECK(s, o->handle && !(o->handle & 1));
	o->key = rng_next(&w->rng);
	pattern_fill(w->copy, o->size, o->key);
	CHECK(s, zs_obj_write(s->pool, o->handle, w->copy, o->size) == 0);
	w->nr++;
	return true;
}

static void check_object(struct worker *w, const struct object *o)
{
	void *mem = zs_obj_read_begin(w->s->pool, o->handle, o->size, w->copy);

	CHECK(w->s, mem && pattern_ok(mem, o->size, o->key));
	CHECK(w->s, zs_obj_room(w->s->pool, o->handle) >= o->size);
	zs_obj_read_end(w->s->pool, o->handle, o->size, mem);
}

static void own_free(struct worker *w)
{
	unsigned int i = rng_below(&w->rng, w->nr);

	check_object(w, &w->own[i]);
	zs_free(w->s->pool, w->own[i].handle);
	w->own[i] = w->own[--w->nr];
}

void own_free_all(struct worker *w)
{
	while (w->nr)
		own_free(w);
}

/* One of the thread's own objects. */
static struct object *own_any(struct worker *w)
{
	while (!w->nr)
		own_alloc(w);
	return &w->own[rng_below(&w->rng, w->nr)];
}

/* ---- the calls -------------------------------------------------------------- */

static void do_malloc(struct worker *w)
{
	if (w->nr == MAX_OWN)
		while (w->nr > MAX_OWN / 4)
			own_free(w);
	own_alloc(w);
}

static void do_free(struct worker *w)
{
	if (!w->nr)
		while (w->nr < MAX_OWN / 4)
			own_alloc(w);
	own_free(w);
}

static void do_free_many(struct worker *w)
{
	unsigned long handles[8];
	unsigned int n = 0;

	own_any(w);
	while (w->nr && n < 8) {
		unsigned int i = rng_below(&w->rng, w->nr);

		check_object(w, &w->own[i]);
		handles[n++] = w->own[i].handle;
		w->own[i] = w->own[--w->nr];
	}
	CHECK(w->s, zs_free_many(w->s->pool, handles, n) == n);
}

static void do_free_deferred(struct worker *w)
{
	unsigned int i;

	own_any(w);
	i = rng_below(&w->rng, w->nr);
	check_object(w, &w->own[i]);
	zs_free_deferred(w->s->pool, w->own[i].handle);
	w->own[i] = w->own[--w->nr];
}

static void do_flush(struct worker *w)
{
	zs_free_deferred_flush(w->s->pool);
}

/* A value is a handle where the pool has per-CPU buffers. */
static void do_defer_push(struct worker *w)
{
	unsigned int i;

	own_any(w);
	i = rng_below(&w->rng, w->nr);
	if (!zs_defer_push(w->s->pool, w->own[i].handle))
		zs_free(w->s->pool, w->own[i].handle);
	w->own[i] = w->own[--w->nr];
}

/* Of its own objects, and of those that others read as well. */
static void do_read(struct worker *w)
{
	check_object(w, own_any(w));
	check_object(w, &w->s->shared[rng_below(&w->rng, NR_SHARED)]);
}

static void do_read_sg(struct worker *w)
{
	const struct object *o = &w->s->shared[rng_below(&w->rng, NR_SHARED)];

	CHECK(w->s, object_ok(w->s->pool, o->handle, o->size, o->key));
	o = own_any(w);
	CHECK(w->s, object_ok(w->s->pool, o->handle, o->size, o->key));
}

static void do_write(struct worker *w)
{
	struct object *o = own_any(w);
	unsigned int len;

	check_object(w, o);
	o->key = rng_next(&w->rng);
	pattern_fill(w->copy, o->size, o->key);
	/* In two steps, so that what the first leaves is kept. */
	CHECK(w->s, !zs_obj_write(w->s->pool, o->handle, w->copy, o->size));
	len = rng_range(&w->rng, 1, o->size);
	CHECK(w->s, !zs_obj_write(w->s->pool, o->handle, w->copy, len));
	check_object(w, o);
}

/* Makes holes. */
static void thin_out(struct worker *w)
{
	if (w->nr > MAX_OWN / 2)
		while (w->nr > MAX_OWN / 6)
			own_free(w);
}

static void do_compact(struct worker *w)
{
	thin_out(w);
	CHECK(w->s, zs_compact(w->s->pool) < LONG_MAX);
}

static void do_trim(struct worker *w)
{
	CHECK(w->s, zs_trim(w->s->pool) < LONG_MAX);
}

void do_drain(struct worker *w)
{
	CHECK(w->s, zs_drain(w->s->pool) < 100);
}

static void do_shrink(struct worker *w)
{
	unsigned long freed;

	thin_out(w);
	CHECK(w->s, zs_shrink_count(w->s->pool) < LONG_MAX);
	freed = zs_shrink_scan(w->s->pool, 1);
	CHECK(w->s, freed == ZS_SHRINK_STOP || (freed && freed < LONG_MAX));
}

/* Figures are never negative, whatever runs. */
static void do_info(struct worker *w)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;
	struct zs_pool_stats stats;
	struct stress *s = w->s;

	CHECK(s, zs_pool_info(s->pool, &i) == 0);
	CHECK(s, i.page_size == s->page_size);
	CHECK(s, i.pages < LONG_MAX && i.slab_pages < LONG_MAX);
	CHECK(s, i.objs_inuse >= NR_SHARED && i.objs_inuse < LONG_MAX);
	CHECK(s, i.objs_capacity < LONG_MAX && i.freeable_pages < LONG_MAX);
	CHECK(s, i.bytes_free < LONG_MAX && i.bytes_resident < LONG_MAX);
	CHECK(s, i.bytes_resident <= i.bytes_mapped);
	CHECK(s, zs_get_total_pages(s->pool) < LONG_MAX);
	zs_pool_stats(s->pool, &stats);
	CHECK(s, stats.pages_compacted >= i.pages_compacted);
}

static void do_class_info(struct worker *w)
{
	unsigned int n = rng_below(&w->rng, zs_class_count(w->s->pool));
	struct stress *s = w->s;

	for (unsigned int i = 0; i < 16 && n < zs_class_count(s->pool); i++) {
		struct zs_class_info c = ZS_CLASS_INFO_INIT;
		unsigned long zspages = 0;

		CHECK(s, zs_class_info(s->pool, n, &c) == 0);
		CHECK(s, c.index >= n);
		for (int g = 0; g < ZS_NR_FULLNESS_GROUPS; g++)
			zspages += c.zspages[g];
		/* All of one moment, but for zspages that compaction has in
		 * hand: it holds the class for that. */
		CHECK(s, c.objs_capacity == zspages * c.objs_per_zspage);
		CHECK(s, c.pages_used == zspages * c.pages_per_zspage);
		CHECK(s, c.objs_inuse <= c.objs_capacity);
		n = c.index + 1;
	}
}

static void do_geometry(struct worker *w)
{
	struct stress *s = w->s;
	unsigned int size = rng_range(&w->rng, 1, s->page_size);
	unsigned int count = zs_class_count(s->pool);

	CHECK(s, zs_lookup_class_index(s->pool, size) < count);
	CHECK(s, zs_huge_class_size(s->pool) > s->page_size / 2);
	CHECK(s, zs_pool_scope(s->pool) != ZS_SCOPE_DEFAULT);
}

static void do_print(struct worker *w)
{
	flockfile(w->s->null);
	CHECK(w->s, zs_print_classes(w->s->pool, w->s->null) == 0);
	funlockfile(w->s->null);
}

struct search {
	unsigned long handle;
	unsigned int seen;
	unsigned int calls;
};

static int find_live(unsigned long handle, void *arg)
{
	struct search *search = arg;

	search->calls++;
	search->seen += handle == search->handle;
	return 0;
}

/* An object that lives throughout is seen, once. */
static void do_for_each_live(struct worker *w)
{
	struct search search = { .handle = own_any(w)->handle };

	CHECK(w->s, zs_for_each_live(w->s->pool, find_live, &search) == 0);
	CHECK(w->s, search.seen == 1);
	CHECK(w->s, search.calls > NR_SHARED);
}

static int find_in_zspage(const struct zs_zspage_info *info, void *arg)
{
	struct search *search = arg;
	unsigned int live = 0;

	for (unsigned int i = 0; i < info->objs; i++) {
		live += info->handles[i] != 0;
		search->seen += info->handles[i] == search->handle;
	}
	search->calls++;
	return live == info->inuse ? 0 : 1;
}

static void do_for_each_zspage(struct worker *w)
{
	const struct object *o = own_any(w);
	struct search search = { .handle = o->handle };
	unsigned int index = zs_lookup_class_index(
		w->s->pool, o->size + (unsigned int)ZS_HANDLE_SIZE);

	CHECK(w->s, zs_for_each_zspage(w->s->pool, index, find_in_zspage,
				       &search) == 0);
	CHECK(w->s, search.seen == 1);
}

/* Wherever it is moved to meanwhile: the word is what the other fields say. */
static void do_place(struct worker *w)
{
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT;
	struct zs_class_info c = ZS_CLASS_INFO_INIT;
	const struct object *o =
		rng_below(&w->rng, 2)
			? own_any(w)
			: &w->s->shared[rng_below(&w->rng, NR_SHARED)];
	unsigned long word;

	CHECK(w->s, zs_obj_place(w->s->pool, o->handle, &place) == 0);
	CHECK(w->s, zs_class_info(w->s->pool, place.class_index, &c) == 0);
	CHECK(w->s, c.size >= o->size);
	CHECK(w->s, place.index < c.objs_per_zspage);
	CHECK(w->s, place.pages == c.pages_per_zspage);
	word = place.pfns[place.index * c.size / w->s->page_size]
		       << place.pfn_shift |
	       place.index;
	if (place.class_shift)
		word |= (unsigned long)place.class_index << place.class_shift;
	CHECK(w->s, place.word == word);
}

static int note_section(const struct zs_section_info *info, void *arg)
{
	unsigned int *calls = arg;

	++*calls;
	for (unsigned int i = 0; i < info->pages; i++)
		if (info->use[i] > ZS_PAGE_COLD)
			return 1;
	return info->use[0] == ZS_PAGE_HEAD ? 0 : 2;
}

static void do_for_each_section(struct worker *w)
{
	unsigned int calls = 0;

	CHECK(w->s, zs_for_each_section(w->s->pool, note_section, &calls) == 0);
	CHECK(w->s, calls > 0);
}

static void do_check(struct worker *w)
{
	CHECK(w->s, zs_pool_check(w->s->pool, stderr) == 0);
}

/* Enough at once for the worker to give some of it back. */
static void do_burst(struct worker *w)
{
	struct stress *s = w->s;
	unsigned int n, nr = (3u << 20) / s->page_size;
	unsigned long handles[(3u << 20) / 4096];

	for (n = 0; n < nr; n++) {
		handles[n] = zs_malloc(s->pool, s->page_size, GFP_KERNEL,
				       NUMA_NO_NODE);
		CHECK(s, !zs_is_err(handles[n]));
	}
	while (n)
		zs_free(s->pool, handles[--n]);
}

const struct op stress_ops[] = {
	{ "malloc", do_malloc, 100, 200 },
	{ "free", do_free, 100, 100 },
	{ "free_many", do_free_many, 60, 30 },
	{ "free_deferred", do_free_deferred, 100, 60 },
	{ "defer_push", do_defer_push, 100, 20 },
	{ "flush", do_flush, 60, 6 },
	{ "read", do_read, 100, 60 },
	{ "read_sg", do_read_sg, 100, 60 },
	{ "write", do_write, 60, 60 },
	{ "compact", do_compact, 40, 20 },
	{ "trim", do_trim, 20, 12 },
	{ "drain", do_drain, 100, 10 },
	{ "shrink", do_shrink, 40, 10 },
	{ "info", do_info, 100, 10 },
	{ "class_info", do_class_info, 60, 10 },
	{ "geometry", do_geometry, 100, 4 },
	{ "print", do_print, 10, 2 },
	{ "for_each_live", do_for_each_live, 20, 6 },
	{ "for_each_zspage", do_for_each_zspage, 40, 10 },
	{ "place", do_place, 100, 20 },
	{ "for_each_section", do_for_each_section, 20, 4 },
	{ "check", do_check, 10, 3 },
	{ "burst", do_burst, 2, 2 },
};
#define NR_OPS ARRAY_SIZE(stress_ops)

const unsigned int nr_pair_ops = NR_OPS - 1;

const struct op *throw_dice(struct worker *w)
{
	unsigned int sum = 0, at;

	for (size_t i = 0; i < NR_OPS; i++)
		sum += stress_ops[i].weight;
	at = rng_below(&w->rng, sum);
	for (size_t i = 0;; i++) {
		if (at < stress_ops[i].weight)
			return &stress_ops[i];
		at -= stress_ops[i].weight;
	}
}

unsigned int finished(struct stress *s)
{
	return __atomic_load_n(&s->finished, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct stress *s = w->s;
	bool done = false;

	/* Until the others have finished too, so that they are never alone;
	 * though not for ever: a call may cost the other much more. */
	for (unsigned int i = 0; i < 20 * w->loops; i++) {
		if (i == w->loops) {
			done = true;
			__atomic_fetch_add(&s->finished, 1, __ATOMIC_RELAXED);
		}
		if (done && finished(s) >= w->partners)
			break;
		(w->op ? w->op : throw_dice(w))->func(w);
		/* So that there is always something to move, give back, or
		 * count anew. */
		if (w->op && rng_below(&w->rng, 2)) {
			do_malloc(w);
			do_free(w);
		}
	}
	own_free_all(w);
	return NULL;
}

/* ---- pools under stress ------------------------------------------------------- */

void stress_init(struct stress *s, const struct zs_pool_options *o)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct worker w = { .s = s };

	/* The test runner's handlers are for its own thread. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	memset(s, 0, sizeof(*s));
	s->pool = zs_create_pool_with("stress", o);
	assert_non_null(s->pool);
	s->page_size = o->page_size ? o->page_size : 4096;
	s->max_size = min(s->page_size, 4096u);
	s->null = fopen("/dev/null", "w");
	assert_non_null(s->null);
	w.copy = malloc(s->page_size);
	rng_seed(&w.rng, 1);
	/* Among others that go, so that those that stay are scattered. */
	for (unsigned int i = 0; i < NR_SHARED; i++) {
		while (!own_alloc(&w))
			;
		s->shared[i] = w.own[--w.nr];
		for (unsigned int n = 0; n < 3; n++)
			own_alloc(&w);
	}
	own_free_all(&w);
	free(w.copy);
	assert_no_failures(&s->failures);
}

void start_worker(struct worker *w, struct stress *s, unsigned int seed,
		  const struct op *op, unsigned int loops,
		  unsigned int partners)
{
	memset(w, 0, sizeof(*w));
	w->s = s;
	w->op = op;
	w->loops = loops;
	w->partners = partners;
	rng_seed(&w->rng, seed);
	w->copy = malloc(s->page_size);
	assert_non_null(w->copy);
	assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
}

void join_worker(struct worker *w)
{
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	free(w->copy);
}

void stress_end(struct stress *s)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;

	assert_no_failures(&s->failures);
	assert_sound(s->pool);
	for (unsigned int n = 0; n < NR_SHARED; n++) {
		assert_true(object_ok(s->pool, s->shared[n].handle,
				      s->shared[n].size, s->shared[n].key));
		zs_free_deferred(s->pool, s->shared[n].handle);
	}
	zs_free_deferred_flush(s->pool);
	zs_drain(s->pool);
	assert_int_equal(zs_pool_info(s->pool, &i), 0);
	assert_int_equal(i.objs_inuse, 0);
	assert_int_equal(i.objs_capacity, 0);
	assert_int_equal(i.pages, 0);
	zs_trim(s->pool);
	assert_int_equal(zs_pool_info(s->pool, &i), 0);
	assert_int_equal(i.slab_pages, 0);
	assert_int_equal(i.bytes_free, 0);
	assert_sound(s->pool);
	assert_int_equal(zs_destroy_pool(s->pool), 0);
	fclose(s->null);
}

enum zs_lock_scope nth_scope(unsigned int n)
{
	return (enum zs_lock_scope)(ZS_SCOPE_HELD + n % VARIANT_NR_SCOPES);
}
