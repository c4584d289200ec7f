/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* hazard.h - hazard pointers: a thread says in a row of its own which addresses
 * it uses. Who wants to change what is there looks at all rows first. Using one
 * takes no locked instruction.
 *
 * Kernel origin: none in a release; the idea is that of Maged M. Michael,
 * "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects", 2004.
 * Differs: the user's store and its next load are ordered by membarrier(2), which
 * the other side calls, and not by a fence of its own.
 *
 * The protocol. `slow` is a number that starts at 0 (zs_pool_head_.slow_reads).
 *   reader                               mover
 *   stores an address in a place         adds 1 to slow
 *   slow is 0: uses what it names        uzs_hazards_settle()
 *   else: empties the place,             leaves alone what was noted
 *   and another way                      and is still named
 *   at the end: empties the place        takes 1 from slow
 * If a reader's name cannot be seen after uzs_hazards_settle(), that reader will see
 * that slow is not 0. The reader's usual case, with the first place of its row, is
 * in the public header (zs_read_try_, zs_read_try_end_): programs have it inline.
 * In pools that look for misuse no read goes without a call: an idle row has another
 * number there than the one that programs look for.
 *
 * A place is written by its thread alone, with plain stores. So a use that another
 * thread ends is only counted (uzs_hazard_end_any). From the first such end on slow
 * must stay above 0: what is named then is taken back at once. A caller that can also
 * pin ends a pin first.
 *
 * A row belongs to a thread by the thread's number (uzs_thread_id). So a table
 * needs no variables of the process and no thread-local ones, and a thread that
 * ends need not be noticed: the next one with its number has its row. A row whose
 * number never comes again is lost. A thread that finds none has to do without.
 */
#ifndef UZS_USER_HAZARD_H
#define UZS_USER_HAZARD_H

#include <pthread.h>

#include "compat/lock.h"
#include "compat/os.h"
#include "profile.h"

/* A number that no other thread has while this one lives; not 0. A thread that
 * begins later may have it again. In the child of a fork the thread that forked
 * keeps its own. Not the OS's number: to ask for that takes a system call. */
#ifndef uzs_thread_id /* the lab has threads of its own */
static __always_inline uintptr_t uzs_thread_id(void)
{
#ifdef ZS_THREAD_
	return ZS_THREAD_;
#else
	return (uintptr_t)pthread_self();
#endif
}
#endif

/* Rows of a table. Only rows that are used become memory. */
#ifndef UZS_LOG_ROWS /* the lab has less */
#define UZS_LOG_ROWS ZS_LOG_ROWS_
#endif
#define UZS_ROWS (1u << UZS_LOG_ROWS)

/* Addresses that a thread can name at once. */
#define UZS_HAZARDS ((unsigned int)ZS_ROW_NAMES_)

struct uzs_hazard_table {
	/* const after init */
	struct zs_pool *pool;
	struct zs_row_ *rows; /* just before the pool */
	bool quick; /* an owner begins and ends its uses without a call */
	spinlock_t lock; /* also guards ender in the rows, to write */
	bool shared; /* they have; guard: lock to write, atomic */
	/* The numbers of rows that were ever used, in this order. guard: lock to
	 * write, atomic. */
	u16 *used;
	unsigned int nr_used;
	/* What they have ended: as many as there are places, at most, as nothing
	 * is named any more. guard: lock */
	uintptr_t *ended;
	unsigned int nr_ended;
};

/* Bytes that a table needs beside the rows. */
size_t uzs_hazards_bytes(void);

/* `quick`: programs begin and end reads inline, these as long as nobody shares.
 * `mem` has uzs_hazards_bytes() bytes; the rows are zeroed. There must be no use
 * where uzs_os_barrier_register() fails. */
void uzs_hazards_init(struct uzs_hazard_table *t, struct zs_pool *pool,
		      bool quick, void *mem);

/* In the child of a fork. What other threads have named stays named. */
void uzs_hazards_fork_child(struct uzs_hazard_table *t);

/* Names an address with any place of the thread, to which a row is given if it has
 * none. The loads that follow in the program come after it, as far as
 * uzs_hazards_settle says. Return: the place; NULL: all are taken. */
uintptr_t *uzs_hazard_try_all(struct uzs_hazard_table *t, const void *p);

/* What the first place of a row has that names nothing. Where no read goes without a
 * call, a number that is nobody's. */
static __always_inline uintptr_t uzs_hazard_idle(uintptr_t owner, bool quick)
{
	return quick ? owner : ~owner;
}

/* Gives a thread that has no row one. Return: NULL: those that it may have are all
 * others'. */
struct zs_row_ *uzs_hazard_give_row(struct uzs_hazard_table *t, uintptr_t me);

/* Empties a place of this thread. */
void uzs_hazard_withdraw(const struct uzs_hazard_table *t, uintptr_t *place);

/* Empties a place of this thread that names the address. Return: was there one? */
bool uzs_hazard_drop(const struct uzs_hazard_table *t, const void *p);

/* Have others ended uses? */
static inline bool uzs_hazards_are_shared(const struct uzs_hazard_table *t)
{
	return smp_load_acquire(&t->shared);
}

/* From now on threads end others' uses. The caller has made slow larger. Return:
 * true: it was the first time, so slow must stay larger for good. */
bool uzs_hazards_share(struct uzs_hazard_table *t);

/* Ends a use of any thread's, of this one's if it has one. Locks: needs the table's
 * lock. Return: was there one that is not ended? */
bool uzs_hazard_end_any(struct uzs_hazard_table *t, const void *p);

/* After this, what another thread has named before it looked at what the caller
 * has written is to be seen. Return: false: the OS refuses. */
static inline bool __must_check uzs_hazards_settle(void)
{
	return uzs_os_barrier();
}

static __always_inline unsigned int uzs_hazard_bit(uintptr_t p)
{
	return (unsigned int)((u64)p * 0x9e3779b97f4a7c15u >> 54);
}

/* Notes which addresses are named now. */
void uzs_hazards_note(const struct uzs_hazard_table *t,
		      struct noted_reads *noted);

/* Return: false: it was not named when that was noted. */
static __always_inline bool uzs_hazard_is_noted(const struct noted_reads *noted,
						const void *p)
{
	unsigned int bit = uzs_hazard_bit((uintptr_t)p);

	return noted->bits[bit / 64] >> bit % 64 & 1;
}

/* Does any thread name it, in a use that is not ended? */
bool uzs_hazards_has(struct uzs_hazard_table *t, const void *p);

/* Return: false: no place names it. Few instructions, for who waits for memory that he
 * has asked for. */
static __always_inline bool
uzs_hazards_may_have(const struct uzs_hazard_table *t, const void *p)
{
	unsigned int rows = smp_load_acquire(&t->nr_used);
	bool named = false;

	for (unsigned int i = 0; i < rows; i++) {
		const struct zs_row_ *row = &t->rows[READ_ONCE(t->used[i])];

		for (unsigned int j = 0; j < UZS_HAZARDS; j++)
			named |= smp_load_acquire(&row->names[j]) ==
				 (uintptr_t)p;
	}
	return named;
}

#endif
