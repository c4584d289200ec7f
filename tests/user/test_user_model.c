/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_model.c - long random sequences of all calls on a pool of the user
 * profile, beside a model of what must be in it: every byte, how many objects,
 * what is pinned where. In several geometries, with and without a limit. On
 * failure it says the seed; `test_user_model SEED` runs that one in all
 * variants.
 */
#include "user_util.h"

#define MOST_OBJECTS 3000u
#define MOST_HELD 6u

struct record {
	zs_ref ref; /* or */
	unsigned long handle;
	size_t len;
	uint64_t key;
	void *held; /* where it is pinned, or NULL */
	unsigned int pins;
};

struct model {
	struct zs_pool *pool;
	const struct variant *variant;
	struct record *records[MOST_OBJECTS];
	unsigned int nr, nr_held;
	size_t bytes; /* live */
	uint64_t seed, next_key;
	struct rng rng;
	int step;
	const char *op;
	unsigned long full; /* times that there was no memory */
};

struct variant {
	const char *name;
	unsigned int page_size, chain_size, flags;
	size_t limit, retained;
	enum zs_defer_mode defer;
	size_t most_bytes; /* that the model lets live */
	unsigned int large; /* one in so many objects may be large */
	unsigned int objects;
	int steps;
};

static const struct variant variants[] = {
	{ "defaults", 0, 0, 0, 0, 0, ZS_DEFER_DEFAULT, 48 << 20, 4, 1000,
	  12000 },
	{ "small objects", 0, 0, ZS_POOL_NO_WORKER, 0, 1, ZS_DEFER_DEFAULT,
	  8 << 20, 500, MOST_OBJECTS, 60000 },
	{ "short chains", 4096, 4, 0, 0, 1, ZS_DEFER_NONE, 24 << 20, 8, 2000,
	  15000 },
	{ "large pages", 65536, 16, 0, 0, 0, ZS_DEFER_NONE, 48 << 20, 4, 800,
	  10000 },
	{ "hardened", 16384, 8, ZS_POOL_HARDENED, 0, 0, ZS_DEFER_NONE, 24 << 20,
	  10, 2000, 15000 },
	{ "limit", 0, 0, 0, 5 << 20, 1 << 20, ZS_DEFER_NONE, 100 << 20, 10,
	  MOST_OBJECTS, 20000 },
	{ "limit, no worker", 4096, 5, ZS_POOL_NO_WORKER, 3 << 20, 1,
	  ZS_DEFER_NONE, 100 << 20, 60, MOST_OBJECTS, 20000 },
	{ "limit, hardened", 8192, 16, ZS_POOL_HARDENED, 6 << 20, 0,
	  ZS_DEFER_NONE, 100 << 20, 20, MOST_OBJECTS, 20000 },
};

#define MUST(m, cond)                                                          \
	do {                                                                   \
		if (!(cond))                                                   \
			fail_msg("%s, seed %lu, step %d, %s: %s",              \
				 (m)->variant->name, (unsigned long)(m)->seed, \
				 (m)->step, (m)->op, #cond);                   \
	} while (0)

/* ---- records -------------------------------------------------------------------- */

static size_t any_size(struct model *m)
{
	size_t size = rng_below(&m->rng, m->variant->large)
			      ? log_uniform(&m->rng, 600)
			      : log_uniform(&m->rng, ZS_USER_MAX_SIZE);

	/* Often a size that others have. */
	return rng_below(&m->rng, 2) ? size : (size + 31) / 32 * 32;
}

static struct record *any(struct model *m)
{
	return m->nr ? m->records[rng_below(&m->rng, m->nr)] : NULL;
}

/* One of that kind that nobody reads; or NULL. */
static struct record *any_idle(struct model *m, bool handle)
{
	for (unsigned int i = 0; i < 10; i++) {
		struct record *r = any(m);

		if (r && !r->held && !r->handle == !handle)
			return r;
	}
	return NULL;
}

static void add(struct model *m, struct record *r)
{
	m->records[m->nr++] = r;
	m->bytes += r->len;
}

static void drop(struct model *m, struct record *r)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (m->records[i] == r) {
			m->records[i] = m->records[--m->nr];
			m->bytes -= r->len;
			/* Not valid any more: nobody may touch it. */
			memset(r, 0xa5, sizeof(*r));
			free(r);
			return;
		}
	MUST(m, false);
}

static bool has_room(const struct model *m, size_t len)
{
	return m->nr < m->variant->objects &&
	       m->bytes + len <= m->variant->most_bytes;
}

