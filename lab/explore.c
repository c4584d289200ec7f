/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* explore.c - the search: which fiber goes on at each step of each run. Owns
 * the path that is being tried and the states that were seen.
 *
 * Depth first. A *node* is a step at which there is a choice:
 *   - the fiber that runs is at a step whose order matters (order.h), and
 *     another one could run: a preemption, of which a run may have so many;
 *   - or it offers to switch (cond_resched), sleeps, waits for a lock, or has
 *     ended: whoever can run may go on, for free.
 * Anywhere else a preemption would give a run that is equivalent to one in
 * which it comes later, at such a step; so those are not tried.
 *
 * With `reduce` a run ends at a node whose state was reached before, by another
 * order of the same steps, with the same fiber running and at least as many
 * preemptions left: all that can come of it has been tried (as Musuvathi and
 * Qadeer, "Partial-order reduction for context-bounded state exploration",
 * 2007). Unlike sleep sets this loses nothing under a bound of preemptions.
 *
 * Bounds are tried from 0 up, so that what is found needs few preemptions.
 * Which objects' order matters is learned on the way; when there is a new
 * one, the search under this bound begins anew.
 *
 * Random: PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized
 * scheduler with probabilistic guarantees of finding bugs", 2010): random
 * priorities, which change at depth - 1 random steps. A bug of that depth is
 * found by a run with probability at least 1 / (n * k^(depth - 1)), of n
 * fibers and k steps.
 */
#include "explore.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "order.h"

#define MAX_NODES 4096
#define NOBODY 7 /* place of "nobody runs" among fibers */

struct node {
	u8 current; /* that ran, or NOBODY */
	u8 enabled; /* fibers that can run, as bits */
	u8 tried; /* as bits, with `chosen` */
	u8 chosen;
	u8 left; /* preemptions, before the choice */
	bool is_free; /* a switch costs none */
};

/* What was seen: how many preemptions were left, + 1, by the fiber that ran. */
struct seen {
	u64 state; /* 0: an unused place */
	u8 left[8];
};

static struct {
	const struct lab_config *config;
	const struct lab_explore_options *options;
	struct lab_result *result;

	/* the search */
	struct node path[MAX_NODES];
	u32 nr_nodes; /* of the path: what is to be done again */
	u32 at; /* the next node of this run */
	u8 bound; /* preemptions */
	struct seen *seen;
	size_t seen_room, nr_seen;

	/* this run */
	u32 step; /* number of the next one */
	bool pruned;
	bool too_deep;
	struct lab_schedule schedule; /* where it left the default */
	bool cut; /* and at more places than that holds */
	const struct lab_schedule *replay; /* NULL: search */
	u32 next_deviation;
	bool used[LAB_MAX_DEVIATIONS]; /* of the replay's deviations */
	struct lab_trace *trace;

	/* random */
	u64 rng;
	u64 priority[LAB_FIBERS + 1];
	u32 change_at[32];
} ex;

/* ---- states that were seen -------------------------------------------------- */

static void forget_seen(void)
{
	if (ex.seen)
		memset(ex.seen, 0, ex.seen_room * sizeof(*ex.seen));
	ex.nr_seen = 0;
}

static struct seen *seen_place(struct seen *table, size_t room, u64 state)
{
	size_t at = (size_t)state & (room - 1);

	while (table[at].state && table[at].state != state)
		at = (at + 1) & (room - 1);
	return &table[at];
}

static void grow_seen(void)
{
	size_t room = ex.seen_room ? 2 * ex.seen_room : 4096;
	struct seen *table = calloc(room, sizeof(*table));

	if (!table)
		abort();
	for (size_t i = 0; i < ex.seen_room; i++)
		if (ex.seen[i].state)
			*seen_place(table, room, ex.seen[i].state) = ex.seen[i];
	free(ex.seen);
	ex.seen = table;
	ex.seen_room = room;
}

/* Return: was it seen with at least as much left? */
static bool visit(u64 state, u8 current, u8 left)
{
	struct seen *s;

	if (2 * (ex.nr_seen + 1) > ex.seen_room)
		grow_seen();
	s = seen_place(ex.seen, ex.seen_room, state ? state : 1);
	if (!s->state) {
		s->state = state ? state : 1;
		ex.nr_seen++;
	}
	if (s->left[current] > left)
		return true;
	s->left[current] = (u8)(left + 1);
	return false;
}

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

/* What goes on unless somebody says otherwise. */
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

