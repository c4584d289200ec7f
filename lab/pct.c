/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pct.c - owns the priorities of a random run, and where they change.
 *
 * A priority changes when a fiber is about to do a step with a change: the
 * fiber then gets a priority below all first ones. Among the new priorities the
 * number of the change decides, not the time at which it comes.
 */
#include "pct.h"

#define MAX_FIBERS 8

static struct {
	u64 rng;
	unsigned int depth, fibers;
	u64 priority[MAX_FIBERS];
	u32 change_at[LAB_PCT_DEPTH]; /* steps with a change */
} pct;

static u64 random_u64(void)
{
	u64 z = (pct.rng += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void lab_pct_begin(u64 seed, unsigned int depth, unsigned int fibers)
{
	pct.rng = seed;
	pct.depth = min(depth, (unsigned int)LAB_PCT_DEPTH);
	pct.fibers = min(fibers, (unsigned int)MAX_FIBERS);
}

void lab_pct_draw(u32 steps)
{
	for (unsigned int i = 0; i < pct.fibers; i++)
		pct.priority[i] = (random_u64() >> 16) + pct.depth;
	for (unsigned int i = 0; i + 1 < pct.depth; i++)
		pct.change_at[i] = (u32)(random_u64() % max(steps, 1u));
}

static u8 highest(u8 enabled)
{
	u8 best = (u8)__builtin_ctz(enabled);

	for (u8 i = 0; i < pct.fibers; i++)
		if ((enabled & (1u << i)) &&
		    pct.priority[i] > pct.priority[best])
			best = i;
	return best;
}

u32 lab_pct_choose_store(u32 mask)
{
	unsigned int nr = (unsigned int)__builtin_popcount(mask);
	u64 draw = random_u64() >> 16;
	unsigned int skip = (unsigned int)(draw / 4 % nr);

	if (draw % 4)
		return 0;
	while (skip--)
		mask &= mask - 1;
	return (u32)__builtin_ctz(mask);
}

u8 lab_pct_choose(u32 step, u8 enabled)
{
	for (unsigned int i = 0; i + 1 < pct.depth; i++)
		if (pct.change_at[i] == step)
			pct.priority[highest(enabled)] = i;
	return highest(enabled);
}
