/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scenario.h - what the explorer runs: a pool set up in some state, a few
 * virtual CPUs that each call something, and what must be true afterwards.
 *
 * docs/lab.md says how to write one. All memory that these functions touch lies
 * in the lab's arena, so each run begins with the same memory.
 */
#ifndef UZS_LAB_SCENARIO_H
#define UZS_LAB_SCENARIO_H

#include <string.h>

#include "body/lab.h"
#include "compat/workqueue.h"
#include "scopes.h"
#include "weak.h"
#include "uzsmalloc.h"

#define LAB_MAX_CPUS 3
#define LAB_SLOTS 32

/* An object that the scenario knows of. */
struct lab_object {
	unsigned long handle; /* or the address of its zs_ref; 0: none */
	u32 size; /* bytes; 0: contents are not checked */
	u8 fill; /* value of its bytes */
	bool freed; /* or queued to be freed */
};

/* A call that is wrong, in a pool that looks for misuse (LAB_HARDENED). */
struct lab_misuse {
	const void *ref; /* that it is given; NULL: no call is wrong now */
	unsigned int what; /* enum zs_misuse_kind, as it has to be told */
	bool told;
};

/* What a scenario's functions get. */
struct lab_world {
	struct zs_pool *pool; /* NULL: the pool of a kernel's file */
	enum zs_lock_scope scope;
	enum zs_defer_mode defer;
	struct lab_object object[LAB_SLOTS];
	zs_ref ref[LAB_SLOTS]; /* of objects that have no handle */
	unsigned long word[8]; /* for the scenario's own use */
	struct work_struct work;
	spinlock_t lock[2];
	struct mutex mutex[2];
	/* One for each CPU: lab_cpu_entry(). */
	struct lab_misuse misuse[LAB_MAX_CPUS + 1];
	u8 buffer[LAB_MAX_CPUS + 1][8192];
};

struct lab_scenario {
	const char *name;
	const char *summary;
	/* Fills the pool. Runs alone: makes no steps. */
	void (*setup)(struct lab_world *w);
	/* What each CPU does; the third may be NULL. */
	void (*cpu[LAB_MAX_CPUS])(struct lab_world *w);
	/* Runs when the CPUs are done, before the check. May sleep. May be
	 * NULL. */
	void (*after)(struct lab_world *w);
	/* Runs before the checks of every run, alone. May be NULL. */
	void (*check)(struct lab_world *w);
	/* Runs after each consistency check between two steps, alone. It must
	 * not change anything. May be NULL. */
	void (*quiet)(struct lab_world *w);
	/* Deferrals that the scenario is meant for, as bits; 0: all. */
	unsigned int defers;
	unsigned int flags;
};
#define LAB_NO_WORKER 1u
/* `after` destroys the pool: only leaks are checked. */
#define LAB_DESTROYS 2u
/* Part of CI's runs. The others are only in the deep runs. */
#define LAB_QUICK 4u
/* Which profiles it is meant for: both, or user alone; else the kernel's. */
#define LAB_ALL_PROFILES 8u
#define LAB_USER 16u
/* It touches words alone: its own check is all there is at the end. */
#define LAB_BARE 32u
/* Its pool looks for misuse. What is told of another call than the one that
 * lab_world.misuse has is a finding. */
#define LAB_HARDENED 64u
#define LAB_DEFER(mode) (1u << (mode))

/* Ends with NULL. */
extern const struct lab_scenario *const lab_scenarios[];
const struct lab_scenario *lab_find_scenario(const char *name);

/* ---- for scenarios ------------------------------------------------------------ */

/* Allocates object `slot` with that many bytes. During setup it also fills
 * it. */
void lab_alloc(struct lab_world *w, unsigned int slot, size_t size);
/* With a deferral: zs_free_deferred and a flush. So the deferral's way of
 * freeing runs beside what the other CPUs do. */
void lab_free(struct lab_world *w, unsigned int slot);
/* zs_free_deferred */
void lab_free_later(struct lab_world *w, unsigned int slot);
/* Writes the whole object with a new value; reads and checks the whole
 * object. */
