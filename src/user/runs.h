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
/* The least memory that one run of that length needs, bytes. */
size_t uzs_runs_least(const struct zs_pool *pool,
		      const struct run_length *length);

/* How many runs of `stride` bytes a section has, each with `heads` first words in the
 * section's head, and how many bytes before the first: runs, and what belongs to
 * them, fill it. */
unsigned int uzs_runs_fit(size_t stride, unsigned int heads, size_t page,
			  size_t *first);
/* The same for a length of the pool's. */
unsigned int uzs_runs_in_section(const struct zs_pool *pool,
				 unsigned int length);

/* Takes a run. Its zspage has only `warm` set. GFP_NOWAIT: maps no section.
 * Return: NULL without memory. Locks: none. May sleep. */
struct zspage *uzs_run_get(struct zs_pool *pool, unsigned int length,
			   gfp_t gfp);
/* Gives a run back. Its memory stays, up to what is retained. May be called
 * under any lock. */
void uzs_run_put(struct zs_pool *pool, struct zspage *zspage);
/* The settle job is not asked for because of this length before `nr` more runs were
 * taken. */
void uzs_runs_settle_later(struct zs_pool *pool, unsigned int length,
			   unsigned int nr);
/* A section of huge pages for runs of that length: a new one or, in hardened pools, an
 * empty one. All runs have memory, and are the caller's, as if uzs_run_get had given
 * them. Return: NULL without memory, or without huge pages. Locks: needs gate. */
struct run_section *uzs_runs_get_huge(struct zs_pool *pool,
				      unsigned int length);
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
 * unmaps sections without runs in use; hardened pools make them new ones. Return:
 * bytes. Locks: needs trim_lock; takes gate. */
size_t uzs_runs_give_back(struct zs_pool *pool, size_t target);
/* See profile->is_held, split. */
bool uzs_runs_are_held(const struct zs_pool *pool);
void uzs_runs_split(struct zs_pool *pool);
/* At the limit: gives free memory back, if no other thread does that just now.
 * Return: was there any? Locks: none. */
bool uzs_runs_make_room(struct zs_pool *pool);
void uzs_runs_memory(struct zs_pool *pool, struct profile_memory *m);
/* Was it ever given out? Locks: takes runs->lock. */
bool uzs_run_was_used(const struct zspage *zspage);
/* @in_use: bytes that zspages in the classes' lists have. Return: findings. */
unsigned long uzs_runs_check(struct zs_pool *pool, size_t in_use,
			     void (*report)(void *arg, const char *text),
			     void *arg);

/* ---- arithmetic --------------------------------------------------------------- */

static inline struct run_section *run_section(const void *address)
{
	return (struct run_section *)uzs_section_of(address);
}
/* Where an object's data lies in the section: bytes behind the first run's begin. */
static inline u64 run_offset(const struct run_section *section,
			     const void *object)
{
	return ((uintptr_t)object & (UZS_SECTION_SIZE - 1)) + USER_HEAD -
	       section->first;
}
/* The zspage of an object. */
static inline struct zspage *run_zspage(const void *object)
{
	struct run_section *section = run_section(object);

	return &section->zspages[uzs_divide(run_offset(section, object),
					    section->reciprocal)];
}
static inline char *run_address(const struct zspage *zspage)
{
	struct run_section *section = run_section(zspage);

	return (char *)section + section->first +
	       (size_t)(zspage - section->zspages) * section->stride;
}
/* The first word of object `index` of a zspage of a huge class. */
static inline unsigned long *run_head(const struct zspage *zspage,
				      unsigned int index)
{
	struct run_section *section = run_section(zspage);

	return (unsigned long *)&section->zspages[section->nr] +
	       (size_t)(zspage - section->zspages) * section->heads + index;
}

#endif
