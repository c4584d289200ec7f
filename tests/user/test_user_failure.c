/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_failure.c - pools of the user profile while the Nth thing of a kind
 * is refused, for N = 1, 2, 3, ... until the calls succeed: memory from the OS,
 * pages, slab objects; and that the OS gives nothing back. Each time the error
 * must be the right one, nothing may be lost, and the pool must be sound and go
 * on working.
 */
#include "user_util.h"

#include "compat/fault.h"

static const char *const kind_names[] = {
	[UZS_FAULT_OS] = "from the OS",	  [UZS_FAULT_PAGE] = "page",
	[UZS_FAULT_SLAB] = "slab object", [UZS_FAULT_TRYLOCK] = "trylock",
	[UZS_FAULT_UNMAP] = "unmapping",  [UZS_FAULT_DISCARD] = "discarding",
	[UZS_FAULT_BARRIER] = "barrier",
};

static void no_faults(void)
{
	for (int kind = 0; kind < UZS_NR_FAULT_KINDS; kind++)
		uzs_fault_set((enum uzs_fault_kind)kind, 0);
}

/* ---- pools -------------------------------------------------------------------- */

static const struct user_geometry *geometry;

static struct zs_pool *make(unsigned int flags)
{
	return make_user_of(geometry, flags | ZS_POOL_NO_WORKER);
}

/* Nothing is left but the pool itself, and (hardened) the heads of sections. */
static void assert_empty(struct zs_pool *pool)
{
	struct zs_pool_info info;

	zs_free_deferred_flush(pool);
	zs_drain(pool);
	zs_trim(pool);
	info = info_of(pool);
	assert_int_equal(info.objs_inuse, 0);
	assert_int_equal(info.objs_capacity, 0);
	assert_int_equal(info.pages, 0);
	assert_int_equal(info.slab_pages, 0);
	assert_int_equal(info.bytes_free, 0);
	if (!pool->hardened) {
		assert_int_equal(info.bytes_mapped, info.bytes_resident);
		assert_int_equal(pool->user->runs.nr_sections, 0);
		assert_int_equal(pool->user->runs.warm_bytes, 0);
	}
	assert_sound(pool);
}

/* It stores, reads, compacts and frees. */
static void assert_works(struct zs_pool *pool)
{
	static const size_t sizes[] = { 1, 48, 900, 4096, 30000, 66000 };
	enum { NR = 36 };
	zs_ref refs[NR] = { ZS_REF_INIT };
	unsigned long handles[NR];

	for (size_t i = 0; i < NR; i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];

		assert_int_equal(ref_fill(pool, &refs[i], size, i), 0);
		handles[i] = must_malloc(pool, size);
		assert_true(object_fill(pool, handles[i], size, i + NR));
	}
	for (size_t i = 0; i < NR; i += 3) {
		zs_ref_free(pool, &refs[i]);
		zs_free(pool, handles[i + 1]);
	}
	zs_compact(pool);
	for (size_t i = 0; i < NR; i++) {
		size_t size = sizes[i % ARRAY_SIZE(sizes)];

		if (i % 3)
			assert_true(ref_ok(pool, &refs[i], size, i));
		if (i % 3 != 1)
			assert_true(object_ok(pool, handles[i], size, i + NR));
	}
	assert_sound(pool);
	for (size_t i = 0; i < NR; i++) {
		zs_ref_free(pool, &refs[i]);
		if (i % 3 != 1)
			zs_free(pool, handles[i]);
	}
}

/* ---- the Nth failure ------------------------------------------------------------ */

struct attempt {
	struct zs_pool *pool;
	size_t size;
	zs_ref ref;
	unsigned long handle;
	unsigned long failed, survived;
};

/* Runs call(a) with the nth attempt refused. `ok`: it succeeded. Return: was
 * there an nth? */
static bool fail_nth(enum uzs_fault_kind kind, long nth,
		     bool (*call)(struct attempt *a), struct attempt *a)
{
	bool ok, hit;

	uzs_fault_set(kind, nth);
	ok = call(a);
	hit = uzs_fault_seen(kind) >= nth;
	no_faults();
	if (!hit && !ok)
		fail_msg("%s %ld was had, but the call failed",
			 kind_names[kind], nth);
	a->failed += !ok;
	a->survived += hit && ok;
	return hit;
}

static bool do_alloc(struct attempt *a)
{
	int err = zs_ref_alloc(a->pool, &a->ref, a->size);

	assert_true(err == 0 || err == -ENOMEM);
	assert_int_equal(a->ref.word != 0, err == 0);
	return err == 0;
}

