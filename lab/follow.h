/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* follow.h - the schedule that a run follows, in place of a search. */
#ifndef UZS_LAB_FOLLOW_H
#define UZS_LAB_FOLLOW_H

#include "explore.h"

/* The next runs follow *s, which stays where it is. NULL: none. */
void lab_follow(const struct lab_schedule *s);
bool lab_follows(void);
void lab_follow_begin_run(void);
/* The fiber that the schedule wants at the step, of those in `enabled`; else
 * `choice`. */
u8 lab_follow_fiber(u32 step, u8 enabled, u8 choice);
/* The store that it wants of those in `mask`; 0: the last one. */
u32 lab_follow_store(u32 step, u32 mask);
/* May it want one that is not the last? */
bool lab_follow_may_be_stale(void);
/* Counts the parts of the schedule that did not fit the run. */
void lab_follow_note_unused(struct lab_result *r);

#endif
