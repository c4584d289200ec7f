/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_pool.c - owns the pool of a cell, ours or a kernel's; see sim_pool.h. */
#include "tools/uzs.h"

#include "sim_pool.h"

#include <errno.h>
#include <string.h>

#include "sim_fields.h"
#include "sim_kernel.h"

static struct {
	const struct sim_cell *cell;
	struct zs_pool *ours;
	const struct uzs_k_sim *kernel; /* NULL: it is ours */
	const struct subject *subject; /* of the kernel's */
	struct subject_pool *theirs;
} p;

size_t sim_reserve_bytes; /* see sim_force.h */

static void open_ours(const struct sim_cell *c)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	if (c->scope == LAB_SCOPE_USER)
		o.profile = ZS_PROFILE_USER;
	else
		o.lock_scope = c->scope;
	o.defer = c->defer;
	o.retained_bytes = SIZE_MAX;
	o.flags = ZS_POOL_NO_HUGE_PAGES; /* no table of costs knows them */
	sim_reserve_bytes = (size_t)c->reserve_kib << 10;
	p.ours = zs_create_pool_with("sim", &o);
	if (!p.ours)
		sim_give_up("cannot create a pool: %s", strerror(errno));
}

void sim_pool_open(const struct sim_cell *cell)
{
	memset(&p, 0, sizeof(p));
	p.cell = cell;
	if (!sim_is_kernel(cell->scope)) {
		open_ours(cell);
		return;
	}
	p.kernel = sim_kernel(cell->scope);
	p.subject = p.kernel->subject;
	p.theirs = p.subject->create(0, 0, true);
	if (!p.theirs)
		sim_give_up("%s: cannot create a pool: %s",
			    sim_kernel_name(cell->scope), strerror(errno));
}

struct zs_pool *sim_pool_ours(void)
{
	return p.ours;
}

unsigned long sim_pool_malloc(u32 bytes)
{
	unsigned long handle;

	sim_call(SIM_CALL_MALLOC);
	if (p.kernel)
		handle = p.subject->malloc(p.theirs, bytes);
	else
		handle = zs_malloc(p.ours, bytes, GFP_KERNEL, NUMA_NO_NODE);
	sim_call(SIM_CALL_NONE);
	return handle;
}

void sim_pool_free(unsigned long handle)
{
	sim_call(p.cell->defer == ZS_DEFER_NONE ? SIM_CALL_FREE
						: SIM_CALL_FREE_LATER);
	if (p.kernel)
		p.subject->free(p.theirs, handle);
	else if (p.cell->defer == ZS_DEFER_NONE)
		zs_free(p.ours, handle);
	else
		zs_free_deferred(p.ours, handle);
	sim_call(SIM_CALL_NONE);
}

bool sim_pool_write(unsigned long handle, const char *data, u32 bytes)
{
	bool done = true;

	sim_call(SIM_CALL_WRITE);
	if (p.kernel)
		p.subject->write(p.theirs, handle, data, bytes);
	else
		done = !zs_obj_write(p.ours, handle, data, bytes);
	sim_call(SIM_CALL_NONE);
	return done;
}

const char *sim_pool_read_begin(unsigned long handle, u32 bytes, char *copy)
{
	const char *data;

	sim_call(SIM_CALL_READ);
	if (p.kernel)
		data = p.subject->read_begin(p.theirs, handle, bytes, copy);
	else
		data = zs_obj_read_begin(p.ours, handle, bytes, copy);
	sim_call(SIM_CALL_NONE);
	return data;
}

void sim_pool_read_end(unsigned long handle, u32 bytes, const char *data)
{
	sim_call(SIM_CALL_READ);
	if (p.kernel)
		p.subject->read_end(p.theirs, handle, bytes, data);
	else
		zs_obj_read_end(p.ours, handle, bytes, (void *)data);
	sim_call(SIM_CALL_NONE);
}

void sim_pool_flush(void)
{
	if (!p.kernel)
		zs_free_deferred_flush(p.ours);
}

static unsigned long live_of_theirs(void)
{
	struct subject_class info;
	unsigned long live = 0;

	for (unsigned int i = 0; i < p.subject->class_count(p.theirs); i++) {
		p.subject->class_info(p.theirs, i, &info);
		if (info.index == i)
			live += info.objs_inuse;
	}
	return live;
}

void sim_pool_count(struct sim_pool_counts *counts)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	if (p.kernel) {
		*counts = (struct sim_pool_counts){ .live = live_of_theirs() };
		return;
	}
	if (zs_pool_info(p.ours, &info))
		sim_give_up("the pool tells nothing");
	*counts = (struct sim_pool_counts){
		.live = info.objs_inuse,
		.queued = info.deferred_queued,
		.sync_busy = info.deferred_sync_busy,
		.sync_full = info.deferred_sync_full,
	};
}

/* ---- classes ------------------------------------------------------------------ */

unsigned int sim_pool_class(u32 bytes)
{
	bool adds;

	if (!p.kernel)
		return zs_lookup_class_index(p.ours,
					     bytes + sizeof(unsigned long));
	adds = p.subject->traits & SUBJECT_LOOKUP_ADDS_HANDLE;
	return p.subject->lookup_class_index(
		p.theirs, bytes + (adds ? 0 : sizeof(unsigned long)));
}

/* Several indices may stand for one class: sets *index to the class's own. */
static unsigned int size_of_class(unsigned int *index)
{
	struct zs_class_info ours = ZS_CLASS_INFO_INIT;
	struct subject_class theirs;

	if (p.kernel) {
		p.subject->class_info(p.theirs, *index, &theirs);
		*index = theirs.index;
		return theirs.size;
	}
	zs_class_info(p.ours, *index, &ours);
	*index = ours.index;
	return ours.size;
}

u32 sim_pool_smaller(unsigned int *index)
{
	unsigned int own = *index, last, size;

	size_of_class(&own);
	last = own;
	while (*index) {
		own = --*index;
		size = size_of_class(&own);
		if (own != last)
			return size - (u32)sizeof(unsigned long);
	}
	return 0;
}

/* ---- fields -------------------------------------------------------------------- */

const char *sim_pool_field(const volatile void *addr)
{
	/* What is looked at here takes no time. */
	struct uzs_lab_fiber *me = uzs_lab_current;
	const char *name;

	uzs_lab_current = NULL;
	if (p.kernel)
		name = p.kernel->field(p.theirs, (const void *)addr);
	else
		name = p.ours ? sim_field_of(p.ours, (const void *)addr) : NULL;
	uzs_lab_current = me;
	return name;
}
