/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_zcache.c - tests the cache against a plain table, at its limit, without memory,
 * with another clock, and with threads. It contains zcache.c, to look at the index.
 * Also shows how it is used. */
#define _GNU_SOURCE /* as zcache.c has it */
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
#include <sys/mman.h>
#include <unistd.h>

#include "pressure.h"
#include "zcache.c"

#define MIB (1024 * 1024)

/* ---- what is linked with --wrap ------------------------------------------------- */

/* Added to the clocks' times, as if they were set or time went by. In a thread that says
 * so no other time goes by. */
static _Atomic int64_t realtime_step_s, monotonic_step_s;
static _Thread_local bool stopped;
static _Thread_local unsigned int clock_calls;
int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
	int result = 0;

	clock_calls++;
	if (stopped && id == CLOCK_MONOTONIC)
		*t = (struct timespec){ .tv_sec = 1000 };
	else
		result = __real_clock_gettime(id, t);
	t->tv_sec += id == CLOCK_MONOTONIC  ? monotonic_step_s
		     : id == CLOCK_REALTIME ? realtime_step_s
					    : 0;
	return result;
}

/* The allocation that fails, of the cache and of the pool, counted from 1; from then on
 * all, with fail_on. */
static _Atomic long fail_at, allocations;
static _Atomic bool fail_on;
static bool fails(void)
{
	long nr = ++allocations;

	if (!fail_at || nr < fail_at || (nr > fail_at && !fail_on))
		return false;
	errno = ENOMEM;
	return true;
}

/* How many blocks of malloc and the others are there. */
static _Atomic long blocks;
static void *counted(void *block)
{
	blocks += block != NULL;
	return block;
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : counted(__real_malloc(bytes));
}

void *__real_calloc(size_t n, size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes)
{
	return fails() ? NULL : counted(__real_calloc(n, bytes));
}

void *__real_realloc(void *old, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes)
{
	void *new = fails() ? NULL : __real_realloc(old, bytes);

	return old ? new : counted(new);
}

void *__real_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes);
void *__wrap_aligned_alloc(size_t align, size_t bytes)
{
	return fails() ? NULL : counted(__real_aligned_alloc(align, bytes));
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
	blocks -= block != NULL;
	__real_free(block);
}

void *__real_mmap(void *at, size_t bytes, int prot, int flags, int fd,
		  off_t off);
void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd,
		  off_t off);
void *__wrap_mmap(void *at, size_t bytes, int prot, int flags, int fd,
		  off_t off)
{
	return fails() ? MAP_FAILED
		       : __real_mmap(at, bytes, prot, flags, fd, off);
}

static bool no_random;
int __real_sodium_init(void);
int __wrap_sodium_init(void);
int __wrap_sodium_init(void)
{
	return no_random ? -1 : __real_sodium_init();
}

/* ---- keys, values, caches ------------------------------------------------------- */

static struct zcache *make(struct zcache_options options)
{
	struct zcache *cache = zcache_create(&options);

	assert_non_null(cache);
	return cache;
}
#define MAKE(...) make((struct zcache_options){ __VA_ARGS__ })

static struct zcache_stats stats_of(struct zcache *cache)
{
	struct zcache_stats stats;

	zcache_stats(cache, &stats);
	return stats;
}

/* Whether the index has what the figures say, each entry once, where it is found, and
 * all others are not in use. Nothing else runs. */
static void check_index(struct zcache *cache)
{
	for (size_t i = 0; i < cache->shards; i++) {
		struct shard *shard = &cache->shard[i];
		struct zcache_stats sum = { 0 };
		uint32_t nr_free = 0;

		for (size_t n = 0; n < shard->nr; n++)
			for (struct entry *e = shard->bucket[n]; e;
			     e = e->next) {
				assert_in_range(e - shard->entry, 0,
						shard->nr - 1);
				assert_ptr_equal(*find(shard, e->is.hash), e);
				assert_true(e->object.word != 0);
				assert_true(e->is.key_bytes > 0);
				assert_in_range(
					e->is.object_bytes, e->is.key_bytes,
					e->is.key_bytes + e->is.value_bytes);
				sum.entries++;
				sum.value_bytes += e->is.value_bytes;
				sum.stored_bytes += e->is.object_bytes;
			}
		for (struct entry *e = shard->free; e; e = e->next) {
			assert_true(e->object.word == 0);
			assert_int_equal(e->is.key_bytes, 0);
			nr_free++;
		}
		assert_int_equal(sum.entries + nr_free, shard->nr);
		assert_int_equal(sum.entries, shard->stats.entries);
		assert_int_equal(sum.value_bytes, shard->stats.value_bytes);
		assert_int_equal(sum.stored_bytes, shard->stats.stored_bytes);
		assert_true(sum.entries <= cache->most);
	}
}

/* Each that was set is there, or it is said why not. */
static void check_sets(struct zcache *cache, size_t sets)
{
	struct zcache_stats stats = stats_of(cache);

	assert_int_equal(sets, stats.entries + stats.replaced + stats.deleted +
				       stats.evicted + stats.expired);
}

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

static void fill_random(char *to, size_t bytes, uint32_t random)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (char)(next_random(&random) >> 7);
}

static unsigned int id_of(const void *key, size_t key_bytes)
{
	char text[64] = "";
	unsigned int id;

	assert_true(key_bytes < sizeof(text));
	memcpy(text, key, key_bytes);
	assert_int_equal(sscanf(text, "key of a record, number %u", &id), 1);
	return id;
}

