/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* explore.h - runs a scenario again and again, each time in another order of
 * steps. */
#ifndef UZS_LAB_EXPLORE_H
#define UZS_LAB_EXPLORE_H

#include "scenario.h"
#include "weak.h"

#define LAB_MAX_DEVIATIONS 64

/* A schedule lists where it deviates from the default. The default is: the
 * fiber that runs goes on; when it cannot, the first that can; an access reads
 * the last store of its word, or becomes it. A deviation: at step `step` of the
 * run `fiber` goes on instead; or, if `older` is not 0, the step's access reads,
 * or is placed behind, a store with so many newer ones (weak.h). */
struct lab_deviation {
	u32 step;
	u32 fiber;
	u32 older;
};

struct lab_schedule {
	unsigned int nr;
	struct lab_deviation at[LAB_MAX_DEVIATIONS];
};

/* The text of a schedule and its configuration:
 * SCENARIO/SCOPE/DEFER/CPUS/17b.23a or, without deviations, .../-; where memory
 * is not sc, SCENARIO/SCOPE/DEFER/CPUS/c11/17b.23s1 (step 23 is stale by 1) */
#define LAB_DEVIATION_TEXT 14 /* .4294967295s15 */
#define LAB_PART_TEXT 64 /* a name in it, with the slash */
#define LAB_SCHEDULE_TEXT \
	(5 * LAB_PART_TEXT + LAB_MAX_DEVIATIONS * LAB_DEVIATION_TEXT)
void lab_print_schedule(const struct lab_config *c,
			const struct lab_schedule *s, char *text, size_t size);
/* False: *error says what is wrong. */
bool lab_parse_schedule(const char *text, struct lab_config *c,
			struct lab_schedule *s, const char **error);

struct lab_explore_options {
	unsigned int preemptions; /* at most; tried from 0 up */
	unsigned int stale; /* stale choices in a run, at most; with sc: none */
	bool at_once; /* try all at once, not from 0 up */
	bool reduce; /* leave out equivalent orders */
	bool verify; /* check that equal fingerprints mean equal memory */
	bool every_step; /* preempt also where the order does not matter */
	bool between; /* make the consistency check also between two steps */
	u64 max_runs; /* 0: no bound */
	double max_seconds; /* of CPU time; 0: no bound */
	unsigned int max_steps; /* of a run; with more it is a livelock */
	/* In place of the full search: random priorities (PCT). */
	bool random;
	unsigned int depth; /* 1 and more: depth of the bugs looked for */
	u64 seed;
	u64 runs; /* number of random runs */
	/* Called now and then. False ends the search, which then is not
	 * complete. May be NULL. */
	bool (*go_on)(void *arg, u64 runs);
	void *arg;
};
#define LAB_EXPLORE_DEFAULT                                                    \
	{                                                                      \
		.preemptions = 2, .stale = 1, .reduce = true, .between = true, \
		.max_steps = 5000, .depth = 3, .seed = 1, .runs = 10000        \
	}

struct lab_result {
	u64 runs; /* schedules run, to the end or until pruned */
	u64 pruned; /* of these, ended at a state that was seen before */
	u64 states; /* distinct states at which there was a choice */
	u64 looks; /* consistency checks between two steps */
	u64 steps; /* of all runs */
	u32 longest; /* steps of the longest run */
	u32 conflicts; /* objects at which an order can matter */
	u32 restarts; /* because a new one of these objects was found */
	double seconds; /* of CPU time */
	u64 left_out; /* runs with a stale choice that was not offered: weak.h */
	bool complete; /* no bounds but those of preemptions and of stale choices
			* were reached */
	/* the finding, after shrinking */
	enum uzs_lab_finding finding;
	char text[2048];
	struct lab_schedule schedule;
	u64 found_at; /* number of the run */
	u32 found_steps; /* of the shrunk run */
	u64 shrink_runs;
	bool cut; /* before shrinking it had more deviations than a schedule
		   * holds */
	bool unconfirmed; /* the schedule alone does not show it again */
	/* of a replay: deviations that could not be applied, and the first
	 * one */
	unsigned int unused;
	struct lab_deviation first_unused;
};

/* Races with a store that left the word as it was, of the last search, each
 * pair of places once. Filled in by watch.c, see there. */
#define LAB_REWRITES 8
extern struct lab_rewrites {
	unsigned int nr;
	const void *at[LAB_REWRITES][2];
	char text[LAB_REWRITES][512];
} lab_rewrites;

void lab_explore(const struct lab_config *c,
		 const struct lab_explore_options *o, struct lab_result *r);

/* One step of a run, for a table. */
struct lab_trace_step {
	u32 fiber;
	struct uzs_lab_step step;
	const struct uzs_place *from; /* uzs_lab_from; NULL: none */
	char words[48]; /* what the step does, to which object */
	char stale[LAB_STALE_TEXT]; /* which store it read, if not the last */
};
struct lab_trace {
	u32 nr, room;
	struct lab_trace_step *step;
	u32 nr_fibers;
	const char *name[8]; /* names of the fibers */
};

/* Runs one schedule. Of the options it uses `max_steps` and `between`. *trace,
 * if not NULL, gets the steps; free it with lab_free_trace. */
void lab_replay(const struct lab_config *c, const struct lab_schedule *s,
		const struct lab_explore_options *o, struct lab_result *r,
		struct lab_trace *trace);
/* Fills in `words` from the memory that the run left. */
void lab_name_steps(const struct lab_config *c, struct lab_trace *trace);
void lab_free_trace(struct lab_trace *trace);
/* A column for each fiber, a row for each step. `all`: also steps on objects
 * that only one fiber uses. lab_is_shared_step: does another fiber use the
 * object, too? */
bool lab_is_shared_step(const struct lab_trace *trace, u32 n);
void lab_print_table(const struct lab_trace *trace, bool all, FILE *out);

#endif
