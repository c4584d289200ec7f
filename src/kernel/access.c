/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* access.c - reads and writes the contents of objects. Owns no state.
 *
 * Kernel origin: mm/zsmalloc.c zs_obj_read_begin, _end, _sg_begin, _sg_end,
 * zs_obj_write, zs_object_copy (v6.15 and later); differs: wrong lengths and
 * handles return an error.
 * Locks: takes pool->lock (read) and zspage->lock (read); the latter spans
 * begin to end. Sleeps: only to wait for a mover, which has the lock for one
 * zspage at a time.
 * Guarantees:
 *  O1 between begin and end neither the object nor its pages move.
 *  O2 an object's data begins behind its handle word, except in a huge class.
 */
#include "kernel/access.h"

#include <string.h>

#include "compat/os.h"
#include "harden_check.h"
#include "kernel/zspage.h"

/* Where the data of a pinned object lies: in one piece or two. */
struct span {
	struct zspage *zspage;
	char *part[2];
	size_t len[2]; /* bytes; len[1] may be 0 */
};

/* Unpoisons the data for the user, until nobody reads the object any more. */
static void reveal(struct zs_pool *pool, const struct span *span)
{
	uzs_lock_poison(pool);
	for (int i = 0; UZS_POISONS_OBJECTS && i < 2; i++)
		uzs_unpoison(span->part[i], span->len[i]);
	uzs_unlock_poison(pool);
}

/* For pin_handle. The obj is not checked yet and may be any number, so only
 * addresses are computed from it. */
static __always_inline void fetch(const struct zs_pool *pool,
				  unsigned long handle)
{
	unsigned long obj = uzs_peek_word((const void *)handle);
	const struct zpdesc *zpdesc = obj_to_zpdesc(pool, obj);
	unsigned long class = obj >> pool->obj_class_shift &
			      pool->obj_class_mask;

	__builtin_prefetch(zpdesc);
	/* Other scopes do not have the class in the obj. */
	if (!pool->obj_class_mask || class >= pool->nr_classes)
		return;
	__builtin_prefetch((char *)zpdesc_address(pool, zpdesc) +
			   obj_page_offset(pool, pool->size_class[class],
					   obj_to_index(pool, obj)));
}

/* Begins or ends a read with a wide handle. Return: 0, or -EINVAL if that is
 * wrong; where misuse is looked for, it is told. */
static __always_inline int begin_wide(struct zs_pool *pool,
				      unsigned long handle, const char *call)
{
	unsigned int what;

	if (UZS_POISONS_OBJECTS && !pool->hardened) {
		/* AddressSanitizer reports a freed handle here. */
		__atomic_fetch_add(use_of(handle), 1, __ATOMIC_ACQUIRE);
		return 0;
	}
	what = pin_handle(pool, handle, fetch);
	if (likely(!what))
		return 0;
	uzs_tell_misuse(pool, handle, call, what);
	return -EINVAL;
}

static __always_inline int end_wide(struct zs_pool *pool, unsigned long handle,
				    const char *call)
{
	unsigned int what;

	if (UZS_POISONS_OBJECTS && !pool->hardened)
		return READ_ONCE(*use_of(handle)) & USE_PINS ? 0 : -EINVAL;
	what = check_end(pool, handle);
	if (likely(!what))
		return 0;
	uzs_tell_misuse(pool, handle, call, what);
	return -EINVAL;
}

/* Runs before the last pin is dropped, which keeps the object in its place. */
static void conceal(struct zs_pool *pool, unsigned long handle)
{
	if (UZS_POISONS_OBJECTS && (READ_ONCE(*use_of(handle)) & USE_PINS) == 1)
		uzs_poison_object(pool, handle_to_obj(handle));
}

/* Unpins, where only the caller can have done so. The zspage's pin is dropped
 * first: then no thread can free the handle before that. */
static __always_inline void
unpin_own(struct zs_pool *pool, unsigned long handle, struct zspage *zspage)
{
	if (likely(!pool->wide)) {
		pin_read_unlock(&zspage->lock);
		return;
	}
	uzs_lock_poison(pool);
	conceal(pool, handle);
	pin_read_unlock(&zspage->lock);
	unpin_handle(handle);
	uzs_unlock_poison(pool);
}

/* Pins the object's zspage and finds the object's first `len` bytes. Return: 0;
 * or, with nothing pinned, -EINVAL if the handle must not be used, -ERANGE if
 * the object is shorter than `len`. */
static __always_inline int pin_object(struct zs_pool *pool,
				      unsigned long handle, size_t len,
				      struct span *span, const char *call)
{
	struct size_class *class;
	struct zspage *zspage;
	struct zpdesc *zpdesc;
	unsigned long obj;
	size_t offset, head;
	char *data;

	if (unlikely(pool->wide) && begin_wide(pool, handle, call))
		return -EINVAL;
	/* The obj is right only until pool->lock is dropped, unless the zspage
	 * is pinned by then. */
	read_lock(&pool->lock);
	obj = handle_to_obj(handle);
	zpdesc = obj_to_zpdesc(pool, obj);
	class = zpdesc_class(pool, zpdesc);
	offset = obj_page_offset(pool, class, obj_to_index(pool, obj));
	data = (char *)zpdesc_address(pool, zpdesc) + offset;
	/* Data and zspage both miss the cache: fetch both at once. */
	__builtin_prefetch(data);
	zspage = zpdesc->zspage;
	pin_read_lock(&zspage->lock);
	read_unlock(&pool->lock);

