/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_pool.c - src/pool.c: what a pool begins as, what its worker does for
 * it, with and without a thread, and what is left when it is gone.
 */
#include "test_system.h"
#include "retained_util.h"

#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "compat/fault.h"
#include "kernel/obj.h"
#include "profile.h"

/* Threads of the process. A joined thread's entry can outlive it by a
 * moment: waits for that to pass. */
static void assert_threads(unsigned int n)
{
	for (int i = 0; count_entries("/proc/self/task") != n; i++) {
		assert_true(i < 5000);
		sleep_ms(1);
	}
}

/* ---- what a pool begins as -------------------------------------------------- */

static void test_new_pool_has_the_defaults(void **state)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool_info i, none = ZS_POOL_INFO_INIT;
	unsigned int threads = count_entries("/proc/self/task");

	for (int with = 0; with < 2; with++) {
		struct zs_pool *pool = with ? zs_create_pool_with("d", &o)
					    : zs_create_pool("d");

		assert_non_null(pool);
		i = info_of(pool);
		assert_int_equal(i.page_size, 4096);
		assert_int_equal(i.chain_size, 8);
		assert_int_equal(i.memory_limit_bytes, 0);
		assert_int_equal(i.retained_bytes, 4 * MIB);
		assert_int_equal(zs_class_count(pool), 255);
		if (sizeof(long) == 8)
			assert_int_equal(zs_huge_class_size(pool), 3625);
		/* A few tens of KiB, more with many CPUs, and no thread. */
		assert_in_range(i.bytes_resident, 4096,
				(64 << 10) + uzs_nr_cpu_slots() * 2048);
		assert_int_equal(i.bytes_resident, pool->meta_bytes);
		assert_int_equal(i.bytes_mapped,
				 pool->meta_bytes + uzs_idle_rows_bytes(pool));
		assert_threads(threads);
		/* All else is nothing. */
		none.page_size = i.page_size;
		none.chain_size = i.chain_size;
		none.retained_bytes = i.retained_bytes;
		none.bytes_mapped = i.bytes_mapped;
		none.bytes_resident = i.bytes_resident;
		assert_memory_equal(&i, &none, sizeof(i));
		assert_sound(pool);
		assert_int_equal(zs_destroy_pool(pool), 0);
	}
	/* Options are copied. */
	o.retained_bytes = 12345678;
	o.memory_limit = 50 * MIB;
	o.page_size = 8192;
	o.chain_size = 5;
	{
		struct zs_pool *pool = zs_create_pool_with("o", &o);

		memset(&o, 0xee, sizeof(o));
		i = info_of(pool);
		assert_int_equal(i.page_size, 8192);
		assert_int_equal(i.chain_size, 5);
		assert_int_equal(i.memory_limit_bytes, 50 * MIB);
		assert_int_equal(i.retained_bytes, 12345678);
		zs_destroy_pool(pool);
	}
}

/* Every geometry does all there is to do. */
static void test_every_geometry_works(void **state)
{
	struct rng rng;

	rng_seed(&rng, 1);
	for (unsigned int page = 4096; page <= 65536; page *= 2) {
		for (unsigned int chain = 4; chain <= 16; chain++) {
			struct zs_pool *pool = make_pool(page, chain, 0);
			unsigned long handles[300], freed;
			unsigned int sizes[300], live = 0;
			struct zs_pool_info i = info_of(pool);

			assert_int_equal(i.page_size, page);
			assert_int_equal(i.chain_size, chain);
			for (unsigned int n = 0; n < 300; n++) {
				/* Half of them in one class. */
				sizes[n] = n % 2 ? page * 3 / 10
						 : rng_range(&rng, 1, page);
				handles[n] = must_malloc(pool, sizes[n]);
				assert_true(object_fill(pool, handles[n],
							sizes[n], n));
			}
			for (unsigned int n = 0; n < 300; n++) {
				if (rng_below(&rng, 3) == 0)
					continue;
				zs_free(pool, handles[n]);
				handles[n] = 0;
			}
			freed = zs_compact(pool);
			assert_true(freed > 0);
			zs_trim(pool);
			for (unsigned int n = 0; n < 300; n++) {
				if (!handles[n])
					continue;
				live++;
				assert_true(object_ok(pool, handles[n],
						      sizes[n], n));
			}
			assert_sound(pool);
			assert_int_equal(zs_destroy_pool(pool), live);
		}
	}
}

