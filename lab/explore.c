/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* explore.c - the search: chooses the fiber that goes on at each step of each
 * run. Owns the path that is being tried.
 *
 * Depth first. A *node* is a step at which there is a choice:
 *   - the fiber that runs is at a step whose order matters (order.h), and
 *     another one could run. A switch here is a preemption, and their number in
 *     a run is bounded;
 *   - or it offers to switch (cond_resched), sleeps, waits for a lock, or has
 *     ended: any fiber that can run may go on, and this counts as no
 *     preemption.
 * A preemption at another step would give a run that is equivalent to one with
 * the preemption later, at such a step. So those are not tried. This holds for
 * the result of a run, not for what can be seen in the middle of it. With
 * `every_step` all steps are nodes.
 *
 * With `reduce` a run ends at a node whose state was reached before by another
 * order of the same steps, with the same fiber running and at least as many
 * preemptions left. Everything that can follow has been tried (Musuvathi and
 * Qadeer, "Partial-order reduction for context-bounded state exploration",
 * 2007). Unlike sleep sets this loses nothing under a bound of preemptions.
 *
 * Bounds are tried from 0 up, so that a finding needs few preemptions. The
 * search learns during its runs for which objects the order matters. When it
 * finds a new one, the search with this bound starts again.
 *
 * With `between` the consistency check is made at every quiet point (quiet.c)
 * of every run. It is no step and does not change the search. The steps that a
 * run repeats to get to its last node were checked before.
 *
 * Random runs in place of all: pct.h.
 */
#include "explore.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "order.h"
#include "pct.h"
#include "pool.h"
#include "seen.h"

#define MAX_NODES 4096
#define NOBODY 7 /* stands for "no fiber runs" */

struct node {
	u8 current; /* fiber that ran, or NOBODY */
	u8 enabled; /* fibers that can run, as bits */
	u8 tried; /* fibers as bits, `chosen` included */
	u8 chosen;
	u8 left; /* preemptions left, before the choice */
	bool is_free; /* a switch is no preemption */
};

static struct {
	const struct lab_config *config;
	const struct lab_explore_options *options;
	struct lab_result *result;

	/* the search */
	struct node path[MAX_NODES];
	u32 nr_nodes; /* nodes of the path, which the next run repeats */
	u32 at; /* the next node of this run */
	u8 bound; /* most preemptions */

	/* this run */
	u32 step; /* number of the next step */
	bool pruned;
	bool too_deep;
	struct lab_schedule schedule; /* where this run left the default */
	bool cut; /* it left it more often than that holds */
	const struct lab_schedule *replay; /* NULL: search */
	u32 next_deviation;
	bool used[LAB_MAX_DEVIATIONS]; /* [i]: was deviation i of the replay
					* applied? */
	struct lab_trace *trace;
} ex;

struct lab_rewrites lab_rewrites;

/* ---- choices -------------------------------------------------------------------- */

static u8 enabled_fibers(void)
{
	unsigned int nr = min(uzs_lab_nr_fibers(), (unsigned int)LAB_FIBERS);
	u8 enabled = 0;

	for (unsigned int i = 0; i < nr; i++)
		if (uzs_lab_can_run(uzs_lab_fiber(i)))
			enabled |= (u8)(1u << i);
	return enabled;
}

static u8 first_of(u8 fibers)
{
	return (u8)__builtin_ctz(fibers);
}

/* The fiber that goes on if nothing else is chosen. */
static u8 default_choice(u8 current, u8 enabled)
{
	if (current != NOBODY && (enabled & (1u << current)))
		return current;
	return first_of(enabled);
}

static void note_choice(u8 current, u8 enabled, u8 chosen)
{
	struct lab_schedule *s = &ex.schedule;

	if (chosen == default_choice(current, enabled))
		return;
	if (s->nr < LAB_MAX_DEVIATIONS)
		s->at[s->nr++] = (struct lab_deviation){ ex.step, chosen };
	else
		ex.cut = true;
}

/* The choice at a node that is not yet on the path: the default. The others are
 * tried later. */
