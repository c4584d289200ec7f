/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* reuse.c - owns the objects that were freed and are kept, with their handles,
 * for the next allocation of their class.
 *
 * Kernel origin: none. Per-CPU stacks that shrink to what is in use, after J.
 * Bonwick and J. Adams, "Magazines and Vmem" (USENIX 2001); differs: what is
 * kept is an object like any other, and compaction moves it, too.
 * Locks: takes a slot's lock, then whatever freeing takes. Sleeps: functions
 * that look at all slots do; keeping and taking only as zs_free does.
 *
 * Why: an object freed at random costs a cache miss for its handle word, one
 * for its page descriptor and itself, one for its zspage, and each address is
 * known only from the one before. A handle that is kept waits for none of them.
 * Its word is prefetched, and read some frees later. Then descriptor and object
 * are prefetched, and used later still, when the object is taken.
 * Guarantees:
 *  T1 a handle is in one place of one slot, and leaves it once: allocated
 *     again, or freed.
 *  T2 keeping and taking never wait for a slot: they try.
 *  T3 what leaves a slot to be freed is freed before the slot's lock is
 *     dropped. So a thread that has had every slot's lock knows that all that
 *     was kept before is freed or allocated again.
 */
#include "kernel/reuse.h"

#include <string.h>

#include "class.h"
#include "compat/os.h"
#include "kernel/free_many.h"
#include "harden.h"
#include "lock_order.h"
#include "kernel/scope.h"

/* Pages of objects of one class that are kept for a CPU, at most. */
#define KEPT_PAGES 4u

/* What was not needed for so long is freed. */
#define AGE_NS (100 * 1000000u)

/* If the free objects take more than these bytes, and more than 1 / SPARSE_PART
 * of the pool, nothing is given out again. A kept object would stay in its half
 * empty zspage. After a free, the next object comes from a fuller one, and the
 * pool gets dense. Keeping goes on, because freeing many objects of a class at
 * once is cheaper. */
#define SPARSE_BYTES ((size_t)4 << 20)
#define SPARSE_PART 8u
/* note_sparse runs each time a slot's stacks were full this often. */
#define SPARSE_EVERY 64u

/* Bytes of an object that are prefetched when it is taken. */
#define FETCH_BYTES 4096u

/* The call to name when a kept handle turns out not to be live. */
#define KEPT_BY "zs_free_deferred"

/* Queues the aging of what is kept, if it is not queued. seldom: the caller
 * does not come here for each object, so it may also try again to start the
 * worker, if it could not be started. */
static void schedule(struct zs_pool *pool, bool seldom)
{
	struct work_struct *work = &pool->reuse.age_work;

	if (unlikely(!work_pending(work) ||
		     (seldom && uzs_workqueue_lacks_worker(&pool->wq))))
		queue_delayed_work(&pool->wq, work, AGE_NS);
}

static void note_sparse(struct zs_pool *pool)
{
	unsigned long gaps = uzs_pool_freeable_pages(pool);
	unsigned long all = (unsigned long)READ_ONCE(pool->pages_allocated);

	WRITE_ONCE(pool->reuse.sparse,
		   gaps > SPARSE_BYTES >> pool->page_shift &&
			   gaps > all / SPARSE_PART);
}

unsigned int uzs_reuse_room(const struct zs_pool *pool,
			    const struct size_class *class)
{
	return min(REUSE_KEPT, KEPT_PAGES * pool->page_size / class->size);
}

/* Frees the n oldest handles of a stack. Locks: needs slot->lock. */
static void free_oldest(struct zs_pool *pool, struct reuse_slot *slot,
			struct reuse_stack *stack, unsigned int n)
{
	uzs_assert_held(&slot->lock);
	if (!n)
		return;
	uzs_free_same_class(pool, stack->handles, n);
	uzs_count(&pool->reuse.nr_freed, n);
	uzs_count(&pool->freed_late, n);
	slot->held -= n;
	stack->nr = (u16)(stack->nr - n);
	stack->low = min(stack->low, stack->nr);
	memmove(stack->handles, stack->handles + n,
		stack->nr * sizeof(stack->handles[0]));
}

