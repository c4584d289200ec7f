/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* handles.c - handles in the user profile: words of the pool's own that name
 * objects as a zs_ref does. Owns no state.
 *
 * Kernel origin: none.
 * Locks: as slots.c and places.c. Sleeps: to map a section; to wait for a mover.
 */
#include "user/handles.h"

#include <string.h>

#include "handle.h"
#include "harden_check.h"
#include "jobs.h"
#include "user/pins.h"
#include "user/places.h"
#include "user/sizes.h"
#include "user/slots.h"

static u64 *handle_ref(unsigned long handle)
{
	return (u64 *)handle;
}

/* ---- allocating, freeing ------------------------------------------------------- */

unsigned long uzs_user_malloc(struct zs_pool *pool, size_t size, gfp_t gfp)
{
	struct size_class *class = user_class(pool, size + USER_HEAD);
	unsigned long handle = uzs_alloc_handle(pool, gfp);

	if (unlikely(!handle))
		return (unsigned long)-ENOMEM;
	if (likely(uzs_slot_alloc(pool, class->index, handle_ref(handle), 0,
				  size + USER_HEAD)) ||
	    likely(uzs_place_alloc(pool, class, handle_ref(handle),
				   size + USER_HEAD, 0, gfp)))
		return handle;
	uzs_free_handle(pool, handle);
	return (unsigned long)-ENOMEM;
}

void uzs_user_free(struct zs_pool *pool, unsigned long handle)
{
	uzs_slot_free(pool, handle_ref(handle));
	uzs_free_handle(pool, handle);
	uzs_kick_give_back(pool);
}

#define BATCH 64u

void uzs_user_free_many(struct zs_pool *pool, const unsigned long *handles,
			unsigned int n)
{
	zs_ref *refs[BATCH];

	while (n) {
		unsigned int nr = min(n, BATCH);

		for (unsigned int i = 0; i < nr; i++)
			refs[i] = (zs_ref *)handles[i];
		uzs_slot_free_many(pool, refs, nr);
		for (unsigned int i = 0; i < nr; i++)
			uzs_free_handle(pool, handles[i]);
		handles += nr;
		n -= nr;
	}
	uzs_kick_give_back(pool);
}

void uzs_user_fetch_many(struct zs_pool *pool, const unsigned long *handles,
			 unsigned int n)
{
	(void)pool;
	for (unsigned int i = 0; i < n; i++)
		__builtin_prefetch((void *)handles[i], 1);
}

/* ---- reading and writing ------------------------------------------------------- */

/* For pin_handle. The word is not checked yet. */
static void fetch(const struct zs_pool *pool, unsigned long handle)
{
	(void)pool;
	__builtin_prefetch(ref_address(uzs_peek_word((const void *)handle)));
}

/* Return: the object's data, which then stays in its place; NULL if the handle must
 * not be used or the object is shorter than `len`. */
static __always_inline char *begin(struct zs_pool *pool, unsigned long handle,
				   size_t len, int *err, const char *call)
{
	u64 *ref = handle_ref(handle);
	unsigned int what;
	char *object;

	*err = -EINVAL;
	if (unlikely(pool->hardened)) {
		what = pin_handle(pool, handle, fetch);
		if (unlikely(what)) {
			uzs_tell_misuse(pool, handle, call, what);
			return NULL;
		}
	}
	object = user_read(pool, ref);
	if (likely(object && len &&
		   len <= uzs_place_room(pool, READ_ONCE(*ref))))
		return object;
	if (object) {
		*err = -ERANGE;
		user_end_read(pool, ref);
	}
	if (unlikely(pool->hardened))
		unpin_handle(handle);
	return NULL;
}

static __always_inline void end(struct zs_pool *pool, unsigned long handle)
{
	user_end_read(pool, handle_ref(handle));
	if (unlikely(pool->hardened))
		unpin_handle(handle);
}

void *uzs_user_read_begin(struct zs_pool *pool, unsigned long handle,
			  size_t len, void *local_copy, const char *call)
{
	int err;

	(void)local_copy;
	return begin(pool, handle, len, &err, call);
}

unsigned int uzs_user_read_sg_begin(struct zs_pool *pool, unsigned long handle,
				    struct iovec iov[2], size_t len,
				    const char *call)
{
	int err;
	char *data = begin(pool, handle, len, &err, call);

	if (!data)
		return 0;
	iov[0] = (struct iovec){ .iov_base = data, .iov_len = len };
	iov[1] = (struct iovec){ 0 };
	return 1;
}

void uzs_user_read_end(struct zs_pool *pool, unsigned long handle,
		       const char *call)
{
	unsigned int what;

	if (unlikely(pool->hardened)) {
		what = check_end(pool, handle);
		if (unlikely(what)) {
			uzs_tell_misuse(pool, handle, call, what);
			return;
		}
	}
	end(pool, handle);
}

int uzs_user_write(struct zs_pool *pool, unsigned long handle, const void *data,
		   size_t len, const char *call)
{
	int err;
	char *to = begin(pool, handle, len, &err, call);

	if (!to)
		return err;
	memcpy(to, data, len);
	end(pool, handle);
	return 0;
}

size_t uzs_user_room(struct zs_pool *pool, unsigned long handle,
		     const char *call)
{
	size_t room = 0;
	int err;

	/* An object with a zspage of its own must not be freed meanwhile. */
	if (begin(pool, handle, 1, &err, call)) {
		room = uzs_place_room(pool, READ_ONCE(*handle_ref(handle)));
		end(pool, handle);
	}
	return room;
}

void uzs_user_place(struct zs_pool *pool, unsigned long handle,
		    struct zs_obj_place *place)
{
	const u64 *ref = handle_ref(handle);
	struct size_class *class = pool->size_class[ref_class(READ_ONCE(*ref))];
	const struct zspage *zspage;
	u64 word;

	/* An object keeps its class, and movers hold the class's lock. */
	spin_lock(&class->lock);
	word = READ_ONCE(*ref) & ~(REF_MOST_PINS | REF_MOVING);
	zspage = run_zspage(ref_address(word));
	*place = (struct zs_obj_place){
		.word = word,
		.class_shift = REF_ADDRESS_BITS,
		.class_index = class->index,
		.index = user_index(class, zspage, ref_address(word)),
		.pages = class->pages_per_zspage,
	};
	for (unsigned int i = 0; i < min(place->pages, ZS_PLACE_PAGES + 0u);
	     i++)
		place->pfns[i] = user_pfn(pool, zspage) + i;
	spin_unlock(&class->lock);
}
