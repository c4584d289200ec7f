/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* device.c - the device as a whole: make, reset, destroy; its limit; its
 * connections.
 *
 * Kernel origin: drivers/block/zram/zram_drv.c disksize_store, reset_store,
 * zram_reset_device, mem_limit_store, compact_store.
 */
#define _GNU_SOURCE
#include "zram.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the pool's shape --------------------------------------------------- */

enum zs_profile uzram_profile(const struct uzram_config *config)
{
	if (config->profile != ZS_PROFILE_DEFAULT)
		return config->profile;
	return sizeof(void *) == 8 ? ZS_PROFILE_USER : ZS_PROFILE_KERNEL;
}

/* With ZS_PROFILE_USER an object may be larger than a page, and is cut there
 * (object.c). So the pages are as small as they can be. */
unsigned int uzram_page(const struct uzram_config *config)
{
	if (uzram_profile(config) == ZS_PROFILE_KERNEL)
		return config->block;
	return (unsigned int)sysconf(_SC_PAGESIZE);
}

static unsigned int chain_pages(const struct uzram_config *config)
{
	bool kernel = uzram_profile(config) == ZS_PROFILE_KERNEL;

	return config->chain_size ? config->chain_size : kernel ? 8 : 16;
}

uint64_t uzram_least_limit(const struct uzram_config *config)
{
	uint64_t page = uzram_page(config), zspage = chain_pages(config) * page;
	/* An object that is larger has a zspage of its own. */
	uint64_t first = zspage > config->block ? zspage : config->block;

	/* One that is cut has two. */
	return 2 * (config->block > page ? first + zspage : zspage);
}

/* ---- limit -------------------------------------------------------------- */

static void note_used(struct uzram *dev, unsigned long pages)
{
	unsigned long max = count_of(&dev->counters.max_used_pages);

	while (pages > max &&
	       !atomic_compare_exchange_weak_explicit(
		       &dev->counters.max_used_pages, &max, pages,
		       memory_order_relaxed, memory_order_relaxed))
		;
}

static bool over_limit(struct uzram *dev, unsigned long *pages)
{
	unsigned long limit = count_of(&dev->limit_pages);

	*pages = zs_get_total_pages(dev->pool);
	return limit && *pages > limit;
}

/* Frees what only waits to be freed, as far as the limit asks for it. Locks:
 * needs compact_lock. Return: is the pool still above its limit? */
static bool make_room(struct uzram *dev, unsigned long *pages)
{
	bool over = over_limit(dev, pages);

	if (over) {
		zs_free_deferred_flush(dev->pool);
		over = over_limit(dev, pages);
	}
	if (over && zs_shrink_count(dev->pool)) {
		zs_compact(dev->pool);
		over = over_limit(dev, pages);
	}
	if (over) {
		zs_drain(dev->pool);
		over = over_limit(dev, pages);
	}
	/* Here a zspage can have pages that hold nothing. */
	if (over && uzram_profile(&dev->config) == ZS_PROFILE_USER) {
		zs_trim(dev->pool);
		over = over_limit(dev, pages);
	}
	return over;
}

/* Is the pool above its limit even without what only waits to be freed? Frees
 * an object that does not fit here, so that the next thread that gets the lock
 * has its room. Locks: takes compact_lock. */
static bool stays_over_limit(struct uzram *dev, unsigned long handle,
			     unsigned long *pages)
{
	bool over;

	pthread_mutex_lock(&dev->compact_lock);
	over = make_room(dev, pages);
	if (over) {
		zs_free(dev->pool, handle);
		make_room(dev, pages); /* the pool may have kept its place */
	}
	pthread_mutex_unlock(&dev->compact_lock);
	return over;
}

unsigned long uzram_alloc(struct uzram *dev, size_t size)
{
	unsigned long pages, handle;

	handle = zs_malloc(dev->pool, size, GFP_KERNEL, NUMA_NO_NODE);
	if (zs_is_err(handle))
		return handle;
	if (over_limit(dev, &pages) && stays_over_limit(dev, handle, &pages))
		return (unsigned long)-ENOSPC;
	note_used(dev, pages);
	return handle;
}

/* ---- control ------------------------------------------------------------ */

unsigned long uzram_compact(struct uzram *dev)
{
	unsigned long pages;

	pthread_mutex_lock(&dev->compact_lock);
	zs_free_deferred_flush(dev->pool);
	pages = zs_compact(dev->pool);
	pthread_mutex_unlock(&dev->compact_lock);
	return pages;
}

void uzram_set_limit(struct uzram *dev, uint64_t bytes)
{
	uint64_t page = dev->page;
	uint64_t pages = bytes / page + (bytes % page ? 1 : 0);

	/* so that the limit can be reported in bytes */
	if (pages > UINT64_MAX / page)
		pages = UINT64_MAX / page;
	atomic_store(&dev->limit_pages,
		     pages > ~0UL ? ~0UL : (unsigned long)pages);
}

void uzram_reset_max_used(struct uzram *dev)
{
	atomic_store(&dev->counters.max_used_pages,
		     zs_get_total_pages(dev->pool));
}

