/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* world.c - the frame of a scenario's run: makes the pool, remembers it, and
 * looks afterwards if it is as it must be. Owns the world.
 *
 * Callers: explore.c, scenarios. Calls: the library, as its user, and its
 * internals for what a user cannot see (leaked pages).
 */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

#include "compat/os.h"
#include "internal.h"

#define TEXT_BYTES 1024

static struct lab_world *world; /* in the arena */

/* ---- names -------------------------------------------------------------------- */

static const char *const scope_names[] = {
	[ZS_SCOPE_HELD] = "held",
	[ZS_SCOPE_UNLOCKED] = "unlocked",
	[ZS_SCOPE_CLASS_IDX] = "class-idx",
};

static const char *const defer_names[] = {
	[ZS_DEFER_NONE] = "none",
	[ZS_DEFER_ARRAY] = "array",
	[ZS_DEFER_PERCPU] = "percpu",
};

#define NR(array) (sizeof(array) / sizeof((array)[0]))

const char *lab_scope_name(enum zs_lock_scope scope)
{
	return scope_names[scope];
}

const char *lab_defer_name(enum zs_defer_mode defer)
{
	return defer_names[defer];
}

bool lab_parse_scope(const char *name, enum zs_lock_scope *scope)
{
	for (size_t i = 0; i < NR(scope_names); i++)
		if (scope_names[i] && !strcmp(name, scope_names[i])) {
			*scope = (enum zs_lock_scope)i;
			return true;
		}
	return false;
}

bool lab_parse_defer(const char *name, enum zs_defer_mode *defer)
{
	for (size_t i = 0; i < NR(defer_names); i++)
		if (defer_names[i] && !strcmp(name, defer_names[i])) {
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
	return !s->defers || (s->defers & LAB_DEFER(c->defer));
}

/* ---- objects -------------------------------------------------------------------- */

static u8 *buffer(struct lab_world *w)
{
	unsigned int id = uzs_lab_current ? uzs_lab_current->id : LAB_MAX_CPUS;

	return w->buffer[min(id, (unsigned int)LAB_MAX_CPUS)];
}

void lab_alloc(struct lab_world *w, unsigned int slot, size_t size)
{
	struct lab_object *o = &w->object[slot];
	unsigned long handle =
		zs_malloc(w->pool, size, GFP_KERNEL, NUMA_NO_NODE);

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
		o->size = 0; /* nothing is in it yet */
	else
		lab_write(w, slot, (u8)(slot + 1));
}

void lab_free(struct lab_world *w, unsigned int slot)
{
	unsigned long handle = w->object[slot].handle;

	w->object[slot].freed = true;
	if (!uzs_lab_current || w->defer == ZS_DEFER_NONE) {
		zs_free(w->pool, handle);
		return;
	}
	zs_free_deferred(w->pool, handle);
	zs_free_deferred_flush(w->pool);
}

void lab_free_later(struct lab_world *w, unsigned int slot)
{
	w->object[slot].freed = true;
	zs_free_deferred(w->pool, w->object[slot].handle);
}

void lab_write(struct lab_world *w, unsigned int slot, u8 fill)
{
	struct lab_object *o = &w->object[slot];
	u8 *buf = buffer(w);

	o->fill = fill;
	memset(buf, fill, o->size);
	if (zs_obj_write(w->pool, o->handle, buf, o->size))
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "object %u cannot be written", slot);
}

void lab_read(struct lab_world *w, unsigned int slot)
{
	struct lab_object *o = &w->object[slot];
	u8 *buf = buffer(w);
	const u8 *data = zs_obj_read_begin(w->pool, o->handle, o->size, buf);

	if (!data) {
		uzs_lab_found(LAB_FOUND_LOST_HANDLE, "object %u cannot be read",
			      slot);
		return;
	}
	for (u32 i = 0; i < o->size; i++) {
		if (data[i] == o->fill)
			continue;
		uzs_lab_found(LAB_FOUND_LOST_HANDLE,
			      "byte %u of object %u is %#x, not %#x", i, slot,
			      data[i], o->fill);
		break;
	}
	zs_obj_read_end(w->pool, o->handle, o->size, (void *)data);
}

struct page *lab_page(struct lab_world *w, unsigned int slot)
{
	unsigned long obj = handle_to_obj(w->object[slot].handle);

	return zpdesc_page(obj_to_zpdesc(w->pool, obj));
}

