/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_lock.c - the locks of checked.h, and sleeping on a word, in the lab. Owns
 * no state: a lock's state is in its word.
 *
 * Kernel origin: as lock.h. No fiber spins or waits in a queue: a fiber is
 * chosen only when its lock is free (F1 in lab.h), and the scheduler decides
 * which of several gets it. So every order that the real locks allow is
 * possible, and some that their fairness would delay.
 * Differs: a new reader does not wait behind a waiting writer. lockdep finds
 * the deadlocks that this could cause, as it counts readers as writers.
 *
 * A spinlock's word is 0 or UZS_SPIN_LOCKED. The other words are as in lock.h,
 * without the bits for waiting.
 */
#define UZS_LOCK_NATIVE
#include "compat/checked/checked.h"

#include "compat/checked/lockclass.h"
#include "compat/zone.h"
#include "lab_lock.h"

static const char *name_of(const struct uzs_lock_map *map,
			   enum uzs_lock_kind kind)
{
	return uzs_lock_class_name(uzs_lock_class_of(map, kind));
}

/* Does a fiber wait for it? Fibers do not sleep for a lock, but are before a
 * step that they cannot do. */
static bool is_contended(const void *lock)
{
	for (unsigned int i = 0; i < uzs_lab_nr_fibers(); i++) {
		const struct uzs_lab_fiber *f = uzs_lab_fiber(i);

		if (f != uzs_lab_current && f->state == LAB_READY &&
		    f->step.obj == lock &&
		    (f->step.op == LAB_LOCK || f->step.op == LAB_READ_LOCK ||
		     f->step.op == LAB_WRITE_LOCK))
			return true;
	}
	return false;
}

bool uzs_lab_step_succeeds(const struct uzs_lab_step *step)
{
	const u32 *word = step->obj;

	switch (step->op) {
	case LAB_LOCK:
	case LAB_TRYLOCK:
	case LAB_WRITE_LOCK:
	case LAB_WRITE_TRYLOCK:
	case LAB_PIN_TRYWRITE:
		return *word == 0;
	case LAB_READ_LOCK:
	case LAB_READ_TRYLOCK:
		return !(*word & UZS_RW_WRITER);
	case LAB_PIN:
		return !(*word & UZS_PIN_WRITER);
	case LAB_LOCK_PAGE:
	case LAB_TRYLOCK_PAGE:
	case LAB_WAIT_PAGE:
		return !(((const struct page *)step->obj)->flags & PG_locked);
	case LAB_CONTENDED:
		return is_contended(step->obj);
	default:
		return true;
	}
}

struct taking {
	const void *lock;
	struct uzs_lock_class *class;
	const struct uzs_place *here;
	u32 order;
	enum uzs_lock_kind kind;
};

static struct taking about(const void *lock, const struct uzs_lock_map *map,
			   enum uzs_lock_kind kind,
			   const struct uzs_place *here)
{
	return (struct taking){
		.lock = lock,
		.class = uzs_lock_class_of(map, kind),
		.here = here,
		.order = map ? map->order : 0,
		.kind = kind,
	};
}

static enum uzs_lab_access access_of(enum uzs_lock_kind kind)
{
	return kind == UZS_LOCK_READ ? LAB_ADDS : LAB_CHANGES;
}

/* Outside of a run no other fiber could release the lock. */
static void check_alone(const struct taking *t, enum uzs_lab_op op)
{
	struct uzs_lab_step step = { .op = op, .obj = t->lock };

	if (!uzs_lab_current && !uzs_lab_step_succeeds(&step))
		uzs_lab_found(LAB_FOUND_DEADLOCK,
			      "%s, wanted at %s:%d, was never given back",
			      uzs_lock_class_name(t->class), t->here->file,
			      t->here->line);
}

static void point(const struct taking *t, enum uzs_lab_op op)
{
	uzs_lab_check_memory(t->lock, sizeof(u32), t->here);
	uzs_lab_point(op, access_of(t->kind), t->lock,
		      uzs_lock_class_name(t->class), t->here);
}

