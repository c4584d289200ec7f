/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* store_report.c - prints what `uzs store` measured, for people and for
 * programs.
 */
#include "store_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "json.h"

#define MIB (1024.0 * 1024.0)

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* Bytes per second; NaN if the time is 0. */
static double rate(uint64_t bytes, uint64_t ns)
{
	return ns ? (double)bytes / seconds(ns) : (double)NAN;
}

static double percent_of(uint64_t part, uint64_t whole)
{
	return whole ? (double)part * 100 / (double)whole : (double)NAN;
}

/* Memory of the pool beyond the compressed bytes, in percent of them. */
static double overhead_percent(const struct uzs_stage *stage)
{
	return percent_of(stage->pool_bytes, stage->object_bytes) - 100;
}

static void print_optional(int width, int digits, double value, bool known)
{
	if (known && isfinite(value))
		printf(" %*.*f", width, digits, value);
	else
		printf(" %*s", width, "-");
}

static void print_rate(const char *what, uint64_t bytes, uint64_t ns)
{
	printf("%-12s %.3f s", what, seconds(ns));
	if (ns && bytes)
		printf(", %.1f MB/s", rate(bytes, ns) / 1e6);
}

static void print_skipped(const struct uzs_input *input)
{
	if (input->skipped_links)
		printf("skipped      %" PRIu64
		       " symbolic links found in directories\n",
		       input->skipped_links);
	if (input->skipped_special)
		printf("skipped      %" PRIu64
		       " devices, sockets and pipes found in directories\n",
		       input->skipped_special);
	if (input->skipped_unreadable)
		printf("skipped      %" PRIu64
		       " files or directories that could not be read\n",
		       input->skipped_unreadable);
}

static void print_input(const struct uzs_store_report *report)
{
	const struct uzs_input *input = report->input;
	const struct uzs_pages *pages = report->pages;
	const struct uzs_stage *stored = &report->stage[UZS_STORED];
	uint64_t read_ns = report->store_ns - pages->checksum_ns -
			   pages->compress_ns - pages->pool_ns;

	printf("files        %" PRIu64 "%s", input->files_read,
	       *report->paths ? "" : ", this machine's shared libraries");
	if (input->cut)
		printf(", cut off at %.1f MiB", (double)input->max_bytes / MIB);
	putchar('\n');
	print_skipped(input);
	printf("bytes in     %" PRIu64 " (%.1f MiB)\n", input->bytes,
	       (double)input->bytes / MIB);
	printf("pages        %" PRIu64 " of %zu bytes: %" PRIu64
	       " compressed, %" PRIu64 " raw, %" PRIu64 " same-filled\n",
	       pages->count, pages->page_bytes, stored->objects - pages->raw,
	       pages->raw, pages->same_filled);
	printf("compressed   %" PRIu64 " (%.1f MiB", stored->object_bytes,
	       (double)stored->object_bytes / MIB);
	if (input->bytes)
		printf(", %.1f %%",
		       percent_of(stored->object_bytes, input->bytes));
	printf("), %s\n", report->algo);
	print_rate("stored", input->bytes, report->store_ns);
	printf(" (compress %.3f s, pool %.3f s, checksum %.3f s, read and rest %.3f s)\n",
	       seconds(pages->compress_ns), seconds(pages->pool_ns),
	       seconds(pages->checksum_ns), seconds(read_ns));
	print_rate("verified", input->bytes, report->verify_ns);
	puts(": every page read back is as it was");
}

static void print_stages(const struct uzs_store_report *report)
{
	char freed[32];
	const char *names[UZS_STAGES] = { "stored", freed, "compacted",
					  "trimmed" };
	int i;

	snprintf(freed, sizeof(freed), "freed %u %%", report->free_percent);
	puts("\n               objects  compressed MiB    pool MiB     RSS MiB  overhead %");
	for (i = 0; i < UZS_STAGES; i++) {
		const struct uzs_stage *stage = &report->stage[i];

		printf("%-12s %9" PRIu64 " %15.2f %11.2f", names[i],
		       stage->objects, (double)stage->object_bytes / MIB,
		       (double)stage->pool_bytes / MIB);
		print_optional(11, 2, (double)stage->rss_bytes / MIB,
			       report->has_rss);
		print_optional(11, 2, overhead_percent(stage), true);
		putchar('\n');
	}
}

/* A line of the comparison: RSS in MiB when all is stored, when a part is freed,
 * when the memory of that is given back; and then over the objects' bytes. */
