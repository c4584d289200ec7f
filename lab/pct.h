/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pct.h - who goes on in a random run: priorities that change a few times.
 *
 * Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with
 * probabilistic guarantees of finding bugs", 2010. Of n fibers and k steps, a
 * run finds a bug of depth d (d orders of two steps make it happen) with
 * a probability of at least 1 / (n * k^(d - 1)).
 */
#ifndef UZS_LAB_PCT_H
#define UZS_LAB_PCT_H

#include "compat/base.h"

#define LAB_PCT_DEPTH 32 /* at most */

/* `fibers`: at most so many, with numbers from 0. */
void lab_pct_begin(u64 seed, unsigned int depth, unsigned int fibers);
/* The next run, of about so many steps. */
void lab_pct_draw(u32 steps);
/* Of those that can run (as bits, not none), who does that step of the run? */
u8 lab_pct_choose(u32 step, u8 enabled);

#endif
