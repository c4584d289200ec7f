/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab.h - compat's third body: virtual CPUs as fibers of one thread, and a
 * scheduler, somebody else's, that says at every step which goes on.
 *
 * The library's sources are compiled as they are, with UZS_LAB=1 (which needs
 * UZS_CHECKED=1: places, lock classes and rules are those of lockdep.h) and
 * with lab_force.h included first, which turns every atomic access into a
 * step. The same program text as the native body's, but for what is below
 * it: lab_lock.c stands for lock.c and checked.c, lab_os.c for os.c, lab_env.c
 * for percpu.c, worker.c and liburcu, lab.c for fault.c.
 *
 * A *step* is one call of a primitive: taking or giving back any lock, trying
 * one, an atomic access to a shared word, sleeping on a word and waking, a
 * thread's beginning and end, cond_resched, RCU. Before each one the fiber
 * says what it is about to do and asks the scheduler; between two steps it
 * runs undisturbed. So:
 *   F1 a fiber runs only if it can do the step it is at (uzs_lab_can_run): who
 *      wants a lock that another one has is not chosen, and nobody spins.
 *   F2 what a run does depends on the scheduler's choices alone: memory has
 *      the same addresses and contents in each (uzs_lab_snapshot, _restore),
 *      and the clock is the scheduler's.
 *   F3 plain accesses to memory are no steps: they happen with the step
 *      before them. A race of plain accesses is seen only by what comes of
 *      it.
 * Outside of a run (setting up, checking) the same calls work at once: there
 * is one thread.
 *
 * Two schedulers are meant: the explorer (lab/explore.c), which tries one
 * order of steps after the other, and a simulator, which gives each virtual
 * CPU a clock, lets each step cost something and picks the one whose clock is
 * behind. The body calls them as
 *
 *   pick(current)      where `current` (NULL: it ended) has said what it will
 *                      do next; the answer is a fiber that can run, `current`
 *                      if it may (which costs no switch), or NULL: the run
 *                      is over, all fibers are dropped where they are.
 *                      When none can run, pick returns what uzs_lab_stuck()
 *                      answers.
 *   granted(fiber)     the fiber does fiber->step now; fiber->step.outcome
 *                      says if a try will succeed.
 *   note(fiber, step)  something that costs time but is no step: memory
 *                      copied, a page freed, work queued.
 *   now()              for uzs_clock_ns().
 *
 * A scheduler must not touch the fibers' memory (the pool) in these calls, but
 * it may look at it through uzs_lab_aside.
 */
#ifndef UZS_LAB_BODY_H
#define UZS_LAB_BODY_H

#include "compat/base.h"
#include "compat/checked/lockdep.h"

#define UZS_LAB_MAX_FIBERS 160

enum uzs_lab_op {
	LAB_START, /* a fiber's first step */
	LAB_LOCK, /* spinlock_t, struct mutex, local_lock_t */
	LAB_TRYLOCK,
	LAB_UNLOCK,
	LAB_READ_LOCK, /* rwlock_t */
	LAB_READ_TRYLOCK,
	LAB_READ_UNLOCK,
	LAB_WRITE_LOCK,
	LAB_WRITE_TRYLOCK,
	LAB_WRITE_UNLOCK,
	LAB_PIN, /* pinlock_t, for reading */
	LAB_UNPIN,
	LAB_PIN_TRYWRITE,
	LAB_PIN_UNWRITE,
	LAB_LOCK_PAGE,
	LAB_TRYLOCK_PAGE,
	LAB_UNLOCK_PAGE,
	LAB_WAIT_PAGE, /* until it is not locked */
	LAB_LOAD, /* an atomic access: READ_ONCE and the like */
	LAB_STORE,
	LAB_ADD, /* adds, and does not look at what is there */
	LAB_RMW,
	LAB_CONTENDED, /* rwlock_is_contended and the like */
	LAB_WAIT, /* about to sleep on a word */
	LAB_WOKEN, /* asleep until woken */
	LAB_WAKE,
	LAB_SPAWN,
	LAB_JOIN,
	LAB_RELEASED, /* right after giving back the lock `obj`: nothing to do,
		       * but others may go on before the plain accesses that
		       * follow */
	LAB_RESCHED, /* cond_resched: a switch here was offered */
	LAB_CPU, /* which virtual CPU? */
	LAB_SET_CPU, /* moves to another one */
	LAB_RCU_READ,
	LAB_RCU_UNREAD,
	LAB_RCU_SYNC,
	/* notes */
	LAB_COPY, /* n bytes */
	LAB_PAGE_FREE, /* obj: the page */
	LAB_QUEUE_WORK, /* obj: the item; n: 1 if it was not queued already */
	LAB_NR_OPS
};

