/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* deferred.c - owns the handles (or a caller's values) that are to be freed
 * later.
 *
 * Kernel origin: the series "mm/zsmalloc: reduce lock contention in zs_free"
 * of 2026: zs_free_deferred with an array (v2, April), per-CPU buffers with
 * push and drain (v3, May); differs: the array is a ring, so that a flush
 * knows when what came before it is done; a slot has a lock that is only
 * tried, as a thread cannot keep others off its CPU.
 * Callers: users, pool.c, fork.c. Calls: zs_free, scope.c, reuse.c.
 * Locks: takes drain_lock, hand_lock, then whatever freeing takes; lock, slot
 * locks and bufs_lock are leaves (but for the work queue's) and never held while
 * freeing; none of them during a drain callback of the caller's. Sleeps: flush and drain do, zs_free_deferred and zs_defer_push only
 * as zs_free does.
 * Guarantees:
 *  D1 what was queued is freed once, and what was not queued is freed (or left
 *     to the caller) at once: no handle is lost.
 *  D2 a queuer never waits for a drain: it tries, and frees by itself if that
 *     fails.
 *  D3 a flush returns when all that was queued before it is freed, also while
 *     others go on queueing.
 */
#include "internal.h"

#include "compat/os.h"

/* Handles taken out of the array at once. */
#define DRAIN_BATCH 64

static bool no_handle(unsigned long handle)
{
	return !handle || zs_is_err(handle);
}

/* For those who may run beside zs_pool_enable_deferred_free: what belongs to a
 * mode is there when the mode is seen. */
static enum zs_defer_mode mode_of(const struct deferred *d)
{
	return smp_load_acquire(&d->mode);
}

static void schedule(struct zs_pool *pool)
{
	if (queue_work(&pool->wq, &pool->deferred.work))
		uzs_count(&pool->deferred.nr_scheduled, 1);
}

/* ---- the array ---------------------------------------------------------- */

static unsigned int ring_capacity(const struct zs_pool *pool)
{
	return (unsigned int)(DEFER_ARRAY_BYTES >> pool->page_shift);
}

static size_t ring_bytes(const struct zs_pool *pool)
{
	return ALIGN(ring_capacity(pool) * sizeof(unsigned long),
		     uzs_os_page_size());
}

/* The array, which is made if there is none yet; NULL without memory. */
static unsigned long *get_ring(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	unsigned long *ring = smp_load_acquire(&d->ring), *other = NULL;

	if (likely(ring))
		return ring;
	ring = uzs_zone_map(&pool->zone, ring_bytes(pool));
	if (!ring)
		return NULL;
	if (__atomic_compare_exchange_n(&d->ring, &other, ring, false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return ring;
	uzs_zone_unmap(&pool->zone, ring, ring_bytes(pool));
	return other;
}

static bool queue_in_array(struct zs_pool *pool, unsigned long handle)
{
	struct deferred *d = &pool->deferred;
	unsigned long *ring = get_ring(pool);
	u64 count;

	if (!ring) {
		uzs_count(&d->nr_sync_full, 1);
		return false;
	}
	if (!spin_trylock(&d->lock)) {
		uzs_count(&d->nr_sync_busy, 1);
		return false;
	}
	count = d->head - d->tail;
	if (unlikely(count == d->capacity)) {
		spin_unlock(&d->lock);
		uzs_count(&d->nr_sync_full, 1);
		/* Long due: asks again for a thread that could not be had. */
		if (work_pending(&d->work) &&
		    uzs_workqueue_lacks_worker(&pool->wq))
			queue_work(&pool->wq, &d->work);
		return false;
	}
	ring[d->head++ & (d->capacity - 1)] = handle;
	if (unlikely(count + 1 == d->capacity / 2))
		schedule(pool);
	uzs_add(&d->nr_queued, 1);
	spin_unlock(&d->lock);
	return true;
}

/* ---- the right to drain -------------------------------------------------- */

/* Also waits until nobody is in a callback. */
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

/* How many handles were taken out of the queue and freed. */
static void count_drained(struct zs_pool *pool, unsigned int n)
{
	uzs_count(&pool->deferred.nr_drained, n);
	uzs_count(&pool->relieved, n);
}

/* Frees what is in the array up to queueing number `until`. Locks: needs
 * drain_lock. Return: was there anything? */
static bool drain_array(struct zs_pool *pool, u64 until)
{
	struct deferred *d = &pool->deferred;
	const unsigned long *ring = smp_load_acquire(&d->ring);
	unsigned long handles[DRAIN_BATCH];
	unsigned int n = 0;

	uzs_assert_held(&d->drain_lock);
	mutex_lock(&d->hand_lock);
	spin_lock(&d->lock);
	while (n < DRAIN_BATCH && d->tail < d->head && d->tail < until)
		handles[n++] = ring[d->tail++ & (d->capacity - 1)];
	spin_unlock(&d->lock);
	uzs_fetch_objects(pool, handles, n);
	/* One by one, each as its scope has it: so does the series of April. */
	for (unsigned int i = 0; i < n; i++)
		uzs_free_one(pool, handles[i]);
	count_drained(pool, n);
	mutex_unlock(&d->hand_lock);
	uzs_turn_give(&d->hand_wanted);
	return n != 0;
}

/* ---- per-CPU buffers ---------------------------------------------------- */

static struct defer_buf *take_reserve(struct deferred *d)
{
	struct defer_buf *buf;

	/* With nothing left each push comes here: it only reads then. */
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

/* The ready set of callbacks: a value is a handle. */
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

unsigned long uzs_objs_freed(struct zs_pool *pool)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < pool->nr_classes; i++)
		if (uzs_class_is_own(pool, i))
			n += READ_ONCE(pool->size_class[i]->objs_freed);
	return n;
}

/* Locks: needs drain_lock and hand_lock, drops and retakes both: the callback
 * may wait for anything, also for somebody who wants them. */
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
	if (uzs_objs_freed(pool) == freed)
		uzs_count(&d->nr_idle_drains, 1);
}

/* Stores a value in the slot's buffer, or in a fresh one. Locks: needs
 * slot->lock. Return: stored; *full tells that a buffer was queued. */
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
			/* An empty buffer that takes nothing never will. */
			next = slot->buf->count ? take_reserve(d) : NULL;
			if (!next)
				return false;
			queue_buf(d, slot, next);
			*full = true;
		}
	}
	return false;
}

