/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab.h - compat's third body: virtual CPUs, which are fibers of one thread. A
 * scheduler, which is not part of the body, chooses at every step which fiber
 * continues.
 *
 * The library's sources are compiled unchanged, with UZS_LAB=1 and with
 * lab_force.h included first, which turns every atomic access into a step.
 * UZS_CHECKED=1 too: places, lock classes and rules are those of lockdep.h.
 * Only the lowest files are replaced: lab_lock.c stands for lock.c and
 * checked.c, lab_os.c for os.c, lab_env.c for percpu.c, worker.c and liburcu,
 * lab.c for fault.c.
 *
 * A *step* is one call of a primitive: taking, trying or releasing any lock, an
 * atomic access to a shared word, sleeping on a word and waking, a thread's
 * beginning and end, cond_resched, RCU. Before each step the fiber says what it
 * is about to do and asks the scheduler. Between two steps no other fiber runs.
 * So:
 *   F1 a fiber runs only if it can do its next step (uzs_lab_can_run): a fiber
 *      that waits for a lock is not chosen, and no fiber spins.
 *   F2 a run depends only on the scheduler's choices: memory has the same
 *      addresses and contents at the start of each run (uzs_lab_snapshot,
 *      _restore), and the clock is the scheduler's.
 *   F3 plain accesses to memory are no steps: they happen together with the
 *      step before them. So a race of plain accesses is seen only if it has a
 *      consequence.
 * Outside of a run (setting up, checking) there is one thread, and the same
 * calls work at once.
 *
 * There are two schedulers. The explorer (lab/explore.c) tries one order of
 * steps after the other. The simulator (lab/sim_sched.c) gives each virtual CPU
 * a clock, lets each step cost time, and chooses the CPU with the least clock.
 * The body calls a scheduler in these ways:
 *
 *   pick(current)      `current` has said what it will do next (NULL: it has
 *                      ended). Return: a fiber that can run; it may be
 *                      `current`, which costs no switch. NULL: the run is over,
 *                      and all fibers are dropped where they are. If no fiber
 *                      can run, pick returns what uzs_lab_stuck() returns.
 *   granted(fiber)     the fiber now does fiber->step; fiber->step.outcome says
 *                      whether a trylock will succeed.
 *   note(fiber, step)  something that costs time but is no step: memory was
 *                      copied, a page freed, work queued.
 *   now()              for uzs_clock_ns().
 *
 * A scheduler must not touch the fibers' memory in these calls. It may read it
 * through uzs_lab_aside.
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
	LAB_FENCE, /* of all threads: uzs_os_barrier, if there is a model of
		    * memory order */
	LAB_CONTENDED, /* rwlock_is_contended and the like */
	LAB_WAIT, /* about to sleep on a word */
	LAB_WOKEN, /* sleeps until it is woken */
	LAB_WAKE,
	LAB_SPAWN,
	LAB_JOIN,
	LAB_RELEASED, /* after the lock `obj` was released: does nothing, but
		       * lets others run before the plain accesses that
		       * follow */
	LAB_RESCHED, /* cond_resched */
	LAB_CPU, /* reads which virtual CPU it runs on */
	LAB_SET_CPU, /* moves to another CPU */
	LAB_RCU_READ,
	LAB_RCU_UNREAD,
	LAB_RCU_SYNC,
	/* notes */
	LAB_COPY, /* n bytes */
	LAB_PAGE_FREE, /* obj: the page */
	LAB_QUEUE_WORK, /* obj: the item; n: 1 if it was not queued already */
	LAB_MAP, /* obj: memory from the OS; n: bytes */
	LAB_UNMAP,
	LAB_NR_OPS
};

/* How a step uses its object. The order of two steps on one object makes no
 * difference if both look or both add. */
enum uzs_lab_access {
	LAB_NOTHING, /* no object */
	LAB_LOOKS,
	LAB_ADDS, /* also: readers that take or release a lock */
	LAB_CHANGES
};

