/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* explore.c - the search: chooses the fiber that goes on at each step of each
 * run. Owns the run that is under way. (path.c: what is tried; seen.c: the states
 * that were; follow.c: a schedule that is followed in place of that.)
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
 * Where memory is not sc, a load or store with more than one choice (weak.h) is
 * a node, too: a stale choice costs one of those that a run may have. A state
 * counts as seen if it was reached with at least as many left of both.
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

#include "follow.h"
#include "order.h"
#include "path.h"
#include "pct.h"
#include "pool.h"
#include "seen.h"

#define NOBODY 7 /* stands for "no fiber runs" */

static struct {
	const struct lab_config *config;
	const struct lab_explore_options *options;
	struct lab_result *result;

	/* this run */
	u32 step; /* number of the next step */
	bool pruned;
	struct lab_schedule schedule; /* where this run left the default */
	bool cut; /* it left it more often than that holds */
	unsigned int stale_drawn; /* stale choices of a random run */
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

static u8 first_of(u16 choices)
{
	return (u8)__builtin_ctz(choices);
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
		s->at[s->nr++] = (struct lab_deviation){ ex.step, chosen, 0 };
	else
		ex.cut = true;
}

/* The choice at a node that is not yet on the path: the default. The others are
 * tried later. */
static u8 new_node(u8 current, u8 enabled, bool is_free)
{
	u64 state = lab_order_state() + lab_weak_times();
	u8 chosen = default_choice(current, enabled), left, stale;

	if (ex.options->verify &&
	    !lab_seen_same_memory(state,
				  uzs_lab_memory_print() + lab_weak_print()))
		uzs_lab_found(LAB_FOUND_RACE,
			      "another order of the same steps has left other "
			      "memory: plain accesses that nothing orders");
	lab_path_left(&left, &stale);
	if (ex.options->reduce &&
	    lab_seen_visit(state, is_free ? NOBODY : current, left, stale)) {
		ex.pruned = true;
		return NOBODY;
	}
	lab_path_add(current, enabled, chosen, is_free);
	return chosen;
}

static u8 choose_by_search(u8 current, u8 enabled, bool is_free)
{
	if (lab_path_repeats())
		return lab_path_repeat();
	return new_node(current, enabled, is_free);
}

/* Is a fiber that could go on at a place where another may run instead? */
static bool is_choice(const struct uzs_lab_fiber *current)
{
	return ex.options->every_step || current->step.op == LAB_RESCHED ||
	       current->step.op == LAB_FENCE ||
	       lab_order_matters(&current->step);
}

/* ---- stale choices --------------------------------------------------------------- */

static bool may_be_stale(void)
{
	u8 left, stale;

	if (lab_follows())
		return lab_follow_may_be_stale();
	if (ex.options->random)
		return ex.stale_drawn < ex.options->stale;
	lab_path_left(&left, &stale);
	return stale > 0;
}

static u32 stale_by_search(u32 mask)
{
	if (lab_path_repeats())
		return lab_path_repeat();
	lab_path_add_stale((u16)mask);
	return 0;
}

static u32 choose_store(u32 mask)
{
	struct lab_schedule *s = &ex.schedule;
	u32 older;

	if (lab_follows())
		older = lab_follow_store(ex.step - 1, mask);
	else if (ex.options->random)
		older = lab_pct_choose_store(mask);
	else
		older = stale_by_search(mask);
	if (!older)
		return 0;
	ex.stale_drawn++;
	if (s->nr < LAB_MAX_DEVIATIONS)
		s->at[s->nr++] =
			(struct lab_deviation){ ex.step - 1, 0, older };
	else
		ex.cut = true;
	lab_order_chose(uzs_lab_current->id, older);
	return older;
}

static bool wants_stale_text(void)
{
	return ex.trace && ex.trace->nr;
}

static void tell_stale(const char *text)
{
	struct lab_trace *t = ex.trace;

	if (text)
		snprintf(t->step[t->nr - 1].stale, sizeof(t->step[0].stale),
			 "%s", text);
}

static const struct lab_weak_search stale_search = {
	.may_choose = may_be_stale,
	.choose = choose_store,
	.wants_text = wants_stale_text,
	.tell = tell_stale,
};

static void look_between(void)
{
	struct lab_result *r = ex.result;
	bool searches = !lab_follows() && !ex.options->random;

	if (searches && lab_path_repeats())
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
	if (runs && !lab_follows() && !ex.options->random &&
	    !is_choice(current))
		return current;
	enabled = enabled_fibers();
	if (!enabled)
		return uzs_lab_stuck();
	cur = runs ? (u8)current->id : NOBODY;
	is_free = !runs || current->step.op == LAB_RESCHED;
	if (lab_follows())
		chosen = lab_follow_fiber(ex.step, enabled,
					  default_choice(cur, enabled));
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
		t->step[t->nr++] = (struct lab_trace_step){ f->id, f->step,
							    f->from, "", "" };
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
	if (uzs_lab_memory)
		lab_weak_step(f, ex.step - 1);
}

static void note(void *arg, struct uzs_lab_fiber *f,
		 const struct uzs_lab_step *step)
{
	(void)arg;
	uzs_lab_plain_done();
	lab_order_note(f, step);
	if (uzs_lab_memory)
		lab_weak_note(f, step);
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

	ex.step = 0;
	ex.pruned = false;
	ex.schedule.nr = 0;
	ex.cut = false;
	if (lab_follows())
		lab_follow_begin_run();
	else
		lab_path_begin_run();
	lab_rewind(ex.config);
	lab_order_begin();
	if (uzs_lab_memory)
		lab_weak_begin();
	ex.stale_drawn = 0;
	uzs_lab_run(&scheduler);
	if (!ex.pruned && uzs_lab_finding() == LAB_FOUND_NOTHING)
		lab_check_end(ex.config);
	r->steps += ex.step;
	r->longest = max(r->longest, ex.step);
	r->left_out += uzs_lab_memory && lab_weak_left_out();
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

again:
	lab_seen_forget();
	lab_path_forget(bound, ex.config->memory == LAB_MEMORY_SC
				       ? 0
				       : (u8)ex.options->stale);
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
	} while (lab_path_next());
	return !lab_path_too_deep();
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
	lab_follow(s);
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
	lab_follow(NULL);
	lab_order_forget();
	lab_weak_use(c->memory, &stale_search);
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
	r->complete = complete && !r->left_out &&
		      r->finding == LAB_FOUND_NOTHING;
	r->seconds = now_seconds() - began;
	if (r->finding != LAB_FOUND_NOTHING && r->runs)
		shrink();
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
	lab_follow_note_unused(r);
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