/* The value names its key and version. Every fourth does not compress. */
static size_t make_value(char *value, unsigned int id, unsigned int version)
{
	uint32_t state = id * 2654435761u + version;
	size_t bytes = next_random(&state) % 4000, at = 0;

	if (version % 4 == 0) {
		fill_random(value, bytes, state);
		return bytes;
	}
	while (at < bytes) {
		char line[64];
		int n = sprintf(line, "record %u, version %u, at %zu\n", id,
				version, at);

		for (int i = 0; i < n && at < bytes; i++)
			value[at++] = line[i];
	}
	return bytes;
}

static int set_record(struct zcache *cache, unsigned int id,
		      unsigned int version, uint64_t ttl_ms)
{
	char key[64], value[4000];

	return zcache_set(cache, key, make_key(key, id), value,
			  make_value(value, id, version), ttl_ms);
}

/* The same with a key of 4 bytes; the version is the ID, too. */
static void set_id(struct zcache *cache, unsigned int id, uint64_t ttl_ms)
{
	char value[4000];

	assert_int_equal(zcache_set(cache, &id, sizeof(id), value,
				    make_value(value, id, id), ttl_ms),
			 0);
}

/* Sets n keys of 4 bytes, from `first` on, whose values are the keys. */
static void set_ids(struct zcache *cache, unsigned int first, unsigned int n,
		    uint64_t ttl_ms)
{
	for (unsigned int id = first; id < first + n; id++)
		assert_int_equal(zcache_set(cache, &id, sizeof(id), &id,
					    sizeof(id), ttl_ms),
				 0);
}

/* Is it there, as set_ids has set it? */
static bool has_id(struct zcache *cache, unsigned int id)
{
	unsigned int value;

	return zcache_get(cache, &id, sizeof(id), &value, sizeof(value)) ==
		       sizeof(value) &&
	       value == id;
}

/* The key's value must be this. */
static void expect(struct zcache *cache, const void *key, size_t key_bytes,
		   const void *value, size_t bytes)
{
	static char got[ZCACHE_ENTRY_MAX];

	assert_int_equal(zcache_get(cache, key, key_bytes, got, sizeof(got)),
			 bytes);
	assert_memory_equal(got, value, bytes);
}

/* The model: what a plain table would hold. */
#define MODEL_KEYS 3000
static struct {
	unsigned int version; /* 0: not there */
	uint64_t expires_ms; /* 0: never */
} model[MODEL_KEYS];

static bool is_in_model(unsigned int id)
{
	return model[id].version &&
	       (!model[id].expires_ms || model[id].expires_ms > now_ms());
}

/* Is it there? If so, it must be this version. */
static bool is_there(struct zcache *cache, unsigned int id,
		     unsigned int version)
{
	char key[64], expected[4000], value[4000];
	size_t bytes = make_value(expected, id, version);
	ssize_t got =
		zcache_get(cache, key, make_key(key, id), value, sizeof(value));

	if (got == -ENOENT)
		return false;
	assert_int_equal(got, bytes);
	assert_memory_equal(value, expected, bytes);
	return true;
}

/* What zcache_each tells must be in the model, each once. */
static bool seen[MODEL_KEYS];

static bool see(void *arg, const void *key, size_t key_bytes, const void *value,
		size_t value_bytes)
{
	unsigned int id = id_of(key, key_bytes);
	char expected[4000];

	(void)arg;
	assert_false(seen[id]);
	seen[id] = true;
	assert_true(is_in_model(id));
	assert_int_equal(make_value(expected, id, model[id].version),
			 value_bytes);
	assert_memory_equal(value, expected, value_bytes);
	return true;
}

static bool count(void *arg, const void *key, size_t key_bytes,
		  const void *value, size_t value_bytes)
{
	(void)key, (void)key_bytes, (void)value, (void)value_bytes;
	++*(_Atomic size_t *)arg;
	return true;
}

/* Hours go by, and the machine's clock is set to and fro. A third of the values
 * expires. */
static void test_model(void **state)
{
	struct zcache *cache =
		MAKE(.limit_bytes = 64 * MIB, .max_entries = 4 * MODEL_KEYS);
	char key[64];
	size_t live = 0, sets = 0;
	uint32_t random = 1;

	(void)state;
	stopped = true;
	memset(model, 0, sizeof(model));
	for (unsigned int step = 1; step <= 5000 + scaled(35000); step++) {
		unsigned int id = next_random(&random) % MODEL_KEYS;
		size_t key_bytes = make_key(key, id);
		uint64_t ttl = next_random(&random) % 3 ? 0 : 50000;
		bool there;

		if (step % 50 == 0) {
			monotonic_step_s += next_random(&random) % 3;
			realtime_step_s =
				(int64_t)next_random(&random) * 100 - 800000000;
		}
		there = is_in_model(id);
		switch (next_random(&random) % 4) {
		case 0:
		case 1:
			assert_int_equal(set_record(cache, id, step, ttl), 0);
			sets++;
			model[id].version = step;
			model[id].expires_ms = ttl ? now_ms() + ttl : 0;
			break;
		case 2:
			assert_int_equal(zcache_delete(cache, key, key_bytes),
					 there);
			model[id].version = 0;
			break;
		default:
			assert_int_equal(is_there(cache, id, model[id].version),
					 there);
		}
	}
	check_index(cache);
	check_sets(cache, sets);
	for (unsigned int id = 0; id < MODEL_KEYS; id++) {
		seen[id] = false;
		if (!is_in_model(id))
			continue;
		assert_true(is_there(cache, id, model[id].version));
		live++;
	}
	assert_int_equal(zcache_each(cache, see, NULL), live);
	assert_true(stats_of(cache).expired > 0);
	assert_int_equal(stats_of(cache).evicted, 0);
	/* Not many that have expired are still there: sets look for them. */
	assert_in_range(stats_of(cache).entries, live, live + live / 2);
	zcache_destroy(cache);
	stopped = false;
}

