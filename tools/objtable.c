/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* objtable.c - see objtable.h. Hash indices with open addressing and linear
 * probing. Removal moves entries back, so there are no tombstones to clean up
 * after millions of operations.
 */
#include "objtable.h"

#include <stdlib.h>

#define FIRST_BITS 10
#define FIRST_ROOM 512
#define POSITIONS_MAX 0x7fffffffu
#define BATCH 32 /* lookups whose cache misses overlap */

/* Multiplicative hashing: the top bits of a product with 2^64 / phi. */
static uint32_t bucket(const struct uzs_index *index, uint64_t key)
{
	return (uint32_t)(key * 0x9e3779b97f4a7c15u >> (64 - index->bits));
}

static uint64_t key_of(const struct uzs_objtable *table,
		       const struct uzs_index *index, uint32_t entry)
{
	const struct uzs_object *object = &table->objects[entry - 1];

	return index == &table->by_id ? object->id : object->handle;
}

static void index_add(const struct uzs_objtable *table, struct uzs_index *index,
		      uint32_t entry)
{
	uint32_t mask = (1u << index->bits) - 1;
	uint32_t i = bucket(index, key_of(table, index, entry));

	while (index->entries[i])
		i = (i + 1) & mask;
	index->entries[i] = entry;
}

/* The entry at which the probing for @key ends, from where it begins. */
static uint32_t index_find(const struct uzs_objtable *table,
			   const struct uzs_index *index, uint64_t key,
			   uint32_t i)
{
	uint32_t mask = (1u << index->bits) - 1;

	while (index->entries[i] &&
	       key_of(table, index, index->entries[i]) != key)
		i = (i + 1) & mask;
	return i;
}

static void index_remove(const struct uzs_objtable *table,
			 struct uzs_index *index, uint32_t entry)
{
	uint32_t mask = (1u << index->bits) - 1;
	uint64_t key = key_of(table, index, entry);
	uint32_t hole = bucket(index, key);
	uint32_t i;

	/* Not the first with this key: another entry may have the same. */
	while (index->entries[hole] != entry)
		hole = (hole + 1) & mask;
	i = hole;
	for (;;) {
		uint32_t home;

		index->entries[hole] = 0;
		do {
			i = (i + 1) & mask;
			if (!index->entries[i])
				return;
			home = bucket(index,
				      key_of(table, index, index->entries[i]));
			/* The entry may stay if its home lies between hole and
			 * i. */
		} while (((i - home) & mask) < ((i - hole) & mask));
		index->entries[hole] = index->entries[i];
		hole = i;
	}
}

/* Doubles the entries. */
static bool index_grow(const struct uzs_objtable *table,
		       struct uzs_index *index)
{
	struct uzs_index old = *index;
	size_t i;

	index->bits++;
	index->entries =
		calloc((size_t)1 << index->bits, sizeof(*index->entries));
	if (!index->entries) {
		*index = old;
		return false;
	}
	for (i = 0; i < (size_t)1 << old.bits; i++) {
		if (old.entries[i])
			index_add(table, index, old.entries[i]);
	}
	free(old.entries);
	return true;
}

bool uzs_objtable_init(struct uzs_objtable *table)
{
	size_t entries = (size_t)1 << FIRST_BITS;

	*table = (struct uzs_objtable){ .room = FIRST_ROOM };
	table->by_id.bits = FIRST_BITS;
	table->by_handle.bits = FIRST_BITS;
	table->objects = calloc(FIRST_ROOM, sizeof(*table->objects));
	table->by_id.entries = calloc(entries, sizeof(uint32_t));
	table->by_handle.entries = calloc(entries, sizeof(uint32_t));
	if (table->objects && table->by_id.entries && table->by_handle.entries)
		return true;
	uzs_objtable_destroy(table);
	return false;
}

void uzs_objtable_destroy(struct uzs_objtable *table)
{
	free(table->objects);
	free(table->by_id.entries);
	free(table->by_handle.entries);
	*table = (struct uzs_objtable){ 0 };
}

struct uzs_object *uzs_objtable_find(const struct uzs_objtable *table,
				     uint32_t id)
{
	const struct uzs_index *index = &table->by_id;
	uint32_t i = index_find(table, index, id, bucket(index, id));
	uint32_t entry = index->entries[i];

	return entry ? &table->objects[entry - 1] : NULL;
}

/* Makes room for one more object in all three arrays. */
static bool make_room(struct uzs_objtable *table)
{
	struct uzs_index *indices[] = { &table->by_id, &table->by_handle };
	struct uzs_object *objects;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (table->count + 1 > (size_t)1 << (indices[i]->bits - 1) &&
		    !index_grow(table, indices[i]))
			return false;
	}
	if (table->unused || table->positions < table->room)
		return true;
	if (table->room > POSITIONS_MAX / 2)
		return false;
	objects = realloc(table->objects,
			  table->room * 2 * sizeof(*table->objects));
	if (!objects)
		return false;
	table->objects = objects;
	table->room *= 2;
	return true;
}

bool uzs_objtable_add(struct uzs_objtable *table,
		      const struct uzs_object *object)
{
	uint32_t entry;

	if (!make_room(table))
		return false;
	if (table->unused) {
		entry = table->unused;
		table->unused = table->objects[entry - 1].generation;
	} else {
		entry = (uint32_t)++table->positions;
	}
	table->objects[entry - 1] = *object;
	index_add(table, &table->by_id, entry);
	if (object->handle)
		index_add(table, &table->by_handle, entry);
	table->count++;
	return true;
}

void uzs_objtable_remove(struct uzs_objtable *table, struct uzs_object *object)
{
	uint32_t entry = (uint32_t)(object - table->objects) + 1;

	index_remove(table, &table->by_id, entry);
	if (object->handle)
		index_remove(table, &table->by_handle, entry);
	object->size = 0;
	object->generation = table->unused;
	table->unused = entry;
	table->count--;
}

bool uzs_objtable_ids(const struct uzs_objtable *table,
		      const unsigned long *handles, size_t count, uint32_t *ids)
{
	const struct uzs_index *index = &table->by_handle;
	uint32_t start[BATCH];
	size_t done, batch, k;

	for (done = 0; done < count; done += batch) {
		batch = count - done < BATCH ? count - done : BATCH;
		for (k = 0; k < batch; k++) {
			start[k] = bucket(index, handles[done + k]);
			__builtin_prefetch(&index->entries[start[k]]);
		}
		for (k = 0; k < batch; k++) {
			uint32_t entry = index->entries[start[k]];

			if (entry)
				__builtin_prefetch(&table->objects[entry - 1]);
		}
		for (k = 0; k < batch; k++) {
			uint32_t i = index_find(table, index, handles[done + k],
						start[k]);
			uint32_t entry = index->entries[i];

			if (!entry)
				return false;
			ids[done + k] = table->objects[entry - 1].id + 1;
		}
	}
	return true;
}