/* The choice at a node that the path does not have yet: the default, and the
 * others later. */
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
	if (ex.options->reduce &&
	    visit(lab_order_state(), is_free ? NOBODY : current, n->left)) {
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

static u64 random_u64(void)
{
	u64 z = (ex.rng += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static u8 choose_by_priority(u8 current, u8 enabled)
{
	u8 best = first_of(enabled);

	for (unsigned int i = 0; i + 1 < ex.options->depth; i++)
		if (ex.change_at[i] == ex.step && current != NOBODY)
			ex.priority[current] = ex.options->depth - i;
	for (u8 i = 0; i < NOBODY; i++)
		if ((enabled & (1u << i)) && ex.priority[i] > ex.priority[best])
			best = i;
	return best;
}

/* A run of the search: is there anything to choose? */
static bool is_node(const struct uzs_lab_fiber *current, bool runs, u8 enabled)
{
	if (!(enabled & (enabled - 1)))
		return false;
	if (!runs)
		return true;
	return current->step.op == LAB_RESCHED ||
	       lab_order_matters(&current->step);
}

static struct uzs_lab_fiber *pick(void *arg, struct uzs_lab_fiber *current)
{
	bool runs = current && uzs_lab_can_run(current), is_free;
	u8 enabled, cur, chosen;

	(void)arg;
	/* The most frequent case first. */
	if (runs && !ex.replay && !ex.options->random &&
	    current->step.op != LAB_RESCHED &&
	    !lab_order_matters(&current->step))
		return current;
	enabled = enabled_fibers();
	if (!enabled)
		return uzs_lab_stuck();
	cur = runs ? (u8)current->id : NOBODY;
	is_free = !runs || current->step.op == LAB_RESCHED;
	if (ex.replay)
		chosen = choose_by_replay(cur, enabled);
	else if (ex.options->random)
		chosen = choose_by_priority(cur, enabled);
	else if (is_node(current, runs, enabled))
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
			(struct lab_trace_step){ f->id, f->step, "" };
	if (ex.step > ex.options->max_steps)
		uzs_lab_found(LAB_FOUND_LIVELOCK,
			      "more than %u steps; %s is at %s:%d",
			      ex.options->max_steps, f->name,
			      f->step.place->file, f->step.place->line);
	lab_order_step(f);
}

static const struct uzs_lab_scheduler scheduler = {
	.pick = pick,
	.granted = granted,
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

/* Of CPU time: what else the machine does is not the search's. */
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
	if (o->progress)
		o->progress(o->arg, r->runs);
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

/* All paths with at most `bound` preemptions. Return: none found anything, and
 * no bound was met. */
static bool search(u8 bound, double began)
{
	struct lab_result *r = ex.result;

	ex.bound = bound;
again:
	forget_seen();
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

static void draw_priorities(u32 steps)
{
	for (unsigned int i = 0; i <= LAB_FIBERS; i++)
		ex.priority[i] = (random_u64() >> 16) + ex.options->depth + 1;
	for (unsigned int i = 0; i + 1 < ex.options->depth; i++)
		ex.change_at[i] = (u32)(random_u64() % max(steps, 1u));
}

static bool search_randomly(double began)
{
	const struct lab_explore_options *o = ex.options;
	struct lab_result *r = ex.result;

	ex.rng = o->seed;
	while (r->runs < o->runs) {
		draw_priorities(r->longest);
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

/* Does the schedule still find that? */
static bool still_finds(const struct lab_schedule *s,
			enum uzs_lab_finding finding)
{
	ex.replay = s;
	run_once();
	ex.result->shrink_runs++;
	return uzs_lab_finding() == finding;
}

/* Leaves out deviations, one after the other, as long as what was found is
 * found without them. */
static void shrink(void)
{
	struct lab_result *r = ex.result;
	bool shorter = true;

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
	/* What is told is what this very schedule says, from a fresh start. */
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

	if (!begin(c, o, r, true))
		return;
	if (o->random) {
		search_randomly(began);
		complete = false;
	}
	for (u8 b = o->at_once ? (u8)o->preemptions : 0;
	     complete && b <= o->preemptions; b++)
		complete = search(b, began);
	r->states = ex.nr_seen;
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
		unsigned int max_steps, struct lab_result *r,
		struct lab_trace *trace)
{
	struct lab_explore_options o = LAB_EXPLORE_DEFAULT;

	o.max_steps = max_steps;
	if (trace) {
		trace->nr = 0;
		trace->room = max_steps + 1;
		trace->step = calloc(trace->room, sizeof(*trace->step));
		if (!trace->step)
			abort();
	}
	/* One run needs no snapshot: no traps to step through in a debugger. */
	if (!begin(c, &o, r, false))
		return;
	ex.replay = s;
	ex.trace = trace;
	run_once();
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
