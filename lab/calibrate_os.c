/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* calibrate_os.c - measures the OS: threads, sleeping and waking; and asks it
 * about the caches; see calibrate.h. Owns which CPUs are used.
 */
#include "calibrate.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/harness.h"
#include "compat/futex.h"
#include "compat/lock.h"

#define LINE 64

static int cpu[2];

int calibrate_two_cpus(void)
{
	cpu_set_t may;
	unsigned int n = 0;

	CPU_ZERO(&may);
	if (sched_getaffinity(0, sizeof(may), &may))
		return uzs_fail("sched_getaffinity: %s", strerror(errno));
	for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
		if (CPU_ISSET(i, &may))
			cpu[n++] = i;
	if (n < 2)
		return uzs_fail("two CPUs are needed, there is one");
	return 0;
}

void calibrate_pin(unsigned int which)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu[which], &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("CPU %d cannot be had: %s", cpu[which], strerror(errno));
}

/* ---- two threads -------------------------------------------------------------------- */

struct pair {
	void (*fn)(void *arg);
	void *arg;
	unsigned int which;
	u32 ready;
};

static void *second(void *arg)
{
	struct pair *pair = arg;

	calibrate_pin(pair->which);
	__atomic_store_n(&pair->ready, 1, __ATOMIC_RELEASE);
	/* On one CPU, with a real-time priority, the other thread needs a
	 * turn. */
	while (__atomic_load_n(&pair->ready, __ATOMIC_ACQUIRE) != 2)
		if (!pair->which)
			sched_yield();
	pair->fn(pair->arg);
	return NULL;
}

static void run_pair(void (*main_fn)(void *arg), void (*fn)(void *arg),
		     void *arg, unsigned int which)
{
	struct pair pair = { .fn = fn, .arg = arg, .which = which };
	pthread_t thread;
	int err = pthread_create(&thread, NULL, second, &pair);

	if (err)
		die("cannot start a thread: %s", strerror(err));
	while (__atomic_load_n(&pair.ready, __ATOMIC_ACQUIRE) != 1)
		sched_yield();
	__atomic_store_n(&pair.ready, 2, __ATOMIC_RELEASE);
	main_fn(arg);
	pthread_join(thread, NULL);
}

void calibrate_pair(void (*main_fn)(void *arg), void (*fn)(void *arg),
		    void *arg)
{
	run_pair(main_fn, fn, arg, 1);
}

/* ---- sleeping and waking ---------------------------------------------------------------- */

static struct {
	u32 word __attribute__((aligned(64)));
	u32 asleep;
	uint64_t woken_ns __attribute__((aligned(64)));
	double wake, delay;
} f;

static long futex(u32 *word, int op, u32 value)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL,
		       NULL, 0);
}

static void sleeper(void *arg)
{
	(void)arg;
	__atomic_store_n(&f.asleep, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&f.word, __ATOMIC_ACQUIRE))
		futex(&f.word, FUTEX_WAIT, 0);
	f.woken_ns = now_ns();
}

static void waker(void *arg)
{
	uint64_t begin, end;

	(void)arg;
	while (!__atomic_load_n(&f.asleep, __ATOMIC_ACQUIRE))
		sched_yield();
	/* Waits until the thread sleeps, and its CPU with it. */
	usleep(500);
	begin = now_ns();
	__atomic_store_n(&f.word, 1, __ATOMIC_RELEASE);
	futex(&f.word, FUTEX_WAKE, 1);
	end = now_ns();
	f.wake = (double)(end - begin);
	f.delay = (double)begin;
}

double calibrate_middle(double *values, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++) {
		double v = values[i];
		unsigned int k = i;

		for (; k && values[k - 1] > v; k--)
			values[k] = values[k - 1];
		values[k] = v;
	}
	return values[n / 2];
}

