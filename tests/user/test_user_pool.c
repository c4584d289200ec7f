/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_user_pool.c - pools of the user profile: options, handles, deferrals,
 * statistics, walks, the end. What is the same in all profiles is tested in
 * tests/alloc and tests/whole; here, what the header says of this one.
 */
#include "user_util.h"

static unsigned char buffer[ZS_USER_MAX_SIZE + 65536 + 1];

/* ---- options, names ------------------------------------------------------------ */

static void test_profiles_have_names(void **state)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;
	struct zs_pool *pool = zs_create_pool("default");

	assert_string_equal(zs_profile_name(ZS_PROFILE_DEFAULT), "default");
	assert_string_equal(zs_profile_name(ZS_PROFILE_KERNEL), "kernel");
	assert_string_equal(zs_profile_name(ZS_PROFILE_USER), "user");
	assert_null(zs_profile_name((enum zs_profile)3));
	assert_null(zs_profile_name((enum zs_profile) - 1));

	assert_int_equal(zs_profile(pool), ZS_PROFILE_KERNEL);
	zs_destroy_pool(pool);
	for (int p = 1; p <= 2; p++) {
		o.profile = (enum zs_profile)p;
		pool = make_user_with(&o);
		assert_int_equal(zs_profile(pool), p);
		zs_destroy_pool(pool);
	}
	o.profile = (enum zs_profile)3;
	errno = 0;
	assert_null(zs_create_pool_with("bad", &o));
	assert_int_equal(errno, EINVAL);
	o.profile = ZS_PROFILE_USER;
	o.max_overhead_percent = ZS_MAX_OVERHEAD + 1;
	errno = 0;
	assert_null(zs_create_pool_with("bad", &o));
	assert_int_equal(errno, EINVAL);
}

/* A program of a version without profiles. */
static void test_older_options_mean_the_kernel_profile(void **state)
{
	struct zs_pool_options o = USER_OPTIONS_INIT;
	struct zs_pool *pool;

	o.struct_size = offsetof(struct zs_pool_options, profile);
	pool = make_user_with(&o);
	assert_int_equal(zs_profile(pool), ZS_PROFILE_KERNEL);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* Every page size, every chain size: each stores, compacts and is sound. */
static void test_every_geometry_works(void **state)
{
	enum { NR = 300 };
	static zs_ref refs[NR];
	static size_t sizes[NR];
	struct rng rng;

	rng_seed(&rng, 1);
	for (unsigned int page = 4096; page <= 65536; page *= 2)
		for (unsigned int chain = 4; chain <= 16; chain++) {
			const struct user_geometry g = { page, chain };
			struct zs_pool *pool = make_user_of(
				&g, chain % 2 ? ZS_POOL_NO_WORKER : 0);
			struct zs_pool_info info = info_of(pool);

			assert_int_equal(info.page_size,
					 max((size_t)page, uzs_os_page_size()));
			assert_int_equal(info.chain_size, chain);
			for (unsigned int i = 0; i < NR; i++) {
				sizes[i] = log_uniform(&rng, i % 100 ? 20000
								     : 1000000);
				assert_int_equal(ref_fill(pool, &refs[i],
							  sizes[i], i),
						 0);
			}
			for (unsigned int i = 0; i < NR; i += 2)
				zs_ref_free(pool, &refs[i]);
			zs_compact(pool);
			zs_trim(pool);
			assert_sound(pool);
			info = info_of(pool);
			assert_true(info.bytes_resident <= info.bytes_mapped);
			assert_true(info.pages <= info.peak_pages);
			for (unsigned int i = 1; i < NR; i += 2) {
				assert_true(
					ref_ok(pool, &refs[i], sizes[i], i));
				zs_ref_free(pool, &refs[i]);
			}
			assert_int_equal(zs_destroy_pool(pool), 0);
		}
}

static void test_geometry_out_of_range_is_refused(void **state)
{
	static const struct user_geometry bad[] = {
		{ 2048, 0 }, { 4097, 0 }, { 131072, 0 }, { 0, 3 }, { 0, 17 }
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct zs_pool_options o = USER_OPTIONS_INIT;

		o.page_size = bad[i].page_size;
		o.chain_size = bad[i].chain_size;
		errno = 0;
		assert_null(zs_create_pool_with("bad", &o));
		assert_int_equal(errno, EINVAL);
	}
}

static void test_no_worker_starts_no_thread(void **state)
{
	unsigned int threads = count_entries("/proc/self/task");
	struct zs_pool_options o = USER_OPTIONS_INIT;
	struct zs_pool *pool;
	zs_ref ref = ZS_REF_INIT;

	o.flags = ZS_POOL_NO_WORKER;
	o.retained_bytes = 1;
	pool = make_user_with(&o);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(ref_fill(pool, &ref, 500000, i), 0);
		zs_ref_free(pool, &ref);
		assert_int_equal(count_entries("/proc/self/task"), threads);
	}
	assert_true(info_of(pool).bytes_free > 0);
	assert_true(zs_drain(pool) > 0);
	assert_true(info_of(pool).bytes_free <= 1);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- handles -------------------------------------------------------------------- */

static void check_handle(struct zs_pool *pool, size_t size, uint64_t key)
{
	unsigned long handle = must_malloc(pool, size);
	size_t room = zs_obj_room(pool, handle);
	struct iovec iov[2];
	unsigned char *mem;

	assert_int_equal(handle % 2, 0);
	assert_true(room >= size);
	pattern_fill(buffer, room, key);
	assert_int_equal(zs_obj_write(pool, handle, buffer, room + 1), -ERANGE);
	assert_int_equal(zs_obj_write(pool, handle, buffer, 0), -ERANGE);
	assert_int_equal(zs_obj_write(pool, handle, buffer, room), 0);
	/* In one piece, without a buffer. */
	mem = zs_obj_read_begin(pool, handle, room, NULL);
	assert_non_null(mem);
	assert_int_equal((uintptr_t)mem % 8, 0);
	assert_true(pattern_ok(mem, room, key));
	/* A buffer is not used. */
	assert_ptr_equal(zs_obj_read_begin(pool, handle, room, buffer), mem);
	zs_obj_read_end(pool, handle, room, mem);
	zs_obj_read_end(pool, handle, room, mem);
	assert_null(zs_obj_read_begin(pool, handle, room + 1, buffer));
	assert_null(zs_obj_read_begin(pool, handle, 0, buffer));
	memset(iov, 0x11, sizeof(iov));
	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, size), 1);
	assert_ptr_equal(iov[0].iov_base, mem);
	assert_int_equal(iov[0].iov_len, size);
	zs_obj_read_sg_end(pool, handle);
	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, room + 1), 0);
	assert_int_equal(zs_obj_read_sg_begin(pool, handle, iov, 0), 0);
	/* No pin is left. */
	assert_true(*(u64 *)handle < REF_PIN);
	assert_int_equal(zs_obj_room(pool, handle), room);
	zs_free(pool, handle);
}

