/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* writeback.c - makes room: writes the coldest pages to the backing. Also the
 * worker, which does so when the limit was reached.
 *
 * Kernel origin: mm/zswap.c zswap_writeback_entry, shrink_worker; there the
 * page goes through the swap cache; here the entry stays locked while it is
 * written. Added: dead objects are freed first (limit.c).
 * Locks: takes an entry's, lru_lock, worker_lock.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "internal.h"

#define MAX_FAILURES 16 /* like the kernel's MAX_RECLAIM_RETRIES */
#define BATCH 64

/* Locks the coldest entry that is not locked. Moves it to the warm end, so that
 * it is not tried again at once if it cannot be written. Return: 0; -ENOENT:
 * there is none; -EAGAIN: the coldest was locked. */
static int lock_coldest(struct zswap *z, struct zswap_entry **coldest)
{
	struct zswap_entry *entry;
	int err = -ENOENT;

	pthread_mutex_lock(&z->lru_lock);
	*coldest = entry = z->lru.coldest;
	if (entry) {
		entry_list_del(&z->lru, entry);
		entry_list_add(&z->lru, entry);
		/* While it is on the list it cannot be freed. */
		err = entry_trylock(entry) ? 0 : -EAGAIN;
	}
	pthread_mutex_unlock(&z->lru_lock);
	return err;
}

/* Return: 0, or the error; -EAGAIN: the entry was locked. */
static int write_coldest(struct zswap *z, void *page)
{
	const struct zswap_backing *backing = &z->options.backing;
	struct zswap_entry *entry;
	int err = lock_coldest(z, &entry);

	if (err)
		return err;
	err = zswap_decompress(entry, page, z->options.page_size);
	if (err)
		stat_add(&z->decompress_fail, 1);
	else
		err = backing->write(backing->arg, entry->offset, page);
	if (err) {
		stat_add(&z->reject_reclaim_fail, 1);
		entry_unlock(&z->index, entry);
		return err;
	}
	zswap_entry_free(z, entry, false);
	stat_add(&z->written_back_pages, 1);
	return 0;
}

/* As zswap_writeback. @enough: called before each page, may be NULL. */
static long write_back(struct zswap *z, unsigned long nr,
		       bool (*enough)(struct zswap *z))
{
	int failures = 0, err = 0, last = 0;
	long written = 0;
	void *page;

	if (!z->options.backing.write)
		return -ENODEV;
	page = malloc(z->options.page_size);
	if (!page)
		return -ENOMEM;
	for (; nr && err != -ENOENT && !(enough && enough(z)); nr--) {
		err = write_coldest(z, page);
		if (!err) {
			written++;
			continue;
		}
		last = err;
		if (++failures == MAX_FAILURES)
			break;
	}
	free(page);
	if (written)
		zswap_note_freed(z);
	return written ? written : last;
}

long zswap_writeback(struct zswap *z, unsigned long nr)
{
	return write_back(z, nr, NULL);
}

static bool stopping(struct zswap *z)
{
	bool stop;

	pthread_mutex_lock(&z->worker_lock);
	stop = z->worker_stop;
	pthread_mutex_unlock(&z->worker_lock);
	return stop;
}

/* Dead objects go first, and it is not yet known how many they are. */
static bool must_look_again(struct zswap *z)
{
	return zswap_dead_waits(z) || zswap_pool_size(z) <= z->accept_pool_size;
}

static void shrink(struct zswap *z)
{
	uint64_t excess;
	int failures = 0;
	long result;

	while (!stopping(z) && (excess = zswap_excess(z))) {
		/* A page of the excess holds more than one entry. */
		excess /= z->options.page_size;
		result = write_back(z, excess < BATCH ? excess + 1 : BATCH,
				    must_look_again);
		if (result == -ENODEV || result == -ENOENT)
			break;
		if (result < 0 && ++failures == MAX_FAILURES)
			break;
	}
}

static void *work(void *arg)
{
	struct zswap *z = arg;

	pthread_mutex_lock(&z->worker_lock);
	while (!z->worker_stop) {
		bool shrink_wanted = z->shrink_wanted;

		if (!shrink_wanted && !z->tidy_wanted) {
			z->worker_busy = false;
			pthread_cond_broadcast(&z->worker_idle);
			pthread_cond_wait(&z->worker_wake, &z->worker_lock);
			continue;
		}
		z->shrink_wanted = z->tidy_wanted = false;
		z->worker_busy = true;
		pthread_mutex_unlock(&z->worker_lock);
		if (shrink_wanted)
			shrink(z);
		zswap_tidy_pools(z, false);
		pthread_mutex_lock(&z->worker_lock);
	}
	pthread_mutex_unlock(&z->worker_lock);
	return NULL;
}

/* Signals are handled by the program's own threads. */
static int start_worker(struct zswap *z)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&z->worker, NULL, work, z);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

void zswap_kick(struct zswap *z, bool shrink_wanted)
{
	pthread_mutex_lock(&z->worker_lock);
	if (shrink_wanted)
		z->shrink_wanted = true;
	else
		z->tidy_wanted = true;
	if (!z->worker_stop) {
		/* If there is no thread, the next call tries again to start
		 * it. */
		if (!z->worker_started)
			z->worker_started = !start_worker(z);
		pthread_cond_signal(&z->worker_wake);
	}
	pthread_mutex_unlock(&z->worker_lock);
}

void zswap_flush(struct zswap *z)
{
	pthread_mutex_lock(&z->worker_lock);
	while (z->worker_started &&
	       (z->worker_busy || z->shrink_wanted || z->tidy_wanted))
		pthread_cond_wait(&z->worker_idle, &z->worker_lock);
	pthread_mutex_unlock(&z->worker_lock);
	zswap_free_dead(z);
}

void zswap_worker_init(struct zswap *z)
{
	pthread_mutex_init(&z->worker_lock, NULL);
	pthread_cond_init(&z->worker_wake, NULL);
	pthread_cond_init(&z->worker_idle, NULL);
}

/* Kicking the worker after this is allowed, and does nothing. */
void zswap_worker_stop(struct zswap *z)
{
	pthread_mutex_lock(&z->worker_lock);
	z->worker_stop = true;
	pthread_cond_signal(&z->worker_wake);
	pthread_mutex_unlock(&z->worker_lock);
	if (z->worker_started)
		pthread_join(z->worker, NULL);
}

void zswap_worker_destroy(struct zswap *z)
{
	pthread_mutex_destroy(&z->worker_lock);
	pthread_cond_destroy(&z->worker_wake);
	pthread_cond_destroy(&z->worker_idle);
}
