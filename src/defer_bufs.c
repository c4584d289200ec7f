/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* defer_bufs.c - owns the per-CPU buffers of values that are to be freed later.
 *
 * Kernel origin: the series "mm/zsmalloc: reduce lock contention in zs_free",
 * v3 of May 2026: per-CPU buffers with push and drain; differs: a slot has a
 * lock that is only tried, because a thread cannot keep others off its CPU.
 * Locks: under slot locks and bufs_lock only the work queue's lock is taken.
 * They are never held while freeing, nor during a drain callback of the
 * caller's.
 * Sleeps: queue_all and drain do; push does not.
 */
#include "defer_bufs.h"

#include "class.h"
#include "compat/os.h"
#include "defer_common.h"
#include "free.h"
#include "lock_order.h"
#include "profile.h"

static struct defer_buf *take_reserve(struct deferred *d)
{
	struct defer_buf *buf;

	/* While the reserve is empty each push comes here: then it only
	 * reads. */
	if (!READ_ONCE(d->nr_reserve))
		return NULL;
	spin_lock(&d->bufs_lock);
	buf = list_first_entry_or_null(&d->reserve, struct defer_buf, list);
	if (buf) {
		list_del(&buf->list);
		WRITE_ONCE(d->nr_reserve, d->nr_reserve - 1);
	}
	spin_unlock(&d->bufs_lock);
	return buf;
}

/* Hands the slot's buffer to the drain. Locks: needs slot->lock. */
static void queue_buf(struct deferred *d, struct defer_slot *slot,
		      struct defer_buf *next)
{
	uzs_assert_held(&slot->lock);
	spin_lock(&d->bufs_lock);
	list_add_tail(&slot->buf->list, &d->queue);
	d->queued_bufs++;
	spin_unlock(&d->bufs_lock);
	slot->buf = next;
}

/* The default callbacks: a value is a handle. */
static enum zs_push_result push_handle(const struct zs_pool *pool, void *buf,
				       unsigned int count, unsigned long handle)
{
	unsigned int room = pool->page_size / (unsigned int)sizeof(handle);

	((unsigned long *)buf)[count] = handle;
	return count + 1 < room ? ZS_PUSH_OK : ZS_PUSH_FULL_QUEUED;
}

static enum zs_push_result push(const struct zs_pool *pool,
				struct defer_buf *buf, unsigned long value)
{
	const struct zs_deferred_ops *ops = pool->deferred.ops;

	if (likely(!ops))
		return push_handle(pool, buf->mem, buf->count, value);
	return ops->push(buf->mem, buf->count, value);
}

/* Locks: needs drain_lock and hand_lock, drops and retakes both, because the
 * callback may wait for anything, also for a thread that wants them. */
static void call_drain(struct zs_pool *pool, struct defer_buf *buf)
{
	struct deferred *d = &pool->deferred;
	unsigned long freed = uzs_objs_freed(pool);

	d->caller = pthread_self();
	d->given = buf;
	WRITE_ONCE(d->calling, 1);
	mutex_unlock(&d->hand_lock);
	mutex_unlock(&d->drain_lock);
	d->ops->drain(d->private_data, buf->mem, buf->count);
	mutex_lock(&d->drain_lock);
	mutex_lock(&d->hand_lock);
	WRITE_ONCE(d->calling, 0);
	uzs_wake_all(&d->calling);
	/* Objects that are kept count when they leave their zspage. */
	if (!pool->profile->nr_kept && uzs_objs_freed(pool) == freed)
		uzs_count(&d->nr_idle_drains, 1);
}

/* Stores a value in the slot's buffer, or in a fresh one. Locks: needs
 * slot->lock. Return: was it stored? *full is set if a buffer was queued. */
static bool push_value(struct zs_pool *pool, struct defer_slot *slot,
		       unsigned long value, bool *full)
{
	struct deferred *d = &pool->deferred;

	uzs_assert_held(&slot->lock);
	for (int attempt = 0; attempt < 2; attempt++) {
		struct defer_buf *next;

		if (!slot->buf)
			slot->buf = take_reserve(d);
		if (!slot->buf)
			return false;
		switch (push(pool, slot->buf, value)) {
		case ZS_PUSH_OK:
			slot->buf->count++;
			return true;
		case ZS_PUSH_FULL_QUEUED:
			slot->buf->count++;
			queue_buf(d, slot, take_reserve(d));
			*full = true;
			return true;
		case ZS_PUSH_FULL:
			/* A value that an empty buffer does not take never
			 * fits. */
			next = slot->buf->count ? take_reserve(d) : NULL;
			if (!next)
				return false;
			queue_buf(d, slot, next);
			*full = true;
		}
	}
	return false;
}

bool uzs_bufs_push(struct zs_pool *pool, unsigned long value)
{
	struct deferred *d = &pool->deferred;
	struct defer_slot *slot;
	bool stored, full = false;

	slot = uzs_this_cpu(&d->slots);
	/* A thread that lost its CPU, or a flush, has the lock. */
	if (unlikely(!spin_trylock(&slot->lock))) {
		uzs_count(&d->nr_sync_busy, 1);
		return false;
	}
	stored = push_value(pool, slot, value, &full);
	if (unlikely(full))
		uzs_defer_schedule(pool);
	if (likely(stored))
		uzs_add(&slot->nr_queued, 1);
	else
		uzs_add(&slot->nr_full, 1);
	spin_unlock(&slot->lock);
	if (unlikely(!stored))
		uzs_defer_ask_again(pool);
	return stored;
}

