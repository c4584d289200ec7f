/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* run.h - what the parts of uzswap-run share. */
#ifndef UZSWAP_RUN_H
#define UZSWAP_RUN_H

#include "uzswap.h"

#define MAX_LIST 8

struct run_options {
	size_t resident_bytes, data_bytes, pool_bytes;
	const char *swap; /* NULL: none */
	const char *compressor;
	enum zs_profile profile; /* of the sorting's pool */
	unsigned int handlers;
	uint64_t seed;
	unsigned int touches;
	/* unmapping */
	size_t exit_bytes; /* of each region */
	unsigned int exit_regions[MAX_LIST], nr_exit_regions;
	enum zs_defer_mode defers[MAX_LIST];
	unsigned int nr_defers;
	unsigned int reps;
	bool json;
};

/* One line on stderr. Return: 1. */
int run_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
double run_seconds(void);
/* Creates the pager, for regions of so many bytes in all, or prints why not.
 * @pool: its profile, lock scope and deferral. */
struct uzswap *run_pager(const struct run_options *options, size_t bytes,
			 size_t resident_bytes, size_t pool_bytes,
			 const struct zswap_options *pool);

/* ---- run_sort.c ---- */
/* Writes records that resemble each other, as in a log, in random order. */
void run_fill(void *data, size_t bytes, uint64_t seed);
/* Return: 0 or 1. */
int run_sort(const struct run_options *options);

/* ---- run_exit.c ---- */
int run_exit(const struct run_options *options);

#endif
