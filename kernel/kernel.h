/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* kernel.h - what the sources of this folder have from each other.
 *
 * The machine that a kernel file believes to run on lives from the first pool
 * to the last one (uzs_k_enter, uzs_k_leave): a zone, the copies of per-CPU
 * variables, the module's own state. A pool has a queue for its work items.
 */
#ifndef UZS_KERNEL_H
#define UZS_KERNEL_H

#include <linux/mm.h>
#include <linux/workqueue.h>

#include "tests/conformance/subject.h"

/* ---- sys.c --------------------------------------------------------------- */

/* A pool's surroundings. */
struct uzs_k_env {
	struct uzs_workqueue_struct queue;
	/* What its pool has registered, and has to take back. */
	unsigned long id; /* of its entries in debugfs; never 0 */
	unsigned long shrinkers;
};

/* Brings the machine up if this is the first pool, makes the pool's
 * surroundings and uses them for what this thread initializes until
 * uzs_k_entered. Return: false: no memory. */
bool uzs_k_enter(struct uzs_k_env *env, bool worker);
void uzs_k_entered(void);
/* What this thread makes a pool in; NULL: it makes none. */
struct uzs_k_env *uzs_k_entering(void);
/* Of the pool that this thread makes; 0: it makes none. */
unsigned long uzs_k_entering_id(void);
/* The pool is destroyed. Takes the machine down if it was the last one.
 * Return: how much was left behind: of the pool, entries in debugfs and
 * shrinkers; of the module, these too, and pages, objects, counters, zpool
 * drivers, states of CPU hotplug. */
unsigned long uzs_k_leave(struct uzs_k_env *env);

struct shrinker;
unsigned long uzs_k_shrink_count(struct shrinker *shrinker);
unsigned long uzs_k_shrink_scan(struct shrinker *shrinker, unsigned long nr);

/* ---- work.c -------------------------------------------------------------- */

/* That memory is about to be freed: no work may be queued or run there. */
void uzs_k_work_freed(const void *ptr, size_t size);

/* ---- debugfs.c, zpool.c -------------------------------------------------- */

/* Entries that were made with that pool; id 0: all there are. They are then
 * nobody's, and with id 0 removed. */
unsigned long uzs_k_debugfs_left(unsigned long id);
/* Drivers that are registered; forgets them. */
unsigned long uzs_k_zpool_drivers_left(void);

/* ---- page.c -------------------------------------------------------------- */

bool uzs_k_zone_init(void);
/* Return: pages that are still out. */
unsigned long uzs_k_zone_destroy(void);
struct zone *uzs_k_zone(void);
/* Moves pages of zspages of that pool, each to another one. Return: pages
 * moved. */
struct zs_pool;
/* Moves that page to another one, whoever's it is, as memory compaction does.
 * Nobody gives sections back meanwhile. Return: did it move? */
bool uzs_k_move_page(struct page *page);
unsigned long uzs_k_move_pages(struct zs_pool *pool, unsigned long most);
/* Moves pages so that sections become empty, and gives free memory back to
 * the OS. Return: pages moved. */
unsigned long uzs_k_compact_zone(void);

/* What new memory has in it: something, where tests run. The kernel clears none
 * that it is not asked to. (In the lab it would be most of the work.) */
#define UZS_K_FILL 0x5a
static inline void uzs_k_fill(void *ptr, size_t size)
{
#if UZS_DEBUG && !UZS_LAB
	memset(ptr, UZS_K_FILL, size);
#else
	(void)ptr;
	(void)size;
#endif
}

/* ---- slab.c -------------------------------------------------------------- */

/* Slabs with live objects that destroyed caches had, since the last call. */
unsigned long uzs_k_lost_slabs(void);

#if UZS_LAB
/* Objects of all caches that are in use. */
extern long uzs_k_live_objects;
#endif

/* ---- peek.c: the only one that sees the kernel file's structures --------- */

struct dentry;

extern const unsigned int uzs_k_groups;
extern const unsigned int uzs_k_chain_size;
unsigned int uzs_k_class_count(void);
void uzs_k_class_info(struct zs_pool *pool, unsigned int index,
		      struct subject_class *info);
unsigned int uzs_k_lookup_class_index(struct zs_pool *pool, unsigned int size);
int uzs_k_for_each_zspage(struct zs_pool *pool, unsigned int index,
			  int (*callback)(const struct subject_zspage *,
					  void *),
			  void *arg);
unsigned long uzs_k_check(struct zs_pool *pool, FILE *out);
struct shrinker *uzs_k_pool_shrinker(struct zs_pool *pool);
struct dentry *uzs_k_pool_dentry(struct zs_pool *pool);
/* The page that an object begins in. */
struct page *uzs_k_page_of(unsigned long handle);
/* Whose page is it? It is locked and movable. */
struct zs_pool *uzs_k_page_owner(struct page *page);

#endif