/* Locks: needs slot->lock. Return: did older handles have to be freed? */
static bool put_on_stack(struct zs_pool *pool, struct reuse_slot *slot,
			 unsigned long handle)
{
	struct reuse_stack *stack;
	struct size_class *class;
	bool full;

	if (unlikely(pool->hardened) &&
	    !uzs_harden_keep(pool, handle, KEPT_BY)) {
		slot->held--;
		uzs_count(&pool->reuse.nr_freed, 1);
		return false;
	}
	class = uzs_class_of(pool, handle);
	uzs_assert_held(&slot->lock);
	stack = &slot->stacks[class->index];
	full = stack->nr == uzs_reuse_room(pool, class);
	/* Frees half of them: to free many of one class at once costs less than
	 * one by one. After that as many can come, or go, before the next
	 * time. */
	if (unlikely(full))
		free_oldest(pool, slot, stack, (stack->nr + 1u) / 2);
	if (unlikely(full && !(++slot->overflows % SPARSE_EVERY)))
		note_sparse(pool);
	stack->handles[stack->nr++] = handle;
	uzs_fetch_object(pool, class, handle, 1);
	return full;
}

/* Locks: needs slot->lock. */
static void unstage_all(struct zs_pool *pool, struct reuse_slot *slot)
{
	for (unsigned int i = 0; i < REUSE_STAGED; i++) {
		unsigned long handle = slot->staged[slot->pos];

		slot->staged[slot->pos] = 0;
		slot->pos = (slot->pos + 1) % REUSE_STAGED;
		if (handle)
			put_on_stack(pool, slot, handle);
	}
}

/* ---- keeping and taking -------------------------------------------------- */

/* Was the handle kept just now? Locks: needs slot->lock. */
static bool is_staged(const struct reuse_slot *slot, unsigned long handle)
{
	/* No vector loads: they would wait for the stores made just before. */
	for (unsigned int i = 0; i < REUSE_STAGED; i++)
		if (slot->staged[i] == handle)
			return true;
	return false;
}

enum reuse_kept uzs_reuse_keep(struct zs_pool *pool, unsigned long handle)
{
	struct reuse *r = &pool->reuse;
	struct reuse_slot *slot = uzs_this_cpu(&r->slots);
	unsigned long oldest;
	bool full;

	/* A thread that lost its CPU, or one that looks at all slots, has
	 * it. */
	if (unlikely(!mutex_trylock(&slot->lock))) {
		uzs_count(&pool->reuse.nr_busy, 1);
		return REUSE_BUSY;
	}
	if (unlikely(pool->hardened) && is_staged(slot, handle)) {
		mutex_unlock(&slot->lock);
		uzs_tell_misuse(pool, handle, KEPT_BY, ZS_MISUSE_FREED);
		return REUSE_MISUSED;
	}
	__builtin_prefetch((void *)handle);
	oldest = slot->staged[slot->pos];
	slot->staged[slot->pos] = handle;
	slot->pos = (slot->pos + 1) % REUSE_STAGED;
	slot->held++;
	uzs_add(&slot->nr_kept, 1);
	full = oldest && put_on_stack(pool, slot, oldest);
	mutex_unlock(&slot->lock);
	/* In a child of a fork the work may be queued without a worker. */
	schedule(pool, full || pool->forked);
	uzs_harden_tell_noted(pool);
	return REUSE_IS_KEPT;
}

unsigned long uzs_reuse_take(struct zs_pool *pool,
			     const struct size_class *class)
{
	struct reuse_slot *slot = uzs_this_cpu(&pool->reuse.slots);
	struct reuse_stack *stack = &slot->stacks[class->index];
	unsigned long handle = 0;

	if (unlikely(READ_ONCE(pool->reuse.sparse)))
		return 0;
	if (unlikely(!mutex_trylock(&slot->lock)))
		return 0;
	if (likely(stack->nr)) {
		handle = stack->handles[--stack->nr];
		stack->low = min(stack->low, stack->nr);
		slot->held--;
		uzs_add(&slot->nr_taken, 1);
	}
	mutex_unlock(&slot->lock);
	if (unlikely(pool->hardened) && handle)
		uzs_harden_set(handle, USE_LIVE);
	/* The user writes the whole object next. */
	if (likely(handle))
		uzs_fetch_object(pool, class, handle,
				 min(class->size, FETCH_BYTES));
	return handle;
}

/* ---- looking at all slots ------------------------------------------------ */