struct uzs_lab_step {
	enum uzs_lab_op op;
	enum uzs_lab_access access;
	bool outcome; /* of a try, valid once granted */
	bool acquire, release; /* memory ordering */
	const void *obj; /* the lock, word or page (NULL: none) */
	const char *what; /* obj's name in the source, or its lock class */
	const struct uzs_place *place;
	u64 n; /* of a note */
};

enum uzs_lab_state {
	LAB_READY, /* before a step; perhaps it cannot do it yet */
	LAB_DONE
};

struct uzs_lab_fiber {
	unsigned int id; /* place in the table, from 0 */
	unsigned int cpu; /* virtual CPU */
	enum uzs_lab_state state;
	bool daemon; /* a worker: the run may end while it sleeps */
	bool last; /* begins when all others but daemons are done */
	bool woken; /* guard for LAB_WOKEN */
	u64 due; /* ns; LAB_WOKEN with a timeout; 0: none */
	unsigned int rcu_depth; /* how many rcu_read_lock()s are open */
	u64 rcu_since; /* grace periods before the outermost one */
	u64 rcu_wait; /* LAB_RCU_SYNC waits for readers with less than this */
	u64 steps; /* done so far */
	struct uzs_lab_step step; /* the next, or the present one */
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
	/* NULL: a clock that only timeouts move. */
	u64 (*now)(void *arg);
	void *arg;
};

/* ---- setting up ---------------------------------------------------------- */

struct uzs_lab_options {
	size_t arena_bytes; /* address space for all of uzs_os_map */
	size_t stack_bytes; /* of a fiber */
	unsigned int cpus; /* virtual CPUs: slots of per-CPU data */
	bool track; /* with snapshots and poison */
};

/* To be called once in a process, before any memory is mapped. Return: false:
 * no memory. */
bool uzs_lab_init(const struct uzs_lab_options *options);

/* Handles SIGSEGV, SIGBUS and SIGVTALRM from here on; called by
 * uzs_lab_snapshot, as test frameworks take the handlers away. */
void uzs_lab_catch_faults(void);

/* Saves the arena. Restoring copies back what was written since. The first
 * write to each page after the snapshot traps; later ones cost nothing. Both
 * outside of a run. */
void uzs_lab_snapshot(void);
void uzs_lab_restore(void);
/* Adds memory outside of the arena: it is saved and restored too, and
 * uzs_lab_clear sets it to its present contents. To be called once, before the
 * first snapshot. Return: false: no memory. */
bool uzs_lab_keep(void *addr, size_t size);
/* Bytes that a restore copies. They only become more. */
size_t uzs_lab_restore_bytes(void);
/* May this part of the arena have been written to since the snapshot, in any
 * run? Known for whole pages only. Without a snapshot: yes. */
bool uzs_lab_was_written(const volatile void *addr, size_t size);
/* A hash of the arena's contents, to compare runs from one snapshot. */
u64 uzs_lab_memory_print(void);
/* Bytes that are mapped by uzs_os_map. */
size_t uzs_lab_mapped_bytes(void);
/* Empties the arena: as right after uzs_lab_init. */
void uzs_lab_clear(void);

/* ---- a run --------------------------------------------------------------- */

/* Forgets all fibers. */
void uzs_lab_reset(void);
/* Makes a fiber that will call fn(arg) on that virtual CPU. Also within a run.
 * Return: NULL: there are UZS_LAB_MAX_FIBERS already. */
struct uzs_lab_fiber *uzs_lab_spawn(const char *name, unsigned int cpu,
				    void (*fn)(void *arg), void *arg);
/* Runs until the scheduler ends it. */
void uzs_lab_run(const struct uzs_lab_scheduler *scheduler);

/* Calls fn outside of a run. Return: false if it ended in a finding (a crash, a
 * failed assertion). */
bool uzs_lab_protect(void (*fn)(void *arg), void *arg);
/* For a scheduler, in pick: calls fn as if there were no run, while all fibers
 * stay where they are. What fn does is no step. It must leave memory as it was.
 * A finding ends the run. */
