# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Resets each page just after it has unlocked it.
set(file zspage.c)
set(from [==[
		page_clear(page, PG_movable);
		unlock_page(page); /* P3 */
]==])
set(to [==[
		unlock_page(page);
		page_clear(page, PG_movable);
]==])
set(proof proof_page_locks)
set(says "at once: page 0 was unlocked before it was reset")