/* Return: false if the fiber holds it already. */
static bool wait_for(const struct taking *t, enum uzs_lab_op op)
{
	if (!uzs_lockdep_take(t->lock, t->class, t->order, t->kind, t->here))
		return false;
	point(t, op);
	check_alone(t, op);
	return true;
}

static bool try_for(const struct taking *t, enum uzs_lab_op op)
{
	struct uzs_lab_step step = { .op = op, .obj = t->lock };

	point(t, op);
	return uzs_lab_step_succeeds(&step);
}

static void taken(const struct taking *t)
{
	uzs_lockdep_taken(t->lock, t->class, t->order, t->kind, t->here, 0);
}

static bool drop(const struct taking *t, enum uzs_lab_op op)
{
	struct uzs_held was;

	if (!uzs_lockdep_drop(t->lock, t->kind, t->here, &was))
		return false;
	point(t, op);
	return true;
}

static void dropped(const struct taking *t)
{
	uzs_lab_point(LAB_RELEASED, LAB_NOTHING, t->lock,
		      uzs_lock_class_name(t->class), t->here);
}

/* ---- spinlock_t, struct mutex -------------------------------------------- */

void uzs_checked_spin_init(spinlock_t *lock, struct uzs_lock_key *key,
			   const struct uzs_place *here)
{
	lock->word = 0;
	uzs_lock_register(&lock->map, lock, key, here);
}

void uzs_checked_spin_renew(spinlock_t *lock)
{
	uzs_lockdep_forget(lock);
	lock->word = 0;
}

static void lock_spin(spinlock_t *lock, enum uzs_lock_kind kind,
		      const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, kind, here);

	if (!wait_for(&t, LAB_LOCK))
		return;
	lock->word = UZS_SPIN_LOCKED;
	taken(&t);
}

static bool trylock_spin(spinlock_t *lock, enum uzs_lock_kind kind,
			 const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, kind, here);

	if (!try_for(&t, LAB_TRYLOCK))
		return false;
	lock->word = UZS_SPIN_LOCKED;
	taken(&t);
	return true;
}

static void unlock_spin(spinlock_t *lock, enum uzs_lock_kind kind,
			const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, kind, here);

	if (!drop(&t, LAB_UNLOCK))
		return;
	lock->word = 0;
	dropped(&t);
}

void uzs_checked_spin_lock(spinlock_t *lock, const struct uzs_place *here)
{
	lock_spin(lock, UZS_LOCK_SPIN, here);
}

bool uzs_checked_spin_trylock(spinlock_t *lock, const struct uzs_place *here)
{
	return trylock_spin(lock, UZS_LOCK_SPIN, here);
}

void uzs_checked_spin_unlock(spinlock_t *lock, const struct uzs_place *here)
{
	unlock_spin(lock, UZS_LOCK_SPIN, here);
}

void uzs_checked_mutex_lock(struct mutex *lock, const struct uzs_place *here)
{
	lock_spin(&lock->spin, UZS_LOCK_MUTEX, here);
}

bool uzs_checked_mutex_trylock(struct mutex *lock, const struct uzs_place *here)
{
	return trylock_spin(&lock->spin, UZS_LOCK_MUTEX, here);
}

void uzs_checked_mutex_unlock(struct mutex *lock, const struct uzs_place *here)
{
	unlock_spin(&lock->spin, UZS_LOCK_MUTEX, here);
}

/* As wait_for, but the order is not checked: the caller guarantees it. */
static void wait_nested(const struct taking *t, enum uzs_lab_op op)
{
	point(t, op);
	check_alone(t, op);
}

void uzs_lab_spin_lock_nested(spinlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_SPIN, here);

	wait_nested(&t, LAB_LOCK);
	lock->word = UZS_SPIN_LOCKED;
	taken(&t);
}

void uzs_lab_write_lock_nested(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_WRITE, here);

	wait_nested(&t, LAB_WRITE_LOCK);
	lock->word = UZS_RW_WRITER;
	taken(&t);
}

