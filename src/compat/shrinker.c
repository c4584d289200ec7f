/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* shrinker.c - owns the list of a zone's shrinkers, which may change while it
 * is walked.
 *
 * Kernel origin: mm/shrinker.c; differs: see shrinker.h.
 * Locks: takes list->lock; never holds it during a callback. Sleeps: in
 * unregister, and if a callback does.
 */
#include "shrinker.h"

void uzs_shrinker_list_init(struct shrinker_list *l)
{
	spin_lock_init(&l->lock);
	lock_set_rank(&l->lock, UZS_RANK_LEAF);
	INIT_LIST_HEAD(&l->head);
}

void uzs_shrinker_register(struct shrinker_list *l, struct shrinker *s)
{
	s->users = 0;
	s->leaving = false;
	spin_lock(&l->lock);
	list_add_tail(&s->list, &l->head);
	spin_unlock(&l->lock);
}

void uzs_shrinker_unregister(struct shrinker_list *l, struct shrinker *s)
{
	u32 users;

	might_sleep();
	spin_lock(&l->lock);
	s->leaving = true; /* no new users, so the waiting ends */
	while ((users = s->users) != 0) {
		spin_unlock(&l->lock);
		uzs_wait_on(&s->users, users);
		spin_lock(&l->lock);
	}
	list_del_init(&s->list);
	spin_unlock(&l->lock);
}

static unsigned long shrink_one(struct shrinker *s, unsigned long nr)
{
	unsigned long count = s->count_objects(s);
	unsigned long freed;

	if (count == 0 || count == SHRINK_EMPTY)
		return 0;
	freed = s->scan_objects(s, min(count, nr));
	return freed == SHRINK_STOP ? 0 : freed;
}

unsigned long uzs_shrink_all(struct shrinker_list *l, unsigned long nr)
{
	unsigned long freed = 0;
	struct shrinker *s;
	bool last;

	spin_lock(&l->lock);
	list_for_each_entry(s, &l->head, list) {
		if (freed >= nr)
			break;
		if (s->leaving)
			continue;
		/* A shrinker with users stays on the list, so the walk can
		 * continue from it. */
		WRITE_ONCE(s->users, s->users + 1);
		spin_unlock(&l->lock);
		freed += shrink_one(s, nr - freed);
		spin_lock(&l->lock);
		WRITE_ONCE(s->users, s->users - 1);
		last = s->leaving && s->users == 0;
		/* With the lock held s stays on the list for the next step. */
		if (last)
			uzs_wake_all(&s->users);
	}
	spin_unlock(&l->lock);
	return freed;
}
