/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* checked.c - takes and releases locks, and informs lockdep, the statistics and
 * the hooks. Owns no state.
 *
 * Kernel origin: kernel/locking/spinlock.c's LOCK_CONTENDED; differs: the same
 * steps for all kinds of locks.
 * Locks: as the call's name says. Sleeps: as the native call.
 *
 * To take a lock: begin (rules, hook); try; if that fails, wait (which is
 * timed); end (owner, figures, hook). To release it: drop (rules, figures);
 * unlock; dropped (hook).
 */
#define UZS_LOCK_NATIVE
#include "checked.h"

#include "compat/fault.h"
#include "compat/zone.h"
#include "hooks.h"
#include "lockclass.h"

struct taking {
	const void *lock;
	struct uzs_lock_class *class;
	const struct uzs_place *here;
	u64 since; /* when the waiting began, ns */
	u64 held_ns;
	u32 order;
	enum uzs_lock_kind kind;
};

static struct uzs_lockstat *stat_of(const struct taking *t)
{
	return &t->class->stat[t->kind == UZS_LOCK_READ];
}

static struct uzs_lock_event event_of(const struct taking *t)
{
	return (struct uzs_lock_event){
		.lock = t->lock,
		.name = uzs_lock_class_name(t->class),
		.kind = t->kind,
		.place = t->here,
	};
}

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

/* Return: false if the thread holds it already. */
static bool begin(struct taking *t)
{
	struct uzs_lock_event e = event_of(t);

	if (!uzs_lockdep_take(t->lock, t->class, t->order, t->kind, t->here))
		return false;
	uzs_hook(lock_wanted, &e);
	return true;
}

static void begin_wait(struct taking *t)
{
	t->since = uzs_lockstat_now();
}

static void end_wait(const struct taking *t)
{
	uzs_lockstat_count_wait(stat_of(t), uzs_lockstat_now() - t->since);
}

static void end(const struct taking *t)
{
	struct uzs_lock_event e = event_of(t);

	uzs_lockstat_count_taken(stat_of(t));
	uzs_lockdep_taken(t->lock, t->class, t->order, t->kind, t->here,
			  uzs_lockstat_now());
	uzs_hook(lock_taken, &e);
}

/* Must this trylock fail, as a test wants it? */
static bool fails(const struct taking *t)
{
	if (!uzs_should_fail_trylock(uzs_lock_class_name(t->class)))
		return false;
	uzs_lockstat_count_failed(stat_of(t));
	return true;
}

static bool end_try(const struct taking *t, bool got)
{
	if (got)
		end(t);
	else
		uzs_lockstat_count_failed(stat_of(t));
	return got;
}

/* Return: false if it must not be released. */
static bool drop(struct taking *t)
{
	struct uzs_held was;

	if (!uzs_lockdep_drop(t->lock, t->kind, t->here, &was))
		return false;
	t->held_ns = uzs_lockstat_now() - was.since;
	return true;
}

/* Counts after the release, so that counting does not lengthen the time that is
 * counted. */
static void dropped(const struct taking *t)
{
	struct uzs_lock_event e = event_of(t);

	uzs_lockstat_count_hold(stat_of(t), t->held_ns);
	uzs_hook(lock_released, &e);
}

#define LOCK(taking, try, wait)             \
	do {                                \
		if (!begin(taking))         \
			break;              \
		if (!(try)) {               \
			begin_wait(taking); \
			(wait);             \
			end_wait(taking);   \
		}                           \
		end(taking);                \
	} while (0)

#define TRYLOCK(taking, try) (!fails(taking) && end_try((taking), (try)))

/* The lock's memory may be freed once the lock is released (X3). */
#define UNLOCK(taking, unlock)     \
	do {                       \
		if (!drop(taking)) \
			break;     \
		(unlock);          \
		dropped(taking);   \
	} while (0)

/* ---- spinlock_t, struct mutex -------------------------------------------- */

void uzs_checked_spin_init(spinlock_t *lock, struct uzs_lock_key *key,
			   const struct uzs_place *here)
{
	spin_lock_init(lock);
	uzs_lock_register(&lock->map, lock, key, here);
}

void uzs_checked_spin_renew(spinlock_t *lock)
{
	uzs_lockdep_forget(lock);
	spin_lock_renew(lock);
}