/* ---- rwlock_t ------------------------------------------------------------ */

void uzs_checked_rw_init(rwlock_t *lock, struct uzs_lock_key *key,
			 const struct uzs_place *here)
{
	lock->word = 0;
	uzs_lock_register(&lock->map, lock, key, here);
}

void uzs_checked_rw_renew(rwlock_t *lock)
{
	uzs_lockdep_forget(lock);
	lock->word = 0;
}

void uzs_checked_read_lock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_READ, here);

	if (!wait_for(&t, LAB_READ_LOCK))
		return;
	lock->word++;
	taken(&t);
}

bool uzs_checked_read_trylock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_READ, here);

	if (!try_for(&t, LAB_READ_TRYLOCK))
		return false;
	lock->word++;
	taken(&t);
	return true;
}

void uzs_checked_read_unlock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_READ, here);

	if (!drop(&t, LAB_READ_UNLOCK))
		return;
	lock->word--;
	dropped(&t);
}

void uzs_checked_write_lock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_WRITE, here);

	if (!wait_for(&t, LAB_WRITE_LOCK))
		return;
	lock->word = UZS_RW_WRITER;
	taken(&t);
}

bool uzs_checked_write_trylock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_WRITE, here);

	if (!try_for(&t, LAB_WRITE_TRYLOCK))
		return false;
	lock->word = UZS_RW_WRITER;
	taken(&t);
	return true;
}

void uzs_checked_write_unlock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_WRITE, here);

	if (!drop(&t, LAB_WRITE_UNLOCK))
		return;
	lock->word = 0;
	dropped(&t);
}

static bool ask_contended(const void *lock, const struct uzs_lock_map *map,
			  enum uzs_lock_kind kind, const struct uzs_place *here)
{
	if (!uzs_lab_current)
		return false;
	uzs_lab_point(LAB_CONTENDED, LAB_LOOKS, lock, name_of(map, kind), here);
	return uzs_lab_current->step.outcome;
}

bool uzs_lab_rwlock_is_contended(const rwlock_t *lock,
				 const struct uzs_place *here)
{
	return ask_contended(lock, &lock->map, UZS_LOCK_READ, here);
}

bool uzs_lab_spin_is_contended(const spinlock_t *lock,
			       const struct uzs_place *here)
{
	return ask_contended(lock, &lock->map, UZS_LOCK_SPIN, here);
}

/* ---- pinlock_t ----------------------------------------------------------- */

void uzs_checked_pin_read_lock(pinlock_t *lock, const struct uzs_place *here)
{
	uzs_lab_check_memory(lock, sizeof(*lock), here);
	uzs_lab_point(LAB_PIN, LAB_ADDS, lock, name_of(NULL, UZS_LOCK_PIN),
		      here);
	lock->word++;
}

bool uzs_lab_pin_read_tryunlock(pinlock_t *lock, const struct uzs_place *here)
{
	uzs_lab_check_memory(lock, sizeof(*lock), here);
	uzs_lab_point(LAB_UNPIN, LAB_ADDS, lock, name_of(NULL, UZS_LOCK_PIN),
		      here);
	if (!(lock->word & UZS_PIN_READERS))
		return false;
	lock->word--;
	uzs_lab_point(LAB_RELEASED, LAB_NOTHING, lock,
		      name_of(NULL, UZS_LOCK_PIN), here);
	return true;
}

void uzs_lab_pin_read_unlock(pinlock_t *lock, const struct uzs_place *here)
{
	bool was_pinned = uzs_lab_pin_read_tryunlock(lock, here);

	VM_BUG_ON(!was_pinned);
	(void)was_pinned;
}

bool uzs_checked_pin_write_trylock(pinlock_t *lock,
				   const struct uzs_place *here)
{
	struct taking t = about(lock, NULL, UZS_LOCK_PIN, here);

	if (!try_for(&t, LAB_PIN_TRYWRITE))
		return false;
	lock->word = UZS_PIN_WRITER;
	taken(&t);
	return true;
}