static void print_rival(const char *name, const uint64_t rss[UZS_HELD_STAGES],
			uint64_t object_bytes)
{
	printf("%-24s", name);
	for (int i = 0; i < UZS_HELD_STAGES; i++)
		printf(" %11.2f", (double)rss[i] / MIB);
	print_optional(11, 2,
		       percent_of(rss[UZS_HELD_TRIMMED], object_bytes) - 100,
		       true);
	putchar('\n');
}

static void print_freed(const struct uzs_store_report *report)
{
	if (report->free_percent == 50)
		printf("; after half was freed ");
	else
		printf("; after %u %% was freed ", report->free_percent);
}

/* "256 MiB of files in 157 MiB; malloc 159, jemalloc 175; after half was freed 80
 * against 148 and 163." */
static void print_sentence(const struct uzs_store_report *report)
{
	const struct uzs_rivals *rivals = &report->rivals;

	printf("\n%.0f MiB of files in %.0f MiB",
	       (double)report->input->bytes / MIB,
	       (double)report->stage[UZS_STORED].rss_bytes / MIB);
	for (unsigned int i = 0; i < rivals->nr; i++)
		printf("%s %s %.0f", i ? "," : ";", rivals->list[i].name,
		       (double)rivals->list[i].report.rss_bytes[UZS_HELD] /
			       MIB);
	if (report->freed_objects) {
		print_freed(report);
		printf("%.0f",
		       (double)report->stage[UZS_TRIMMED].rss_bytes / MIB);
		for (unsigned int i = 0; i < rivals->nr; i++)
			printf("%s %.0f",
			       !i		     ? " against"
			       : i + 1 == rivals->nr ? " and"
						     : ",",
			       (double)rivals->list[i]
					       .report
					       .rss_bytes[UZS_HELD_TRIMMED] /
				       MIB);
	}
	puts(".");
}

static void print_compared(const struct uzs_store_report *report)
{
	const struct uzs_rivals *rivals = &report->rivals;
	const struct uzs_stage *stage = report->stage;
	const uint64_t ours[UZS_HELD_STAGES] = {
		stage[UZS_STORED].rss_bytes,
		stage[UZS_FREED].rss_bytes,
		stage[UZS_TRIMMED].rss_bytes,
	};
	uint64_t bytes = stage[UZS_TRIMMED].object_bytes;
	char name[80];

	puts("\nRSS in MiB                    stored       freed  given back  overhead %");
	print_rival("pool", ours, bytes);
	for (unsigned int i = 0; i < rivals->nr; i++) {
		const struct uzs_rival *rival = &rivals->list[i];
		const struct uzs_allocator *allocator =
			&rival->report.allocator;

		if (strcmp(rival->name, allocator->name))
			snprintf(name, sizeof(name), "%s (%s %s)", rival->name,
				 allocator->name, allocator->version);
		else
			snprintf(name, sizeof(name), "%s %.16s", rival->name,
				 allocator->version);
		print_rival(name, rival->report.rss_bytes, bytes);
	}
	puts("The same objects in each, the others in processes of their own, and "
	     "the same freed\n"
	     "in the same order. Given back: by zs_compact and zs_trim, or by "
	     "the call that the\n"
	     "other has for it. Overhead: of that over the bytes of the objects "
	     "left.");
	print_sentence(report);
}

int uzs_store_print_text(const struct uzs_store_report *report)
{
	const struct uzs_stage *end = &report->stage[UZS_TRIMMED];
	int error;

	print_input(report);
	print_stages(report);
	printf("\nfreed        %" PRIu64
	       " objects in random order (seed %" PRIu64 ") in %.3f s\n",
	       report->freed_objects, report->seed, seconds(report->free_ns));
	printf("compacted    %" PRIu64 " pages freed in %.3f s, %" PRIu64
	       " objects (%.2f MiB) moved",
	       report->compact_pages, seconds(report->compact_ns),
	       report->compact_objects, (double)report->compact_bytes / MIB);
	if (report->compact_bytes)
		printf(", %.0f MB/s, a class locked for %.1f us at most",
		       rate(report->compact_bytes, report->compact_ns) / 1e6,
		       (double)report->compact_hold_ns / 1e3);
	printf("\ntrimmed      %.2f MiB given back in %.3f s\n",
	       (double)report->trim_bytes / MIB, seconds(report->trim_ns));
	printf("verified     %" PRIu64
	       " objects and all same-filled pages are as they were, %.3f s\n",
	       end->objects, seconds(report->verify_again_ns));
	printf("\nCompressed: sizes of the objects in the pool. Pool: all that "
	       "it holds from the\n"
	       "OS; overhead: of that over the compressed bytes. RSS: growth "
	       "of the process since\n"
	       "before the pool was made, less the records of the pages (%.2f "
	       "MiB); code, stack\n"
	       "and small buffers first used meanwhile are in it. A page that "
	       "compresses to %zu\n"
	       "bytes or more is raw. The last page of a file is filled up "
	       "with zeros.\n",
	       (double)report->pages->record_bytes / MIB,
	       report->pages->raw_from_bytes);
	if (report->pool)
		puts("\nSize classes at the end:");
	error = report->pool ? zs_print_classes(report->pool, stdout) : 0;
	if (error)
		return uzs_fail("cannot write the output: %s",
				strerror(-error));
	if (report->rivals.nr)
		print_compared(report);
	return 0;
}

