/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* checked.h - the calls that take and release locks, in the checked body. Each
 * name of lock.h (and of the page lock, zone.h) becomes a macro that passes on
 * the place of the call. The functions with these names stay as they are; they
 * wait and wake here too.
 *
 * Included by lock.h. A file that needs the native calls defines
 * UZS_LOCK_NATIVE before it includes anything.
 */
#ifndef UZS_COMPAT_CHECKED_H
#define UZS_COMPAT_CHECKED_H

#include "compat/lock.h"

struct page;

void uzs_checked_spin_init(spinlock_t *lock, struct uzs_lock_key *key,
			   const struct uzs_place *here);
void uzs_checked_spin_renew(spinlock_t *lock);
void uzs_checked_spin_lock(spinlock_t *lock, const struct uzs_place *here);
bool uzs_checked_spin_trylock(spinlock_t *lock, const struct uzs_place *here);
void uzs_checked_spin_unlock(spinlock_t *lock, const struct uzs_place *here);

void uzs_checked_mutex_lock(struct mutex *lock, const struct uzs_place *here);
bool uzs_checked_mutex_trylock(struct mutex *lock,
			       const struct uzs_place *here);
void uzs_checked_mutex_unlock(struct mutex *lock, const struct uzs_place *here);

void uzs_checked_rw_init(rwlock_t *lock, struct uzs_lock_key *key,
			 const struct uzs_place *here);
void uzs_checked_rw_renew(rwlock_t *lock);
void uzs_checked_read_lock(rwlock_t *lock, const struct uzs_place *here);
bool uzs_checked_read_trylock(rwlock_t *lock, const struct uzs_place *here);
void uzs_checked_read_unlock(rwlock_t *lock, const struct uzs_place *here);
void uzs_checked_write_lock(rwlock_t *lock, const struct uzs_place *here);
bool uzs_checked_write_trylock(rwlock_t *lock, const struct uzs_place *here);
void uzs_checked_write_unlock(rwlock_t *lock, const struct uzs_place *here);

/* Readers of a pinlock are only counted, as any thread may unpin. */
void uzs_checked_pin_read_lock(pinlock_t *lock, const struct uzs_place *here);
bool uzs_checked_pin_write_trylock(pinlock_t *lock,
				   const struct uzs_place *here);
void uzs_checked_pin_write_unlock(pinlock_t *lock,
				  const struct uzs_place *here);

void uzs_checked_lock_page(struct page *page, const struct uzs_place *here);
bool uzs_checked_trylock_page(struct page *page, const struct uzs_place *here);
void uzs_checked_unlock_page(struct page *page, const struct uzs_place *here);
void uzs_checked_page_clear(struct page *page, u32 bits);

#ifndef UZS_LOCK_NATIVE

/* Attributes of a key. A body that is built on this one may have others. */
#define UZS_CHECKED_KEY

#define UZS_CHECKED_INIT(init, lock, name)                        \
	do {                                                      \
		static struct uzs_lock_key UZS_CHECKED_KEY key_ = \
			UZS_LOCK_KEY(name);                       \
                                                                  \
		init((lock), &key_, UZS_HERE);                    \
	} while (0)

#define spin_lock_init(lock) \
	UZS_CHECKED_INIT(uzs_checked_spin_init, lock, #lock)
#define spin_lock_renew(lock) uzs_checked_spin_renew(lock)
#define spin_lock(lock) uzs_checked_spin_lock((lock), UZS_HERE)
#define spin_trylock(lock) uzs_checked_spin_trylock((lock), UZS_HERE)
#define spin_unlock(lock) uzs_checked_spin_unlock((lock), UZS_HERE)
#define spin_lock_polled(lock) spin_lock(lock)
#define spin_unlock_polled(lock) spin_unlock(lock)
/* Stricter than the native one: this thread must hold it. */
#undef assert_spin_locked
#define assert_spin_locked(lock) uzs_assert_held(lock)

#define mutex_init(lock) \
	UZS_CHECKED_INIT(uzs_checked_spin_init, &(lock)->spin, #lock)
#define mutex_renew(lock) uzs_checked_spin_renew(&(lock)->spin)
#define mutex_lock(lock) uzs_checked_mutex_lock((lock), UZS_HERE)
#define mutex_trylock(lock) uzs_checked_mutex_trylock((lock), UZS_HERE)
#define mutex_unlock(lock) uzs_checked_mutex_unlock((lock), UZS_HERE)

#define rwlock_init(lock) UZS_CHECKED_INIT(uzs_checked_rw_init, lock, #lock)
#define rwlock_renew(lock) uzs_checked_rw_renew(lock)
#define read_lock(lock) uzs_checked_read_lock((lock), UZS_HERE)
#define read_trylock(lock) uzs_checked_read_trylock((lock), UZS_HERE)
#define read_unlock(lock) uzs_checked_read_unlock((lock), UZS_HERE)
#define write_lock(lock) uzs_checked_write_lock((lock), UZS_HERE)
#define write_trylock(lock) uzs_checked_write_trylock((lock), UZS_HERE)
#define write_unlock(lock) uzs_checked_write_unlock((lock), UZS_HERE)

#define pin_read_lock(lock) uzs_checked_pin_read_lock((lock), UZS_HERE)
#define pin_write_trylock(lock) uzs_checked_pin_write_trylock((lock), UZS_HERE)
#define pin_write_unlock(lock) uzs_checked_pin_write_unlock((lock), UZS_HERE)

#endif
#endif
