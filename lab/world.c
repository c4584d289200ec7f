/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* world.c - the frame of a scenario's run: makes the pool, takes a snapshot,
 * and checks the pool afterwards. Owns the world.
 *
 */
#include "pool.h"

#include <string.h>

#include "compat/os.h"

static struct lab_world *world; /* lies in the arena */
static const struct uzs_lab_fiber *after; /* the fiber of scenario->after in
					   * this run; NULL: none */
static bool in_ruins; /* the run left memory that cannot be checked */

/* ---- names -------------------------------------------------------------------- */

#define NR_NAMES 8 /* more than there are scopes, or deferrals */
#define NR(array) (sizeof(array) / sizeof((array)[0]))

bool lab_parse_scope(const char *name, enum zs_lock_scope *scope)
{
	for (int i = 0; i < NR_NAMES; i++) {
		const char *known = lab_scope_name((enum zs_lock_scope)i);

		if (!known || strcmp(name, known) != 0)
			continue;
		*scope = (enum zs_lock_scope)i;
		return true;
	}
	return false;
}

bool lab_parse_defer(const char *name, enum zs_defer_mode *defer)
{
	for (int i = 0; i < NR_NAMES; i++) {
		const char *known = lab_defer_name((enum zs_defer_mode)i);

		if (!known || strcmp(name, known) != 0)
			continue;
		*defer = (enum zs_defer_mode)i;
		return true;
	}
	return false;
}

const struct lab_scenario *lab_find_scenario(const char *name)
{
	for (size_t i = 0; lab_scenarios[i]; i++)
		if (!strcmp(lab_scenarios[i]->name, name))
			return lab_scenarios[i];
	return NULL;
}

bool lab_config_fits(const struct lab_config *c)
{
	const struct lab_scenario *s = c->scenario;

	if (c->cpus < 2 || c->cpus > LAB_MAX_CPUS || !s->cpu[c->cpus - 1])
		return false;
	if (!lab_scope_name(c->scope) || !lab_defer_name(c->defer))
		return false;
	if (!(s->flags & LAB_ALL_PROFILES) &&
	    !(s->flags & LAB_USER) != (c->scope != LAB_SCOPE_USER))
		return false;
	/* The user profile keeps freed objects by itself. */
	if (c->scope == LAB_SCOPE_USER && c->defer == ZS_DEFER_REUSE)
		return false;
	return !s->defers || (s->defers & LAB_DEFER(c->defer));
}

/* ---- objects -------------------------------------------------------------------- */

unsigned int lab_cpu_entry(void)
{
	unsigned int id = uzs_lab_current ? uzs_lab_current->id : LAB_MAX_CPUS;

	return min(id, (unsigned int)LAB_MAX_CPUS);
}

static u8 *buffer(struct lab_world *w)
{
	return w->buffer[lab_cpu_entry()];
}

void lab_alloc(struct lab_world *w, unsigned int slot, size_t size)
{
	struct lab_object *o = &w->object[slot];
	unsigned long handle = lab_pool_malloc(w, size);

	if (zs_is_err(handle)) {
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "zs_malloc of %zu: error %ld", size,
			      (long)handle);
		return;
	}
	o->handle = handle;
	o->freed = false;
	o->size = (u32)size;
	if (uzs_lab_current)
		o->size = 0; /* it has no contents yet */
	else
		lab_write(w, slot, (u8)(slot + 1));
}

void lab_free(struct lab_world *w, unsigned int slot)
{
	unsigned long handle = w->object[slot].handle;

	w->object[slot].freed = true;
	if (!uzs_lab_current || w->defer == ZS_DEFER_NONE) {
		lab_pool_free(w, handle);
		return;
	}
	lab_pool_free_later(w, handle);
	lab_pool_flush(w);
}

void lab_free_later(struct lab_world *w, unsigned int slot)
{
	w->object[slot].freed = true;
	lab_pool_free_later(w, w->object[slot].handle);
}

void lab_write(struct lab_world *w, unsigned int slot, u8 fill)
{
	struct lab_object *o = &w->object[slot];
	u8 *buf = buffer(w);

	o->fill = fill;
	memset(buf, fill, o->size);
	if (!lab_pool_write(w, o->handle, buf, o->size))
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "object %u cannot be written", slot);
}

void lab_read(struct lab_world *w, unsigned int slot)
{
	struct lab_object *o = &w->object[slot];
	u8 *buf = buffer(w);
	const u8 *data = lab_pool_read_begin(w, o->handle, o->size, buf);
	u32 i;

	if (!data) {
		uzs_lab_found(LAB_FOUND_LOST_HANDLE, "object %u cannot be read",
			      slot);
		return;
	}
	i = lab_wrong_byte(o, data);
	if (i < o->size)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "byte %u of object %u is %#x, not %#x", i, slot,
			      data[i], o->fill);
	lab_pool_read_end(w, o->handle, o->size, data);
}