static u8 new_node(u8 current, u8 enabled, bool is_free)
{
	const struct node *last = ex.at ? &ex.path[ex.at - 1] : NULL;
	struct node *n = &ex.path[ex.at];

	if (ex.at == MAX_NODES) {
		ex.too_deep = true;
		return default_choice(current, enabled);
	}
	n->left = ex.bound;
	if (last)
		n->left = (u8)(last->left - (!last->is_free &&
					     last->chosen != last->current));
	if (ex.options->verify &&
	    !lab_seen_same_memory(lab_order_state(), uzs_lab_memory_print()))
		uzs_lab_found(LAB_FOUND_RACE,
			      "another order of the same steps has left other "
			      "memory: plain accesses that nothing orders");
	if (ex.options->reduce &&
	    lab_seen_visit(lab_order_state(), is_free ? NOBODY : current,
			   n->left)) {
		ex.pruned = true;
		return NOBODY;
	}
	n->current = current;
	n->enabled = enabled;
	n->is_free = is_free;
	n->chosen = default_choice(current, enabled);
	n->tried = (u8)(1u << n->chosen);
	ex.nr_nodes = ++ex.at;
	return n->chosen;
}

static u8 choose_by_search(u8 current, u8 enabled, bool is_free)
{
	if (ex.at < ex.nr_nodes)
		return ex.path[ex.at++].chosen;
	return new_node(current, enabled, is_free);
}

static u8 choose_by_replay(u8 current, u8 enabled)
{
	const struct lab_schedule *s = ex.replay;
	u8 choice = default_choice(current, enabled);

	while (ex.next_deviation < s->nr &&
	       s->at[ex.next_deviation].step < ex.step)
		ex.next_deviation++;
	if (ex.next_deviation < s->nr &&
	    s->at[ex.next_deviation].step == ex.step) {
		u32 fiber = s->at[ex.next_deviation].fiber;

		if (fiber < NOBODY && (enabled & (1u << fiber))) {
			choice = (u8)fiber;
			ex.used[ex.next_deviation] = true;
		}
	}
	return choice;
}

/* Is a fiber that could go on at a place where another may run instead? */
static bool is_choice(const struct uzs_lab_fiber *current)
{
	return ex.options->every_step || current->step.op == LAB_RESCHED ||
	       lab_order_matters(&current->step);
}

static void look_between(void)
{
	struct lab_result *r = ex.result;
	bool searches = !ex.replay && !ex.options->random;

	if (searches && ex.at < ex.nr_nodes)
		return;
	r->looks += lab_check_between(ex.config, lab_order_state(),
				      searches && !ex.options->reduce);
}

static struct uzs_lab_fiber *pick(void *arg, struct uzs_lab_fiber *current)
{
	bool runs = current && uzs_lab_can_run(current), is_free;
	u8 enabled, cur, chosen;

	(void)arg;
	uzs_lab_plain_done();
	if (ex.options->between)
		look_between();
	/* The most frequent case first. */
	if (runs && !ex.replay && !ex.options->random && !is_choice(current))
		return current;
	enabled = enabled_fibers();
	if (!enabled)
		return uzs_lab_stuck();
	cur = runs ? (u8)current->id : NOBODY;
	is_free = !runs || current->step.op == LAB_RESCHED;
	if (ex.replay)
		chosen = choose_by_replay(cur, enabled);
	else if (ex.options->random)
		chosen = lab_pct_choose(ex.step, enabled);
	else if (enabled & (enabled - 1))
		chosen = choose_by_search(cur, enabled, is_free);
	else
		chosen = default_choice(cur, enabled);
	if (chosen == NOBODY)
		return NULL;
	note_choice(cur, enabled, chosen);
	return uzs_lab_fiber(chosen);
}

static void granted(void *arg, struct uzs_lab_fiber *f)
{
	struct lab_trace *t = ex.trace;

	(void)arg;
	ex.step++;
	if (t && t->nr < t->room)
		t->step[t->nr++] =
			(struct lab_trace_step){ f->id, f->step, f->from, "" };
	if (ex.step > ex.options->max_steps)
		uzs_lab_found(LAB_FOUND_LIVELOCK,
			      "more than %u steps; %s is at %s:%d",
			      ex.options->max_steps, f->name,
			      f->step.place->file, f->step.place->line);
	if (f->step.op == LAB_SPAWN && uzs_lab_nr_fibers() == LAB_FIBERS)
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "the explorer has room for %d fibers, workers "
			      "and all",
			      LAB_FIBERS);
	lab_order_step(f);
}

