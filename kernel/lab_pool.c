/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_pool.c - a kernel tree's mm/zsmalloc.c as the lab's allocator under test
 * (lab/pool.h). Uses its calls as a subject, and what lab_kernel.h knows of it.
 * Owns the pool.
 *
 * Compiled among the lab's sources, with their headers.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "lab/pool.h"

#include <errno.h>
#include <stdio.h>

#include "compat/shrinker.h"
#include "compat/zone.h"
#include "kernel/lab_kernel.h"
#include "kernel/lab_scenarios.h"
#include "lab/scenarios.h"
#include "tests/conformance/subject.h"

#define TEXT_BYTES 1024

static const struct subject *subject;
static struct subject_pool *pool; /* const during a run */

/* ---- what there is ---------------------------------------------------------- */

const char *const uzs_program = "uzs-lab-kernel";

const char *lab_program(void)
{
	return program_invocation_name;
}

const char *lab_what(void)
{
	return uzs_kernel_subject()->description;
}

bool lab_is_ours(void)
{
	return false;
}

/* All scenarios but those that take minutes: compaction takes both locks for
 * each of about 170 classes, even if a class is empty. */
bool lab_is_quick(const struct lab_scenario *s)
{
	return s != &lab_scenario_compact_migrate;
}

/* There is only the file's own scope. */
const char *lab_scope_name(enum zs_lock_scope scope)
{
	return scope == ZS_SCOPE_HELD ? "kernel" : NULL;
}

const char *lab_defer_name(enum zs_defer_mode defer)
{
	if (defer == ZS_DEFER_NONE)
		return "none";
	if (defer == ZS_DEFER_ARRAY && uzs_kernel_subject()->free_deferred)
		return "deferred";
	return NULL;
}

bool lab_pool_make(struct lab_world *w, const struct lab_config *c)
{
	(void)w;
	if (!subject && !uzs_k_lab_init())
		return false;
	subject = uzs_kernel_subject();
	pool = subject->create(0, 0, !(c->scenario->flags & LAB_NO_WORKER));
	return pool != NULL;
}

struct zone *lab_pool_zone(struct lab_world *w)
{
	(void)w;
	return uzs_k_zone();
}

/* ---- its calls ---------------------------------------------------------------- */

unsigned long lab_pool_malloc(struct lab_world *w, size_t size)
{
	(void)w;
	return subject->malloc(pool, size);
}

void lab_pool_free(struct lab_world *w, unsigned long handle)
{
	(void)w;
	subject->free(pool, handle);
}

void lab_pool_free_later(struct lab_world *w, unsigned long handle)
{
	(void)w;
	subject->free_deferred(pool, handle);
}

void lab_pool_flush(struct lab_world *w)
{
	(void)w;
	subject->flush(pool);
}

bool lab_pool_write(struct lab_world *w, unsigned long handle, const void *data,
		    size_t len)
{
	(void)w;
	subject->write(pool, handle, data, len);
	return true;
}

const void *lab_pool_read_begin(struct lab_world *w, unsigned long handle,
				size_t len, void *copy)
{
	(void)w;
	return subject->read_begin(pool, handle, len, copy);
}

void lab_pool_read_end(struct lab_world *w, unsigned long handle, size_t len,
		       const void *data)
{
	(void)w;
	subject->read_end(pool, handle, len, data);
}

struct page *lab_pool_page(struct lab_world *w, unsigned long handle)
{
	(void)w;
	return uzs_k_lab_page(handle);
}

struct live {
	int (*fn)(unsigned long handle, void *arg);
	void *arg;
};

static int each_zspage(const struct subject_zspage *zspage, void *arg)
{
	const struct live *live = arg;

	for (unsigned int i = 0; i < zspage->objs; i++)
		if (zspage->handles[i])
			live->fn(zspage->handles[i], live->arg);
	return 0;
}

void lab_pool_for_each_live(struct lab_world *w,
			    int (*fn)(unsigned long handle, void *arg),
			    void *arg)
{
	struct live live = { fn, arg };
	struct subject_class info;

	(void)w;
	for (unsigned int i = 0; i < subject->class_count(pool); i++) {
		subject->class_info(pool, i, &info);
		if (info.index == i && info.objs_capacity)
			subject->for_each_zspage(pool, i, each_zspage, &live);
	}
}

void lab_compact(struct lab_world *w)
{
	(void)w;
	subject->compact(pool);
}

void lab_trim(struct lab_world *w)
{
	(void)w;
	subject->trim(pool);
}

void lab_drain(struct lab_world *w)
{
	(void)w;
	subject->drain(pool);
}

void lab_shrink(struct lab_world *w)
{
	(void)w;
	uzs_shrink_all(&uzs_k_zone()->shrinkers, 1);
}

unsigned long lab_shrink_count(struct lab_world *w)
{
	(void)w;
	return subject->shrink_count(pool);
}