/* A time to live, to the millisecond, and by a clock that nobody can set. */
static void test_ttl(void **state)
{
	struct zcache *cache = MAKE(.limit_bytes = 8 * MIB, .max_entries = 100);
	char value[8];

	(void)state;
	stopped = true;
	assert_int_equal(zcache_set(cache, "a", 1, "1", 1, 60000), 0);
	assert_int_equal(zcache_set(cache, "b", 1, "2", 1, UINT64_MAX), 0);
	assert_int_equal(zcache_set(cache, "c", 1, "3", 1, UINT64_MAX / 2), 0);
	assert_int_equal(zcache_set(cache, "d", 1, "4", 1, 60000), 0);
	for (int step = -2; step <= 2; step++) {
		realtime_step_s = step * 1000000000ll;
		assert_int_equal(zcache_get(cache, "a", 1, value, 8), 1);
	}
	monotonic_step_s += 59;
	assert_int_equal(zcache_get(cache, "a", 1, value, 8), 1);
	/* Set anew, it has another time, or none. */
	assert_int_equal(zcache_set(cache, "d", 1, "5", 1, 0), 0);
	monotonic_step_s += 1;
	assert_int_equal(zcache_get(cache, "a", 1, value, 8), -ENOENT);
	assert_false(zcache_delete(cache, "a", 1));
	monotonic_step_s += 1000000000;
	for (const char *key = "bcd"; *key; key++)
		assert_int_equal(zcache_get(cache, key, 1, value, 8), 1);
	assert_int_equal(value[0], '5');
	assert_int_equal(stats_of(cache).deleted, 0);
	zcache_expire(cache);
	assert_int_equal(stats_of(cache).expired, 1);
	check_index(cache);
	zcache_destroy(cache);
	stopped = false;
}

/* However many entries are looked at under the lock, the clock is read few times. */
static void test_clock_is_read_once(void **state)
{
	struct zcache *cache =
		MAKE(.limit_bytes = 8 * MIB, .max_entries = 1000, .shards = 1);
	unsigned int before, value;

	(void)state;
	set_ids(cache, 0, 1000, 60000);
	for (unsigned int id = 0; id < 1000; id++)
		assert_int_equal(zcache_get(cache, &id, sizeof(id), &value,
					    sizeof(value)),
				 sizeof(value));
	before = clock_calls;
	/* All were used: looks at each, and evicts one. */
	set_ids(cache, 1000, 1, 0);
	assert_int_equal(stats_of(cache).evicted, 1);
	assert_in_range(clock_calls - before, 1, 20);
	zcache_destroy(cache);
}

/* What has expired is not there, stays until it is looked for, and is told of once. */
static void test_expired_goes(void **state)
{
	_Atomic size_t told = 0;
	struct zcache *cache = MAKE(.limit_bytes = 8 * MIB, .max_entries = 2000,
				    .evicted = count, .arg = &told);
	_Atomic size_t visited = 0;

	(void)state;
	stopped = true;
	for (unsigned int id = 0; id < 1000; id++)
		set_ids(cache, id, 1, id % 2 ? 0 : 60000);
	monotonic_step_s += 60;
	for (unsigned int id = 0; id < 200; id++)
		assert_int_equal(has_id(cache, id), id % 2);
	for (unsigned int id = 200; id < 300; id += 2)
		assert_false(zcache_delete(cache, &id, sizeof(id)));
	assert_int_equal(zcache_each(cache, count, &visited), 500);
	assert_int_equal(visited, 500);
	assert_int_equal(stats_of(cache).entries, 1000);
	assert_int_equal(told, 0);
	/* One that is replaced is not told of. */
	set_ids(cache, 0, 1, 0);
	assert_int_equal(stats_of(cache).replaced, 1);
	zcache_expire(cache);
	assert_int_equal(stats_of(cache).expired, 499);
	assert_int_equal(stats_of(cache).entries, 501);
	assert_int_equal(stats_of(cache).evicted, 0);
	assert_int_equal(stats_of(cache).deleted, 0);
	assert_int_equal(told, 499);
	check_index(cache);
	check_sets(cache, 1001);
	zcache_destroy(cache);
	stopped = false;
}

/* In a cache of one shard 1,000 keys, of which each nth has expired. Those were set often,
 * so that sets have looked at each entry several times; they begin anew. */
