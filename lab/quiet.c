/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* quiet.c - the consistency check between two steps of a run, and at its end.
 * Owns which states were checked, and which classes can have changed.
 *
 * A *quiet point* is a place between two steps at which the check could take
 * its locks: no fiber has pool->lock for writing, a class->lock, the zone's
 * lock or free_work_lock; in the user profile a slot's lock, runs->lock or the
 * gate. (Other locks may be held: page locks, those of queues, drain_lock,
 * trim_lock, and pool->lock for reading.) The allocator promises that the
 * invariants hold at quiet points. Slabs and free pages below, and objects kept
 * for reuse above, are checked if their locks are free, too. All CPUs stand
 * still meanwhile. The check does not change memory, so the run goes on as
 * without it.
 *
 * What cannot have changed is left out: classes whose memory was written to in
 * no run; states that were checked before, by their fingerprint (order.h);
 * slabs and free pages while their locks are not taken. (If a fiber changes
 * those without the locks, the check at the end sees it.)
 *
 */
#include "quiet.h"

#include <stdio.h>

#include "check.h"
#include "class.h"
#include "order.h"
#include "pool.h"
#include "user/layout.h"

#define TEXT_BYTES 1024
#define STATES (1u << 19) /* remembered; others are checked again */

static struct {
	u64 looked_at[STATES];
	u64 search; /* number of this search; entries of other searches do not
		     * count */
	const struct zs_pool *pool; /* NULL: the fields below are not known */
	size_t written; /* bytes written to when these were found; it only
			 * grows */
	struct size_class *class[USER_MAX_CLASSES];
	unsigned int nr_classes;
	unsigned long other_pages;
} quiet;

void lab_pool_new_search(void)
{
	quiet.search++;
	quiet.pool = NULL;
}

/* Where CPUs keep objects any class that has zspages can: what is kept is counted
 * for all of them together. */
static bool can_have_changed(const struct zs_pool *pool,
			     const struct size_class *class)
{
	return uzs_lab_was_written(class, sizeof(*class)) ||
	       ((pool->user || pool->reuse.mem) && class->objs_capacity);
}

static void find_classes(struct zs_pool *pool)
{
	size_t written = uzs_lab_restore_bytes();

	if (quiet.pool == pool && quiet.written == written)
		return;
	quiet.pool = pool;
	quiet.written = written;
	quiet.nr_classes = 0;
	quiet.other_pages = 0;
	for (unsigned int i = 0; i < pool->nr_classes; i++) {
		struct size_class *class = pool->size_class[i];

		if (!uzs_class_is_own(pool, i))
			continue;
		if (can_have_changed(pool, class))
			quiet.class[quiet.nr_classes++] = class;
		else
			quiet.other_pages += class->objs_capacity /
					     class->objs_per_zspage *
					     class->pages_per_zspage;
	}
}

static bool is_held(const spinlock_t *lock)
{
	return lock->word != 0;
}

/* The user profile's slots guard the words of what is in use; runs->lock, which
 * comes below class->lock, the free runs. */
static bool user_is_quiet(const struct zs_pool *pool)
{
	struct user_slot *slot;

	if (is_held(&pool->user->runs.lock) || is_held(&pool->zone.gate.spin))
		return false;
	for_each_user_slot(slot, pool->user)
	{
		if (is_held(&slot->lock))
			return false;
	}
	return true;
}

static bool classes_are_quiet(const struct zs_pool *pool)
{
	if (pool->user && !user_is_quiet(pool))
		return false;
	if ((pool->lock.word & UZS_RW_WRITER) || is_held(&pool->zone.lock) ||
	    is_held(&pool->free_work_lock.spin))
		return false;
	for (unsigned int i = 0; i < quiet.nr_classes; i++)
		if (is_held(&quiet.class[i] -> lock))
			return false;
	return true;
}

static bool compat_is_quiet(struct zs_pool *pool)
{
	struct zone *zone = &pool->zone;

	if (is_held(&zone->trim_lock.spin) || is_held(&zone->gate.spin) ||
	    is_held(&pool->handle_cache.lock) ||
	    is_held(&pool->zspage_cache.lock))
		return false;
	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		if (is_held(&slot->lock))
			return false;
	}
	return true;
}

static bool kept_is_quiet(struct zs_pool *pool)
{
	struct reuse_slot *slot;

	for_each_reuse_slot(slot, &pool->reuse)
	{
		if (is_held(&slot->lock.spin))
			return false;
	}
	return true;
}

static void check(struct zs_pool *pool, const struct pool_check *what,
		  const char *when)
{
	char text[TEXT_BYTES] = "";
	FILE *out;

	/* Usually there is nothing to print. */
	if (!uzs_check_pool(pool, what, NULL))
		return;
	out = fmemopen(text, sizeof(text), "w");
	uzs_check_pool(pool, what, out);
	if (out)
		fclose(out);
	uzs_lab_found(LAB_FOUND_INVARIANT, "%s%s", when, text);
}

void lab_check_pool(struct zs_pool *pool)
{
	const struct pool_check all = {
		.slabs = true, .zone = true, .kept = true, .used_pages = true
	};

	check(pool, &all, "");
}

/* Was the state with that key checked? From now on it counts as checked. */
static bool is_known(u64 key)
{
	u64 *place;
	bool known;

	key += quiet.search * 0x9e3779b97f4a7c15u;
	place = &quiet.looked_at[(key ^ key >> 32) % STATES];
	known = *place == key;
	*place = key;
	return known;
}

/* Slabs and free pages are checked once for each history of their locks. The
 * two keys also distinguish them before their locks have a history. */
#define SLABS 0x8000000000000003u
#define ZONE 0x8000000000000005u

static bool slabs_are_known(const struct zs_pool *pool)
{
	return is_known(SLABS +
			lab_order_last_change(&pool->handle_cache.lock) +
			3 * lab_order_last_change(&pool->zspage_cache.lock));
}

static bool zone_is_known(struct zs_pool *pool)
{
	struct zone *zone = &pool->zone;
	u64 key = ZONE + 5 * lab_order_last_change(&zone->lock) +
		  7 * lab_order_last_change(&zone->trim_lock.spin);

	for (unsigned int i = 0; i < zone->slots.slots; i++) {
		struct zone_slot *slot = uzs_per_cpu(&zone->slots, i);

		key += (9 + 2 * i) * lab_order_last_change(&slot->lock);
	}
	return is_known(key);
}

struct look {
	struct lab_world *w;
	const struct lab_scenario *scenario;
	bool again;
};

static void look(void *arg)
{
	const struct look *at = arg;
	struct zs_pool *pool = at->w->pool;
	bool compat = compat_is_quiet(pool);
	const struct pool_check what = {
		.class = quiet.class,
		.nr_classes = quiet.nr_classes,
		.other_pages = quiet.other_pages,
		.slabs = compat && (!slabs_are_known(pool) || at->again),
		.zone = compat && (!zone_is_known(pool) || at->again),
		.kept = kept_is_quiet(pool),
		.as_is = true,
		.used_pages = compat,
	};

	check(pool, &what, "between two steps: ");
	if (at->scenario->quiet)
		at->scenario->quiet(at->w);
}

bool lab_pool_check_between(struct lab_world *w,
			    const struct lab_scenario *scenario, u64 state,
			    bool again)
{
	struct look at = { w, scenario, again };

	find_classes(w->pool);
	if (!classes_are_quiet(w->pool) || (is_known(state) && !again))
		return false;
	uzs_lab_aside(look, &at);
	return true;
}