static void test_handles_name_one_piece(void **state)
{
	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g++)
		for (unsigned int hard = 0; hard < 2; hard++) {
			struct zs_pool *pool =
				make_user_of(&user_geometries[g],
					     hard ? ZS_POOL_HARDENED : 0);

			for (size_t size = 1; size <= ZS_USER_MAX_SIZE;
			     size += 1 + size / (hard ? 5 : 20))
				check_handle(pool, size, size);
			check_handle(pool, ZS_USER_MAX_SIZE, 1);
			assert_sound(pool);
			assert_int_equal(zs_destroy_pool(pool), 0);
		}
}

/* Objects that are read for ever stay in their place, may be written there, and are
 * freed as others are. Some reads are told by the thread's row, most by pins. */
static void test_a_begin_needs_no_end(void **state)
{
	enum { NR = 3000, READ = 60, SIZE = 100 };
	static unsigned long handles[NR];
	static zs_ref refs[NR];
	static char *places[READ];
	struct zs_pool *pool = make_user(0);
	char copy[SIZE];

	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < NR; i++) {
			memset(copy, (int)i, SIZE);
			handles[i] =
				zs_malloc(pool, SIZE, GFP_KERNEL, NUMA_NO_NODE);
			assert_int_equal(
				zs_obj_write(pool, handles[i], copy, SIZE), 0);
			assert_int_equal(
				zs_ref_store(pool, &refs[i], copy, SIZE), 0);
		}
		for (unsigned int i = 0; i < NR; i++) {
			if (i % 20 == 0)
				continue;
			zs_free(pool, handles[i]);
			zs_ref_free(pool, &refs[i]);
		}
		for (unsigned int i = 0; i < READ; i++) {
			unsigned int n = i / 2 * 20;

			places[i] = i % 2 ? zs_ref_begin(pool, &refs[n])
					  : zs_obj_read_begin(pool, handles[n],
							      SIZE, NULL);
			assert_non_null(places[i]);
			assert_int_equal((uintptr_t)places[i] % 8, 0);
			memset(places[i], 'w', SIZE);
		}
		zs_compact(pool);
		zs_trim(pool);
		assert_int_equal(zs_pool_check(pool, stderr), 0);
		for (unsigned int i = 0; i < READ; i++) {
			unsigned int n = i / 2 * 20;
			void *now = i % 2 ? zs_ref_begin(pool, &refs[n])
					  : zs_obj_read_begin(pool, handles[n],
							      SIZE, NULL);

			assert_ptr_equal(now, places[i]);
			for (unsigned int b = 0; b < SIZE; b++)
				assert_int_equal(places[i][b], 'w');
			if (round == 2)
				continue; /* for zs_destroy_pool */
			/* By one of another size, then of the same. */
			for (unsigned int n2 = 0; i % 2 && n2 < 2; n2++) {
				memset(copy, 's', SIZE);
				assert_int_equal(zs_ref_store(pool, &refs[n],
							      copy, SIZE / 2),
						 0);
				assert_int_equal(zs_ref_load(pool, &refs[n],
							     copy, SIZE / 2),
						 0);
				assert_int_equal(copy[0], 's');
			}
			if (i % 2)
				zs_ref_free(pool, &refs[n]);
			else
				zs_free(pool, handles[n]);
		}
		for (unsigned int i = READ / 2 * 20; round < 2 && i < NR;
		     i += 20) {
			zs_free(pool, handles[i]);
			zs_ref_free(pool, &refs[i]);
		}
		assert_int_equal(zs_pool_check(pool, stderr), 0);
		assert_int_equal(info_of(pool).objs_inuse,
				 round < 2 ? 0 : NR / 10);
	}
	assert_int_equal(zs_destroy_pool(pool), NR / 10);
}

