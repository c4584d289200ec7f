# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Scope held: drops class->lock before it frees the pages.
set(file scope.c)
set(from [==[
	if (free_locked(pool, class, zspage, handle, obj))
		kick = !uzs_free_zspage(pool, class, zspage);
	spin_unlock(&class->lock);
]==])
set(to [==[
	bool empty = free_locked(pool, class, zspage, handle, obj);
	bool detached = empty && uzs_detach_zspage(class, zspage);

	kick = empty && !detached;
	spin_unlock(&class->lock);
	if (detached)
		uzs_release_zspage(pool, class, zspage);
]==])
set(proof proof_pages_freed)
set(says "at once: pages freed under class->lock: 0, expected 3")