static bool right(struct model *m, struct record *r)
{
	if (r->handle)
		return object_ok(m->pool, r->handle, r->len, r->key);
	return rng_below(&m->rng, 2)
		       ? ref_ok(m->pool, &r->ref, r->len, r->key)
		       : ref_loads(m->pool, &r->ref, r->len, r->key);
}

/* -ENOMEM is right only where all that makes room does not help. */
static bool was_full(struct model *m, int err)
{
	if (err != -ENOMEM)
		return false;
	MUST(m, m->variant->limit);
	m->full++;
	return true;
}

static void make_room(struct model *m)
{
	zs_free_deferred_flush(m->pool);
	zs_compact(m->pool);
	zs_trim(m->pool);
}

/* ---- operations ------------------------------------------------------------------- */

static void do_store(struct model *m)
{
	struct record *r = rng_below(&m->rng, 2) ? any_idle(m, false) : NULL;
	size_t len = any_size(m);
	bool is_new = !r;
	int err;

	if (!has_room(m, len))
		return;
	if (is_new) {
		r = calloc(1, sizeof(*r));
		MUST(m, r);
	}
	err = ref_fill(m->pool, &r->ref, len, m->next_key);
	if (was_full(m, err)) {
		MUST(m, is_new ? !r->ref.word : right(m, r));
		make_room(m);
		MUST(m,
		     ref_fill(m->pool, &r->ref, len, m->next_key) == -ENOMEM);
		MUST(m, is_new ? !r->ref.word : right(m, r));
		if (is_new)
			free(r);
		return;
	}
	MUST(m, err == 0);
	if (!is_new)
		m->bytes += len - r->len;
	r->len = len;
	r->key = m->next_key++;
	if (is_new)
		add(m, r);
}

static void do_alloc(struct model *m)
{
	struct record *r;
	size_t len = any_size(m), room;
	void *mem;
	int err;

	if (!has_room(m, len))
		return;
	r = calloc(1, sizeof(*r));
	MUST(m, r);
	err = zs_ref_alloc(m->pool, &r->ref, len);
	if (was_full(m, err)) {
		make_room(m);
		MUST(m, zs_ref_alloc(m->pool, &r->ref, len) == -ENOMEM);
		MUST(m, !r->ref.word);
		free(r);
		return;
	}
	MUST(m, err == 0);
	room = zs_ref_room(m->pool, &r->ref);
	MUST(m, room >= len);
	/* All that there is of it. */
	r->len = room;
	r->key = m->next_key++;
	mem = zs_ref_begin(m->pool, &r->ref);
	MUST(m, mem && (uintptr_t)mem % 8 == 0);
	pattern_fill(mem, room, r->key);
	zs_ref_end(m->pool, &r->ref);
	add(m, r);
}

static void do_malloc(struct model *m)
{
	size_t len = any_size(m);
	gfp_t gfp = rng_below(&m->rng, 4) ? GFP_KERNEL : GFP_NOWAIT;
	struct record *r;
	unsigned long handle;

	if (!has_room(m, len))
		return;
	handle = zs_malloc(m->pool, len, gfp, NUMA_NO_NODE);
	if (gfp == GFP_NOWAIT && zs_err(handle) == -ENOMEM)
		return;
	if (was_full(m, zs_err(handle))) {
		make_room(m);
		handle = zs_malloc(m->pool, len, gfp, NUMA_NO_NODE);
		MUST(m, zs_err(handle) == -ENOMEM);
		return;
	}
	MUST(m, !zs_err(handle));
	r = calloc(1, sizeof(*r));
	MUST(m, r);
	r->handle = handle;
	r->len = len;
	r->key = m->next_key++;
	MUST(m, zs_obj_room(m->pool, handle) >= len);
	MUST(m, object_fill(m->pool, handle, len, r->key));
	add(m, r);
}

static void do_free(struct model *m)
{
	struct record *r = any_idle(m, false);

	if (!r)
		return;
	MUST(m, right(m, r));
	zs_ref_free(m->pool, &r->ref);
	MUST(m, !r->ref.word);
	drop(m, r);
}

static void do_free_handle(struct model *m)
{
	struct record *r = any_idle(m, true);

	if (!r)
		return;
	MUST(m, right(m, r));
	if (rng_below(&m->rng, 4))
		zs_free(m->pool, r->handle);
	else
		zs_free_deferred(m->pool, r->handle);
	drop(m, r);
}