static void json_input(struct uzs_json *json,
		       const struct uzs_store_report *report)
{
	const struct uzs_input *input = report->input;
	char *const *path;

	uzs_json_open(json, "input", '{');
	uzs_json_open(json, "paths", '[');
	for (path = report->paths; *path; path++)
		uzs_json_string(json, NULL, *path);
	uzs_json_close(json, ']');
	uzs_json_bool(json, "machine_libraries", !*report->paths);
	uzs_json_uint(json, "files", input->files_read);
	uzs_json_uint(json, "skipped_links", input->skipped_links);
	uzs_json_uint(json, "skipped_special", input->skipped_special);
	uzs_json_uint(json, "skipped_unreadable", input->skipped_unreadable);
	uzs_json_uint(json, "max_bytes", input->max_bytes);
	uzs_json_bool(json, "cut", input->cut);
	uzs_json_uint(json, "bytes", input->bytes);
	uzs_json_close(json, '}');
}

static void json_pages(struct uzs_json *json,
		       const struct uzs_store_report *report)
{
	const struct uzs_pages *pages = report->pages;
	const struct uzs_stage *stored = &report->stage[UZS_STORED];

	uzs_json_open(json, "pages", '{');
	uzs_json_uint(json, "count", pages->count);
	uzs_json_uint(json, "compressed", stored->objects - pages->raw);
	uzs_json_uint(json, "raw", pages->raw);
	uzs_json_uint(json, "same_filled", pages->same_filled);
	uzs_json_uint(json, "raw_from_bytes", pages->raw_from_bytes);
	uzs_json_uint(json, "record_bytes", pages->record_bytes);
	uzs_json_close(json, '}');
}

static void json_stages(struct uzs_json *json,
			const struct uzs_store_report *report)
{
	static const char *const names[UZS_STAGES] = { "stored", "freed",
						       "compacted", "trimmed" };
	int i;

	uzs_json_open(json, "stages", '[');
	for (i = 0; i < UZS_STAGES; i++) {
		const struct uzs_stage *stage = &report->stage[i];

		uzs_json_open(json, NULL, '{');
		uzs_json_string(json, "stage", names[i]);
		uzs_json_uint(json, "objects", stage->objects);
		uzs_json_uint(json, "compressed_bytes", stage->object_bytes);
		uzs_json_uint(json, "pool_bytes", stage->pool_bytes);
		if (report->has_rss)
			uzs_json_uint(json, "rss_bytes", stage->rss_bytes);
		else
			uzs_json_real(json, "rss_bytes", NAN);
		uzs_json_real(json, "overhead_percent",
			      overhead_percent(stage));
		uzs_json_close(json, '}');
	}
	uzs_json_close(json, ']');
}