void lab_reclaim(struct lab_world *w,
		 int (*evict)(unsigned long handle, void *arg))
{
	unsigned int given_back;

	subject->set_evict(pool, evict, w);
	subject->reclaim(pool, 1, &given_back);
}

void lab_print_classes(void)
{
	static char text[64 << 10];
	FILE *out = fmemopen(text, sizeof(text), "w");

	if (!out || subject->print_classes(pool, out))
		uzs_lab_found(LAB_FOUND_INVARIANT, "no `classes' file");
	if (out)
		fclose(out);
}

void lab_destroy_pool(void)
{
	uzs_k_lab_destroy_pool(pool);
}

void lab_destroy(void)
{
	unsigned long left = subject->destroy(pool);

	if (left)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%lu objects or pages are left when the pool is "
			      "destroyed",
			      left);
}

/* ---- migration ---------------------------------------------------------------- */

/* The page to move is identified by its place, as in memory compaction: by then
 * it may belong to another object, or be free. */
void lab_make_sparse(struct lab_world *w, unsigned int slot)
{
	w->word[LAB_MOVES] = (unsigned long)lab_page(w, slot);
}

void lab_migrate_pages(struct lab_world *w)
{
	uzs_k_lab_move_page((void *)w->word[LAB_MOVES]);
}

void lab_migrate_second(struct lab_world *w)
{
	uzs_k_lab_move_page((void *)w->word[LAB_MOVES_TOO]);
}

void lab_isolate(struct lab_world *w)
{
	if (!uzs_k_lab_isolate_page((void *)w->word[LAB_MOVES]))
		w->word[LAB_MOVES] = 0;
}

void lab_migrate_isolated(struct lab_world *w)
{
	if (w->word[LAB_MOVES])
		uzs_k_lab_move_isolated((void *)w->word[LAB_MOVES]);
}

/* ---- checks ------------------------------------------------------------------- */

static void check_invariants(void)
{
	char text[TEXT_BYTES] = "";
	FILE *out;

	/* Usually there is nothing to print. */
	if (!subject->check(pool, NULL))
		return;
	out = fmemopen(text, sizeof(text), "w");
	subject->check(pool, out);
	if (out)
		fclose(out);
	uzs_lab_found(LAB_FOUND_INVARIANT, "%s", text);
}

static int count(unsigned long handle, void *arg)
{
	(void)handle;
	++*(unsigned long *)arg;
	return 0;
}

static void check_leaks(struct lab_world *w, struct zs_pool *zs)
{
	unsigned long pages = subject->total_pages(pool), live = 0;
	unsigned long zspages = uzs_k_lab_zspages(zs);
	struct uzs_k_lab_use use;
	struct zone_stat stat;

	uzs_zone_stat(uzs_k_zone(), &stat);
	uzs_k_lab_use(&use);
	if (stat.pages_used != pages || use.nr_zspages != pages)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%lu pages are handed out, %lu are in zspages, "
			      "NR_ZSPAGES is %lu",
			      stat.pages_used, pages, use.nr_zspages);
	lab_pool_for_each_live(w, count, &live);
	if (use.objects != live + zspages)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%lu objects of caches are in use, for %lu "
			      "handles and %lu zspages",
			      use.objects, live, zspages);
}

void lab_pool_check(struct lab_world *w)
{
	struct zs_pool *zs = uzs_k_lab_pool(pool);
	unsigned long left;

	check_invariants();
	left = uzs_k_lab_left_empty(zs);
	if (left)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%lu empty zspages are left, and no work to free "
			      "them is queued",
			      left);
	check_leaks(w, zs);
}

void lab_pool_check_gone(struct lab_world *w, size_t own)
{
	struct uzs_k_lab_use use;

	(void)w;
	uzs_k_lab_use(&use);
	if (use.pieces || use.objects ||
	    uzs_lab_mapped_bytes() != own + use.heap_bytes)
		uzs_lab_found(LAB_FOUND_LEAK,
			      "%lu pieces of kmalloc(), %lu objects of caches "
			      "and %zu other bytes after the pool is gone",
			      use.pieces, use.objects,
			      uzs_lab_mapped_bytes() - own - use.heap_bytes);
}

/* Which locks must be free differs between versions. */
void lab_pool_new_search(void)
{
	uzs_lab_rewrites_pass = true;
}

bool lab_pool_check_between(struct lab_world *w,
			    const struct lab_scenario *scenario, u64 state,
			    bool again)
{
	(void)w;
	(void)scenario;
	(void)state;
	(void)again;
	return false;
}

/* ---- names -------------------------------------------------------------------- */

bool lab_pool_name(struct lab_world *w, uintptr_t addr, char *buf, size_t size)
{
	(void)w;
	return uzs_k_lab_name(uzs_k_lab_pool(pool), addr, buf, size);
}
