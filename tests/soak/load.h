/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* load.h - a pool under load for long: threads that make, read, write and free
 * objects in bursts. Each object holds a pattern, which is looked at when it is
 * read and before it is freed. How long each call took is counted.
 *
 * The one who directs (uzs-soak.c) changes what they do while they run.
 */
#ifndef UZS_SOAK_LOAD_H
#define UZS_SOAK_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/times.h"
#include "uzsmalloc.h"

/* Ends the process, and says where: threads may be anywhere. */
#define MUST(condition)                                                 \
	do {                                                            \
		if (condition)                                          \
			break;                                          \
		fprintf(stderr, "uzs-soak: %s: %s:%d: %s\n", load_name, \
			__FILE__, __LINE__, #condition);                \
		_exit(1);                                               \
	} while (0)

#define LOAD_MOST_THREADS 64

struct load_options {
	struct zs_pool_options pool;
	unsigned int threads;
	unsigned int objects; /* places of a thread */
	uint64_t rate; /* steps a second of each thread; 0: without rest */
	uint64_t seed;
};

/* What calls are counted as. */
enum load_kind {
	LOAD_ALLOCATE,
	LOAD_WRITE,
	LOAD_READ,
	LOAD_FREE,
	/* Any of these that slept, for a lock, say. */
	LOAD_WAITED,
	LOAD_KINDS,
	/* Any of these while the director does something: see load_apart(). */
	LOAD_APART = LOAD_KINDS,
	/* No call of the library: a mutex that the threads share is locked, and a
	 * pattern written. What the machine does to such a thing. */
	LOAD_CONTROL,
	LOAD_CONTROL_WAITED,
	LOAD_ALL_KINDS
};

enum load_sizes { LOAD_EVEN, LOAD_SMALL, LOAD_LARGE, LOAD_NR_SIZES };

/* One interval's work of all threads. */
struct load_counts {
	struct times times[LOAD_ALL_KINDS];
	uint64_t steps;
	uint64_t refused; /* -ENOMEM */
};

/* "kernel/held/array", for messages. */
extern char load_name[64];

/* Tables are made, and filled with memory, before the pool: what the process grows
 * by later is the pool. Return: false: no memory. */
bool load_prepare(const struct load_options *options);
/* Makes the pool and starts the threads. Return: 0 or a negative errno. */
int load_start(void);
/* All objects are read, and freed; the pool must be empty then, and sound. */
void load_end(void);

struct zs_pool *load_pool(void);
/* Bytes of the objects that are stored. */
size_t load_live_bytes(void);

/* So many of the places, in percent, are to be filled, with such sizes. */
void load_set(unsigned int percent, enum load_sizes sizes);
/* From here to its end calls are counted apart: the director does something that
 * they may have to wait for. */
void load_apart(bool begin);
/* From here to its end allocations may fail. */
void load_may_lack(bool begin);

/* What was done since the last time. Waits until every thread has ended the step
 * that it was in. */
void load_take(struct load_counts *counts);

/* In the child of a fork that zs_fork_child() was called in: looks at objects of
 * each thread, frees and makes some. */
void load_live_in_child(void);

#endif
