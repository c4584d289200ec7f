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
	uint64_t block = dev->config.block;
	uint64_t pages = bytes / block + (bytes % block ? 1 : 0);

	/* so that the limit can be reported in bytes */
	if (pages > UINT64_MAX / block)
		pages = UINT64_MAX / block;
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

int uzram_create(const struct uzram_config *config, struct uzram **out,
		 char *why, size_t why_bytes)
{
	struct zs_pool_options options = ZS_POOL_OPTIONS_INIT;
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
	uzram_set_limit(dev, config->mem_limit);

	options.page_size = config->block;
	options.chain_size = uzram_chain(config);
	options.lock_scope = config->scope;
	options.defer = config->defer;
	/* A full device of blocks that compress to a half. */
	if (!config->all_classes)
		options.expected_bytes =
			nr < SIZE_MAX / config->block
				? (size_t)nr * (config->block / 2)
				: SIZE_MAX;
	dev->pool = zs_create_pool_with("uzram", &options);
	if (!dev->pool) {
		err = -errno;
		explain(why, why_bytes, "cannot make a pool: %s",
			strerror(errno));
		goto fail;
	}
	dev->huge_size = zs_huge_class_size(dev->pool);

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
