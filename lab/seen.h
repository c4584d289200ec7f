/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* seen.h - the states that a search has seen. */
#ifndef UZS_LAB_SEEN_H
#define UZS_LAB_SEEN_H

#include "compat/base.h"

/* A search begins. */
void lab_seen_forget(void);
/* The search is at a state. `current` (below 8) ran, and `left` preemptions and
 * `stale` stale choices are left. Return: was it there before, with at least as
 * many left of both? */
bool lab_seen_visit(u64 state, u8 current, u8 left, u8 stale);
/* Remembers a state's memory under its fingerprint. Return: false if the state
 * was seen before with other memory. Some states are forgotten. */
bool lab_seen_same_memory(u64 state, u64 memory);
/* Number of distinct states. */
size_t lab_seen_states(void);

#endif
