/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lockdep.h - what the checked body knows of locks: the class of each lock, who
 * holds it and where it was taken, and in which order classes may be taken.
 *
 * Kernel origin: linux/lockdep.h, kernel/locking/lockdep.c; differs: ranks
 * beside the learned order; several locks of a class are ordered by a number
 * (kernel: by subclasses, at the place of taking); no interrupts; readers count
 * as writers, as a new reader waits behind a waiting writer.
 * In the native body (UZS_CHECKED is 0) all names here are nothing, and locks
 * have no additional fields.
 *
 * Rules. Breaking one makes a report (enum uzs_report_kind):
 *   N1 locks are taken in the order of their ranks, and in an order without
 *      cycles: it is remembered for ever that A was held when B was taken
 *   N2 of two locks of one class, the second has the larger number
 *   N3 no thread takes a lock that it holds, or releases one that it does not
 *      hold
 *   N4 a thread that holds a spin lock or an rwlock does not sleep; if the lock
 *      has a rank, it does not allocate either
 *   N5 memory is not given back while a lock in it is held; a thread holds no
 *      lock when it ends
 *   N6 no page is freed where that is forbidden (uzs_forbid_page_free)
 * A trylock cannot wait, so it never breaks N1 or N2. Locks that are taken
 * after it still must fit.
 */
#ifndef UZS_COMPAT_LOCKDEP_H
#define UZS_COMPAT_LOCKDEP_H

#include "compat/base.h"

#ifndef UZS_CHECKED
#define UZS_CHECKED 0
#endif

/* Ranks of compat's own locks, the outermost first. Users' ranks are between
 * them. */
#define UZS_RANK_TRIM 20
#define UZS_RANK_GATE 35
#define UZS_RANK_PAGE 40
#define UZS_RANK_ALLOC 80 /* of slab caches and zones, in a learned order */
#define UZS_RANK_LEAF 90

#if UZS_CHECKED

/* Locks that a test takes itself stand for those of another thread. So locks
 * taken in files that are compiled with this have no place in the order. */
#ifndef UZS_LOCKS_OF_OTHERS
#define UZS_LOCKS_OF_OTHERS 0
#endif

/* A place in the source. */
struct uzs_place {
	const char *file;
	int line;
	bool for_others;
	const char *function; /* may be NULL */
};
#define UZS_HERE                                                             \
	({                                                                   \
		static const struct uzs_place here_ = { __FILE__, __LINE__,  \
							UZS_LOCKS_OF_OTHERS, \
							__func__ };          \
		&here_;                                                      \
	})

#define UZS_LOCK_SUBCLASSES 4

struct uzs_lock_class;

/* One for each place that initializes locks. All locks initialized there are of
 * one class. */
struct uzs_lock_key {
	const char *name; /* as written there */
	struct uzs_place init;
	struct uzs_lock_class *class[UZS_LOCK_SUBCLASSES]; /* set once, atomic */
};
#define UZS_LOCK_KEY(text)                                                   \
	{                                                                    \
		.name = (text), .init = { __FILE__, __LINE__, false, NULL }, \
	}

/* In every lock. All zeroes: the class is not known, and there is no order. */
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

/* To be called right after a lock's init.
 * rank: of the lock's class. Locks with a larger rank are taken later. 0: none.
 * subclass: 0 to UZS_LOCK_SUBCLASSES - 1; makes it a class of its own. To be
 *   called before the other two.
 * order: several locks of the class may be held at once if they are taken in
 *   ascending order of this number. Begins at 1. */
#define lock_set_rank(lock, rank) uzs_lock_set_rank(&(lock)->map, (rank))
#define lock_set_subclass(lock, n) uzs_lock_set_subclass(&(lock)->map, (n))
#define lock_set_order(lock, n) ((void)((lock)->map.order = (n)))
void uzs_lock_set_rank(struct uzs_lock_map *map, unsigned int rank);
void uzs_lock_set_subclass(struct uzs_lock_map *map, unsigned int subclass);

/* Takes the locks that this thread holds out of the order, until they are
 * released: locks that are taken next are not checked against them. For fork,
 * which holds all locks of one user while it takes those of the next. */
void uzs_park_locks(void);

/* ---- questions ----------------------------------------------------------- */

/* Does this thread hold it, for reading or writing? */
bool uzs_holds(const void *lock);
/* How many locks does this thread hold, of classes with that name (as given
 * where they are initialized, without &)? NULL: of all classes. */
unsigned int uzs_count_held(const char *name);

#define uzs_assert_held(lock) uzs_check_held((lock), #lock, true, UZS_HERE)
#define uzs_assert_not_held(lock) uzs_check_held((lock), #lock, false, UZS_HERE)
#define might_sleep() uzs_check_sleep(UZS_HERE)
#define might_alloc(gfp) uzs_check_alloc((gfp), UZS_HERE)
/* Until the next call, this thread must not free pages while it holds a lock of
 * that rank. 0: it may. */
#define uzs_forbid_page_free(rank) uzs_set_page_free_rule((rank), UZS_HERE)
void uzs_check_held(const void *lock, const char *name, bool held,
		    const struct uzs_place *here);
void uzs_check_sleep(const struct uzs_place *here);
void uzs_check_alloc(gfp_t gfp, const struct uzs_place *here);
void uzs_set_page_free_rule(unsigned int rank, const struct uzs_place *here);
#define uzs_page_is_freed() uzs_check_page_free(UZS_HERE)
void uzs_check_page_free(const struct uzs_place *here);
/* N5, to be called before memory is given back. */
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
	const struct uzs_place *here; /* where the rule was broken */
	const struct uzs_place *other; /* where the other lock, or this one,
					* was taken; NULL: nowhere */
	const char *text; /* the whole report; valid until fn returns */
};

/* Sets a function that gets each report. Without one (NULL, the default) a
 * report is printed on stderr and the process ends. With one, the call that
 * broke the rule continues: a wrong release is not done, and taking a lock
 * again is only counted. */
void uzs_set_report_handler(void (*fn)(void *arg, const struct uzs_report *r),
			    void *arg);

/* ---- for the calls that take and release locks (checked.c) --------------- */

struct uzs_held {
	const void *lock; /* atomic */
	struct uzs_lock_class *class;
	const struct uzs_place *place; /* where it was taken; atomic */
	u64 since; /* ns */
	u32 order;
	u16 again; /* how often it was taken again (N3) */
	u8 kind; /* enum uzs_lock_kind */
	bool parked;
};

void uzs_lock_register(struct uzs_lock_map *map, const void *lock,
		       struct uzs_lock_key *key, const struct uzs_place *here);
/* Before the lock is taken. Return: false: the thread holds it, do not take it.
 */
bool uzs_lockdep_take(const void *lock, struct uzs_lock_class *class, u32 order,
		      enum uzs_lock_kind kind, const struct uzs_place *here);
void uzs_lockdep_taken(const void *lock, struct uzs_lock_class *class,
		       u32 order, enum uzs_lock_kind kind,
		       const struct uzs_place *here, u64 now);
/* Before the lock is released. Return: false: do not release it. *was: what was
 * known of it. */
bool uzs_lockdep_drop(const void *lock, enum uzs_lock_kind kind,
		      const struct uzs_place *here, struct uzs_held *was);
/* In the child of a fork: forgets that this thread holds it, if it does. */
void uzs_lockdep_forget(const void *lock);

/* For a body with several threads of its own in one real thread: the lab's
 * fibers. */
void *uzs_lockdep_new(void); /* a new thread */
void uzs_lockdep_switch(void *thread); /* it runs; NULL: the real thread */
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
