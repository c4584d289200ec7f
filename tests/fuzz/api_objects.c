/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* api_objects.c - the operations of fuzz_api on objects: allocate, store, free,
 * read, pin, write.
 */
#include "api_ops.h"

#include <errno.h>

#define MOST_BYTES (3u << 20) /* that the model lets live: for time */

struct slot *own_slot(struct actor *a)
{
	return &a->m->slots[a->low + fuzz_byte(&a->in) % a->nr];
}

/* Small ones, any up to a page, those around a page and around the first huge
 * one, and what the user profile has beyond. */
size_t size_of(const struct model *m, unsigned int x)
{
	size_t page = m->options.page_size ? m->options.page_size : 4096;
	size_t size, n = x & 0x3fff;

	switch (x >> 14) {
	case 0:
		size = 1 + n % 256;
		break;
	case 1:
		size = 1 + n * page / 0x4000;
		break;
	case 2:
		size = n & 0x2000 ? zs_huge_class_size(m->pool) : page;
		size = size + n % 32 - 24;
		break;
	default:
		size = 1 + n * 64;
		if (!m->user || size > ZS_USER_MAX_SIZE)
			size = 1 + n % page;
	}
	return size > page && !m->user ? page : size;
}

/* Mostly one of the run's own few: so classes have several objects. */
size_t some_size(struct actor *a)
{
	unsigned int which = fuzz_byte(&a->in);
	size_t size = which < 224 ? a->m->sizes[which % SIZES]
				  : size_of(a->m, fuzz_u16(&a->in));

	if (atomic_load(&a->m->bytes) + size > MOST_BYTES)
		size = 1 + size % 128;
	return size;
}

/* ---- allocating ---------------------------------------------------------- */

bool may_lack(struct actor *a, gfp_t gfp)
{
	return gfp == GFP_NOWAIT || atomic_load(&a->m->limited) ||
	       atomic_load(&a->m->faulty);
}

void alloc_one(struct actor *a, struct slot *slot, size_t size, gfp_t gfp)
{
	struct model *m = a->m;

	slot->handle = zs_malloc(m->pool, size, gfp, NUMA_NO_NODE);
	if (zs_is_err(slot->handle)) {
		fuzz_check(zs_err(slot->handle) == -ENOMEM);
		fuzz_check(may_lack(a, gfp));
		slot->handle = 0;
		return;
	}
	fuzz_check(slot->handle && slot->handle % 2 == 0);
	slot_born(m, slot, HANDLE, size);
}

void op_alloc(struct actor *a)
{
	struct slot *slot = own_slot(a);
	unsigned int how = fuzz_byte(&a->in);
	size_t size = some_size(a);

	if (idle(slot, EMPTY))
		alloc_one(a, slot, size, how % 8 ? GFP_KERNEL : GFP_NOWAIT);
}

/* One after the other, so that zspages become full. */
void op_alloc_many(struct actor *a)
{
	unsigned int first = fuzz_byte(&a->in), n = fuzz_byte(&a->in) % 64;
	size_t size = some_size(a);

	for (unsigned int i = 0; i <= n; i++) {
		struct slot *slot = &a->m->slots[a->low + (first + i) % a->nr];

		if (atomic_load(&a->m->bytes) + size > MOST_BYTES)
			size = 1 + size % 128;
		if (idle(slot, EMPTY))
			alloc_one(a, slot, size, GFP_KERNEL);
	}
}

void op_ref_alloc(struct actor *a)
{
	struct model *m = a->m;
	struct slot *slot = own_slot(a);
	size_t size = some_size(a);
	int err;

	if (!idle(slot, EMPTY))
		return;
	err = zs_ref_alloc(m->pool, &slot->ref, size);
	if (!m->user) {
		fuzz_check(err == -EOPNOTSUPP);
	} else if (err) {
		fuzz_check(err == -ENOMEM && may_lack(a, GFP_KERNEL));
	} else {
		slot_born(m, slot, REF, size);
	}
	fuzz_check(!err == !!slot->ref.word);
}

void store_one(struct actor *a, struct slot *slot, size_t size)
{
	struct model *m = a->m;
	struct slot stored = { .size = 0 };
	int err;

	if (slot->kind == HANDLE || slot->nr_pins)
		return;
	slot_fill(m, &stored, size);
	err = zs_ref_store(m->pool, &slot->ref, stored.bytes, size);
	if (err) {
		fuzz_check(m->user ? err == -ENOMEM && may_lack(a, GFP_KERNEL)
				   : err == -EOPNOTSUPP);
		atomic_fetch_sub(&m->bytes, size);
		free(stored.bytes);
		slot_verify(m, slot, 0, 0); /* as it was */
		return;
	}
	atomic_fetch_sub(&m->bytes, slot->size);
	free(slot->bytes);
	slot->kind = REF;
	slot->bytes = stored.bytes;
	slot->size = size;
	slot->room = zs_ref_room(m->pool, &slot->ref);
	fuzz_check(slot->room >= size);
	slot_verify(m, slot, 1, 0);
}

void op_ref_store(struct actor *a)
{
	struct slot *slot = own_slot(a);

	store_one(a, slot, some_size(a));
}