/* How a step touches its object: two steps on one object can change places,
 * as far as anybody can tell, if both look or both add. */
enum uzs_lab_access {
	LAB_NOTHING, /* no object */
	LAB_LOOKS,
	LAB_ADDS, /* also: readers that take or give back a lock */
	LAB_CHANGES
};

struct uzs_lab_step {
	enum uzs_lab_op op;
	enum uzs_lab_access access;
	bool outcome; /* of a try, valid once granted */
	bool acquire, release; /* ordering with other fibers */
	const void *obj; /* the lock, word, page (NULL: none) */
	const char *what; /* its name in the source, or its lock class */
	const struct uzs_place *place;
	u64 n; /* of a note */
};

enum uzs_lab_state {
	LAB_READY, /* at a step, which it may or may not be able to do */
	LAB_DONE
};

struct uzs_lab_fiber {
	unsigned int id; /* place in the table, from 0 */
	unsigned int cpu; /* virtual CPU */
	enum uzs_lab_state state;
	bool daemon; /* a worker: the run may end while it sleeps */
	bool last; /* begins when all others, but daemons, are done */
	bool woken; /* guard for LAB_WOKEN */
	u64 due; /* ns; LAB_WOKEN with a timeout; 0: none */
	unsigned int rcu_depth; /* rcu_read_lock()s */
	u64 rcu_since; /* number of the outermost one */
	u64 rcu_wait; /* LAB_RCU_SYNC: number that readers must be past */
	u64 steps; /* done so far */
	struct uzs_lab_step step; /* that it is at */
	const struct uzs_place *from; /* uzs_lab_from; NULL: nowhere */
	const char *name;
	void *user; /* the scheduler's own */
	/* the body's */
	void (*fn)(void *arg);
	void *(*thread_fn)(void *arg); /* of uzs_worker_create */
	void *arg;
	void *lockdep;
	struct uzs_fiber_context *context;
};

struct uzs_lab_scheduler {
	struct uzs_lab_fiber *(*pick)(void *arg, struct uzs_lab_fiber *current);
	void (*granted)(void *arg, struct uzs_lab_fiber *fiber);
	/* May be NULL. */
	void (*note)(void *arg, struct uzs_lab_fiber *fiber,
		     const struct uzs_lab_step *step);
	/* NULL: a clock that stands still but for timeouts. */
	u64 (*now)(void *arg);
	void *arg;
};

/* ---- setting up -----------------------------------------------------------
 */

struct uzs_lab_options {
	size_t arena_bytes; /* address space for all that uzs_os_map gives */
	size_t stack_bytes; /* of a fiber */
	unsigned int cpus; /* virtual CPUs: slots of per-CPU data */
	bool track; /* snapshot and restore, and poison, are wanted */
};

/* Once in a process, before any pool is made. False: the OS has no room. */
bool uzs_lab_init(const struct uzs_lab_options *options);

/* Handles SIGSEGV, SIGBUS and SIGVTALRM from here on; called by
 * uzs_lab_snapshot, as test frameworks take the handlers away. */
void uzs_lab_catch_faults(void);

/* Remembers the arena as it is. Restoring copies back what was written since;
 * the first write to each page after the snapshot is noticed by a trap, all
 * later ones are free. Both outside of a run. */
void uzs_lab_snapshot(void);
void uzs_lab_restore(void);
/* Memory outside of the arena that is restored with it, and cleared to what it
 * is now. Once, before the first snapshot. False: the OS has no room. */
