/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pool_uzs.c - our library as the allocator under test: its calls, and its
 * internals for what a user cannot see (leaked pages, names of fields). Owns no
 * state.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "deferred.h"
#include "kernel/obj.h"
#include "quiet.h"
#include "user/layout.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what there is ---------------------------------------------------------- */

const char *const uzs_program = "uzs lab";

/* A schedule is replayed by the program that found it: not only uzs lab has
 * this file. */
const char *lab_program(void)
{
	if (!strcmp(program_invocation_short_name, "uzs-lab"))
		return "uzs lab";
	if (!strcmp(program_invocation_short_name, "uzs-lab-watch"))
		return "uzs lab watch";
	return program_invocation_name;
}

const char *lab_what(void)
{
	return "uzsmalloc";
}

bool lab_is_ours(void)
{
	return true;
}

bool lab_is_quick(const struct lab_scenario *s)
{
	return s->flags & LAB_QUICK;
}

const char *lab_scope_name(enum zs_lock_scope scope)
{
	if (scope == LAB_SCOPE_USER)
		return zs_profile_name(ZS_PROFILE_USER);
	return scope >= ZS_SCOPE_HELD && scope <= VARIANT_LAST_SCOPE
		       ? variant_scope_name(scope)
		       : NULL;
}

const char *lab_defer_name(enum zs_defer_mode defer)
{
	return defer >= ZS_DEFER_NONE && defer <= VARIANT_LAST_DEFER
		       ? variant_defer_name(defer)
		       : NULL;
}

/* Of a pool that looks for misuse. */
static void on_misuse(const struct zs_misuse *misuse, void *arg)
{
	struct lab_world *w = arg;
	struct lab_misuse *wrong = &w->misuse[lab_cpu_entry()];

	if (wrong->ref != (const void *)misuse->handle || wrong->told ||
	    wrong->what != misuse->what)
		uzs_lab_found(LAB_FOUND_LOST_HANDLE, "%s is told: %s%s",
			      misuse->call, misuse->text,
			      wrong->told ? ", again" : "");
	wrong->told = true;
}

bool lab_pool_make(struct lab_world *w, const struct lab_config *c)
{
	struct zs_pool_options o = ZS_POOL_OPTIONS_INIT;

	o.chain_size = 4;
	if (c->scope == LAB_SCOPE_USER)
		o.profile = ZS_PROFILE_USER;
	else
		o.lock_scope = c->scope;
	o.defer = c->defer;
	if (c->scenario->flags & LAB_NO_WORKER)
		o.flags = ZS_POOL_NO_WORKER;
	if (c->scenario->flags & LAB_HARDENED) {
		o.flags |= ZS_POOL_HARDENED;
		o.misuse = on_misuse;
		o.misuse_arg = w;
	}
	w->pool = zs_create_pool_with("lab", &o);
	return w->pool != NULL;
}

struct zone *lab_pool_zone(struct lab_world *w)
{
	return &w->pool->zone;
}

/* ---- its calls ---------------------------------------------------------------- */

unsigned long lab_pool_malloc(struct lab_world *w, size_t size)
{
	return zs_malloc(w->pool, size, GFP_KERNEL, NUMA_NO_NODE);
}

void lab_pool_free(struct lab_world *w, unsigned long handle)
{
	zs_free(w->pool, handle);
}

void lab_pool_free_later(struct lab_world *w, unsigned long handle)
{
	zs_free_deferred(w->pool, handle);
}

void lab_pool_flush(struct lab_world *w)
{
	zs_free_deferred_flush(w->pool);
}

/* NULL: it is a handle. */
static zs_ref *ref_of(struct lab_world *w, unsigned long handle)
{
	size_t offset = handle - (uintptr_t)w->ref;

	return offset < sizeof(w->ref) ? (zs_ref *)handle : NULL;
}

bool lab_pool_write(struct lab_world *w, unsigned long handle, const void *data,
		    size_t len)
{
	return zs_obj_write(w->pool, handle, data, len) == 0;
}

const void *lab_pool_read_begin(struct lab_world *w, unsigned long handle,
				size_t len, void *copy)
{
	zs_ref *ref = ref_of(w, handle);

	if (ref)
		return zs_ref_begin(w->pool, ref);
	return zs_obj_read_begin(w->pool, handle, len, copy);
}

