/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* deferred.c - frees later, in one of several ways, and controls who drains.
 * Owns the right to drain.
 *
 * Kernel origin: the series "mm/zsmalloc: reduce lock contention in zs_free" of
 * 2026: zs_free_deferred, zs_free_deferred_flush; the queues are in
 * defer_array.c and defer_bufs.c.
 * Locks: takes drain_lock, hand_lock, then whatever freeing takes; none of them
 * is held during a drain callback of the caller's. Sleeps: flush and drain do;
 * zs_free_deferred and zs_defer_push only as zs_free does.
 * Guarantees:
 *  D1 a queued handle is freed once. A handle that was not queued is freed at
 *     once, or left to the caller. No handle is lost.
 *  D2 a thread that queues never waits for a drain: it tries, and frees the
 *     handle itself if that fails.
 *  D3 a flush returns when all that was queued before it is freed, even while
 *     others go on queueing.
 */
#include "deferred.h"

#include "class.h"
#include "compact.h"
#include "compat/os.h"
#include "defer_array.h"
#include "defer_bufs.h"
#include "defer_common.h"
#include "free.h"
#include "harden.h"
#include "kernel/reuse.h"
#include "lock_order.h"
#include "words.h"

/* For threads that may run beside zs_pool_enable_deferred_free: a thread that
 * sees a mode also sees what belongs to it. */
static enum zs_defer_mode mode_of(const struct deferred *d)
{
	return smp_load_acquire(&d->mode);
}

const char *zs_defer_mode_name(enum zs_defer_mode mode)
{
	switch (mode) {
	case ZS_DEFER_DEFAULT:
		return "default";
	case ZS_DEFER_NONE:
		return "none";
	case ZS_DEFER_ARRAY:
		return "array";
	case ZS_DEFER_PERCPU:
		return "percpu";
	case ZS_DEFER_REUSE:
		return "reuse";
	}
	return NULL;
}

/* ---- the right to drain -------------------------------------------------- */

/* Takes drain_lock while no thread is in a callback. */
static void lock_drain(struct deferred *d)
{
	mutex_lock(&d->drain_lock);
	while (d->calling) {
		mutex_unlock(&d->drain_lock);
		uzs_wait_on(&d->calling, 1);
		mutex_lock(&d->drain_lock);
	}
}

static void unlock_drain(struct deferred *d)
{
	mutex_unlock(&d->drain_lock);
}

bool zs_defer_push(struct zs_pool *pool, unsigned long value)
{
	struct deferred *d = &pool->deferred;
	bool claimed = false, stored;

	if (unlikely(d->mode != ZS_DEFER_PERCPU))
		return false;
	if (unlikely(!d->ops && uzs_no_handle(value)))
		return false;
	if (unlikely(pool->hardened) && !d->ops) {
		if (!uzs_harden_claim(pool, value, true, __func__))
			return false;
		claimed = true;
	}
	stored = uzs_bufs_push(pool, value);
	/* The caller has to free it, as if this call had not been made. */
	if (unlikely(claimed && !stored))
		uzs_harden_set(value, USE_LIVE);
	return stored;
}

/* ---- both kinds --------------------------------------------------------- */

/* For reuse. A hardened pool checks the handle word later, when reuse reads it:
 * here the thread would wait for the word to be loaded. */
static bool keep_or_free(struct zs_pool *pool, unsigned long handle)
{
	static const char call[] = "zs_free_deferred";

	if (unlikely(pool->hardened) &&
	    !uzs_harden_is_place(pool, handle, call))
		return false;
	switch (uzs_reuse_keep(pool, handle)) {
	case REUSE_IS_KEPT:
		return true;
	case REUSE_MISUSED:
		return false;
	case REUSE_BUSY:
		break;
	}
	if (likely(!pool->hardened) ||
	    uzs_harden_claim(pool, handle, false, call))
		uzs_free_one(pool, handle);
	return false;
}

bool zs_free_deferred(struct zs_pool *pool, unsigned long handle)
{
	struct deferred *d = &pool->deferred;
	bool queued = false;

	if (unlikely(uzs_no_handle(handle)))
		return false;
	if (d->mode == ZS_DEFER_REUSE)
		return keep_or_free(pool, handle);
	if (unlikely(pool->hardened) &&
	    !uzs_harden_claim(pool, handle, true, __func__))
		return false;
	if (d->mode == ZS_DEFER_ARRAY)
		queued = uzs_array_queue(pool, handle);
	else if (d->mode == ZS_DEFER_PERCPU && !d->ops)
		queued = uzs_bufs_push(pool, handle);
	if (!queued)
		uzs_free_one(pool, handle);
	return queued;
}

/* Locks: needs drain_lock. Return: was there anything? */
static bool drain_some(struct zs_pool *pool, enum zs_defer_mode mode, u64 until)
{
	if (mode == ZS_DEFER_PERCPU)
		return uzs_bufs_drain(pool, until);
	return uzs_array_drain(pool, until);
}

