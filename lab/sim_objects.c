/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_objects.c - owns the callers' records of their objects, and knows what is in
 * each; see sim_objects.h.
 *
 * A record is one word, in which a handle lies, or the zs_ref itself. The records
 * of a caller lie side by side, apart from those of others. Where work reads or
 * replaces, and wherever the library itself writes to them, they are memory of the
 * simulated machine, and cost time.
 *
 * Guarantees:
 *  C2 what a caller reads is what was written last, or there is no result. Looking
 *     takes no virtual time.
 */
#include "tools/uzs.h"

#include "sim_objects.h"
#include "sim_pool.h"

#include <stdlib.h>
#include <string.h>

#include "bench/harness.h"
#include "compat/os.h"

#define BUFFER_BYTES ((size_t)8192) /* of a caller: one half to read into */
#define PART_ALIGN ((size_t)4096) /* callers have nothing of a page in common */

union record {
	zs_ref ref;
	unsigned long handle;
};

static struct {
	const struct sim_cell *cell;
	char *records; /* a part for each caller */
	size_t part_bytes; /* of records */
	char *buffers; /* in the arena; NULL: not needed */
	u32 *bytes; /* [caller * objects + i]: size of the object */
	u32 *order; /* the same: which object is the i-th */
	u8 *stamp; /* the same: its first and last byte */
	u64 rng[SIM_MAX_CALLERS]; /* of the sizes that replace others */
} o;

static bool is_user(void)
{
	return o.cell->scope == LAB_SCOPE_USER;
}

/* Objects have contents. */
static bool has_contents(const struct sim_cell *c)
{
	return c->work == SIM_READ || c->work == SIM_REPLACE;
}

static size_t part_bytes(const struct sim_cell *c)
{
	return ALIGN(c->objects * sizeof(union record), PART_ALIGN);
}

size_t sim_objects_bytes(const struct sim_cell *cell)
{
	return cell->callers * (part_bytes(cell) + BUFFER_BYTES);
}

static union record *record_of(unsigned int t, u32 object)
{
	return (union record *)(o.records + t * o.part_bytes) + object;
}

static size_t place_of(unsigned int t, u32 object)
{
	return (size_t)t * o.cell->objects + object;
}

/* The object's number, by its place in the order. */
static u32 nth(unsigned int t, unsigned int i)
{
	return o.order[place_of(t, i)];
}

static char *write_buffer(unsigned int t)
{
	return o.buffers + t * BUFFER_BYTES;
}

static char *read_buffer(unsigned int t)
{
	return write_buffer(t) + BUFFER_BYTES / 2;
}

/* ---- setting up -------------------------------------------------------------- */

/* Gives each caller the next smaller class. */
static void set_own_classes(void)
{
	const struct sim_cell *c = o.cell;
	u32 bytes = c->sizes[0];
	unsigned int class = sim_pool_class(bytes);

	for (unsigned int t = 0; t < c->callers; t++) {
		for (unsigned int i = 0; i < c->objects; i++)
			o.bytes[place_of(t, i)] = bytes;
		bytes = sim_pool_smaller(&class);
		if (!bytes && t + 1 < c->callers)
			sim_give_up("objects of %u bytes: too few smaller "
				    "classes for %u callers",
				    c->sizes[0], c->callers);
	}
}

static void map_records(void)
{
	const struct sim_cell *c = o.cell;
	size_t bytes;

	o.part_bytes = part_bytes(c);
	bytes = c->callers * o.part_bytes;
	/* Freeing by handle is simulated as it always was: who frees has the
	 * handles at hand. */
	if (is_user() || has_contents(c))
		o.records = uzs_os_map(bytes, PART_ALIGN);
	else
		o.records = calloc(1, bytes);
	if (has_contents(c))
		o.buffers = uzs_os_map(c->callers * BUFFER_BYTES, PART_ALIGN);
	if (!o.records || (has_contents(c) && !o.buffers))
		sim_give_up("the arena is too small");
}

void sim_objects_init(const struct sim_cell *cell)
{
	size_t n = (size_t)cell->callers * cell->objects;
	u64 rng = cell->seed;

	o.cell = cell;
	o.bytes = malloc(n * sizeof(*o.bytes));
	o.order = malloc(n * sizeof(*o.order));
	o.stamp = calloc(n, sizeof(*o.stamp));
	if (!o.bytes || !o.order || !o.stamp)
		sim_give_up("no memory for %zu objects", n);
	map_records();
	for (size_t i = 0; i < n; i++) {
		o.bytes[i] = cell->sizes[random_below(&rng, cell->nr_sizes)];
		o.order[i] = (u32)(i % cell->objects);
	}
	for (unsigned int t = 0; t < cell->callers; t++)
		o.rng[t] = cell->seed + 2 + t;
	if (cell->own_class)
		set_own_classes();
}

