/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_pool.c - src/pool.c: what a pool begins as, what its worker does for
 * it, with and without a thread, and what is left when it is gone.
 */
#include "test_system.h"
#include "test_util.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "compat/fault.h"
#include "compat/os.h"
#include "words.h"

#define MIB ((size_t)1 << 20)

static void sleep_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

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
		assert_in_range(i.bytes_mapped, 4096,
				(64 << 10) + uzs_nr_cpu_slots() * 2048);
		assert_int_equal(i.bytes_resident, i.bytes_mapped);
		assert_int_equal(i.bytes_mapped, pool->meta_bytes);
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

/* ---- giving memory back ------------------------------------------------------ */

/* Allocates `bytes` of pages and frees them all. */
static void fill_and_free(struct zs_pool *pool, size_t bytes)
{
	unsigned int page = info_of(pool).page_size;
	unsigned int n = (unsigned int)(bytes / page);
	unsigned long *handles = malloc(n * sizeof(*handles));

	for (unsigned int i = 0; i < n; i++)
		handles[i] = must_malloc(pool, page);
	for (unsigned int i = 0; i < n; i++)
		zs_free(pool, handles[i]);
	free(handles);
}

static struct zs_pool *make_retaining(size_t retained, unsigned int flags)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;
	struct zs_pool *pool;

	o.retained_bytes = retained;
	o.flags = flags;
	pool = zs_create_pool_with("retaining", &o);
	assert_non_null(pool);
	return pool;
}

/* After a large free the worker gives back what is beyond retained_bytes,
 * soon and by itself; without one, zs_drain does it. */
static void test_surplus_is_given_back(void **state)
{
	static const size_t retained[] = { 1, MIB, 0, 12 * MIB };

	for (size_t r = 0; r < ARRAY_SIZE(retained); r++) {
		for (unsigned int no = 0; no < 2; no++) {
			struct zs_pool *pool = make_retaining(
				retained[r], no ? ZS_POOL_NO_WORKER : 0);
			size_t keep = info_of(pool).retained_bytes;
			struct zs_pool_info i;

			fill_and_free(pool, 40 * MIB);
			if (no) {
				i = info_of(pool);
				assert_true(i.bytes_free >= 39 * MIB);
				assert_int_equal(i.bytes_given_back, 0);
				assert_int_equal(zs_drain(pool), 1);
				assert_int_equal(zs_drain(pool), 0);
			} else {
				/* Nobody waits for the worker here but us. */
				for (int ms = 0;
				     info_of(pool).bytes_free > keep; ms++) {
					assert_true(ms < 20000);
					sleep_ms(1);
				}
				zs_drain(pool);
			}
			i = info_of(pool);
			assert_true(i.bytes_free <= keep);
			/* No more than it should. */
			assert_true(i.bytes_free + 4 * MIB >= keep);
			assert_true(i.bytes_given_back + keep >= 40 * MIB);
			/* And no less than what it says: the sections that
			 * are left can hold no more. */
			assert_true(i.bytes_resident <=
				    pool->meta_bytes + keep + MIB);
			assert_int_equal(i.pages, 0);
			assert_sound(pool);
			/* What is retained is used again. */
			fill_and_free(pool, MIB);
			zs_drain(pool);
			assert_sound(pool);
			assert_int_equal(zs_destroy_pool(pool), 0);
		}
	}
}

static void test_all_is_kept_if_wanted(void **state)
{
	struct zs_pool *pool = make_retaining(SIZE_MAX, 0);
	struct zs_pool_info i;

	fill_and_free(pool, 30 * MIB);
	zs_drain(pool);
	i = info_of(pool);
	assert_true(i.bytes_free >= 30 * MIB);
	assert_int_equal(i.bytes_given_back, 0);
	assert_int_equal(i.retained_bytes, SIZE_MAX);
	/* A trim does not ask for it. */
	assert_true(zs_trim(pool) >= 30 * MIB);
	assert_int_equal(info_of(pool).bytes_free, 0);
	zs_destroy_pool(pool);
}

/* Pages that compaction freed are given back like others. */
static void test_compacted_pages_are_given_back(void **state)
{
	struct zs_pool *pool = make_retaining(MIB, ZS_POOL_NO_WORKER);
	const unsigned int nr = 24000;
	unsigned long *handles = malloc(nr * sizeof(*handles));
	struct zs_pool_info i;
	unsigned long freed;

	for (unsigned int n = 0; n < nr; n++)
		handles[n] = must_malloc(pool, 1300);
	for (unsigned int n = 0; n < nr; n++)
		if (n % 4)
			zs_free(pool, handles[n]);
	zs_drain(pool);
	freed = zs_compact(pool);
	assert_true(freed * 4096 > 10 * MIB);
	assert_int_equal(zs_drain(pool), 1);
	i = info_of(pool);
	assert_true(i.bytes_free <= MIB);
	assert_true(i.bytes_given_back >= freed * 4096 - 6 * MIB);
	assert_int_equal(zs_destroy_pool(pool), nr / 4);
	free(handles);
}

