/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_percpu.c - compat/percpu.h: slots lie apart, inside the memory given
 * for them, and each CPU (or thread, where the CPU cannot be asked) finds its
 * own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_setaffinity */
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat/percpu.h"

#define NR_THREADS 4

static void test_number_of_slots_follows_the_cpus(void **state)
{
	unsigned int slots = uzs_nr_cpu_slots();
	long cpus = sysconf(_SC_NPROCESSORS_CONF);

	assert_in_range(slots, 1, UZS_MAX_CPU_SLOTS);
	assert_int_equal(slots, min(cpus, (long)UZS_MAX_CPU_SLOTS));
	assert_int_equal(uzs_nr_cpu_slots(), slots);
}

static void test_slots_lie_apart_and_inside(void **state)
{
	const size_t sizes[] = { 1, 8, 127, 128, 129, 1000 };
	struct uzs_percpu p;
	unsigned int slot;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t size = sizes[i];
		size_t bytes = uzs_percpu_bytes(size);

		/* memory of every alignment */
		for (size_t skew = 0; skew < 2 * UZS_PERCPU_ALIGN; skew += 8) {
			/* exactly as much as asked for: ASan looks on */
			char *mem = malloc(skew + bytes);
			char *end = mem + skew + bytes;
			char *last = NULL;

			assert_non_null(mem);
			uzs_percpu_init(&p, mem + skew, size);
			assert_int_equal(p.slots, uzs_nr_cpu_slots());
			for_each_slot(slot, &p)
			{
				char *s = uzs_per_cpu(&p, slot);

				assert_int_equal(
					(uintptr_t)s % UZS_PERCPU_ALIGN, 0);
				assert_true(s >= mem + skew);
				assert_true(s + size <= end);
				memset(s, 0x55, size);
				if (last)
					assert_true((size_t)(s - last) >= size);
				last = s;
			}
			free(mem);
		}
	}
}

static void test_one_slot_serves_all(void **state)
{
	assert_int_equal(uzs_cpu_slot(1), 0);
}

/* What the threads below do things to. */
struct counter {
	local_lock_t lock;
	unsigned long count; /* guard: lock */
};

struct shared {
	struct uzs_percpu percpu;
	unsigned int strays; /* atomic: slots that are none */
};

#define ROUNDS 20000
static void *count_here(void *arg)
{
	struct shared *s = arg;
	struct uzs_percpu *p = &s->percpu;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct counter *c = uzs_this_cpu(p);
		size_t offset = (size_t)((char *)c - p->base);

		if (offset % p->stride || offset / p->stride >= p->slots)
			__atomic_fetch_add(&s->strays, 1, __ATOMIC_RELAXED);
		local_lock(&c->lock);
		c->count++;
		local_unlock(&c->lock);
		/* often enough somewhere else between slot and lock, too */
		if (i % 512 == 0)
			sched_yield();
	}
	return NULL;
}

static void test_local_lock_excludes(void **state)
{
	pthread_t threads[NR_THREADS];
	struct shared s = { 0 };
	unsigned long sum = 0;
	unsigned int slot;
	void *mem = malloc(uzs_percpu_bytes(sizeof(struct counter)));

	assert_non_null(mem);
	uzs_percpu_init(&s.percpu, mem, sizeof(struct counter));
	for_each_slot(slot, &s.percpu)
	{
		struct counter *c = uzs_per_cpu(&s.percpu, slot);

		local_lock_init(&c->lock);
		c->count = 0;
	}
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, count_here, &s), 0);
	for (unsigned int i = 0; i < NR_THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for_each_slot(slot, &s.percpu)
	{
		struct counter *c = uzs_per_cpu(&s.percpu, slot);

		assert_false(spin_is_locked(&c->lock));
		sum += c->count;
	}
	assert_int_equal(s.strays, 0);
	assert_int_equal(sum, (unsigned long)NR_THREADS * ROUNDS);
	free(mem);
}

#if defined(__linux__) && !defined(UZS_NO_GETCPU)

/* Pinned to a CPU, a thread finds that CPU's slot, whatever their number. */
static void test_pinned_thread_finds_its_cpus_slot(void **state)
{
	unsigned int tried = 0;
	cpu_set_t all, one;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
		for (unsigned int slots = 1; slots <= UZS_MAX_CPU_SLOTS;
		     slots++)
			assert_int_equal(uzs_cpu_slot(slots),
					 (unsigned int)cpu % slots);
		tried++;
	}
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_true(tried > 0);
}

#else

/* Threads that live at the same time. */
#define NR_SPREAD 32
static pthread_barrier_t all_here;

static void *find_slot(void *arg)
{
	unsigned int *slot = arg;

	*slot = uzs_cpu_slot(UZS_MAX_CPU_SLOTS);
	/* a thread keeps its slot */
	for (unsigned int i = 0; i < 100; i++)
		if (uzs_cpu_slot(UZS_MAX_CPU_SLOTS) != *slot)
			*slot = UZS_MAX_CPU_SLOTS;
	pthread_barrier_wait(&all_here);
	return NULL;
}

static void test_pinned_thread_finds_its_cpus_slot(void **state)
{
	unsigned int slots[NR_SPREAD];
	bool used[UZS_MAX_CPU_SLOTS] = { false };
	pthread_t threads[NR_SPREAD];
	unsigned int distinct = 0;

	assert_int_equal(pthread_barrier_init(&all_here, NULL, NR_SPREAD), 0);
	for (unsigned int i = 0; i < NR_SPREAD; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, find_slot,
						&slots[i]),
				 0);
	for (unsigned int i = 0; i < NR_SPREAD; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pthread_barrier_destroy(&all_here);
	for (unsigned int i = 0; i < NR_SPREAD; i++) {
		assert_in_range(slots[i], 0, UZS_MAX_CPU_SLOTS - 1);
		distinct += !used[slots[i]];
		used[slots[i]] = true;
	}
	/* by chance 32 of 64 would hit about 25 different ones */
	assert_true(distinct >= NR_SPREAD / 4);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number_of_slots_follows_the_cpus),
		cmocka_unit_test(test_slots_lie_apart_and_inside),
		cmocka_unit_test(test_one_slot_serves_all),
		cmocka_unit_test(test_local_lock_excludes),
		cmocka_unit_test(test_pinned_thread_finds_its_cpus_slot),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
