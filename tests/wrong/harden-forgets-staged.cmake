# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Keeps for reuse what it has just been given.
set(file reuse.c)
set(from [==[
	if (unlikely(pool->hardened) && is_staged(slot, handle)) {
]==])
set(to [==[
	if (unlikely(pool->hardened) && is_staged(slot, handle) && !handle) {
]==])
set(test harden)
set(proof test_reuse_states)
set(says "FAILED")
