/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* peek.c - the kernel tree's mm/zsmalloc.c, and a look into its structures.
 *
 * The file is compiled as a part of this one, unchanged, from its extracted
 * copy (UZS_K_SOURCE), because its functions are static. scripts/kernel-test
 * writes uzs-tree.h: the names and arguments that differ from version to
 * version, and uzs-stubs.h: what a vendor's file has besides.
 * Locks: none; the caller makes sure that nothing else runs in the pool.
 */
#include "uzs-stubs.h"

#if UZS_LAB
#include <uzs/places.h>
#endif
#if UZS_K_PLAIN /* lab/plain.c */
#include "uzs-plain.h"
#endif
#include UZS_K_SOURCE

#include "kernel.h"
#include "lab_kernel.h"
#include "uzs-tree.h"

#if UZS_K_ZPDESC
#define FIRST(zspage) get_first_zpdesc(zspage)
#define NEXT(desc) get_next_zpdesc(desc)
#define PAGE_OF(desc) zpdesc_page(desc)
#define DESC_OF(page) page_zpdesc(page)
typedef struct zpdesc desc_t;
#else
#define FIRST(zspage) get_first_page(zspage)
#define NEXT(desc) get_next_page(desc)
#define PAGE_OF(desc) (desc)
#define DESC_OF(page) (page)
typedef struct page desc_t;
#endif

const unsigned int uzs_k_groups = UZS_K_GROUPS;
const unsigned int uzs_k_chain_size = ZS_MAX_PAGES_PER_ZSPAGE;

unsigned int uzs_k_class_count(void)
{
	return ZS_SIZE_CLASSES;
}

/* Other threads may change them: exact only if none runs. */
static unsigned long stat_of(struct size_class *class, int type)
{
	return READ_ONCE(class->stats.objs[type]);
}

void uzs_k_class_info(struct zs_pool *pool, unsigned int index,
		      struct subject_class *info)
{
	struct size_class *class = pool->size_class[index];

	info->index = class->index;
	info->size = (unsigned int)class->size;
	info->pages_per_zspage = (unsigned int)class->pages_per_zspage;
	info->objs_per_zspage = (unsigned int)class->objs_per_zspage;
	info->huge = info->pages_per_zspage == 1 && info->objs_per_zspage == 1;
	for (unsigned int i = 0; i < UZS_K_GROUPS; i++)
		info->zspages[i] = stat_of(class, (int)i);
	for (unsigned int i = UZS_K_GROUPS; i < SUBJECT_MAX_GROUPS; i++)
		info->zspages[i] = 0;
	info->objs_capacity = stat_of(class, UZS_K_STAT_ALLOCATED);
	info->objs_inuse = stat_of(class, UZS_K_STAT_INUSE);
	info->freeable_pages = zs_can_compact(class);
}

unsigned int uzs_k_lookup_class_index(struct zs_pool *pool, unsigned int size)
{
#if UZS_K_HAVE_LOOKUP
	return zs_lookup_class_index(pool, size);
#else
	return pool->size_class[get_size_class_index((int)size)]->index;
#endif
}

struct shrinker *uzs_k_pool_shrinker(struct zs_pool *pool)
{
#if UZS_K_SHRINKER_POINTER
	return pool->shrinker;
#else
	return &pool->shrinker;
#endif
}

struct dentry *uzs_k_pool_dentry(struct zs_pool *pool)
{
	return pool->stat_dentry;
}

struct zs_pool *uzs_k_page_owner(struct page *page)
{
	/* In some trees pages stay movable until they are freed. This one may
	 * just be on its way. */
	if (!page_private(page))
		return NULL;
#if UZS_K_ZSPAGE_POOL
	return get_zspage(DESC_OF(page))->pool;
#else
	return page_mapping(page)->private_data;
#endif
}

struct page *uzs_k_page_of(unsigned long handle)
{
	unsigned int idx;
	desc_t *desc;

	obj_to_location(handle_to_obj(handle), &desc, &idx);
	return PAGE_OF(desc);
}

/* ---- zspages -------------------------------------------------------------- */

/* The page and address at which the object with that index begins. */
static desc_t *find_obj(struct zspage *zspage, const struct size_class *class,
			unsigned int index, void **addr)
{
	unsigned long offset = (unsigned long)index * class->size;
	desc_t *desc = FIRST(zspage);

	for (; offset >= PAGE_SIZE; offset -= PAGE_SIZE)
		desc = NEXT(desc);
	*addr = (char *)page_address(PAGE_OF(desc)) + offset;
	return desc;
}

