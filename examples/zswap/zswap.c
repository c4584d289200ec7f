/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zswap.c - makes and destroys a zswap; store, load, invalidate.
 *
 * Kernel origin: mm/zswap.c zswap_store, zswap_load, zswap_invalidate,
 * zswap_entry_free. See zswap.h for what differs.
 * Guarantees:
 *  Z1 An entry is removed once, and only by the thread that has it locked.
 *  Z2 After a failed store no older page is found at its offset.
 *  Z3 A page is in zswap until it is in the backing: writeback removes the
 *     entry after the write, load and invalidate wait for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- entries ------------------------------------------------------------- */

static void lru_add(struct zswap *z, struct zswap_entry *entry)
{
	pthread_mutex_lock(&z->lru_lock);
	entry_list_add(&z->lru, entry);
	pthread_mutex_unlock(&z->lru_lock);
}

static void lru_del(struct zswap *z, struct zswap_entry *entry)
{
	pthread_mutex_lock(&z->lru_lock);
	entry_list_del(&z->lru, entry);
	pthread_mutex_unlock(&z->lru_lock);
}

/* Frees an entry that is out of the index, in the kernel's order: see
 * zswap_entry_free there. */
static void release_entry(struct zswap *z, struct zswap_entry *entry,
			  bool deferred)
{
	struct zswap_pool *pool = entry->pool;

	if (!pool) {
		stat_sub(&z->same_filled_pages, 1);
	} else {
		lru_del(z, entry);
		if (!deferred)
			zs_free(pool->zs, entry->handle);
		else if (zs_free_deferred(pool->zs, entry->handle))
			zswap_note_dead(z);
		stat_sub(&z->stored_bytes, entry->length); /* uncharge */
		zswap_pool_put(z, pool);
	}
	entry_free(&z->cache, entry);
	stat_sub(&z->stored_pages, 1);
}

void zswap_entry_free(struct zswap *z, struct zswap_entry *entry, bool deferred)
{
	index_remove(&z->index, entry);
	release_entry(z, entry, deferred);
}

/* ---- store --------------------------------------------------------------- */

/* Does the page repeat a single word? */
static bool same_filled(const void *page, size_t bytes, unsigned long *value)
{
	const unsigned long *word = page;
	size_t last = bytes / sizeof(*word) - 1;

	/* Most other pages differ here already. */
	if (word[0] != word[last])
		return false;
	for (size_t i = 1; i < last; i++)
		if (word[i] != word[0])
			return false;
	*value = word[0];
	return true;
}

static void fill(void *page, size_t bytes, unsigned long value)
{
	unsigned long *word = page;

	for (size_t i = 0; i < bytes / sizeof(*word); i++)
		word[i] = value;
}

/* Return: a handle, or an error value; then no dead handle is left in any
 * pool. */
static unsigned long allocate(struct zswap *z, struct zswap_pool *pool,
			      size_t bytes)
{
	unsigned long handle;

	/* zs_malloc frees what waits in its own pool; there may be other
	 * pools. */
	do
		handle = zs_malloc(pool->zs, bytes, GFP_KERNEL, NUMA_NO_NODE);
	while (zs_is_err(handle) && zswap_free_dead(z));
	return handle;
}

/* Sets pool, handle and length of the entry. Return: 0, or as zswap_store. */
static int compress(struct zswap *z, struct zswap_entry *entry,
		    const void *page)
{
	struct zswap_pool *pool = zswap_pool_get(z);
	struct codec_context *context = codec_get(&pool->codec);
	size_t bytes = codec_compress(&pool->codec, context, page);
	int err = 0;

	if (!bytes) {
		stat_add(&z->reject_compress_fail, 1);
		err = -EIO;
	} else if (bytes >= pool->poor_bytes) {
		stat_add(&z->reject_compress_poor, 1);
		err = -E2BIG;
	} else {
		entry->handle = allocate(z, pool, bytes);
		if (zs_is_err(entry->handle)) {
			stat_add(&z->reject_alloc_fail, 1);
			err = -ENOMEM;
		} else {
			zs_obj_write(pool->zs, entry->handle, context->buffer,
				     bytes);
		}
	}
	codec_put(context);
	if (err) {
		zswap_pool_put(z, pool);
		return err;
	}
	entry->pool = pool;
	entry->length = (uint32_t)bytes;
	return 0;
}

/* Makes a locked entry for the page, which cannot be found yet. */
static int make_entry(struct zswap *z, uint64_t offset, const void *page,
		      struct zswap_entry **made)
{
	unsigned long word = 0;
	bool same = same_filled(page, z->options.page_size, &word);
	struct zswap_entry *entry;
	int err;

	if (!same && zswap_limit_reached(z)) {
		zswap_kick(z, true);
		return -EDQUOT;
	}
	entry = entry_alloc(&z->cache);
	if (!entry) {
		stat_add(&z->reject_kmemcache_fail, 1);
		return -ENOMEM;
	}
	entry->offset = offset;
	entry->pool = NULL;
	entry->length = 0;
	entry->handle = word;
	if (!same) {
		err = compress(z, entry, page);
		if (err) {
			entry_free(&z->cache, entry);
			return err;
		}
	}
	*made = entry;
	return 0;
}

