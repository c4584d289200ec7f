/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_trace.c - owns the statistics of the locks, and the timeline: which CPU
 * has which lock, or waits for it.
 *
 */
#include "sim_task.h"

#include <stdio.h>
#include <string.h>

static struct {
	struct sim_run *run;
	const char *lock_name[SIM_MAX_LOCKS];
	struct sim_span *spans;
	unsigned int nr_spans, room;
} r;

void sim_trace_init(struct sim_run *run)
{
	memset(&r, 0, sizeof(r));
	r.run = run;
}

void sim_record(struct sim_span *spans, unsigned int room)
{
	r.spans = spans;
	r.room = room;
	r.nr_spans = 0;
}

unsigned int sim_recorded(void)
{
	return r.nr_spans;
}

/* The number of a lock name. A name is the same pointer each time. */
static unsigned int lock_of(const char *name)
{
	struct sim_run *run = r.run;
	unsigned int i;

	for (i = 0; i < run->nr_locks; i++)
		if (r.lock_name[i] == name)
			return i;
	if (i == SIM_MAX_LOCKS)
		return i - 1;
	r.lock_name[i] = name;
	snprintf(run->lock[i].name, sizeof(run->lock[i].name), "%s",
		 name ? name : "");
	run->nr_locks++;
	return i;
}

static void span(const struct sim_task *t, u64 begin, u64 end,
		 unsigned int lock, bool wait)
{
	if (r.nr_spans < r.room)
		r.spans[r.nr_spans++] = (struct sim_span){
			begin,
			end,
			(u16)lock,
			(u16)t->fiber->cpu,
			(u16)t->fiber->id,
			wait,
		};
}

bool sim_trace_taken(struct sim_task *t, const struct uzs_lab_step *step)
{
	unsigned int lock = lock_of(step->what);
	struct sim_lock_stat *stat = &r.run->lock[lock];

	stat->taken++;
	if (!t->waited || t->clock <= t->arrived)
		return false;
	stat->waited++;
	stat->wait_ps += t->clock - t->arrived;
	t->time.lock_ps += t->clock - t->arrived;
	span(t, t->arrived, t->clock, lock, true);
	return true;
}

/* A hold begins; it ends with the unlock. */
void sim_trace_held(const struct sim_task *t, const struct uzs_lab_step *step)
{
	if (r.nr_spans < r.room)
		span(t, t->clock, 0, lock_of(step->what), false);
}

void sim_trace_given(const struct sim_task *t, const struct uzs_lab_step *step)
{
	for (unsigned int i = r.nr_spans; i-- > 0;) {
		struct sim_span *p = &r.spans[i];

		if (p->fiber != t->fiber->id || p->end_ps || p->wait ||
		    r.lock_name[p->lock] != step->what)
			continue;
		p->end_ps = t->clock;
		return;
	}
}
