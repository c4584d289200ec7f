/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* object.c - the calls that read and write objects. How an object is reached is
 * the profile's. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_obj_read_begin, _end, _sg_begin, _sg_end,
 * zs_obj_write (v6.15 and later); differs: wrong lengths and handles return an
 * error.
 * Locks: none of its own. Sleeps: as the profile's do.
 */
#include "profile.h"

#include <string.h>

#include "words.h"

void *zs_obj_read_begin(struct zs_pool *pool, unsigned long handle,
			size_t mem_len, void *local_copy)
{
	if (uzs_no_handle(handle))
		return NULL;
	return pool->profile->read_begin(pool, handle, mem_len, local_copy,
					 __func__);
}

void zs_obj_read_end(struct zs_pool *pool, unsigned long handle, size_t mem_len,
		     void *handle_mem)
{
	(void)mem_len;
	if (handle_mem && !uzs_no_handle(handle))
		pool->profile->read_end(pool, handle, __func__);
}

unsigned int zs_obj_read_sg_begin(struct zs_pool *pool, unsigned long handle,
				  struct iovec iov[2], size_t mem_len)
{
	if (uzs_no_handle(handle))
		return 0;
	return pool->profile->read_sg_begin(pool, handle, iov, mem_len,
					    __func__);
}

void zs_obj_read_sg_end(struct zs_pool *pool, unsigned long handle)
{
	if (!uzs_no_handle(handle))
		pool->profile->read_end(pool, handle, __func__);
}

int zs_obj_write(struct zs_pool *pool, unsigned long handle,
		 const void *handle_mem, size_t mem_len)
{
	if (uzs_no_handle(handle))
		return -EINVAL;
	return pool->profile->write(pool, handle, handle_mem, mem_len,
				    __func__);
}

size_t zs_obj_room(struct zs_pool *pool, unsigned long handle)
{
	if (uzs_no_handle(handle))
		return 0;
	return pool->profile->room(pool, handle, __func__);
}

int zs_obj_place(struct zs_pool *pool, unsigned long handle,
		 struct zs_obj_place *place)
{
	struct zs_obj_place full;
	size_t size = place->struct_size;

	if (size < sizeof(full) || uzs_no_handle(handle))
		return -EINVAL;
	/* Also finds a wrong handle in hardened pools. */
	if (!pool->profile->room(pool, handle, __func__))
		return -EINVAL;
	pool->profile->place(pool, handle, &full);
	full.struct_size = size;
	memcpy(place, &full, sizeof(full));
	return 0;
}
