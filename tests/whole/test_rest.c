/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_rest.c - a pool at rest does nothing: two seconds after the last call its
 * worker has gone to sleep, and does not wake up any more.
 */
#include "test_system.h"

#include "test_util.h"

#include <string.h>
#include <time.h>

#include "test_random.h"
#include "uzsmalloc.h"

#define NR_OBJS 8000u
#define CALLS 60000u
/* What the worker has still to do takes longer under a sanitizer. */
#define SECONDS_TO_REST (SANITIZED ? 8 : 2)

static const struct {
	const char *name;
	enum zs_profile profile;
	enum zs_defer_mode defer;
	unsigned int flags;
	unsigned int max_overhead_percent; /* 0: as it comes */
} kinds[] = {
	{ "user", ZS_PROFILE_USER, ZS_DEFER_NONE, 0, 0 },
	{ "user-small", ZS_PROFILE_USER, ZS_DEFER_NONE, ZS_POOL_NO_HUGE_PAGES,
	  0 },
	{ "user-hard", ZS_PROFILE_USER, ZS_DEFER_NONE, ZS_POOL_HARDENED, 0 },
	{ "kernel", ZS_PROFILE_KERNEL, ZS_DEFER_NONE, 0, 0 },
	{ "percpu", ZS_PROFILE_KERNEL, ZS_DEFER_PERCPU, 0, 10 },
	{ "array", ZS_PROFILE_KERNEL, ZS_DEFER_ARRAY, 0, 10 },
	{ "reuse", ZS_PROFILE_KERNEL, ZS_DEFER_REUSE, 0, 10 },
};

/* How often the thread of that name in this process has gone to sleep, or lost its
 * CPU. -1: there is none. */
static long switches_of(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	char path[300], line[256], found[64];
	long sum = -1;

	assert_non_null(tasks);
	for (struct dirent *e; (e = readdir(tasks));) {
		FILE *file;
		bool own = false;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			 e->d_name);
		file = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (file && fgets(line, sizeof(line), file)) {
			const char *number = strstr(line, "ctxt_switches:");

			if (sscanf(line, "Name: %63s", found) == 1)
				own = !strcmp(found, name);
			if (!own || !number)
				continue;
			sum = (sum < 0 ? 0 : sum) +
			      atol(number + sizeof("ctxt_switches:") - 1);
		}
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return sum;
}

/* Leaves the pool with objects, and gaps between them. */
static void churn(struct zs_pool *pool, uint64_t seed)
{
	static unsigned long handles[NR_OBJS];
	struct rng rng;

	rng_seed(&rng, seed);
	memset(handles, 0, sizeof(handles));
	for (unsigned int i = 0; i < CALLS; i++) {
		unsigned long *handle = &handles[rng_below(&rng, NR_OBJS)];

		if (*handle)
			zs_free_deferred(pool, *handle);
		*handle = 0;
		if (i < CALLS / 2 || !(i % 3))
			*handle =
				must_malloc(pool, 100 + rng_below(&rng, 3000));
	}
}

static void test_no_wake_ups_at_rest(void **state)
{
	struct zs_pool *pools[ARRAY_SIZE(kinds)];
	long before[ARRAY_SIZE(kinds)], after;
	struct timespec rest = { .tv_sec = SECONDS_TO_REST };
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

		pools[i] = NULL;
		if (kinds[i].profile == ZS_PROFILE_USER && sizeof(void *) < 8)
			continue;
		o.profile = kinds[i].profile;
		o.defer = kinds[i].defer;
		o.flags = kinds[i].flags;
		o.max_overhead_percent = kinds[i].max_overhead_percent;
		pools[i] = zs_create_pool_with(kinds[i].name, &o);
		assert_non_null(pools[i]);
		churn(pools[i], i + 1);
	}
	nanosleep(&rest, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(name, sizeof(name), "uzs/%s", kinds[i].name);
		before[i] = switches_of(name);
	}
	rest.tv_sec = 2;
	nanosleep(&rest, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!pools[i])
			continue;
		snprintf(name, sizeof(name), "uzs/%s", kinds[i].name);
		after = switches_of(name);
		if (after < 1 || after != before[i])
			fail_msg("%s: %ld switches, then %ld", name, before[i],
				 after);
		assert_sound(pools[i]);
		zs_destroy_pool(pools[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_wake_ups_at_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