/* The mode is per-CPU. */
static bool push_here(struct zs_pool *pool, unsigned long value)
{
	struct deferred *d = &pool->deferred;
	struct defer_slot *slot;
	bool stored, full = false;

	slot = uzs_this_cpu(&d->slots);
	/* Taken by a thread that lost its CPU, or by a flush. */
	if (unlikely(!spin_trylock(&slot->lock))) {
		uzs_count(&d->nr_sync_busy, 1);
		return false;
	}
	stored = push_value(pool, slot, value, &full);
	if (unlikely(full))
		schedule(pool);
	if (likely(stored))
		uzs_add(&slot->nr_queued, 1);
	else
		uzs_add(&slot->nr_full, 1);
	spin_unlock(&slot->lock);
	/* Long due: asks again for a thread that could not be had. */
	if (unlikely(!stored) && work_pending(&d->work) &&
	    uzs_workqueue_lacks_worker(&pool->wq))
		queue_work(&pool->wq, &d->work);
	return stored;
}

bool zs_defer_push(struct zs_pool *pool, unsigned long value)
{
	struct deferred *d = &pool->deferred;
	bool claimed = false, stored;

	if (unlikely(d->mode != ZS_DEFER_PERCPU))
		return false;
	if (unlikely(!d->ops && no_handle(value)))
		return false;
	if (unlikely(pool->hardened) && !d->ops) {
		if (!uzs_harden_claim(pool, value, true, __func__))
			return false;
		claimed = true;
	}
	stored = push_here(pool, value);
	/* The caller has to free it, as if he had not tried. */
	if (unlikely(claimed && !stored))
		uzs_harden_set(value, USE_LIVE);
	return stored;
}

/* The values in it are done with. */
static void put_drained(struct zs_pool *pool, struct defer_buf *buf)
{
	struct deferred *d = &pool->deferred;

	count_drained(pool, buf->count);
	buf->count = 0;
	spin_lock(&d->bufs_lock);
	list_add(&buf->list, &d->reserve);
	WRITE_ONCE(d->nr_reserve, d->nr_reserve + 1);
	spin_unlock(&d->bufs_lock);
}

/* Drains the first queued buffer, if it was queued before number `until`.
 * Locks: needs drain_lock. Return: was there one? */
static bool drain_buf(struct zs_pool *pool, u64 until)
{
	struct deferred *d = &pool->deferred;
	struct defer_buf *buf = NULL;

	uzs_assert_held(&d->drain_lock);
	mutex_lock(&d->hand_lock);
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
			uzs_free_handles(pool, buf->mem, buf->count);
		put_drained(pool, buf);
	}
	mutex_unlock(&d->hand_lock);
	uzs_turn_give(&d->hand_wanted);
	return buf != NULL;
}

/* ---- both kinds --------------------------------------------------------- */