int zswap_store(struct zswap *z, uint64_t offset, const void *page)
{
	struct zswap_entry *entry = NULL, *old;
	int err;

	stat_add(&z->stores, 1);
	/* From here on no writeback of an older page can run. */
	old = index_lock_entry(&z->index, offset);
	err = make_entry(z, offset, page, &entry);
	if (err) {
		/* The old page is out of date. */
		if (old) {
			zswap_entry_free(z, old, false);
			zswap_note_freed(z);
		}
		return err;
	}
	/* Count before other threads can find the entry and remove it. */
	stat_add(&z->stored_pages, 1);
	stat_add(&z->stored_bytes, entry->length);
	if (!entry->pool)
		stat_add(&z->same_filled_pages, 1);
	/* Another thread may store at the same offset meanwhile. */
	while (!old && !index_add(&z->index, entry))
		old = index_lock_entry(&z->index, offset);
	if (old) {
		index_replace(&z->index, old, entry);
		stat_add(&z->duplicate_entry, 1);
		release_entry(z, old, false);
		zswap_note_freed(z);
	}
	if (entry->pool)
		lru_add(z, entry);
	entry_unlock(&z->index, entry);
	return 0;
}

/* ---- load, invalidate ---------------------------------------------------- */

int zswap_decompress(struct zswap_entry *entry, void *page,
		     unsigned int page_size)
{
	struct zswap_pool *pool = entry->pool;
	struct codec_context *context;
	void *object;
	int err;

	if (!pool) {
		fill(page, page_size, entry->handle);
		return 0;
	}
	context = codec_get(&pool->codec);
	/* Decompresses from the pool directly. Only an object in two pages is
	 * copied. */
	object = zs_obj_read_begin(pool->zs, entry->handle, entry->length,
				   context->buffer);
	err = codec_decompress(&pool->codec, context, object, entry->length,
			       page);
	zs_obj_read_end(pool->zs, entry->handle, entry->length, object);
	codec_put(context);
	return err;
}

int zswap_load(struct zswap *z, uint64_t offset, void *page)
{
	struct zswap_entry *entry;

	stat_add(&z->loads, 1);
	entry = index_lock_entry(&z->index, offset);
	if (!entry) {
		stat_add(&z->load_misses, 1);
		return -ENOENT;
	}
	if (zswap_decompress(entry, page, z->options.page_size)) {
		stat_add(&z->decompress_fail, 1);
		entry_unlock(&z->index, entry);
		return -EIO;
	}
	zswap_entry_free(z, entry, false);
	zswap_note_freed(z);
	return 0;
}

bool zswap_invalidate(struct zswap *z, uint64_t offset)
{
	struct zswap_entry *entry = index_lock_entry(&z->index, offset);

	stat_add(&z->invalidates, 1);
	if (!entry)
		return false;
	zswap_entry_free(z, entry, true);
	zswap_note_freed(z);
	return true;
}

struct area {
	uint64_t first, nr;
	uint64_t *offset; /* offsets found */
	size_t found, room;
};

static void collect_offset(struct zswap_entry *entry, void *arg)
{
	struct area *area = arg;

	if (entry->offset - area->first < area->nr && area->found < area->room)
		area->offset[area->found++] = entry->offset;
}

uint64_t zswap_invalidate_area(struct zswap *z, uint64_t first, uint64_t nr)
{
	uint64_t stored = stat_read(&z->stored_pages), dropped = 0;
	struct area area = { .first = first, .nr = nr, .room = stored + 1 };

	/* If the area is much larger than what is stored (a whole device), walk
	 * the stored entries. Without memory for a list, try each offset. */
	if (nr / 8 > stored) {
		area.offset = malloc(area.room * sizeof(*area.offset));
		if (area.offset) {
			/* If the list is full, repeat: other threads store into
			 * the area, and an older page may have found no room in
			 * the list. */
			do {
				area.found = 0;
				index_for_each(&z->index, collect_offset,
					       &area);
				for (size_t i = 0; i < area.found; i++)
					dropped += zswap_invalidate(
						z, area.offset[i]);
			} while (area.found == area.room);
			free(area.offset);
			return dropped;
		}
	}
	for (uint64_t i = 0; i < nr; i++)
		dropped += zswap_invalidate(z, first + i);
	return dropped;
}

/* ---- life ---------------------------------------------------------------- */

static bool fill_in(struct zswap_options *options)
{
	if (!options->page_size)
		options->page_size = 4096;
	if (!options->max_pool_percent)
		options->max_pool_percent = 20;
	if (!options->accept_threshold_percent)
		options->accept_threshold_percent = 90;
	if (!options->compressor)
		options->compressor = "lz4";
	if (options->profile == ZS_PROFILE_DEFAULT)
		options->profile = ZS_PROFILE_KERNEL;
	return options->budget_bytes && options->max_pool_percent <= 100 &&
	       options->accept_threshold_percent <= 100;
}

