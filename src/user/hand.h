/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* hand.h - frees that do not wait for a mover: they hand the object over to it.
 *
 * Kernel origin: none. Which word the mover follows is told as by a hazard pointer;
 * see hazard.h.
 *
 * A mover may lose its CPU while it has class->lock. Who frees an object of the class
 * then would wait until it runs again. But it has to wait only if the mover looks at
 * the very word that the caller may throw away afterwards.
 *   mover, with class->lock              free, without it
 *   says which word it will follow       pins the word, so that the object stays
 *   the object names the word still:     takes the word's name out of the object
 *   looks at the word                    another word is followed: sets its own to
 *                                        nothing, and leaves the object here
 * These four are sequentially consistent: if the free does not see that its word is
 * followed, the mover sees that the object names nothing.
 */
#ifndef UZS_USER_HAND_H
#define UZS_USER_HAND_H

#include "user/layout.h"

/* One mover more, or one less, in the class. Locks: takes class->lock. */
void uzs_change_moving(struct zs_pool *pool, struct size_class *class, int by);

/* The word that an object names. It may be looked at until the next call for the
 * class. Return: NULL: it is in a call's hand. Locks: needs class->lock. */
u64 *uzs_follow(struct zs_pool *pool, const struct size_class *class,
		const char *object);

/* Begins, ends a look at the words of all classes. Locks: needs all slots'. */
void uzs_follow_all(struct zs_pool *pool, bool on);
/* In such a look: an object's first word. */
unsigned long uzs_followed_head(const struct size_class *class,
				const char *object);

/* Frees what `ref` names; it is of that class. Locks: takes class->lock if that is free,
 * or if no mover is in the class, or one may be looking at the word. */
void uzs_place_free(struct zs_pool *pool, struct size_class *class, u64 *ref);

/* Puts back what was handed over. Locks: needs class->lock, with all zspages of the
 * class in their lists. */
void uzs_take_handed(struct zs_pool *pool, struct size_class *class);
/* The same for all classes. In the child of a fork nobody else does it. Return: was
 * there any? */
bool uzs_take_all_handed(struct zs_pool *pool);

#endif