static void test_wrong_arguments_are_errors(void **state)
{
	struct zs_pool *pool = make_user(0);
	struct iovec iov[2];

	assert_int_equal(zs_err(zs_malloc(pool, 0, GFP_KERNEL, NUMA_NO_NODE)),
			 -EINVAL);
	assert_int_equal(zs_err(zs_malloc(pool, 1, 0, NUMA_NO_NODE)), -EINVAL);
	assert_int_equal(zs_err(zs_malloc(pool, ZS_USER_MAX_SIZE + 1,
					  GFP_KERNEL, NUMA_NO_NODE)),
			 -ENOSPC);
	assert_int_equal(
		zs_err(zs_malloc(pool, SIZE_MAX, GFP_KERNEL, NUMA_NO_NODE)),
		-ENOSPC);
	/* A pool that has nothing. */
	assert_int_equal(zs_err(zs_malloc(pool, 100, GFP_NOWAIT, NUMA_NO_NODE)),
			 -ENOMEM);
	zs_free(pool, must_malloc(pool, 100));
	zs_free(pool, zs_malloc(pool, 100, GFP_NOWAIT, NUMA_NO_NODE));
	for (int i = 0; i < 2; i++) {
		unsigned long none = i ? (unsigned long)-ENOMEM : 0;

		zs_free(pool, none);
		assert_false(zs_free_deferred(pool, none));
		assert_int_equal(zs_obj_write(pool, none, buffer, 1), -EINVAL);
		assert_null(zs_obj_read_begin(pool, none, 1, buffer));
		assert_int_equal(zs_obj_read_sg_begin(pool, none, iov, 1), 0);
		assert_int_equal(zs_obj_room(pool, none), 0);
	}
	assert_int_equal(info_of(pool).objs_inuse, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_handles_can_be_freed_together(void **state)
{
	enum { NR = 1500 };
	static unsigned long handles[NR + 2];
	struct zs_pool *pool = make_user(0);
	struct rng rng;

	rng_seed(&rng, 5);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < NR; i++) {
			size_t size = 8 + log_uniform(&rng, 20000);

			handles[i] = must_malloc(pool, size);
			assert_true(object_fill(pool, handles[i], size, i));
		}
		handles[NR] = 0;
		handles[NR + 1] = (unsigned long)-ENOMEM;
		for (unsigned int i = 0; i < NR; i++) {
			unsigned int other = rng_below(&rng, NR + 2);
			unsigned long h = handles[i];

			handles[i] = handles[other];
			handles[other] = h;
		}
		assert_int_equal(zs_free_many(pool, handles, NR + 2), NR);
		assert_int_equal(info_of(pool).objs_inuse, 0);
		assert_sound(pool);
	}
	zs_trim(pool);
	assert_int_equal(info_of(pool).pages, 0);
	assert_int_equal(info_of(pool).bytes_free, 0);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- deferrals ------------------------------------------------------------------ */

static void test_deferrals_free_handles(void **state)
{
	enum { NR = 3000 };
	static unsigned long handles[NR];

	for (int mode = ZS_DEFER_DEFAULT; mode <= (int)VARIANT_LAST_DEFER;
	     mode++)
		for (unsigned int flags = 0; flags < 4; flags++) {
			struct zs_pool_options o = USER_OPTIONS_INIT;
			bool queues = mode == ZS_DEFER_ARRAY ||
				      mode == ZS_DEFER_PERCPU;
			unsigned long queued = 0;
			struct zs_pool_info info;
			struct zs_pool *pool;
			zs_ref ref = ZS_REF_INIT;

			o.defer = (enum zs_defer_mode)mode;
			o.flags = flags & 1 ? ZS_POOL_NO_WORKER : 0;
			o.flags |= flags & 2 ? ZS_POOL_HARDENED : 0;
			pool = make_user_with(&o);
			assert_int_equal(ref_fill(pool, &ref, 5000, 1), 0);
			for (unsigned int i = 0; i < NR; i++) {
				handles[i] = must_malloc(pool, 1 + i);
				assert_true(object_fill(pool, handles[i], 1 + i,
							i));
			}
			for (unsigned int i = 0; i < NR; i += 2)
				queued += zs_free_deferred(pool, handles[i]);
			assert_int_equal(queued > 0, queues);
			zs_free_deferred_flush(pool);
			info = info_of(pool);
			assert_int_equal(info.objs_inuse, 1 + NR / 2);
			assert_int_equal(info.deferred_queued, queued);
			assert_int_equal(info.deferred_drained, queued);
			assert_int_equal(info.deferred_reused, 0);
			zs_compact(pool);
			assert_sound(pool);
			for (unsigned int i = 1; i < NR; i += 2) {
				assert_true(
					object_ok(pool, handles[i], 1 + i, i));
				zs_free_deferred(pool, handles[i]);
			}
			assert_true(ref_ok(pool, &ref, 5000, 1));
			/* What was queued is not kept either. */
			zs_ref_free(pool, &ref);
			zs_free_deferred_flush(pool);
			assert_int_equal(info_of(pool).pages, 0);
			assert_int_equal(ref_fill(pool, &ref, 5000, 1), 0);
			for (unsigned int i = 0; i < 10; i++)
				zs_free_deferred(pool, must_malloc(pool, 100));
			/* Destroying flushes by itself. */
			assert_int_equal(zs_destroy_pool(pool), 1);
		}
}

static void drain_handles(void *private_data, void *buf, unsigned int count)
{
	struct zs_pool **pool = private_data;

	for (unsigned int i = 0; i < count; i++)
		zs_free(*pool, ((unsigned long *)buf)[i]);
}

static enum zs_push_result push_handle(void *buf, unsigned int count,
				       unsigned long value)
{
	if (count == 100)
		return ZS_PUSH_FULL;
	((unsigned long *)buf)[count] = value;
	return ZS_PUSH_OK;
}

static void test_buffers_can_be_enabled_later(void **state)
{
	static const struct zs_deferred_ops ops = { push_handle,
						    drain_handles };
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	unsigned int pushed = 0;

	assert_int_equal(zs_pool_enable_deferred_free(pool, &ops, &pool), 0);
	assert_int_equal(zs_pool_enable_deferred_free(pool, &ops, &pool),
			 -EBUSY);
	for (unsigned int i = 0; i < 300; i++) {
		unsigned long handle = must_malloc(pool, 100 + i);

		if (zs_defer_push(pool, handle))
			pushed++;
		else
			zs_free(pool, handle);
	}
	assert_true(pushed >= 100);
	zs_free_deferred_flush(pool);
	assert_int_equal(info_of(pool).objs_inuse, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- statistics ------------------------------------------------------------------- */

static void test_classes_are_what_sizes_need(void **state)
{
	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g++) {
		struct zs_pool *pool = make_user_of(&user_geometries[g], 0);
		unsigned int n = zs_class_count(pool), last = 0;
		size_t page = info_of(pool).page_size;

		assert_true(n > 100);
		/* The word has ten bits for it. */
		assert_true(n <= 1024);
		/* A small pool uses few: neighbours differ by 6 % at most. */
		for (unsigned int i = 1, used = 0, few = 0, shared = 0; i < n;
		     i++) {
			struct zs_class_info c = class_info_of(pool, i), to;

			to = class_info_of(pool,
					   zs_lookup_class_index(pool, c.size));
			assert_true(to.index == i ||
				    (to.index > i &&
				     to.size * 1000ul <= c.size * 1060ul));
			few += to.index != used && to.objs_per_zspage > 1;
			shared += c.objs_per_zspage > 1;
			used = to.index;
			if (i + 1 == n)
				assert_true(few < shared);
		}
		/* A large one uses all. */
		use_all_classes(pool);
		for (unsigned int i = 0; i < n; i++) {
			struct zs_class_info c = class_info_of(pool, i);
			/* its largest object, first word included */
			unsigned int holds = c.size + (c.huge ? USER_HEAD : 0);

			/* Index 0 shows the class of index 1. */
			assert_int_equal(c.index, i ? i : 1);
			assert_true(c.size > last || i <= 1);
			last = c.size;
			assert_true((size_t)c.objs_per_zspage * c.size <=
				    c.pages_per_zspage * page);
			assert_true(c.objs_per_zspage > 0);
			assert_int_equal(c.size % 8, 0);
			assert_int_equal(c.objs_capacity, 0);
			/* The class of its own size. */
			assert_int_equal(zs_lookup_class_index(pool, holds),
					 c.index);
			if (i)
				assert_int_equal(
					zs_lookup_class_index(pool, holds - 7),
					c.index);
			if (i && i + 1 < n)
				assert_int_equal(
					zs_lookup_class_index(pool, holds + 1),
					c.index + 1);
			/* Objects of whole pages waste nothing. */
			if (i && c.size % page == 0 &&
			    c.size * 2 <= page * info_of(pool).chain_size)
				assert_true(c.huge);
			assert_true(!c.huge || (c.objs_per_zspage * c.size ==
						c.pages_per_zspage * page));
		}
		assert_true(last >= ZS_USER_MAX_SIZE);
		assert_int_equal(zs_lookup_class_index(pool, ~0u), n - 1);
		assert_int_equal(zs_lookup_class_index(pool, 0), 1);
		{
			struct zs_class_info c = ZS_CLASS_INFO_INIT;

			assert_int_equal(zs_class_info(pool, n, &c), -ERANGE);
			assert_int_equal(zs_class_info(pool, ~0u, &c), -ERANGE);
		}
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
}

/* ---- small pools ---------------------------------------------------------------- */

/* As pages compress, more or less: a few small ones, most around a third. */
static size_t some_size(u32 *seed)
{
	u32 a = (*seed = *seed * 1103515245 + 12345) >> 16;
	u32 b = (*seed = *seed * 1103515245 + 12345) >> 16;

	return 40 + (a % 2000 + b % 2000) * (a % 8 ? 1 : 2) / 2;
}

static unsigned int classes_for_sizes(struct zs_pool *pool)
{
	unsigned int nr = 0, last = 0;

	for (unsigned int size = 9; size <= 4096; size++) {
		unsigned int index = zs_lookup_class_index(pool, size);

		nr += index != last;
		last = index;
	}
	return nr;
}

static void test_classes_follow_the_pool_s_size(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	enum { NR = 16384 };
	static zs_ref refs[NR];
	static size_t sizes[NR];

	for (unsigned int turn = 0; turn < 2; turn++) {
		struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
		unsigned int few = classes_for_sizes(pool), all, n = 0;
		size_t bytes = 0;
		u32 seed = turn;

		memset(refs, 0, sizeof(refs));
		while (bytes < 10u << 20) {
			assert_true(n < NR);
			sizes[n] = some_size(&seed);
			assert_int_equal(ref_fill(pool, &refs[n], sizes[n], n),
					 0);
			bytes += sizes[n++];
			if (bytes < 7u << 20 && n % 1000 == 0)
				assert_int_equal(classes_for_sizes(pool), few);
		}
		all = classes_for_sizes(pool);
		assert_true(all > few * 3 / 2);
		/* What was stored is where it was. */
		for (unsigned int i = 0; i < n; i++)
			assert_true(ref_ok(pool, &refs[i], sizes[i], i));
		assert_sound(pool);
		/* A little smaller: as before. */
		for (unsigned int i = 0; i < n / 2; i++)
			zs_ref_free(pool, &refs[i]);
		zs_trim(pool);
		assert_int_equal(classes_for_sizes(pool), all);
		for (unsigned int i = n / 2; i < n - n / 16; i++)
			zs_ref_free(pool, &refs[i]);
		zs_trim(pool);
		assert_int_equal(classes_for_sizes(pool), few);
		for (unsigned int i = n - n / 16; i < n; i++)
			assert_true(ref_ok(pool, &refs[i], sizes[i], i));
		/* Replaced, some go to other classes. */
		for (unsigned int i = n - n / 16; i < n; i++) {
			assert_int_equal(ref_fill(pool, &refs[i], sizes[i], i),
					 0);
			assert_true(ref_ok(pool, &refs[i], sizes[i], i));
		}
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), n / 16);
	}
}

/* Memory in zspages over contents. */
static double over_contents(size_t want, bool all)
{
	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	struct zs_pool_info info;
	size_t bytes = 0, n = 0;
	zs_ref *refs = calloc(want / 40, sizeof(*refs));
	u32 seed = 1;

	assert_non_null(refs);
	if (all)
		use_all_classes(pool);
	while (bytes < want) {
		size_t size = some_size(&seed);

		assert_int_equal(zs_ref_store(pool, &refs[n++], buffer, size),
				 0);
		bytes += size;
	}
	info = info_of(pool);
	assert_int_equal(zs_destroy_pool(pool), n);
	free(refs);
	return (double)info.pages * info.page_size / (double)bytes;
}

static void test_small_pools_are_dense(void **state)
{
	static const struct {
		size_t mib;
		double most; /* of the contents */
		double gain; /* of what it takes with all classes */
	} rows[] = { { 1, 1.21, 0.95 }, { 4, 1.10, 0.99 }, { 32, 1.05, 1.02 } };
	struct zs_pool *pool = make_user(0);
	unsigned int page_size = info_of(pool).page_size;

	zs_destroy_pool(pool);
	if (page_size > 4096)
		skip(); /* the bounds are for small pages */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double few = over_contents(rows[i].mib << 20, false);
		double all = over_contents(rows[i].mib << 20, true);

		print_message("%zu MiB: %.3f, with all classes %.3f\n",
			      rows[i].mib, few, all);
		assert_true(few <= rows[i].most);
		assert_true(few <= all * rows[i].gain);
	}
}

