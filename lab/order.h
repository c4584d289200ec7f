/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* order.h - what happened before what in a run: fingerprints of states, and
 * races.
 *
 * Two runs whose steps can be changed into each other by letting steps of
 * different fibers that do not touch the same object (or both only look, or
 * both only add) change places end in the same state. A fiber's fingerprint is
 * a hash of its steps, each with the fingerprints of the steps on the same
 * object that it comes after (a fiber's first one comes after what its maker
 * did); a state's is the sum of the fibers'. Equal runs
 * in that sense have equal fingerprints, whatever order they came in; two
 * others have so with a chance of 2^-64.
 */
#ifndef UZS_LAB_ORDER_H
#define UZS_LAB_ORDER_H

#include "body/lab.h"

#define LAB_FIBERS 7 /* of a run that is explored */

/* Forgets which objects are shared. */
void lab_order_forget(void);
/* A run begins. */
void lab_order_begin(void);
/* A fiber does its step. Finds races (uzs_lab_found). */
void lab_order_step(const struct uzs_lab_fiber *f);
/* For others who look for races: number of the run; a fiber's clock, and has
 * `fiber` seen what `other` did at that clock? */
u32 lab_order_run(void);
u32 lab_order_clock(unsigned int fiber);
bool lab_order_after(unsigned int fiber, unsigned int other, u32 clock);
/* The state's fingerprint; that of the last step in this run that changed an
 * object, a lock for example: equal ones are of the same history. 0: none. */
u64 lab_order_state(void);
u64 lab_order_last_change(const void *addr);
/* Did different fibers touch it, in any run, so that the order matters? As of
 * the last lab_order_freeze. */
bool lab_order_matters(const struct uzs_lab_step *step);
/* Takes over what was learned since. Return: was there anything new? */
bool lab_order_freeze(void);
unsigned int lab_order_conflicts(void);

#endif
