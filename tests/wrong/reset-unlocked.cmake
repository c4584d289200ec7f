# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Frees the pages after unlocking the page locks.
set(file zspage.c)
set(from [==[
	VM_BUG_ON(zspage->inuse);
	for (; zpdesc; zpdesc = next) {
]==])
set(to [==[
	VM_BUG_ON(zspage->inuse);
	for (; zpdesc; zpdesc = get_next_zpdesc(zpdesc))
		unlock_page(zpdesc_page(zpdesc));
	for (zpdesc = zspage->first_zpdesc; zpdesc; zpdesc = next) {
		(void)trylock_page(zpdesc_page(zpdesc));
]==])
set(proof proof_page_locks)
set(says "at once: page 0 was unlocked before it was reset")
