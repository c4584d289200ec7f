/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* settle.c - moves full zspages into sections of huge pages. Owns struct settle.
 *
 * Kernel origin: none.
 * Locks: takes trim_lock, gate; as move.c for what it moves; runs->lock to map and
 * to give back. Sleeps: yes.
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
 * docs/decisions/0010 has the figures.
 */
#include "user/settle.h"

#include "compat/os.h"
#include "jobs.h"
#include "user/move.h"
#include "user/places.h"

/* Full zspages of a class that are looked at in vain. */
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

/* Looks for up to `most` full zspages that may settle. Those that stay go behind
 * the others, so that all get their turn, and those that may settle come to lie
 * together. Return: how many; *first: the first, or NULL. Locks: needs
 * class->lock. */
static unsigned int find_full(struct size_class *class, unsigned int nr,
			      unsigned int most, struct zspage **first)
{
	struct list_head *full = &class->groups->list[ZS_INUSE_RATIO_100];
	struct zspage *zspage, *next;
	unsigned int n = 0, vain = 0;

	*first = NULL;
	list_for_each_entry_safe(zspage, next, full, list) {
		if (may_settle(zspage, nr)) {
			if (!n)
				*first = zspage;
			if (++n == most)
				break;
		} else {
			list_move_tail(&zspage->list, full);
			if (++vain == LOOK)
				break;
		}
	}
	return n;
}

/* How many zspages may settle, up to `most`? Locks: takes class->lock. */
static unsigned int count_full(struct size_class *class, unsigned int most)
{
	struct zspage *first;
	unsigned int n;

	spin_lock(&class->lock);
	n = find_full(class, ~0u, most, &first);
	spin_unlock(&class->lock);
	return n;
}

/* Does the class have zspages of that length that are full when all their places are
 * in use? The pages of a single object say how long it is; and there may be more
 * places than can be counted. */
static bool has_length(const struct zs_pool *pool, unsigned int index,
		       unsigned int length)
{
	unsigned int objs = pool->size_class[index]->objs_per_zspage;

	return pool->user->length[index] == length && objs > 1 &&
	       objs < OBJ_NONE;
}

/* Can `nr` zspages of that length settle? If not, it is not asked for before there
 * can be so many. */
static bool enough(struct zs_pool *pool, unsigned int length, unsigned int nr)
{
	unsigned int n = 0;

	if (READ_ONCE(pool->user->runs.lengths[length].nursery) < nr)
		return false;
	for (unsigned int i = 1; i < pool->nr_classes && n < nr; i++)
		if (has_length(pool, i, length))
			n += count_full(pool->size_class[i], nr - n);
	if (n < nr)
		uzs_runs_settle_later(pool, length, nr - n);
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
	if (!settle->src) {
		struct zspage *src;

		find_full(class, c->nr, 1, &src);
		WRITE_ONCE(settle->src, src);
	}
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

/* Return: is there more to do? Locks: needs class->lock. */
static bool move(struct compaction *c, struct new_runs *runs)
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
	/* Who withdraws src or dst chooses it no more. */
	if (!src->inuse)
		uzs_place_drop_zspage(c->pool, class, src);
	if (!dst->inuse) { /* all of src is read: for the next src */
		uzs_place_withdraw_zspage(c->pool, class, dst);
		runs->next--;
	}
	/* A trim may have taken memory from dst, and others may have taken that
	 * up to the limit. */
	return !c->no_memory;
}

static void settle_class(struct zs_pool *pool, struct size_class *class,
			 struct new_runs *runs)
{
	struct settle *settle = &pool->user->settle;
	struct compaction c = { .pool = pool, .class = class };
	bool more;

	uzs_user_compact_begin(&c);
	do {
		uzs_user_compact_lock(&c);
		more = !c.blind && choose(&c, runs) && move(&c, runs);
		if (!more) {
			WRITE_ONCE(settle->src, NULL);
			WRITE_ONCE(settle->dst, NULL);
		}
		uzs_user_compact_unlock(&c);
		cond_resched();
	} while (more);
	uzs_user_compact_end(&c);
	uzs_count(&pool->stat.objs_moved, c.objs_moved);
	uzs_count(&pool->stat.bytes_moved, c.objs_moved * class->size);
}

/* Return: runs of a section of huge pages that are not used, or -1: there is no such
 * section. Locks: needs gate: until all its runs are in use or in the lists, no fork
 * must see it. */
static int settle_length(struct zs_pool *pool, unsigned int length)
{
	struct new_runs runs = {
		.section = uzs_runs_get_huge(pool, length),
	};
	unsigned int nr;

	if (!runs.section)
		return -1;
	nr = runs.section->nr;
	for (unsigned int i = 1; i < pool->nr_classes && runs.next < nr; i++)
		if (has_length(pool, i, length) &&
		    count_full(pool->size_class[i], 1))
			settle_class(pool, pool->size_class[i], &runs);
	/* The first of them is used first. */
	for (unsigned int i = nr; i-- > runs.next;)
		uzs_run_put(pool, &runs.section->zspages[i]);
	return (int)(nr - runs.next);
}

/* Return: bytes in runs of new sections that are not used; -1: there are no such
 * sections. *more: should it be called again soon? */
static long settle_any(struct zs_pool *pool, bool *more)
{
	struct settle *settle = &pool->user->settle;
	struct runs *runs = &pool->user->runs;
	long left = -1;

	*more = false;
	uzs_zone_lock_gate(&pool->zone);
	for (unsigned int i = 0; i < runs->nr_lengths && !*more; i++) {
		unsigned int nr = uzs_runs_in_section(pool, i);
		int unused;

		if (!runs->lengths[i].shared || !enough(pool, i, nr))
			continue;
		unused = settle_length(pool, i);
		if (unused < 0) {
			settle->after = uzs_clock_ns() + LATER_NS;
			break;
		}
		left = max(left, 0l) + ((long)unused * runs->lengths[i].pages
					<< pool->page_shift);
		/* Much that is full cannot be moved: not at once again. */
		*more = (unsigned int)unused <= nr / 8;
		if (!*more)
			uzs_runs_settle_later(pool, i, nr);
	}
	mutex_unlock(&pool->zone.gate);
	return left;
}

u64 uzs_settle(struct zs_pool *pool)
{
	u64 start = uzs_clock_ns();
	size_t free;
	bool more;
	long left;

	if (start < pool->user->settle.after)
		return 0;
	/* A thread without memory waits for this right. */
	mutex_lock(&pool->zone.trim_lock);
	free = READ_ONCE(pool->user->runs.free_bytes);
	left = settle_any(pool, &more);
	/* What the moved ones have left goes back. */
	if (left >= 0)
		uzs_runs_give_back(pool, free + (size_t)left);
	/* It may have needed what this had in hand. Count before the lock is
	 * dropped: it reads this. */
	uzs_count(&pool->give_backs, 1);
	mutex_unlock(&pool->zone.trim_lock);
	uzs_kick_give_back(pool);
	return more ? max(uzs_clock_ns() - start, (u64)REST_NS) : 0;
}