#define MANY 150u

/* Many at once: none knows of the others. */
static void test_pools_do_not_know_each_other(void **state)
{
	const unsigned int nr = min((unsigned int)uzs_test_scale(MANY), MANY);
	unsigned long handle[MANY][3];
	struct zs_pool *pool[MANY];
	char name[32];

	for (unsigned int i = 0; i < nr; i++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

		o.page_size = 4096u << i % 5;
		o.chain_size = 4 + i % 13;
		snprintf(name, sizeof(name), "pool %u", i);
		pool[i] = zs_create_pool_with(name, &o);
		assert_non_null(pool[i]);
	}
	for (unsigned int n = 0; n < 3; n++)
		for (unsigned int i = 0; i < nr; i++) {
			handle[i][n] = must_malloc(pool[i], 100 + 1000 * n);
			assert_true(object_fill(pool[i], handle[i][n],
						100 + 1000 * n, i * 3 + n));
		}
	/* Every second one goes; the others stay as they are. */
	for (unsigned int i = 0; i < nr; i += 2)
		assert_int_equal(zs_destroy_pool(pool[i]), 3);
	for (unsigned int i = 1; i < nr; i += 2) {
		assert_int_equal(info_of(pool[i]).objs_inuse, 3);
		for (unsigned int n = 0; n < 3; n++)
			assert_true(object_ok(pool[i], handle[i][n],
					      100 + 1000 * n, i * 3 + n));
		zs_free(pool[i], handle[i][1]);
		zs_compact(pool[i]);
		zs_trim(pool[i]);
		assert_sound(pool[i]);
		assert_int_equal(zs_destroy_pool(pool[i]), 2);
	}
}

/* ---- the worker --------------------------------------------------------------- */

/* TSan has a thread of its own. */
#if !UNDER_TSAN
/* The id of the only thread besides this one; 0 if there is none. */
static long other_thread(void)
{
	DIR *d = opendir("/proc/self/task");
	long found = 0;

	for (struct dirent *e; (e = readdir(d));) {
		long id = strtol(e->d_name, NULL, 10);

		if (id && id != getpid()) {
			assert_int_equal(found, 0);
			found = id;
		}
	}
	closedir(d);
	return found;
}
#endif

/* Started when first needed, only one, named after its pool, with the
 * program's signals blocked, gone with its pool. */
static void test_worker_begins_when_needed_and_ends(void **state)
{
#if UNDER_TSAN
	skip();
#else
	static const int signals[] = { SIGSEGV, SIGBUS,	 SIGFPE,
				       SIGILL,	SIGTRAP, SIGSYS,
				       SIGABRT, SIGKILL, SIGSTOP };
	struct zs_pool *pool = make_retaining(MIB, 0);
	char path[64], line[256], name[32] = "";
	uint64_t blocked = 0, own = 0;
	FILE *file;
	long id;

	must_malloc(pool, 100);
	zs_compact(pool);
	zs_trim(pool);
	zs_drain(pool);
	assert_threads(1);
	for (int i = 0; i < 3; i++) {
		fill_and_free(pool, 8 * MIB);
		assert_threads(2);
	}
	id = other_thread();
	assert_int_not_equal(id, 0);
	snprintf(path, sizeof(path), "/proc/self/task/%ld/status", id);
	zs_drain(pool); /* by now it runs */
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "SigBlk: %" SCNx64, &blocked);
		sscanf(line, "Name: %31s", name);
	}
	fclose(file);
	assert_string_equal(name, "uzs/retaining");
	/* 1 to 31 but what a thread causes itself, and KILL and STOP, which
	 * cannot be. */
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		own |= UINT64_C(1) << (signals[i] - 1);
	assert_int_equal(blocked & 0x7fffffffu, 0x7fffffffu & ~own);
	assert_int_equal(zs_destroy_pool(pool), 1);
	assert_threads(1);

	pool = make_retaining(1, ZS_POOL_NO_WORKER);
	fill_and_free(pool, 8 * MIB);
	zs_drain(pool);
	assert_threads(1);
	zs_destroy_pool(pool);
