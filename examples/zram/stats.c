/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* stats.c - the device's figures as the kernel's lines, a table or JSON. */
#include "zram.h"

#include <inttypes.h>
#include <string.h>

/* Unit of bd_stat, in bytes: the kernel counts in 4 KiB. */
#define BD_UNIT 4096

enum unit { UNIT_BYTES, UNIT_BLOCKS, UNIT_PAGES, UNIT_COUNT, UNIT_PERCENT };

static const char *const unit_names[] = { "bytes", "blocks", "pages", "",
					  "percent" };

/* Hands figures one by one to the function that shows them. */
struct show {
	FILE *out;
	bool json;
	bool first;
};

static void section(struct show *show, const char *title)
{
	if (!show->json)
		fprintf(show->out, "%s%s\n", show->first ? "" : "\n", title);
	show->first = show->json && show->first;
}

static void figure(struct show *show, const char *name, enum unit unit,
		   uint64_t value, const char *sentence)
{
	if (show->json) {
		fprintf(show->out, "%s\n  \"%s\": %" PRIu64,
			show->first ? "{" : ",", name, value);
		show->first = false;
		return;
	}
	fprintf(show->out, "  %-18s %14" PRIu64 " %-7s %s\n", name, value,
		unit_names[unit], sentence);
}

static void show_contents(struct show *show, struct uzram *dev)
{
	struct uzram_counters *c = &dev->counters;
	uint64_t block = dev->config.block;

	section(show, "Contents");
	figure(show, "disk_size", UNIT_BYTES, dev->config.size,
	       "What a client sees as the size of the device.");
	figure(show, "block", UNIT_BYTES, block,
	       "What is compressed at a time.");
	figure(show, "orig_data_size", UNIT_BYTES, count_of(&c->stored) * block,
	       "What clients stored, as they see it, the backing file's too.");
	figure(show, "compr_data_size", UNIT_BYTES, count_of(&c->compr_bytes),
	       "The same in memory: compressed, or raw where that fails.");
	figure(show, "same_pages", UNIT_BLOCKS, count_of(&c->same),
	       "Blocks filled with one value: they take no memory.");
	figure(show, "huge_pages", UNIT_BLOCKS, count_of(&c->huge),
	       "Blocks that did not compress and are stored raw.");
	figure(show, "huge_pages_since", UNIT_BLOCKS, count_of(&c->huge_since),
	       "The same, all that were ever stored.");
	figure(show, "recompressed", UNIT_BLOCKS, count_of(&c->recompressed),
	       "Blocks that recomp_algo made smaller, ever.");
}

static void show_memory(struct show *show, struct uzram *dev,
			const struct zs_pool_info *info)
{
	uint64_t used = uzram_pages_to_bytes(dev, info->pages);
	uint64_t compr = count_of(&dev->counters.compr_bytes);

	section(show, "Memory");
	figure(show, "mem_used_total", UNIT_BYTES, used,
	       "Pages that hold compressed blocks; this is limited.");
	figure(show, "mem_limit", UNIT_BYTES,
	       uzram_pages_to_bytes(dev, count_of(&dev->limit_pages)),
	       "The most that mem_used_total may be; 0 is no limit.");
	figure(show, "mem_used_max", UNIT_BYTES,
	       uzram_pages_to_bytes(dev,
				    count_of(&dev->counters.max_used_pages)),
	       "The most that it was since the start, a reset or reset-max.");
	figure(show, "overhead", UNIT_PERCENT,
	       compr && used > compr ? (used - compr) * 100 / compr : 0,
	       "How much mem_used_total is above compr_data_size.");
	figure(show, "freeable", UNIT_BYTES,
	       uzram_pages_to_bytes(dev, info->freeable_pages),
	       "What compact would make free of it.");
	figure(show, "pages_compacted", UNIT_PAGES, info->pages_compacted,
	       "Pages that compaction made free, ever.");
	figure(show, "resident", UNIT_BYTES, info->bytes_resident,
	       "What the pool holds from the system, free pages included.");
}

