/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockdep.h - what the checked body of compat knows of locks: which class a
 * lock belongs to, who holds it since where, in which order classes may be
 * taken.
 *
 * Kernel origin: linux/lockdep.h, kernel/locking/lockdep.c; differs: ranks
 * beside the learned order; order of instances by number (kernel: subclasses
 * at the place of taking); no interrupts; readers count as writers, as a
 * reader queues behind a writer that waits.
 * Callers: everyone who has a lock. With UZS_CHECKED unset (the native body)
 * all of it is nothing, down to the locks' size.
 *
 * Rules, each of which makes a report (enum uzs_report_kind) if broken:
 *   N1 locks are taken in the order of their ranks, and in an order without
 *      cycles: that A was held when B was taken is remembered for ever
 *   N2 of two locks of one class the second has the larger number
 *   N3 nobody takes a lock that he has, or gives back one that he has not
 *   N4 who holds a spin lock or an rwlock neither sleeps nor, if it has a
 *      rank, allocates
 *   N5 memory is not given back with a lock in it that is held; threads do not
 *      end holding one
 *   N6 no page is freed where that was ruled out (uzs_forbid_page_free)
 * Taking by trying cannot wait, so it breaks neither N1 nor N2; what is taken
 * after it still has to fit.
 */
#ifndef UZS_COMPAT_LOCKDEP_H
#define UZS_COMPAT_LOCKDEP_H

#include "compat/base.h"

#ifndef UZS_CHECKED
#define UZS_CHECKED 0
#endif

/* Ranks of compat's own locks, outer first. Its users' lie between. */
#define UZS_RANK_TRIM 20
#define UZS_RANK_GATE 35
#define UZS_RANK_PAGE 40
#define UZS_RANK_ALLOC 80 /* slab caches and zone, in an order of their own */
#define UZS_RANK_LEAF 90

#if UZS_CHECKED

/* A test that holds a lock while it calls others stands for another thread:
 * what is taken in files compiled with this has no place in the order. */
#ifndef UZS_LOCKS_OF_OTHERS
#define UZS_LOCKS_OF_OTHERS 0
#endif

/* A place in the source. */
struct uzs_place {
	const char *file;
	int line;
	bool for_others;
};
#define UZS_HERE                                                               \
	({                                                                     \
		static const struct uzs_place here_ = { __FILE__, __LINE__,    \
							UZS_LOCKS_OF_OTHERS }; \
		&here_;                                                        \
	})

#define UZS_LOCK_SUBCLASSES 4

struct uzs_lock_class;

/* One for each place that initializes locks: all of these are one class. */
struct uzs_lock_key {
	const char *name; /* as written there */
	struct uzs_place init;
	struct uzs_lock_class *class[UZS_LOCK_SUBCLASSES]; /* set once, atomic */
};
#define UZS_LOCK_KEY(text)                                             \
	{                                                              \
		.name = (text), .init = { __FILE__, __LINE__, false }, \
	}

/* In every lock. All zeroes: of no known class, and in no order. */
struct uzs_lock_map {
	struct uzs_lock_class *class;
	u32 order;
};
#define UZS_LOCK_MAP struct uzs_lock_map map;

enum uzs_lock_kind {
	UZS_LOCK_SPIN,
	UZS_LOCK_READ, /* of an rwlock */
	UZS_LOCK_WRITE,
	UZS_LOCK_MUTEX,
	UZS_LOCK_PAGE,
	UZS_LOCK_PIN, /* a pinlock for writing; readers are only counted */
	UZS_LOCK_KINDS
};

/* ---- what is known of a lock -------------------------------------------- */

/* Called right after a lock's init, by whoever knows.
 * rank: of the lock's class; larger is further in, 0: none.
 * subclass: 0 to UZS_LOCK_SUBCLASSES - 1; makes it a class of its own. Before
 *   the others.
 * order: several locks of the class may be held at once, taken in ascending
 *   order of this number, from 1. */
#define lock_set_rank(lock, rank) uzs_lock_set_rank(&(lock)->map, (rank))
#define lock_set_subclass(lock, n) uzs_lock_set_subclass(&(lock)->map, (n))
#define lock_set_order(lock, n) ((void)((lock)->map.order = (n)))
void uzs_lock_set_rank(struct uzs_lock_map *map, unsigned int rank);
void uzs_lock_set_subclass(struct uzs_lock_map *map, unsigned int subclass);

/* Takes the locks that this thread holds out of the order, until it gives
 * them back: what comes next is not nested in them in any order that could be
 * learned. For fork, which holds one pool's locks while it takes another's. */
void uzs_park_locks(void);

/* ---- questions ----------------------------------------------------------- */

/* Does this thread hold it (in any way)? */
bool uzs_holds(const void *lock);
/* How many locks does this thread hold; of a class with that name (as given
 * where they are initialized, without &; NULL: any)? */
unsigned int uzs_count_held(const char *name);