static bool do_store(struct attempt *a)
{
	int err = ref_fill(a->pool, &a->ref, a->size, 7);

	assert_true(err == 0 || err == -ENOMEM);
	return err == 0;
}

static bool do_malloc(struct attempt *a)
{
	a->handle = zs_malloc(a->pool, a->size, GFP_KERNEL, NUMA_NO_NODE);
	assert_true(!zs_is_err(a->handle) || zs_err(a->handle) == -ENOMEM);
	return !zs_is_err(a->handle);
}

static const size_t sizes[] = { 1, 100, 3000, 4096, 20000, 70000, 1048576 };

/* The first object of a pool: everything is still to be had. */
static void test_first_object_survives_failures(void **state)
{
	static bool (*const calls[])(struct attempt *) = { do_alloc, do_store,
							   do_malloc };
	unsigned long failed[3] = { 0 };

	for (unsigned int hard = 0; hard < 2; hard++)
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
			for (size_t c = 0; c < ARRAY_SIZE(calls); c++)
				for (int kind = 0; kind < UZS_NR_ALLOC_FAULTS;
				     kind++) {
					bool hit = true;

					for (long nth = 1; hit; nth++) {
						struct attempt a = {
							.size = sizes[s]
						};

						a.pool = make(
							hard ? ZS_POOL_HARDENED
							     : 0);
						hit = fail_nth(
							(enum uzs_fault_kind)
								kind,
							nth, calls[c], &a);
						failed[c] += a.failed;
						assert_int_equal(
							info_of(a.pool)
								.objs_inuse,
							!a.failed);
						if (a.failed)
							assert_int_equal(
								info_of(a.pool)
									.pages,
								0);
						assert_sound(a.pool);
						if (a.ref.word)
							zs_ref_free(a.pool,
								    &a.ref);
						else if (!a.failed)
							zs_free(a.pool,
								a.handle);
						assert_works(a.pool);
						assert_empty(a.pool);
						assert_int_equal(
							zs_destroy_pool(a.pool),
							0);
					}
				}
	for (size_t c = 0; c < ARRAY_SIZE(calls); c++)
		assert_true(failed[c] > 0);
}

/* A store over an object: the old one stays, or the new one is there. */
static void test_replacing_survives_failures(void **state)
{
	unsigned long failed = 0;

	for (unsigned int hard = 0; hard < 2; hard++)
		for (size_t old = 0; old < ARRAY_SIZE(sizes); old++)
			for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
				bool hit = true;

				for (long nth = 1; hit; nth++) {
					struct attempt a = { .size = sizes[s] };

					a.pool = make(hard ? ZS_POOL_HARDENED
							   : 0);
					assert_int_equal(
						ref_fill(a.pool, &a.ref,
							 sizes[old], 3),
						0);
					hit = fail_nth(UZS_FAULT_OS, nth,
						       do_store, &a);
					failed += a.failed;
					assert_true(
						a.failed
							? ref_ok(a.pool, &a.ref,
								 sizes[old], 3)
							: ref_ok(a.pool, &a.ref,
								 sizes[s], 7));
					assert_int_equal(
						info_of(a.pool).objs_inuse, 1);
					assert_sound(a.pool);
					zs_ref_free(a.pool, &a.ref);
					assert_empty(a.pool);
					assert_int_equal(
						zs_destroy_pool(a.pool), 0);
				}
			}
	assert_true(failed > 0);
}

static void test_failed_create_leaves_nothing(void **state)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;
	struct zs_pool *pool = NULL;

	for (int defer = 0; defer <= (int)VARIANT_LAST_DEFER; defer++)
		for (unsigned int flags = 0; flags < 4; flags++) {
			long nth = 0;

			o.page_size = geometry->page_size;
			o.chain_size = geometry->chain_size;
			o.defer = (enum zs_defer_mode)defer;
			o.flags = flags;
			do {
				errno = 0;
				uzs_fault_set(UZS_FAULT_OS, ++nth);
				pool = zs_create_pool_with("failure", &o);
				if (!pool)
					assert_int_equal(errno, ENOMEM);
			} while (!pool);
			no_faults();
			/* The pool, and what is queued. */
			assert_int_equal(nth, 2 + (defer == ZS_DEFER_ARRAY ||
						   defer == ZS_DEFER_PERCPU));
			assert_int_equal(zs_destroy_pool(pool), 0);
		}
	/* Options that are wrong need no memory. */
	o.chain_size = 3;
	uzs_fault_set(UZS_FAULT_OS, 1);
	assert_null(zs_create_pool_with("failure", &o));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(uzs_fault_seen(UZS_FAULT_OS), 0);
	no_faults();
}

