/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zcache.c - tests the cache against a plain table, at its limit, and with
 * threads. Also shows how it is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pressure.h"
#include "zcache.h"

#define MIB (1024 * 1024)

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* UZS_TEST_SCALE: percent of the work that shall be done. */
static unsigned int scaled(unsigned int n)
{
	const char *percent = getenv("UZS_TEST_SCALE");

	return percent ? n / 100 * (unsigned int)atoi(percent) : n;
}

static size_t make_key(char *key, unsigned int id)
{
	return (size_t)sprintf(key, "key of a record, number %u", id);
}

/* The value names its key and version. Every fourth does not compress. */
static size_t make_value(char *value, unsigned int id, unsigned int version)
{
	uint32_t state = id * 2654435761u + version;
	size_t bytes = next_random(&state) % 4000, at = 0;

	if (version % 4 == 0)
		for (; at < bytes; at++)
			value[at] = (char)(next_random(&state) >> 7);
	while (at < bytes) {
		char line[64];
		int n = sprintf(line, "record %u, version %u, at %zu\n", id,
				version, at);

		for (int i = 0; i < n && at < bytes; i++)
			value[at++] = line[i];
	}
	return bytes;
}

/* The model: what a plain table would hold. */
#define MODEL_KEYS 3000
static unsigned int model[MODEL_KEYS]; /* version; 0: not there */

static void check_value(struct zcache *cache, unsigned int id,
			unsigned int version)
{
	char key[64], expected[4000], value[4000];
	size_t bytes = make_value(expected, id, version);
	ssize_t got =
		zcache_get(cache, key, make_key(key, id), value, sizeof(value));

	assert_int_equal(got, bytes);
	assert_memory_equal(value, expected, bytes);
}

static void test_model(void **state)
{
	struct zcache *cache = zcache_create(64 * MIB, MODEL_KEYS);
	struct zcache_stats stats;
	char key[64], value[4000];
	size_t entries = 0, value_bytes = 0;
	uint32_t random = 1;

	(void)state;
	assert_non_null(cache);
	memset(model, 0, sizeof(model));
	for (unsigned int step = 1; step <= scaled(40000); step++) {
		unsigned int id = next_random(&random) % MODEL_KEYS;
		size_t key_bytes = make_key(key, id);

		switch (next_random(&random) % 4) {
		case 0:
		case 1:
			assert_int_equal(
				zcache_set(cache, key, key_bytes, value,
					   make_value(value, id, step)),
				0);
			model[id] = step;
			break;
		case 2:
			assert_int_equal(zcache_delete(cache, key, key_bytes),
					 model[id] != 0);
			model[id] = 0;
			break;
		default:
			if (model[id])
				check_value(cache, id, model[id]);
			else
				assert_int_equal(zcache_get(cache, key,
							    key_bytes, value,
							    sizeof(value)),
						 -ENOENT);
		}
	}
	for (unsigned int id = 0; id < MODEL_KEYS; id++) {
		if (!model[id])
			continue;
		check_value(cache, id, model[id]);
		entries++;
		value_bytes += make_value(value, id, model[id]);
	}
	zcache_stats(cache, &stats);
	assert_int_equal(stats.entries, entries);
	assert_int_equal(stats.value_bytes, value_bytes);
	assert_int_equal(stats.evictions, 0);
	zcache_destroy(cache);
}

static void test_arguments(void **state)
{
	static char big[ZCACHE_ENTRY_MAX], back[ZCACHE_ENTRY_MAX];
	struct zcache *cache = zcache_create(8 * MIB, 100);
	struct zcache_stats stats;
	uint32_t random = 1;
	char small[4];

	(void)state;
	assert_non_null(cache);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(next_random(&random) >> 7);
	assert_int_equal(zcache_set(cache, "k", 1, big, sizeof(big) - 1), 0);
	assert_int_equal(zcache_get(cache, "k", 1, small, 4), -ERANGE);
	assert_int_equal(zcache_get(cache, "k", 1, back, sizeof(back)),
			 sizeof(big) - 1);
	assert_memory_equal(back, big, sizeof(big) - 1);
	/* One that compresses, and is longer than what a set has on its stack. */
	memset(big, 'x', sizeof(big) / 2);
	assert_int_equal(zcache_set(cache, "l", 1, big, sizeof(big) / 2), 0);
	assert_int_equal(zcache_get(cache, "l", 1, back, sizeof(back)),
			 sizeof(big) / 2);
	assert_memory_equal(back, big, sizeof(big) / 2);
	assert_true(zcache_delete(cache, "l", 1));
	/* Too long: an error, and the old value is not left there. */
	assert_int_equal(zcache_set(cache, "k", 1, big, sizeof(big)), -EINVAL);
	assert_int_equal(zcache_get(cache, "k", 1, big, sizeof(big)), -ENOENT);
	assert_int_equal(zcache_set(cache, "", 0, "x", 1), -EINVAL);
	/* A value may be empty, and a key may fill a whole object. */
	assert_int_equal(zcache_set(cache, "e", 1, "", 0), 0);
	assert_int_equal(zcache_get(cache, "e", 1, small, 4), 0);
	assert_int_equal(zcache_set(cache, big, sizeof(big), "", 0), 0);
	assert_int_equal(zcache_get(cache, big, sizeof(big), small, 4), 0);
	zcache_stats(cache, &stats);
	assert_int_equal(stats.entries, 2);
	zcache_destroy(cache);

	errno = 0;
	assert_null(zcache_create(MIB, 100));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(zcache_create(4 * MIB, 0));
	assert_int_equal(errno, EINVAL);
}

