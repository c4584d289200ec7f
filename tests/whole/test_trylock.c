/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_trylock.c - every trylock fails once: first the first try of an
 * operation, then the second, until the operation has no more. Each time the
 * operation must do what it can, and lose nothing. Only in builds with
 * UZS_CHECKED.
 */
#include "test_defer.h"

#include "compat/fault.h"

#define MAX_OBJS 4096

/* The objects that an operation works on. */
static struct {
	struct zs_pool *pool;
	unsigned int n;
	unsigned long handles[MAX_OBJS];
	uint32_t sizes[MAX_OBJS]; /* bytes */
} scene;

/* ---- scenes -------------------------------------------------------------- */

static void add(size_t size)
{
	assert_true(scene.n < MAX_OBJS);
	scene.handles[scene.n] = must_malloc(scene.pool, size);
	scene.sizes[scene.n] = (uint32_t)size;
	scene.n++;
}

/* Frees all objects but one in `keep_1_in`; fills that with its pattern. */
static void thin_out(unsigned int keep_1_in)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < scene.n; i++) {
		if (i % keep_1_in) {
			zs_free(scene.pool, scene.handles[i]);
			continue;
		}
		scene.handles[kept] = scene.handles[i];
		scene.sizes[kept] = scene.sizes[i];
		assert_true(object_fill(scene.pool, scene.handles[kept],
					scene.sizes[kept], kept));
		kept++;
	}
	scene.n = kept;
}

static void make_zspages(enum zs_defer_mode mode)
{
	scene.n = 0;
	scene.pool = make_deferring(mode, ZS_POOL_NO_WORKER);
	one_cpu(scene.pool);
	/* of one page, of several, huge */
	for (unsigned int pages = 1; pages <= 4; pages++) {
		struct size_class *class = class_of_few(scene.pool, pages);

		for (unsigned int i = 0; i < 2 * class->objs_per_zspage; i++)
			add(room_of(class));
	}
	add(test_page_size);
	thin_out(1);
}

static void make_undeferred(void)
{
	make_zspages(ZS_DEFER_NONE);
}

static void make_array(void)
{
	make_zspages(ZS_DEFER_ARRAY);
}

static void make_percpu(void)
{
	make_zspages(ZS_DEFER_PERCPU);
}

static void make_reuse(void)
{
	make_zspages(ZS_DEFER_REUSE);
}

/* Zspages of several classes, a third full. */
static void make_sparse(void)
{
	scene.n = 0;
	scene.pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	for (unsigned int pages = 1; pages <= 4; pages++) {
		struct size_class *class = class_of_few(scene.pool, pages);

		for (unsigned int i = 0; i < 6 * class->objs_per_zspage; i++)
			add(room_of(class));
	}
	thin_out(3);
}

/* Sections a third full, of pages and of zspage structures. */
static void make_sparse_sections(void)
{
	unsigned int objs =
		(unsigned int)(3 * UZS_SECTION_SIZE / 2) / test_page_size;

	scene.n = 0;
	scene.pool = make_deferring(ZS_DEFER_NONE, ZS_POOL_NO_WORKER);
	for (unsigned int i = 0; i < objs; i++)
		add(test_page_size);
	thin_out(3);
}

/* As much as the limit allows; a third of it could be had by compaction. */
static void make_limited(void)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	size_t size = test_page_size * 4 / 5;

	o.page_size = test_page_size;
	o.lock_scope = test_scope;
	o.flags = ZS_POOL_NO_WORKER;
	o.memory_limit = (size_t)12 << 20;
	scene.n = 0;
	scene.pool = zs_create_pool_with("limited", &o);
	assert_non_null(scene.pool);
	for (;;) {
		unsigned long handle =
			zs_malloc(scene.pool, size, GFP_KERNEL, NUMA_NO_NODE);

		if (zs_is_err(handle) || scene.n == MAX_OBJS)
			break;
		scene.handles[scene.n] = handle;
		scene.sizes[scene.n] = (uint32_t)size;
		scene.n++;
	}
	assert_true(scene.n < MAX_OBJS);
	thin_out(2);
}

/* ---- operations ---------------------------------------------------------- */

static void do_free(void)
{
	while (scene.n)
		zs_free(scene.pool, scene.handles[--scene.n]);
}

static void do_free_run(void)
{
	uzs_free_many(scene.pool, scene.handles, scene.n);
	scene.n = 0;
}

/* Queued, or freed at once: one of both, each of them. */
static void do_deferred(void)
{
	unsigned long queued = 0, n = scene.n;
	struct zs_pool_info i;

	while (scene.n)
		queued +=
			zs_free_deferred(scene.pool, scene.handles[--scene.n]);
	i = info_of(scene.pool);
	assert_int_equal(i.deferred_queued, queued);
	assert_int_equal(i.deferred_sync_busy, n - queued);
	assert_int_equal(i.deferred_sync_full, 0);
	zs_free_deferred_flush(scene.pool);
	assert_int_equal(info_of(scene.pool).deferred_drained, queued);
}

/* Each is freed, and another of its size takes its place: what was freed
 * before, if the lock is to be had for freeing and for taking. */