bool uzs_lab_keep(void *addr, size_t size);
/* Bytes that a restore copies: it only grows. */
size_t uzs_lab_restore_bytes(void);
/* Can this piece of the arena have been written to in any run since the
 * snapshot? Told by pages. Without a snapshot: yes. */
bool uzs_lab_was_written(const volatile void *addr, size_t size);
/* A fingerprint of what lies in the arena; to compare runs from one snapshot.
 */
u64 uzs_lab_memory_print(void);
/* Bytes that uzs_os_map gave and uzs_os_unmap did not get back. */
size_t uzs_lab_mapped_bytes(void);
/* Gives everything in the arena back: as right after uzs_lab_init. */
void uzs_lab_clear(void);

/* ---- a run ----------------------------------------------------------------
 */

/* Forgets all fibers. */
void uzs_lab_reset(void);
/* A fiber that will call fn(arg) on that virtual CPU. Also from within a run.
 * NULL: there are UZS_LAB_MAX_FIBERS already. */
struct uzs_lab_fiber *uzs_lab_spawn(const char *name, unsigned int cpu,
				    void (*fn)(void *arg), void *arg);
/* Runs until the scheduler ends it. */
void uzs_lab_run(const struct uzs_lab_scheduler *scheduler);

/* Calls fn outside of a run; false if that ended in a finding (a crash, a
 * failed assertion). */
bool uzs_lab_protect(void (*fn)(void *arg), void *arg);
/* For a scheduler, in pick: calls fn as if there were no run, with all fibers
 * where they are. None of what it does is a step; it must leave memory as it
 * was. A finding ends the run. */
void uzs_lab_aside(void (*fn)(void *arg), void *arg);

/* Of the run: the fibers in order of their ids. */
unsigned int uzs_lab_nr_fibers(void);
struct uzs_lab_fiber *uzs_lab_fiber(unsigned int id);
/* The one that runs; NULL outside of a run. */
extern struct uzs_lab_fiber *uzs_lab_current;
/* Is it not done, and can it do its step? */
bool uzs_lab_can_run(const struct uzs_lab_fiber *fiber);
/* For a scheduler that finds nobody who can run. The next timeout comes: the
 * answer is whom it wakes. Or all is done: NULL. Or not all: NULL, and a
 * finding (deadlock, or a wakeup that was lost). */
struct uzs_lab_fiber *uzs_lab_stuck(void);

/* ---- findings ---------------------------------------------------------------
 */

enum uzs_lab_finding {
	LAB_FOUND_NOTHING,
	LAB_FOUND_DEADLOCK, /* locks, in a circle or never given back */
	LAB_FOUND_LOST_WAKEUP, /* somebody sleeps for ever */
	LAB_FOUND_ORDER, /* of locks */
	LAB_FOUND_LOCK_RULE, /* another rule of lockdep.h */
	LAB_FOUND_RACE, /* two stores to one word that nothing orders */
	LAB_FOUND_FREED_MEMORY, /* used after it was freed */
	LAB_FOUND_DOUBLE_FREE, /* of a page or a slab's object */
	LAB_FOUND_ASSERTION, /* VM_BUG_ON */
	LAB_FOUND_CRASH,
	LAB_FOUND_LIVELOCK, /* too many steps, or none for seconds */
	LAB_FOUND_INVARIANT, /* what the scenario checks at the end */
	LAB_FOUND_LEAK, /* a page, zspage or handle that nobody has */
	LAB_FOUND_LOST_HANDLE, /* an object gone, freed twice, or changed */
	LAB_NR_FINDINGS
};

const char *uzs_lab_finding_name(enum uzs_lab_finding kind);

/* Notes a finding (only the first one counts), and ends the run if there is
 * one: then it does not return. */
