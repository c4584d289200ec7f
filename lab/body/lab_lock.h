/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_lock.h - the calls of lock.h that checked.h leaves as they are, in the
 * lab. Included at the end of compat/lock.h (UZS_BODY_LOCK_H).
 */
#ifndef UZS_LAB_BODY_LOCK_H
#define UZS_LAB_BODY_LOCK_H

#include "lab.h"

bool uzs_lab_rwlock_is_contended(const rwlock_t *lock,
				 const struct uzs_place *here);
bool uzs_lab_spin_is_contended(const spinlock_t *lock,
			       const struct uzs_place *here);
void uzs_lab_spin_lock_nested(spinlock_t *lock, const struct uzs_place *here);
void uzs_lab_write_lock_nested(rwlock_t *lock, const struct uzs_place *here);
/* Until nobody has the page lock; somebody may again by then. */
struct page;
void uzs_lab_wait_on_page(struct page *page, const struct uzs_place *here);
void uzs_lab_pin_read_unlock(pinlock_t *lock, const struct uzs_place *here);
bool uzs_lab_pin_read_tryunlock(pinlock_t *lock, const struct uzs_place *here);

/* A key is the process's, not a run's: the lab puts variables back after each
 * run, but not those of this section. */
#undef UZS_CHECKED_KEY
#define UZS_CHECKED_KEY __attribute__((section("uzs_lock_keys")))

#define uzs_wait_on(word, expected) \
	uzs_lab_wait_on((word), (expected), 0, UZS_LAB_PLACE(#word))
#define uzs_wait_on_for(word, expected, ns) \
	uzs_lab_wait_on((word), (expected), (ns), UZS_LAB_PLACE(#word))
#define uzs_wake_one(word) uzs_lab_wake_on((word), false, UZS_LAB_PLACE(#word))
#define uzs_wake_all(word) uzs_lab_wake_on((word), true, UZS_LAB_PLACE(#word))
#define cond_resched() uzs_lab_resched(UZS_HERE)
#define rwlock_is_contended(lock) uzs_lab_rwlock_is_contended((lock), UZS_HERE)
#define spin_is_contended(lock) uzs_lab_spin_is_contended((lock), UZS_HERE)
#define pin_read_unlock(lock) uzs_lab_pin_read_unlock((lock), UZS_HERE)
#define pin_read_tryunlock(lock) uzs_lab_pin_read_tryunlock((lock), UZS_HERE)

#endif
