/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_threads.c - what the header's tables allow to run at once in a pool
 * of the user profile, for refs and for handles: each pair of calls, then all
 * together beside threads that do nothing but compact, trim, check and look.
 * All data is verified; hardened pools must tell of nothing. Meant for TSan
 * above all.
 *
 * Threads only count what they find wrong; the main thread asserts.
 */
#include "user_util.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include "test_failures.h"

#define MOST_OWN 120u
#define NR_SHARED 48u
#define MOST_SIZE 40000u

struct record {
	zs_ref ref;
	unsigned long handle;
	unsigned int size;
	uint64_t key;
};

struct stress {
	struct zs_pool *pool;
	unsigned int page_size;
	/* Read by all, changed by none; half of them refs. */
	struct record shared[NR_SHARED];
	FILE *null;
	struct failures failures;
	unsigned int finished; /* atomic */
	bool stop; /* atomic */
};

struct worker {
	struct stress *s;
	pthread_t thread;
	struct rng rng;
	struct record refs[MOST_OWN], handles[MOST_OWN];
	unsigned int nr_refs, nr_handles;
	const struct op *op; /* NULL: a random one each time */
	unsigned int loops;
	unsigned int partners; /* who must have finished before this one */
	unsigned char *data;
};

struct op {
	const char *name;
	void (*func)(struct worker *w);
	/* How often while the cheapest is called 100 times: at once with
	 * another, and when the dice are thrown. */
	unsigned int loops;
	unsigned int weight;
};

static unsigned int any_size(struct worker *w)
{
	switch (rng_below(&w->rng, 8)) {
	case 0:
		return (unsigned int)log_uniform(&w->rng, MOST_SIZE);
	case 1:
		return rng_range(&w->rng, 1, 400);
	default:
		/* Few classes of large objects, so that compaction has
		 * work. */
		return 3000u << rng_below(&w->rng, 3);
	}
}

/* ---- objects of the thread's own ------------------------------------------------ */

static void check_ref(struct worker *w, struct record *r)
{
	void *mem = zs_ref_begin(w->s->pool, &r->ref);

	CHECK(w->s, mem && pattern_ok(mem, r->size, r->key));
	CHECK(w->s, zs_ref_room(w->s->pool, &r->ref) >= r->size);
	if (mem)
		zs_ref_end(w->s->pool, &r->ref);
}

static void check_handle(struct worker *w, const struct record *r)
{
	void *mem = zs_obj_read_begin(w->s->pool, r->handle, r->size, NULL);

	CHECK(w->s, mem && pattern_ok(mem, r->size, r->key));
	CHECK(w->s, zs_obj_room(w->s->pool, r->handle) >= r->size);
	zs_obj_read_end(w->s->pool, r->handle, r->size, mem);
}

/* The record at i goes, the last one takes its place. */
static void forget_ref(struct worker *w, unsigned int i)
{
	struct record *last = &w->refs[--w->nr_refs], *r = &w->refs[i];

	if (r == last)
		return;
	r->size = last->size;
	r->key = last->key;
	zs_ref_move(w->s->pool, &r->ref, &last->ref);
	CHECK(w->s, !word_of(&last->ref) && word_of(&r->ref));
}

static void drop_ref(struct worker *w, unsigned int i)
{
	check_ref(w, &w->refs[i]);
	zs_ref_free(w->s->pool, &w->refs[i].ref);
	CHECK(w->s, !w->refs[i].ref.word);
	forget_ref(w, i);
}

static void drop_handle(struct worker *w, unsigned int i)
{
	check_handle(w, &w->handles[i]);
	zs_free(w->s->pool, w->handles[i].handle);
	w->handles[i] = w->handles[--w->nr_handles];
}

static struct record *new_ref(struct worker *w)
{
	struct record *r;

	if (w->nr_refs == MOST_OWN)
		while (w->nr_refs > MOST_OWN / 4)
			drop_ref(w, rng_below(&w->rng, w->nr_refs));
	r = &w->refs[w->nr_refs++];
	r->ref.word = 0;
	r->size = any_size(w);
	r->key = rng_next(&w->rng);
	return r;
}

static void add_ref(struct worker *w)
{
	struct record *r = new_ref(w);

	pattern_fill(w->data, r->size, r->key);
	CHECK(w->s, zs_ref_store(w->s->pool, &r->ref, w->data, r->size) == 0);
}

