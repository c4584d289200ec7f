/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* harness.h - what a measurement needs besides the thing measured: memory
 * that no allocator under test sees, a clock, random numbers, the process's
 * memory use, a team of threads, a fresh process for each measurement.
 *
 * Callers: all of bench/.
 */
#ifndef UZS_BENCH_HARNESS_H
#define UZS_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARNESS_MAX_THREADS 64u
#define CACHE_LINE_BYTES 64

/* Each program says what it is called. */
extern const char program_name[];

/* Prints "PROGRAM: ..." on stderr and ends the process with status 1, at
 * once: results that were not printed yet are never printed. */
void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* Zeroed memory straight from the OS, every page of it touched, so that later
 * use costs no page fault and adds nothing to the RSS. Lives until the process
 * ends. Never NULL: dies when there is none. */
void *harness_alloc(size_t bytes);

/* As harness_alloc, and what a child process writes there, the parent sees. */
void *harness_alloc_shared(size_t bytes);

/* CLOCK_MONOTONIC, in ns. */
uint64_t now_ns(void);

/* Processor time of this process so far, all of its threads, in ns. Of work
 * that other programs do meanwhile it knows nothing. */
uint64_t cpu_ns(void);

/* The same of the calling thread alone. */
uint64_t thread_cpu_ns(void);

/* Waits until this process has used next to no processor time for `ms`, so that
 * what an allocator does in the background is done; 20 s at most. */
void rest(unsigned int ms);

/* Page faults of this process so far that needed no I/O. */
uint64_t minor_faults(void);

/* Resident bytes of this process, as the OS counts them. */
size_t process_rss_bytes(void);

/* Brings in all that this process has mapped from files (code, mostly), so
 * that its RSS does not grow by it later. Does nothing where the OS has no
 * such call. */
void touch_mapped_files(void);

/* A random number; *state is the generator's whole state, any value will do
 * as a seed. */
uint64_t random_next(uint64_t *state);

/* A random number below n; n is not 0. */
uint32_t random_below(uint64_t *state, uint32_t n);

/* Threads 1 to nr - 1 of a team wait for jobs; the caller of team_run is
 * thread 0, so a team of one starts no thread at all. */
struct team;

/* Starts a team of nr threads, 1 to HARNESS_MAX_THREADS. They run until the
 * process ends. Dies when a thread cannot be started. */
struct team *team_start(unsigned int nr);

struct team_time {
	uint64_t wall_ns; /* from the first thread's start to the last's end */
	uint64_t busy_ns; /* sum over threads */
};

/* Runs job(arg, thread number) once in each thread, all beginning together;
 * returns when all are done. Callers: the team's thread 0 only. */
struct team_time team_run(struct team *team,
			  void (*job)(void *arg, unsigned int thread),
			  void *arg);

/* Runs job(arg) in a process of its own, so that each measurement finds the
 * allocator as a program finds it that just started. Dies when the process
 * fails. Callers: before any thread was started. */
void run_in_child(void (*job)(void *arg), void *arg);

#endif