static struct zcache *make_expired(unsigned int nth, zcache_callback *evicted,
				   void *arg)
{
	struct zcache *cache = MAKE(.limit_bytes = 8 * MIB, .max_entries = 8000,
				    .shards = 1, .evicted = evicted,
				    .arg = arg);

	for (unsigned int id = 0; id < 1000; id++)
		set_ids(cache, id, 1, id % nth ? 0 : 60000);
	assert_int_equal(cache->shard[0].nr, 1000);
	for (unsigned int i = 0; i < 5000; i++)
		set_ids(cache, i * nth % 1000, 1, 60000);
	while (cache->shard[0].sweep)
		set_ids(cache, 0, 1, 60000);
	monotonic_step_s += 60;
	return cache;
}

/* While the index grows sets still look at all its entries, also if they begin at its
 * end. */
static void test_sweep_of_growing_index(void **state)
{
	(void)state;
	for (int from_end = 0; from_end < 2; from_end++) {
		struct zcache *cache = make_expired(2, NULL, NULL);
		struct shard *shard = cache->shard;

		if (from_end)
			shard->sweep = shard->nr - 1;
		set_ids(cache, 1000, 1010, 600000);
		assert_int_equal(stats_of(cache).expired, 500);
		assert_in_range(shard->nr, 1400, 1600);
		check_index(cache);
		zcache_destroy(cache);
	}
}

/* ---- a cache to which another thread sets, while it expires */

struct grower {
	struct zcache *cache;
	unsigned int id; /* the next to set */
	bool is_growing; /* in the other thread */
};

static void *grow_index(void *arg)
{
	struct grower *grower = arg;

	for (unsigned int i = 0; i < 10; i++, grower->id++)
		if (zcache_set(grower->cache, &grower->id, sizeof(grower->id),
			       "", 0, 0))
			return grower;
	return NULL;
}

static bool let_grow(void *arg, const void *key, size_t key_bytes,
		     const void *value, size_t value_bytes)
{
	struct grower *grower = arg;
	pthread_t thread;
	void *failed;

	(void)key, (void)key_bytes, (void)value, (void)value_bytes;
	if (grower->is_growing)
		return true;
	grower->is_growing = true;
	assert_int_equal(pthread_create(&thread, NULL, grow_index, grower), 0);
	pthread_join(thread, &failed);
	assert_null(failed);
	grower->is_growing = false;
	return true;
}

static void test_expire_of_growing_index(void **state)
{
	struct grower grower = { .id = 1000 };

	(void)state;
	grower.cache = make_expired(8, let_grow, &grower);
	zcache_expire(grower.cache);
	assert_int_equal(stats_of(grower.cache).expired, 125);
	assert_true(grower.cache->shard[0].nr > 1000);
	check_index(grower.cache);
	zcache_destroy(grower.cache);
}

/* Two keys with one hash: neither is taken for the other. */
static void test_one_hash(void **state)
{
	struct zcache *cache =
		MAKE(.limit_bytes = 8 * MIB, .max_entries = 100, .shards = 1);
	char value[8];

	(void)state;
	assert_int_equal(zcache_set(cache, "a", 1, "1", 1, 0), 0);
	assert_int_equal(cache->shard[0].nr, 1);
	/* The only entry, in the only bucket. */
	shard_of(cache, "b", 1, &cache->shard[0].entry[0].is.hash);
	assert_int_equal(zcache_get(cache, "b", 1, value, 8), -ENOENT);
	assert_int_equal(stats_of(cache).entries, 1);
	assert_int_equal(zcache_set(cache, "b", 1, "2", 1, 0), 0);
	assert_int_equal(stats_of(cache).replaced, 1);
	assert_true(zcache_delete(cache, "b", 1));
	check_index(cache);
	zcache_destroy(cache);
}

static void test_arguments(void **state)
{
	static const struct zcache_options wrong[] = {
		{ .limit_bytes = 0 },
		{ .limit_bytes = MIB },
		{ .limit_bytes = 1000, .shards = 1 },
		{ .limit_bytes = 8 * MIB, .max_entries = SIZE_MAX },
		{ .limit_bytes = 8 * MIB, .max_entries = SIZE_MAX / 64 },
		{ .limit_bytes = 8 * MIB, .max_entries = 140000 },
		{ .limit_bytes = 8 * MIB, .shards = 3 },
		{ .limit_bytes = 8 * MIB, .shards = 1u << 31 },
		{ .limit_bytes = 8 * MIB, .shards = 65536 },
	};
	static char big[ZCACHE_ENTRY_MAX];
	struct zcache *cache = MAKE(.limit_bytes = 8 * MIB, .max_entries = 100);
	char small[4];

	(void)state;
	fill_random(big, sizeof(big), 1);
	assert_int_equal(zcache_set(cache, "k", 1, big, sizeof(big) - 1, 0), 0);
	assert_int_equal(zcache_get(cache, "k", 1, small, 4), -ERANGE);
	/* Too long: an error, and the old value stays. */
	assert_int_equal(zcache_set(cache, "k", 1, big, sizeof(big), 0),
			 -EINVAL);
	expect(cache, "k", 1, big, sizeof(big) - 1);
	/* One that compresses. */
	memset(big, 'x', sizeof(big) / 2);
	assert_int_equal(zcache_set(cache, "k", 1, big, sizeof(big) / 2, 0), 0);
	expect(cache, "k", 1, big, sizeof(big) / 2);
	assert_true(zcache_delete(cache, "k", 1));
	assert_int_equal(zcache_set(cache, "", 0, "x", 1, 0), -EINVAL);
	assert_int_equal(zcache_get(cache, "", 0, small, 4), -ENOENT);
	/* A value may be empty, and a key may fill a whole object. */
	assert_int_equal(zcache_set(cache, "e", 1, NULL, 0, 0), 0);
	assert_int_equal(zcache_get(cache, "e", 1, NULL, 0), 0);
	assert_int_equal(zcache_set(cache, big, sizeof(big), "", 0, 0), 0);
	expect(cache, big, sizeof(big), "", 0);
	/* Keys are bytes, of any value. */
	assert_int_equal(zcache_set(cache, "a\0b", 3, "1", 1, 0), 0);
	assert_int_equal(zcache_set(cache, "a\0c", 3, "22", 2, 0), 0);
	assert_int_equal(zcache_set(cache, "a", 1, "333", 3, 0), 0);
	assert_int_equal(zcache_set(cache, "\0", 1, "4444", 4, 0), 0);
	assert_int_equal(zcache_set(cache, "\0\0", 2, "", 0, 0), 0);
	expect(cache, "a\0b", 3, "1", 1);
	expect(cache, "a\0c", 3, "22", 2);
	expect(cache, "a", 1, "333", 3);
	expect(cache, "\0", 1, "4444", 4);
	expect(cache, "\0\0", 2, "", 0);
	assert_int_equal(zcache_get(cache, "a\0", 2, small, 4), -ENOENT);
	assert_int_equal(stats_of(cache).entries, 7);
	check_index(cache);
	zcache_destroy(cache);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		errno = 0;
		assert_null(zcache_create(&wrong[i]));
		assert_int_equal(errno, EINVAL);
	}
	no_random = true;
	errno = 0;
	assert_null(zcache_create(
		&(struct zcache_options){ .limit_bytes = 8 * MIB }));
	assert_int_equal(errno, EINVAL);
	no_random = false;
}