void uzs_lab_aside(void (*fn)(void *arg), void *arg);

/* The fibers of the run, by id. */
unsigned int uzs_lab_nr_fibers(void);
struct uzs_lab_fiber *uzs_lab_fiber(unsigned int id);
/* The one that runs; NULL outside of a run. */
extern struct uzs_lab_fiber *uzs_lab_current;
/* Can it do its next step? Not if it has ended. */
bool uzs_lab_can_run(const struct uzs_lab_fiber *fiber);
/* For a scheduler that finds no fiber that can run. Return: the fiber that the
 * next timeout wakes. NULL: all fibers have ended; or not, and then this makes
 * a finding (deadlock, or a lost wakeup). */
struct uzs_lab_fiber *uzs_lab_stuck(void);

/* ---- findings ------------------------------------------------------------ */

enum uzs_lab_finding {
	LAB_FOUND_NOTHING,
	LAB_FOUND_DEADLOCK, /* locks, in a circle or never released */
	LAB_FOUND_LOST_WAKEUP, /* a fiber sleeps for ever */
	LAB_FOUND_ORDER, /* of locks */
	LAB_FOUND_LOCK_RULE, /* another rule of lockdep.h */
	LAB_FOUND_RACE, /* two stores to one word without any order */
	LAB_FOUND_FREED_MEMORY, /* used after it was freed */
	LAB_FOUND_DOUBLE_FREE, /* of a page or a slab's object */
	LAB_FOUND_ASSERTION, /* VM_BUG_ON */
	LAB_FOUND_CRASH,
	LAB_FOUND_LIVELOCK, /* too many steps, or none for seconds */
	LAB_FOUND_INVARIANT, /* what the scenario checks at the end */
	LAB_FOUND_LEAK, /* a page, zspage or handle that nobody owns */
	LAB_FOUND_LOST_HANDLE, /* an object gone, freed twice, or changed */
	LAB_NR_FINDINGS
};

const char *uzs_lab_finding_name(enum uzs_lab_finding kind);

/* Notes a finding; only the first one counts. Within a run it ends the run and
 * does not return. */
