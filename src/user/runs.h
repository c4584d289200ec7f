/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* runs.h - runs of pages, each for one zspage, in sections of runs of one
 * length.
 */
#ifndef UZS_USER_RUNS_H
#define UZS_USER_RUNS_H

#include "class.h"
#include "user/layout.h"

void uzs_runs_init(struct zs_pool *pool);
/* Unmaps everything. */
void uzs_runs_destroy(struct zs_pool *pool);
/* The least memory that one run of `length` pages needs, bytes. */
size_t uzs_runs_least(const struct zs_pool *pool, unsigned int pages);

/* Takes a run. Its zspage has only `warm` set. GFP_NOWAIT: maps no section.
 * Return: NULL without memory. Locks: none. May sleep. */
struct zspage *uzs_run_get(struct zs_pool *pool, unsigned int length,
			   gfp_t gfp);
/* Gives a run back. Its memory stays, up to what is retained. May be called
 * under any lock. */
void uzs_run_put(struct zs_pool *pool, struct zspage *zspage);
/* Before the first `pages` pages of a run are used: counts those that had no
 * memory. Return: false if they exceed the limit. Locks: the zspage is the
 * caller's, or class->lock. */
bool uzs_run_warm(struct zs_pool *pool, struct zspage *zspage,
		  unsigned int pages);
/* Gives the memory behind the first `pages` pages of a run back. Locks: as
 * uzs_run_warm. */
void uzs_run_cool(struct zs_pool *pool, struct zspage *zspage,
		  unsigned int pages);

/* Gives the memory of free runs back until at most `target` bytes are left, and
 * unmaps sections without runs in use. Return: bytes. Locks: needs trim_lock;
 * takes gate. */
size_t uzs_runs_give_back(struct zs_pool *pool, size_t target);
/* At the limit: gives free memory back, if no other thread does that just now.
 * Return: was there any? Locks: none. */
bool uzs_runs_make_room(struct zs_pool *pool);
void uzs_runs_memory(struct zs_pool *pool, struct profile_memory *m);
/* in_zspages: bytes of memory that the classes' zspages have. Locks: needs those
 * of uzs_lock_pool. */
unsigned long uzs_runs_check(struct zs_pool *pool, size_t in_zspages,
			     void (*report)(void *arg, const char *text),
			     void *arg);

/* ---- arithmetic --------------------------------------------------------------- */

static inline struct run_section *run_section(const void *address)
{
	return (struct run_section *)uzs_section_of(address);
}
/* The zspage of an object. */
static inline struct zspage *run_zspage(const void *object)
{
	struct run_section *section = run_section(object);
	u64 offset =
		((uintptr_t)object & (UZS_SECTION_SIZE - 1)) - section->first;

	return &section->zspages[uzs_divide(offset, section->reciprocal)];
}
static inline char *run_address(const struct zspage *zspage)
{
	struct run_section *section = run_section(zspage);

	return (char *)section + section->first +
	       (size_t)(zspage - section->zspages) * section->stride;
}

#endif