static void add_handle(struct worker *w)
{
	struct record *r;

	if (w->nr_handles == MOST_OWN)
		while (w->nr_handles > MOST_OWN / 4)
			drop_handle(w, rng_below(&w->rng, w->nr_handles));
	r = &w->handles[w->nr_handles++];
	r->size = any_size(w);
	r->key = rng_next(&w->rng);
	r->handle = zs_malloc(w->s->pool, r->size, GFP_KERNEL, NUMA_NO_NODE);
	CHECK(w->s, !zs_is_err(r->handle));
	pattern_fill(w->data, r->size, r->key);
	CHECK(w->s, zs_obj_write(w->s->pool, r->handle, w->data, r->size) == 0);
}

static unsigned int any_ref(struct worker *w)
{
	while (w->nr_refs < 4)
		add_ref(w);
	return rng_below(&w->rng, w->nr_refs);
}

static unsigned int any_handle(struct worker *w)
{
	while (w->nr_handles < 4)
		add_handle(w);
	return rng_below(&w->rng, w->nr_handles);
}

static struct record *any_shared(struct worker *w, bool ref)
{
	unsigned int i = rng_below(&w->rng, NR_SHARED / 2);

	return &w->s->shared[2 * i + !ref];
}

/* ---- the calls on refs ------------------------------------------------------------ */

static void do_ref_alloc(struct worker *w)
{
	struct record *r = new_ref(w);
	void *mem;

	CHECK(w->s, zs_ref_alloc(w->s->pool, &r->ref, r->size) == 0);
	mem = zs_ref_begin(w->s->pool, &r->ref);
	CHECK(w->s, mem);
	if (!mem)
		return;
	pattern_fill(mem, r->size, r->key);
	zs_ref_end(w->s->pool, &r->ref);
}

static void do_ref_store(struct worker *w)
{
	add_ref(w);
}

/* Over an object of the same size, or of another. */
static void do_ref_replace(struct worker *w)
{
	struct record *r = &w->refs[any_ref(w)];

	check_ref(w, r);
	r->size = rng_below(&w->rng, 2) ? r->size : any_size(w);
	r->key = rng_next(&w->rng);
	pattern_fill(w->data, r->size, r->key);
	CHECK(w->s, zs_ref_store(w->s->pool, &r->ref, w->data, r->size) == 0);
}

static void do_ref_free(struct worker *w)
{
	drop_ref(w, any_ref(w));
}

static void do_ref_free_many(struct worker *w)
{
	zs_ref *refs[9];
	unsigned int n = 0, at = 0;

	any_ref(w);
	while (n < 8 && n < w->nr_refs) {
		check_ref(w, &w->refs[w->nr_refs - ++n]);
		refs[at++] = &w->refs[w->nr_refs - n].ref;
		if (n == 3)
			refs[at++] = NULL;
	}
	CHECK(w->s, zs_ref_free_many(w->s->pool, refs, at) == n);
	w->nr_refs -= n;
}

static void do_ref_load(struct worker *w)
{
	struct record *r = any_shared(w, true);

	for (unsigned int i = 0; i < 2; i++) {
		memset(w->data, 0, 16);
		CHECK(w->s,
		      zs_ref_load(w->s->pool, &r->ref, w->data, r->size) == 0);
		CHECK(w->s, pattern_ok(w->data, r->size, r->key));
		r = &w->refs[any_ref(w)];
	}
}

static void do_ref_read(struct worker *w)
{
	check_ref(w, any_shared(w, true));
	check_ref(w, &w->refs[any_ref(w)]);
}

/* Several reads of one object, and of others in between. */
static void do_ref_nest(struct worker *w)
{
	struct zs_pool *pool = w->s->pool;
	struct record *r = any_shared(w, true), *other = any_shared(w, true);
	void *mem = zs_ref_begin(pool, &r->ref);

	CHECK(w->s, mem);
	check_ref(w, r);
	check_ref(w, other);
	do_ref_alloc(w);
	CHECK(w->s, mem == zs_ref_begin(pool, &r->ref));
	zs_ref_end(pool, &r->ref);
	CHECK(w->s, mem && pattern_ok(mem, r->size, r->key));
	zs_ref_end(pool, &r->ref);
}

