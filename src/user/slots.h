/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* slots.h - what each CPU keeps: freed objects, by class, for the next
 * allocation. */
#ifndef UZS_USER_SLOTS_H
#define UZS_USER_SLOTS_H

#include "user/layout.h"

size_t uzs_slots_bytes(const struct zs_pool *pool);
void uzs_slots_init(struct zs_pool *pool, void *mem);

/* Allocates what the CPU keeps of the class `index`, or a place of a zspage that has
 * room. size: bytes that will be filled. Return: false: not done. */
bool uzs_slot_alloc(struct zs_pool *pool, unsigned int index, u64 *ref,
		    u64 pins, size_t size);
/* Frees what `ref` names. */
void uzs_slot_free(struct zs_pool *pool, u64 *ref);
/* The same, if the ref names its own object, and that has no pin. The caller has looked
 * whether a read names the ref. Return: false: not done, for that or other reasons. */
bool uzs_slot_free_own(struct zs_pool *pool, u64 *ref);
/* The same for many; fetches early. NULL and refs that name nothing are passed
 * over. Return: how many objects were freed. */
size_t uzs_slot_free_many(struct zs_pool *pool, zs_ref *const refs[], size_t n);
/* Frees what `ref` names, and lets it name another object, which the CPU keeps,
 * with a pin. In pools that look for misuse as uzs_slot_free_own. Return: false: not
 * done. */
bool uzs_slot_replace(struct zs_pool *pool, unsigned int index, u64 *ref,
		      size_t size);
/* `to` names what `from` names, without pins. */
void uzs_slot_rename(struct zs_pool *pool, u64 *to, u64 *from);

/* Frees all that is kept of one class, or (NULL) of all. Return: was there
 * any? Locks: takes every slot's lock in turn. */
bool uzs_slots_flush(struct zs_pool *pool, struct size_class *class);
unsigned long uzs_slots_nr_kept(struct zs_pool *pool,
				const struct size_class *class);
void uzs_slots_lock(struct zs_pool *pool);
void uzs_slots_unlock(struct zs_pool *pool);
/* A bit for each object of a zspage. */
#define USER_MARKS ((OBJ_NONE + 64) / 64)
static inline bool user_mark(const u64 marks[USER_MARKS], unsigned int index)
{
	return marks[index / 64] >> index % 64 & 1;
}
/* Marks the objects of a zspage that are on stacks. Locks: needs every slot's
 * lock. */
void uzs_slots_mark_kept(const struct zs_pool *pool,
			 const struct size_class *class,
			 const struct zspage *zspage, u64 kept[USER_MARKS]);
void uzs_slots_renew(struct zs_pool *pool);

#endif