/* What all classes have is what the pool has. */
static void check_sums(struct zs_pool *pool)
{
	struct zs_pool_info info = info_of(pool);
	unsigned long inuse = 0, capacity = 0, freeable = 0, pages = 0;

	for (unsigned int i = 1; i < zs_class_count(pool); i++) {
		struct zs_class_info c = class_info_of(pool, i);
		unsigned long zspages = 0;

		for (unsigned int group = 0; group < ZS_NR_FULLNESS_GROUPS;
		     group++)
			zspages += c.zspages[group];
		assert_int_equal(c.zspages[0], 0);
		assert_int_equal(zspages * c.objs_per_zspage, c.objs_capacity);
		assert_int_equal(zspages * c.pages_per_zspage, c.pages_used);
		assert_true(c.objs_inuse <= c.objs_capacity);
		inuse += c.objs_inuse;
		capacity += c.objs_capacity;
		freeable += c.freeable_pages;
		pages += c.pages_used;
	}
	assert_int_equal(inuse, info.objs_inuse);
	assert_int_equal(capacity, info.objs_capacity);
	assert_int_equal(freeable, info.freeable_pages);
	/* A place has no memory before its first use. */
	assert_true(info.pages <= pages);
	assert_true(info.pages <= info.peak_pages);
	assert_true(info.objs_inuse <= info.objs_capacity);
	assert_true(info.freeable_pages <= pages);
	assert_true((info.pages + info.slab_pages) * info.page_size <=
		    info.bytes_resident);
	assert_true(info.bytes_resident <= info.bytes_mapped);
	assert_int_equal(info.pages, zs_get_total_pages(pool));
}

