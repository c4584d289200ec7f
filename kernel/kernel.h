/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* kernel.h - what the sources of this folder share.
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

struct zs_pool;

/* ---- sys.c --------------------------------------------------------------- */

/* A pool's environment. */
struct uzs_k_env {
	struct uzs_workqueue_struct queue;
	/* What its pool has registered, and must unregister. */
	unsigned long id; /* of its entries in debugfs; never 0 */
	unsigned long shrinkers;
};

/* Starts the machine if this is the first pool. Makes the pool's environment,
 * and uses it for what this thread initializes until uzs_k_entered. Return:
 * false: no memory. */
bool uzs_k_enter(struct uzs_k_env *env, bool worker);
void uzs_k_entered(void);
/* The environment for which this thread makes a pool; NULL: it makes none. */
struct uzs_k_env *uzs_k_entering(void);
/* The id of that environment; 0: it makes none. */
unsigned long uzs_k_entering_id(void);
/* The pool is destroyed. Stops the machine if it was the last one. Return: how
 * much was left behind: of the pool, entries in debugfs and shrinkers; of the
 * module, these too, and pages, objects, counters, zpool drivers, states of CPU
 * hotplug. */
unsigned long uzs_k_leave(struct uzs_k_env *env);

/* As kswapd asks; when a zone has nothing left they are asked otherwise. */
struct shrinker;
unsigned long uzs_k_shrink_count(struct shrinker *shrinker);
unsigned long uzs_k_shrink_scan(struct shrinker *shrinker, unsigned long nr);

/* ---- work.c -------------------------------------------------------------- */

/* That memory will be freed: no work in it may be queued or running. */
void uzs_k_work_freed(const void *ptr, size_t size);

/* ---- debugfs.c, zpool.c, fs.c -------------------------------------------------- */

/* Entries made with that pool; id 0: all. They then belong to no pool, and with
 * id 0 are removed. */
unsigned long uzs_k_debugfs_left(unsigned long id);
/* The nth entry from now on (from 1) cannot be made, nor any after it; 0: all
 * can. */
void uzs_k_debugfs_run_out(long nth);
/* Number of registered drivers; forgets them. */
unsigned long uzs_k_zpool_drivers_left(void);
/* Who has a pool made through the file's driver: what is called for each object
 * that zpool's shrink() wants gone (6.2 to 6.4). */
struct zpool {
	int (*evict)(unsigned long handle, void *arg);
	void *arg;
};
/* Return: NULL: no memory. */
struct zs_pool *uzs_k_zpool_create(const char *name, struct zpool *its);
/* Return: what the driver's shrink() does. */
int uzs_k_zpool_shrink(struct zs_pool *pool, unsigned int nr,
		       unsigned int *given_back);
/* Mounts and inodes; forgets them. */
unsigned long uzs_k_fs_left(void);

/* ---- page.c -------------------------------------------------------------- */

bool uzs_k_zone_init(void);
/* Return: pages that are not given back. */
unsigned long uzs_k_zone_destroy(void);
struct zone *uzs_k_zone(void);
/* Moves that page, of any pool, to another one, as memory compaction does. No
 * section may be given back meanwhile. Return: did it move? */
bool uzs_k_move_page(struct page *page);
/* Moves pages of zspages of that pool, each to another one. Return: pages
 * moved. */
unsigned long uzs_k_move_pages(struct zs_pool *pool, unsigned long most);
/* Moves pages so that sections become empty, and gives free memory back to
 * the OS. Return: pages moved. */
unsigned long uzs_k_compact_zone(void);

/* The byte in new memory in builds that test. The kernel clears memory only
 * when asked to. (Not in the lab: it would be most of the work.) */
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

/* Slabs with live objects in caches that were destroyed since the last call. */
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
/* The pool of a page, which must be locked and movable. */
struct zs_pool *uzs_k_page_owner(struct page *page);

#endif