static void do_ref_write(struct worker *w)
{
	struct record *r = &w->refs[any_ref(w)];
	void *mem = zs_ref_begin(w->s->pool, &r->ref);

	CHECK(w->s, mem);
	if (!mem)
		return;
	r->key = rng_next(&w->rng);
	pattern_fill(mem, r->size, r->key);
	zs_ref_end(w->s->pool, &r->ref);
}

static void do_ref_room(struct worker *w)
{
	struct record *r = any_shared(w, true);
	zs_ref none = ZS_REF_INIT;

	CHECK(w->s, zs_ref_room(w->s->pool, &r->ref) >= r->size);
	CHECK(w->s, zs_ref_room(w->s->pool, &none) == 0);
}

/* To the thread's stack and back. */
static void do_ref_move(struct worker *w)
{
	struct record *r = &w->refs[any_ref(w)];
	struct record away = { .size = r->size, .key = r->key };

	zs_ref_move(w->s->pool, &away.ref, &r->ref);
	CHECK(w->s, word_of(&away.ref) && !word_of(&r->ref));
	check_ref(w, &away);
	zs_ref_move(w->s->pool, &r->ref, &away.ref);
	check_ref(w, r);
}

/* ---- the calls on handles --------------------------------------------------------- */

static void do_malloc(struct worker *w)
{
	add_handle(w);
}

static void do_free(struct worker *w)
{
	drop_handle(w, any_handle(w));
}

static void do_free_many(struct worker *w)
{
	unsigned long handles[8];
	unsigned int n = 0;

	any_handle(w);
	while (n < 8 && w->nr_handles) {
		check_handle(w, &w->handles[--w->nr_handles]);
		handles[n++] = w->handles[w->nr_handles].handle;
	}
	CHECK(w->s, zs_free_many(w->s->pool, handles, n) == n);
}

static void do_free_deferred(struct worker *w)
{
	unsigned int i = any_handle(w);

	check_handle(w, &w->handles[i]);
	zs_free_deferred(w->s->pool, w->handles[i].handle);
	w->handles[i] = w->handles[--w->nr_handles];
}

static void do_read(struct worker *w)
{
	check_handle(w, any_shared(w, false));
	check_handle(w, &w->handles[any_handle(w)]);
}

static void do_read_sg(struct worker *w)
{
	const struct record *r = any_shared(w, false);

	CHECK(w->s, object_ok(w->s->pool, r->handle, r->size, r->key));
}

static void do_write(struct worker *w)
{
	struct record *r = &w->handles[any_handle(w)];

	r->key = rng_next(&w->rng);
	pattern_fill(w->data, r->size, r->key);
	CHECK(w->s, zs_obj_write(w->s->pool, r->handle, w->data, r->size) == 0);
}

/* ---- the calls on the pool --------------------------------------------------------- */

static void do_compact(struct worker *w)
{
	zs_compact(w->s->pool);
}

static void do_trim(struct worker *w)
{
	zs_trim(w->s->pool);
}

static void do_flush(struct worker *w)
{
	zs_free_deferred_flush(w->s->pool);
}

static void do_drain(struct worker *w)
{
	zs_drain(w->s->pool);
}

static void do_shrink(struct worker *w)
{
	if (zs_shrink_count(w->s->pool))
		zs_shrink_scan(w->s->pool, 10);
}

static void do_info(struct worker *w)
{
	struct zs_pool_info i = ZS_POOL_INFO_INIT;
	struct stress *s = w->s;

	CHECK(s, zs_pool_info(s->pool, &i) == 0);
	CHECK(s, i.pages < LONG_MAX && i.slab_pages < LONG_MAX);
	CHECK(s, i.objs_inuse < LONG_MAX && i.objs_capacity < LONG_MAX);
	CHECK(s, i.freeable_pages < LONG_MAX && i.bytes_free < LONG_MAX);
	CHECK(s, i.bytes_resident < LONG_MAX && i.bytes_mapped < LONG_MAX);
	CHECK(s, !i.memory_limit_bytes ||
			 i.bytes_resident <= i.memory_limit_bytes);
}