/* Sets more than there is room for: memory stays within the limit, values that
 * are found are right, and keys that are used stay. */
static void run_limit(size_t limit, unsigned int ids)
{
	struct zcache *cache = MAKE(.limit_bytes = limit, .max_entries = 4096);
	char key[64], value[4000];
	unsigned int hot_hits = 0, cold_hits = 0;

	for (unsigned int id = 0; id < ids; id++) {
		assert_int_equal(set_record(cache, id, id + 1, 0), 0);
		if (id % 8 == 0)
			for (unsigned int hot = 0; hot < 50; hot++)
				zcache_get(cache, key, make_key(key, hot),
					   value, sizeof(value));
		if (id % 256 == 0) {
			assert_true(stats_of(cache).memory_bytes <= limit);
		}
	}
	assert_true(stats_of(cache).evicted > ids / 4);
	assert_true(stats_of(cache).entries + stats_of(cache).evicted == ids);
	assert_true(stats_of(cache).memory_bytes <= limit);
	check_index(cache);
	for (unsigned int id = 0; id < ids; id++) {
		if (!is_there(cache, id, id + 1))
			continue;
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
	run_limit(3 * MIB, 4000 + scaled(16000));
	run_limit(6 * MIB, 8000 + scaled(34000));
}

/* The index can be full before the memory is. */
static void test_entries(void **state)
{
	struct zcache *cache = MAKE(.limit_bytes = 64 * MIB, .max_entries = 64);

	(void)state;
	for (unsigned int id = 0; id < 1000; id++) {
		assert_int_equal(set_record(cache, id, 1, 0), 0);
		assert_true(is_there(cache, id, 1));
	}
	assert_in_range(stats_of(cache).entries, 32, 64);
	assert_int_equal(stats_of(cache).entries + stats_of(cache).evicted,
			 1000);
	check_index(cache);
	zcache_destroy(cache);
}

/* The index grows with what is in it. Keys that one can choose do not meet in one
 * bucket, as no two caches put them into the same. */
static void test_index_grows(void **state)
{
	const unsigned int nr = 10000 + scaled(100000);
	struct zcache *cache[2];
	size_t differ = 0;

	(void)state;
	for (int c = 0; c < 2; c++) {
		cache[c] = MAKE(.limit_bytes = 128 * MIB, .max_entries = 400000,
				.shards = 1u << 2 * c);
		set_ids(cache[c], 0, nr, 0);
		for (unsigned int i = 0; i < nr; i++)
			assert_true(has_id(cache[c], i));
		check_index(cache[c]);
		for (size_t i = 0; i < cache[c]->shards; i++) {
			struct shard *shard = &cache[c]->shard[i];

			/* As many buckets as entries, none of them long. */
			assert_int_equal(shard->nr, shard->stats.entries);
			assert_in_range(shard->stats.entries,
					nr / cache[c]->shards / 10 * 9,
					nr / cache[c]->shards / 10 * 11);
			for (size_t n = 0; n < shard->nr; n++) {
				unsigned int in = 0;

				for (struct entry *e = shard->bucket[n]; e;
				     e = e->next)
					in++;
				assert_true(in < 16);
			}
		}
	}
	for (unsigned int i = 0; i < 100; i++) {
		uint64_t hash[2];

		for (int c = 0; c < 2; c++)
			shard_of(cache[c], &i, sizeof(i), &hash[c]);
		differ += hash[0] != hash[1];
	}
	assert_true(differ > 90);
	zcache_destroy(cache[0]);
	zcache_destroy(cache[1]);
}

/* ---- failures ------------------------------------------------------------------- */

/* There is no room for two values of this size. Other entries go, the key's stays. */
static void test_no_room(void **state)
{
	static char first[MIB - 10], second[MIB - 10];
	struct zcache *cache =
		MAKE(.limit_bytes = 2 * MIB, .max_entries = 1000);

	(void)state;
	fill_random(first, sizeof(first), 1);
	fill_random(second, sizeof(second), 2);
	assert_int_equal(zcache_set(cache, "k", 1, first, sizeof(first), 0), 0);
	for (char key = 'A'; key <= 'Z'; key++)
		assert_int_equal(zcache_set(cache, &key, 1, second, 2000, 0),
				 0);
	assert_int_equal(zcache_set(cache, "k", 1, second, sizeof(second), 0),
			 -ENOMEM);
	expect(cache, "k", 1, first, sizeof(first));
	assert_int_equal(stats_of(cache).entries, 1);
	assert_int_equal(stats_of(cache).evicted, 26);
	assert_true(stats_of(cache).memory_bytes <= 2 * MIB);
	assert_true(zcache_delete(cache, "k", 1));
	assert_int_equal(zcache_set(cache, "k", 1, second, sizeof(second), 0),
			 0);
	check_index(cache);
	zcache_destroy(cache);
}

/* What is there while an allocation fails: the versions; 0: not there. */
#define FAILING_KEYS 40
struct failing {
	unsigned int version[FAILING_KEYS];
	size_t visited, without_value;
};

static bool see_failing(void *arg, const void *key, size_t key_bytes,
			const void *value, size_t value_bytes)
{
	unsigned int id = id_of(key, key_bytes);
	struct failing *failing = arg;
	char expected[4000];

	failing->visited++;
	assert_int_equal(make_value(expected, id, failing->version[id]),
			 value_bytes);
	if (value)
		assert_memory_equal(value, expected, value_bytes);
	else
		failing->without_value++;
	return true;
}

static bool forget(void *arg, const void *key, size_t key_bytes,
		   const void *value, size_t value_bytes)
{
	struct failing *failing = arg;

	see_failing(arg, key, key_bytes, value, value_bytes);
	failing->version[id_of(key, key_bytes)] = 0;
	return true;
}

/* Sets as many values as make the index grow, replaces them, with the Nth allocation
 * failing, or all from there on. Return: was there an Nth? */
static bool run_failing(long n, bool on, size_t *without_value)
{
	const long blocks_before = blocks;
	struct failing failing = { 0 };
	unsigned int failed = 0, id;
	struct zcache *cache;
	ssize_t each;
	bool was_there;

	allocations = 0;
	fail_on = on;
	fail_at = n;
	errno = 0;
	cache = zcache_create(&(struct zcache_options){ .limit_bytes = 8 * MIB,
							.max_entries = 400,
							.shards = 2,
							.evicted = forget,
							.arg = &failing });
	if (!cache) {
		fail_at = 0;
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(blocks, blocks_before);
		return true;
	}
	for (unsigned int i = 0; i < 2 * FAILING_KEYS; i++) {
		int err;

		id = i % FAILING_KEYS;
		err = set_record(cache, id, i + 1, 0);
		if (!err)
			failing.version[id] = i + 1;
		else
			failed++;
		assert_true(!err || err == -ENOMEM);
	}
	failing.visited = 0;
	each = zcache_each(cache, see_failing, &failing);
	was_there = allocations >= n;
	fail_at = 0;
	assert_int_equal(each < 0 ? 0 : each, failing.visited);
	assert_true(each >= 0 || each == -ENOMEM);
	if (!on)
		assert_true(failed + failing.without_value + (each < 0) <= 1);
	*without_value += failing.without_value;
	/* What could not be set is as it was before. (For want of memory others may
	 * have been evicted.) */
	check_index(cache);
	for (id = 0; id < FAILING_KEYS; id++)
		assert_int_equal(is_there(cache, id, failing.version[id]),
				 failing.version[id] != 0);
	/* And all is well once there is memory. */
	for (id = 0; id < FAILING_KEYS; id++)
		assert_int_equal(set_record(cache, id, 1000, 0), 0);
	check_index(cache);
	zcache_destroy(cache);
	assert_int_equal(blocks, blocks_before);
	return was_there;
}

static void test_allocation_failures(void **state)
{
	size_t without_value = 0;
	long n = 1;

	(void)state;
	while (run_failing(n, false, &without_value))
		n++;
	assert_true(n > 2 * FAILING_KEYS);
	assert_true(without_value > 0);
	for (n = 1; run_failing(n, true, &without_value); n += 1 + n / 10)
		;
}

/* A value in damaged memory is not there, and the cache goes on. */
static void test_damage(void **state)
{
	struct zcache *cache =
		MAKE(.limit_bytes = 8 * MIB, .max_entries = 100, .shards = 1);
	struct failing failing = { .version = { [7] = 1 } };
	struct entry *e = cache->shard[0].entry;
	char *object;

	(void)state;
	assert_int_equal(set_record(cache, 7, 1, 0), 0);
	assert_true(e->is.object_bytes < e->is.value_bytes);
	object = zs_ref_begin(cache->pool, &e->object);
	memset(object + e->is.key_bytes, 0xff,
	       e->is.object_bytes - e->is.key_bytes);
	zs_ref_end(cache->pool, &e->object);
	assert_false(is_there(cache, 7, 1));
	assert_int_equal(zcache_each(cache, see_failing, &failing), 1);
	assert_int_equal(failing.without_value, 1);
	assert_int_equal(set_record(cache, 7, 2, 0), 0);
	assert_true(is_there(cache, 7, 2));
	zcache_destroy(cache);
}

/* ---- callbacks ------------------------------------------------------------------ */

struct told {
	struct zcache *cache;
	size_t calls, wrong;
	unsigned int last; /* where zcache_each shall end */
};

/* Of an entry that is no longer there. May call the cache it is called by. */
static bool told_evicted(void *arg, const void *key, size_t key_bytes,
			 const void *value, size_t value_bytes)
{
	char expected[4000], other[4000];
	struct told *told = arg;
	unsigned int id;

	memcpy(&id, key, sizeof(id));
	told->calls++;
	told->wrong += key_bytes != sizeof(id) || !value ||
		       make_value(expected, id, id) != value_bytes ||
		       memcmp(value, expected, value_bytes) != 0;
	told->wrong += zcache_get(told->cache, key, key_bytes, other,
				  sizeof(other)) != -ENOENT;
	told->wrong += zcache_delete(told->cache, key, key_bytes);
	told->wrong +=
		stats_of(told->cache).evicted + stats_of(told->cache).expired <
		told->calls;
	return false;
}

static void test_told_of_evictions(void **state)
{
	struct told told = { 0 };
	struct zcache *cache = MAKE(.limit_bytes = 4 * MIB, .max_entries = 2000,
				    .evicted = told_evicted, .arg = &told);
	struct zcache_stats stats;

	(void)state;
	told.cache = cache;
	for (unsigned int id = 0; id < 6000; id++) {
		/* Of these none is told. */
		if (id % 3 == 0)
			assert_int_equal(zcache_set(cache, &id, sizeof(id), "",
						    0, 0),
					 0);
		set_id(cache, id, id % 2 ? 0 : 600000);
		if (id % 3 == 1)
			assert_true(zcache_delete(cache, &id, sizeof(id)));
	}
	zcache_stats(cache, &stats);
	assert_int_equal(told.wrong, 0);
	assert_true(stats.evicted > 100);
	assert_int_equal(stats.expired, 0);
	assert_int_equal(told.calls, stats.evicted);
	monotonic_step_s += 601;
	for (unsigned int id = 10000; id < 11000; id++)
		set_id(cache, id, 0);
	zcache_stats(cache, &stats);
	assert_int_equal(told.wrong, 0);
	assert_true(stats.expired > 100);
	assert_int_equal(told.calls, stats.evicted + stats.expired);
	check_index(cache);
	zcache_destroy(cache);
	assert_int_equal(told.calls, stats.evicted + stats.expired);
}

/* Replaces and deletes what it is told of, and sets others. */
static bool change(void *arg, const void *key, size_t key_bytes,
		   const void *value, size_t value_bytes)
{
	struct told *told = arg;
	unsigned int id;

	memcpy(&id, key, key_bytes);
	told->wrong += value_bytes != 3 || memcmp(value, "old", 3) != 0;
	if (id % 2)
		told->wrong += !zcache_delete(told->cache, key, key_bytes);
	else
		told->wrong += zcache_set(told->cache, key, key_bytes, "new", 3,
					  0) != 0;
	/* Still readable. */
	told->wrong += memcmp(value, "old", 3) != 0 || memcmp(key, &id, 4) != 0;
	return ++told->calls < told->last;
}

static void test_each(void **state)
{
	struct told told = { .last = 5000 };
	struct zcache *cache =
		MAKE(.limit_bytes = 8 * MIB, .max_entries = 4000);

	(void)state;
	told.cache = cache;
	for (unsigned int id = 0; id < 1000; id++)
		assert_int_equal(zcache_set(cache, &id, sizeof(id), "old", 3,
					    id < 900 ? 0 : 600000),
				 0);
	monotonic_step_s += 601;
	assert_int_equal(zcache_each(cache, change, &told), 900);
	assert_int_equal(told.calls, 900);
	assert_int_equal(told.wrong, 0);
	assert_in_range(stats_of(cache).entries, 450, 550);
	assert_int_equal(stats_of(cache).replaced, 450);
	assert_int_equal(stats_of(cache).deleted, 450);
	check_index(cache);
	told = (struct told){ .last = 7, .cache = cache };
	assert_int_equal(zcache_each(cache, change, &told), 7);
	check_index(cache);
	zcache_destroy(cache);
}

/* ---- threads -------------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	struct zcache *cache;
	uint32_t random;
	unsigned int found, wrong, sets;
	_Atomic size_t visited;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	char key[64], value[4000], expected[4000];

	for (unsigned int i = 0; i < 3000 + scaled(12000); i++) {
		unsigned int id = next_random(&worker->random) % 2000;
		unsigned int version = next_random(&worker->random) % 3 + 1;
		unsigned int what = next_random(&worker->random) % 8;
		size_t key_bytes = make_key(key, id);
		ssize_t got;

		if (what < 3) {
			worker->wrong +=
				set_record(worker->cache, id, version,
					   next_random(&worker->random) % 3) !=
				0;
			worker->sets++;
			continue;
		}
		if (what == 3) {
			zcache_delete(worker->cache, key, key_bytes);
			continue;
		}
		if (i % 1024 == 7)
			zcache_each(worker->cache, count, &worker->visited);
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

static void run_threads(size_t limit, unsigned int shards)
{
	_Atomic size_t told = 0;
	struct zcache *cache = MAKE(.limit_bytes = limit, .max_entries = 500,
				    .shards = shards, .evicted = count,
				    .arg = &told);
	struct worker worker[WORKERS];
	size_t sets = 0;

	run_workers(cache, worker, work, 1);
	for (int i = 0; i < WORKERS; i++) {
		assert_true(worker[i].found > scaled(300));
		assert_true(worker[i].visited > 0);
		sets += worker[i].sets;
	}
	assert_true(stats_of(cache).evicted > 0);
	assert_true(stats_of(cache).expired > 0);
	assert_int_equal(told,
			 stats_of(cache).evicted + stats_of(cache).expired);
	assert_true(stats_of(cache).memory_bytes <= limit);
	check_index(cache);
	check_sets(cache, sets);
	zcache_destroy(cache);
}

static void test_threads(void **state)
{
	(void)state;
	run_threads(8 * MIB, 1);
	run_threads(3 * MIB, 16);
}

/* Keys that nobody asked for yet are visited while a thread asks for them. */
#define VISITED_KEYS 64u

static void *ask_for_all(void *arg)
{
	struct worker *worker = arg;

	for (unsigned int id = 0; id < VISITED_KEYS; id++)
		worker->found += has_id(worker->cache, id);
	return NULL;
}

static void test_visit_beside_get(void **state)
{
	struct worker worker = { .cache = MAKE(.limit_bytes = 8 * MIB,
					       .max_entries = 1000) };

	(void)state;
	for (unsigned int round = 1; round <= 40; round++) {
		set_ids(worker.cache, 0, VISITED_KEYS, 0);
		assert_int_equal(pthread_create(&worker.thread, NULL,
						ask_for_all, &worker),
				 0);
		for (unsigned int n = 1; n <= 4; n++)
			assert_int_equal(zcache_each(worker.cache, count,
						     &worker.visited),
					 VISITED_KEYS);
		pthread_join(worker.thread, NULL);
		assert_int_equal(worker.found, round * VISITED_KEYS);
		assert_int_equal(worker.visited, round * 4 * VISITED_KEYS);
	}
	zcache_destroy(worker.cache);
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
						    value, sizeof(value),
						    i % 4) != 0;
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

/* With as few entries as threads, too. */
static void test_readers_keep_values(void **state)
{
	(void)state;
	for (unsigned int most = 4; most <= 8; most += 4) {
		struct zcache *cache = MAKE(.limit_bytes = 8 * MIB,
					    .max_entries = most,
					    .shards = most / 4);
		struct worker worker[WORKERS];

		run_workers(cache, worker, share, 1);
		for (int i = 0; i < WORKERS; i++)
			assert_true(worker[i].found > 0);
		check_index(cache);
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
		/* An ID of this thread only. */
		unsigned int id = worker->random + i;

		fill_random(value, sizeof(value), id);
		worker->wrong += zcache_set(worker->cache, key,
					    make_key(key, id), value,
					    sizeof(value), 0) != 0;
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
	struct zcache *cache =
		MAKE(.limit_bytes = 12 * MIB, .max_entries = 20000);
	struct worker worker[WORKERS];

	(void)state;
	run_workers(cache, worker, churn, 100000000);
	assert_int_equal(stats_of(cache).evicted, 0);
	check_index(cache);
	zcache_destroy(cache);
}

/* ---- pressure ------------------------------------------------------------------ */

struct shrinking {
	struct zcache *cache;
	size_t bytes; /* to evict each time */
	_Atomic unsigned int calls;
};

static void shrink(void *arg)
{
	struct shrinking *s = arg;

	zcache_shrink(s->cache, s->bytes);
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
	for (unsigned int id = 0; id < ids; id++)
		assert_int_equal(set_record(cache, id, id + 1, 0), 0);
}

/* A pipe in the place of the kernel's file. */
static void test_shrinks_under_pressure(void **state)
{
	struct shrinking s = { .bytes = 2 * MIB };
	struct zcache_stats before, after;
	struct pressure *pressure;
	int fds[2];

	(void)state;
	s.cache = MAKE(.limit_bytes = 64 * MIB, .max_entries = 20000);
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
	assert_true(after.memory_bytes + 3 * MIB < before.memory_bytes);
	assert_true(after.evicted > 0);
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
	assert_true(is_there(s.cache, 999, 1000));
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
	s.cache = MAKE(.limit_bytes = 8 * MIB, .max_entries = 100);
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
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_clock_is_read_once),
		cmocka_unit_test(test_expired_goes),
		cmocka_unit_test(test_sweep_of_growing_index),
		cmocka_unit_test(test_expire_of_growing_index),
		cmocka_unit_test(test_one_hash),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_index_grows),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_allocation_failures),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_told_of_evictions),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_visit_beside_get),
		cmocka_unit_test(test_readers_keep_values),
		cmocka_unit_test(test_deleted_first),
		cmocka_unit_test(test_shrinks_under_pressure),
		cmocka_unit_test(test_pressure_of_the_machine),
	};

	return cmocka_run_group_tests_name("zcache", tests, NULL, NULL);
}