static void do_free_many(struct model *m)
{
	struct record *records[150];
	unsigned long handles[150];
	zs_ref *refs[300];
	bool of_handles = rng_below(&m->rng, 3) == 0;
	unsigned int want = rng_range(&m->rng, 1, 150), n = 0, at = 0;

	while (want--) {
		struct record *r = any_idle(m, of_handles);
		bool twice = false;

		for (unsigned int i = 0; i < n; i++)
			twice |= records[i] == r;
		if (!r || twice)
			continue;
		MUST(m, right(m, r));
		records[n] = r;
		handles[n++] = r->handle;
		if (rng_below(&m->rng, 8) == 0)
			refs[at++] = NULL;
		refs[at++] = &r->ref;
	}
	if (of_handles)
		MUST(m, zs_free_many(m->pool, handles, n) == n);
	else
		MUST(m, zs_ref_free_many(m->pool, refs, at) == n);
	for (unsigned int i = 0; i < n; i++)
		drop(m, records[i]);
}

static void do_look(struct model *m)
{
	struct record *r = any(m);

	if (r)
		MUST(m, right(m, r));
}

static void do_write(struct model *m)
{
	struct record *r = any(m);
	void *mem;

	if (!r)
		return;
	r->key = m->next_key++;
	if (r->handle) {
		MUST(m, object_fill(m->pool, r->handle, r->len, r->key));
		return;
	}
	mem = zs_ref_begin(m->pool, &r->ref);
	MUST(m, mem && (!r->held || mem == r->held));
	pattern_fill(mem, r->len, r->key);
	zs_ref_end(m->pool, &r->ref);
}

/* The program moves a record. */
static void do_move(struct model *m)
{
	struct record *r = any_idle(m, false), *to;

	if (!r)
		return;
	to = malloc(sizeof(*to));
	MUST(m, to);
	*to = *r;
	to->ref.word = 0;
	zs_ref_move(m->pool, &to->ref, &r->ref);
	MUST(m, to->ref.word && !r->ref.word);
	drop(m, r);
	add(m, to);
}

/* Begins a read that ends some time later. */
static void do_hold(struct model *m)
{
	struct record *r = any(m);
	void *mem;

	if (!r || (m->nr_held == MOST_HELD && !r->held))
		return;
	mem = r->handle ? zs_obj_read_begin(m->pool, r->handle, r->len, NULL)
			: zs_ref_begin(m->pool, &r->ref);
	MUST(m, mem && (!r->held || r->held == mem));
	if (!r->held)
		m->nr_held++;
	r->held = mem;
	r->pins++;
}

static void let_go(struct model *m, struct record *r)
{
	MUST(m, pattern_ok(r->held, r->len, r->key));
	if (r->handle)
		zs_obj_read_end(m->pool, r->handle, r->len, r->held);
	else
		zs_ref_end(m->pool, &r->ref);
	if (--r->pins)
		return;
	r->held = NULL;
	m->nr_held--;
}

static void do_let_go(struct model *m)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (m->records[i]->held && rng_below(&m->rng, 2))
			let_go(m, m->records[i]);
}

static void do_compact(struct model *m)
{
	zs_compact(m->pool);
	if (!m->nr_held)
		MUST(m, info_of(m->pool).freeable_pages == 0);
}

static void do_trim(struct model *m)
{
	zs_trim(m->pool);
}

static void do_flush(struct model *m)
{
	zs_free_deferred_flush(m->pool);
}

static void do_drain(struct model *m)
{
	zs_drain(m->pool);
}

static void do_shrink(struct model *m)
{
	zs_shrink_scan(m->pool, 1);
}

static void do_check(struct model *m)
{
	MUST(m, zs_pool_check(m->pool, stderr) == 0);
}

static int count_live(unsigned long handle, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

static void do_walk(struct model *m)
{
	unsigned int live = 0, handles = 0;

	zs_free_deferred_flush(m->pool);
	for (unsigned int i = 0; i < m->nr; i++)
		handles += m->records[i]->handle != 0;
	MUST(m, zs_for_each_live(m->pool, count_live, &live) == 0);
	MUST(m, live == handles);
}

/* A burst, and all of it gone: what makes and empties zspages and sections. */
static void do_burst(struct model *m)
{
	enum { NR = 400 };
	static zs_ref refs[NR];
	zs_ref *list[NR];
	size_t size = log_uniform(&m->rng, 20000);
	unsigned int n = 0;

	for (; n < NR; n++) {
		int err = zs_ref_alloc(m->pool, &refs[n], size);

		if (was_full(m, err))
			break;
		MUST(m, err == 0);
		list[n] = &refs[n];
	}
	if (rng_below(&m->rng, 2)) {
		MUST(m, zs_ref_free_many(m->pool, list, n) == n);
		return;
	}
	while (n--)
		zs_ref_free(m->pool, &refs[n]);
}

static const struct {
	const char *name;
	void (*func)(struct model *m);
	unsigned int weight;
} ops[] = {
	{ "store", do_store, 300 },
	{ "alloc", do_alloc, 60 },
	{ "malloc", do_malloc, 120 },
	{ "free", do_free, 110 },
	{ "free_handle", do_free_handle, 50 },
	{ "free_many", do_free_many, 4 },
	{ "look", do_look, 150 },
	{ "write", do_write, 80 },
	{ "move", do_move, 80 },
	{ "hold", do_hold, 10 },
	{ "let_go", do_let_go, 10 },
	{ "compact", do_compact, 3 },
	{ "trim", do_trim, 2 },
	{ "flush", do_flush, 2 },
	{ "drain", do_drain, 2 },
	{ "shrink", do_shrink, 1 },
	{ "check", do_check, 2 },
	{ "walk", do_walk, 1 },
	{ "burst", do_burst, 2 },
};

static void do_any(struct model *m)
{
	unsigned int sum = 0, dice;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		sum += ops[i].weight;
	dice = rng_below(&m->rng, sum);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (dice >= ops[i].weight) {
			dice -= ops[i].weight;
			continue;
		}
		m->op = ops[i].name;
		ops[i].func(m);
		return;
	}
}

