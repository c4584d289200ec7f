/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* settle.c - moves full zspages into sections of huge pages. Owns struct settle.
 *
 * Kernel origin: none.
 * Locks: takes gate; as move.c for what it moves; runs->lock to map and to give
 * back. Sleeps: yes.
 *
 * A huge page is worth its memory only if it is full. So zspages begin in sections
 * of small pages, their nurseries, and fill there. When the nurseries of one length
 * have as many full zspages as a section has runs, a section of huge pages is
 * mapped, and these zspages move into it. What they leave is used again by the
 * next zspages. A section of huge pages of which a quarter was given back is a
 * nursery, too, from then on.
 *
 * The alternatives: huge pages from the first touch on leave most of a section
 * filled and unused, for each length, and all of every class's latest zspage.
 * MADV_COLLAPSE lets all wait who touch what it copies, and page faults of the
 * whole process with them; a mover lets wait who wants the object that it moves.
 * docs/decisions/ has the figures.
 */
#include "user/settle.h"

#include "compat/os.h"
#include "user/move.h"
#include "user/places.h"

/* Zspages of a class that are looked at for full ones. */
#define LOOK 64u

/* The OS has no huge page: how long until it is asked again. */
#define LATER_NS (10 * 1000000000ull)

/* The worker moves one section at a time, and rests as long as that took, at
 * least this. */
#define REST_NS (1 * 1000000u)

void uzs_settle_init(struct zs_pool *pool, bool on)
{
	struct settle *settle = &pool->user->settle;

	settle->on = on;
	settle->from = UZS_SETTLE_FROM;
}

/* ---- what is full --------------------------------------------------------------- */

/* Is it full, in a nursery, and not yet passed over by compaction `nr`? Locks:
 * needs class->lock. */
static bool may_settle(const struct zspage *zspage, unsigned int nr)
{
	return READ_ONCE(run_section(zspage)->nursery) && zspage->passed != nr;
}

/* Looks at the latest full zspages, and puts those that stay behind the others, so
 * that all get their turn. Return: the first that may settle, or NULL. Locks: needs
 * class->lock. */
static struct zspage *find_full(struct size_class *class, unsigned int nr)
{
	struct list_head *full = &class->fullness_list[ZS_INUSE_RATIO_100];

	for (unsigned int i = 0; i < LOOK && !list_empty(full); i++) {
		struct zspage *zspage =
			list_first_entry(full, struct zspage, list);

		if (may_settle(zspage, nr))
			return zspage;
		list_move_tail(&zspage->list, full);
	}
	return NULL;
}

/* How many of the first zspages may settle? Locks: takes class->lock. */
static unsigned int count_full(struct size_class *class)
{
	unsigned int n = 0, i = 0;
	struct zspage *zspage;

	spin_lock(&class->lock);
	if (find_full(class, ~0u))
		list_for_each_entry(zspage,
				    &class->fullness_list[ZS_INUSE_RATIO_100],
				    list) {
			n += may_settle(zspage, ~0u);
			if (++i == LOOK)
				break;
		}
	spin_unlock(&class->lock);
	return n;
}

/* Does the class have zspages of that length, of several objects? The pages of a
 * single object say how long it is. */
static bool has_length(const struct zs_pool *pool, unsigned int index,
		       unsigned int length)
{
	return pool->user->length[index] == length &&
	       pool->size_class[index]->objs_per_zspage > 1;
}

/* Can `nr` zspages of that length settle? */
static bool enough(struct zs_pool *pool, unsigned int length, unsigned int nr)
{
	unsigned int n = 0;

	if (READ_ONCE(pool->user->runs.lengths[length].nursery) < nr)
		return false;
	for (unsigned int i = 1; i < pool->nr_classes && n < nr; i++)
		if (has_length(pool, i, length))
			n += count_full(pool->size_class[i]);
	return n >= nr;
}

/* ---- moving --------------------------------------------------------------------- */

/* Runs of a new section, for zspages to move into. */
struct new_runs {
	struct run_section *section;
	unsigned int next;
};

static struct zspage *next_run(struct new_runs *runs)
{
	return runs->next < runs->section->nr
		       ? &runs->section->zspages[runs->next++]
		       : NULL;
}

static void putback(struct size_class *class, struct zspage *zspage)
{
	uzs_insert_zspage(class, zspage,
			  uzs_fullness_group(class, zspage->inuse));
}

