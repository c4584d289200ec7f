/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-compare.h - what the files of the program share: what is asked for, and
 * the pairs of subjects that it is asked of.
 */
#ifndef UZS_COMPARE_PROGRAM_H
#define UZS_COMPARE_PROGRAM_H

#include "compare.h"

#define MAX_SUBJECTS 64
#define MAX_CELLS 256
#define MAX_LIST 16
#define MAX_JOBS 64

/* One pair of subjects in one geometry. */
struct cell {
	struct compare_options opt;
	const char *given[2]; /* the subjects, as in the command line */
	struct compare_counts counts; /* atomic: of all jobs */
};

/* What the jobs share. */
struct shared {
	uint64_t next; /* trace; atomic */
	uint64_t ops; /* done; atomic, for the progress bar */
	int stop; /* atomic: somebody found something */
	unsigned int nr;
	struct cell cells[MAX_CELLS];
};

struct options {
	const char *program; /* as it was called */
	const char *subjects[MAX_SUBJECTS];
	unsigned int nr_subjects;
	const char *against;
	unsigned int page_sizes[MAX_LIST], nr_page_sizes;
	unsigned int chain_sizes[MAX_LIST], nr_chain_sizes;
	uint64_t ops, seconds, seed, every, move_every, jobs, shrink_seconds;
	const char *trace, *output;
	const char *random_only; /* an option that --trace makes no sense of */
	bool csv, in_process;
};

/* jobs.c: all of it, in processes of their own. Each returns the exit
 * status. */
int run_jobs(const struct options *o, struct shared *shared, uint64_t start_ns);
/* All cells with the trace that is asked for. */
int run_file(const struct options *o, struct shared *shared);

/* tell.c: prints what was found, writes the trace up to there and a shrunk
 * one, and says how to run those. where: of the trace, which becomes
 * shorter. */
void tell_mismatch(const struct options *o, const struct cell *cell,
		   struct trace_ops *ops, const char *where);
void tell_crash(const struct options *o, const struct cell *cell,
		struct trace_ops *ops, const char *where,
		const struct compare_end *end);

#endif
