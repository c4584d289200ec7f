/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pct.h - which fiber goes on in a random run: priorities that change a few
 * times.
 *
 * Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with
 * probabilistic guarantees of finding bugs", 2010. Of n fibers and k steps, a
 * run finds a bug of depth d (d orders of two steps make it happen) with a
 * probability of at least 1 / (n * k^(d - 1)).
 */
#ifndef UZS_LAB_PCT_H
#define UZS_LAB_PCT_H

#include "compat/base.h"

#define LAB_PCT_DEPTH 32 /* the most allowed */

/* `fibers`: how many at most; their numbers start at 0. */
void lab_pct_begin(u64 seed, unsigned int depth, unsigned int fibers);
/* Draws the next run, which has about so many steps. */
void lab_pct_draw(u32 steps);
/* Which of the fibers that can run does that step? `enabled` has their bits, at
 * least one. */
u8 lab_pct_choose(u32 step, u8 enabled);
/* Which of the stores with these bits (bit 0 is set)? Mostly the last, 0. */
u32 lab_pct_choose_store(u32 mask);

#endif
