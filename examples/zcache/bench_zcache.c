/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* bench_zcache.c - how fast the cache is, and what it takes after a long life.
 *
 * bench_zcache has its values in a pool, bench_zcache_malloc in malloc's memory
 * (on_malloc.h). Both do the same work. The RSS is the process's growth since
 * before the cache was made. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "zcache.h"

#define MAX_THREADS 64
#define MAX_VALUE 8192
#define ENTRIES 100000u
/* How values' sizes change: each phase has others, from so many bytes to twice as
 * many. A phase sets half as many values as there are keys, at random, so 6 of 10
 * values outlive it. */
static const size_t phases[] = {
	200, 1000, 400, 2500, 120, 1500, 600, 3500, 300
};
#define NR_PHASES (sizeof(phases) / sizeof(*phases))
#define PHASE_SETS (ENTRIES / 2)
/* An allocator gives back memory in the background, jemalloc over 10 s. */
#define REST_S 12

struct worker {
	pthread_t thread;
	struct zcache *cache;
	uint64_t random;
	unsigned int nr; /* operations */
	unsigned int phase; /* sets in each phase */
	pthread_barrier_t *barrier;
	unsigned int misses;
	double ns; /* of each */
};

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t rss_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (!file || fscanf(file, "%*u %lu", &pages) != 1) {
		fputs("bench_zcache: cannot read /proc/self/statm\n", stderr);
		exit(1);
	}
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* What takes long. */
static void say(const char *what)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s ...\n", what);
}

static void out_of_memory(void)
{
	fputs("bench_zcache: no memory\n", stderr);
	exit(1);
}

/* Compresses to about 70 %. */
static void fill_value(char *value, size_t bytes, uint64_t *random)
{
	for (size_t at = 0; at < bytes; at += 16) {
		uint64_t word = next_random(random) << 32 | next_random(random);

		memset(value + at, 'a', 16);
		memcpy(value + at, &word, 8);
	}
}

static void set(struct zcache *cache, unsigned int key, size_t bytes,
		uint64_t *random)
{
	char value[MAX_VALUE + 16];

	fill_value(value, bytes, random);
	if (zcache_set(cache, &key, sizeof(key), value, bytes))
		out_of_memory();
}

static void *get_all(void *arg)
{
	struct worker *w = arg;
	char value[MAX_VALUE];
	double start = now_ns();

	for (unsigned int i = 0; i < w->nr; i++) {
		unsigned int key = next_random(&w->random) % ENTRIES;

		w->misses += zcache_get(w->cache, &key, sizeof(key), value,
					sizeof(value)) < 0;
	}
	w->ns = (now_ns() - start) / w->nr;
	return NULL;
}

/* Replaces values with others of the phase's sizes. */
static void *churn(void *arg)
{
	struct worker *w = arg;

	for (unsigned int i = 0; i < w->nr; i++) {
		size_t size = phases[i / w->phase % NR_PHASES];
		unsigned int key = next_random(&w->random) % ENTRIES;

		/* All are in the same phase. */
		if (i % w->phase == 0)
			pthread_barrier_wait(w->barrier);
		set(w->cache, key, size + next_random(&w->random) % size,
		    &w->random);
	}
	return NULL;
}

static void run(struct worker *workers, unsigned int threads,
		void *(*work)(void *), struct zcache *cache, unsigned int nr)
{
	pthread_barrier_t barrier;

	pthread_barrier_init(&barrier, NULL, threads);
	for (unsigned int t = 0; t < threads; t++) {
		workers[t] = (struct worker){ .cache = cache,
					      .random = t + 1,
					      .nr = nr / threads,
					      .phase = PHASE_SETS / threads,
					      .barrier = &barrier };
		if (pthread_create(&workers[t].thread, NULL, work, &workers[t]))
			out_of_memory();
	}
	for (unsigned int t = 0; t < threads; t++)
		pthread_join(workers[t].thread, NULL);
	pthread_barrier_destroy(&barrier);
}

static void usage(FILE *out)
{
	fputs("usage: bench_zcache [THREADS [MILLIONS]], and the same with\n"
	      "bench_zcache_malloc. Prints what a get of a 1 KiB value takes, and the\n"
	      "memory after MILLIONS million sets with changing sizes. Defaults: 2\n"
	      "threads, 5 million.\n"
	      "example: LD_PRELOAD=libjemalloc.so.2 bench_zcache_malloc 2 20\n",
	      out);
}

static unsigned int number(const char *arg, unsigned int most)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*end || end == arg || !n || n > most) {
		fprintf(stderr, "bench_zcache: %s: not a number from 1 to %u\n",
			arg, most);
		exit(2);
	}
	return (unsigned int)n;
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	unsigned int threads = 2, millions = 5, misses = 0;
	struct zcache_stats stats;
	struct zcache *cache;
	uint64_t random = 1;
	double ns = 0;
	size_t before;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc > 3) {
		usage(stderr);
		return 2;
	}
	if (argc > 1)
		threads = number(argv[1], MAX_THREADS);
	if (argc > 2)
		millions = number(argv[2], 1000);

	before = rss_bytes();
	cache = zcache_create((size_t)1 << 30, ENTRIES);
	if (!cache) {
		fprintf(stderr, "bench_zcache: cannot make a cache: %s\n",
			strerror(errno));
		return 1;
	}
	say("filling");
	for (unsigned int key = 0; key < ENTRIES; key++)
		set(cache, key, 1024, &random);
	/* The allocator ends what it does in the background. */
	sleep(1);
	say("getting");
	run(workers, threads, get_all, cache, 4000000);
	for (unsigned int t = 0; t < threads; t++) {
		ns += workers[t].ns / threads;
		misses += workers[t].misses;
	}
	if (misses) {
		fprintf(stderr, "bench_zcache: %u values are not there\n",
			misses);
		return 1;
	}
	printf("get of 1 KiB, %u threads: %.0f ns\n", threads, ns);
	printf("new: RSS %zu KiB\n", (rss_bytes() - before) >> 10);

	say("setting");
	run(workers, threads, churn, cache, millions * 1000000);
	zcache_stats(cache, &stats);
	printf("after %u million sets: RSS %zu KiB, %zu values of %zu KiB\n",
	       millions, (rss_bytes() - before) >> 10, stats.entries,
	       stats.value_bytes >> 10);
	say("resting");
	sleep(REST_S);
	printf("%d s later: RSS %zu KiB\n", REST_S,
	       (rss_bytes() - before) >> 10);
	zcache_destroy(cache);
	return 0;
}