/* The worker's drain: until nothing is left. Of buffers, one run drains at most
 * half the reserve, so that other work gets its turn. */
static void drain_work(struct work_struct *work)
{
	struct zs_pool *pool =
		container_of(work, struct zs_pool, deferred.work);
	struct deferred *d = &pool->deferred;
	unsigned int bufs = 0;
	enum zs_defer_mode mode;
	bool more = true;

	while (more) {
		lock_drain(d);
		mode = d->mode;
		more = drain_some(pool, mode, UINT64_MAX);
		unlock_drain(d);
		cond_resched();
		if (more && mode == ZS_DEFER_PERCPU &&
		    ++bufs >= max(d->reserve_pages / 2, 1u)) {
			uzs_defer_schedule(pool);
			break;
		}
	}
}

/* The queueing number up to which all is queued now. Return: false if nothing
 * was ever queued. */
static bool note_queued(struct zs_pool *pool, enum zs_defer_mode mode,
			u64 *until)
{
	struct deferred *d = &pool->deferred;

	if (mode == ZS_DEFER_PERCPU) {
		*until = uzs_bufs_queue_all(d);
		return true;
	}
	if (mode != ZS_DEFER_ARRAY || !smp_load_acquire(&d->ring))
		return false;
	*until = uzs_array_queued(d);
	return true;
}

void zs_free_deferred_flush(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	enum zs_defer_mode mode = mode_of(d);
	bool more;
	u64 until;

	uzs_reuse_flush(pool);
	uzs_harden_tell_noted(pool);
	more = note_queued(pool, mode, &until);
	/* Others free only under drain_lock. So if it is held and nothing is
	 * left, all is freed. */
	while (more) {
		lock_drain(d);
		more = drain_some(pool, mode, until);
		unlock_drain(d);
	}
	/* Last: what was queued is kept, once it is freed. */
	if (pool->profile->free_kept)
		pool->profile->free_kept(pool);
}

bool uzs_deferred_has_queued(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	unsigned long gone;

	if (mode_of(d) == ZS_DEFER_PERCPU && d->ops)
		return false;
	/* Read the count of what left first. Otherwise one handle that is
	 * queued and one that is freed meanwhile would look like an empty
	 * queue. */
	gone = uzs_deferred_nr_drained(pool) + uzs_reuse_nr_taken(pool);
	return uzs_deferred_nr_queued(pool) != gone;
}

bool uzs_deferred_flush_for_memory(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	enum zs_defer_mode mode = mode_of(d);
	bool any = pool->profile->free_kept && pool->profile->free_kept(pool);
	u64 until;

	uzs_assert_held(&d->drain_lock);
	/* With own callbacks: the caller may hold a lock that his drain takes,
	 * and his values are not handles. These are not drained here. */
	if (!uzs_deferred_has_queued(pool))
		return any;
	if (mode == ZS_DEFER_REUSE)
		return uzs_reuse_flush(pool);
	if (!note_queued(pool, mode, &until))
		return any;
	while (drain_some(pool, mode, until))
		any = true;
	return any;
}

unsigned long zs_drain(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	unsigned long nr = uzs_workqueue_drain(&pool->wq);
	bool more = mode_of(d) == ZS_DEFER_PERCPU;
	u64 until = uzs_bufs_queued(d);

	/* Buffers that one run of the work leaves to the next. */
	while (more) {
		lock_drain(d);
		more = uzs_bufs_drain(pool, until);
		unlock_drain(d);
	}
	uzs_finish_gaps(pool);
	return nr;
}

size_t uzs_deferred_need(const struct zs_pool *pool, enum zs_defer_mode mode)
{
	switch (mode) {
	case ZS_DEFER_ARRAY:
		return uzs_array_need(pool);
	case ZS_DEFER_PERCPU:
		return uzs_bufs_need(pool);
	case ZS_DEFER_REUSE:
		return uzs_reuse_bytes(pool);
	case ZS_DEFER_DEFAULT: /* the array, only if there is room for it */
	case ZS_DEFER_NONE:
		break;
	}
	return 0;
}

int zs_pool_enable_deferred_free(struct zs_pool *pool,
				 const struct zs_deferred_ops *ops,
				 void *private_data)
{
	struct deferred *d = &pool->deferred;
	int err = -EBUSY;

	if (ops && (!ops->push || !ops->drain))
		return -EINVAL;
	if (mode_of(d) == ZS_DEFER_PERCPU)
		return -EBUSY;
	zs_free_deferred_flush(pool);
	flush_work(&pool->wq, &d->work);
	/* Another thread may call this at the same time. */
	mutex_lock(&d->drain_lock);
	/* A fork sees all of the buffers, or none. */
	uzs_defer_step_begin(d);
	if (d->mode != ZS_DEFER_PERCPU)
		err = uzs_bufs_alloc(pool, uzs_deferred_bytes(pool));
	if (!err) {
		d->ops = ops;
		d->private_data = private_data;
		smp_store_release(&d->mode, ZS_DEFER_PERCPU);
	}
	uzs_defer_step_end(d);
	mutex_unlock(&d->drain_lock);
	return err;
}