void lab_pool_read_end(struct lab_world *w, unsigned long handle, size_t len,
		       const void *data)
{
	zs_ref *ref = ref_of(w, handle);

	if (ref)
		zs_ref_end(w->pool, ref);
	else
		zs_obj_read_end(w->pool, handle, len, (void *)data);
}

struct page *lab_pool_page(struct lab_world *w, unsigned long handle)
{
	return zpdesc_page(obj_to_zpdesc(w->pool, handle_to_obj(handle)));
}

/* What the objects name: handles and refs. */
static void for_each_named(struct zs_pool *pool,
			   int (*fn)(unsigned long handle, void *arg),
			   void *arg)
{
	static unsigned long handles[OBJ_NONE];
	static unsigned int free_list[OBJ_NONE];

	for (unsigned int i = 1; i < pool->nr_classes; i++) {
		struct size_class *class = pool->size_class[i];
		struct zspage *zspage;

		if (!class->objs_capacity)
			continue;
		for (int g = 0; g < NR_FULLNESS_GROUPS; g++)
			list_for_each_entry(zspage, &class->groups->list[g],
					    list) {
				pool->profile->copy_zspage(pool, class, zspage,
							   handles, free_list);
				for (unsigned int n = 0;
				     n < class->objs_per_zspage; n++)
					if (handles[n])
						fn(handles[n], arg);
			}
	}
}

void lab_pool_for_each_live(struct lab_world *w,
			    int (*fn)(unsigned long handle, void *arg),
			    void *arg)
{
	if (w->pool->user)
		for_each_named(w->pool, fn, arg);
	else
		zs_for_each_live(w->pool, fn, arg);
}

void lab_compact(struct lab_world *w)
{
	zs_compact(w->pool);
}

void lab_trim(struct lab_world *w)
{
	zs_trim(w->pool);
}

void lab_drain(struct lab_world *w)
{
	zs_drain(w->pool);
}

void lab_shrink(struct lab_world *w)
{
	if (zs_shrink_count(w->pool))
		zs_shrink_scan(w->pool, 1);
}

unsigned long lab_shrink_count(struct lab_world *w)
{
	return zs_shrink_count(w->pool);
}

/* ---- migration ---------------------------------------------------------------- */

void lab_make_sparse(struct lab_world *w, unsigned int slot)
{
	const struct section *section = uzs_section_of(lab_page(w, slot));
	struct zone *zone = &w->pool->zone;
	unsigned long handle[4 * UZS_SECTION_SIZE / 4096];
	unsigned int n = 0, beyond = 0, kept = 0;

	/* Allocates whole pages until five lie in another section. */
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
	uzs_zone_drain_pcp(zone);
}

void lab_migrate_pages(struct lab_world *w)
{
	struct zone *zone = &w->pool->zone;

	mutex_lock(&zone->trim_lock);
	uzs_zone_compact(zone);
	mutex_unlock(&zone->trim_lock);
}

/* ---- checks ------------------------------------------------------------------- */

/* The user profile: how many sections are whole huge pages, and how many runs of
 * other sections are in use. */
static void check_huge(struct zs_pool *pool)
{
	struct runs *runs = &pool->user->runs;
	unsigned int nursery[USER_LENGTHS] = { 0 };
	struct run_section *section;
	unsigned long huge = 0;

	list_for_each_entry(section, &runs->sections, list) {
		huge += section->huge == RUN_HUGE;
		if (section->nursery)
			nursery[section->length] +=
				section->nr_used - section->nr_free;
	}
	if (huge != runs->nr_huge)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%lu sections are huge, recorded %lu", huge,
			      runs->nr_huge);
	for (unsigned int i = 0; i < runs->nr_lengths; i++)
		if (nursery[i] != runs->lengths[i].nursery)
			uzs_lab_found(LAB_FOUND_LEAK,
				      "runs of %u pages: %u are in use in "
				      "nurseries, recorded %u",
				      runs->lengths[i].pages, nursery[i],
				      runs->lengths[i].nursery);
	if (pool->user->settle.src || pool->user->settle.dst)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "nobody moves zspages, but one is chosen");
}