/* ---- many objects ------------------------------------------------------------------ */

enum { NR = 120 };

struct series {
	struct attempt a;
	zs_ref refs[NR];
	unsigned long handles[NR];
	size_t sizes[NR];
	unsigned int failed;
};

/* Stores, frees, compacts, trims, and stores again. */
static bool run_series(struct attempt *a)
{
	struct series *s = (struct series *)a;
	struct rng rng;

	rng_seed(&rng, 5);
	s->failed = 0;
	for (unsigned int i = 0; i < NR; i++) {
		int err;

		s->sizes[i] = i % 12 ? 1 + rng_below(&rng, 2500)
				     : log_uniform(&rng, 200000);
		if (i % 3 == 0) {
			s->handles[i] = zs_malloc(a->pool, s->sizes[i],
						  GFP_KERNEL, NUMA_NO_NODE);
			err = zs_err(s->handles[i]);
			if (err)
				s->handles[i] = 0;
			else
				assert_true(object_fill(a->pool, s->handles[i],
							s->sizes[i], i));
		} else {
			err = ref_fill(a->pool, &s->refs[i], s->sizes[i], i);
		}
		assert_true(err == 0 || err == -ENOMEM);
		s->failed += err != 0;
		/* Some go at once. */
		if (i % 4 == 1) {
			zs_ref_free(a->pool, &s->refs[i]);
			zs_free(a->pool, s->handles[i]);
			s->handles[i] = 0;
		}
		if (i == NR / 2) {
			zs_compact(a->pool);
			zs_trim(a->pool);
		}
	}
	zs_free_deferred_flush(a->pool);
	zs_compact(a->pool);
	zs_drain(a->pool);
	zs_trim(a->pool);
	return s->failed == 0;
}

static void test_series_survives_failures(void **state)
{
	static struct series s;
	unsigned long hits[UZS_NR_FAULT_KINDS] = { 0 };
	bool named = false;

	for (int kind = 0; kind < UZS_NR_FAULT_KINDS; kind++) {
		bool hit = true;
		long step;

		for (long nth = 1; hit; nth += step) {
			struct zs_pool_options o = USER_OPTIONS_INIT;
			unsigned long live = 0;

			memset(&s, 0, sizeof(s));
			o.page_size = geometry->page_size;
			o.chain_size = geometry->chain_size;
			o.flags = ZS_POOL_NO_WORKER;
			o.flags |= nth % 4 == 3 ? ZS_POOL_HARDENED : 0;
			o.retained_bytes = nth % 2;
			s.a.pool = make_user_with(&o);
			named |= s.a.pool->user->names_reads;
			hit = fail_nth((enum uzs_fault_kind)kind, nth,
				       run_series, &s.a);
			hits[kind] += hit;
			/* Every attempt at first, then some. */
			step = nth < 25 ? 1 : 11;
			assert_true(s.failed <= 1);
			/* Giving back cannot fail for the caller. (What is
			 * mapped has to be cut to size.) */
			if (kind == UZS_FAULT_DISCARD ||
			    kind == UZS_FAULT_BARRIER ||
			    kind == UZS_FAULT_TRYLOCK)
				assert_int_equal(s.failed, 0);
			assert_sound(s.a.pool);
			for (unsigned int i = 0; i < NR; i++) {
				if (s.refs[i].word)
					assert_true(ref_ok(s.a.pool, &s.refs[i],
							   s.sizes[i], i));
				if (s.handles[i])
					assert_true(object_ok(s.a.pool,
							      s.handles[i],
							      s.sizes[i], i));
				live += s.refs[i].word || s.handles[i];
			}
			assert_int_equal(info_of(s.a.pool).objs_inuse, live);
			assert_works(s.a.pool);
			for (unsigned int i = 0; i < NR; i++) {
				zs_ref_free(s.a.pool, &s.refs[i]);
				zs_free(s.a.pool, s.handles[i]);
			}
			assert_empty(s.a.pool);
			assert_int_equal(zs_destroy_pool(s.a.pool), 0);
		}
	}
	assert_true(hits[UZS_FAULT_OS] > 0);
	assert_true(hits[UZS_FAULT_SLAB] > 0);
	assert_true(hits[UZS_FAULT_DISCARD] > 0);
	assert_true(hits[UZS_FAULT_UNMAP] > 0);
	assert_true(hits[UZS_FAULT_BARRIER] > 0 || !named);
}