/* The handle of the object at that address; 0: it is free. */
static unsigned long handle_at(desc_t *desc, void *addr)
{
#if UZS_K_OBJ_ALLOCATED
	unsigned long handle;

	return obj_allocated(desc, addr, &handle) ? handle : 0;
#else
	unsigned long head = obj_to_head(desc, addr);

	return head & OBJ_ALLOCATED_TAG ? head & ~OBJ_ALLOCATED_TAG : 0;
#endif
}

struct look {
	struct subject_zspage out;
	unsigned long *handles;
	unsigned int *free_list;
};

/* Return: entries of the free list. More than there may be: the list is
 * broken. */
static unsigned int look_at(struct zspage *zspage,
			    const struct size_class *class, struct look *look)
{
	unsigned int objs = (unsigned int)class->objs_per_zspage;
	bool huge = class->pages_per_zspage == 1 && objs == 1;
	unsigned int next = zspage->freeobj, n = 0;
	void *addr;

	for (unsigned int i = 0; i < objs; i++) {
		desc_t *desc = find_obj(zspage, class, i, &addr);

		look->handles[i] = handle_at(desc, addr);
	}
	/* The object of a huge class has no link. */
	if (huge && look->handles[0])
		next = objs;
	while (next < objs && n < objs) {
		look->free_list[n++] = next;
		if (huge)
			break;
		find_obj(zspage, class, next, &addr);
		next = (unsigned int)(*(unsigned long *)addr >> OBJ_TAG_BITS);
	}
	look->out.inuse = (unsigned int)zspage->inuse;
	look->out.objs = objs;
	look->out.handles = look->handles;
	look->out.free_list = look->free_list;
	return n;
}

int uzs_k_for_each_zspage(struct zs_pool *pool, unsigned int index,
			  int (*callback)(const struct subject_zspage *,
					  void *),
			  void *arg)
{
	struct size_class *class = pool->size_class[index];
	size_t objs = (size_t) class->objs_per_zspage;
	struct look look = { 0 };
	struct zspage *zspage;
	int rc = -ENOMEM;

	look.handles = calloc(objs, sizeof(*look.handles));
	look.free_list = calloc(objs, sizeof(*look.free_list));
	if (!look.handles || !look.free_list)
		goto out;
	rc = 0;
	for (unsigned int g = 0; g < UZS_K_GROUPS && !rc; g++)
		list_for_each_entry(zspage, &class->fullness_list[g], list) {
			look.out.group = g;
			look_at(zspage, class, &look);
			rc = callback(&look.out, arg);
			if (rc)
				break;
		}
out:
	free(look.handles);
	free(look.free_list);
	return rc;
}

/* ---- check ---------------------------------------------------------------- */

struct check {
	FILE *out;
	unsigned long found;
};

__attribute__((format(printf, 2, 3))) static void complain(struct check *c,
							   const char *fmt, ...)
{
	va_list ap;

	c->found++;
	if (!c->out)
		return;
	va_start(ap, fmt);
	vfprintf(c->out, fmt, ap);
	va_end(ap);
	fputc('\n', c->out);
}

static void check_zspage(struct check *c, struct zs_pool *pool,
			 struct size_class *class, struct zspage *zspage,
			 unsigned int group, struct look *look)
{
	unsigned int n_free = look_at(zspage, class, look), live = 0;
	unsigned int pages = 0;

	for (desc_t *d = FIRST(zspage); d; d = NEXT(d)) {
		pages++;
		if (get_zspage(d) != zspage)
			complain(c, "class %u: page of another zspage",
				 class->index);
		if (PageMovable(PAGE_OF(d)) != IS_ENABLED(CONFIG_COMPACTION))
			complain(c, "class %u: page is%s movable", class->index,
				 IS_ENABLED(CONFIG_COMPACTION) ? " not" : "");
		if (PageLocked(PAGE_OF(d)) || PageIsolated(PAGE_OF(d)))
			complain(c, "class %u: page is locked or isolated",
				 class->index);
		if (page_count(PAGE_OF(d)) != 1)
			complain(c, "class %u: page has %d references",
				 class->index, page_count(PAGE_OF(d)));
	}
	if (pages != (unsigned int)class->pages_per_zspage)
		complain(c, "class %u: zspage of %u pages", class->index,
			 pages);
	/* Without compaction a page of an address space has none. */
	if (((UZS_K_ZSPAGE_POOL || IS_ENABLED(CONFIG_COMPACTION)) &&
	     uzs_k_page_owner(PAGE_OF(FIRST(zspage))) != pool) ||
	    zspage->class != class->index)
		complain(c, "class %u: zspage of another pool or class",
			 class->index);
	if (get_fullness_group(class, zspage) != (int)group)
		complain(c,
			 "class %u: zspage with %u of %u objects in group %u",
			 class->index, look->out.inuse, look->out.objs, group);
	for (unsigned int i = 0; i < look->out.objs; i++) {
		unsigned int idx;
		void *addr;
		desc_t *at, *here = find_obj(zspage, class, i, &addr);

		if (!look->handles[i])
			continue;
		live++;
		obj_to_location(handle_to_obj(look->handles[i]), &at, &idx);
		if (at != here || idx != i)
			complain(c,
				 "class %u: handle %lx of object %u points "
				 "elsewhere",
				 class->index, look->handles[i], i);
	}
	if (live != look->out.inuse)
		complain(c, "class %u: %u objects, but inuse is %u",
			 class->index, live, look->out.inuse);
	if (live + n_free != look->out.objs)
		complain(c,
			 "class %u: %u objects and %u on the free list, of %u",
			 class->index, live, n_free, look->out.objs);
}