static void measure_waking(struct calibrate_os *os, unsigned int rounds)
{
	static double wake[CALIBRATE_ROUNDS * 3], delay[CALIBRATE_ROUNDS * 3];
	unsigned int n = rounds * 3;

	for (unsigned int i = 0; i < n; i++) {
		f.word = f.asleep = 0;
		calibrate_pair(waker, sleeper, NULL);
		wake[i] = f.wake;
		delay[i] = (double)f.woken_ns - f.delay;
	}
	os->wake = calibrate_middle(wake, n);
	os->wake_delay = calibrate_middle(delay, n);
}

#define YIELDS 20000

static void yield_many(void *arg)
{
	uint64_t begin = now_ns();

	for (int i = 0; i < YIELDS; i++)
		sched_yield();
	*(double *)arg = (double)(now_ns() - begin) / (2.0 * YIELDS);
}

static void yield_beside(void *arg)
{
	(void)arg;
	for (int i = 0; i < YIELDS; i++)
		sched_yield();
}

static void *nothing(void *arg)
{
	return arg;
}

static double measure_thread(void)
{
	uint64_t begin = now_ns(), end;
	pthread_t thread;
	int err = pthread_create(&thread, NULL, nothing, NULL);

	end = now_ns();
	if (err)
		die("cannot start a thread: %s", strerror(err));
	pthread_join(thread, NULL);
	return (double)(end - begin);
}

static double measure_sleep(void)
{
	uint64_t begin = now_ns();
	u32 word = 1;

	for (int i = 0; i < 1000; i++)
		futex(&word, FUTEX_WAIT, 0);
	return (double)(now_ns() - begin) / 1000;
}

static double measure_spin(void)
{
	uint64_t begin = now_ns();

	for (unsigned int i = 0; i < UZS_SPIN_ROUNDS * 10; i++)
		cpu_relax();
	return (double)(now_ns() - begin) / 10;
}

static double measure_getcpu(void)
{
	uint64_t begin = now_ns();
	int sum = 0;

	for (int i = 0; i < 10000; i++)
		sum += sched_getcpu();
	__asm__ volatile("" : : "r"(sum));
	return (double)(now_ns() - begin) / 10000;
}

/* From the list of the first CPU's caches. On some machines sysconf reports the
 * sum of all third-level caches. */
static double lines_of(unsigned int level, double otherwise)
{
	char path[96];
	unsigned long kib, is = 0;
	FILE *in;

	for (unsigned int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/cache/index%u/level",
			 cpu[0], i);
		in = fopen(path, "r");
		if (!in)
			break;
		if (fscanf(in, "%lu", &is) != 1)
			is = 0;
		fclose(in);
		if (is != level)
			continue;
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/cache/index%u/size",
			 cpu[0], i);
		in = fopen(path, "r");
		if (!in)
			break;
		if (fscanf(in, "%luK", &kib) == 1 && kib)
			otherwise = (double)kib * 1024 / LINE;
		fclose(in);
	}
	return otherwise;
}

void calibrate_os(struct calibrate_os *os, unsigned int rounds)
{
	double turn = 1e9;

	calibrate_pin(0);
	os->cache_lines = lines_of(2, 8192);
	os->shared_lines = lines_of(3, 0);
	os->getcpu = os->sleep = os->thread = os->spin = 1e9;
	os->context_switch = 1e9;
	for (unsigned int i = 0; i < rounds; i++) {
		os->getcpu = calibrate_less(os->getcpu, measure_getcpu());
		os->sleep = calibrate_less(os->sleep, measure_sleep());
		os->thread = calibrate_less(os->thread, measure_thread());
		os->spin = calibrate_less(os->spin, measure_spin());
		run_pair(yield_many, yield_beside, &turn, 0);
		os->context_switch = calibrate_less(os->context_switch, turn);
	}
	measure_waking(os, rounds);
}

void calibrate_cpu_name(char *name, size_t size)
{
	char line[256];
	FILE *in = fopen("/proc/cpuinfo", "r");

	snprintf(name, size, "a machine");
	while (in && fgets(line, sizeof(line), in)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(name, size, "%.90s", colon + 2);
		break;
	}
	if (in)
		fclose(in);
}