	head = class->huge ? 0 : ZS_HANDLE_SIZE; /* O2 */
	if (unlikely(!len || len > class->size - head)) {
		unpin_own(pool, handle, zspage);
		return -ERANGE;
	}
	span->zspage = zspage;
	span->part[0] = data + head;
	span->len[0] = min(len, pool->page_size - offset - head);
	span->len[1] = len - span->len[0];
	span->part[1] = NULL;
	if (span->len[1])
		span->part[1] = zpdesc_address(pool, get_next_zpdesc(zpdesc));
	reveal(pool, span);
	return 0;
}

/* Unpins. The handle word cannot change while its zspage is pinned. An end
 * without a begin must not leave the zspage pinned for ever. */
void uzs_kernel_read_end(struct zs_pool *pool, unsigned long handle,
			 const char *call)
{
	struct zspage *zspage;
	bool unpinned;

	if (unlikely(pool->wide) && end_wide(pool, handle, call))
		return;
	zspage = obj_to_zpdesc(pool, handle_to_obj(handle))->zspage;
	if (likely(!pool->wide)) {
		pin_read_tryunlock(&zspage->lock);
		return;
	}
	uzs_lock_poison(pool);
	conceal(pool, handle);
	pin_read_tryunlock(&zspage->lock);
	unpinned = unpin_handle(handle);
	uzs_unlock_poison(pool);
	if (unlikely(!unpinned) && pool->hardened)
		uzs_tell_misuse(pool, handle, call, ZS_MISUSE_NOT_BEGUN);
}

void *uzs_kernel_read_begin(struct zs_pool *pool, unsigned long handle,
			    size_t len, void *local_copy, const char *call)
{
	struct span span;

	if (pin_object(pool, handle, len, &span, call))
		return NULL;
	if (!span.len[1])
		return span.part[0];
	if (!local_copy) {
		unpin_own(pool, handle, span.zspage);
		return NULL;
	}
	memcpy(local_copy, span.part[0], span.len[0]);
	memcpy((char *)local_copy + span.len[0], span.part[1], span.len[1]);
	return local_copy;
}

unsigned int uzs_kernel_read_sg_begin(struct zs_pool *pool,
				      unsigned long handle, struct iovec iov[2],
				      size_t len, const char *call)
{
	struct span span;

	if (pin_object(pool, handle, len, &span, call))
		return 0;
	for (int i = 0; i < 2; i++) {
		iov[i].iov_base = span.part[i];
		iov[i].iov_len = span.len[i];
	}
	return span.len[1] ? 2 : 1;
}

int uzs_kernel_write(struct zs_pool *pool, unsigned long handle,
		     const void *data, size_t len, const char *call)
{
	struct span span;
	int err = pin_object(pool, handle, len, &span, call);

	if (err)
		return err;
	memcpy(span.part[0], data, span.len[0]);
	if (span.len[1])
		memcpy(span.part[1], (const char *)data + span.len[0],
		       span.len[1]);
	unpin_own(pool, handle, span.zspage);
	return 0;
}

size_t uzs_kernel_room(struct zs_pool *pool, unsigned long handle,
		       const char *call)
{
	const struct size_class *class = NULL;
	unsigned int what = 0;

	read_lock(&pool->lock);
	/* An end in another thread must not take this pin for a read's. */
	uzs_lock_poison(pool);
	if (unlikely(pool->hardened))
		what = pin_handle(pool, handle, fetch);
	if (likely(!what))
		class = zpdesc_class(
			pool, obj_to_zpdesc(pool, handle_to_obj(handle)));
	if (unlikely(pool->hardened) && !what)
		unpin_handle(handle);
	uzs_unlock_poison(pool);
	read_unlock(&pool->lock);
	if (unlikely(!class)) {
		uzs_tell_misuse(pool, handle, call, what);
		return 0;
	}
	return class->size - (class->huge ? 0 : ZS_HANDLE_SIZE); /* O2 */
}

void uzs_kernel_place(struct zs_pool *pool, unsigned long handle,
		      struct zs_obj_place *place)
{
	const struct zpdesc *zpdesc;
	unsigned long obj;

	/* Neither objects nor pages move meanwhile. */
	read_lock(&pool->lock);
	obj = handle_to_obj(handle);
	zpdesc = obj_to_zpdesc(pool, obj);
	*place = (struct zs_obj_place){
		.word = obj,
		.pfn_shift = pool->obj_index_bits,
		.class_shift = pool->obj_class_mask ? pool->obj_class_shift : 0,
		.class_index = zpdesc->class,
		.index = obj_to_index(pool, obj),
	};
	for (zpdesc = zpdesc->zspage->first_zpdesc; zpdesc;
	     zpdesc = get_next_zpdesc(zpdesc))
		place->pfns[place->pages++] =
			page_to_pfn(&pool->zone, (const struct page *)zpdesc);
	read_unlock(&pool->lock);
}

/* Copies data that nobody reads: it is poisoned, and stays so. */
static void copy_concealed(char *to, char *from, size_t n)
{
	if (UZS_POISONS_OBJECTS) {
		uzs_unpoison(to, n);
		uzs_unpoison(from, n);
	}
	memcpy(to, from, n);
	if (UZS_POISONS_OBJECTS) {
		uzs_poison(to, n);
		uzs_poison(from, n);
	}
}

/* Locks: needs class->lock and pool->lock (write), so that nobody else gets at
 * the two zspages. */
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
		char *to = (char *)zpdesc_address(pool, d) + d_off;
		char *from = (char *)zpdesc_address(pool, s) + s_off;

		copy_concealed(to, from, n);
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
