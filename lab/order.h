/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* order.h - which step happened before which in a run: fingerprints of states,
 * and races.
 *
 * Two steps of different fibers are independent if they touch different
 * objects, or both only look, or both only add. If two runs differ only in the
 * order of independent steps, they end in the same state.
 *
 * The fingerprint of a fiber is a hash of its steps. Each step is hashed with
 * the fingerprints of the steps on the same object that it comes after. (A
 * fiber's first step comes after what its maker did.) The fingerprint of a
 * state is the sum of the fibers'. Runs that are equal in this sense have equal
 * fingerprints. Others have equal ones with a probability of 2^-64.
 */
#ifndef UZS_LAB_ORDER_H
#define UZS_LAB_ORDER_H

#include "body/lab.h"

#define LAB_FIBERS 7 /* in a run that is explored */

/* Forgets which objects are shared. */
void lab_order_forget(void);
/* A run begins. */
void lab_order_begin(void);
/* A fiber does its step. Reports races (uzs_lab_found). */
void lab_order_step(const struct uzs_lab_fiber *f);
/* A fiber maps or unmaps memory. That is no step, but the OS has an order: who
 * gets memory that another fiber has given back comes after that. */
void lab_order_note(const struct uzs_lab_fiber *f,
		    const struct uzs_lab_step *note);
/* For other finders of races: the number of the run; a fiber's clock; and has
 * `fiber` seen what `other` did at that clock? */
u32 lab_order_run(void);
u32 lab_order_clock(unsigned int fiber);
bool lab_order_after(unsigned int fiber, unsigned int other, u32 clock);
/* The fiber goes on alone, as in the child of a fork: after all that others did. */
void lab_order_see_all(const struct uzs_lab_fiber *f);
/* The fiber's step was not all: it made that choice (weak.h). */
void lab_order_chose(unsigned int fiber, u32 choice);
/* A step of all fibers. */
void lab_order_everyone(void);
/* The state's fingerprint; and that of the last step of this run that changed
 * an object, for example a lock. Equal ones have the same history. 0: none. */
u64 lab_order_state(void);
u64 lab_order_last_change(const void *addr);
/* Did different fibers touch the step's object, in any run, so that the order
 * matters? As of the last lab_order_freeze. */
bool lab_order_matters(const struct uzs_lab_step *step);
/* Takes over what was learned since the last call. Return: was there anything
 * new? */
bool lab_order_freeze(void);
unsigned int lab_order_conflicts(void);

#endif
