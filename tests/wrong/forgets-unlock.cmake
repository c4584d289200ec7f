# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# When a page is locked by another, keeps the locks of those before it.
set(file zspage.c)
set(from [==[
	for (zpdesc = zspage->first_zpdesc; zpdesc != fail;
	     zpdesc = get_next_zpdesc(zpdesc))
		unlock_page(zpdesc_page(zpdesc));
	return false;
]==])
set(to [==[
	(void)fail;
	return false;
]==])
set(proof proof_page_locked)
set(says "at once: a page is locked: 1, expected 0")