#endif
}

/* If no thread can be had, whoever drains does the work. */
static void test_without_thread_who_drains_works(void **state)
{
	struct zs_pool *pool = make_retaining(MIB, 0);
	const unsigned int nr = 8 * 256;
	unsigned long handles[8 * 256];
	unsigned long ran;

	for (unsigned int i = 0; i < nr; i++)
		handles[i] = must_malloc(pool, 4096);
	uzs_fault_set(UZS_FAULT_OS, 1);
	for (unsigned int i = 0; i < nr; i++)
		zs_free(pool, handles[i]);
	/* The thread was the only thing that was asked for. */
	assert_true(uzs_fault_seen(UZS_FAULT_OS) >= 1);
	uzs_fault_set(UZS_FAULT_OS, 0);
	ran = zs_drain(pool);
	assert_true(ran <= 1);
	assert_true(info_of(pool).bytes_free <= MIB);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- zspages whose pages a migration holds ------------------------------------ */

static struct page *first_page_of(struct zs_pool *pool, unsigned long handle)
{
	return zpdesc_page(obj_to_zpdesc(pool, handle_to_obj(handle))
				   ->zspage->first_zpdesc);
}

static unsigned long empty_zspages(struct zs_pool *pool, size_t size)
{
	struct zs_class_info c = ZS_CLASS_INFO_INIT;
	unsigned int index = zs_lookup_class_index(
		pool, (unsigned int)(size + ZS_HANDLE_SIZE));

	assert_int_equal(zs_class_info(pool, index, &c), 0);
	return c.zspages[0];
}

enum who { DRAIN, TRIM, DESTROY, REUSE };

/* The last object of a zspage is freed while a page of it is locked. */
static void hold_up_and_free(unsigned int flags, size_t size, enum who who)
{
	struct zs_pool *pool = make_pool(0, 0, flags);
	unsigned long handle = must_malloc(pool, size);
	unsigned long other = must_malloc(pool, 2040); /* of one page */
	struct page *page = first_page_of(pool, handle);
	struct zs_pool_info before = info_of(pool), i;
	bool worker = !(flags & ZS_POOL_NO_WORKER);

	lock_page(page);
	zs_free(pool, handle);
	i = info_of(pool);
	assert_int_equal(i.objs_inuse, 1);
	assert_int_equal(i.pages, before.pages);
	assert_int_equal(i.objs_capacity, before.objs_capacity);
	assert_int_equal(i.zspages_async_freed, 0);
	if (!worker) {
		assert_int_equal(empty_zspages(pool, size), 1);
		assert_sound(pool);
	}
	if (who == REUSE) {
		/* An empty zspage may be handed out again, unless the worker
		 * has it already. */
		handle = must_malloc(pool, size);
		if (!worker) {
			assert_ptr_equal(first_page_of(pool, handle), page);
			assert_int_equal(info_of(pool).pages, before.pages);
		}
	}
	unlock_page(page);
	switch (who) {
	case DRAIN:
		assert_int_equal(zs_drain(pool), worker ? 0 : 1);
		break;
	case TRIM:
		zs_trim(pool);
		if (worker)
			zs_drain(pool);
		break;
	case REUSE:
		zs_drain(pool);
		assert_true(object_fill(pool, handle, size, 1));
		assert_true(object_ok(pool, handle, size, 1));
		zs_free(pool, handle);
		break;
	case DESTROY:
		assert_int_equal(zs_destroy_pool(pool), 1);
		return;
	}
	i = info_of(pool);
	assert_int_equal(empty_zspages(pool, size), 0);
	assert_int_equal(i.pages, 1);
	assert_int_equal(i.objs_inuse, 1);
	if (who != REUSE)
		assert_int_equal(i.zspages_async_freed, 1);
	assert_sound(pool);
	zs_free(pool, other);
	assert_int_equal(info_of(pool).pages, 0);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

static void test_waiting_zspage_is_freed_by_each(void **state)
{
	static const size_t sizes[] = { 4096, 3000, 700 };

	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++)
		for (int who = DRAIN; who <= REUSE; who++) {
			hold_up_and_free(ZS_POOL_NO_WORKER, sizes[s],
					 (enum who)who);
			hold_up_and_free(0, sizes[s], (enum who)who);
		}
}

/* Many of them, of many classes, and the pool is compacted, trimmed and used
 * while they wait. */
static void test_pool_is_used_while_zspages_wait(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	unsigned long handles[120];
	struct page *pages[120];
	struct zs_pool_info i;

	for (unsigned int n = 0; n < ARRAY_SIZE(handles); n++) {
		handles[n] = must_malloc(pool, 4096 - n % 4 * 300);
		pages[n] = first_page_of(pool, handles[n]);
		/* Objects of one zspage have one first page. */
		for (unsigned int m = 0; m < n; m++)
			if (pages[m] == pages[n])
				pages[n] = NULL;
		if (pages[n])
			lock_page(pages[n]);
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(handles); n++)
		zs_free(pool, handles[n]);
	i = info_of(pool);
	assert_true(i.pages > 100);
	assert_int_equal(i.objs_inuse, 0);
	assert_sound(pool);
	/* Nothing to move: none of them is compacted, nor migrated. */
	assert_int_equal(zs_compact(pool), 0);
	assert_sound(pool);
	for (unsigned int n = 0; n < ARRAY_SIZE(pages); n++)
		if (pages[n])
			unlock_page(pages[n]);
	assert_int_equal(zs_drain(pool), 1);
	i = info_of(pool);
	assert_int_equal(i.pages, 0);
	assert_int_equal(i.objs_capacity, 0);
	assert_true(i.zspages_async_freed > 40);
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), 0);
}