#define uzs_assert_held(lock) uzs_check_held((lock), #lock, true, UZS_HERE)
#define uzs_assert_not_held(lock) uzs_check_held((lock), #lock, false, UZS_HERE)
#define might_sleep() uzs_check_sleep(UZS_HERE)
#define might_alloc(gfp) uzs_check_alloc((gfp), UZS_HERE)
/* Until the next call this thread must free no page while it holds a lock of
 * that rank; 0 ends it. */
#define uzs_forbid_page_free(rank) uzs_set_page_free_rule((rank), UZS_HERE)
void uzs_check_held(const void *lock, const char *name, bool held,
		    const struct uzs_place *here);
void uzs_check_sleep(const struct uzs_place *here);
void uzs_check_alloc(gfp_t gfp, const struct uzs_place *here);
void uzs_set_page_free_rule(unsigned int rank, const struct uzs_place *here);
#define uzs_page_is_freed() uzs_check_page_free(UZS_HERE)
void uzs_check_page_free(const struct uzs_place *here);
/* N5: the memory goes away. */
#define uzs_no_locks_in(addr, size) \
	uzs_check_no_locks_in((addr), (size), UZS_HERE)
void uzs_check_no_locks_in(const void *addr, size_t size,
			   const struct uzs_place *here);

/* ---- reports ------------------------------------------------------------- */

enum uzs_report_kind {
	UZS_REPORT_RANK, /* N1, against the ranks */
	UZS_REPORT_ORDER, /* N1, against what was seen before */
	UZS_REPORT_NESTED, /* N2 */
	UZS_REPORT_RECURSION, /* N3 */
	UZS_REPORT_OWNER, /* N3 */
	UZS_REPORT_SLEEP, /* N4 */
	UZS_REPORT_ALLOC, /* N4 */
	UZS_REPORT_GONE, /* N5 */
	UZS_REPORT_PAGE_FREE, /* N6 */
	UZS_REPORT_HELD, /* uzs_assert_not_held */
	UZS_REPORT_NOT_HELD, /* uzs_assert_held */
	UZS_NR_REPORT_KINDS
};

struct uzs_report {
	enum uzs_report_kind kind;
	const struct uzs_place *here; /* where it was noticed */
	const struct uzs_place *other; /* where the other lock, or this one,
					* was taken; NULL if nowhere */
	const char *text; /* all of it, lines; lives until fn returns */
};

/* fn gets what would otherwise be printed on stderr and end the process. The
 * call that broke the rule then goes on: a wrong release is not done, what is
 * taken again is counted. NULL: print and abort, as from the start. */
void uzs_set_report_handler(void (*fn)(void *arg, const struct uzs_report *r),
			    void *arg);

/* ---- for the calls that take and give locks (checked.c) ------------------- */

struct uzs_held {
	const void *lock; /* atomic */
	struct uzs_lock_class *class;
	const struct uzs_place *place; /* where it was taken; atomic */
	u64 since; /* ns */
	u32 order;
	u16 again; /* times that it was taken once more (N3) */
	u8 kind; /* enum uzs_lock_kind */
	bool parked;
};

void uzs_lock_register(struct uzs_lock_map *map, const void *lock,
		       struct uzs_lock_key *key, const struct uzs_place *here);
/* Before waiting. False: the thread has it, do not take it. */
bool uzs_lockdep_take(const void *lock, struct uzs_lock_class *class, u32 order,
		      enum uzs_lock_kind kind, const struct uzs_place *here);
void uzs_lockdep_taken(const void *lock, struct uzs_lock_class *class,
		       u32 order, enum uzs_lock_kind kind,
		       const struct uzs_place *here, u64 now);
/* Before giving it back. False: do not. *was: what was known of it. */
bool uzs_lockdep_drop(const void *lock, enum uzs_lock_kind kind,
		      const struct uzs_place *here, struct uzs_held *was);
/* In a child: forgets that it is held, if it is. */
void uzs_lockdep_forget(const void *lock);

/* For the lab, whose fibers are threads to lockdep. */
void *uzs_lockdep_new(void); /* what is known of one */
void uzs_lockdep_switch(void *thread); /* NULL: the real thread's */
void uzs_lockdep_drop_all(void *thread); /* it holds nothing; NULL: we */
void uzs_lockdep_forget_order(void);

#else /* the native body */

#define UZS_LOCK_MAP
#define lock_set_rank(lock, rank) ((void)(lock))
#define lock_set_subclass(lock, n) ((void)(lock))
#define lock_set_order(lock, n) ((void)(lock))
#define uzs_park_locks() ((void)0)
#define uzs_assert_held(lock) ((void)(lock))
#define uzs_assert_not_held(lock) ((void)(lock))
#define might_sleep() ((void)0)
#define might_alloc(gfp) ((void)(gfp))
#define uzs_forbid_page_free(rank) ((void)(rank))
#define uzs_page_is_freed() ((void)0)
#define uzs_no_locks_in(addr, size) ((void)(addr), (void)(size))

#endif
#endif