static void note(void *arg, struct uzs_lab_fiber *f,
		 const struct uzs_lab_step *step)
{
	(void)arg;
	uzs_lab_plain_done();
	lab_order_note(f, step);
}

static const struct uzs_lab_scheduler scheduler = {
	.pick = pick,
	.granted = granted,
	.note = note,
};

/* ---- runs ---------------------------------------------------------------------- */

static void run_once(void)
{
	struct lab_result *r = ex.result;

	ex.at = 0;
	ex.step = 0;
	ex.pruned = false;
	ex.schedule.nr = 0;
	ex.cut = false;
	ex.next_deviation = 0;
	memset(ex.used, 0, sizeof(ex.used));
	lab_rewind(ex.config);
	lab_order_begin();
	uzs_lab_run(&scheduler);
	if (!ex.pruned && uzs_lab_finding() == LAB_FOUND_NOTHING)
		lab_check_end(ex.config);
	r->steps += ex.step;
	r->longest = max(r->longest, ex.step);
}

/* The next path in depth-first order. False: there is none. */
static bool next_path(void)
{
	while (ex.nr_nodes > 0) {
		struct node *n = &ex.path[ex.nr_nodes - 1];
		u8 others = (u8)(n->enabled & ~n->tried);

		if (others && (n->is_free || n->left > 0)) {
			n->chosen = first_of(others);
			n->tried |= (u8)(1u << n->chosen);
			return true;
		}
		ex.nr_nodes--;
	}
	return false;
}

/* CPU time, so that other programs on the machine do not count. */
static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool out_of_bounds(double began)
{
	const struct lab_explore_options *o = ex.options;
	struct lab_result *r = ex.result;

	if (o->max_runs && r->runs >= o->max_runs)
		return true;
	if (r->runs % 256)
		return false;
	if (o->go_on && !o->go_on(o->arg, r->runs))
		return true;
	return o->max_seconds > 0 && now_seconds() - began > o->max_seconds;
}

static void keep_finding(void)
{
	struct lab_result *r = ex.result;

	r->finding = uzs_lab_finding();
	strncpy(r->text, uzs_lab_finding_text(), sizeof(r->text) - 1);
	r->schedule = ex.schedule;
	r->cut = ex.cut;
	r->found_at = r->runs;
	r->found_steps = ex.step;
}

/* Tries all paths with at most `bound` preemptions. Return: true if none found
 * anything and no bound was reached. */
static bool search(u8 bound, double began)
{
	struct lab_result *r = ex.result;

	ex.bound = bound;
again:
	lab_seen_forget();
	ex.nr_nodes = 0;
	do {
		run_once();
		r->runs++;
		r->pruned += ex.pruned;
		if (uzs_lab_finding() != LAB_FOUND_NOTHING) {
			keep_finding();
			return false;
		}
		if (out_of_bounds(began))
			return false;
		if (lab_order_freeze()) {
			r->restarts++;
			goto again;
		}
	} while (next_path());
	return !ex.too_deep;
}

static bool search_randomly(double began)
{
	const struct lab_explore_options *o = ex.options;
	struct lab_result *r = ex.result;

	lab_pct_begin(o->seed, o->depth, LAB_FIBERS);
	while (r->runs < o->runs) {
		lab_pct_draw(r->longest);
		run_once();
		r->runs++;
		if (uzs_lab_finding() != LAB_FOUND_NOTHING) {
			keep_finding();
			return false;
		}
		if (out_of_bounds(began))
			return false;
	}
	return true;
}

/* ---- shrinking, replay ---------------------------------------------------------- */

/* Runs a schedule. The result does not depend on earlier runs: it forgets which
 * states were checked. */
static void run_schedule(const struct lab_schedule *s)
{
	ex.replay = s;
	lab_pool_new_search();
	run_once();
}