void lab_make_sparse(struct lab_world *w, unsigned int slot)
{
	const struct section *section = uzs_section_of(lab_page(w, slot));
	unsigned long handle[4 * UZS_SECTION_SIZE / 4096];
	unsigned int n = 0, beyond = 0, kept = 0;

	/* Pages of their own, until five lie in another section. */
	while (beyond < 5 && n < NR(handle)) {
		lab_alloc(w, LAB_FILLERS, w->pool->page_size);
		handle[n++] = w->object[LAB_FILLERS].handle;
		beyond += uzs_section_of(lab_page(w, LAB_FILLERS)) != section;
	}
	w->object[LAB_FILLERS].handle = 0;
	while (n-- > 0) {
		unsigned int filler = LAB_FILLERS + kept;

		w->object[filler].handle = handle[n];
		w->object[filler].size = 0;
		if (filler + 1 < LAB_SLOTS &&
		    uzs_section_of(lab_page(w, filler)) != section) {
			kept++;
			continue;
		}
		w->object[filler].handle = 0;
		zs_free(w->pool, handle[n]);
	}
	uzs_zone_drain_pcp(&w->pool->zone);
}

void lab_migrate_pages(struct lab_world *w)
{
	struct zone *zone = &w->pool->zone;

	mutex_lock(&zone->trim_lock);
	uzs_zone_compact(zone);
	mutex_unlock(&zone->trim_lock);
}

/* ---- a run -------------------------------------------------------------------------- */

static void make_pool(void *arg)
{
	const struct lab_config *c = arg;
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	o.chain_size = 4;
	o.lock_scope = c->scope;
	o.defer = c->defer;
	if (c->scenario->flags & LAB_NO_WORKER)
		o.flags = ZS_POOL_NO_WORKER;
	world = uzs_os_map(sizeof(*world), uzs_os_page_size());
	if (world)
		world->pool = zs_create_pool_with("lab", &o);
	if (!world || !world->pool) {
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
}

/* Handles the scenario does not know of, or that it has freed. */
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

	zs_for_each_live(w->pool, count_live, &live);
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

/* Every page handed out belongs to somebody. */
static void check_leaks(struct zs_pool *pool)
{
	unsigned long slabs =
		pool->handle_cache.nr_slabs + pool->zspage_cache.nr_slabs;
	unsigned long pages = zs_get_total_pages(pool);
	struct zone_stat stat;

	uzs_zone_stat(&pool->zone, &stat);
	if (stat.pages_used != pages + slabs)
		uzs_lab_found(
			LAB_FOUND_LEAK,
			"%lu pages are handed out, %lu are in zspages and "
			"%lu in slabs",
			stat.pages_used, pages, slabs);
}

/* A pool that is gone has given everything back. */
static void check_unmapped(void)
{
	size_t own = ALIGN(sizeof(*world), uzs_os_page_size());

	if (uzs_lab_mapped_bytes() != own)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%zu bytes are mapped after the pool is gone",
			      uzs_lab_mapped_bytes() - own);
}

static void check_pool(struct zs_pool *pool)
{
	char text[TEXT_BYTES] = "";
	FILE *out;

	/* The rule is that there is nothing to print. */
	if (!zs_pool_check(pool, NULL))
		return;
	out = fmemopen(text, sizeof(text), "w");
	zs_pool_check(pool, out);
	if (out)
		fclose(out);
	uzs_lab_found(LAB_FOUND_INVARIANT, "%s", text);
}

/* Nobody leaves an empty zspage without work that will free it. */
static void check_empty(struct zs_pool *pool)
{
	if (work_pending(&pool->free_work))
		return;
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		const struct size_class *class = pool->size_class[i];

		if (class->zspages[ZS_INUSE_RATIO_0])
			uzs_lab_found(LAB_FOUND_LEAK,
				      "class %u: an empty zspage is left, and "
				      "no work to free it is queued",
				      class->index);
	}
}

static void check_all(void *arg)
{
	const struct lab_config *c = arg;

	if (c->scenario->flags & LAB_DESTROYS) {
		check_unmapped();
		return;
	}
	if (c->scenario->check)
		c->scenario->check(world);
	check_pool(world->pool);
	check_empty(world->pool);
	check_leaks(world->pool);
	check_objects(world);
}

bool lab_name_step(const struct lab_config *c, const void *obj, char *buf,
		   size_t size)
{
	return !(c->scenario->flags & LAB_DESTROYS) &&
	       lab_name_object(world, obj, buf, size);
}

void lab_check_end(const struct lab_config *c)
{
	uzs_lab_protect(check_all, (void *)c);
}