static void test_statistics_add_up(void **state)
{
	enum { NR = 2000 };
	static zs_ref refs[NR];
	static unsigned long handles[NR];

	for (size_t g = 0; g < ARRAY_SIZE(user_geometries); g++) {
		struct zs_pool *pool =
			make_user_of(&user_geometries[g], ZS_POOL_NO_WORKER);
		FILE *null = fopen("/dev/null", "w");
		unsigned int live = 0;
		struct rng rng;

		assert_non_null(null);
		rng_seed(&rng, g);
		memset(refs, 0, sizeof(refs));
		for (unsigned int i = 0; i < NR; i++) {
			assert_int_equal(
				zs_ref_alloc(pool, &refs[i],
					     log_uniform(&rng, 100000)),
				0);
			handles[i] = must_malloc(pool, 1 + i);
			live += 2;
			if (i % 200 == 0) {
				assert_int_equal(info_of(pool).objs_inuse,
						 live);
				check_sums(pool);
			}
		}
		assert_int_equal(zs_print_classes(pool, null), 0);
		for (unsigned int i = 0; i < NR; i++) {
			zs_ref_free(pool, &refs[i]);
			live--;
			if (i % 2) {
				zs_free(pool, handles[i]);
				live--;
			}
			if (i % 200 == 0) {
				assert_int_equal(info_of(pool).objs_inuse,
						 live);
				check_sums(pool);
			}
			if (i % 500 == 0) {
				zs_compact(pool);
				check_sums(pool);
				zs_trim(pool);
				check_sums(pool);
			}
		}
		assert_int_equal(zs_shrink_count(pool),
				 info_of(pool).freeable_pages);
		zs_compact(pool);
		/* Nothing pinned, nothing kept: nothing is left to be freed. */
		assert_int_equal(info_of(pool).freeable_pages, 0);
		assert_int_equal(zs_shrink_scan(pool, 1), ZS_SHRINK_STOP);
		assert_sound(pool);
		fclose(null);
		assert_int_equal(zs_destroy_pool(pool), live);
	}
}