/* For reuse. The handle word would have to be waited for: a hardened pool looks
 * at it when reuse does. */
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

	if (unlikely(no_handle(handle)))
		return false;
	if (d->mode == ZS_DEFER_REUSE)
		return keep_or_free(pool, handle);
	if (unlikely(pool->hardened) &&
	    !uzs_harden_claim(pool, handle, true, __func__))
		return false;
	if (d->mode == ZS_DEFER_ARRAY)
		queued = queue_in_array(pool, handle);
	else if (d->mode == ZS_DEFER_PERCPU && !d->ops)
		queued = push_here(pool, handle);
	if (!queued)
		uzs_free_one(pool, handle);
	return queued;
}

/* Locks: needs drain_lock. Return: was there anything? */
static bool drain_some(struct zs_pool *pool, enum zs_defer_mode mode, u64 until)
{
	if (mode == ZS_DEFER_PERCPU)
		return drain_buf(pool, until);
	return drain_array(pool, until);
}

/* The worker's part: until nothing is left, but of buffers at most half the
 * reserve in one run, so that other work gets its turn. */
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
			schedule(pool);
			break;
		}
	}
}

/* Queues the buffers that CPUs are filling. Return: number of the last
 * buffer queued. */
static u64 queue_all_bufs(struct deferred *d)
{
	u64 last;

	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_lock(&slot->lock);
		if (slot->buf && slot->buf->count)
			queue_buf(d, slot, NULL);
		spin_unlock(&slot->lock);
	}
	spin_lock(&d->bufs_lock);
	last = d->queued_bufs;
	spin_unlock(&d->bufs_lock);
	return last;
}

/* The number up to which all is queued now. Return: false if nothing ever
 * was. */
static bool note_queued(struct zs_pool *pool, enum zs_defer_mode mode,
			u64 *until)
{
	struct deferred *d = &pool->deferred;

	if (mode == ZS_DEFER_PERCPU) {
		*until = queue_all_bufs(d);
		return true;
	}
	if (mode != ZS_DEFER_ARRAY || !smp_load_acquire(&d->ring))
		return false;
	spin_lock(&d->lock);
	*until = d->head;
	spin_unlock(&d->lock);
	return true;
}

void zs_free_deferred_flush(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	enum zs_defer_mode mode = mode_of(d);
	bool more = true;
	u64 until;

	uzs_reuse_flush(pool);
	uzs_harden_tell_noted(pool);
	if (!note_queued(pool, mode, &until))
		return;
	/* Having the lock with nothing left means that it is freed: others
	 * free only under it. */
	while (more) {
		lock_drain(d);
		more = drain_some(pool, mode, until);
		unlock_drain(d);
	}
}

bool uzs_deferred_waits(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	unsigned long gone;

	if (mode_of(d) == ZS_DEFER_PERCPU && d->ops)
		return false;
	/* First what left: one that comes and one that goes meanwhile must not
	 * look like none. */
	gone = smp_load_acquire(&d->nr_drained) + uzs_reuse_taken(pool);
	return uzs_deferred_queued(pool) != gone;
}

bool uzs_deferred_relieve(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	enum zs_defer_mode mode = mode_of(d);
	bool any = false;
	u64 until;

	uzs_assert_held(&d->drain_lock);
	/* The caller may hold a lock that his callback takes; his values are
	 * his. */
	if (!uzs_deferred_waits(pool))
		return false;
	if (mode == ZS_DEFER_REUSE)
		return uzs_reuse_flush(pool);
	if (!note_queued(pool, mode, &until))
		return false;
	while (drain_some(pool, mode, until))
		any = true;
	return any;
}

/* What a run of the work leaves to the next. */
void uzs_deferred_drain_queued(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	bool more = mode_of(d) == ZS_DEFER_PERCPU;
	u64 until;

	spin_lock(&d->bufs_lock);
	until = d->queued_bufs;
	spin_unlock(&d->bufs_lock);
	while (more) {
		lock_drain(d);
		more = drain_buf(pool, until);
		unlock_drain(d);
	}
}

/* The parts of the mapping that per-CPU buffers are in: slots, buffer heads,
 * pages. */
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

size_t uzs_deferred_need(const struct zs_pool *pool, enum zs_defer_mode mode)
{
	struct bufs_layout l;

	switch (mode) {
	case ZS_DEFER_ARRAY:
		return ring_bytes(pool);
	case ZS_DEFER_PERCPU:
		plan_bufs(pool, &l);
		return l.end;
	case ZS_DEFER_REUSE:
		return uzs_reuse_bytes(pool);
	case ZS_DEFER_DEFAULT: /* the array only if there is room */
	case ZS_DEFER_NONE:
		break;
	}
	return 0;
}

/* Could the pool still hold an object of any size, if so many bytes more were
 * not for objects? */
static bool leaves_room(struct zs_pool *pool, size_t bytes)
{
	return !pool->memory_limit ||
	       pool->memory_limit >=
		       pool->least_bytes + uzs_deferred_bytes(pool) + bytes;
}