static void do_class_info(struct worker *w)
{
	unsigned int n = rng_below(&w->rng, zs_class_count(w->s->pool));
	struct stress *s = w->s;

	for (unsigned int i = 0; i < 16 && n < zs_class_count(s->pool); i++) {
		struct zs_class_info c = ZS_CLASS_INFO_INIT;
		unsigned long zspages = 0;

		CHECK(s, zs_class_info(s->pool, n, &c) == 0);
		for (int g = 0; g < ZS_NR_FULLNESS_GROUPS; g++)
			zspages += c.zspages[g];
		CHECK(s, c.objs_capacity == zspages * c.objs_per_zspage);
		CHECK(s, c.objs_inuse <= c.objs_capacity);
		n = c.index + 1;
	}
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
	struct search search = { .handle = w->handles[any_handle(w)].handle };

	CHECK(w->s, zs_for_each_live(w->s->pool, find_live, &search) == 0);
	CHECK(w->s, search.seen == 1);
	CHECK(w->s, search.calls > NR_SHARED / 2);
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
	return live <= info->inuse ? 0 : 1;
}

static void do_for_each_zspage(struct worker *w)
{
	struct record *r = any_shared(w, true);
	struct search search = { .handle = (unsigned long)&r->ref };

	/* It depends on how large the pool was, and never changes. */
	unsigned int index = ref_class(READ_ONCE(r->ref.word));

	CHECK(w->s, zs_for_each_zspage(w->s->pool, index, find_in_zspage,
				       &search) == 0);
	CHECK(w->s, search.seen == 1);
}

/* Wherever it is moved to meanwhile: the word is what the other fields say. */
static void do_place(struct worker *w)
{
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT;
	struct zs_class_info c = ZS_CLASS_INFO_INIT;
	struct record *r = rng_below(&w->rng, 2) ? any_shared(w, false)
						 : &w->handles[any_handle(w)];
	unsigned int page = w->s->page_size;
	unsigned long address;

	CHECK(w->s, zs_obj_place(w->s->pool, r->handle, &place) == 0);
	CHECK(w->s, zs_class_info(w->s->pool, place.class_index, &c) == 0);
	CHECK(w->s, c.size >= r->size);
	CHECK(w->s, place.index < c.objs_per_zspage);
	address = place.pfns[0] * page + (unsigned long)place.index * c.size -
		  (c.huge ? 8 : 0);
	CHECK(w->s, place.word == ((unsigned long)place.class_index
					   << place.class_shift |
				   address / 8));
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

/* As when the pool grows beyond 8 MiB, or shrinks below 2 MiB. */
static void do_tune(struct worker *w)
{
	uzs_user_set_classes(w->s->pool, rng_below(&w->rng, 2) ? ULONG_MAX : 0);
}

/* Enough at once for the worker to give some of it back. */
static void do_burst(struct worker *w)
{
	static __thread zs_ref refs[64];
	struct stress *s = w->s;
	size_t size = log_uniform(&w->rng, 60000);

	for (unsigned int i = 0; i < ARRAY_SIZE(refs); i++)
		CHECK(s, zs_ref_alloc(s->pool, &refs[i], size) == 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(refs); i++)
		zs_ref_free(s->pool, &refs[i]);
}

static const struct op ops[] = {
	{ "ref_alloc", do_ref_alloc, 100, 60 },
	{ "ref_store", do_ref_store, 100, 60 },
	{ "ref_replace", do_ref_replace, 100, 200 },
	{ "ref_free", do_ref_free, 100, 60 },
	{ "ref_free_many", do_ref_free_many, 60, 20 },
	{ "ref_load", do_ref_load, 100, 60 },
	{ "ref_read", do_ref_read, 100, 60 },
	{ "ref_nest", do_ref_nest, 60, 20 },
	{ "ref_write", do_ref_write, 100, 60 },
	{ "ref_room", do_ref_room, 100, 10 },
	{ "ref_move", do_ref_move, 100, 60 },
	{ "malloc", do_malloc, 100, 60 },
	{ "free", do_free, 100, 60 },
	{ "free_many", do_free_many, 60, 20 },
	{ "free_deferred", do_free_deferred, 100, 20 },
	{ "read", do_read, 100, 40 },
	{ "read_sg", do_read_sg, 100, 20 },
	{ "write", do_write, 60, 40 },
	{ "compact", do_compact, 40, 10 },
	{ "trim", do_trim, 20, 5 },
	{ "tune", do_tune, 40, 10 },
	{ "flush", do_flush, 40, 4 },
	{ "drain", do_drain, 100, 4 },
	{ "shrink", do_shrink, 40, 4 },
	{ "info", do_info, 40, 6 },
	{ "class_info", do_class_info, 40, 6 },
	{ "print", do_print, 5, 1 },
	{ "for_each_live", do_for_each_live, 20, 4 },
	{ "for_each_zspage", do_for_each_zspage, 40, 6 },
	{ "place", do_place, 100, 10 },
	{ "for_each_section", do_for_each_section, 20, 3 },
	{ "check", do_check, 10, 2 },
	{ "burst", do_burst, 4, 4 },
};

static const struct op *throw_dice(struct worker *w)
{
	unsigned int sum = 0, at;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;
	at = rng_below(&w->rng, sum);
	for (size_t i = 0;; i++) {
		if (at < ops[i].weight)
			return &ops[i];
		at -= ops[i].weight;
	}
}

/* ---- pools under stress ------------------------------------------------------------- */

static unsigned int finished(struct stress *s)
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
			add_ref(w);
			drop_ref(w, rng_below(&w->rng, w->nr_refs));
		}
	}
	while (w->nr_refs)
		drop_ref(w, 0);
	while (w->nr_handles)
		drop_handle(w, 0);
	return NULL;
}