/* Peaks and pages follow what objects need, not what zspages could hold. */
static void test_pages_count_what_was_used(void **state)
{
	SKIP_WITH_LARGE_OS_PAGES();

	struct zs_pool *pool = make_user(ZS_POOL_NO_WORKER);
	zs_ref small = ZS_REF_INIT, large = ZS_REF_INIT;

	assert_int_equal(zs_ref_alloc(pool, &small, 100), 0);
	assert_int_equal(zs_get_total_pages(pool), 1);
	assert_int_equal(zs_ref_alloc(pool, &large, 1000000), 0);
	assert_int_equal(zs_get_total_pages(pool), 1 + 245);
	zs_ref_free(pool, &large);
	assert_int_equal(zs_get_total_pages(pool), 1);
	assert_int_equal(info_of(pool).peak_pages, 246);
	zs_ref_free(pool, &small);
	/* It is kept. */
	assert_int_equal(zs_get_total_pages(pool), 1);
	assert_int_equal(info_of(pool).objs_inuse, 0);
	zs_free_deferred_flush(pool);
	assert_int_equal(zs_get_total_pages(pool), 0);
	assert_int_equal(info_of(pool).objs_capacity, 0);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- walks ----------------------------------------------------------------------- */

#define WALKED 600u

struct walk {
	struct zs_pool *pool;
	unsigned long handles[WALKED];
	zs_ref refs[WALKED];
	bool handle_seen[WALKED], ref_seen[WALKED];
	unsigned long n, zspages, inuse, freed;
	unsigned int group;
};

static int see_live(unsigned long handle, void *arg)
{
	struct walk *walk = arg;

	walk->n++;
	for (unsigned int i = 0; i < WALKED; i++)
		if (walk->handles[i] == handle) {
			assert_false(walk->handle_seen[i]);
			walk->handle_seen[i] = true;
			return 0;
		}
	return -1;
}

static int stop_at_ten(unsigned long handle, void *arg)
{
	struct walk *walk = arg;

	return ++walk->n == 10 ? 4711 : 0;
}

static int free_live(unsigned long handle, void *arg)
{
	struct walk *walk = arg;

	zs_free(walk->pool, handle);
	walk->n++;
	return 0;
}

static void check_place(struct zs_pool *pool, const struct zs_zspage_info *z,
			unsigned int index)
{
	struct zs_obj_place place = ZS_OBJ_PLACE_INIT;
	struct zs_class_info c = class_info_of(pool, z->class_index);
	unsigned long address = z->pfns[0] * pool->page_size +
				(unsigned long)index * c.size -
				(c.huge ? 8 : 0);

	assert_int_equal(zs_obj_place(pool, z->handles[index], &place), 0);
	assert_int_equal(place.class_index, z->class_index);
	assert_int_equal(place.index, index);
	assert_int_equal(place.pages, z->pages);
	assert_int_equal(place.pfn_shift, 0);
	assert_int_equal(place.word,
			 (unsigned long)z->class_index << place.class_shift |
				 address / 8);
	for (unsigned int i = 0; i < z->pages; i++) {
		assert_int_equal(z->pfns[i], z->pfns[0] + i);
		if (i < ZS_PLACE_PAGES)
			assert_int_equal(place.pfns[i], z->pfns[i]);
	}
}

static int see_zspage(const struct zs_zspage_info *z, void *arg)
{
	struct walk *walk = arg;
	unsigned int named = 0;

	assert_true(z->group >= walk->group);
	walk->group = z->group;
	assert_true(z->inuse <= z->objs);
	for (unsigned int i = 0; i < z->objs; i++) {
		unsigned long word = z->handles[i];

		if (!word)
			continue;
		named++;
		for (unsigned int n = 0; n < WALKED; n++) {
			if (walk->handles[n] == word) {
				walk->handle_seen[n] = true;
				check_place(walk->pool, z, i);
			}
			if ((unsigned long)&walk->refs[n] == word)
				walk->ref_seen[n] = true;
		}
	}
	assert_int_equal(named, z->inuse);
	for (unsigned int i = 0; i < z->objs - z->inuse; i++) {
		assert_true(z->free_list[i] < z->objs);
		assert_int_equal(z->handles[z->free_list[i]], 0);
		for (unsigned int n = 0; n < i; n++)
			assert_true(z->free_list[n] != z->free_list[i]);
	}
	walk->zspages++;
	walk->inuse += z->inuse;
	return 0;
}

static int stop_at_once(const struct zs_zspage_info *z, void *arg)
{
	return -7;
}

static void walk_zspages(struct walk *walk)
{
	struct zs_pool *pool = walk->pool;

	walk->zspages = walk->inuse = 0;
	memset(walk->handle_seen, 0, sizeof(walk->handle_seen));
	memset(walk->ref_seen, 0, sizeof(walk->ref_seen));
	for (unsigned int i = 1; i < zs_class_count(pool); i++) {
		struct zs_class_info c = class_info_of(pool, i);
		unsigned long zspages = walk->zspages;

		walk->group = 0;
		assert_int_equal(zs_for_each_zspage(pool, i, see_zspage, walk),
				 0);
		assert_int_equal((walk->zspages - zspages) * c.objs_per_zspage,
				 c.objs_capacity);
		if (walk->zspages != zspages)
			assert_int_equal(zs_for_each_zspage(pool, i,
							    stop_at_once, NULL),
					 -7);
	}
	for (unsigned int i = 0; i < WALKED; i++) {
		assert_int_equal(walk->handle_seen[i], walk->handles[i] != 0);
		assert_int_equal(walk->ref_seen[i], walk->refs[i].word != 0);
	}
	assert_int_equal(walk->inuse, info_of(pool).objs_inuse);
}

static void test_walks_see_all_there_is(void **state)
{
	static struct walk walk;
	struct zs_pool *pool;
	unsigned int live = 0;
	struct rng rng;

	rng_seed(&rng, 2);
	memset(&walk, 0, sizeof(walk));
	walk.pool = pool = make_user(ZS_POOL_NO_WORKER);
	for (unsigned int i = 0; i < WALKED; i++) {
		walk.handles[i] = must_malloc(
			pool, i % 3 ? log_uniform(&rng, 50000) : 20);
		assert_int_equal(zs_ref_alloc(pool, &walk.refs[i],
					      i % 3 ? 20 + i * 5 : 20),
				 0);
	}
	walk_zspages(&walk);
	for (unsigned int i = 0; i < WALKED; i++) {
		if (i % 2) {
			zs_free(pool, walk.handles[i]);
			walk.handles[i] = 0;
		} else {
			live++;
		}
		if (i % 5)
			zs_ref_free(pool, &walk.refs[i]);
	}
	/* What is kept counts as in use in a zspage. */
	zs_free_deferred_flush(pool);
	walk_zspages(&walk);
	zs_compact(pool);
	zs_trim(pool);
	walk_zspages(&walk);
	assert_int_equal(zs_for_each_zspage(pool, zs_class_count(pool),
					    see_zspage, &walk),
			 -ERANGE);

	/* The other walk sees handles only. */
	memset(walk.handle_seen, 0, sizeof(walk.handle_seen));
	walk.n = 0;
	assert_int_equal(zs_for_each_live(pool, see_live, &walk), 0);
	assert_int_equal(walk.n, live);
	walk.n = 0;
	assert_int_equal(zs_for_each_live(pool, stop_at_ten, &walk), 4711);
	assert_int_equal(walk.n, 10);
	walk.n = 0;
	assert_int_equal(zs_for_each_live(pool, free_live, &walk), 0);
	assert_int_equal(walk.n, live);
	assert_int_equal(info_of(pool).objs_inuse, WALKED / 5);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), WALKED / 5);
}

