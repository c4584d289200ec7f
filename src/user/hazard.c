/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* hazard.c - gives threads rows of hazard pointers, and looks for addresses in
 * all of them. Owns the rows.
 *
 * Locks: the table's, a leaf, once it is shared; a row is taken by
 * compare-and-swap. Sleeps: no. What an address points to is never read.
 *
 * Of an address that n places name and that others have ended m times, n - m uses
 * are open. A place stays as it is when another thread ends its use: the owner
 * might be just emptying it.
 */
#include "user/hazard.h"

/* Rows that a thread may have: its home and those that follow. */
#define PROBES 4u

size_t uzs_hazards_bytes(void)
{
	return UZS_ROWS *
	       (sizeof(struct zs_row_) + UZS_HAZARDS * sizeof(void *));
}

bool uzs_hazards_init(struct uzs_hazard_table *t, void *mem)
{
	spin_lock_init(&t->lock);
	lock_set_rank(&t->lock, UZS_RANK_LEAF);
	t->rows = mem;
	t->ended = (const void **)(t->rows + UZS_ROWS);
	return uzs_os_barrier_register();
}

static struct zs_row_ *row_at(const struct uzs_hazard_table *t,
			      uintptr_t thread, unsigned int probe)
{
	const struct zs_pool_head_ head = { .rows = t->rows };
	size_t home = (size_t)(zs_row_(&head, thread, UZS_LOG_ROWS) - t->rows);

	return &t->rows[(home + probe) % UZS_ROWS];
}

/* ---- whose row it is ------------------------------------------------------ */

static struct zs_row_ *find_row(const struct uzs_hazard_table *t, uintptr_t me)
{
	for (unsigned int i = 0; i < PROBES; i++) {
		struct zs_row_ *row = row_at(t, me, i);

		if (READ_ONCE(row->owner) == me)
			return row;
	}
	return NULL;
}

static struct zs_row_ *new_row(const struct uzs_hazard_table *t, uintptr_t me)
{
	for (unsigned int i = 0; i < PROBES; i++) {
		struct zs_row_ *row = row_at(t, me, i);
		uintptr_t owner = 0;

		if (!READ_ONCE(row->owner) &&
		    __atomic_compare_exchange_n(&row->owner, &owner, me, false,
						__ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return row;
	}
	return NULL;
}

/* In the child only the thread that forked lives. */
void uzs_hazards_fork_child(struct uzs_hazard_table *t)
{
	uintptr_t me = uzs_thread_id();

	spin_lock_renew(&t->lock);
	for (unsigned int i = 0; i < UZS_ROWS; i++)
		if (t->rows[i].owner && t->rows[i].owner != me)
			t->rows[i].owner = 0;
}

/* ---- names ---------------------------------------------------------------- */

const void **uzs_hazard_try_all(const struct uzs_hazard_table *t, const void *p)
{
	uintptr_t me = uzs_thread_id();
	struct zs_row_ *row;

	row = find_row(t, me);
	if (!row)
		row = new_row(t, me);
	for (unsigned int i = 0; row && i < UZS_HAZARDS; i++) {
		if (READ_ONCE(row->names[i]))
			continue;
		smp_store_release(&row->names[i], p);
		barrier();
		return &row->names[i];
	}
	return NULL;
}

static const void **own_place(const struct uzs_hazard_table *t, const void *p)
{
	struct zs_row_ *row = find_row(t, uzs_thread_id());

	for (unsigned int i = 0; row && i < UZS_HAZARDS; i++)
		if (READ_ONCE(row->names[i]) == p)
			return &row->names[i];
	return NULL;
}

static const void **place_at(const struct uzs_hazard_table *t, unsigned int i)
{
	return &t->rows[i / UZS_HAZARDS].names[i % UZS_HAZARDS];
}

static unsigned int count_names(const struct uzs_hazard_table *t, const void *p)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < UZS_ROWS * UZS_HAZARDS; i++)
		/* Acquire: if it is gone, what was done is to be seen. */
		n += smp_load_acquire(place_at(t, i)) == p;
	return n;
}

/* Locks: needs the table's lock. */
static bool is_open(const struct uzs_hazard_table *t, const void *p)
{
	unsigned int ended = 0;

	for (unsigned int i = 0; i < t->nr_ended; i++)
		ended += t->ended[i] == p;
	return count_names(t, p) > ended;
}

bool uzs_hazard_drop(struct uzs_hazard_table *t, const void *p)
{
	const void **place = own_place(t, p);

	if (!place || (uzs_hazards_are_shared(t) && !is_open(t, p)))
		return false;
	smp_store_release(place, NULL);
	return true;
}

bool uzs_hazards_share(struct uzs_hazard_table *t)
{
	bool first;

	spin_lock(&t->lock);
	first = !t->shared;
	smp_store_release(&t->shared, true);
	/* If the OS refuses, nothing is lost: the use that is to be ended was
	 * handed over, so it is to be seen. Movers ask for themselves. */
	(void)(first && !uzs_hazards_settle());
	spin_unlock(&t->lock);
	return first;
}

bool uzs_hazard_end_other(struct uzs_hazard_table *t, const void *p)
{
	if (!is_open(t, p))
		return false;
	/* Each has a place, and nothing is named any more. */
	VM_BUG_ON(t->nr_ended == UZS_ROWS * UZS_HAZARDS);
	if (t->nr_ended == UZS_ROWS * UZS_HAZARDS)
		return false;
	t->ended[t->nr_ended++] = p;
	return true;
}

unsigned int uzs_hazards_list(const struct uzs_hazard_table *t,
			      const void *const *places[], unsigned int max)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < UZS_ROWS * UZS_HAZARDS; i++) {
		const void **place = place_at(t, i);

		if (!smp_load_acquire(place))
			continue;
		if (found < max)
			places[found] = place;
		found++;
	}
	return found;
}

bool uzs_hazards_has(struct uzs_hazard_table *t, const void *p)
{
	bool open;

	if (!uzs_hazards_are_shared(t))
		return count_names(t, p) > 0;
	spin_lock(&t->lock);
	open = is_open(t, p);
	spin_unlock(&t->lock);
	return open;
}
