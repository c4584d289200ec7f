/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stats.h - the device's counters, and the ways they are shown.
 *
 * Kernel origin: struct zram_stats, mm_stat_show, io_stat_show, bd_stat_show
 * (Documentation/admin-guide/blockdev/zram.rst says what each column is).
 */
#ifndef UZRAM_STATS_H
#define UZRAM_STATS_H

#include <stdatomic.h>
#include <stdio.h>

/* All relaxed: each value is right when nothing runs. In blocks unless the name
 * says bytes. */
struct uzram_counters {
	_Atomic unsigned long reads, writes; /* requests */
	_Atomic unsigned long failed_reads, failed_writes, invalid_io;
	_Atomic unsigned long notify_free; /* slots freed on trim requests */
	_Atomic unsigned long miss_free; /* ... not freed, because their lock
					  * was held */
	_Atomic unsigned long stored; /* slots with anything in them */
	_Atomic unsigned long compr_bytes; /* of objects in the pool */
	_Atomic unsigned long same, huge;
	_Atomic unsigned long huge_since; /* blocks ever stored raw */
	_Atomic unsigned long max_used_pages;
	_Atomic unsigned long bd_count; /* slots in the backing file */
	_Atomic unsigned long bd_reads, bd_writes;
	_Atomic unsigned long recompressed; /* slots made smaller */
};

static inline void count_add(_Atomic unsigned long *counter, unsigned long n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void count_sub(_Atomic unsigned long *counter, unsigned long n)
{
	atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

static inline unsigned long count_of(_Atomic unsigned long *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Sets all to 0; others may read them meanwhile. */
static inline void counters_clear(struct uzram_counters *counters)
{
	_Atomic unsigned long *counter = (_Atomic unsigned long *)counters;

	for (size_t i = 0; i < sizeof(*counters) / sizeof(*counter); i++)
		atomic_store_explicit(&counter[i], 0, memory_order_relaxed);
}

struct uzram;

/* The kernel's lines, its columns in its order. */
void uzram_print_mm_stat(struct uzram *dev, FILE *out);
void uzram_print_io_stat(struct uzram *dev, FILE *out);
void uzram_print_bd_stat(struct uzram *dev, FILE *out);
/* A table for people, a sentence for each figure. */
void uzram_print_table(struct uzram *dev, FILE *out);
/* All figures as one JSON object. */
void uzram_print_json(struct uzram *dev, FILE *out);

#endif