void uzs_checked_pin_write_unlock(pinlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, NULL, UZS_LOCK_PIN, here);

	if (!drop(&t, LAB_PIN_UNWRITE))
		return;
	lock->word &= ~UZS_PIN_WRITER;
	dropped(&t);
}

/* ---- page lock ----------------------------------------------------------- */

/* The page lock is a bit of the page's flags, which are an atomic word. */
static void change_flags(struct page *page, u32 set, u32 clear, int order)
{
	volatile u32 *flags = &page->flags;
	u32 copy;

	if (uzs_lab_memory && uzs_lab_current)
		flags = uzs_lab_memory->change(flags, &copy, sizeof(copy),
					       order, order, NULL);
	*flags = (*flags | set) & ~clear;
	if (uzs_lab_memory && uzs_lab_current)
		uzs_lab_memory->changed();
}

void uzs_checked_lock_page(struct page *page, const struct uzs_place *here)
{
	struct taking t = about(page, NULL, UZS_LOCK_PAGE, here);

	if (!wait_for(&t, LAB_LOCK_PAGE))
		return;
	change_flags(page, PG_locked, 0, __ATOMIC_ACQUIRE);
	taken(&t);
}

bool uzs_checked_trylock_page(struct page *page, const struct uzs_place *here)
{
	struct taking t = about(page, NULL, UZS_LOCK_PAGE, here);

	if (!try_for(&t, LAB_TRYLOCK_PAGE))
		return false;
	change_flags(page, PG_locked, 0, __ATOMIC_ACQUIRE);
	taken(&t);
	return true;
}

void uzs_checked_unlock_page(struct page *page, const struct uzs_place *here)
{
	struct taking t = about(page, NULL, UZS_LOCK_PAGE, here);

	if (!drop(&t, LAB_UNLOCK_PAGE))
		return;
	change_flags(page, 0, PG_locked, __ATOMIC_RELEASE);
	dropped(&t);
}

void uzs_lab_wait_on_page(struct page *page, const struct uzs_place *here)
{
	struct taking t = about(page, NULL, UZS_LOCK_PAGE, here);

	uzs_check_sleep(here);
	uzs_lab_check_memory(page, sizeof(page->flags), here);
	uzs_lab_point(LAB_WAIT_PAGE, LAB_LOOKS, page,
		      uzs_lock_class_name(t.class), here);
	check_alone(&t, LAB_WAIT_PAGE);
}

void uzs_checked_page_clear(struct page *page, u32 bits)
{
	if (uzs_lab_current)
		uzs_lab_access(LAB_RMW, &page->flags, __ATOMIC_RELEASE,
			       UZS_LAB_PLACE("page_clear"));
	change_flags(page, 0, bits, __ATOMIC_RELEASE);
}

/* ---- sleeping on a word -------------------------------------------------- */

void uzs_lab_wait_on(u32 *word, u32 expected, u64 ns,
		     const struct uzs_lab_place *here)
{
	/* Checking the word and going to sleep is one step, as in a futex. */
	uzs_lab_point(LAB_WAIT, LAB_CHANGES, word, here->what, &here->at);
	if (!uzs_lab_current) {
		if (*word == expected)
			uzs_lab_found(LAB_FOUND_LOST_WAKEUP,
				      "sleeps at %s:%d, and nobody is there to "
				      "wake it",
				      here->at.file, here->at.line);
		return;
	}
	if (*word != expected)
		return;
	uzs_lab_current->woken = false;
	uzs_lab_current->due = ns ? uzs_lab_clock_ns + ns : 0;
	uzs_lab_point(LAB_WOKEN, LAB_CHANGES, word, here->what, &here->at);
}

void uzs_lab_wake_on(u32 *word, bool all, const struct uzs_lab_place *here)
{
	uzs_lab_point(LAB_WAKE, LAB_CHANGES, word, here->what, &here->at);
	uzs_lab_wake(word, all);
}