static void do_replace(void)
{
	unsigned long kept = 0;
	struct zs_pool_info i;

	for (unsigned int n = 0; n < scene.n; n++) {
		kept += zs_free_deferred(scene.pool, scene.handles[n]);
		scene.handles[n] = must_malloc(scene.pool, scene.sizes[n]);
		assert_true(object_fill(scene.pool, scene.handles[n],
					scene.sizes[n], n));
	}
	i = info_of(scene.pool);
	assert_int_equal(i.deferred_queued, kept);
	assert_int_equal(i.deferred_sync_busy, scene.n - kept);
	assert_true(i.deferred_reused > 0);
	zs_free_deferred_flush(scene.pool);
	i = info_of(scene.pool);
	assert_int_equal(i.deferred_drained + i.deferred_reused, kept);
}

static void do_compact(void)
{
	zs_compact(scene.pool);
}

/* What was not done can be done another time. */
static void compact_the_rest(void)
{
	zs_compact(scene.pool);
	zs_drain(scene.pool);
	assert_int_equal(info_of(scene.pool).freeable_pages, 0);
}

static void do_trim(void)
{
	zs_trim(scene.pool);
}

static void trim_the_rest(void)
{
	zs_trim(scene.pool);
	assert_int_equal(info_of(scene.pool).bytes_free, 0);
}

/* More than fits without compaction. */
static void do_malloc(void)
{
	unsigned int kept = scene.n;

	for (unsigned int i = 0; i < 8; i++) {
		unsigned long handle = zs_malloc(scene.pool, test_page_size,
						 GFP_KERNEL, NUMA_NO_NODE);

		if (zs_is_err(handle)) {
			assert_int_equal(zs_err(handle), -ENOMEM);
			continue;
		}
		scene.handles[scene.n] = handle;
		scene.sizes[scene.n] = test_page_size;
		assert_true(object_fill(scene.pool, handle, test_page_size,
					scene.n));
		scene.n++;
	}
	assert_true(scene.n > kept); /* one try in vain is not the end */
}

/* ---- the sweep ----------------------------------------------------------- */

struct operation {
	const char *name;
	void (*make)(void);
	void (*run)(void);
	void (*after)(void); /* once locks can be had again; or NULL */
};

static void check_scene(void)
{
	assert_sound(scene.pool);
	assert_int_equal(info_of(scene.pool).objs_inuse, scene.n);
	for (unsigned int i = 0; i < scene.n; i++)
		assert_true(object_ok(scene.pool, scene.handles[i],
				      scene.sizes[i], i));
}

/* Return: tries that there were. */
static long attempt(const struct operation *op, long nth)
{
	long tries;

	op->make();
	uzs_fault_set_trylock(NULL, nth);
	op->run();
	tries = uzs_fault_seen(UZS_FAULT_TRYLOCK);
	uzs_fault_set_trylock(NULL, 0);
	check_scene();
	if (op->after) {
		op->after();
		check_scene();
	}
	do_free();
	zs_drain(scene.pool);
	assert_nothing_left(scene.pool);
	assert_int_equal(zs_destroy_pool(scene.pool), 0);
	return tries;
}

/* Each of the first so many (half of them with a scale of 10). Of those behind them,
 * which only trim and malloc have, each in class-idx, fewer in the other scopes, and as
 * the scale says. */
#define ALWAYS 100

static void sweep(const struct operation *op)
{
	long step = 100 / min(uzs_test_scale(100), 100) *
		    (test_scope == ZS_SCOPE_CLASS_IDX ? 1 : 8);
	const long always = min(uzs_test_scale(5 * ALWAYS), ALWAYS);
	long nth = 1, tries = attempt(op, 0);

	/* There is something to fail. */
	assert_true(tries > 0);
	while (attempt(op, nth) >= nth)
		nth += nth < always ? 1 : step;
	assert_true(nth > tries / 2);
	print_message("%s: tries up to number %ld failed\n", op->name, nth - 1);
}

#define SWEEP(name, make, run, after)                                    \
	static void tries_##name(void **state)                           \
	{                                                                \
		const struct operation op = { #name, make, run, after }; \
                                                                         \
		sweep(&op);                                              \
	}

SWEEP(free, make_undeferred, do_free, NULL)
SWEEP(free_run, make_undeferred, do_free_run, NULL)
SWEEP(deferred_array, make_array, do_deferred, NULL)
SWEEP(deferred_percpu, make_percpu, do_deferred, NULL)
SWEEP(deferred_reuse, make_reuse, do_deferred, NULL)
SWEEP(replace, make_reuse, do_replace, NULL)
SWEEP(compact, make_sparse, do_compact, compact_the_rest)
SWEEP(trim, make_sparse_sections, do_trim, trim_the_rest)
SWEEP(malloc, make_limited, do_malloc, NULL)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tries_free),
		cmocka_unit_test(tries_free_run),
		cmocka_unit_test(tries_deferred_array),
		cmocka_unit_test(tries_deferred_percpu),
		cmocka_unit_test(tries_deferred_reuse),
		cmocka_unit_test(tries_replace),
		cmocka_unit_test(tries_compact),
		cmocka_unit_test(tries_trim),
		cmocka_unit_test(tries_malloc),
	};

	return run_in_every_variant(tests);
}
