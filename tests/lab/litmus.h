/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* litmus.h - runs a small program in the lab, in all orders. */
#ifndef UZS_TEST_LITMUS_H
#define UZS_TEST_LITMUS_H

#include "axioms.h"
#include "lab_test.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

#define X 0
#define Y 1
#define Z 2
/* Letters: what it is; then the word. */
#define R(w)                                                 \
	{                                                    \
		.kind = LITMUS_LOAD, .word = (w), .order = 0 \
	}
#define W(w, v)                                                 \
	{                                                       \
		.kind = LITMUS_STORE, .word = (w), .value = (v) \
	}

/* The outcomes of the last program that was explored, sorted. */
extern struct litmus_outcomes litmus_found;
/* How many schedules so far: without reduction, with it. */
extern u64 litmus_schedules[2];

void litmus_explore(const struct litmus *p, enum lab_memory memory,
		    unsigned int preemptions, unsigned int stale, bool reduce);
void litmus_print(const struct litmus *p);
/* Fails if they are not the allowed ones. */
void litmus_compare(const struct litmus *p, const char *what,
		    const struct litmus_outcomes *allowed);
/* All outcomes, of c11 and of tso; no bounds that matter. `unreduced`: also by
 * brute force. */
void litmus_check(const struct litmus *p, bool unreduced);
/* Which of its three orders an access has. */
int litmus_access_order(enum litmus_kind kind, unsigned int n);

#endif