static void show_requests(struct show *show, struct uzram *dev,
			  const struct zs_pool_info *info)
{
	struct uzram_counters *c = &dev->counters;
	uint64_t gone =
		(uint64_t)info->deferred_drained + info->deferred_reused;

	section(show, "Requests");
	figure(show, "reads", UNIT_COUNT, count_of(&c->reads),
	       "Read requests.");
	figure(show, "writes", UNIT_COUNT, count_of(&c->writes),
	       "Write and write-zeroes requests.");
	figure(show, "failed_reads", UNIT_COUNT, count_of(&c->failed_reads),
	       "Reads that failed: the backing file, or damaged data.");
	figure(show, "failed_writes", UNIT_COUNT, count_of(&c->failed_writes),
	       "Writes that failed: the memory limit, or no memory.");
	figure(show, "invalid_io", UNIT_COUNT, count_of(&c->invalid_io),
	       "Requests outside of the device.");
	figure(show, "notify_free", UNIT_BLOCKS, count_of(&c->notify_free),
	       "Blocks that trim requests were to free.");
	figure(show, "miss_free", UNIT_BLOCKS, count_of(&c->miss_free),
	       "Of those, left as they were: somebody else was at them.");
	figure(show, "deferred", UNIT_COUNT, info->deferred_queued,
	       "Objects that were queued, or kept, to be freed later.");
	figure(show, "deferred_reused", UNIT_COUNT, info->deferred_reused,
	       "Of those, given out again to writes.");
	figure(show, "deferred_pending", UNIT_COUNT,
	       info->deferred_queued > gone ? info->deferred_queued - gone : 0,
	       "Still waiting: in mem_used_total, in no block.");
	figure(show, "deferred_at_once", UNIT_COUNT,
	       info->deferred_sync_busy + info->deferred_sync_full,
	       "Objects freed at once, as the queue was busy or full.");
}

static void show_backing(struct show *show, struct uzram *dev)
{
	struct uzram_counters *c = &dev->counters;
	uint64_t block = dev->config.block;

	section(show, "Backing file");
	figure(show, "bd_size", UNIT_BYTES,
	       dev->backing.fd < 0 ? 0 : dev->backing.nr * block,
	       "Room in the backing file; 0 without one.");
	figure(show, "bd_count", UNIT_BYTES, count_of(&c->bd_count) * block,
	       "Contents that are there and not in memory.");
	figure(show, "bd_reads", UNIT_BYTES, count_of(&c->bd_reads) * block,
	       "Read from there, in whole blocks.");
	figure(show, "bd_writes", UNIT_BYTES, count_of(&c->bd_writes) * block,
	       "Written there.");
}

static void show_all(struct show *show, struct uzram *dev)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	zs_pool_info(dev->pool, &info);
	show_contents(show, dev);
	show_memory(show, dev, &info);
	show_requests(show, dev, &info);
	show_backing(show, dev);
}

void uzram_print_table(struct uzram *dev, FILE *out)
{
	struct show show = { out, false, true };

	show_all(&show, dev);
}

void uzram_print_json(struct uzram *dev, FILE *out)
{
	struct show show = { out, true, true };

	show_all(&show, dev);
	fprintf(out, "\n}\n");
}

/* ---- the kernel's lines ------------------------------------------------- */

void uzram_print_mm_stat(struct uzram *dev, FILE *out)
{
	struct uzram_counters *c = &dev->counters;
	struct zs_pool_stats pool;

	zs_pool_stats(dev->pool, &pool);
	fprintf(out,
		"%8" PRIu64 " %8lu %8" PRIu64 " %8" PRIu64 " %8" PRIu64
		" %8lu %8lu %8lu %8lu\n",
		(uint64_t)count_of(&c->stored) * dev->config.block,
		count_of(&c->compr_bytes),
		uzram_pages_to_bytes(dev, zs_get_total_pages(dev->pool)),
		uzram_pages_to_bytes(dev, count_of(&dev->limit_pages)),
		uzram_pages_to_bytes(dev, count_of(&c->max_used_pages)),
		count_of(&c->same), pool.pages_compacted, count_of(&c->huge),
		count_of(&c->huge_since));
}

void uzram_print_io_stat(struct uzram *dev, FILE *out)
{
	struct uzram_counters *c = &dev->counters;

	fprintf(out, "%8lu %8lu %8lu %8lu\n", count_of(&c->failed_reads),
		count_of(&c->failed_writes), count_of(&c->invalid_io),
		count_of(&c->notify_free));
}

void uzram_print_bd_stat(struct uzram *dev, FILE *out)
{
	struct uzram_counters *c = &dev->counters;
	unsigned long units = dev->config.block / BD_UNIT;

	fprintf(out, "%8lu %8lu %8lu\n", count_of(&c->bd_count) * units,
		count_of(&c->bd_reads) * units,
		count_of(&c->bd_writes) * units);
}
