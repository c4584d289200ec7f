/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* explore.h - runs a scenario in one order of steps after the other. */
#ifndef UZS_LAB_EXPLORE_H
#define UZS_LAB_EXPLORE_H

#include "scenario.h"

#define LAB_MAX_DEVIATIONS 64

/* A schedule is told by where it leaves the default, which is: the fiber that
 * runs goes on; when it cannot, the first that can. At step `step` of the run
 * `fiber` goes on instead. */
struct lab_deviation {
	u32 step;
	u32 fiber;
};

struct lab_schedule {
	unsigned int nr;
	struct lab_deviation at[LAB_MAX_DEVIATIONS];
};

/* Text of a schedule and what it is of:
 * SCENARIO/SCOPE/DEFER/CPUS/17b.23a or, without deviations, .../- */
#define LAB_SCHEDULE_TEXT 512
void lab_print_schedule(const struct lab_config *c,
			const struct lab_schedule *s, char *text, size_t size);
/* False: *error says what is wrong. */
bool lab_parse_schedule(const char *text, struct lab_config *c,
			struct lab_schedule *s, const char **error);

struct lab_explore_options {
	unsigned int preemptions; /* at most so many, from 0 up */
	bool at_once; /* not first with fewer */
	bool reduce; /* leave out what is equivalent */
	bool verify; /* that equal fingerprints are equal memory */
	bool every_step; /* preempt also where the order does not matter */
	bool between; /* the consistency check also between two steps */
	u64 max_runs; /* 0: no bound */
	double max_seconds; /* of CPU time; 0: no bound */
	unsigned int max_steps; /* of a run; more is a livelock */
	/* Instead of all: random priorities (PCT). */
	bool random;
	unsigned int depth; /* 1 and more: of the bugs looked for */
	u64 seed;
	u64 runs; /* of random */
	/* Called now and then: false ends the search, which then is not
	 * complete. May be NULL. */
	bool (*go_on)(void *arg, u64 runs);
	void *arg;
};
#define LAB_EXPLORE_DEFAULT                                             \
	{                                                               \
		.preemptions = 2, .reduce = true, .between = true,      \
		.max_steps = 5000, .depth = 3, .seed = 1, .runs = 10000 \
	}

struct lab_result {
	u64 runs; /* schedules executed, to the end or until known */
	u64 pruned; /* of those, left at a state that was seen before */
	u64 states; /* distinct ones at which there was a choice */
	u64 looks; /* consistency checks between two steps */
	u64 steps; /* of all runs */
	u32 longest; /* steps of the longest run */
	u32 conflicts; /* objects at which an order can matter */
	u32 restarts; /* because a new one of those turned up */
	double seconds; /* of CPU time */
	bool complete; /* no bound but that of preemptions was met */
	/* of what was found, after shrinking */
	enum uzs_lab_finding finding;
	char text[2048];
	struct lab_schedule schedule;
	u64 found_at; /* number of the run */
	u32 found_steps; /* of the shrunk run */
	u64 shrink_runs;
	bool cut; /* as found it had more deviations than a schedule holds */
	bool unconfirmed; /* the schedule alone does not show it */
	/* of a replay: deviations that the run had no use for, and the first */
	unsigned int unused;
	struct lab_deviation first_unused;
};

void lab_explore(const struct lab_config *c,
		 const struct lab_explore_options *o, struct lab_result *r);

/* A step of a run, for a table. */
struct lab_trace_step {
	u32 fiber;
	struct uzs_lab_step step;
	const struct uzs_place *from; /* uzs_lab_from; NULL: nowhere */
	char words[48]; /* what it does, to what */
};
struct lab_trace {
	u32 nr, room;
	struct lab_trace_step *step;
	u32 nr_fibers;
	const char *name[8]; /* of the fibers */
};

/* Runs one schedule; of the options, `max_steps` and `between` count. *trace,
 * if not NULL, gets its steps; to be freed with lab_free_trace. */
void lab_replay(const struct lab_config *c, const struct lab_schedule *s,
		const struct lab_explore_options *o, struct lab_result *r,
		struct lab_trace *trace);
/* Fills in the words, from what lies in memory after the run. */
void lab_name_steps(const struct lab_config *c, struct lab_trace *trace);
void lab_free_trace(struct lab_trace *trace);
/* A column for each fiber, a row for each step. `all`: also steps on objects
 * that one fiber alone uses. lab_is_shared_step: another one uses it, too. */
bool lab_is_shared_step(const struct lab_trace *trace, u32 n);
void lab_print_table(const struct lab_trace *trace, bool all, FILE *out);

#endif
