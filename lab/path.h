/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* path.h - the path that the search is trying: what was chosen at each step with
 * a choice. A run repeats the path, and makes it longer; then the path goes to
 * the next one in depth-first order. */
#ifndef UZS_LAB_PATH_H
#define UZS_LAB_PATH_H

#include "compat/base.h"

/* A search begins, with so many preemptions and stale choices in a run. */
void lab_path_forget(u8 preemptions, u8 stale);
void lab_path_begin_run(void);
/* Does the run repeat what was there before? */
bool lab_path_repeats(void);
/* What is left at the next node of this run. */
void lab_path_left(u8 *preemptions, u8 *stale);
/* What the path has for the present step. Only while it repeats. */
u8 lab_path_repeat(void);
/* A new node: `choices` as bits, of which `chosen` is tried first. The others
 * are tried later, as far as the bounds allow. `current`: the fiber that ran;
 * another choice than it is a preemption, if not `is_free`. False: there is no
 * room, and the path then does not know of this choice. */
bool lab_path_add(u8 current, u16 choices, u8 chosen, bool is_free);
/* The same for a choice of a store, of which 0 is the default. */
bool lab_path_add_stale(u16 choices);
/* The next path. False: there is none. */
bool lab_path_next(void);
/* Was there no room for a node, in any run? */
bool lab_path_too_deep(void);

#endif