/* Sets more than there is room for: memory stays within the limit, values that
 * are found are right, and keys that are used stay. */
static void run_limit(size_t limit, unsigned int ids)
{
	struct zcache *cache = zcache_create(limit, ids);
	struct zcache_stats stats;
	char key[64], value[4000], expected[4000];
	unsigned int hot_hits = 0, cold_hits = 0;

	assert_non_null(cache);
	for (unsigned int id = 0; id < ids; id++) {
		assert_int_equal(zcache_set(cache, key, make_key(key, id),
					    value,
					    make_value(value, id, id + 1)),
				 0);
		if (id % 8 == 0)
			for (unsigned int hot = 0; hot < 50; hot++)
				zcache_get(cache, key, make_key(key, hot),
					   value, sizeof(value));
		if (id % 256 == 0) {
			zcache_stats(cache, &stats);
			assert_true(stats.memory_bytes <= limit);
		}
	}
	zcache_stats(cache, &stats);
	assert_true(stats.evictions > 1000);
	assert_true(stats.entries + stats.evictions == ids);
	assert_true(stats.memory_bytes <= limit);
	for (unsigned int id = 0; id < ids; id++) {
		size_t bytes = make_value(expected, id, id + 1);
		ssize_t got = zcache_get(cache, key, make_key(key, id), value,
					 sizeof(value));

		if (got == -ENOENT)
			continue;
		assert_int_equal(got, bytes);
		assert_memory_equal(value, expected, bytes);
		hot_hits += id < 50;
		cold_hits += id >= 50 && id < 1050;
	}
	assert_true(hot_hits >= 45);
	assert_true(cold_hits < 100);
	zcache_destroy(cache);
}

static void test_limit(void **state)
{
	(void)state;
	run_limit(8 * MIB, 24000);
	run_limit(16 * MIB, 48000);
}

/* The index can be full before the memory is. */
static void test_entries(void **state)
{
	struct zcache *cache = zcache_create(64 * MIB, 10);
	struct zcache_stats stats;
	char key[64], value[4000];

	(void)state;
	assert_non_null(cache);
	for (unsigned int id = 0; id < 100; id++)
		assert_int_equal(zcache_set(cache, key, make_key(key, id),
					    value, make_value(value, id, 1)),
				 0);
	check_value(cache, 99, 1);
	zcache_stats(cache, &stats);
	assert_int_equal(stats.entries, 10);
	assert_int_equal(stats.evictions, 90);
	zcache_destroy(cache);
}

struct worker {
	pthread_t thread;
	struct zcache *cache;
	uint32_t random;
	unsigned int found, wrong;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	char key[64], value[4000], expected[4000];

	for (unsigned int i = 0; i < scaled(15000); i++) {
		unsigned int id = next_random(&worker->random) % 2000;
		unsigned int version = next_random(&worker->random) % 3 + 1;
		unsigned int what = next_random(&worker->random) % 8;
		size_t key_bytes = make_key(key, id);
		ssize_t got;

		if (what < 3) {
			worker->wrong +=
				zcache_set(worker->cache, key, key_bytes, value,
					   make_value(value, id, version)) != 0;
			continue;
		}
		if (what == 3) {
			zcache_delete(worker->cache, key, key_bytes);
			continue;
		}
		got = zcache_get(worker->cache, key, key_bytes, value,
				 sizeof(value));
		if (got == -ENOENT)
			continue;
		/* It must be one of the existing versions, and complete. */
		for (version = 1; version <= 3; version++)
			if (make_value(expected, id, version) == (size_t)got &&
			    !memcmp(value, expected, (size_t)got))
				break;
		worker->found++;
		worker->wrong += version > 3;
	}
	return NULL;
}