static void json_work(struct uzs_json *json,
		      const struct uzs_store_report *report)
{
	uint64_t bytes = report->input->bytes;

	uzs_json_open(json, "store", '{');
	uzs_json_real(json, "seconds", seconds(report->store_ns));
	uzs_json_real(json, "bytes_per_second", rate(bytes, report->store_ns));
	uzs_json_real(json, "compress_seconds",
		      seconds(report->pages->compress_ns));
	uzs_json_real(json, "pool_seconds", seconds(report->pages->pool_ns));
	uzs_json_real(json, "checksum_seconds",
		      seconds(report->pages->checksum_ns));
	uzs_json_close(json, '}');

	uzs_json_open(json, "verify", '{');
	uzs_json_real(json, "seconds", seconds(report->verify_ns));
	uzs_json_real(json, "bytes_per_second", rate(bytes, report->verify_ns));
	uzs_json_real(json, "seconds_at_end", seconds(report->verify_again_ns));
	uzs_json_close(json, '}');

	uzs_json_open(json, "free", '{');
	uzs_json_uint(json, "percent", report->free_percent);
	uzs_json_uint(json, "seed", report->seed);
	uzs_json_uint(json, "objects", report->freed_objects);
	uzs_json_real(json, "seconds", seconds(report->free_ns));
	uzs_json_close(json, '}');

	uzs_json_open(json, "compact", '{');
	uzs_json_uint(json, "pages_freed", report->compact_pages);
	uzs_json_uint(json, "objects_moved", report->compact_objects);
	uzs_json_uint(json, "bytes_moved", report->compact_bytes);
	uzs_json_real(json, "seconds", seconds(report->compact_ns));
	uzs_json_uint(json, "class_lock_hold_ns_max", report->compact_hold_ns);
	uzs_json_close(json, '}');

	uzs_json_open(json, "trim", '{');
	uzs_json_uint(json, "bytes_given_back", report->trim_bytes);
	uzs_json_real(json, "seconds", seconds(report->trim_ns));
	uzs_json_close(json, '}');
}

static void json_compared(struct uzs_json *json,
			  const struct uzs_rivals *rivals)
{
	static const char *const keys[UZS_HELD_STAGES] = {
		"stored_rss_bytes", "freed_rss_bytes", "given_back_rss_bytes"
	};

	uzs_json_open(json, "compare", '[');
	for (unsigned int i = 0; i < rivals->nr; i++) {
		const struct uzs_rival *rival = &rivals->list[i];

		uzs_json_open(json, NULL, '{');
		uzs_json_string(json, "name", rival->name);
		uzs_json_string(json, "allocator",
				rival->report.allocator.name);
		uzs_json_string(json, "version",
				rival->report.allocator.version);
		for (int j = 0; j < UZS_HELD_STAGES; j++)
			uzs_json_uint(json, keys[j],
				      rival->report.rss_bytes[j]);
		uzs_json_close(json, '}');
	}
	uzs_json_close(json, ']');
}

static void json_classes(struct uzs_json *json, struct zs_pool *pool)
{
	unsigned int count = zs_class_count(pool);
	unsigned int i, group;

	uzs_json_open(json, "classes", '[');
	for (i = 0; i < count; i++) {
		struct zs_class_info info = ZS_CLASS_INFO_INIT;

		zs_class_info(pool, i, &info);
		if (info.index != i)
			continue;
		uzs_json_open(json, NULL, '{');
		uzs_json_uint(json, "index", info.index);
		uzs_json_uint(json, "size", info.size);
		uzs_json_uint(json, "pages_per_zspage", info.pages_per_zspage);
		uzs_json_uint(json, "objs_per_zspage", info.objs_per_zspage);
		uzs_json_bool(json, "huge", info.huge);
		uzs_json_open(json, "zspages_by_fullness", '[');
		for (group = 0; group < ZS_NR_FULLNESS_GROUPS; group++)
			uzs_json_uint(json, NULL, info.zspages[group]);
		uzs_json_close(json, ']');
		uzs_json_uint(json, "objs_capacity", info.objs_capacity);
		uzs_json_uint(json, "objs_inuse", info.objs_inuse);
		uzs_json_uint(json, "pages_used", info.pages_used);
		uzs_json_uint(json, "freeable_pages", info.freeable_pages);
		uzs_json_close(json, '}');
	}
	uzs_json_close(json, ']');
}

void uzs_store_print_json(const struct uzs_store_report *report)
{
	struct uzs_json json = UZS_JSON_INIT(stdout);

	uzs_json_open(&json, NULL, '{');
	uzs_json_string(&json, "version", zs_version());
	uzs_json_uint(&json, "page_size", report->geometry.page_size);
	uzs_json_uint(&json, "chain_size", report->geometry.chain_size);
	if (report->profile == ZS_PROFILE_USER)
		uzs_json_string(&json, "profile", "user");
	uzs_json_uint(&json, "block_bytes", report->block_bytes);
	uzs_json_uint(&json, "limit_bytes", report->limit_bytes);
	uzs_json_string(&json, "algo", report->algo);
	json_input(&json, report);
	json_pages(&json, report);
	json_stages(&json, report);
	json_work(&json, report);
	if (report->rivals.nr)
		json_compared(&json, &report->rivals);
	if (report->pool)
		json_classes(&json, report->pool);
	uzs_json_close(&json, '}');
}