static unsigned long check_class(struct check *c, struct zs_pool *pool,
				 struct size_class *class)
{
	size_t objs = (size_t) class->objs_per_zspage;
	unsigned long zspages = 0, inuse = 0;
	struct look look = { 0 };
	struct zspage *zspage;

	look.handles = calloc(objs, sizeof(*look.handles));
	look.free_list = calloc(objs, sizeof(*look.free_list));
	if (!look.handles || !look.free_list) {
		complain(c, "no memory to check class %u", class->index);
		goto out;
	}
	for (unsigned int g = 0; g < UZS_K_GROUPS; g++) {
		unsigned long n = 0;

		list_for_each_entry(zspage, &class->fullness_list[g], list) {
			check_zspage(c, pool, class, zspage, g, &look);
			inuse += look.out.inuse;
			n++;
		}
		/* In some versions a zspage that the async free work frees
		 * stays counted in group 0. */
		if (n != stat_of(class, (int)g) && (UZS_K_ASYNC_COUNTS || g))
			complain(c,
				 "class %u: %lu zspages in group %u, "
				 "counted %lu",
				 class->index, n, g, stat_of(class, (int)g));
		zspages += n;
	}
	if (zspages * objs != stat_of(class, UZS_K_STAT_ALLOCATED))
		complain(c, "class %u: room for %zu objects, counted %lu",
			 class->index, zspages * objs,
			 stat_of(class, UZS_K_STAT_ALLOCATED));
	if (inuse != stat_of(class, UZS_K_STAT_INUSE))
		complain(c, "class %u: %lu objects, counted %lu", class->index,
			 inuse, stat_of(class, UZS_K_STAT_INUSE));
out:
	free(look.handles);
	free(look.free_list);
	return zspages * (unsigned long)class->pages_per_zspage;
}

unsigned long uzs_k_check(struct zs_pool *pool, FILE *out)
{
	struct check c = { .out = out };
	unsigned long pages = 0;

	for (unsigned int i = 0; i < ZS_SIZE_CLASSES; i++)
		if (pool->size_class[i]->index == i)
			pages += check_class(&c, pool, pool->size_class[i]);
	if (pages != zs_get_total_pages(pool))
		complain(&c, "%lu pages, counted %lu", pages,
			 zs_get_total_pages(pool));
	return c.found;
}

#if UZS_LAB
/* ---- for the lab ----------------------------------------------------------- */

void *uzs_k_lab_page(unsigned long handle)
{
	return uzs_k_page_of(handle);
}

unsigned long uzs_k_lab_zspages(struct zs_pool *pool)
{
	struct zspage *zspage;
	unsigned long n = 0;

	for (unsigned int i = 0; i < ZS_SIZE_CLASSES; i++) {
		const struct size_class *c = pool->size_class[i];

		for (unsigned int g = 0; g < UZS_K_GROUPS; g++)
			if (c->index == i)
				list_for_each_entry(zspage,
						    &c->fullness_list[g], list)
					n++;
	}
	return n;
}

unsigned long uzs_k_lab_left_empty(struct zs_pool *pool)
{
	unsigned long n = 0;

#ifdef CONFIG_COMPACTION
	if (work_pending(&pool->free_work))
		return 0;
#else
	return 0; /* none is freed later */
#endif
	for (unsigned int i = 0; i < ZS_SIZE_CLASSES; i++)
		n += pool->size_class[i]->index == i &&
		     !list_empty(&pool->size_class[i]->fullness_list[0]);
	return n;
}

static bool is_in(uintptr_t addr, const void *start, size_t size)
{
	return addr - (uintptr_t)start < size;
}

