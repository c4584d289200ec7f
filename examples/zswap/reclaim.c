/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* reclaim.c - takes pages out of memory: the clock's hand, limbo, and the
 * thread that keeps the resident pages below the limit. See pager.h for the
 * idea.
 *
 * To take a page: write protect it, so that it stays as it is; copy it to its
 * frame in limbo; MADV_DONTNEED. A thread that writes to it meanwhile sleeps,
 * and gets the page back from where it is then. A thread that only reads goes
 * on.
 * Callers: fault.c wakes the thread; uzswap.c. Locks: takes the pager's. Drops
 * it for all system calls and for compression.
 * Guarantee: R1 a page is in its region, in its frame, or in the swap space:
 *  it leaves one only after it is in the next.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "os.h"
#include "pager.h"

#define RETRY_NS (20 * 1000000l)

struct batch {
	uint32_t slot[BATCH];
	unsigned int nr;
};

/* Copies words without TSan: the page tables keep the owner of the memory from
 * writing meanwhile, and TSan does not know that. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NOT_FOR_TSAN __attribute__((no_sanitize("thread")))
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define NOT_FOR_TSAN __attribute__((no_sanitize("thread")))
#endif
#ifndef NOT_FOR_TSAN
#define NOT_FOR_TSAN
#endif

NOT_FOR_TSAN static void copy_page(void *to, const void *from, size_t bytes)
{
	const volatile uint64_t *source = from;
	uint64_t *target = to;

	for (size_t i = 0; i < bytes / sizeof(*target); i++)
		target[i] = source[i];
}

/* ---- out of the region --------------------------------------------------- */

/* Adds a RESIDENT page to the batch, with a frame. Locks: needs the lock. */
static void choose(struct uzswap *u, struct batch *batch, uint32_t slot)
{
	struct page *page = &u->pages[slot];

	page_list_del(u, &u->active, slot);
	page->state = PAGE_BUSY;
	page->frame = u->free_frames[--u->nr_free_frames];
	batch->slot[batch->nr++] = slot;
}

/* The clock's hand: chooses the oldest pages, but those that came back from
 * limbo get another turn. Locks: needs the lock. */
static void choose_oldest(struct uzswap *u, struct batch *batch)
{
	unsigned long tries = u->active.count;

	while (batch->nr < BATCH && u->nr_free_frames && tries--) {
		uint32_t slot = u->active.oldest;
		struct page *page = &u->pages[slot];

		if (!page->referenced) {
			choose(u, batch, slot);
			continue;
		}
		page->referenced = 0;
		u->stats.kept_referenced++;
		page_list_del(u, &u->active, slot);
		page_list_add(u, &u->active, slot);
	}
}

