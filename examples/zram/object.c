/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* object.c - what the bytes of a slot are stored in: an object of the pool, or
 * two.
 *
 * Objects of more than a page have few size classes, some 4 % apart, so half of
 * that would be lost. An object of a whole number of pages fills its zspage, and
 * one that is smaller than a page has a class within 1 or 2 %. So more than a
 * page is cut in two: the whole pages, and the rest behind the handle of these.
 *
 *   slot --> rest: | handle | last bytes |
 *                      |
 *                      +--> whole pages: | first bytes |
 *
 * Only with ZS_PROFILE_USER: in the kernel's no object is larger than a page.
 * Locks: none. The handles belong to the caller: they are new, or in a slot that
 * is locked.
 */
#include "zram.h"

#include <string.h>

/* The handle in front of the rest. */
#define LINK sizeof(unsigned long)

/* Bytes in whole pages, if they are cut off; else 0. */
static size_t whole_of(const struct uzram *dev, size_t size)
{
	size_t rest = size % dev->page;

	if (uzram_profile(&dev->config) == ZS_PROFILE_KERNEL || !rest)
		return 0;
	return size - rest;
}

static unsigned long store_one(struct uzram *dev, const void *data, size_t size)
{
	unsigned long handle = uzram_alloc(dev, size);

	if (!zs_is_err(handle))
		zs_obj_write(dev->pool, handle, data, size);
	return handle;
}

unsigned long uzram_store(struct uzram *dev, const void *data, size_t size)
{
	size_t whole = whole_of(dev, size), len = LINK + size - whole;
	unsigned long first, handle;
	char *object;

	if (!whole)
		return store_one(dev, data, size);
	first = store_one(dev, data, whole);
	if (zs_is_err(first))
		return first;
	handle = uzram_alloc(dev, len);
	if (zs_is_err(handle)) {
		zs_free(dev->pool, first);
		return handle;
	}
	/* Nobody else has the handle: it may be written in its place. */
	object = zs_obj_read_begin(dev->pool, handle, len, NULL);
	memcpy(object, &first, LINK);
	memcpy(object + LINK, (const char *)data + whole, size - whole);
	zs_obj_read_end(dev->pool, handle, len, object);
	return handle;
}

/* Copies the rest to `data`, if that is not NULL. Return: the handle of the
 * whole pages; 0 if the pool does not know the handle. */
static unsigned long load_rest(struct uzram *dev, unsigned long handle,
			       size_t rest, void *data)
{
	size_t len = LINK + (data ? rest : 0);
	unsigned long first = 0;
	/* In one piece, in this profile: it needs no copy. */
	char *object = zs_obj_read_begin(dev->pool, handle, len, NULL);

	if (!object)
		return 0;
	memcpy(&first, object, LINK);
	if (data)
		memcpy(data, object + LINK, rest);
	zs_obj_read_end(dev->pool, handle, len, object);
	return first;
}

const void *uzram_load_begin(struct uzram *dev, unsigned long handle,
			     size_t size, void *copy)
{
	size_t whole = whole_of(dev, size);
	unsigned long first;
	void *object;

	if (!whole)
		return zs_obj_read_begin(dev->pool, handle, size, copy);
	first = load_rest(dev, handle, size - whole, (char *)copy + whole);
	if (!first)
		return NULL;
	object = zs_obj_read_begin(dev->pool, first, whole, NULL);
	if (!object)
		return NULL;
	memcpy(copy, object, whole);
	zs_obj_read_end(dev->pool, first, whole, object);
	return copy;
}

void uzram_load_end(struct uzram *dev, unsigned long handle, size_t size,
		    const void *data)
{
	if (data && !whole_of(dev, size))
		zs_obj_read_end(dev->pool, handle, size, (void *)data);
}

static void free_one(struct uzram *dev, unsigned long handle, bool later)
{
	if (later)
		zs_free_deferred(dev->pool, handle);
	else
		zs_free(dev->pool, handle);
}

void uzram_object_free(struct uzram *dev, const struct uzram_object *object,
		       bool later)
{
	size_t size = slot_size(object->word);
	size_t whole = object->handle ? whole_of(dev, size) : 0;

	if (whole)
		free_one(dev,
			 load_rest(dev, object->handle, size - whole, NULL),
			 later);
	free_one(dev, object->handle, later);
}

static size_t class_bytes(struct uzram *dev, size_t size)
{
	struct zs_class_info info = ZS_CLASS_INFO_INIT;
	unsigned int with_word = (unsigned int)(size + sizeof(unsigned long));

	zs_class_info(dev->pool, zs_lookup_class_index(dev->pool, with_word),
		      &info);
	return info.size;
}

size_t uzram_taken(struct uzram *dev, size_t size)
{
	size_t whole = whole_of(dev, size);

	if (!whole)
		return class_bytes(dev, size);
	return class_bytes(dev, whole) + class_bytes(dev, LINK + size - whole);
}