#define WORKERS 4

/* Runs them all at once, each with other random numbers or IDs. */
static void run_workers(struct zcache *cache, struct worker worker[WORKERS],
			void *(*fn)(void *), uint32_t apart)
{
	for (uint32_t i = 0; i < WORKERS; i++) {
		worker[i] =
			(struct worker){ .cache = cache, .random = i * apart };
		assert_int_equal(pthread_create(&worker[i].thread, NULL, fn,
						&worker[i]),
				 0);
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(worker[i].thread, NULL);
		assert_int_equal(worker[i].wrong, 0);
	}
}

static void run_threads(size_t limit)
{
	struct zcache *cache = zcache_create(limit, 500);
	struct worker worker[WORKERS];
	struct zcache_stats stats;

	assert_non_null(cache);
	run_workers(cache, worker, work, 1);
	for (int i = 0; i < WORKERS; i++)
		assert_true(worker[i].found > scaled(500));
	zcache_stats(cache, &stats);
	assert_true(stats.evictions > 0);
	assert_true(stats.memory_bytes <= limit);
	zcache_destroy(cache);
}

static void test_threads(void **state)
{
	(void)state;
	run_threads(8 * MIB);
	run_threads(16 * MIB);
}

/* Values that are being read while they are replaced, deleted and evicted: all of
 * one byte, all the same length, so that a mixture is seen. */
#define SHARED_KEYS 8

static void *share(void *arg)
{
	struct worker *worker = arg;
	static _Thread_local char value[100000];

	for (unsigned int i = 0; i < scaled(4000); i++) {
		char key = (char)('a' +
				  next_random(&worker->random) % SHARED_KEYS);
		unsigned int what = next_random(&worker->random) % 8;

		if (what < 2) {
			memset(value, (int)i, sizeof(value));
			value[0] = key;
			worker->wrong += zcache_set(worker->cache, &key, 1,
						    value, sizeof(value)) != 0;
		} else if (what == 2) {
			zcache_delete(worker->cache, &key, 1);
		} else {
			ssize_t got = zcache_get(worker->cache, &key, 1, value,
						 sizeof(value));

			if (got == -ENOENT)
				continue;
			worker->found++;
			worker->wrong += got != sizeof(value) ||
					 value[0] != key;
			for (size_t at = 2; at < sizeof(value); at++)
				if (value[at] != value[1]) {
					worker->wrong++;
					break;
				}
		}
	}
	return NULL;
}

/* With as few slots as threads, too. */
static void test_readers_keep_values(void **state)
{
	(void)state;
	for (unsigned int slots = 4; slots <= 8; slots += 2) {
		struct zcache *cache = zcache_create(8 * MIB, slots);
		struct worker worker[WORKERS];
		struct zcache_stats stats;

		assert_non_null(cache);
		run_workers(cache, worker, share, 1);
		for (int i = 0; i < WORKERS; i++)
			assert_true(worker[i].found > 0);
		zcache_stats(cache, &stats);
		assert_true(stats.entries <= slots);
		zcache_destroy(cache);
	}
}

/* Values that each thread has at a time: together less than half of what there is
 * room for. A thread sets one and deletes its oldest. */
#define CHURN_LIVE 780u

static void *churn(void *arg)
{
	struct worker *worker = arg;
	char key[64], value[1000];

	for (unsigned int i = 0; i < scaled(20 * CHURN_LIVE); i++) {
		unsigned int id = worker->random + i; /* an ID of this thread
						       * only */
		uint32_t state = id;

		for (size_t at = 0; at < sizeof(value); at++)
			value[at] = (char)(next_random(&state) >> 7);
		worker->wrong += zcache_set(worker->cache, key,
					    make_key(key, id), value,
					    sizeof(value)) != 0;
		if (i < CHURN_LIVE)
			continue;
		worker->wrong += !zcache_delete(worker->cache, key,
						make_key(key, id - CHURN_LIVE));
	}
	return NULL;
}

/* Deleted values are freed before live ones are evicted, even while another
 * thread frees them. */
static void test_deleted_first(void **state)
{
	struct zcache *cache = zcache_create(12 * MIB, 20000);
	struct worker worker[WORKERS];
	struct zcache_stats stats;

	(void)state;
	assert_non_null(cache);
	run_workers(cache, worker, churn, 100000000);
	zcache_stats(cache, &stats);
	assert_int_equal(stats.evictions, 0);
	zcache_destroy(cache);
}