/* ---- the end --------------------------------------------------------------------- */

static void test_destroy_says_what_was_live(void **state)
{
	enum { NR = 500 };
	static zs_ref refs[NR];

	for (unsigned int flags = 0; flags < 4; flags++) {
		unsigned int pool_flags = flags & 1 ? ZS_POOL_NO_WORKER : 0;
		struct zs_pool *pool;
		unsigned int live = 0;

		pool_flags |= flags & 2 ? ZS_POOL_HARDENED : 0;
		pool = make_user(pool_flags);
		memset(refs, 0, sizeof(refs));
		for (unsigned int i = 0; i < NR; i++) {
			unsigned long handle = must_malloc(pool, 1 + 10 * i);

			assert_int_equal(ref_fill(pool, &refs[i], 1 + i * i, i),
					 0);
			if (i % 3 == 0)
				zs_free(pool, handle);
			if (i % 3 == 1)
				zs_ref_free(pool, &refs[i]);
			live += i % 3 < 2 ? 1 : 2;
		}
		/* Some are kept: these are not live. */
		assert_int_equal(info_of(pool).objs_inuse, live);
		assert_int_equal(zs_destroy_pool(pool), live);
		for (unsigned int i = 0; i < NR; i++)
			assert_int_equal(refs[i].word != 0, i % 3 != 1);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles_have_names),
		cmocka_unit_test(test_older_options_mean_the_kernel_profile),
		cmocka_unit_test(test_every_geometry_works),
		cmocka_unit_test(test_geometry_out_of_range_is_refused),
		cmocka_unit_test(test_no_worker_starts_no_thread),
		cmocka_unit_test(test_handles_name_one_piece),
		cmocka_unit_test(test_a_begin_needs_no_end),
		cmocka_unit_test(test_wrong_arguments_are_errors),
		cmocka_unit_test(test_handles_can_be_freed_together),
		cmocka_unit_test(test_deferrals_free_handles),
		cmocka_unit_test(test_buffers_can_be_enabled_later),
		cmocka_unit_test(test_classes_are_what_sizes_need),
		cmocka_unit_test(test_classes_follow_the_pool_s_size),
		cmocka_unit_test(test_small_pools_are_dense),
		cmocka_unit_test(test_statistics_add_up),
		cmocka_unit_test(test_pages_count_what_was_used),
		cmocka_unit_test(test_walks_see_all_there_is),
		cmocka_unit_test(test_destroy_says_what_was_live),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("user pool", tests, NULL, NULL);
}
