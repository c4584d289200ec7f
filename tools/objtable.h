/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* objtable.h - the live objects of a replay, found by ID and by handle. */
#ifndef UZS_OBJTABLE_H
#define UZS_OBJTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uzs_object {
	unsigned long handle; /* 0: the pool had no memory for it */
	uint32_t id;
	uint32_t size; /* bytes asked for; 0: this entry is unused */
	uint32_t generation; /* distinguishes it from earlier objects of this
			      * ID; in an unused entry: next unused, plus 1 */
};

struct uzs_index {
	uint32_t *entries; /* position in objects plus 1, or 0 */
	unsigned int bits; /* 1 << bits entries, at most half of them used */
};

/* An array of objects with holes, and two hash indices into it. */
struct uzs_objtable {
	struct uzs_object *objects;
	size_t positions; /* entries of objects ever used */
	size_t room;
	size_t count; /* objects in the table */
	uint32_t unused; /* head of the unused entries, plus 1; 0: none */
	struct uzs_index by_id;
	struct uzs_index by_handle;
};

/* Return: false when there is no memory. */
bool uzs_objtable_init(struct uzs_objtable *table);
void uzs_objtable_destroy(struct uzs_objtable *table);
/* The object, or NULL. The pointer is valid until the next add. */
struct uzs_object *uzs_objtable_find(const struct uzs_objtable *table,
				     uint32_t id);
/* Adds an object whose ID and handle are not in the table. @object is copied.
 * Return: false when there is no memory; then nothing is changed. */
bool uzs_objtable_add(struct uzs_objtable *table,
		      const struct uzs_object *object);
void uzs_objtable_remove(struct uzs_objtable *table, struct uzs_object *object);
/* For each of @count handles: the object's ID, plus 1. Looks many up at a time,
 * because each is a cache miss. Return: false if one is not in the table. */
bool uzs_objtable_ids(const struct uzs_objtable *table,
		      const unsigned long *handles, size_t count,
		      uint32_t *ids);

#endif