/* Locks: needs slot->lock. Return: were there any? */
static bool free_all(struct zs_pool *pool, struct reuse_slot *slot)
{
	uzs_assert_held(&slot->lock);
	if (!slot->held)
		return false;
	unstage_all(pool, slot);
	for (unsigned int i = 0; i < pool->nr_classes; i++)
		free_oldest(pool, slot, &slot->stacks[i], slot->stacks[i].nr);
	return true;
}

bool uzs_reuse_flush(struct zs_pool *pool)
{
	struct reuse_slot *slot;
	bool any = false;

	for_each_reuse_slot(slot, &pool->reuse)
	{
		mutex_lock(&slot->lock);
		any |= free_all(pool, slot);
		mutex_unlock(&slot->lock);
	}
	return any;
}

/* Frees the part of each stack that was not used since the last aging: the
 * handles below its lowest level. */
static void age(struct work_struct *work)
{
	struct zs_pool *pool =
		container_of(work, struct zs_pool, reuse.age_work);
	struct reuse_slot *slot;
	bool left = false;

	for_each_reuse_slot(slot, &pool->reuse)
	{
		mutex_lock(&slot->lock);
		if (slot->held)
			unstage_all(pool, slot);
		for (unsigned int i = 0; slot->held && i < pool->nr_classes;
		     i++) {
			struct reuse_stack *stack = &slot->stacks[i];

			free_oldest(pool, slot, stack, stack->low);
			stack->low = stack->nr;
		}
		left |= slot->held != 0;
		mutex_unlock(&slot->lock);
	}
	note_sparse(pool);
	if (left)
		schedule(pool, false);
	uzs_harden_tell_noted(pool);
}

/* ---- life, statistics, locks --------------------------------------------- */

static size_t slot_bytes(const struct zs_pool *pool)
{
	return sizeof(struct reuse_slot) +
	       pool->nr_classes * sizeof(struct reuse_stack);
}

size_t uzs_reuse_bytes(const struct zs_pool *pool)
{
	return ALIGN(uzs_percpu_bytes(slot_bytes(pool)), uzs_os_page_size());
}

int uzs_reuse_init(struct zs_pool *pool)
{
	struct reuse *r = &pool->reuse;

	r->mem_bytes = uzs_reuse_bytes(pool);
	r->mem = uzs_zone_map(&pool->zone, r->mem_bytes);
	if (!r->mem)
		return -ENOMEM;
	uzs_percpu_init(&r->slots, r->mem, slot_bytes(pool));
	for (unsigned int i = 0; i < r->slots.slots; i++) {
		struct reuse_slot *slot = uzs_per_cpu(&r->slots, i);

		mutex_init(&slot->lock);
		lock_set_rank(&slot->lock.spin, RANK_REUSE);
		lock_set_order(&slot->lock.spin, i + 1); /* uzs_reuse_lock */
	}
	INIT_WORK(&r->age_work, age);
	return 0;
}

void uzs_reuse_destroy(struct zs_pool *pool)
{
	struct reuse *r = &pool->reuse;

	if (r->mem)
		uzs_zone_unmap(&pool->zone, r->mem, r->mem_bytes);
}

unsigned long uzs_reuse_nr_kept(struct zs_pool *pool)
{
	struct reuse_slot *slot;
	unsigned long n = 0;

	for_each_reuse_slot(slot, &pool->reuse) n += READ_ONCE(slot->nr_kept);
	return n;
}

unsigned long uzs_reuse_nr_taken(struct zs_pool *pool)
{
	struct reuse_slot *slot;
	unsigned long n = 0;

	for_each_reuse_slot(slot, &pool->reuse)
		n += smp_load_acquire(&slot->nr_taken);
	return n;
}

void uzs_reuse_lock(struct zs_pool *pool)
{
	struct reuse_slot *slot;

	for_each_reuse_slot(slot, &pool->reuse) mutex_lock(&slot->lock);
}

void uzs_reuse_unlock(struct zs_pool *pool)
{
	struct reuse_slot *slot;

	for_each_reuse_slot(slot, &pool->reuse) mutex_unlock(&slot->lock);
}

void uzs_reuse_fork_child(struct zs_pool *pool)
{
	struct reuse_slot *slot;

	for_each_reuse_slot(slot, &pool->reuse) mutex_renew(&slot->lock);
}