/* An emptied pool, trimmed, is what it was in the beginning. */
static void test_trimmed_empty_pool_is_as_new(void **state)
{
	static const unsigned int pages[] = { 4096, 16384, 65536 };

	for (size_t p = 0; p < ARRAY_SIZE(pages); p++) {
		for (unsigned int no = 0; no < 2; no++) {
			struct zs_pool *pool = make_pool(
				pages[p], 0, no ? ZS_POOL_NO_WORKER : 0);
			unsigned long handles[2000];
			struct zs_pool_info i;
			size_t before, given;

			for (unsigned int n = 0; n < ARRAY_SIZE(handles); n++)
				handles[n] = must_malloc(pool,
							 1 + n * 37 % pages[p]);
			for (unsigned int n = 0; n < ARRAY_SIZE(handles); n++)
				zs_free(pool, handles[n]);
			zs_drain(pool);
			i = info_of(pool);
			assert_true(i.bytes_free > 0);
			before = i.bytes_resident;
			given = zs_trim(pool);
			i = info_of(pool);
			assert_int_equal(i.bytes_mapped, pool->meta_bytes);
			assert_int_equal(i.bytes_resident, pool->meta_bytes);
			assert_int_equal(i.bytes_free, 0);
			assert_int_equal(i.slab_pages, 0);
			/* Exactly what it says was given back. */
			assert_int_equal(given, before - i.bytes_resident);
			assert_int_equal(zs_trim(pool), 0);
			assert_sound(pool);
			must_malloc(pool, 100);
			assert_int_equal(zs_destroy_pool(pool), 1);
		}
	}
}

/* Of a sparsely used pool, what a trim answers is what the figures show. */
static void test_trim_answers_what_the_figures_show(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);
	const unsigned int nr = 30000;
	unsigned long *handles = malloc(nr * sizeof(*handles));
	struct zs_pool_info before, after;
	size_t given;

	for (unsigned int n = 0; n < nr; n++) {
		handles[n] = must_malloc(pool, 900);
		assert_true(object_fill(pool, handles[n], 900, n));
	}
	for (unsigned int n = 0; n < nr; n++)
		if (n % 10)
			zs_free(pool, handles[n]);
	zs_compact(pool);
	before = info_of(pool);
	given = zs_trim(pool);
	after = info_of(pool);
	assert_true(given > 15 * MIB);
	assert_int_equal(after.bytes_given_back - before.bytes_given_back,
			 given);
	/* What the trim itself filled on the way, a batch of pages for each
	 * CPU that it ran on, is given back too. */
	assert_in_range(given - (before.bytes_resident - after.bytes_resident),
			0, 512 * 1024);
	assert_int_equal(after.bytes_free, 0);
	assert_true(after.pages_migrated > 0);
	assert_true(after.bytes_resident <
		    (after.pages + after.slab_pages) * 4096 + 300 * 1024);
	for (unsigned int n = 0; n < nr; n += 10)
		assert_true(object_ok(pool, handles[n], 900, n));
	assert_sound(pool);
	assert_int_equal(zs_destroy_pool(pool), nr / 10);
	free(handles);
}

/* While somebody trims, another is told 0. */
static void test_second_trimmer_gets_0(void **state)
{
	struct zs_pool *pool = make_pool(0, 0, ZS_POOL_NO_WORKER);

	fill_and_free(pool, MIB);
	WRITE_ONCE(pool->trim_in_progress, true);
	assert_int_equal(zs_trim(pool), 0);
	WRITE_ONCE(pool->trim_in_progress, false);
	assert_true(zs_trim(pool) >= MIB);
	zs_destroy_pool(pool);
}

struct slow_walk {
	struct zs_pool *pool;
	pthread_t thread;
	bool inside; /* atomic */
};

static int walk_slowly(unsigned long handle, void *arg)
{
	struct slow_walk *w = arg;

	WRITE_ONCE(w->inside, true);
	sleep_ms(20);
	return 0;
}

static void *walk(void *arg)
{
	struct slow_walk *w = arg;

	zs_for_each_live(w->pool, walk_slowly, w);
	return NULL;
}

/* But whoever else keeps sections from going away is waited for: the worker,
 * walks, checks. */
static void test_trim_waits_for_who_pins_sections(void **state)
{
	for (int round = 0; round < uzs_test_scale(20); round++) {
		struct slow_walk w = { .pool = make_retaining(1, 0) };
		struct zs_pool_info i;

		if (round % 4 == 0) {
			must_malloc(w.pool, 100);
			assert_int_equal(
				pthread_create(&w.thread, NULL, walk, &w), 0);
			while (!READ_ONCE(w.inside))
				sched_yield();
		}
		/* With the worker in the middle of it. */
		fill_and_free(w.pool, (size_t)(4 + round) * MIB);
		zs_trim(w.pool);
		i = info_of(w.pool);
		assert_int_equal(i.bytes_free, 0);
		assert_true(i.bytes_resident <=
			    w.pool->meta_bytes + 100 * 4096);
		if (round % 4 == 0)
			assert_int_equal(pthread_join(w.thread, NULL), 0);
		assert_sound(w.pool);
		assert_int_equal(zs_destroy_pool(w.pool), round % 4 == 0);
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
		cmocka_unit_test(test_surplus_is_given_back),
		cmocka_unit_test(test_all_is_kept_if_wanted),
		cmocka_unit_test(test_compacted_pages_are_given_back),
		cmocka_unit_test(test_trimmed_empty_pool_is_as_new),
		cmocka_unit_test(test_trim_answers_what_the_figures_show),
		cmocka_unit_test(test_second_trimmer_gets_0),
		cmocka_unit_test(test_trim_waits_for_who_pins_sections),
		cmocka_unit_test(test_worker_begins_when_needed_and_ends),
		cmocka_unit_test(test_without_thread_who_drains_works),
		cmocka_unit_test(test_waiting_zspage_is_freed_by_each),
		cmocka_unit_test(test_pool_is_used_while_zspages_wait),
		cmocka_unit_test(test_busy_pool_leaves_nothing),
	};

	return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