void uzs_lab_found(enum uzs_lab_finding kind, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
enum uzs_lab_finding uzs_lab_finding(void);
const char *uzs_lab_finding_text(void);
void uzs_lab_clear_finding(void);
/* Forgets the order of locks learned so far (lockdep's N1). */
void uzs_lab_forget_lock_order(void);

/* ---- words for humans ---------------------------------------------------- */

const char *uzs_lab_op_name(enum uzs_lab_op op);
/* "lock class->lock" and the like. Return: as snprintf. */
int uzs_lab_describe_step(const struct uzs_lab_step *step, char *buf,
			  size_t size);

/* ---- for scenarios, within a fiber --------------------------------------- */

/* This fiber continues on another virtual CPU. A step. */
void uzs_lab_set_cpu(unsigned int cpu);
/* A step without an object, so that others may run. */
void uzs_lab_yield(void);

/* ---- for the body's own files and lab_force.h ---------------------------- */

/* A place that also says what is accessed. */
struct uzs_lab_place {
	struct uzs_place at; /* first: a struct uzs_place points here */
	const char *what;
};
#define UZS_LAB_PLACE(text)                                     \
	({                                                      \
		static const struct uzs_lab_place uzs_here_ = { \
			{ .file = __FILE__,                     \
			  .line = __LINE__,                     \
			  .function = __func__ },               \
			(text)                                  \
		};                                              \
		&uzs_here_;                                     \
	})

const struct uzs_lab_options *uzs_lab_options(void);
/* NULL: no run. */
const struct uzs_lab_scheduler *uzs_lab_scheduler(void);
/* RCU: has another fiber been a reader since before grace period `wait`? */
bool uzs_lab_readers_before(const struct uzs_lab_fiber *self, u64 wait);

/* What an atomic access reads, and whether its store is the last of its word,
 * as a model of memory order says (lab/weak.c). Called by the fiber that runs,
 * once its step is granted. */
struct uzs_lab_memory {
	/* *value is what memory has; to be replaced by what is read. */
	void (*load)(const volatile void *p, void *value, size_t size,
		     int order);
	/* Return: false: memory stays as it is. */
	bool (*store)(const volatile void *p, const void *value, size_t size,
		      int order);
	/* Before and after an access that reads and writes. Return: where it
	 * has to be done: p, or `copy`, which then has what is read. `expected`:
	 * of a compare-and-swap, and `failed` its order then; else NULL. */
	volatile void *(*change)(volatile void *p, void *copy, size_t size,
				 int order, int failed, const void *expected);
	void (*changed)(void);
	void (*fence)(int order);
	/* All threads pass a fence. */
	void (*barrier_all)(void);
	/* The fiber goes on alone, in a copy of memory: it has seen all. */
	void (*see_all)(void);
	/* The memory is used for something else from here on, or was written
	 * to by a plain access. */
	void (*forget)(const volatile void *addr, size_t size);
};
/* NULL: memory is what all see at once. */
extern const struct uzs_lab_memory *uzs_lab_memory;

/* The step before an atomic access. */
void uzs_lab_access(enum uzs_lab_op op, const volatile void *obj, int order,
		    const struct uzs_lab_place *place);
/* The same before a load of what may be free: that is no finding. */
void uzs_lab_peek(const volatile void *obj, const struct uzs_lab_place *place);
/* Any other step. */
void uzs_lab_point(enum uzs_lab_op op, enum uzs_lab_access access,
		   const void *obj, const char *what,
		   const struct uzs_place *place);
void uzs_lab_note(enum uzs_lab_op op, const void *obj, u64 n);
/* Does the step's lock or page allow it now? (lab_lock.c) */
bool uzs_lab_step_succeeds(const struct uzs_lab_step *step);
/* Wakes one fiber, or all, that sleep on this word. */
void uzs_lab_wake(const void *word, bool all);
/* The clock of timeouts; also the clock if the scheduler has none. */
extern u64 uzs_lab_clock_ns;

/* lab_lock.c: what the names of lock.h stand for (lab_lock.h). */
void uzs_lab_wait_on(u32 *word, u32 expected, u64 ns,
		     const struct uzs_lab_place *here);
void uzs_lab_wake_on(u32 *word, bool all, const struct uzs_lab_place *here);
void uzs_lab_resched(const struct uzs_place *here);
void uzs_lab_rcu_read_lock(const struct uzs_place *here);
void uzs_lab_rcu_read_unlock(const struct uzs_place *here);
void uzs_lab_synchronize_rcu(const struct uzs_place *here);

/* Tells from which place the fiber's next steps are called (NULL: no place), to
 * show it. Return: the previous one. */
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

/* lab_os.c: memory that must not be used. */
void uzs_lab_poison(const volatile void *addr, size_t size);
void uzs_lab_unpoison(const volatile void *addr, size_t size);
bool uzs_lab_in_arena(const volatile void *addr);
/* After a run: makes a finding if a free page was written to. */
void uzs_lab_check_freed(void);
bool uzs_lab_is_poisoned(const volatile void *addr, size_t size);
void uzs_lab_check_memory(const volatile void *addr, size_t size,
			  const struct uzs_place *place);
/* To be called when memory is read or written without a step: a copy, an
 * object's contents. Does nothing, except in programs that look at plain
 * accesses, where lab/watch.c has it. */
void uzs_lab_plain(const volatile void *addr, size_t size, bool write);
/* To be called before a step: what was told is done. */
void uzs_lab_plain_done(void);
/* A race with a store that leaves the word as it was is no finding. For code
 * that is not ours; set before a search. */
extern bool uzs_lab_rewrites_pass;

/* In place of pthread_join and pthread_self in the library's sources. */
typedef struct uzs_lab_fiber *uzs_lab_thread;
void uzs_lab_thread_join(void *thread);
unsigned long uzs_lab_thread_self(void);

#endif