struct page *lab_page(struct lab_world *w, unsigned int slot)
{
	return lab_pool_page(w, w->object[slot].handle);
}

/* ---- a run -------------------------------------------------------------------------- */

static void make_pool(void *arg)
{
	const struct lab_config *c = arg;

	world = uzs_os_map(sizeof(*world), uzs_os_page_size());
	if (!world || !lab_pool_make(world, c)) {
		uzs_lab_found(LAB_FOUND_INVARIANT,
			      "no memory for the pool in the arena");
		return;
	}
	world->scope = c->scope;
	world->defer = c->defer;
	c->scenario->setup(world);
}

bool lab_begin(const struct lab_config *c, bool again)
{
	uzs_lab_reset();
	uzs_lab_clear();
	lab_pool_new_search();
	if (!uzs_lab_protect(make_pool, (void *)c))
		return false;
	if (again)
		uzs_lab_snapshot();
	return true;
}

struct start {
	void (*fn)(struct lab_world *w);
};
static struct start starts[LAB_MAX_CPUS + 1];

static void run_cpu(void *arg)
{
	const struct start *start = arg;

	start->fn(world);
}

void lab_rewind(const struct lab_config *c)
{
	static const char *const names[] = { "CPU 0", "CPU 1", "CPU 2" };
	struct uzs_lab_fiber *f;

	after = NULL;
	in_ruins = false;
	uzs_lab_restore();
	uzs_lab_reset();
	uzs_lab_clear_finding();
	for (unsigned int i = 0; i < c->cpus; i++) {
		starts[i].fn = c->scenario->cpu[i];
		uzs_lab_spawn(names[i], i, run_cpu, &starts[i]);
	}
	if (!c->scenario->after)
		return;
	starts[LAB_MAX_CPUS].fn = c->scenario->after;
	f = uzs_lab_spawn("after", 0, run_cpu, &starts[LAB_MAX_CPUS]);
	f->last = true;
	after = f;
}

/* Counts handles that the scenario does not know, or has freed. */
struct live {
	const struct lab_world *w;
	unsigned int n;
};

static int count_live(unsigned long handle, void *arg)
{
	struct live *live = arg;

	live->n++;
	for (unsigned int i = 0; i < LAB_SLOTS; i++) {
		const struct lab_object *o = &live->w->object[i];

		if (o->handle == handle && !o->freed)
			return 0;
	}
	uzs_lab_found(LAB_FOUND_LEAK,
		      "handle %#lx is live, but the scenario has none such",
		      handle);
	return 0;
}

static void check_objects(struct lab_world *w)
{
	struct live live = { .w = w };
	unsigned int known = 0;

	lab_pool_for_each_live(w, count_live, &live);
	for (unsigned int i = 0; i < LAB_SLOTS; i++) {
		if (!w->object[i].handle || w->object[i].freed)
			continue;
		known++;
		if (w->object[i].size)
			lab_read(w, i);
	}
	if (known != live.n)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "%u handles are live, not %u", live.n, known);
}

static void check_all(void *arg)
{
	const struct lab_config *c = arg;

	uzs_lab_check_freed();
	if (c->scenario->flags & LAB_DESTROYS) {
		lab_pool_check_gone(world,
				    ALIGN(sizeof(*world), uzs_os_page_size()));
		return;
	}
	if (c->scenario->check)
		c->scenario->check(world);
	if (c->scenario->flags & LAB_BARE)
		return;
	lab_pool_check(world);
	check_objects(world);
}

struct naming {
	const void *obj;
	char *buf;
	size_t size;
	bool named, done;
};

static void name_object(void *arg)
{
	struct naming *n = arg;

	n->named = lab_name_object(world, n->obj, n->buf, n->size);
	n->done = true;
}

bool lab_name_step(const struct lab_config *c, const void *obj, char *buf,
		   size_t size)
{
	struct naming n = { .obj = obj, .buf = buf, .size = size };

	if (in_ruins || (c->scenario->flags & LAB_DESTROYS))
		return false;
	uzs_lab_protect(name_object, &n);
	in_ruins = !n.done;
	return n.named;
}

bool lab_check_between(const struct lab_config *c, u64 state, bool again)
{
	if ((c->scenario->flags & LAB_DESTROYS) && after && after->steps)
		return false; /* the pool is being destroyed, or gone */
	return lab_pool_check_between(world, c->scenario, state, again);
}

void lab_check_end(const struct lab_config *c)
{
	uzs_lab_protect(check_all, (void *)c);
}