struct zswap *zswap_create(const struct zswap_options *options)
{
	struct zswap *z = calloc(1, sizeof(*z));
	int err = -EINVAL;

	if (!z) {
		errno = ENOMEM;
		return NULL;
	}
	z->options = *options;
	if (!fill_in(&z->options))
		goto fail;
	z->max_pool_size = (uint64_t)z->options.budget_bytes *
			   z->options.max_pool_percent / 100;
	z->accept_pool_size =
		z->max_pool_size * z->options.accept_threshold_percent / 100;
	err = index_init(&z->index);
	if (err)
		goto fail;
	entry_cache_init(&z->cache);
	pthread_mutex_init(&z->lru_lock, NULL);
	pthread_mutex_init(&z->pools_lock, NULL);
	pthread_mutex_init(&z->room_lock, NULL);
	zswap_worker_init(z);
	err = zswap_set_compressor(z, z->options.compressor);
	if (err) {
		zswap_destroy(z);
		errno = -err;
		return NULL;
	}
	z->options.compressor = NULL; /* the string belongs to the caller */
	return z;
fail:
	free(z);
	errno = -err;
	return NULL;
}

void zswap_destroy(struct zswap *z)
{
	if (!z)
		return;
	zswap_worker_stop(z);
	/* (A same-filled page has only its entry, which the cache frees.) */
	while (z->lru.coldest)
		zswap_entry_free(z, z->lru.coldest, true);
	zswap_tidy_pools(z, true);
	entry_cache_destroy(&z->cache);
	index_destroy(&z->index);
	zswap_worker_destroy(z);
	pthread_mutex_destroy(&z->lru_lock);
	pthread_mutex_destroy(&z->pools_lock);
	pthread_mutex_destroy(&z->room_lock);
	free(z);
}

/* ---- looking at it ------------------------------------------------------- */

void zswap_stats(struct zswap *z, struct zswap_stats *stats)
{
	*stats = (struct zswap_stats){
		.stored_pages = stat_read(&z->stored_pages),
		.same_filled_pages = stat_read(&z->same_filled_pages),
		.stored_bytes = stat_read(&z->stored_bytes),
		.pool_total_size = zswap_pool_size(z),
		.max_pool_size = z->max_pool_size,
		.written_back_pages = stat_read(&z->written_back_pages),
		.pool_limit_hit = stat_read(&z->pool_limit_hit),
		.reject_reclaim_fail = stat_read(&z->reject_reclaim_fail),
		.reject_alloc_fail = stat_read(&z->reject_alloc_fail),
		.reject_kmemcache_fail = stat_read(&z->reject_kmemcache_fail),
		.reject_compress_fail = stat_read(&z->reject_compress_fail),
		.reject_compress_poor = stat_read(&z->reject_compress_poor),
		.decompress_fail = stat_read(&z->decompress_fail),
		.duplicate_entry = stat_read(&z->duplicate_entry),
		.stores = stat_read(&z->stores),
		.loads = stat_read(&z->loads),
		.load_misses = stat_read(&z->load_misses),
		.invalidates = stat_read(&z->invalidates),
	};
}

struct census {
	uint64_t entries, same_filled, bytes, locked;
	uint64_t refs, objects; /* of all pools */
	unsigned long violations;
};

static void count_entry(struct zswap_entry *entry, void *arg)
{
	struct census *census = arg;

	census->entries++;
	census->same_filled += !entry->pool;
	census->bytes += entry->length;
	census->locked += atomic_load(&entry->locked) != 0;
}

static void count_pool(struct zswap_pool *pool, void *arg)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	struct census *census = arg;

	zs_free_deferred_flush(pool->zs);
	zs_pool_info(pool->zs, &info);
	census->objects += info.objs_inuse;
	census->refs += atomic_load(&pool->refs);
	census->violations += zs_pool_check(pool->zs, NULL);
}

unsigned long zswap_check(struct zswap *z)
{
	struct census census = { 0 };
	struct zswap_entry *entry;
	uint64_t on_lru = 0;

	index_for_each(&z->index, count_entry, &census);
	zswap_for_each_pool(z, count_pool, &census);
	pthread_mutex_lock(&z->lru_lock);
	for (entry = z->lru.coldest; entry; entry = entry->warmer)
		on_lru++;
	pthread_mutex_unlock(&z->lru_lock);
	census.violations += census.locked;
	census.violations += census.entries != stat_read(&z->stored_pages);
	census.violations += census.entries - census.same_filled != on_lru;
	census.violations += census.bytes != stat_read(&z->stored_bytes);
	census.violations += census.same_filled !=
			     stat_read(&z->same_filled_pages);
	census.violations += census.objects !=
			     census.entries - census.same_filled;
	/* The current pool has one more reference. */
	census.violations += census.refs != census.objects + 1;
	return census.violations;
}
