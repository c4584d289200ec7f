/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* follow.c - owns the schedule that is followed, and how far the run is in it. */
#include "follow.h"

#include <string.h>

#include "order.h"

static struct {
	const struct lab_schedule *schedule; /* NULL: search */
	u32 next;
	bool used[LAB_MAX_DEVIATIONS]; /* [i]: was deviation i applied? */
} follow;

void lab_follow(const struct lab_schedule *s)
{
	follow.schedule = s;
}

bool lab_follows(void)
{
	return follow.schedule;
}

void lab_follow_begin_run(void)
{
	follow.next = 0;
	memset(follow.used, 0, sizeof(follow.used));
}

u8 lab_follow_fiber(u32 step, u8 enabled, u8 choice)
{
	const struct lab_schedule *s = follow.schedule;

	while (follow.next < s->nr &&
	       (s->at[follow.next].step < step || s->at[follow.next].older))
		follow.next++;
	if (follow.next < s->nr && s->at[follow.next].step == step) {
		u32 fiber = s->at[follow.next].fiber;

		if (fiber < LAB_FIBERS && (enabled & (1u << fiber))) {
			choice = (u8)fiber;
			follow.used[follow.next] = true;
		}
	}
	return choice;
}

u32 lab_follow_store(u32 step, u32 mask)
{
	const struct lab_schedule *s = follow.schedule;

	for (unsigned int i = 0; i < s->nr; i++)
		if (s->at[i].step == step && s->at[i].older &&
		    (mask & (1u << s->at[i].older)) && !follow.used[i]) {
			follow.used[i] = true;
			return s->at[i].older;
		}
	return 0;
}

bool lab_follow_may_be_stale(void)
{
	return follow.schedule->nr > 0;
}

void lab_follow_note_unused(struct lab_result *r)
{
	const struct lab_schedule *s = follow.schedule;

	for (unsigned int i = s->nr; i-- > 0;)
		if (!follow.used[i]) {
			r->unused++;
			r->first_unused = s->at[i];
		}
}
