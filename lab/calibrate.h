/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* calibrate.h - what the parts of uzs-lab-calibrate measure. All times are
 * nanoseconds, the least of several rounds. Any failure ends the program.
 */
#ifndef UZS_LAB_CALIBRATE_H
#define UZS_LAB_CALIBRATE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tools/uzs.h"

#define CALIBRATE_LINES 4096u
#define CALIBRATE_NEAR_MIB 16u
#define CALIBRATE_FAR_MIB 256u
#define CALIBRATE_ROUNDS 100u
/* Lines from another CPU that one CPU waits for at the same time. A chain of
 * loads cannot measure this. */
#define CALIBRATE_OVERLAP 5.0
/* An atomic access waits longer for such a line, by this part of its
 * latency. */
#define CALIBRATE_ATOMIC_SHARE 0.3

/* calibrate_memory.c */
struct calibrate_memory {
	double atomic; /* on a word in the own cache */
	double line; /* a load of a line that the other CPU wrote to */
	double line_atomic; /* an atomic addition to such a line */
	double contended_add; /* one addition, while two CPUs add to one word */
	double gap; /* how long a CPU keeps a line that both want */
	double handover; /* from CPU to CPU through a word that both read again
			  * and again */
	double near, ahead, miss, tlb;
	double bus; /* one line, while both CPUs load */
	double misses, walks; /* that a CPU has under way at once */
	double memcpy_kib;
};
void calibrate_memory(struct calibrate_memory *m, unsigned int rounds);

/* calibrate_os.c */
struct calibrate_os {
	double cache_lines, shared_lines;
	double getcpu, sleep, wake, wake_delay, thread, spin, context_switch;
};
void calibrate_os(struct calibrate_os *os, unsigned int rounds);
void calibrate_cpu_name(char *name, size_t size);
/* Finds two CPUs. Return: 0 or an exit status after a message. */
int calibrate_two_cpus(void);
/* From now on the calling thread runs on the first or second of them. */
void calibrate_pin(unsigned int which);
/* Runs fn(arg) on the second CPU while the caller, on the first, runs main_fn.
 * Both begin at the same time. */
void calibrate_pair(void (*main_fn)(void *arg), void (*fn)(void *arg),
		    void *arg);

/* The middle one of n values, which must be sorted. For measurements whose
 * least value is luck. */
double calibrate_middle(double *values, unsigned int n);

static inline double calibrate_less(double a, double b)
{
	return a < b ? a : b;
}
static inline double calibrate_more(double a, double b)
{
	return a > b ? a : b;
}

#endif