static void empty_all(struct uzram *dev)
{
	for (size_t i = slot_table_first(&dev->table, 0); i < dev->table.nr;
	     i = slot_table_after(&dev->table, i)) {
		struct slot *slot = &dev->table.slots[i];

		if (!slot_filled(slot_word(slot)))
			continue;
		slot_lock(slot);
		uzram_slot_free(dev, slot);
		slot_table_leave(&dev->table, slot);
		slot_unlock(slot);
	}
	slot_table_empty(&dev->table);
}

int uzram_reset(struct uzram *dev)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	int err = 0;

	pthread_mutex_lock(&dev->post_lock);
	pthread_mutex_lock(&dev->open_lock);
	if (dev->connections) {
		err = -EBUSY;
		goto out;
	}
	empty_all(dev);
	zs_free_deferred_flush(dev->pool);
	zs_compact(dev->pool);
	zs_trim(dev->pool);
	zs_pool_info(dev->pool, &info);
	if (info.objs_inuse || count_of(&dev->counters.stored) ||
	    count_of(&dev->counters.compr_bytes))
		err = -EUCLEAN;
	counters_clear(&dev->counters);
	uzram_set_limit(dev, dev->config.mem_limit);
out:
	pthread_mutex_unlock(&dev->open_lock);
	pthread_mutex_unlock(&dev->post_lock);
	return err;
}

/* ---- life --------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void
explain(char *why, size_t bytes, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, bytes, format, args);
	va_end(args);
}

void uzram_open(struct uzram *dev)
{
	pthread_mutex_lock(&dev->open_lock);
	dev->connections++;
	pthread_mutex_unlock(&dev->open_lock);
}

void uzram_close(struct uzram *dev)
{
	pthread_mutex_lock(&dev->open_lock);
	dev->connections--;
	pthread_mutex_unlock(&dev->open_lock);
}

static struct zs_pool *make_pool(const struct uzram_config *config)
{
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;
	uint64_t nr = uzram_nr_blocks(config);

	options.profile = uzram_profile(config);
	options.page_size = uzram_page(config);
	options.chain_size = chain_pages(config);
	options.lock_scope = config->scope;
	options.defer = config->defer;
	/* A request takes much longer than what they save; and moving objects
	 * into them takes time, and up to 1 % of memory. */
	options.flags = ZS_POOL_NO_HUGE_PAGES;
	/* A full device of blocks that compress to a half. */
	if (!config->all_classes)
		options.expected_bytes =
			nr < SIZE_MAX / config->block
				? (size_t)nr * (config->block / 2)
				: SIZE_MAX;
	return zs_create_pool_with("uzram", &options);
}

/* Bytes from which on a compressed block takes no less than a raw one. */
static size_t huge_size(struct uzram *dev)
{
	size_t bytes = dev->config.block, raw = uzram_taken(dev, bytes);

	if (uzram_profile(&dev->config) == ZS_PROFILE_KERNEL)
		return zs_huge_class_size(dev->pool);
	while (uzram_taken(dev, bytes - 1) >= raw)
		bytes--;
	return bytes;
}

int uzram_create(const struct uzram_config *config, struct uzram **out,
		 char *why, size_t why_bytes)
{
	struct uzram *dev = calloc(1, sizeof(*dev));
	uint64_t nr = uzram_nr_blocks(config);
	int err = -ENOMEM;

	explain(why, why_bytes, "no memory for the device");
	if (!dev) {
		backing_close_file(config->backing_fd);
		return -ENOMEM;
	}
	dev->config = *config;
	backing_init(&dev->backing, config->backing_fd);
	pthread_mutex_init(&dev->compact_lock, NULL);
	pthread_mutex_init(&dev->post_lock, NULL);
	pthread_mutex_init(&dev->open_lock, NULL);
	dev->page = uzram_page(config);
	uzram_set_limit(dev, config->mem_limit);

	dev->pool = make_pool(config);
	if (!dev->pool) {
		err = -errno;
		explain(why, why_bytes, "cannot make a pool: %s",
			strerror(errno));
		goto fail;
	}
	dev->huge_size = huge_size(dev);

	if (nr > SIZE_MAX || slot_table_init(&dev->table, (size_t)nr) ||
	    streams_init(&dev->streams, &config->algo, config->block,
			 dev->huge_size - 1) ||
	    (config->recomp_algo.codec &&
	     streams_init(&dev->recomp_streams, &config->recomp_algo,
			  config->block, dev->huge_size - 1)))
		goto fail;
	err = backing_start(&dev->backing, config->block);
	if (err) {
		explain(why, why_bytes, "bitmap of the backing file: %s",
			strerror(-err));
		goto fail;
	}
	*out = dev;
	return 0;
fail:
	uzram_destroy(dev);
	return err;
}

void uzram_destroy(struct uzram *dev)
{
	if (!dev)
		return;
	zs_destroy_pool(dev->pool);
	streams_destroy(&dev->streams);
	streams_destroy(&dev->recomp_streams);
	backing_close(&dev->backing);
	slot_table_destroy(&dev->table);
	pthread_mutex_destroy(&dev->compact_lock);
	pthread_mutex_destroy(&dev->post_lock);
	pthread_mutex_destroy(&dev->open_lock);
	free(dev);
}