void uzs_checked_spin_lock(spinlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_SPIN, here);

	LOCK(&t, spin_trylock(lock), spin_lock(lock));
}

bool uzs_checked_spin_trylock(spinlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_SPIN, here);

	return TRYLOCK(&t, spin_trylock(lock));
}

void uzs_checked_spin_unlock(spinlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_SPIN, here);

	UNLOCK(&t, spin_unlock(lock));
}

void uzs_checked_mutex_lock(struct mutex *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->spin.map, UZS_LOCK_MUTEX, here);

	LOCK(&t, mutex_trylock(lock), mutex_lock(lock));
}

bool uzs_checked_mutex_trylock(struct mutex *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->spin.map, UZS_LOCK_MUTEX, here);

	return TRYLOCK(&t, mutex_trylock(lock));
}

void uzs_checked_mutex_unlock(struct mutex *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->spin.map, UZS_LOCK_MUTEX, here);

	UNLOCK(&t, mutex_unlock(lock));
}

/* ---- rwlock_t ------------------------------------------------------------ */

void uzs_checked_rw_init(rwlock_t *lock, struct uzs_lock_key *key,
			 const struct uzs_place *here)
{
	rwlock_init(lock);
	uzs_lock_register(&lock->map, lock, key, here);
}

void uzs_checked_rw_renew(rwlock_t *lock)
{
	uzs_lockdep_forget(lock);
	rwlock_renew(lock);
}

void uzs_checked_read_lock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_READ, here);

	LOCK(&t, read_trylock(lock), read_lock(lock));
}

bool uzs_checked_read_trylock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_READ, here);

	return TRYLOCK(&t, read_trylock(lock));
}

void uzs_checked_read_unlock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_READ, here);

	UNLOCK(&t, read_unlock(lock));
}

void uzs_checked_write_lock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_WRITE, here);

	LOCK(&t, write_trylock(lock), write_lock(lock));
}

bool uzs_checked_write_trylock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_WRITE, here);

	return TRYLOCK(&t, write_trylock(lock));
}

void uzs_checked_write_unlock(rwlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, &lock->map, UZS_LOCK_WRITE, here);

	UNLOCK(&t, write_unlock(lock));
}

/* ---- pinlock_t ----------------------------------------------------------- */

void uzs_checked_pin_read_lock(pinlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, NULL, UZS_LOCK_PIN, here);
	struct uzs_lockstat *stat = &t.class->stat[true];
	bool waits = READ_ONCE(lock->word) & UZS_PIN_WRITER;
	u64 since = waits ? uzs_lockstat_now() : 0;

	pin_read_lock(lock);
	uzs_lockstat_count_taken(stat);
	if (waits)
		uzs_lockstat_count_wait(stat, uzs_lockstat_now() - since);
}

bool uzs_checked_pin_write_trylock(pinlock_t *lock,
				   const struct uzs_place *here)
{
	struct taking t = about(lock, NULL, UZS_LOCK_PIN, here);

	return TRYLOCK(&t, pin_write_trylock(lock));
}

void uzs_checked_pin_write_unlock(pinlock_t *lock, const struct uzs_place *here)
{
	struct taking t = about(lock, NULL, UZS_LOCK_PIN, here);

	UNLOCK(&t, pin_write_unlock(lock));
}

/* ---- page lock ----------------------------------------------------------- */

void uzs_checked_lock_page(struct page *page, const struct uzs_place *here)
{
	struct taking t = about(page, NULL, UZS_LOCK_PAGE, here);

	LOCK(&t, trylock_page(page), lock_page(page));
}

bool uzs_checked_trylock_page(struct page *page, const struct uzs_place *here)
{
	struct taking t = about(page, NULL, UZS_LOCK_PAGE, here);

	return TRYLOCK(&t, trylock_page(page));
}

void uzs_checked_unlock_page(struct page *page, const struct uzs_place *here)
{
	struct taking t = about(page, NULL, UZS_LOCK_PAGE, here);

	UNLOCK(&t, unlock_page(page));
}

void uzs_checked_page_clear(struct page *page, u32 bits)
{
	bool reset = bits & page_flags(page) & PG_movable;

	page_clear(page, bits);
	if (reset)
		uzs_hook(page_reset, page);
}