/* From some time on the OS gives nothing, or takes nothing back, for good. */
static void test_series_survives_a_broken_os(void **state)
{
	static const enum uzs_fault_kind kinds[] = { UZS_FAULT_OS,
						     UZS_FAULT_UNMAP,
						     UZS_FAULT_DISCARD };
	static struct series s;

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (long nth = 1; nth < 40; nth += 1 + nth / 4) {
			memset(&s, 0, sizeof(s));
			s.a.pool = make(nth % 2 ? ZS_POOL_HARDENED : 0);
			uzs_fault_set_from(kinds[k], nth);
			run_series(&s.a);
			assert_sound(s.a.pool);
			no_faults();
			assert_true(s.failed == 0 ||
				    kinds[k] != UZS_FAULT_DISCARD);
			for (unsigned int i = 0; i < NR; i++) {
				if (s.refs[i].word)
					assert_true(ref_ok(s.a.pool, &s.refs[i],
							   s.sizes[i], i));
				if (s.handles[i])
					assert_true(object_ok(s.a.pool,
							      s.handles[i],
							      s.sizes[i], i));
				zs_ref_free(s.a.pool, &s.refs[i]);
				zs_free(s.a.pool, s.handles[i]);
			}
			assert_works(s.a.pool);
			assert_empty(s.a.pool);
			assert_int_equal(zs_destroy_pool(s.a.pool), 0);
		}
}

/* ---- failures at random, of all kinds ------------------------------------------------ */

static void test_random_failures_lose_nothing(void **state)
{
	enum { MOST = 800 };

	for (unsigned int round = 0; round < 2; round++) {
		struct zs_pool *pool = make(round ? ZS_POOL_HARDENED : 0);
		static zs_ref refs[MOST];
		static size_t lens[MOST];
		static uint64_t keys[MOST];
		unsigned long failed = 0, live = 0;
		struct rng rng;

		rng_seed(&rng, round);
		memset(refs, 0, sizeof(refs));
		for (int step = uzs_test_scale(3000); step > 0; step--) {
			unsigned int i = rng_below(&rng, MOST);
			size_t len = rng_below(&rng, 8)
					     ? 1 + rng_below(&rng, 3000)
					     : log_uniform(&rng, 100000);

			for (int k = 0; k < UZS_NR_FAULT_KINDS; k++)
				if (rng_below(&rng, 3) == 0)
					uzs_fault_set((enum uzs_fault_kind)k,
						      rng_range(&rng, 1, 6));
			switch (rng_below(&rng, 20)) {
			case 0:
				zs_compact(pool);
				break;
			case 1:
				zs_trim(pool);
				break;
			case 2:
				zs_drain(pool);
				break;
			case 3:
			case 4:
			case 5:
			case 6:
				if (!refs[i].word)
					break;
				assert_true(ref_ok(pool, &refs[i], lens[i],
						   keys[i]));
				zs_ref_free(pool, &refs[i]);
				live--;
				break;
			default: {
				bool old = refs[i].word != 0;
				int err = ref_fill(pool, &refs[i], len,
						   (uint64_t)step);

				if (err) {
					assert_int_equal(err, -ENOMEM);
					assert_int_equal(refs[i].word != 0,
							 old);
					failed++;
				} else {
					live += !old;
					lens[i] = len;
					keys[i] = (uint64_t)step;
				}
				if (refs[i].word)
					assert_true(ref_ok(pool, &refs[i],
							   lens[i], keys[i]));
			}
			}
			assert_int_equal(info_of(pool).objs_inuse, live);
		}
		no_faults();
		assert_sound(pool);
		for (unsigned int i = 0; i < MOST; i++) {
			if (refs[i].word)
				assert_true(ref_ok(pool, &refs[i], lens[i],
						   keys[i]));
			zs_ref_free(pool, &refs[i]);
		}
		print_message("             %lu failures\n", failed);
		assert_works(pool);
		assert_empty(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_object_survives_failures),
		cmocka_unit_test(test_replacing_survives_failures),
		cmocka_unit_test(test_failed_create_leaves_nothing),
		cmocka_unit_test(test_series_survives_failures),
		cmocka_unit_test(test_series_survives_a_broken_os),
		cmocka_unit_test(test_random_failures_lose_nothing),
	};
	int failed = 0;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g += 3) {
		char name[40];

		geometry = &user_geometries[g];
		snprintf(name, sizeof(name), "user failure, %u, %u",
			 geometry->page_size, geometry->chain_size);
		failed += cmocka_run_group_tests_name(name, tests, NULL, NULL);
	}
	return failed;
}