/* The user profile: every run is a zspage's or free, and what is charged is
 * what runs and sections have. */
static void check_runs(struct zs_pool *pool)
{
	struct runs *runs = &pool->user->runs;
	unsigned long zspages = 0, used = 0;
	struct run_section *section;
	size_t warm = 0, charged;

	for (unsigned int i = 1; i < pool->nr_classes; i++)
		zspages += pool->size_class[i]->objs_capacity /
			   pool->size_class[i]->objs_per_zspage;
	list_for_each_entry(section, &runs->sections, list) {
		used += section->nr_used - section->nr_free;
		for (unsigned int i = 0; i < section->nr_used; i++)
			warm += (size_t)section->zspages[i].warm
				<< pool->page_shift;
	}
	if (used != zspages)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%lu runs are in use, for %lu zspages", used,
			      zspages);
	charged = pool->zone.charged - uzs_deferred_bytes(pool) -
		  pool->zone.keep_bytes;
	if (runs->warm_bytes != warm || charged != warm + runs->head_bytes)
		uzs_lab_found(
			LAB_FOUND_LEAK,
			"runs have %zu bytes of memory, recorded %zu; with "
			"sections' heads %zu, charged %zu",
			warm, runs->warm_bytes, warm + runs->head_bytes,
			charged);
	for (unsigned int i = 1; i < pool->nr_classes; i++) {
		if (pool->user->class[i].moving)
			uzs_lab_found(LAB_FOUND_LEAK,
				      "class %u: nobody moves objects, but "
				      "slots do not serve it",
				      i);
		if (pool->user->hand[i].first)
			uzs_lab_found(
				LAB_FOUND_LEAK,
				"class %u: an object was handed over, and "
				"nobody puts it back",
				i);
	}
}

/* Every page handed out must belong to a zspage or a slab. */
static void check_leaks(struct zs_pool *pool)
{
	unsigned long slabs =
		pool->handle_cache.nr_slabs + pool->zspage_cache.nr_slabs;
	unsigned long pages = pool->user ? 0 : zs_get_total_pages(pool);
	struct zone_stat stat;

	uzs_zone_stat(&pool->zone, &stat);
	if (stat.pages_used != pages + slabs)
		uzs_lab_found(
			LAB_FOUND_LEAK,
			"%lu pages are handed out, %lu are in zspages and "
			"%lu in slabs",
			stat.pages_used, pages, slabs);
	if (pool->user) {
		check_runs(pool);
		check_huge(pool);
	}
}

/* A destroyed pool must have given everything back. */
void lab_pool_check_gone(struct lab_world *w, size_t own)
{
	(void)w;
	if (uzs_lab_mapped_bytes() != own)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%zu bytes are mapped after the pool is gone",
			      uzs_lab_mapped_bytes() - own);
}

/* An empty zspage must have work queued that will free it. */
static void check_empty(struct zs_pool *pool)
{
	if (work_pending(&pool->free_work))
		return;
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		const struct size_class *class = pool->size_class[i];

		if (class->groups->zspages[ZS_INUSE_RATIO_0])
			uzs_lab_found(LAB_FOUND_LEAK,
				      "class %u: an empty zspage is left, and "
				      "no work to free it is queued",
				      class->index);
	}
}

/* Does a thread still read it, by its row? */
static bool is_named(const struct lab_world *w, unsigned long handle)
{
#if UINTPTR_MAX > UINT32_MAX
	return uzs_hazards_has(&w->pool->user->hazards, (const void *)handle);
#else
	(void)w;
	(void)handle;
	return false;
#endif
}

/* The user profile: no mover has left its mark, and no read of a ref is open. (Of
 * a handle it may be: limit-pinned.) */
static void check_words(struct lab_world *w)
{
	for (unsigned int i = 0; i < LAB_SLOTS; i++) {
		const struct lab_object *o = &w->object[i];
		u64 word;

		if (!o->handle || o->freed)
			continue;
		word = *(const u64 *)o->handle;
		if (word & REF_MOVING ||
		    ((word >= REF_PIN || is_named(w, o->handle)) &&
		     ref_of(w, o->handle)))
			uzs_lab_found(LAB_FOUND_LEAK,
				      "the word of object %u is left as %#lx",
				      i, (unsigned long)word);
	}
}

