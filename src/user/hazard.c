/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* hazard.c - gives threads rows of hazard pointers, and looks for addresses in
 * all of them. Owns the rows.
 *
 * Locks: the table's, a leaf, for who may end what; a row is taken by
 * compare-and-swap. Sleeps: in the OS's barrier of all threads alone, and in
 * uzs_hazards_share under the table's lock: once for each pool. What an address
 * points to is never read.
 *
 * Of an address that n places name and that others have ended m times, n - m uses
 * are open. A place stays as it is when another thread ends its use: the owner
 * might be just emptying it.
 */
#include "user/hazard.h"

#include <string.h>

/* Rows that a thread may have: its home and those that follow. */
#define PROBES 4u

_Static_assert(sizeof(struct zs_row_) == 64, "a line for each thread");

size_t uzs_hazards_bytes(void)
{
	return UZS_ROWS * (UZS_HAZARDS * sizeof(uintptr_t) + sizeof(u16));
}

void uzs_hazards_init(struct uzs_hazard_table *t, struct zs_pool *pool,
		      bool quick, void *mem)
{
	spin_lock_init(&t->lock);
	lock_set_rank(&t->lock, UZS_RANK_LEAF);
	t->pool = pool;
	t->quick = quick;
	t->rows = (struct zs_row_ *)(void *)pool - UZS_ROWS;
	t->ended = mem;
	t->nr_ended = 0;
	t->used = (u16 *)(t->ended + UZS_ROWS * UZS_HAZARDS);
	t->nr_used = 0;
	t->shared = false;
}

