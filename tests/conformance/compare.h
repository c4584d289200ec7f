/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* compare.h - the same trace for two subjects, and after every operation: is
 * all the same?
 */
#ifndef UZS_COMPARE_H
#define UZS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "subject.h"
#include "trace_ops.h"

#define COMPARE_LAYOUT_EVERY 4096

/* Where a run is, kept up to date for whoever finds it dead. */
struct compare_place {
	size_t at; /* operation; their number: the end, where all is freed */
	int side; /* of the subject that is at it; -1: they are compared */
};

struct compare_options {
	const struct subject *subject[2];
	unsigned int page_size; /* bytes */
	unsigned int chain_size; /* pages */
	/* Operations between two comparisons of all classes; 1: after each. */
	unsigned int every;
	/* Operations between two rounds of page migration in both; 0: none. */
	unsigned int move_every;
	/* One object in so many holds a pattern to its end, the others at
	 * their beginning. */
	unsigned int data_every;
	/* The place of every object is compared after every
	 * COMPARE_LAYOUT_EVERYth operation, and after each from this one on;
	 * SIZE_MAX: from none. */
	size_t layout_from;
	struct compare_place *place; /* or NULL */
};

/* What runs did, so that none of it can be nothing in silence. */
struct compare_counts {
	uint64_t ops, allocs, frees, compactions;
	uint64_t pages_compacted; /* freed by them */
	uint64_t states; /* comparisons of the whole state */
	uint64_t layouts; /* comparisons of the place of every object */
	uint64_t pages_moved[2];
};

enum compare_result {
	COMPARE_SAME,
	COMPARE_DIFFERENT, /* they are at *at, an index into the trace; or at
			    * its end: *at is the number of operations */
	COMPARE_FAILED, /* no memory, say; a line on stderr has told it */
	COMPARE_DIED /* of compare_isolated() only */
};

/* report: where to print what differs, and both states; or NULL. */
enum compare_result compare_run(const struct compare_options *opt,
				const struct trace_ops *ops, size_t *at,
				struct compare_counts *counts, FILE *report);

/* "operation 3: a 2 100", or "at the end of 9 operations". */
void compare_print_op(FILE *out, const struct trace_ops *ops, size_t at);

/* How a run in a process of its own ended. */
struct compare_end {
	size_t at; /* where it is different, or died */
	int side; /* if it died: see struct compare_place */
	int status; /* that, as waitpid() says it */
};

/* isolate.c: compare_run() in a process of its own. quiet: for a trial, with
 * nothing on stderr, and killed if it takes long. */
enum compare_result compare_isolated(const struct compare_options *opt,
				     const struct trace_ops *ops,
				     struct compare_end *end,
				     struct compare_counts *counts,
				     FILE *report, bool quiet);
/* For a child: it ends when its parent does. */
void compare_end_with(pid_t parent);

/* NULL, or why two subjects cannot be compared step by step. */
const char *compare_refuses(const struct subject *a, const struct subject *b);

/* shrink.c: ops, whose last operation shows a difference, becomes as short
 * as can be found in that time and still shows one; or, if that is not NULL,
 * a death with the same status, and not at the end if this was not. Return: false after a line on stderr; ops is then as
 * short as it got. */
bool compare_shrink(const struct compare_options *opt, struct trace_ops *ops,
		    unsigned int seconds, const struct compare_end *death);

#endif