/* ---- destroying --------------------------------------------------------------- */

static unsigned int count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned int n = 0;
	int c;

	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}

/* With objects live, work queued, the worker busy: nothing is left, and the
 * number is right. */
static void test_busy_pool_leaves_nothing(void **state)
{
	unsigned int maps = 0;

	for (int round = 0; round < uzs_test_scale(60) + 3; round++) {
		struct zs_pool *pool =
			make_retaining(1, round % 3 ? 0 : ZS_POOL_NO_WORKER);
		unsigned int nr = 3000, live = 0;
		unsigned long handles[3000];

		for (unsigned int n = 0; n < nr; n++)
			handles[n] = must_malloc(pool, 1 + n * 101 % 4096);
		for (unsigned int n = 0; n < nr; n++) {
			if (n % 5 == (unsigned int)round % 5) {
				live++;
				continue;
			}
			zs_free(pool, handles[n]);
		}
		if (round % 4 == 1)
			zs_compact(pool);
		assert_int_equal(info_of(pool).objs_inuse, live);
		assert_int_equal(zs_destroy_pool(pool), live);
		/* The first round starts what the process keeps: arenas of
		 * malloc, stacks of threads. */
		if (round == 2)
			maps = count_maps();
	}
	/* Not one mapping for each round, nor each section. */
	assert_true(count_maps() <= maps + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_pool_has_the_defaults),
		cmocka_unit_test(test_every_geometry_works),
		cmocka_unit_test(test_pools_do_not_know_each_other),
		cmocka_unit_test(test_worker_begins_when_needed_and_ends),
		cmocka_unit_test(test_without_thread_who_drains_works),
		cmocka_unit_test(test_waiting_zspage_is_freed_by_each),
		cmocka_unit_test(test_pool_is_used_while_zspages_wait),
		cmocka_unit_test(test_busy_pool_leaves_nothing),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
