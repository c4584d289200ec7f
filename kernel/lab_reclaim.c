/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_reclaim.c - the scenarios of a file whose pools zpool can shrink (6.2 to
 * 6.4), and their owner of objects: as zswap did, it reads what is to be evicted,
 * and then frees it if nobody has freed it meanwhile.
 */
#include "kernel/lab_scenarios.h"

#include "lab/scenarios.h"
#include "uzs-tree.h"

#if UZS_K_EVICTS
#include <errno.h>

#define HALF 2040
#define CHAIN 3064

/* Word of the world: 1 + the object that stays; 0: none does. */
#define LAB_STAYS 5

static int slot_of(struct lab_world *w, unsigned long handle)
{
	int freed = -1;

	for (int i = 0; i < LAB_SLOTS; i++)
		if (w->object[i].handle == handle) {
			if (!w->object[i].freed)
				return i;
			freed = i;
		}
	return freed;
}

/* Between two steps no other CPU runs: that an object is not freed yet, and that
 * this CPU does it, is one decision, as with zswap's lock. */
static void free_unless_freed(struct lab_world *w, unsigned int slot)
{
	if (!w->object[slot].freed)
		lab_free(w, slot);
}

static int evict(unsigned long handle, void *arg)
{
	struct lab_world *w = arg;
	int slot = slot_of(w, handle);

	if (slot < 0)
		return -EAGAIN; /* being stored */
	lab_read(w, (unsigned int)slot);
	if (w->word[LAB_STAYS] == (unsigned long)slot + 1)
		return -EAGAIN;
	free_unless_freed(w, (unsigned int)slot);
	return 0;
}

static void reclaim(struct lab_world *w)
{
	lab_reclaim(w, evict);
}

static void owner_frees_0(struct lab_world *w)
{
	free_unless_freed(w, 0);
}

static void owner_frees_1(struct lab_world *w)
{
	free_unless_freed(w, 1);
}

static void read_1(struct lab_world *w)
{
	lab_read(w, 1);
}

static void malloc_11(struct lab_world *w)
{
	lab_alloc(w, 11, HALF);
}

static void two_halves(struct lab_world *w)
{
	lab_alloc(w, 0, HALF);
	lab_alloc(w, 1, HALF);
	lab_make_sparse(w, 0);
}

/* Object 1 stays. */
static void one_stays(struct lab_world *w)
{
	two_halves(w);
	w->word[LAB_STAYS] = 1 + 1;
}

static void chain(struct lab_world *w)
{
	for (unsigned int i = 0; i < 3; i++)
		lab_alloc(w, i, CHAIN);
	lab_make_sparse(w, 2);
}

/* Two zspages with one object each, which compaction puts into one. */
static void two_sparse(struct lab_world *w)
{
	for (unsigned int i = 0; i < 4; i++)
		lab_alloc(w, i, HALF);
	lab_free(w, 2);
	lab_free(w, 3);
	lab_alloc(w, 4, HALF);
	owner_frees_1(w);
}

/* An empty zspage that the async work is to free. */
static void left_empty(struct lab_world *w)
{
	lab_scenario_async_malloc.setup(w);
}

const struct lab_scenario lab_scenario_reclaim_free = {
	.name = "reclaim-free",
	.summary = "a zspage is reclaimed whose objects are freed",
	.setup = two_halves,
	.cpu = { owner_frees_0, reclaim, owner_frees_1 },
};

const struct lab_scenario lab_scenario_reclaim_malloc = {
	.name = "reclaim-malloc",
	.summary = "a zspage is reclaimed in part, and a malloc wants its room",
	.setup = one_stays,
	.cpu = { malloc_11, reclaim, owner_frees_0 },
};

const struct lab_scenario lab_scenario_reclaim_read = {
	.name = "reclaim-read",
	.summary =
		"an object that is not to go is read while its zspage is reclaimed",
	.setup = one_stays,
	.cpu = { read_1, reclaim, owner_frees_0 },
};

const struct lab_scenario lab_scenario_reclaim_migrate = {
	.name = "reclaim-migrate",
	.summary = "a zspage is reclaimed whose page moves",
	.setup = chain,
	.cpu = { reclaim, lab_migrate_pages, owner_frees_0 },
};

const struct lab_scenario lab_scenario_reclaim_reclaim = {
	.name = "reclaim-reclaim",
	.summary = "two CPUs reclaim, and one object does not go",
	.setup = one_stays,
	.cpu = { reclaim, reclaim, owner_frees_0 },
};

const struct lab_scenario lab_scenario_reclaim_compact = {
	.name = "reclaim-compact",
	.summary = "a zspage is reclaimed that compaction empties",
	.setup = two_sparse,
	.cpu = { reclaim, lab_compact, NULL },
};

const struct lab_scenario lab_scenario_reclaim_async = {
	.name = "reclaim-async",
	.summary = "the async work frees an empty zspage that is reclaimed",
	.setup = left_empty,
	.cpu = { reclaim, lab_drain, NULL },
	.flags = LAB_NO_WORKER,
};
#endif