#define NAME_FIELD(addr, base, field) \
	(is_in((addr), &(base)->field, sizeof((base)->field)) ? #field : NULL)

bool uzs_k_lab_name(struct zs_pool *pool, uintptr_t addr, char *buf,
		    size_t size)
{
	const char *name = NAME_FIELD(addr, pool, pages_allocated);

	if (!name)
		name = NAME_FIELD(addr, pool, stats);
#ifdef CONFIG_COMPACTION
	if (!name)
		name = NAME_FIELD(addr, pool, free_work);
#endif
	if (name)
		snprintf(buf, size, "pool->%s", name);
	else if (is_in(addr, pool, sizeof(*pool)))
		snprintf(buf, size, "pool, byte %zu",
			 (size_t)(addr - (uintptr_t)pool));
	else
		return false;
	return true;
}
#endif

#if UZS_SIM
/* ---- for the simulator ------------------------------------------------------- */

#include "sim_zone.h"

#define NR_OF(array) (sizeof(array) / sizeof((array)[0]))
#define UZS_K_FIELD(type, name, field)                                     \
	{ offsetof(struct type, field), sizeof(((struct type *)0)->field), \
	  name },

/* The fields of the file's structures, from its text (scripts/kernel_tree.py).
 */
static const struct sim_field pool_fields[] = {
#define UZS_K_OF_zs_pool
#include "uzs-fields.h"
#undef UZS_K_OF_zs_pool
};
static const struct sim_field class_fields[] = {
#define UZS_K_OF_size_class
#include "uzs-fields.h"
#undef UZS_K_OF_size_class
};
static const struct sim_field zspage_fields[] = {
#define UZS_K_OF_zspage
#include "uzs-fields.h"
#undef UZS_K_OF_zspage
};
static const struct sim_field desc_fields[] = {
#define UZS_K_OF_zpdesc
#include "uzs-fields.h"
#undef UZS_K_OF_zpdesc
	/* Of struct page; first come, first named. */
	UZS_K_FIELD(page, "page->flags", flags) UZS_K_FIELD(page, "page->lru",
							    lru)
		UZS_K_FIELD(page, "page->mapping",
			    mapping) UZS_K_FIELD(page, "page->index", index)
			UZS_K_FIELD(page, "page->private", private) UZS_K_FIELD(
				page, "page->page_type", page_type)
				UZS_K_FIELD(page, "page->_refcount", _refcount)
};

/* The kmalloc()ed class at or below that address; NULL: it is in none. */
static const struct size_class *class_at(struct zs_pool *pool, const void *addr)
{
	for (unsigned int i = 0; i < ZS_SIZE_CLASSES; i++)
		if (pool->size_class[i] &&
		    sim_is_in(addr, pool->size_class[i],
			      sizeof(*pool->size_class[i])))
			return pool->size_class[i];
	return NULL;
}

static const char *in_pages(const void *addr)
{
	const struct zone *zone = uzs_k_zone();
	size_t at = (uintptr_t)addr & (UZS_SECTION_SIZE - 1);

	if (at >> PAGE_SHIFT >= zone->first)
		return "object";
	if (at < UZS_SECTION_HEADER)
		return "zone";
	return sim_field_at(desc_fields, NR_OF(desc_fields),
			    (at - (size_t)zone->desc_offset) %
				    sizeof(struct page),
			    "page descriptor");
}

const char *uzs_k_sim_field(struct zs_pool *pool, const void *addr)
{
	const struct size_class *class;
	const void *obj;
	const char *name;
	size_t size;

	if (sim_in_zone(uzs_k_zone(), addr))
		return in_pages(addr);
	if (sim_is_in(addr, pool, sizeof(*pool)))
		return sim_field_at(pool_fields, NR_OF(pool_fields),
				    (uintptr_t)addr - (uintptr_t)pool, "pool");
	if (sim_is_in(addr, uzs_k_zone(), sizeof(struct zone)))
		return sim_zone_field(uzs_k_zone(), addr);
	name = uzs_k_sim_cache_field(addr, &obj, &size);
	if (name && !strcmp(name, "slab") && size == sizeof(unsigned long))
		return "handle word";
	if (name && !strcmp(name, "slab") && size == sizeof(struct zspage))
		return sim_field_at(zspage_fields, NR_OF(zspage_fields),
				    (uintptr_t)addr - (uintptr_t)obj,
				    "zspage's bits");
	if (name)
		return name;
	class = class_at(pool, addr);
	if (class)
		return sim_field_at(class_fields, NR_OF(class_fields),
				    (uintptr_t)addr - (uintptr_t) class,
				    "class");
	if (sim_is_in(addr, uzs_k_zone()->slots.base,
		      uzs_k_zone()->slots.stride * uzs_k_zone()->slots.slots))
		return "zone CPU list";
	return NULL;
}
#endif
