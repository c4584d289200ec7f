/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* bench_zcache.c - how fast the cache is, and what it takes after a long life.
 *
 * bench_zcache has its values in a pool, bench_zcache_malloc in malloc's memory
 * (on_malloc.h). Both do the same work. The RSS is the process's growth since
 * before the cache was made. */
#include <errno.h>
#include <math.h>
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
#define KEYS 100000u
#define GETS 1000000u
#define SETS 400000u
#define PLAIN_BYTES 1024
/* How values' sizes change in the mixed part: each phase has others, from so many bytes
 * to twice as many. Of the operations 28 % set, 2 % delete, the others get, and set what
 * is not there. Which key, is by Zipf's law: number n is asked for n ^ 0.99 times less
 * than number 1. */
static const size_t phases[] = {
	200, 1000, 400, 2500, 120, 1500, 600, 3500, 300
};
#define NR_PHASES (sizeof(phases) / sizeof(*phases))
#define PHASE_OPS 250000u
#define ZIPF 0.99
#define DRAWS (1u << 20) /* 2^n */
static uint32_t draws[DRAWS];
/* Values are parts of this, which compresses to about 70 %. */
static char noise[1 << 20];

struct worker {
	pthread_t thread;
	struct zcache *cache;
	uint64_t random;
	unsigned int ops, threads;
	pthread_barrier_t *barrier;
	unsigned int misses;
	double ns, cpu_ns; /* of each operation */
};

/* What an operation takes, as its thread sees it: elapsed, and of its CPU. */
struct times {
	double ns, cpu_ns;
};

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
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

static void make_noise(void)
{
	uint64_t random = 1;

	memset(noise, 'a', sizeof(noise));
	for (size_t at = 0; at < sizeof(noise); at += 16) {
		uint64_t word = next_random(&random) << 32 |
				next_random(&random);

		memcpy(noise + at, &word, 8);
	}
}

/* Draws keys by Zipf's law. Their numbers are spread, as a hash does. */
static void make_draws(void)
{
	double *sums = malloc(KEYS * sizeof(*sums)), sum = 0;
	uint64_t random = 2;

	if (!sums)
		out_of_memory();
	for (uint32_t n = 0; n < KEYS; n++)
		sums[n] = sum += pow(n + 1, -ZIPF);
	for (uint32_t i = 0; i < DRAWS; i++) {
		double wanted = sum * (double)next_random(&random) / 0x1p31;
		uint32_t low = 0, high = KEYS - 1;

		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (sums[middle] < wanted)
				low = middle + 1;
			else
				high = middle;
		}
		draws[i] = (uint32_t)((uint64_t)low * 40503 % KEYS);
	}
	free(sums);
}

static void set(struct zcache *cache, uint32_t key, size_t bytes,
		uint64_t *random)
{
	size_t at = next_random(random) % (sizeof(noise) - MAX_VALUE);

	if (zcache_set(cache, &key, sizeof(key), noise + at, bytes, 0))
		out_of_memory();
}

static bool get(struct zcache *cache, uint32_t key)
{
	char value[MAX_VALUE];

	return zcache_get(cache, &key, sizeof(key), value, sizeof(value)) >= 0;
}

static void get_all(struct worker *w)
{
	for (unsigned int i = 0; i < w->ops; i++)
		w->misses += !get(w->cache, next_random(&w->random) % KEYS);
}

static void set_all(struct worker *w)
{
	for (unsigned int i = 0; i < w->ops; i++)
		set(w->cache, next_random(&w->random) % KEYS, PLAIN_BYTES,
		    &w->random);
}

static void mix(struct worker *w)
{
	uint32_t draw = (uint32_t)next_random(&w->random);

	for (unsigned int i = 0; i < w->ops; i++) {
		size_t size = phases[i / (PHASE_OPS / w->threads) % NR_PHASES];
		size_t bytes = size + next_random(&w->random) % size;
		unsigned int what = next_random(&w->random) % 100;
		uint32_t key = draws[draw++ % DRAWS];

		/* All are in the same phase. */
		if (i % (PHASE_OPS / w->threads) == 0)
			pthread_barrier_wait(w->barrier);
		if (what < 2)
			zcache_delete(w->cache, &key, sizeof(key));
		else if (what < 30 || !get(w->cache, key))
			set(w->cache, key, bytes, &w->random);
	}
}

static void (*work)(struct worker *w);

static void *run_one(void *arg)
{
	struct worker *w = arg;
	double start = now_ns(CLOCK_MONOTONIC);
	double cpu_start = now_ns(CLOCK_THREAD_CPUTIME_ID);

	work(w);
	w->ns = (now_ns(CLOCK_MONOTONIC) - start) / w->ops;
	w->cpu_ns = (now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_start) / w->ops;
	return NULL;
}