static int alloc_bufs(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	struct bufs_layout l;
	struct defer_buf *bufs;
	char *mem;

	plan_bufs(pool, &l);
	mem = leaves_room(pool, l.end) ? uzs_zone_map(&pool->zone, l.end)
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
	/* Each CPU has a buffer of its own from the start. */
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_lock_init(&slot->lock);
		lock_set_rank(&slot->lock, RANK_DEFERRED);
		lock_set_order(&slot->lock, i + 1); /* fork takes them all */
		slot->buf = take_reserve(d);
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
	/* Another thread may be about to do the same. */
	mutex_lock(&d->drain_lock);
	if (d->mode != ZS_DEFER_PERCPU)
		err = alloc_bufs(pool);
	if (!err) {
		d->ops = ops;
		d->private_data = private_data;
		smp_store_release(&d->mode, ZS_DEFER_PERCPU);
	}
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
	spin_lock_init(&d->lock);
	lock_set_rank(&d->lock, RANK_DEFERRED);
	spin_lock_init(&d->bufs_lock);
	lock_set_rank(&d->bufs_lock, RANK_DEFERRED);
	INIT_LIST_HEAD(&d->reserve);
	INIT_LIST_HEAD(&d->queue);
	d->capacity = ring_capacity(pool);
	switch (mode) {
	case ZS_DEFER_DEFAULT: /* the array, once it is needed */
		d->mode = leaves_room(pool, ring_bytes(pool)) ? ZS_DEFER_ARRAY
							      : ZS_DEFER_NONE;
		return 0;
	case ZS_DEFER_ARRAY:
		d->mode = mode;
		return get_ring(pool) ? 0 : -ENOMEM;
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

/* A drain callback may push again. */
void uzs_deferred_empty(struct zs_pool *pool)
{
	do
		zs_free_deferred_flush(pool);
	while (uzs_deferred_queued(pool) !=
	       READ_ONCE(pool->deferred.nr_drained) + uzs_reuse_taken(pool));
}

void uzs_deferred_destroy(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	VM_BUG_ON(d->head != d->tail || !list_empty(&d->queue));
	if (d->ring)
		uzs_zone_unmap(&pool->zone, d->ring, ring_bytes(pool));
	if (d->mem)
		uzs_zone_unmap(&pool->zone, d->mem, d->mem_bytes);
	uzs_reuse_destroy(pool);
}

size_t uzs_deferred_bytes(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	return (smp_load_acquire(&d->ring) ? ring_bytes(pool) : 0) +
	       (mode_of(d) == ZS_DEFER_PERCPU ? d->mem_bytes : 0) +
	       pool->reuse.mem_bytes;
}

unsigned long uzs_deferred_full(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	unsigned long n = READ_ONCE(d->nr_sync_full);

	for (unsigned int i = 0;
	     mode_of(d) == ZS_DEFER_PERCPU && i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		n += READ_ONCE(slot->nr_full);
	}
	return n;
}

unsigned long uzs_deferred_queued(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	unsigned long n = READ_ONCE(d->nr_queued) + uzs_reuse_kept(pool);

	if (mode_of(d) != ZS_DEFER_PERCPU)
		return n;
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		n += READ_ONCE(slot->nr_queued);
	}
	return n;
}

/* How long a fork waits for a callback to return. */
#define FORK_PATIENCE_NS (20 * 1000000u)

void uzs_deferred_fork_hand(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;
	u64 now = uzs_clock_ns(), end = now + FORK_PATIENCE_NS;

	uzs_turn_lock(&d->hand_lock, &d->hand_wanted);
	/* It may wait for the forking thread, or be what forks. */
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
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_lock(&slot->lock);
	}
	spin_lock(&d->bufs_lock);
}

void uzs_deferred_fork_parent(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	spin_unlock(&d->bufs_lock);
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_unlock(&slot->lock);
	}
	spin_unlock(&d->lock);
	mutex_unlock(&d->hand_lock);
}

void uzs_deferred_fork_child(struct zs_pool *pool)
{
	struct deferred *d = &pool->deferred;

	spin_lock_renew(&d->bufs_lock);
	for (unsigned int i = 0; i < d->slots.slots; i++) {
		struct defer_slot *slot = uzs_per_cpu(&d->slots, i);

		spin_lock_renew(&slot->lock);
	}
	spin_lock_renew(&d->lock);
	mutex_renew(&d->hand_lock);
	d->hand_wanted = 0;
	mutex_renew(&d->drain_lock);
	/* Who was in the callback is not here to go on: what of the values he
	 * had done is known to nobody. */
	if (d->calling && !pthread_equal(d->caller, pthread_self())) {
		d->calling = 0;
		put_drained(pool, d->given);
	}
}