int uzs_deferred_init(struct zs_pool *pool, enum zs_defer_mode mode)
{
	struct deferred *d = &pool->deferred;

	mutex_init(&d->drain_lock);
	lock_set_rank(&d->drain_lock.spin, RANK_DRAIN);
	mutex_init(&d->hand_lock);
	lock_set_rank(&d->hand_lock.spin, RANK_HAND);
	INIT_WORK(&d->work, drain_work);
	uzs_array_init(pool);
	uzs_bufs_init(d);
	switch (mode) {
	case ZS_DEFER_DEFAULT: /* the array, mapped when first needed */
		d->mode = uzs_defer_leaves_room(pool, 0, uzs_array_need(pool))
				  ? ZS_DEFER_ARRAY
				  : ZS_DEFER_NONE;
		return 0;
	case ZS_DEFER_ARRAY:
		d->mode = mode;
		return uzs_array_make(pool) ? 0 : -ENOMEM;
	case ZS_DEFER_PERCPU:
		return zs_pool_enable_deferred_free(pool, NULL, NULL);
	case ZS_DEFER_REUSE:
		d->mode = mode;
		return uzs_reuse_init(pool);
	case ZS_DEFER_NONE:
		break;
	}
	d->mode = ZS_DEFER_NONE;
	return 0;
}

/* A drain callback may push again, so flush until nothing is left. */
void uzs_deferred_flush_all(struct zs_pool *pool)
{
	do
		zs_free_deferred_flush(pool);
	while (uzs_deferred_nr_queued(pool) !=
	       uzs_deferred_nr_drained(pool) + uzs_reuse_nr_taken(pool));
}

void uzs_deferred_destroy(struct zs_pool *pool)
{
	uzs_array_destroy(pool);
	uzs_bufs_destroy(pool);
	uzs_reuse_destroy(pool);
}

size_t uzs_deferred_bytes(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	return uzs_array_bytes(pool) +
	       (mode_of(d) == ZS_DEFER_PERCPU ? d->mem_bytes : 0) +
	       pool->reuse.mem_bytes;
}

size_t uzs_deferred_most_bytes(struct zs_pool *pool)
{
	size_t bytes = uzs_deferred_bytes(pool);

	/* The array is made when it is first needed. */
	if (mode_of(&pool->deferred) == ZS_DEFER_ARRAY &&
	    !uzs_array_bytes(pool))
		bytes += uzs_array_need(pool);
	return bytes;
}

unsigned long uzs_deferred_nr_busy(struct zs_pool *pool)
{
	return READ_ONCE(pool->deferred.nr_sync_busy) +
	       READ_ONCE(pool->reuse.nr_busy);
}

unsigned long uzs_deferred_nr_full(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	return READ_ONCE(d->nr_sync_full) +
	       (mode_of(d) == ZS_DEFER_PERCPU ? uzs_bufs_nr_full(d) : 0);
}

unsigned long uzs_deferred_nr_queued(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	return READ_ONCE(d->nr_queued) + uzs_reuse_nr_kept(pool) +
	       (mode_of(d) == ZS_DEFER_PERCPU ? uzs_bufs_nr_queued(d) : 0);
}

unsigned long uzs_deferred_nr_drained(struct zs_pool *pool)
{
	return smp_load_acquire(&pool->deferred.nr_drained) +
	       smp_load_acquire(&pool->reuse.nr_freed);
}

/* How long a fork waits for a callback to return. */
#define FORK_PATIENCE_NS (20 * 1000000u)

void uzs_deferred_fork_hand(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	u64 now = uzs_clock_ns(), end = now + FORK_PATIENCE_NS;

	uzs_turn_lock(&d->hand_lock, &d->hand_wanted);
	/* The callback may wait for the forking thread, or be the one that
	 * forks. */
	while (d->calling && now < end &&
	       !pthread_equal(d->caller, pthread_self())) {
		mutex_unlock(&d->hand_lock);
		uzs_wait_on_for(&d->calling, 1, end - now);
		mutex_lock(&d->hand_lock);
		now = uzs_clock_ns();
	}
}

void uzs_deferred_fork_prepare(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	spin_lock(&d->lock);
	uzs_bufs_lock(d);
}

void uzs_deferred_fork_parent(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	uzs_bufs_unlock(d);
	spin_unlock(&d->lock);
	mutex_unlock(&d->hand_lock);
}

void uzs_deferred_fork_child(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	uzs_bufs_fork_child(d);
	spin_lock_renew(&d->lock);
	mutex_renew(&d->hand_lock);
	d->hand_wanted = 0;
	mutex_renew(&d->drain_lock);
	if (d->calling && !pthread_equal(d->caller, pthread_self()))
		uzs_bufs_forget_call(pool);
}