void uzs_lab_found(enum uzs_lab_finding kind, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
enum uzs_lab_finding uzs_lab_finding(void);
const char *uzs_lab_finding_text(void);
void uzs_lab_clear_finding(void);
/* Forgets the order of locks learned so far (lockdep's N1). */
void uzs_lab_forget_lock_order(void);

/* ---- words for humans
 * --------------------------------------------------------- */

const char *uzs_lab_op_name(enum uzs_lab_op op);
/* "lock class->lock" and the like. Return: as snprintf. */
int uzs_lab_describe_step(const struct uzs_lab_step *step, char *buf,
			  size_t size);

/* ---- for scenarios, within a fiber
 * --------------------------------------------- */

/* This fiber goes on on another virtual CPU; a step of its own. */
void uzs_lab_set_cpu(unsigned int cpu);
/* An offer to switch: a step without an object. */
void uzs_lab_yield(void);
/* ---- for the body's own files and lab_force.h
 * ----------------------------------- */

/* A place that also says what is accessed. */
struct uzs_lab_place {
	struct uzs_place at; /* first: a struct uzs_place points here */
	const char *what;
};
#define UZS_LAB_PLACE(text)                                            \
	({                                                             \
		static const struct uzs_lab_place uzs_here_ = {        \
			{ .file = __FILE__, .line = __LINE__ }, (text) \
		};                                                     \
		&uzs_here_;                                            \
	})

const struct uzs_lab_options *uzs_lab_options(void);
/* NULL: no run. */
const struct uzs_lab_scheduler *uzs_lab_scheduler(void);
/* RCU: is another fiber a reader since before number `wait`? */
bool uzs_lab_readers_before(const struct uzs_lab_fiber *self, u64 wait);

/* The step before an atomic access. */
void uzs_lab_access(enum uzs_lab_op op, const volatile void *obj, int order,
		    const struct uzs_lab_place *place);
/* Any other step. */
void uzs_lab_point(enum uzs_lab_op op, enum uzs_lab_access access,
		   const void *obj, const char *what,
		   const struct uzs_place *place);
void uzs_lab_note(enum uzs_lab_op op, const void *obj, u64 n);
/* Does the step's lock, word or page allow it now? (lab_lock.c) */
bool uzs_lab_step_succeeds(const struct uzs_lab_step *step);
/* Whom a wake on this word concerns. */
void uzs_lab_wake(const void *word, bool all);
/* Its clock has moved: of the timeouts, and for want of a scheduler's. */
extern u64 uzs_lab_clock_ns;

/* lab_lock.c: what the names of lock.h stand for (lab_lock.h). */
void uzs_lab_wait_on(u32 *word, u32 expected, u64 ns,
		     const struct uzs_lab_place *here);
void uzs_lab_wake_on(u32 *word, bool all, const struct uzs_lab_place *here);
void uzs_lab_resched(const struct uzs_place *here);
void uzs_lab_rcu_read_lock(const struct uzs_place *here);
void uzs_lab_rcu_read_unlock(const struct uzs_place *here);
void uzs_lab_synchronize_rcu(const struct uzs_place *here);

/* The fiber is now in a call made there (NULL: nowhere), for a reader of its
 * steps. Return: where it was before. */
static inline const struct uzs_place *
uzs_lab_from(const struct uzs_place *place)
{
	const struct uzs_place *before;

	if (!uzs_lab_current)
		return NULL;
	before = uzs_lab_current->from;
	uzs_lab_current->from = place;
	return before;
}

/* Memory that nobody may use; lab_os.c. */
void uzs_lab_poison(const volatile void *addr, size_t size);
void uzs_lab_unpoison(const volatile void *addr, size_t size);
bool uzs_lab_in_arena(const volatile void *addr);
/* After a run: has anybody written to a page that is free? */
void uzs_lab_check_freed(void);
bool uzs_lab_is_poisoned(const volatile void *addr, size_t size);
void uzs_lab_check_memory(const volatile void *addr, size_t size,
			  const struct uzs_place *place);
/* A piece that is read or written by no step and all at once: a copy, an
 * object's contents. Does nothing but in programs that look at plain accesses,
 * where it is lab/watch.c's. */
void uzs_lab_plain(const volatile void *addr, size_t size, bool write);

/* What pthread_join and the like are in the library's sources. */
typedef struct uzs_lab_fiber *uzs_lab_thread;
void uzs_lab_thread_join(void *thread);
unsigned long uzs_lab_thread_self(void);

#endif