/* ---- pressure ------------------------------------------------------------------ */

struct shrinking {
	struct zcache *cache;
	size_t bytes; /* to evict each time */
	_Atomic size_t smaller;
	_Atomic unsigned int calls;
};

static void shrink(void *arg)
{
	struct shrinking *s = arg;

	s->smaller += zcache_shrink(s->cache, s->bytes);
	s->calls++;
}

static bool is_called(struct shrinking *s, unsigned int calls)
{
	for (int i = 0; i < 2000 && s->calls < calls; i++)
		usleep(5000);
	return s->calls >= calls;
}

static void fill(struct zcache *cache, unsigned int ids)
{
	char key[64], value[4000];

	for (unsigned int id = 0; id < ids; id++)
		assert_int_equal(zcache_set(cache, key, make_key(key, id),
					    value,
					    make_value(value, id, id + 1)),
				 0);
}

/* A pipe in the place of the kernel's file. */
static void test_shrinks_under_pressure(void **state)
{
	struct shrinking s = { .bytes = 2 * MIB };
	struct zcache_stats before, after;
	struct pressure *pressure;
	int fds[2];

	(void)state;
	s.cache = zcache_create(64 * MIB, 20000);
	assert_non_null(s.cache);
	fill(s.cache, 10000);
	zcache_stats(s.cache, &before);
	assert_true(before.memory_bytes > 8 * MIB);
	assert_int_equal(pipe(fds), 0);
	pressure = pressure_start_fd(fds[0], shrink, &s);
	assert_non_null(pressure);
	usleep(50000);
	assert_int_equal(s.calls, 0);
	for (unsigned int call = 1; call <= 2; call++) {
		assert_int_equal(write(fds[1], "x", 1), 1);
		assert_true(is_called(&s, call));
	}
	zcache_stats(s.cache, &after);
	assert_true(s.smaller > 3 * MIB);
	assert_true(after.memory_bytes + 3 * MIB < before.memory_bytes);
	assert_true(after.evictions > 0);
	assert_true(after.entries > 1000);
	/* Nobody can write any more: the thread goes on, and sleeps. */
	close(fds[1]);
	usleep(50000);
	assert_int_equal(s.calls, 2);
	pressure_stop(pressure);
	/* All of it. */
	zcache_shrink(s.cache, SIZE_MAX);
	zcache_stats(s.cache, &after);
	assert_int_equal(after.entries, 0);
	assert_true(after.memory_bytes < before.memory_bytes / 4);
	fill(s.cache, 1000);
	check_value(s.cache, 999, 1000);
	zcache_destroy(s.cache);
}

/* Microseconds in which tasks waited for memory so far. */
static unsigned long long pressure_so_far(void)
{
	FILE *file = fopen("/proc/pressure/memory", "r");
	unsigned long long total = 0;

	if (file) {
		if (fscanf(file, "some %*s %*s %*s total=%llu", &total) != 1)
			total = 0;
		fclose(file);
	}
	return total;
}

/* The kernel's file, where there is one. Whether it is called when there is pressure
 * depends on the machine; that it is not without is tested. */
static void test_pressure_of_the_machine(void **state)
{
	struct shrinking s = { .bytes = 1 };
	unsigned long long before;
	struct pressure *pressure;

	(void)state;
	assert_null(pressure_start("/nowhere/memory.pressure", shrink, &s));
	assert_int_equal(errno, ENOENT);
	pressure_stop(NULL);
	if (access("/proc/pressure/memory", W_OK))
		skip();
	s.cache = zcache_create(8 * MIB, 100);
	assert_non_null(s.cache);
	before = pressure_so_far();
	pressure = pressure_start("/proc/pressure/memory", shrink, &s);
	if (!pressure) {
		/* No PSI, or a kernel that wants privilege. */
		assert_true(errno == EOPNOTSUPP || errno == EPERM ||
			    errno == EINVAL);
		zcache_destroy(s.cache);
		skip();
	}
	usleep(300000);
	if (pressure_so_far() - before < 100000)
		assert_int_equal(s.calls, 0);
	pressure_stop(pressure);
	zcache_destroy(s.cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_readers_keep_values),
		cmocka_unit_test(test_deleted_first),
		cmocka_unit_test(test_shrinks_under_pressure),
		cmocka_unit_test(test_pressure_of_the_machine),
	};

	return cmocka_run_group_tests_name("zcache", tests, NULL, NULL);
}