void sim_objects_shuffle(void)
{
	const struct sim_cell *c = o.cell;
	u64 rng = c->seed + 1;

	for (unsigned int t = 0; t < c->callers; t++) {
		u32 *order = o.order + (size_t)t * c->objects;

		for (u32 i = c->objects; i > 1; i--) {
			u32 j = random_below(&rng, i);
			u32 swap = order[i - 1];

			order[i - 1] = order[j];
			order[j] = swap;
		}
	}
}

/* ---- one object --------------------------------------------------------------- */

static void check_handle(unsigned long handle, u32 bytes)
{
	if (zs_is_err(handle))
		sim_give_up("zs_malloc of %u bytes: %s", bytes,
			    strerror(-zs_err(handle)));
}

/* Puts the object's next contents into the caller's buffer. */
static const char *next_contents(unsigned int t, size_t place)
{
	char *buffer = write_buffer(t);

	o.stamp[place]++;
	buffer[0] = buffer[o.bytes[place] - 1] =
		(char)(o.stamp[place] ^ (u8)(place * 37));
	return buffer;
}

static void check_contents(const char *data, size_t place)
{
	char want = (char)(o.stamp[place] ^ (u8)(place * 37));

	if (!data || data[0] != want || data[o.bytes[place] - 1] != want)
		sim_give_up("object %zu of %u bytes is not what was written",
			    place, o.bytes[place]);
}

static void store_ref(union record *r, unsigned int t, size_t place)
{
	int err;

	sim_call(SIM_CALL_REF);
	err = zs_ref_store(sim_pool_ours(), &r->ref, next_contents(t, place),
			   o.bytes[place]);
	sim_call(SIM_CALL_NONE);
	if (err)
		sim_give_up("zs_ref_store of %u bytes: %s", o.bytes[place],
			    strerror(-err));
}

/* With a new handle. */
static void store_handle(union record *r, unsigned int t, size_t place)
{
	u32 bytes = o.bytes[place];

	r->handle = sim_pool_malloc(bytes);
	check_handle(r->handle, bytes);
	sim_plain(&r->handle, true, 0);
	if (!sim_pool_write(r->handle, next_contents(t, place), bytes))
		sim_give_up("zs_obj_write of %u bytes fails", bytes);
}

void sim_object_make(unsigned int t, unsigned int i)
{
	size_t place = place_of(t, i);
	union record *r = record_of(t, i);
	int err;

	if (has_contents(o.cell) && is_user()) {
		store_ref(r, t, place);
	} else if (has_contents(o.cell)) {
		store_handle(r, t, place);
	} else if (is_user()) {
		err = zs_ref_alloc(sim_pool_ours(), &r->ref, o.bytes[place]);
		if (err)
			sim_give_up("zs_ref_alloc of %u bytes: %s",
				    o.bytes[place], strerror(-err));
	} else {
		r->handle = sim_pool_malloc(o.bytes[place]);
		check_handle(r->handle, o.bytes[place]);
	}
}

void sim_object_read(unsigned int t, unsigned int i)
{
	unsigned int of = o.cell->shared ? 0 : t;
	u32 object = nth(of, i);
	size_t place = place_of(of, object);
	union record *r = record_of(of, object);
	u32 bytes = o.bytes[place];
	const char *data;

	if (is_user()) {
		sim_call(SIM_CALL_REF);
		data = zs_ref_begin(sim_pool_ours(), &r->ref);
		check_contents(data, place);
		sim_bulk(data, bytes, false, 0);
		zs_ref_end(sim_pool_ours(), &r->ref);
		sim_call(SIM_CALL_NONE);
		return;
	}
	sim_plain(&r->handle, false, 0);
	data = sim_pool_read_begin(r->handle, bytes, read_buffer(t));
	check_contents(data, place);
	sim_bulk(data, bytes, false, 0);
	sim_pool_read_end(r->handle, bytes, data);
}

void sim_object_replace(unsigned int t, unsigned int i)
{
	const struct sim_cell *c = o.cell;
	u32 object = nth(t, i);
	size_t place = place_of(t, object);
	union record *r = record_of(t, object);

	/* The sizes that a caller draws do not depend on what others do. */
	o.bytes[place] = c->sizes[random_below(&o.rng[t], c->nr_sizes)];
	if (is_user()) {
		store_ref(r, t, place);
		return;
	}
	sim_plain(&r->handle, false, 0);
	sim_pool_free(r->handle);
	store_handle(r, t, place);
}

void sim_object_free(unsigned int t, unsigned int i)
{
	union record *r = record_of(t, nth(t, i));

	if (is_user()) {
		sim_call(SIM_CALL_REF);
		zs_ref_free(sim_pool_ours(), &r->ref);
		sim_call(SIM_CALL_NONE);
	} else {
		sim_pool_free(r->handle);
	}
}

/* ---- the end ------------------------------------------------------------------- */

void sim_objects_check_and_free(void)
{
	const struct sim_cell *c = o.cell;

	for (unsigned int t = 0; t < c->callers; t++)
		for (unsigned int i = 0; i < c->objects; i++) {
			if (!c->shared || !t)
				sim_object_read(t, i);
			sim_object_free(t, i);
		}
	sim_pool_flush();
}
