# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Scope class-idx: lets go of the page locks for the moment when class->lock
# is dropped.
set(file scope.c)
set(from [==[
	obj = handle_to_obj(handle); /* now it cannot: L1 */
	zspage = obj_to_zpdesc(pool, obj)->zspage;

	empty = free_locked(pool, class, zspage, handle, obj);
	detached = empty && uzs_detach_zspage(class, zspage);
	spin_unlock(&class->lock);
]==])
set(to [==[
	obj = handle_to_obj(handle);
	zspage = obj_to_zpdesc(pool, obj)->zspage;

	empty = free_locked(pool, class, zspage, handle, obj);
	detached = empty && uzs_detach_zspage(class, zspage);
	if (detached)
		for (zpdesc = zspage->first_zpdesc; zpdesc;
		     zpdesc = get_next_zpdesc(zpdesc))
			unlock_page(zpdesc_page(zpdesc));
	spin_unlock(&class->lock);
	if (detached)
		uzs_lock_zspage(zspage);
]==])
set(proof proof_migration)
set(says "at once: page 0 was taken by a migration")
