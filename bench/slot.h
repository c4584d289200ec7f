/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slot.h - a record of the program's that names an object, and what is done to
 * it: by a handle or a pointer in the record, or by a zs_ref there.
 *
 * All inline, as target.h: what is measured is the allocator.
 */
#ifndef UZS_BENCH_SLOT_H
#define UZS_BENCH_SLOT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "target.h"

struct slot {
	union {
		uintptr_t handle; /* 0: no object */
		zs_ref ref; /* the same, if target.refs */
	};
	uint32_t bytes;
};

/* How many objects slot_free_many is given at once. */
#define SLOT_FREE_MANY 256u

static inline bool slot_is_used(const struct target *target,
				const struct slot *slot)
{
	/* The pool may be just moving the object. */
	return target->refs
		       ? __atomic_load_n(&slot->ref.word, __ATOMIC_RELAXED) != 0
		       : slot->handle != 0;
}

/* Allocates. The contents are whatever was there. */
static inline void slot_alloc(const struct target *target, struct slot *slot)
{
	int err;

	if (!target->refs) {
		slot->handle = target_alloc(target, slot->bytes);
		return;
	}
	err = zs_ref_alloc(target->pool, &slot->ref, slot->bytes);
	if (err)
		target_alloc_failed(slot->bytes, -err);
}

/* Of a ref: replaces what it names, if it names something. */
static inline void slot_store(const struct target *target, struct slot *slot,
			      const unsigned char *from)
{
	int err;

	if (!target->refs) {
		slot->handle = target_alloc(target, slot->bytes);
		target_write(target, slot->handle, from, slot->bytes);
		return;
	}
	err = zs_ref_store(target->pool, &slot->ref, from, slot->bytes);
	if (err)
		target_alloc_failed(slot->bytes, -err);
}

static inline void slot_replace(const struct target *target, struct slot *slot,
				uint32_t bytes, const unsigned char *from)
{
	if (!target->refs)
		target_free(target, slot->handle);
	slot->bytes = bytes;
	slot_store(target, slot, from);
}

/* Begins to use the object of a ref in place. */
static inline unsigned char *slot_begin(const struct target *target,
					struct slot *slot)
{
	unsigned char *p = zs_ref_begin(target->pool, &slot->ref);

	if (!p)
		target_access_failed("zs_ref_begin", slot->bytes);
	return p;
}

static inline void slot_write(const struct target *target, struct slot *slot,
			      const unsigned char *from)
{
	if (!target->refs) {
		target_write(target, slot->handle, from, slot->bytes);
		return;
	}
	memcpy(slot_begin(target, slot), from, slot->bytes);
	zs_ref_end(target->pool, &slot->ref);
}

static inline void slot_read(const struct target *target, struct slot *slot,
			     unsigned char *buf)
{
	if (!target->refs) {
		target_read(target, slot->handle, buf, slot->bytes);
		return;
	}
	if (zs_ref_load(target->pool, &slot->ref, buf, slot->bytes))
		target_access_failed("zs_ref_load", slot->bytes);
	__asm__ volatile("" : : "r"(buf) : "memory");
}

/* The first and the last byte, where they are. */
static inline unsigned int slot_peek(const struct target *target,
				     struct slot *slot)
{
	const unsigned char *p;
	unsigned int value;

	if (!target->refs)
		return target_peek(target, slot->handle, slot->bytes);
	p = slot_begin(target, slot);
	value = p[0] + 256u * p[slot->bytes - 1];
	zs_ref_end(target->pool, &slot->ref);
	return value;
}

/* The first byte alone. */
static inline unsigned int slot_peek_one(const struct target *target,
					 struct slot *slot)
{
	unsigned int value;

	if (!target->refs)
		return target_peek_one(target, slot->handle);
	value = *slot_begin(target, slot);
	zs_ref_end(target->pool, &slot->ref);
	return value;
}

static inline void slot_free(const struct target *target, struct slot *slot)
{
	if (target->refs) {
		zs_ref_free(target->pool, &slot->ref);
		return;
	}
	target_free(target, slot->handle);
	slot->handle = 0;
}

/* Frees the objects of the slots that numbers[] names, SLOT_FREE_MANY at most.
 * Where there is no call for many, one by one. */
static inline void slot_free_many(const struct target *target,
				  struct slot *slots, const uint32_t *numbers,
				  size_t nr)
{
	unsigned long handles[SLOT_FREE_MANY];
	zs_ref *refs[SLOT_FREE_MANY];
	size_t i;

	if (target->refs) {
		for (i = 0; i < nr; i++)
			refs[i] = &slots[numbers[i]].ref;
		zs_ref_free_many(target->pool, refs, nr);
		return;
	}
	if (!target->pool || target->defer) {
		for (i = 0; i < nr; i++)
			slot_free(target, &slots[numbers[i]]);
		return;
	}
	for (i = 0; i < nr; i++) {
		struct slot *slot = &slots[numbers[i]];

		handles[i] = slot->handle;
		slot->handle = 0;
	}
	zs_free_many(target->pool, handles, nr);
}

#endif