static struct times run(struct zcache *cache, unsigned int threads,
			void (*what)(struct worker *w), unsigned int ops)
{
	static struct worker workers[MAX_THREADS];
	pthread_barrier_t barrier;
	unsigned int misses = 0;
	struct times times = { 0, 0 };

	work = what;
	pthread_barrier_init(&barrier, NULL, threads);
	for (unsigned int t = 0; t < threads; t++) {
		workers[t] = (struct worker){ .cache = cache,
					      .random = t + 1,
					      .ops = ops / threads,
					      .threads = threads,
					      .barrier = &barrier };
		if (pthread_create(&workers[t].thread, NULL, run_one,
				   &workers[t]))
			out_of_memory();
	}
	for (unsigned int t = 0; t < threads; t++) {
		pthread_join(workers[t].thread, NULL);
		times.ns += workers[t].ns / threads;
		times.cpu_ns += workers[t].cpu_ns / threads;
		misses += workers[t].misses;
	}
	pthread_barrier_destroy(&barrier);
	if (misses) {
		fprintf(stderr, "bench_zcache: %u values are not there\n",
			misses);
		exit(1);
	}
	return times;
}

static void usage(FILE *out)
{
	fputs("usage: bench_zcache [THREADS [MILLIONS [REST]]], and the same with\n"
	      "bench_zcache_malloc. Prints as CSV: nanoseconds of a get and of a set of a\n"
	      "value of 1 KiB and of a mixed operation with changing sizes, elapsed and of\n"
	      "the thread's CPU; KiB of RSS when new, after MILLIONS million mixed\n"
	      "operations, and REST seconds later. Defaults: 2 threads, 5 million, 11\n"
	      "seconds.\n"
	      "example: LD_PRELOAD=libjemalloc.so.2 bench_zcache_malloc 2 20\n",
	      out);
}

static unsigned int number(const char *arg, unsigned int least,
			   unsigned int most)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*end || end == arg || n < least || n > most) {
		fprintf(stderr,
			"bench_zcache: %s: not a number from %u to %u\n", arg,
			least, most);
		exit(2);
	}
	return (unsigned int)n;
}

int main(int argc, char **argv)
{
	unsigned int threads = 2, millions = 5, rest = 11;
	struct times get_times, set_times, mixed_times;
	size_t before, fresh, churned;
	struct zcache_stats stats;
	struct zcache *cache;
	uint64_t random = 1;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc > 4) {
		usage(stderr);
		return 2;
	}
	if (argc > 1)
		threads = number(argv[1], 1, MAX_THREADS);
	if (argc > 2)
		millions = number(argv[2], 1, 1000);
	if (argc > 3)
		rest = number(argv[3], 0, 1000);

	make_noise();
	make_draws();
	before = rss_bytes();
	cache = zcache_create(
		&(struct zcache_options){ .limit_bytes = (size_t)1 << 30 });
	if (!cache) {
		fprintf(stderr, "bench_zcache: cannot make a cache: %s\n",
			strerror(errno));
		return 1;
	}
	say("filling");
	for (uint32_t key = 0; key < KEYS; key++)
		set(cache, key, PLAIN_BYTES, &random);
	/* The allocator ends what it does in the background. */
	sleep(1);
	fresh = rss_bytes() - before;
	say("getting");
	get_times = run(cache, threads, get_all, GETS);
	say("setting");
	set_times = run(cache, threads, set_all, SETS);
	say("mixed");
	mixed_times = run(cache, threads, mix, millions * 1000000);
	churned = rss_bytes() - before;
	zcache_stats(cache, &stats);
	say("resting");
	sleep(rest);
	printf("threads,get_ns,get_cpu_ns,set_ns,set_cpu_ns,mixed_ns,"
	       "mixed_cpu_ns,new_rss_kib,churned_rss_kib,rested_rss_kib,"
	       "entries,value_kib,stored_kib\n");
	printf("%u,%.0f,%.0f,%.0f,%.0f,%.0f,%.0f,%zu,%zu,%zu,%zu,%zu,%zu\n",
	       threads, get_times.ns, get_times.cpu_ns, set_times.ns,
	       set_times.cpu_ns, mixed_times.ns, mixed_times.cpu_ns,
	       fresh >> 10, churned >> 10, (rss_bytes() - before) >> 10,
	       stats.entries, stats.value_bytes >> 10,
	       stats.stored_bytes >> 10);
	zcache_destroy(cache);
	if (fflush(stdout) || ferror(stdout)) {
		fputs("bench_zcache: cannot write the output\n", stderr);
		return 1;
	}
	return 0;
}
