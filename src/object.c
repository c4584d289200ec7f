/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* object.c - reads and writes the contents of objects. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_obj_read_begin, _end, _sg_begin, _sg_end,
 * zs_obj_write, zs_object_copy (v6.15 and later); differs: bad lengths and
 * handles are answered, not trusted.
 * Callers: users; compact.c (uzs_obj_copy). Calls: handle.c, zspage.c.
 * Locks: takes pool->lock (read) and zspage->lock (read); the latter spans
 * begin to end. Sleeps: only to wait for a mover, for the time of one zspage.
 * Guarantees:
 *  O1 between begin and end neither the object nor its pages move.
 *  O2 an object's data begins behind its handle word, except in a huge class.
 */
#include "internal.h"

#include <string.h>

/* Where the data of a pinned object lies: one piece, or two. */
struct span {
	struct zspage *zspage;
	char *part[2];
	size_t len[2]; /* bytes; len[1] may be 0 */
};

/* Pins the object's zspage and finds its first `len` bytes. False, and
 * nothing pinned, when the object has not that many. */
static bool pin_object(struct zs_pool *pool, unsigned long handle, size_t len,
		       struct span *span)
{
	struct size_class *class;
	struct zspage *zspage;
	struct zpdesc *zpdesc;
	unsigned long obj;
	size_t offset, head;
	char *data;

	/* The obj is right only until pool->lock is dropped, unless its zspage
	 * is pinned by then. */
	read_lock(&pool->lock);
	obj = handle_to_obj(handle);
	zpdesc = obj_to_zpdesc(pool, obj);
	class = zpdesc_class(pool, zpdesc);
	offset = obj_page_offset(pool, class, obj_to_index(pool, obj));
	data = (char *)zpdesc_address(pool, zpdesc) + offset;
	/* The data is as far away as the zspage: fetch both at once. */
	__builtin_prefetch(data);
	zspage = zpdesc->zspage;
	pin_read_lock(&zspage->lock);
	read_unlock(&pool->lock);

	head = class->huge ? 0 : ZS_HANDLE_SIZE; /* O2 */
	if (unlikely(!len || len > class->size - head)) {
		pin_read_unlock(&zspage->lock);
		return false;
	}
	span->zspage = zspage;
	span->part[0] = data + head;
	span->len[0] = min(len, pool->page_size - offset - head);
	span->len[1] = len - span->len[0];
	span->part[1] = NULL;
	if (span->len[1])
		span->part[1] = zpdesc_address(pool, get_next_zpdesc(zpdesc));
	return true;
}

/* Unpins. The handle word cannot change while its zspage is pinned. An end
 * without a begin must not leave the zspage pinned for ever. */
static void unpin_object(struct zs_pool *pool, unsigned long handle)
{
	struct zpdesc *zpdesc = obj_to_zpdesc(pool, handle_to_obj(handle));

	pin_read_tryunlock(&zpdesc->zspage->lock);
}

static bool no_handle(unsigned long handle)
{
	return !handle || zs_is_err(handle);
}

void *zs_obj_read_begin(struct zs_pool *pool, unsigned long handle,
			size_t mem_len, void *local_copy)
{
	struct span span;

	if (no_handle(handle) || !pin_object(pool, handle, mem_len, &span))
		return NULL;
	if (!span.len[1])
		return span.part[0];
	if (!local_copy) {
		pin_read_unlock(&span.zspage->lock);
		return NULL;
	}
	memcpy(local_copy, span.part[0], span.len[0]);
	memcpy((char *)local_copy + span.len[0], span.part[1], span.len[1]);
	return local_copy;
}

void zs_obj_read_end(struct zs_pool *pool, unsigned long handle, size_t mem_len,
		     void *handle_mem)
{
	(void)mem_len;
	if (handle_mem)
		unpin_object(pool, handle);
}

unsigned int zs_obj_read_sg_begin(struct zs_pool *pool, unsigned long handle,
				  struct iovec iov[2], size_t mem_len)
{
	struct span span;

	if (no_handle(handle) || !pin_object(pool, handle, mem_len, &span))
		return 0;
	for (int i = 0; i < 2; i++) {
		iov[i].iov_base = span.part[i];
		iov[i].iov_len = span.len[i];
	}
	return span.len[1] ? 2 : 1;
}

void zs_obj_read_sg_end(struct zs_pool *pool, unsigned long handle)
{
	if (!no_handle(handle))
		unpin_object(pool, handle);
}

int zs_obj_write(struct zs_pool *pool, unsigned long handle,
		 const void *handle_mem, size_t mem_len)
{
	struct span span;

	if (no_handle(handle))
		return -EINVAL;
	if (!pin_object(pool, handle, mem_len, &span))
		return -ERANGE;
	memcpy(span.part[0], handle_mem, span.len[0]);
	if (span.len[1])
		memcpy(span.part[1], (const char *)handle_mem + span.len[0],
		       span.len[1]);
	pin_read_unlock(&span.zspage->lock);
	return 0;
}

/* Locks: both zspages are out of others' reach (class->lock, pool->lock). */
void uzs_obj_copy(const struct zs_pool *pool, const struct size_class *class,
		  unsigned long dst, unsigned long src)
{
	struct zpdesc *d = obj_to_zpdesc(pool, dst);
	struct zpdesc *s = obj_to_zpdesc(pool, src);
	size_t d_off = obj_page_offset(pool, class, obj_to_index(pool, dst));
	size_t s_off = obj_page_offset(pool, class, obj_to_index(pool, src));
	size_t left = class->size;

	for (;;) {
		size_t n = min(left, pool->page_size - max(d_off, s_off));

		memcpy((char *)zpdesc_address(pool, d) + d_off,
		       (char *)zpdesc_address(pool, s) + s_off, n);
		left -= n;
		if (!left)
			return;
		d_off += n;
		s_off += n;
		if (d_off == pool->page_size) {
			d = d->next;
			d_off = 0;
		}
		if (s_off == pool->page_size) {
			s = s->next;
			s_off = 0;
		}
	}
}
