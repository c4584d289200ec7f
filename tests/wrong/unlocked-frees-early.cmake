# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Scope unlocked: frees the pages before it drops class->lock.
set(file scope.c)
set(from [==[
	read_unlock(&pool->lock);

	empty = free_locked(pool, class, zspage, handle, obj);
	detached = empty && uzs_detach_zspage(class, zspage);
	spin_unlock(&class->lock);
	if (detached)
		uzs_release_zspage(pool, class, zspage); /* L2 */
]==])
set(to [==[
	read_unlock(&pool->lock);

	empty = free_locked(pool, class, zspage, handle, obj);
	detached = empty && uzs_detach_zspage(class, zspage);
	if (detached)
		uzs_release_zspage(pool, class, zspage);
	spin_unlock(&class->lock);
]==])
set(proof proof_pages_freed)
set(says "pages freed under a lock under which that was ruled out")