static void note_misuse(const struct zs_misuse *misuse, void *arg)
{
	struct stress *s = arg;

	fprintf(stderr, "%s of %#lx: %s\n", misuse->call, misuse->handle,
		misuse->text);
	note_failure(&s->failures, __LINE__, "misuse is told");
}

static void stress_init(struct stress *s, struct zs_pool_options *o)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	static struct worker w;

	/* The test runner's handlers are for its own thread. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
	memset(s, 0, sizeof(*s));
	o->misuse = note_misuse;
	o->misuse_arg = s;
	s->pool = make_user_with(o);
	s->page_size = info_of(s->pool).page_size;
	s->null = fopen("/dev/null", "w");
	assert_non_null(s->null);
	memset(&w, 0, sizeof(w));
	w.s = s;
	w.data = malloc(MOST_SIZE);
	rng_seed(&w.rng, 1);
	/* Among others that go, so that those that stay are scattered. */
	for (unsigned int i = 0; i < NR_SHARED; i++) {
		struct record *r = &s->shared[i];

		r->size = any_size(&w);
		r->key = i;
		for (unsigned int n = 0; n < 3; n++)
			add_ref(&w);
		if (i % 2) {
			r->handle = must_malloc(s->pool, r->size);
			assert_true(object_fill(s->pool, r->handle, r->size,
						r->key));
		} else {
			assert_int_equal(
				ref_fill(s->pool, &r->ref, r->size, r->key), 0);
		}
	}
	while (w.nr_refs)
		drop_ref(&w, 0);
	free(w.data);
	assert_no_failures(&s->failures);
}

static void start_worker(struct worker *w, struct stress *s, unsigned int seed,
			 const struct op *op, unsigned int loops,
			 unsigned int partners)
{
	memset(w, 0, sizeof(*w));
	w->s = s;
	w->op = op;
	w->loops = loops;
	w->partners = partners;
	w->data = malloc(MOST_SIZE);
	assert_non_null(w->data);
	rng_seed(&w->rng, seed);
	assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
}

static void join_worker(struct worker *w)
{
	assert_int_equal(pthread_join(w->thread, NULL), 0);
	free(w->data);
}

/* Everything as it should be, everything freed, nothing left. */
static void stress_end(struct stress *s)
{
	assert_no_failures(&s->failures);
	zs_free_deferred_flush(s->pool);
	assert_int_equal(info_of(s->pool).objs_inuse, NR_SHARED);
	assert_sound(s->pool);
	for (unsigned int i = 0; i < NR_SHARED; i++) {
		struct record *r = &s->shared[i];

		if (i % 2)
			assert_true(
				object_ok(s->pool, r->handle, r->size, r->key));
		else
			assert_true(ref_ok(s->pool, &r->ref, r->size, r->key));
		assert_true(i % 2 || r->ref.word < REF_MOVING);
	}
	zs_compact(s->pool);
	assert_int_equal(info_of(s->pool).freeable_pages, 0);
	for (unsigned int i = 0; i < NR_SHARED; i++)
		if (i % 2)
			zs_free(s->pool, s->shared[i].handle);
		else
			zs_ref_free(s->pool, &s->shared[i].ref);
	zs_trim(s->pool);
	assert_int_equal(info_of(s->pool).pages, 0);
	assert_int_equal(info_of(s->pool).objs_capacity, 0);
	assert_sound(s->pool);
	assert_int_equal(zs_destroy_pool(s->pool), 0);
	assert_no_failures(&s->failures);
	fclose(s->null);
}