/* Puts a buffer back whose values were freed. */
static void put_drained(struct zs_pool *pool, struct defer_buf *buf)
{
	struct deferred *d = &pool->deferred;

	uzs_defer_count_drained(pool, buf->count);
	buf->count = 0;
	spin_lock(&d->bufs_lock);
	list_add(&buf->list, &d->reserve);
	WRITE_ONCE(d->nr_reserve, d->nr_reserve + 1);
	spin_unlock(&d->bufs_lock);
}

bool uzs_bufs_drain(struct zs_pool *pool, u64 until)
{
	struct deferred *d = &pool->deferred;
	struct defer_buf *buf = NULL;

	uzs_defer_step_begin(d);
	spin_lock(&d->bufs_lock);
	if (d->taken_bufs < until && !list_empty(&d->queue)) {
		buf = list_first_entry(&d->queue, struct defer_buf, list);
		list_del(&buf->list);
		d->taken_bufs++;
	}
	spin_unlock(&d->bufs_lock);
	if (buf) {
		if (d->ops)
			call_drain(pool, buf);
		else
			uzs_free_many(pool, buf->mem, buf->count);
		put_drained(pool, buf);
	}
	uzs_defer_step_end(d);
	return buf != NULL;
}

u64 uzs_bufs_queued(struct deferred *d)
{
	u64 last;

	spin_lock(&d->bufs_lock);
	last = d->queued_bufs;
	spin_unlock(&d->bufs_lock);
	return last;
}

u64 uzs_bufs_queue_all(struct deferred *d)
{
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_lock(&slot->lock);
		if (slot->buf && slot->buf->count)
			queue_buf(d, slot, NULL);
		spin_unlock(&slot->lock);
	}
	return uzs_bufs_queued(d);
}

/* ---- life, statistics, locks ----------------------------------------------- */

/* The parts of the per-CPU buffers' mapping: slots, buffer heads, pages. */
struct bufs_layout {
	unsigned int reserve; /* buffers */
	unsigned int nr; /* buffers in all */
	size_t heads;
	size_t pages;
	size_t end;
};

static void plan_bufs(const struct zs_pool *pool, struct bufs_layout *l)
{
	l->reserve = (unsigned int)(DEFER_RESERVE_BYTES / pool->page_size);
	l->nr = l->reserve + uzs_nr_cpu_slots();
	l->heads =
		ALIGN(uzs_percpu_bytes(sizeof(struct defer_slot)), (size_t)128);
	l->pages = ALIGN(l->heads + l->nr * sizeof(struct defer_buf),
			 uzs_os_page_size());
	l->end = ALIGN(l->pages + (size_t)l->nr * pool->page_size,
		       uzs_os_page_size());
}

size_t uzs_bufs_need(const struct zs_pool *pool)
{
	struct bufs_layout l;

	plan_bufs(pool, &l);
	return l.end;
}

void uzs_bufs_init(struct deferred *d)
{
	spin_lock_init(&d->bufs_lock);
	lock_set_rank(&d->bufs_lock, RANK_DEFERRED);
	INIT_LIST_HEAD(&d->reserve);
	INIT_LIST_HEAD(&d->queue);
}

int uzs_bufs_alloc(struct zs_pool *pool, size_t own_bytes)
{
	struct deferred *d = &pool->deferred;
	struct bufs_layout l;
	struct defer_buf *bufs;
	char *mem;

	plan_bufs(pool, &l);
	mem = uzs_defer_leaves_room(pool, own_bytes, l.end)
		      ? uzs_zone_map(&pool->zone, l.end)
		      : NULL;
	if (!mem)
		return -ENOMEM;
	d->mem_bytes = l.end;
	d->mem = mem;
	d->reserve_pages = l.reserve;
	uzs_percpu_init(&d->slots, mem, sizeof(struct defer_slot));
	bufs = (struct defer_buf *)(mem + l.heads);
	for (unsigned int i = 0; i < l.nr; i++) {
		bufs[i].mem = mem + l.pages + (size_t)i * pool->page_size;
		list_add_tail(&bufs[i].list, &d->reserve);
		d->nr_reserve++;
	}
	/* Each CPU has a buffer from the start. */
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_lock_init(&slot->lock);
		lock_set_rank(&slot->lock, RANK_DEFERRED);
		lock_set_order(&slot->lock, i + 1); /* a fork takes them all */
		slot->buf = take_reserve(d);
	}
	return 0;
}

void uzs_bufs_destroy(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	VM_BUG_ON(!list_empty(&d->queue));
	if (d->mem)
		uzs_zone_unmap(&pool->zone, d->mem, d->mem_bytes);
}

unsigned long uzs_bufs_nr_full(struct deferred *d)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		n += READ_ONCE(slot->nr_full);
	}
	return n;
}

unsigned long uzs_bufs_nr_queued(struct deferred *d)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		n += READ_ONCE(slot->nr_queued);
	}
	return n;
}

void uzs_bufs_lock(struct deferred *d)
{
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_lock(&slot->lock);
	}
	spin_lock(&d->bufs_lock);
}

void uzs_bufs_unlock(struct deferred *d)
{
	spin_unlock(&d->bufs_lock);
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_unlock(&slot->lock);
	}
}

void uzs_bufs_fork_child(struct deferred *d)
{
	spin_lock_renew(&d->bufs_lock);
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_lock_renew(&slot->lock);
	}
}

void uzs_bufs_forget_call(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	d->calling = 0;
	put_drained(pool, d->given);
}
