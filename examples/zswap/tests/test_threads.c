/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_threads.c - all calls at once: on shared offsets, and on offsets of one
 * thread while others and the worker write back. */
#include "util.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "swap.h"

#define THREADS 4

struct worker {
	pthread_t thread;
	void *subject;
	uint32_t id, random;
	unsigned long found, wrong;
};

static void run(void *(*work)(void *), void *subject)
{
	struct worker worker[THREADS];
	unsigned long found = 0;

	for (uint32_t i = 0; i < THREADS; i++) {
		worker[i] = (struct worker){ .subject = subject,
					     .id = i,
					     .random = i + 1 };
		assert_int_equal(pthread_create(&worker[i].thread, NULL, work,
						&worker[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(worker[i].thread, NULL);
		assert_int_equal(worker[i].wrong, 0);
		found += worker[i].found;
	}
	assert_true(found > 100);
}

/* ---- the same offsets ---------------------------------------------------- */

#define SHARED 48
#define VERSIONS 7

static unsigned char valid[SHARED][VERSIONS][PAGE];

/* Is it one of the pages that were stored there, and complete? */
static bool is_valid(uint64_t offset, const void *page)
{
	for (int version = 0; version < VERSIONS; version++)
		if (!memcmp(valid[offset][version], page, PAGE))
			return true;
	return false;
}

static atomic_ulong backing_writes, backing_wrong;

static int take_page(void *arg, uint64_t offset, const void *page)
{
	(void)arg;
	if (offset >= SHARED || !is_valid(offset, page))
		atomic_fetch_add(&backing_wrong, 1);
	/* Every fourth write fails. */
	return atomic_fetch_add(&backing_writes, 1) % 4 ? 0 : -EIO;
}

static void *use_shared(void *arg)
{
	struct worker *w = arg;
	struct zswap *z = w->subject;
	unsigned char page[PAGE];

	for (unsigned int i = 0; i < scaled(40000); i++) {
		uint64_t offset = next_random(&w->random) % SHARED;
		unsigned int version = next_random(&w->random) % VERSIONS;
		unsigned int what = next_random(&w->random) % 100;

		if (what < 40) {
			/* Version 1 does not compress. */
			int err =
				zswap_store(z, offset, valid[offset][version]);

			w->wrong += err != (version == 1 ? -E2BIG : 0);
		} else if (what < 80) {
			int err = zswap_load(z, offset, page);

			w->wrong += err && err != -ENOENT;
			w->wrong += !err && !is_valid(offset, page);
			w->found += !err;
		} else if (what < 95) {
			zswap_invalidate(z, offset);
		} else if (what < 97) {
			zswap_writeback(z, 3);
		} else if (what < 98) {
			zswap_invalidate_area(z, offset, 5);
		} else if (i % 16 == 0) {
			w->wrong +=
				zswap_set_compressor(
					z, version % 2 ? "lz4" : "zstd:1") != 0;
		}
	}
	return NULL;
}

static void test_shared(void **state)
{
	struct zswap_options options = {
		.budget_bytes = 64 * MIB,
		.profile = test_profile(),
		.backing = { take_page, NULL },
	};
	struct zswap_stats stats;

	(void)state;
	for (uint64_t offset = 0; offset < SHARED; offset++)
		for (uint32_t version = 0; version < VERSIONS; version++)
			make_page(valid[offset][version], offset, version);
	for (int defer = 0; defer <= ZS_DEFER_REUSE; defer++) {
		struct zswap *z;

		options.defer = (enum zs_defer_mode)defer;
		z = zswap_create(&options);
		assert_non_null(z);
		run(use_shared, z);
		assert_int_equal(backing_wrong, 0);
		zswap_flush(z);
		assert_int_equal(zswap_check(z), 0);
		zswap_stats(z, &stats);
		assert_true(stats.stored_pages <= SHARED);
		assert_true(stats.written_back_pages > 0);
		zswap_destroy(z);
	}
}

/* ---- each its own slots, a pool too small, a file behind it -------------- */

#define OWN 400

static void *use_own(void *arg)
{
	struct worker *w = arg;
	struct swap *swap = w->subject;
	uint32_t version[OWN] = { 0 };
	unsigned char page[PAGE], expected[PAGE];

	for (uint32_t i = 1; i <= scaled(15000) + OWN; i++) {
		uint32_t n = next_random(&w->random) % OWN;
		uint64_t slot = (uint64_t)n * THREADS + w->id;
		unsigned int what = next_random(&w->random) % 10;

		/* The worker does so, too, but at times of its own. */
		if (i % 128 == 0)
			zswap_writeback(swap_zswap(swap), 4);
		/* At the end all pages that are there. */
		if (i > scaled(15000)) {
			n = i - scaled(15000) - 1;
			slot = (uint64_t)n * THREADS + w->id;
			what = 5;
		}
		if (what < 5) {
			make_page(page, slot, i);
			w->wrong += swap_out(swap, slot, page) != 0;
			version[n] = i;
		} else if (what < 9) {
			w->wrong += swap_in(swap, slot, page) !=
				    (version[n] ? 0 : -ENOENT);
			if (version[n]) {
				make_page(expected, slot, version[n]);
				w->wrong += memcmp(page, expected, PAGE) != 0;
				w->found++;
			}
			version[n] = 0;
		} else {
			swap_free(swap, slot);
			version[n] = 0;
		}
	}
	return NULL;
}

static void test_own(void **state)
{
	struct swap_options options = {
		.zswap = { .budget_bytes = MIB / 2,
			   .max_pool_percent = 100,
			   .profile = test_profile() },
		.nr_slots = OWN * THREADS,
		.path = "/tmp",
	};
	struct swap *swap = swap_open(&options);
	struct swap_stats stats;
	struct zswap_stats zstats;

	(void)state;
	assert_non_null(swap);
	run(use_own, swap);
	zswap_flush(swap_zswap(swap));
	swap_stats(swap, &stats);
	zswap_stats(swap_zswap(swap), &zstats);
	assert_true(zstats.written_back_pages > 0);
	assert_true(stats.file_reads > 0);
	assert_int_equal(stats.slots_in_file, 0);
	assert_int_equal(zstats.stored_pages, 0);
	assert_int_equal(zswap_check(swap_zswap(swap)), 0);
	swap_close(swap);
}

/* ---- while a page is written --------------------------------------------- */

static sem_t write_began, write_may_end;

static ssize_t slow_pwrite(int fd, const void *buf, size_t bytes, off_t at)
{
	if (at) { /* not the header */
		sem_post(&write_began);
		sem_wait(&write_may_end);
	}
	return pwrite(fd, buf, bytes, at);
}

static const struct swap_io slow_io = { pread, slow_pwrite };

enum action { TAKE_IN, PUT_OUT, FREE };

struct actor {
	struct swap *swap;
	enum action action;
	int result;
	unsigned char page[PAGE];
};

static void *write_back(void *arg)
{
	struct actor *actor = arg;

	actor->result = (int)zswap_writeback(swap_zswap(actor->swap), 1);
	return NULL;
}

static void *act(void *arg)
{
	struct actor *actor = arg;

	switch (actor->action) {
	case TAKE_IN:
		actor->result = swap_in(actor->swap, 7, actor->page);
		break;
	case PUT_OUT:
		make_page(actor->page, 7, 4);
		actor->result = swap_out(actor->swap, 7, actor->page);
		break;
	case FREE:
		swap_free(actor->swap, 7);
	}
	return NULL;
}

/* A thread wants the page that is just being written to the file. */
static void test_during_writeback(void **state)
{
	struct swap_options options = {
		.zswap = { .budget_bytes = 64 * MIB },
		.nr_slots = 10,
		.path = "/tmp",
		.io = &slow_io,
	};
	pthread_t writer, other;
	struct actor actor[2];

	(void)state;
	sem_init(&write_began, 0, 0);
	sem_init(&write_may_end, 0, 0);
	for (int action = TAKE_IN; action <= FREE; action++) {
		struct swap *swap = swap_open(&options);
		unsigned char page[PAGE];

		assert_non_null(swap);
		for (int i = 0; i < 2; i++)
			actor[i] =
				(struct actor){ .swap = swap,
						.action = (enum action)action };
		make_page(page, 7, 3);
		assert_int_equal(swap_out(swap, 7, page), 0);
		assert_int_equal(pthread_create(&writer, NULL, write_back,
						&actor[0]),
				 0);
		sem_wait(&write_began);
		assert_int_equal(pthread_create(&other, NULL, act, &actor[1]),
				 0);
		usleep(50000); /* the write has begun, and waits */
		sem_post(&write_may_end);
		pthread_join(writer, NULL);
		pthread_join(other, NULL);
		assert_int_equal(actor[0].result, 1);
		assert_int_equal(actor[1].result, 0);
		switch (action) {
		case TAKE_IN:
			assert_page(actor[1].page, 7, 3);
			/* fall through */
		case FREE:
			assert_int_equal(swap_in(swap, 7, page), -ENOENT);
			break;
		default:
			assert_int_equal(swap_in(swap, 7, page), 0);
			assert_page(page, 7, 4);
		}
		swap_close(swap);
	}
	sem_destroy(&write_began);
	sem_destroy(&write_may_end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_during_writeback),
	};

	return cmocka_run_group_tests_name("zswap threads", tests, NULL, NULL);
}