static struct zs_row_ *row_at(const struct uzs_hazard_table *t,
			      uintptr_t thread, unsigned int probe)
{
	struct zs_row_ *home = zs_home_row_(t->pool, thread, UZS_LOG_ROWS);

	return &t->rows[((size_t)(home - t->rows) + probe) % UZS_ROWS];
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

/* Puts the row where those who look for names find it. In the child of a fork it may
 * be there already. */
static void note_used(struct uzs_hazard_table *t, const struct zs_row_ *row)
{
	u16 nr = (u16)(row - t->rows);

	assert_spin_locked(&t->lock);
	for (unsigned int i = 0; i < t->nr_used; i++)
		if (t->used[i] == nr)
			return;
	WRITE_ONCE(t->used[t->nr_used], nr);
	smp_store_release(&t->nr_used, t->nr_used + 1);
}

/* Who may end the row's uses without a call. Nobody where others end them, too. */
static uintptr_t ender(const struct uzs_hazard_table *t, uintptr_t me)
{
	return t->quick && !t->shared ? me : 0;
}

static void let_owner_end(struct uzs_hazard_table *t, struct zs_row_ *row,
			  uintptr_t me)
{
	spin_lock(&t->lock);
	note_used(t, row);
	WRITE_ONCE(row->ender, ender(t, me));
	spin_unlock(&t->lock);
}

struct zs_row_ *uzs_hazard_give_row(struct uzs_hazard_table *t, uintptr_t me)
{
	for (unsigned int i = 0; i < PROBES; i++) {
		struct zs_row_ *row = row_at(t, me, i);
		uintptr_t owner = 0;

		if (READ_ONCE(row->owner) ||
		    !__atomic_compare_exchange_n(&row->owner, &owner, me, false,
						 __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		/* In the child of a fork it may still name what a thread of the
		 * parent's reads. */
		let_owner_end(t, row, me);
		if (!READ_ONCE(row->names[0]))
			smp_store_release(&row->names[0],
					  uzs_hazard_idle(me, t->quick));
		return row;
	}
	return NULL;
}

/* What is in a place that names nothing. */
static uintptr_t nothing(const struct uzs_hazard_table *t,
			 const struct zs_row_ *row, const uintptr_t *place)
{
	uintptr_t owner = place == &row->names[0] ? READ_ONCE(row->owner) : 0;

	return owner ? uzs_hazard_idle(owner, t->quick) : 0;
}

/* What a place names; 0: nothing. The number of an owner that has ended may be a
 * ref's address. */
static uintptr_t named_in(const struct uzs_hazard_table *t,
			  const struct zs_row_ *row, unsigned int i)
{
	const uintptr_t *place = &row->names[i];
	/* Acquire: if it is gone, what was done is to be seen. */
	uintptr_t name = smp_load_acquire(place);

	return name == nothing(t, row, place) ? 0 : name;
}

/* In the child only the thread that forked lives. */
void uzs_hazards_fork_child(struct uzs_hazard_table *t)
{
	uintptr_t me = uzs_thread_id();

	spin_lock_renew(&t->lock);
	for (unsigned int i = 0; i < UZS_ROWS; i++) {
		struct zs_row_ *row = &t->rows[i];

		/* Another thread may have been just sharing. */
		if (row->owner == me)
			row->ender = ender(t, me);
		if (!row->owner || row->owner == me)
			continue;
		if (row->names[0] == uzs_hazard_idle(row->owner, t->quick))
			row->names[0] = 0;
		row->owner = row->ender = 0;
	}
}

/* ---- names ---------------------------------------------------------------- */

uintptr_t *uzs_hazard_try_all(struct uzs_hazard_table *t, const void *p)
{
	uintptr_t me = uzs_thread_id();
	struct zs_row_ *row;

	row = find_row(t, me);
	if (!row)
		row = uzs_hazard_give_row(t, me);
	for (unsigned int i = 0; row && i < UZS_HAZARDS; i++) {
		uintptr_t *place = &row->names[i];

		if (READ_ONCE(*place) != nothing(t, row, place))
			continue;
		smp_store_release(place, (uintptr_t)p);
		barrier();
		return place;
	}
	return NULL;
}

void uzs_hazard_withdraw(const struct uzs_hazard_table *t, uintptr_t *place)
{
	const struct zs_row_ *row =
		&t->rows[((uintptr_t)place - (uintptr_t)t->rows) / sizeof(*row)];

	smp_store_release(place, nothing(t, row, place));
}

bool uzs_hazard_drop(const struct uzs_hazard_table *t, const void *p)
{
	struct zs_row_ *row = find_row(t, uzs_thread_id());

	for (unsigned int i = 0; row && i < UZS_HAZARDS; i++) {
		if (READ_ONCE(row->names[i]) != (uintptr_t)p)
			continue;
		uzs_hazard_withdraw(t, &row->names[i]);
		return true;
	}
	return false;
}

static const struct zs_row_ *used_row(const struct uzs_hazard_table *t,
				      unsigned int i)
{
	return &t->rows[READ_ONCE(t->used[i])];
}

static unsigned int count_names(const struct uzs_hazard_table *t, const void *p)
{
	unsigned int n = 0, rows = smp_load_acquire(&t->nr_used);

	for (unsigned int i = 0; i < rows; i++)
		for (unsigned int j = 0; j < UZS_HAZARDS; j++)
			n += named_in(t, used_row(t, i), j) == (uintptr_t)p;
	return n;
}

/* Locks: needs the table's lock. */
static bool is_open(const struct uzs_hazard_table *t, const void *p)
{
	unsigned int ended = 0;

	assert_spin_locked(&t->lock);
	for (unsigned int i = 0; i < t->nr_ended; i++)
		ended += t->ended[i] == (uintptr_t)p;
	return count_names(t, p) > ended;
}

bool uzs_hazards_share(struct uzs_hazard_table *t)
{
	bool first;

	spin_lock(&t->lock);
	first = !t->shared;
	smp_store_release(&t->shared, true);
	/* Under the lock, and before the caller looks for a pin again. A thread
	 * that begins a read of the same address from now on pins, and must not
	 * end that by emptying a place that is counted as ended: its end sees
	 * that it is not the ender. If the OS refuses, the use that is to be ended
	 * is to be seen all the same: it was handed over. */
	for (unsigned int i = 0; first && i < t->nr_used; i++)
		if (READ_ONCE(t->rows[t->used[i]].ender))
			WRITE_ONCE(t->rows[t->used[i]].ender, 0);
	(void)(first && !uzs_hazards_settle());
	spin_unlock(&t->lock);
	return first;
}

bool uzs_hazard_end_any(struct uzs_hazard_table *t, const void *p)
{
	if (!is_open(t, p))
		return false;
	if (uzs_hazard_drop(t, p))
		return true;
	/* Each has a place, and nothing is named any more, but for a moment. Only
	 * where programs end what has not begun there may be more. */
	if (t->nr_ended == UZS_ROWS * UZS_HAZARDS)
		return false;
	t->ended[t->nr_ended++] = (uintptr_t)p;
	return true;
}

void uzs_hazards_note(const struct uzs_hazard_table *t,
		      struct noted_reads *noted)
{
	unsigned int rows = smp_load_acquire(&t->nr_used);

	memset(noted, 0, sizeof(*noted));
	for (unsigned int i = 0; i < rows; i++)
		for (unsigned int j = 0; j < UZS_HAZARDS; j++) {
			uintptr_t name = named_in(t, used_row(t, i), j);
			unsigned int bit = uzs_hazard_bit(name);

			if (name)
				noted->bits[bit / 64] |= (u64)1 << bit % 64;
		}
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