/* Does the schedule still give that finding? */
static bool still_finds(const struct lab_schedule *s,
			enum uzs_lab_finding finding)
{
	run_schedule(s);
	ex.result->shrink_runs++;
	return uzs_lab_finding() == finding;
}

/* Leaves out deviations, one after the other, as long as the finding stays. */
static void shrink(void)
{
	struct lab_result *r = ex.result;
	bool shorter = true;

	/* The search does not check again what it has checked. So this run
	 * alone may end earlier. */
	run_schedule(&r->schedule);
	if (uzs_lab_finding() != LAB_FOUND_NOTHING)
		r->finding = uzs_lab_finding();
	while (shorter) {
		shorter = false;
		for (unsigned int i = 0; i < r->schedule.nr; i++) {
			struct lab_schedule s = r->schedule;

			memmove(&s.at[i], &s.at[i + 1],
				(s.nr - i - 1) * sizeof(s.at[0]));
			s.nr--;
			if (!still_finds(&s, r->finding))
				continue;
			r->schedule = ex.schedule;
			shorter = r->schedule.nr <= s.nr;
			break;
		}
	}
	/* Report what exactly this schedule gives, from a fresh start. */
	uzs_lab_forget_lock_order();
	if (!still_finds(&r->schedule, r->finding)) {
		r->unconfirmed = true;
		return;
	}
	r->found_steps = ex.step;
	memset(r->text, 0, sizeof(r->text));
	strncpy(r->text, uzs_lab_finding_text(), sizeof(r->text) - 1);
}

static bool begin(const struct lab_config *c,
		  const struct lab_explore_options *o, struct lab_result *r,
		  bool again)
{
	memset(r, 0, sizeof(*r));
	ex.config = c;
	ex.options = o;
	ex.result = r;
	ex.replay = NULL;
	ex.too_deep = false;
	lab_order_forget();
	uzs_lab_clear_finding();
	if (lab_begin(c, again))
		return true;
	ex.schedule.nr = 0;
	ex.cut = false;
	ex.step = 0;
	keep_finding();
	return false;
}

void lab_explore(const struct lab_config *c,
		 const struct lab_explore_options *o, struct lab_result *r)
{
	double began = now_seconds();
	bool complete = true;

	lab_rewrites.nr = 0;
	if (!begin(c, o, r, true))
		return;
	if (o->random) {
		search_randomly(began);
		complete = false;
	}
	for (u8 b = o->at_once ? (u8)o->preemptions : 0;
	     complete && b <= o->preemptions; b++)
		complete = search(b, began);
	r->states = lab_seen_states();
	r->conflicts = lab_order_conflicts();
	r->complete = complete && r->finding == LAB_FOUND_NOTHING;
	r->seconds = now_seconds() - began;
	if (r->finding != LAB_FOUND_NOTHING && r->runs)
		shrink();
}

static void note_unused(const struct lab_schedule *s, struct lab_result *r)
{
	for (unsigned int i = s->nr; i-- > 0;)
		if (!ex.used[i]) {
			r->unused++;
			r->first_unused = s->at[i];
		}
}

void lab_replay(const struct lab_config *c, const struct lab_schedule *s,
		const struct lab_explore_options *o, struct lab_result *r,
		struct lab_trace *trace)
{
	if (trace) {
		trace->nr = 0;
		trace->room = o->max_steps + 1;
		trace->step = calloc(trace->room, sizeof(*trace->step));
		if (!trace->step)
			abort();
	}
	/* One run needs no snapshot. Without it a debugger does not stop at its
	 * traps. */
	if (!begin(c, o, r, false))
		return;
	ex.trace = trace;
	run_schedule(s);
	ex.trace = NULL;
	r->runs = 1;
	keep_finding();
	note_unused(s, r);
	if (!trace)
		return;
	lab_name_steps(c, trace);
	trace->nr_fibers = min(uzs_lab_nr_fibers(), 8u);
	for (u32 i = 0; i < trace->nr_fibers; i++)
		trace->name[i] = uzs_lab_fiber(i)->name;
}

void lab_free_trace(struct lab_trace *trace)
{
	free(trace->step);
	trace->step = NULL;
}