void lab_pool_check(struct lab_world *w)
{
	lab_check_pool(w->pool);
	check_empty(w->pool);
	check_leaks(w->pool);
	if (w->pool->user)
		check_words(w);
}

/* ---- names -------------------------------------------------------------------- */

struct field {
	size_t offset, size;
	const char *name;
};

#define FIELD(type, field)                                        \
	{                                                         \
		offsetof(struct type, field),                     \
			sizeof(((struct type *)0)->field), #field \
	}

static const struct field pool_fields[] = {
	FIELD(zs_pool, pages_allocated),
	FIELD(zs_pool, peak_pages),
	FIELD(zs_pool, stat),
	FIELD(zs_pool, freed_late),
	FIELD(zs_pool, give_backs),
	FIELD(zs_pool, trimmed_at),
	FIELD(zs_pool, compact_lock),
	FIELD(zs_pool, freed_many),
	FIELD(zs_pool, trim_in_progress),
	FIELD(zs_pool, free_work.pending),
	FIELD(zs_pool, give_back_work.pending),
	FIELD(zs_pool, deferred.work.pending),
	FIELD(zs_pool, reuse.age_work.pending),
	FIELD(zs_pool, reuse.nr_freed),
	FIELD(zs_pool, reuse.nr_busy),
	FIELD(zs_pool, deferred.mode),
	FIELD(zs_pool, deferred.ring),
	FIELD(zs_pool, deferred.nr_drained),
	FIELD(zs_pool, deferred),
	FIELD(zs_pool, wq.event),
	FIELD(zs_pool, zone.nr_sections),
	FIELD(zs_pool, zone.nr_out),
	FIELD(zs_pool, zone.nr_free),
	FIELD(zs_pool, zone.nr_warm),
	FIELD(zs_pool, zone.give_back),
	FIELD(zs_pool, zone.bytes_given_back),
	FIELD(zs_pool, zone.pages_migrated),
	FIELD(zs_pool, zone.migrations_busy),
	FIELD(zs_pool, handle_cache.nr_slabs),
	FIELD(zs_pool, zspage_cache.nr_slabs),
};

static const struct field class_fields[] = {
	FIELD(size_class, objs_capacity),
	FIELD(size_class, objs_inuse),
	FIELD(size_class, objs_freed),
	FIELD(size_class, groups),
};

static const char *field_at(const struct field *fields, size_t n, size_t offset)
{
	for (size_t i = 0; i < n; i++)
		if (offset - fields[i].offset < fields[i].size)
			return fields[i].name;
	return NULL;
}

/* The classes lie behind the pool in a row. */
static bool name_in_class(const struct zs_pool *pool, uintptr_t addr, char *buf,
			  size_t size)
{
	size_t at;

	if (pool->user) {
		at = (addr - (uintptr_t)pool->user->class) /
		     sizeof(pool->user->class[0]);
		if (at < pool->nr_classes) {
			snprintf(buf, size, "class %zu moving", at);
			return true;
		}
	}
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		size_t offset = addr - (uintptr_t)pool->size_class[i];
		const struct class_groups *groups = pool->size_class[i]->groups;
		const char *name;

		if (addr - (uintptr_t)groups < sizeof(*groups)) {
			snprintf(buf, size, "class %u zspages", i);
			return true;
		}
		if (offset >= sizeof(struct size_class))
			continue;
		name = field_at(class_fields, NR(class_fields), offset);
		if (!name)
			return false;
		snprintf(buf, size, "class %u %s", pool->size_class[i]->index,
			 name);
		return true;
	}
	return false;
}

bool lab_pool_name(struct lab_world *w, uintptr_t addr, char *buf, size_t size)
{
	const struct zs_pool *pool = w->pool;
	const char *name =
		field_at(pool_fields, NR(pool_fields), addr - (uintptr_t)pool);

	if (!name)
		return name_in_class(pool, addr, buf, size);
	snprintf(buf, size, "%s", name);
	return true;
}
