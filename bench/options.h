/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* options.h - what the command line asks for. */
#ifndef UZS_BENCH_OPTIONS_H
#define UZS_BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sizes.h"

enum bench_mode { MODE_SPEED, MODE_MEMORY, MODE_WAIT, MODE_PAIR };
enum bench_output { OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_JSON };

struct subject;

enum bench_op {
	OP_MALLOC,
	OP_MALLOC_WARM,
	OP_FILL,
	OP_WRITE,
	OP_READ,
	OP_PEEK,
	OP_PEEK_ONE,
	OP_REPLACE,
	OP_FREE,
	OP_FREE_MANY,
	OP_COMPACT,
	OP_NR
};

#define MAX_OPS 32
#define MAX_SUBJECTS 8
#define MAX_FREE_LEVELS 16
#define MAX_REPS 1000u

struct options {
	enum bench_mode mode;
	enum bench_output output;
	bool use_malloc; /* malloc rather than a pool */
	bool refs; /* a pool of the user profile, its objects named by refs */
	/* rather than a pool: a table of calls, the kernel's or ours; by turns
	 * with the others of subjects[], of which the first is the measure */
	const struct subject *subject;
	const struct subject *subjects[MAX_SUBJECTS];
	unsigned int nr_subjects;
	bool verify;
	bool no_worker;
	bool no_huge;
	bool hardened;
	unsigned int slices; /* pair: of each operation */
	unsigned int
		rest_ms; /* speed, pair: quiet before what is timed; 0: none */
	struct sizes sizes;
	uint64_t bytes; /* of objects to store */
	uint64_t seed;
	unsigned int threads;
	unsigned int reps;
	unsigned int page_size; /* bytes */
	unsigned int chain_size; /* pages; 0: the library's default */
	unsigned int max_overhead; /* percent, as in struct zs_pool_options */
	size_t retained_bytes; /* as in struct zs_pool_options */
	size_t expected_bytes; /* as in struct zs_pool_options */
	unsigned int profile; /* enum zs_profile */
	unsigned int lock_scope; /* enum zs_lock_scope */
	unsigned int defer; /* enum zs_defer_mode; DEFAULT: zs_free is used */
	enum bench_op ops[MAX_OPS];
	unsigned int nr_ops;
	unsigned int free_percent[MAX_FREE_LEVELS];
	unsigned int nr_free;
	double seconds; /* of a phase of wait */
	unsigned int churn; /* replacements for each live object */
	unsigned int churn_freed; /* before them, in percent */
};

#endif