/* ---- tests ---------------------------------------------------------------------------- */

/* Each call with each, itself included. */
static void test_each_call_runs_beside_each(void **state)
{
	static struct worker w[2];
	static struct stress s;
	unsigned int round = 0;

	for (size_t a = 0; a < ARRAY_SIZE(ops); a++) {
		for (size_t b = a; b < ARRAY_SIZE(ops); b++, round++) {
			struct zs_pool_options o = USER_OPTIONS_INIT;

			o.flags = round % 2 ? ZS_POOL_NO_WORKER : 0;
			o.flags |= round % 4 == 3 ? ZS_POOL_HARDENED : 0;
			o.retained_bytes = 1;
			o.defer = round % 3 ? ZS_DEFER_NONE : ZS_DEFER_PERCPU;
			stress_init(&s, &o);
			start_worker(
				&w[0], &s, 2 * round, &ops[a],
				(unsigned)uzs_test_scale((int)ops[a].loops), 2);
			start_worker(
				&w[1], &s, 2 * round + 1, &ops[b],
				(unsigned)uzs_test_scale((int)ops[b].loops), 2);
			join_worker(&w[0]);
			join_worker(&w[1]);
			if (s.failures.n)
				print_error("%s with %s:\n", ops[a].name,
					    ops[b].name);
			stress_end(&s);
		}
	}
}

/* ---- all at once ------------------------------------------------------------------------ */

static void *keep_doing(void *arg)
{
	struct worker *w = arg;

	const struct timespec moment = { 0, 20000 };

	while (!__atomic_load_n(&w->s->stop, __ATOMIC_RELAXED)) {
		w->op->func(w);
		nanosleep(&moment, NULL);
	}
	while (w->nr_handles)
		drop_handle(w, 0);
	return NULL;
}

static const struct op *op_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (!strcmp(ops[i].name, name))
			return &ops[i];
	fail_msg("no %s", name);
	return NULL;
}

static void run_everything(struct zs_pool_options *o, const char *title)
{
	static const char *const loops[] = { "compact",	   "trim",
					     "check",	   "info",
					     "class_info", "for_each_zspage" };
	static struct worker w[5], loop[ARRAY_SIZE(loops)];
	static struct stress s;
	struct zs_pool_info i;

	stress_init(&s, o);
	for (unsigned int n = 0; n < ARRAY_SIZE(w); n++)
		start_worker(&w[n], &s, 1000 + n, NULL,
			     (unsigned)uzs_test_scale(8000), ARRAY_SIZE(w));
	for (unsigned int n = 0; n < ARRAY_SIZE(loop); n++) {
		memset(&loop[n], 0, sizeof(loop[n]));
		loop[n].s = &s;
		loop[n].op = op_named(loops[n]);
		loop[n].data = malloc(MOST_SIZE);
		rng_seed(&loop[n].rng, n);
		assert_int_equal(pthread_create(&loop[n].thread, NULL,
						keep_doing, &loop[n]),
				 0);
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(w); n++)
		join_worker(&w[n]);
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	for (unsigned int n = 0; n < ARRAY_SIZE(loop); n++)
		join_worker(&loop[n]);
	i = info_of(s.pool);
	print_message("             %s: %lu objects moved in %lu compactions, "
		      "%lu bytes given back\n",
		      title, i.objs_moved, i.compactions, i.bytes_given_back);
	assert_true(i.compactions > 0);
	assert_true(i.objs_moved > 0);
	stress_end(&s);
}

static void test_all_calls_run_at_once(void **state)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;

	run_everything(&o, "defaults");
	o.flags = ZS_POOL_NO_WORKER;
	o.retained_bytes = 1;
	run_everything(&o, "no worker");
	o.flags = ZS_POOL_HARDENED;
	o.page_size = 16384;
	o.chain_size = 4;
	run_everything(&o, "hardened, 16 KiB pages");
	o.flags = 0;
	o.page_size = 4096;
	o.defer = ZS_DEFER_ARRAY;
	o.memory_limit = 40 << 20;
	run_everything(&o, "limit, short chains");
}