void lab_write(struct lab_world *w, unsigned int slot, u8 fill);
void lab_read(struct lab_world *w, unsigned int slot);
/* Which entry of `misuse` and `buffer` is that of who calls: the CPU's, or LAB_MAX_CPUS,
 * where no CPU of the scenario runs. */
unsigned int lab_cpu_entry(void);
/* The first byte of an object that is not what was written last; o->size: none. */
static inline u32 lab_wrong_byte(const struct lab_object *o, const u8 *data)
{
	u32 i = 0;

	uzs_lab_plain(data, o->size, false); /* tells watch.c */
	/* Most of the time of a run would go into comparing one by one. */
	if (o->size && data[0] == o->fill &&
	    !memcmp(data, data + 1, o->size - 1))
		return o->size;
	while (i < o->size && data[i] == o->fill)
		i++;
	return i;
}
/* Prepares that lab_migrate_pages moves the page in which that object begins.
 * Ours: makes the section of that page the sparsest but one, and a denser one
 * with room. Uses the slots from LAB_FILLERS on. Call it when all else is
 * allocated. */
#define LAB_FILLERS 24
void lab_make_sparse(struct lab_world *w, unsigned int slot);
/* Ours: moves pages from sparse sections to dense ones, the middle of zs_trim.
 * A kernel's: moves that page. */
void lab_migrate_pages(struct lab_world *w);
/* The page in which the object begins. */
struct page *lab_page(struct lab_world *w, unsigned int slot);

/* Calls of the allocator (pool.h): zs_compact; the whole of zs_trim; zs_drain;
 * the shrinker (ours: its two calls; a kernel's: as the zone calls it when it
 * has no memory); zs_shrink_count. */
void lab_compact(struct lab_world *w);
void lab_trim(struct lab_world *w);
void lab_drain(struct lab_world *w);
void lab_shrink(struct lab_world *w);
unsigned long lab_shrink_count(struct lab_world *w);

/* ---- one run's frame: world.c --------------------------------------------------- */

struct lab_config {
	const struct lab_scenario *scenario;
	enum zs_lock_scope scope;
	enum zs_defer_mode defer;
	unsigned int cpus; /* 2 or 3 */
	enum lab_memory memory; /* 0: sc */
};

/* NULL: the allocator under test does not have it. */
const char *lab_scope_name(enum zs_lock_scope scope);
const char *lab_defer_name(enum zs_defer_mode defer);
/* The command by which a user calls the program; the name of the allocator
 * under test; is that ours? */
const char *lab_program(void);
const char *lab_what(void);
bool lab_is_ours(void);
/* Is the scenario explored by default? */
bool lab_is_quick(const struct lab_scenario *s);
bool lab_parse_scope(const char *name, enum zs_lock_scope *scope);
bool lab_parse_defer(const char *name, enum zs_defer_mode *defer);
/* Does the scenario fit the configuration? */
bool lab_config_fits(const struct lab_config *c);

/* Makes the pool. `again`: also takes a snapshot, so that more than one run is
 * possible. False: there was a finding. */
bool lab_begin(const struct lab_config *c, bool again);
/* Restores the snapshot and makes the fibers. */
void lab_rewind(const struct lab_config *c);
/* Describes what lies at that address after a run, in a word or two. False: not
 * known. (names.c) */
bool lab_name_object(struct lab_world *w, const void *obj, char *buf,
		     size_t size);
/* The same for the last run; not after its pool was destroyed. */
bool lab_name_step(const struct lab_config *c, const void *obj, char *buf,
		   size_t size);
/* Makes the checks after a run that ended by itself. */
void lab_check_end(const struct lab_config *c);
/* Makes the checks between two steps, if this is a quiet point. `state` is the
 * state's fingerprint. Unless `again`, each state is checked only once. Return:
 * was it checked? */
bool lab_check_between(const struct lab_config *c, u64 state, bool again);

#endif
