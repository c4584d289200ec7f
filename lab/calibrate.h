/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* calibrate.h - what the parts of uzs-lab-calibrate measure. All times are
 * nanoseconds, the least of several rounds. What fails ends the program.
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
/* Lines from another CPU that one waits for at once: what a chain of loads
 * cannot tell. */
#define CALIBRATE_OVERLAP 5.0
/* An atomic access waits longer for such a line, by so much of its latency. */
#define CALIBRATE_ATOMIC_SHARE 0.3

/* calibrate_memory.c */
struct calibrate_memory {
	double atomic; /* a word at hand */
	double line; /* that the other CPU wrote to, loaded */
	double line_atomic; /* the same, added to */
	double contended_add; /* two CPUs add to one word, each addition */
	double gap; /* so long a CPU keeps a line that both want */
	double handover; /* from CPU to CPU through a word that both look at */
	double near, ahead, miss, tlb;
	double bus; /* a line, both CPUs at once */
	double misses, walks; /* a CPU has under way */
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
/* The calling thread runs on the first or second of them from now on. */
void calibrate_pin(unsigned int which);
/* Runs fn(arg) on the second CPU while the caller, on the first, runs main_fn;
 * both begin at once. */
void calibrate_pair(void (*main_fn)(void *arg), void (*fn)(void *arg),
		    void *arg);

/* The middle one of n values, which are sorted: where the least is luck. */
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