static int by_slot(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Takes neighbouring pages with one system call. Locks: none; the pages are
 * BUSY. Return: 0, or a negative errno, and they are still in the region. */
static int take_run(struct uzswap *u, char *base, const uint32_t *frame,
		    unsigned int nr)
{
	size_t bytes = nr * u->page_size;
	int err = fault_protect(u, base, bytes, true);

	if (err)
		return err;
	for (unsigned int i = 0; i < nr; i++)
		copy_page(frame_of(u, frame[i]), base + i * u->page_size,
			  u->page_size);
	err = os_drop(base, bytes);
	if (err)
		fault_protect(u, base, bytes, false);
	return err;
}

/* Moves the pages of a batch, which are BUSY, to limbo.
 * Locks: needs the lock; drops it. Return: 0 or a negative errno. */
static int take_batch(struct uzswap *u, struct batch *batch)
{
	uint32_t frame[BATCH];
	char *base[BATCH];
	unsigned int nr;
	int err = 0, result;

	qsort(batch->slot, batch->nr, sizeof(batch->slot[0]), by_slot);
	for (unsigned int i = 0; i < batch->nr; i++) {
		struct region *region = region_of_slot(u, batch->slot[i]);

		frame[i] = u->pages[batch->slot[i]].frame;
		base[i] = region->base +
			  (batch->slot[i] - region->slot) * u->page_size;
	}
	for (unsigned int i = 0; i < batch->nr; i += nr) {
		for (nr = 1; i + nr < batch->nr &&
			     base[i + nr] == base[i] + nr * u->page_size;)
			nr++;
		pthread_mutex_unlock(&u->lock);
		result = take_run(u, base[i], frame + i, nr);
		pthread_mutex_lock(&u->lock);
		for (unsigned int j = i; j < i + nr; j++) {
			if (result) {
				u->free_frames[u->nr_free_frames++] = frame[j];
				page_settle(u, batch->slot[j], PAGE_RESIDENT);
				continue;
			}
			page_settle(u, batch->slot[j], PAGE_LIMBO);
			u->stats.taken++;
		}
		err = result ? result : err;
	}
	return err;
}

/* ---- out of limbo -------------------------------------------------------- */

/* Stores the oldest pages of limbo.
 * Locks: needs the lock; drops it. Return: how many, or a negative errno; then
 * the page that could not be stored stays in limbo as the newest. */
static int put_out(struct uzswap *u, unsigned int nr)
{
	unsigned int done = 0;

	while (done < nr && u->limbo.count) {
		uint32_t slot = u->limbo.oldest;
		struct page *page = &u->pages[slot];
		int err;

		page_list_del(u, &u->limbo, slot);
		page->state = PAGE_BUSY;
		pthread_mutex_unlock(&u->lock);
		err = swap_out(u->swap, slot, frame_of(u, page->frame));
		pthread_mutex_lock(&u->lock);
		if (err) {
			page_settle(u, slot, PAGE_LIMBO);
			u->stats.store_errors++;
			u->stats.last_error = err;
			return err;
		}
		u->free_frames[u->nr_free_frames++] = page->frame;
		u->used--;
		u->out++;
		page_settle(u, slot, PAGE_OUT);
		done++;
		u->stuck = false;
		if (u->room_waiters)
			pthread_cond_broadcast(&u->room);
	}
	return (int)done;
}

/* Other threads move the pages in question, or have all frames. */
static void let_others(struct uzswap *u)
{
	pthread_mutex_unlock(&u->lock);
	sched_yield();
	pthread_mutex_lock(&u->lock);
}

/* Takes the next pages of a range, from *slot on. Locks, return: as put_out. */
static int take_range(struct uzswap *u, uint64_t *slot, uint64_t end)
{
	struct batch batch = { .nr = 0 };

	for (; *slot < end && batch.nr < BATCH && u->nr_free_frames; ++*slot) {
		enum page_state state = u->pages[*slot].state;

		/* Do not wait for others with pages in hand. */
		if (state == PAGE_BUSY)
			break;
		if (state == PAGE_RESIDENT)
			choose(u, &batch, (uint32_t)*slot);
	}
	if (batch.nr)
		return take_batch(u, &batch);
	if (*slot < end)
		let_others(u);
	return 0;
}

int reclaim_range(struct uzswap *u, uint64_t slot, uint64_t nr_slots)
{
	uint64_t end = slot + nr_slots;
	int err = 0;

	pthread_mutex_lock(&u->lock);
	/* Pages that are being read ahead are BUSY, and waited for. Pages that
	 * are only planned must not come in after this. */
	region_of_slot(u, slot)->epoch = ++u->epochs;
	while (slot < end && err >= 0) {
		if (u->nr_free_frames < BATCH && u->limbo.count)
			err = put_out(u, BATCH);
		else
			err = take_range(u, &slot, end);
	}
	do {
		while (err >= 0 && u->limbo.count)
			err = put_out(u, BATCH);
		/* The thread may have some of these pages in hand, and may put
		 * them back. */
		for (slot = end - nr_slots; slot < end; slot++)
			page_wait(u, (uint32_t)slot);
	} while (err >= 0 && u->limbo.count);
	pthread_mutex_unlock(&u->lock);
	return err < 0 ? err : 0;
}

/* ---- the thread ---------------------------------------------------------- */

/* Takes pages until there is twice the slack. Limbo is kept full; the excess is
 * stored. Locks: needs the lock; drops it. Return: 0 or a negative errno. */
static int reclaim(struct uzswap *u)
{
	int err = 0, stored;

	while (!u->stop && u->used + 2 * u->slack > u->limit) {
		struct batch batch = { .nr = 0 };

		choose_oldest(u, &batch);
		if (batch.nr)
			err = take_batch(u, &batch);
		stored = 0;
		if (u->limbo.count + BATCH > u->limbo_max || !batch.nr)
			stored = put_out(u, BATCH);
		if (stored < 0)
			return stored;
		if (err)
			return err;
		if (!batch.nr && !stored)
			let_others(u);
	}
	return 0;
}

static void *work(void *arg)
{
	struct uzswap *u = arg;
	struct timespec until;

	pthread_mutex_lock(&u->lock);
	while (!u->stop) {
		if (u->used + u->slack < u->limit) {
			pthread_cond_wait(&u->work, &u->lock);
			continue;
		}
		u->stuck = false;
		if (!reclaim(u))
			continue;
		/* Nothing can be stored. Threads that wait for room must not
		 * wait for ever. Try again a little later. */
		u->stuck = true;
		pthread_cond_broadcast(&u->room);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += RETRY_NS;
		until.tv_sec += until.tv_nsec / 1000000000l;
		until.tv_nsec %= 1000000000l;
		while (!u->stop && pthread_cond_timedwait(&u->work, &u->lock,
							  &until) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

int reclaim_start(struct uzswap *u)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&u->reclaimer, NULL, work, u);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	u->reclaimer_started = !err;
	return -err;
}

void reclaim_stop(struct uzswap *u)
{
	pthread_mutex_lock(&u->lock);
	u->stop = true;
	pthread_cond_signal(&u->work);
	pthread_mutex_unlock(&u->lock);
	if (u->reclaimer_started)
		pthread_join(u->reclaimer, NULL);
}