void op_ref_store_many(struct actor *a)
{
	unsigned int first = fuzz_byte(&a->in), n = fuzz_byte(&a->in) % 64;
	size_t size = some_size(a);

	for (unsigned int i = 0; i <= n; i++) {
		if (atomic_load(&a->m->bytes) + size > MOST_BYTES)
			size = 1 + size % 128;
		store_one(a, &a->m->slots[a->low + (first + i) % a->nr], size);
	}
}

void op_ref_move(struct actor *a)
{
	struct slot *from = own_slot(a), *to = own_slot(a);
	zs_ref ref;

	if (from->kind != REF || from->nr_pins || !idle(to, EMPTY))
		return;
	zs_ref_move(a->m->pool, &to->ref, &from->ref);
	fuzz_check(to->ref.word && !from->ref.word);
	ref = to->ref;
	*to = *from;
	to->ref = ref;
	memset(from, 0, sizeof(*from));
	slot_verify(a->m, to, 1, 0);
}

/* ---- freeing ------------------------------------------------------------- */

void free_one(struct model *m, struct slot *slot)
{
	if (slot->nr_pins)
		return;
	if (slot->kind == HANDLE)
		zs_free(m->pool, slot->handle);
	else if (slot->kind == REF)
		zs_ref_free(m->pool, &slot->ref);
	else
		return;
	slot_gone(m, slot);
}

void op_free(struct actor *a)
{
	free_one(a->m, own_slot(a));
}

/* Every so many, so that zspages become sparse. */
void op_free_every(struct actor *a)
{
	unsigned int step = 1 + fuzz_byte(&a->in) % 8;

	for (unsigned int i = fuzz_byte(&a->in) % 8; i < a->nr; i += step)
		free_one(a->m, &a->m->slots[a->low + i]);
}

void op_free_many(struct actor *a)
{
	unsigned int first = fuzz_byte(&a->in), n = fuzz_byte(&a->in);
	unsigned long handles[SLOTS];
	zs_ref *refs[SLOTS];
	size_t nr = 0, nr_refs = 0, given = 0, given_refs = 0;
	struct slot *slot;

	n = n % a->nr + 1;
	for (unsigned int i = 0; i < n; i++) {
		slot = &a->m->slots[a->low + (first + i) % a->nr];
		if (slot->nr_pins)
			continue;
		handles[nr++] = slot->kind == HANDLE ? slot->handle
				: i % 2		     ? 0
						     : (unsigned long)-ENOMEM;
		given += slot->kind == HANDLE;
		if (slot->kind != HANDLE)
			refs[nr_refs++] = slot->kind == REF ? &slot->ref : NULL;
		given_refs += slot->kind == REF;
	}
	fuzz_check(zs_free_many(a->m->pool, handles, nr) == given);
	fuzz_check(zs_ref_free_many(a->m->pool, refs, nr_refs) == given_refs);
	for (unsigned int i = 0; i < n; i++) {
		slot = &a->m->slots[a->low + (first + i) % a->nr];
		if (!slot->nr_pins && slot->kind != EMPTY)
			slot_gone(a->m, slot);
	}
}

void op_free_later(struct actor *a)
{
	unsigned int n = fuzz_byte(&a->in) % 16, first = fuzz_byte(&a->in);

	for (unsigned int i = 0; i <= n; i++) {
		struct slot *slot = &a->m->slots[a->low + (first + i) % a->nr];

		if (slot->kind != HANDLE || slot->nr_pins)
			continue;
		zs_free_deferred(a->m->pool, slot->handle);
		slot_gone(a->m, slot);
	}
}

/* ---- reading and writing ------------------------------------------------- */

void op_read(struct actor *a)
{
	struct slot *slot = own_slot(a);
	unsigned int how = fuzz_byte(&a->in);

	slot_verify(a->m, slot, how, fuzz_u16(&a->in));
}

/* Also by both threads at once. */
void op_read_shared(struct actor *a)
{
	unsigned int i = 2 * THREAD_SLOTS +
			 fuzz_byte(&a->in) % (SLOTS - 2 * THREAD_SLOTS);
	unsigned int how = fuzz_byte(&a->in);

	slot_verify(a->m, &a->m->slots[i], how, fuzz_u16(&a->in));
}

void op_pin(struct actor *a)
{
	struct slot *slot = own_slot(a);
	unsigned int how = fuzz_byte(&a->in);

	slot_pin(a->m, slot, how % 2 ? fuzz_u16(&a->in) : 0, how % 4 < 2);
}

void op_unpin(struct actor *a)
{
	slot_unpin(a->m, own_slot(a));
}

void op_unpin_all(struct actor *a)
{
	for (unsigned int i = 0; i < a->nr; i++)
		while (a->m->slots[a->low + i].nr_pins)
			slot_unpin(a->m, &a->m->slots[a->low + i]);
}

/* Up to the room, which may be more than was asked for. */
void op_write(struct actor *a)
{
	struct slot *slot = own_slot(a);
	size_t len = fuzz_u16(&a->in);

	if (slot->kind == EMPTY || slot->nr_pins)
		return;
	slot_write(a->m, slot, 1 + len % slot->room);
}