/* Chooses what is moved, and where to. Those of the last step stay chosen, unless
 * others have emptied or filled them meanwhile. Return: false if there is none.
 * Locks: needs class->lock. */
static bool choose(struct compaction *c, struct new_runs *runs)
{
	struct settle *settle = &c->pool->user->settle;
	struct size_class *class = c->class;

	if (settle->src && !may_settle(settle->src, c->nr))
		WRITE_ONCE(settle->src, NULL);
	if (!settle->src)
		WRITE_ONCE(settle->src, find_full(class, c->nr));
	if (!settle->src)
		return false;
	if (settle->dst && settle->dst->inuse == class->objs_per_zspage)
		WRITE_ONCE(settle->dst, NULL);
	if (!settle->dst) {
		WRITE_ONCE(settle->dst, next_run(runs));
		if (settle->dst)
			uzs_place_add_zspage(c->pool, class, settle->dst);
	}
	return settle->dst != NULL;
}

/* Locks: needs class->lock. */
static void move(struct compaction *c)
{
	struct settle *settle = &c->pool->user->settle;
	struct zspage *src = settle->src, *dst = settle->dst;
	struct size_class *class = c->class;

	c->bytes = 0;
	uzs_remove_zspage(class, src);
	uzs_remove_zspage(class, dst);
	uzs_user_move(c, dst, src);
	putback(class, dst);
	putback(class, src);
	/* Withdraws src or dst: then they are chosen no more. */
	if (!src->inuse)
		uzs_place_drop_zspage(c->pool, class, src);
	if (!dst->inuse)
		uzs_place_drop_zspage(c->pool, class, dst);
}

static void settle_class(struct zs_pool *pool, struct size_class *class,
			 struct new_runs *runs)
{
	struct settle *settle = &pool->user->settle;
	struct compaction c = { .pool = pool, .class = class };
	bool more;

	uzs_user_compact_begin(&c);
	do {
		spin_lock(&class->lock);
		more = choose(&c, runs);
		if (more) {
			move(&c);
		} else {
			WRITE_ONCE(settle->src, NULL);
			WRITE_ONCE(settle->dst, NULL);
		}
		spin_unlock(&class->lock);
		cond_resched();
	} while (more);
	uzs_user_compact_end(&c);
	uzs_count(&pool->stat.objs_moved, c.objs_moved);
	uzs_count(&pool->stat.bytes_moved, c.objs_moved * class->size);
}

/* Return: was most of a section filled? Locks: needs gate: until all its runs are in
 * use or in the lists, no fork must see it. */
static bool settle_length(struct zs_pool *pool, unsigned int length)
{
	struct settle *settle = &pool->user->settle;
	struct new_runs runs = { 0 };
	unsigned int filled;

	runs.section = uzs_runs_get_huge(pool, length);
	if (!runs.section) {
		settle->after = uzs_clock_ns() + LATER_NS;
		return false;
	}
	for (unsigned int i = 1;
	     i < pool->nr_classes && runs.next < runs.section->nr; i++)
		if (has_length(pool, i, length))
			settle_class(pool, pool->size_class[i], &runs);
	filled = runs.next;
	/* The first of them is used first. */
	for (unsigned int i = runs.section->nr; i-- > filled;)
		uzs_run_put(pool, &runs.section->zspages[i]);
	return filled > runs.section->nr / 2;
}

/* Return: was a section filled? */
static bool settle_any(struct zs_pool *pool)
{
	struct runs *runs = &pool->user->runs;
	bool done = false;

	uzs_zone_lock_gate(&pool->zone);
	for (unsigned int i = 0; i < runs->nr_lengths && !done; i++)
		done = runs->lengths[i].pages <= pool->chain_size &&
		       enough(pool, i, uzs_runs_in_section(pool, i)) &&
		       settle_length(pool, i);
	mutex_unlock(&pool->zone.gate);
	return done;
}

u64 uzs_settle(struct zs_pool *pool)
{
	size_t free = READ_ONCE(pool->user->runs.free_bytes);
	u64 start = uzs_clock_ns();

	if (start < pool->user->settle.after || !settle_any(pool))
		return 0;
	/* What the moved ones have left. Another thread that gives back does
	 * that, too. */
	if (mutex_trylock(&pool->zone.trim_lock)) {
		uzs_runs_give_back(pool, free);
		uzs_count(&pool->give_backs, 1);
		mutex_unlock(&pool->zone.trim_lock);
	}
	return max(uzs_clock_ns() - start, (u64)REST_NS);
}