/* ---- a read that another thread ends ----------------------------------------------------- */

struct baton {
	struct stress *s;
	struct record *r;
	void *mem; /* atomic */
	unsigned int rounds;
};

static void *keep_beginning(void *arg)
{
	struct baton *b = arg;

	for (unsigned int i = 0; i < b->rounds; i++) {
		void *mem = zs_ref_begin(b->s->pool, &b->r->ref);

		CHECK(b->s, mem);
		while (__atomic_load_n(&b->mem, __ATOMIC_ACQUIRE))
			sched_yield();
		__atomic_store_n(&b->mem, mem, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void test_another_thread_may_end(void **state)
{
	for (unsigned int hard = 0; hard < 2; hard++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;
		struct baton b = { .rounds = (unsigned)uzs_test_scale(2000) };
		static struct stress s;
		pthread_t thread;

		o.flags = hard ? ZS_POOL_HARDENED : 0;
		stress_init(&s, &o);
		b.s = &s;
		b.r = &s.shared[0];
		assert_int_equal(
			pthread_create(&thread, NULL, keep_beginning, &b), 0);
		for (unsigned int i = 0; i < b.rounds; i++) {
			void *mem;

			while (!(mem = __atomic_load_n(&b.mem,
						       __ATOMIC_ACQUIRE)))
				sched_yield();
			CHECK(&s, pattern_ok(mem, b.r->size, b.r->key));
			/* Before the next begin's hand-over, which may be
			 * open already. */
			zs_ref_end(s.pool, &b.r->ref);
			__atomic_store_n(&b.mem, NULL, __ATOMIC_RELEASE);
			if (i % 16 == 0)
				zs_compact(s.pool);
		}
		assert_int_equal(pthread_join(thread, NULL), 0);
		stress_end(&s);
	}
}

struct end_once {
	struct zs_pool *pool;
	zs_ref *ref;
	pthread_barrier_t *ready;
};

static void *end_once(void *arg)
{
	struct end_once *e = arg;

	pthread_barrier_wait(e->ready);
	zs_ref_end(e->pool, e->ref);
	return NULL;
}

/* Some reads of one object are begun by this thread, and all but one are ended by
 * as many threads at once, in a pool where no other thread has ended any yet, while
 * another one compacts. Then exactly one is open. */
static void test_several_threads_end_at_once(void **state)
{
	enum { NR = 3 };

	for (int round = uzs_test_scale(300); round > 0; round--) {
		struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
		zs_ref refs[8] = { ZS_REF_INIT };
		pthread_t threads[NR];
		pthread_barrier_t ready;
		struct end_once e = { pool, &refs[7], &ready };
		void *mem;

		for (unsigned int i = 0; i < 8; i++)
			assert_int_equal(ref_fill(pool, &refs[i], 900, i), 0);
		for (unsigned int i = 0; i < 7; i++)
			zs_ref_free(pool, &refs[i]);
		pthread_barrier_init(&ready, NULL, NR + 1);
		mem = zs_ref_begin(pool, &refs[7]);
		for (unsigned int i = 0; i < NR; i++) {
			assert_ptr_equal(zs_ref_begin(pool, &refs[7]), mem);
			assert_int_equal(pthread_create(&threads[i], NULL,
							end_once, &e),
					 0);
		}
		pthread_barrier_wait(&ready);
		zs_compact(pool);
		for (unsigned int i = 0; i < NR; i++)
			pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&ready);
		zs_compact(pool);
		zs_trim(pool);
		assert_true(pattern_ok(mem, 900, 7));
		assert_ptr_equal(zs_ref_begin(pool, &refs[7]), mem);
		zs_ref_end(pool, &refs[7]);
		zs_ref_end(pool, &refs[7]);
		assert_true(refs[7].word < REF_MOVING);
		assert_false(uzs_hazards_has(&pool->user->hazards, &refs[7]));
		assert_true(ref_ok(pool, &refs[7], 900, 7));
		zs_ref_free(pool, &refs[7]);
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_call_runs_beside_each),
		cmocka_unit_test(test_all_calls_run_at_once),
		cmocka_unit_test(test_another_thread_may_end),
		cmocka_unit_test(test_several_threads_end_at_once),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("user threads", tests, NULL, NULL);
}