/* ---- what must be true at any time -------------------------------------------------- */

static void check_figures(struct model *m)
{
	struct zs_pool_info i = info_of(m->pool);

	MUST(m, i.objs_inuse == m->nr);
	MUST(m, i.objs_inuse <= i.objs_capacity);
	MUST(m, i.pages <= i.peak_pages);
	MUST(m, i.bytes_resident <= i.bytes_mapped);
	MUST(m, (i.pages + i.slab_pages) * i.page_size <= i.bytes_resident);
	MUST(m, !m->variant->limit || i.bytes_resident <= m->variant->limit);
}

/* The worker changes nothing of these by itself. */
static void check_all(struct model *m)
{
	m->op = "all";
	for (unsigned int i = 0; i < m->nr; i++)
		MUST(m, right(m, m->records[i]));
	do_check(m);
	check_figures(m);
}

static unsigned long all_full;

static void run(const struct variant *v, uint64_t seed)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;
	struct model *m = calloc(1, sizeof(*m));
	int steps = uzs_test_scale(v->steps);
	struct zs_pool_info info;

	assert_non_null(m);
	o.page_size = v->page_size;
	o.chain_size = v->chain_size;
	o.flags = v->flags;
	o.memory_limit = v->limit;
	o.retained_bytes = v->retained;
	o.defer = v->defer;
	m->variant = v;
	m->seed = seed;
	m->pool = make_user_with(&o);
	rng_seed(&m->rng, seed);
	for (m->step = 0; m->step < steps; m->step++) {
		do_any(m);
		if (v->limit || m->step % 8 == 0)
			check_figures(m);
		/* Now and then most of it goes. */
		if (m->step % 4000 == 3999) {
			m->op = "thin out";
			for (unsigned int i = m->nr * 3 / 4; i; i--)
				rng_below(&m->rng, 2) ? do_free(m)
						      : do_free_handle(m);
			check_all(m);
		}
	}
	for (unsigned int i = 0; i < m->nr; i++)
		while (m->records[i]->held)
			let_go(m, m->records[i]);
	check_all(m);
	m->op = "compact";
	zs_compact(m->pool);
	zs_trim(m->pool);
	info = info_of(m->pool);
	MUST(m, info.freeable_pages == 0);
	MUST(m, info.bytes_free == 0);
	MUST(m, info.objs_moved > 0);
	all_full += m->full;
	check_all(m);
	m->op = "destroy";
	/* A half is freed, the rest is for destroy to free. */
	for (unsigned int n = m->nr / 2; m->nr > n;) {
		struct record *r = m->records[m->nr - 1];

		if (r->handle)
			zs_free(m->pool, r->handle);
		else
			zs_ref_free(m->pool, &r->ref);
		drop(m, r);
	}
	MUST(m, zs_pool_check(m->pool, stderr) == 0);
	MUST(m, zs_destroy_pool(m->pool) == m->nr);
	while (m->nr)
		drop(m, m->records[0]);
	free(m);
}

static uint64_t first_seed;
static unsigned int nr_seeds = 1;

static void test_model(void **state)
{
	for (unsigned int s = 0; s < nr_seeds; s++)
		for (size_t v = 0; v < ARRAY_SIZE(variants); v++)
			run(&variants[v], first_seed + s);
	assert_true(all_full > 0 || uzs_test_scale(100) < 100);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	if (argc > 1)
		first_seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		nr_seeds = (unsigned int)strtoul(argv[2], NULL, 0);
	return cmocka_run_group_tests_name("user model", tests, NULL, NULL);
}
