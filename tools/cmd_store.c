/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_store.c - `uzs store`: holds the pages of files, or larger blocks,
 * compressed in a pool, verifies them, frees a part, compacts, trims, and
 * measures each step.
 */
#include "store_report.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN 4096
/* Bytes read at a time; a multiple of every block. */
#define BUFFER_BYTES ZS_USER_MAX_SIZE
/* Bytes taken of the machine's libraries: so few that the first try takes
 * seconds. */
#define LIBRARIES_MAX_BYTES (256ull * 1024 * 1024)

static const char help[] =
	"usage: uzs store [OPTION...] [PATH...]\n"
	"\n"
	"Reads files (directories with all below them; '-' is stdin), cuts "
	"them into\n"
	"pages, compresses these and stores them in a pool; reads every page "
	"back,\n"
	"decompresses and compares it. Then frees a random part of the "
	"objects,\n"
	"compacts the pool, gives free memory back to the OS, and reports "
	"what the pool\n"
	"holds after each step. Without PATH it takes the machine's shared "
	"libraries,\n"
	"up to 256 MiB. What cannot be read below a directory is told and "
	"left out, and\n"
	"the exit status is 1 then.\n"
	"\n"
	"  --block SIZE     what is compressed at a time, in place of a page: a "
	"power of\n"
	"                   two from 4K to a page (default); profile user: to 1M\n"
	"  --algo NAME      lz4 (default), zstd, zstd:LEVEL or none\n"
	"  --free PERCENT   how much to free (default 50)\n"
	"  --seed N         chooses what is freed (default 1)\n"
	"  --limit SIZE     most memory that the pool may take from the OS\n"
	"  --max-bytes SIZE read no more than this\n" UZS_GEOMETRY_HELP
		UZS_PROFILE_HELP
	"  --compare LIST   the same objects in malloc, jemalloc, mimalloc or "
	"tcmalloc,\n"
	"                   each in a process of its own; LIST has commas\n"
	"  --classes        print the kernel's class table too\n"
	"  --json           print all of it as one JSON object\n"
	"  --html FILE      write a page in which one can step through all of "
	"it (up to\n"
	"                   some million pages; the pool has no worker then; "
	"not with\n"
	"                   --compare, and without figures of RSS)\n"
	"\n"
	"SIZE is bytes, or a number with K, M, G or T.\n"
	"\n"
	"Example: uzs store --algo zstd:1 --free 90 /usr/bin\n"
	"         uzs store --compare malloc,jemalloc --free 50\n"
	"         uzs store --profile user --block 256K --algo zstd /usr/bin\n";

struct store {
	struct uzs_input input;
	struct uzs_codec codec;
	struct uzs_pages pages;
	struct uzs_store_report report;
	struct uzs_progress progress;
	struct zs_pool *pool;
	const char *limit_text;
	const char *block_text; /* NULL: a page */
	void *buffer;
	uint64_t rss_before;
	bool classes;
	bool json;
	const char *html; /* NULL: not asked for */
	char label[64];
};

/* "8 MiB": uses the largest unit that needs no fraction. */
static const char *size_text(uint64_t bytes, char text[32])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB",
					     "TiB" };
	unsigned int unit = 0;

	while (unit < 4 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, 32, "%" PRIu64 " %s", bytes, units[unit]);
	return text;
}

/* Called for each page of the input: stores it. */
static int take_page(void *arg, const void *page, const struct uzs_file *file)
{
	struct store *store = arg;
	const char *name = uzs_file_name(file);
	uint64_t count = store->pages.count;
	char limit[32];
	int error;

	uzs_progress_update(&store->progress, store->input.bytes);
	error = uzs_pages_store(&store->pages, page);
	switch (error) {
	case 0:
		return store->pages.record_status;
	case -ENOMEM:
		if (!store->report.limit_bytes)
			return uzs_fail(
				"out of memory for the pool after %" PRIu64
				" pages (%s)",
				count, name);
		return uzs_fail("memory limit of %s reached after %" PRIu64
				" pages (%s)",
				size_text(store->report.limit_bytes, limit),
				count, name);
	case -ENOBUFS:
		return uzs_fail(
			"out of memory for the records of pages after %" PRIu64
			" pages (%s)",
			count, name);
	case -EIO:
		return uzs_fail("%s cannot compress page %" PRIu64 " (%s)",
				store->report.algo, count, name);
	default:
		return uzs_fail("cannot store page %" PRIu64 " (%s): %s", count,
				name, strerror(-error));
	}
}

static void measure(struct store *store, enum uzs_stage_name name)
{
	struct uzs_stage *stage = &store->report.stage[name];
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	uint64_t before = store->rss_before + store->pages.record_bytes;
	uint64_t now = 0;

	/* The worker may still give memory back. */
	zs_drain(store->pool);
	zs_pool_info(store->pool, &info);
	/* A record (--html) is memory of the process, too, and not the pool's. */
	store->report.has_rss = !store->html && uzs_rss_bytes(&now);
	stage->objects = store->pages.objects;
	stage->object_bytes = store->pages.object_bytes;
	stage->pool_bytes = info.bytes_resident;
	stage->rss_bytes = now > before ? now - before : 0;
}

static int verify(struct store *store, const char *when, uint64_t *ns)
{
	uint64_t start = uzs_now_ns();
	const struct uzs_file *file;
	uint64_t bad;

	if (!uzs_pages_verify(&store->pages, &bad)) {
		*ns = uzs_now_ns() - start;
		return 0;
	}
	file = uzs_input_file(&store->input, bad);
	return uzs_fail("%s, page %" PRIu64
			" of %s read back is not what was stored",
			when, bad - file->first_page, uzs_file_name(file));
}

static int fill_pool(struct store *store)
{
	uint64_t start = uzs_now_ns();
	uint64_t expected = store->input.expected_bytes;
	int status;

	if (store->input.max_bytes && expected > store->input.max_bytes)
		expected = store->input.max_bytes;
	uzs_progress_start(&store->progress, "store", expected);
	status = uzs_input_read(&store->input, store->pages.page_bytes,
				store->buffer, BUFFER_BYTES, take_page, store);
	uzs_progress_clear();
	store->report.store_ns = uzs_now_ns() - start;
	if (status)
		return status;
	measure(store, UZS_STORED);
	return verify(store, "after storing", &store->report.verify_ns);
}

static int free_part(struct store *store)
{
	struct uzs_store_report *report = &store->report;
	struct uzs_choice choice;
	uint64_t start;
	int status = 0;

	if (uzs_pages_choose(&store->pages, report->free_percent, report->seed,
			     &choice))
		return uzs_fail("out of memory for choosing what to free");
	/* While all objects are there. */
	if (report->rivals.nr)
		status =
			uzs_rivals_run(&store->pages, &choice, &report->rivals);
	start = uzs_now_ns();
	if (!status)
		uzs_pages_free(&store->pages, &choice);
	report->free_ns = uzs_now_ns() - start;
	report->freed_objects = choice.count;
	uzs_choice_destroy(&choice);
	if (!status)
		measure(store, UZS_FREED);
	return status ? status : store->pages.record_status;
}

/* Something that looks at the whole pool: 'c', 't', 'e'. */
static void record_begin(struct store *store, char kind)
{
	struct uzs_pages *pages = &store->pages;

	if (pages->record && !pages->record_status)
		pages->record_status = uzs_record_begin(pages->record, kind);
}

static void record_done(struct store *store, char kind)
{
	struct uzs_pages *pages = &store->pages;

	if (pages->record && !pages->record_status)
		pages->record_status = uzs_record_done(pages->record, kind, 0);
}

static int write_html(struct store *store)
{
	struct uzs_view view = { .title = "uzs store",
				 .records = &store->pages.record,
				 .nr = 1 };

	if (!store->html)
		return 0;
	record_begin(store, 'e');
	record_done(store, 'e');
	if (store->pages.record_status)
		return store->pages.record_status;
	return uzs_view_html(&view, store->html);
}

static void compact(struct store *store)
{
	struct uzs_store_report *report = &store->report;
	struct zs_pool_info before = ZS_POOL_INFO_INIT;
	struct zs_pool_info after = ZS_POOL_INFO_INIT;
	uint64_t start;

	record_begin(store, 'c');
	zs_pool_info(store->pool, &before);
	start = uzs_now_ns();
	report->compact_pages = zs_compact(store->pool);
	report->compact_ns = uzs_now_ns() - start;
	zs_pool_info(store->pool, &after);
	report->compact_objects = after.objs_moved - before.objs_moved;
	report->compact_bytes = after.bytes_moved - before.bytes_moved;
	report->compact_hold_ns = after.compact_hold_ns_max;
	record_done(store, 'c');
	measure(store, UZS_COMPACTED);
}

static void trim(struct store *store)
{
	uint64_t start;

	record_begin(store, 't');
	start = uzs_now_ns();
	store->report.trim_bytes = zs_trim(store->pool);
	store->report.trim_ns = uzs_now_ns() - start;
	record_done(store, 't');
	measure(store, UZS_TRIMMED);
}

/* The pool must also be sound, and count what it holds. */
static int check_pool(struct store *store)
{
	unsigned long violations = zs_pool_check(store->pool, NULL);
	struct zs_pool_info info = ZS_POOL_INFO_INIT;

	zs_pool_info(store->pool, &info);
	if (violations)
		return uzs_fail("the pool check finds %lu violations",
				violations);
	if (info.objs_inuse != store->pages.objects)
		return uzs_fail(
			"the pool holds %lu objects instead of %" PRIu64,
			info.objs_inuse, store->pages.objects);
	return 0;
}

/* Allocates all memory that is not the pool's before the RSS is first read. */
static int prepare(struct store *store)
{
	struct uzs_pages *pages = &store->pages;
	struct uzs_geometry *geometry = &store->report.geometry;
	int status;

	status = uzs_codec_open(&store->codec);
	if (status)
		return status;
	pages->codec = &store->codec;
	pages->page_bytes = store->report.block_bytes;
	status = uzs_pages_init(pages);
	if (status)
		return status;
	store->buffer = uzs_map_bytes(BUFFER_BYTES);
	if (!store->buffer)
		return uzs_fail("out of memory for the buffers");
	uzs_rss_bytes(&store->rss_before);
	store->pool = uzs_open_pool("store", geometry, store->report.profile,
				    store->html ? ZS_POOL_NO_WORKER : 0,
				    (size_t)store->report.limit_bytes,
				    store->limit_text, &status);
	if (!store->pool)
		return status;
	pages->pool = store->pool;
	if (store->html) {
		uzs_pool_label(store->report.profile, geometry, store->label);
		pages->record =
			uzs_record_open(store->pool, store->label, 1, 1);
		if (!pages->record)
			return UZS_FAILED;
	}
	pages->raw_from_bytes = pages->page_bytes;
	/* A large object takes a page of its own only in the kernel profile. */
	if (store->report.profile == ZS_PROFILE_KERNEL &&
	    zs_huge_class_size(store->pool) < pages->page_bytes)
		pages->raw_from_bytes = zs_huge_class_size(store->pool);
	return 0;
}

static int run(struct store *store)
{
	int status = prepare(store);

	if (!status)
		status = fill_pool(store);
	if (!status)
		status = free_part(store);
	if (status)
		return status;
	compact(store);
	trim(store);
	status = verify(store, "at the end", &store->report.verify_again_ns);
	if (!status)
		status = check_pool(store);
	if (!status)
		status = write_html(store);
	if (status)
		return status;
	store->report.input = &store->input;
	store->report.pages = &store->pages;
	store->report.pool = store->classes ? store->pool : NULL;
	if (store->json)
		uzs_store_print_json(&store->report);
	else
		status = uzs_store_print_text(&store->report);
	return status ? status : store->input.failed;
}

static void store_destroy(struct store *store)
{
	uzs_record_close(store->pages.record);
	zs_destroy_pool(store->pool);
	uzs_pages_destroy(&store->pages);
	uzs_unmap_bytes(store->buffer, BUFFER_BYTES);
	uzs_codec_close(&store->codec);
	uzs_input_destroy(&store->input);
}

static int find_input(struct store *store)
{
	char *const *path;
	int status = 0;

	if (*store->report.paths) {
		for (path = store->report.paths; *path && !status; path++)
			status = uzs_input_add(&store->input, *path);
		return status;
	}
	if (!store->input.max_bytes)
		store->input.max_bytes = LIBRARIES_MAX_BYTES;
	return uzs_input_add_libraries(&store->input);
}

/* The page must not take the place of a file that was named. Return: 0 or UZS_FAILED. */
static int try_html(const struct store *store)
{
	char *const *path;

	if (!store->html)
		return 0;
	for (path = store->report.paths; *path; path++)
		if (uzs_try_other_file(store->html, *path, "a file to store"))
			return UZS_FAILED;
	return uzs_try_file(store->html);
}

/* A block must fit an object: it may not compress. Return: 0 or UZS_USAGE. */
static int check_block(struct store *store)
{
	struct uzs_store_report *report = &store->report;
	uint64_t block = report->block_bytes;

	if (!store->block_text) {
		report->block_bytes = report->geometry.page_size;
		return 0;
	}
	if (block < BLOCK_MIN || block > ZS_USER_MAX_SIZE ||
	    (block & (block - 1)))
		return uzs_usage(
			"store",
			"--block takes a power of two from 4K to 1M, not '%s'",
			store->block_text);
	if (report->profile != ZS_PROFILE_USER &&
	    block > report->geometry.page_size)
		return uzs_usage(
			"store",
			"--block %s is larger than a page of %u bytes, which only --profile user can hold",
			store->block_text, report->geometry.page_size);
	return 0;
}

enum {
	OPT_ALGO = UZS_OPT_OWN,
	OPT_BLOCK,
	OPT_FREE,
	OPT_SEED,
	OPT_LIMIT,
	OPT_MAX_BYTES,
	OPT_COMPARE,
	OPT_CLASSES,
	OPT_JSON,
	OPT_HTML
};

/* Return: 0 or UZS_USAGE. */
static int take_option(struct store *store, int option, const char *text)
{
	struct uzs_store_report *report = &store->report;
	uint64_t percent;
	int status;

	switch (option) {
	case UZS_OPT_PAGE_SIZE:
	case UZS_OPT_CHAIN_SIZE:
		return uzs_geometry_option("store", option, text,
					   &report->geometry);
	case UZS_OPT_PROFILE:
		return uzs_profile_option("store", text, &report->profile);
	case OPT_ALGO:
		return uzs_codec_parse(text, &store->codec);
	case OPT_BLOCK:
		store->block_text = text;
		return uzs_parse_size("store", "block", text,
				      &report->block_bytes);
	case OPT_FREE:
		status = uzs_parse_number("store", "free", text, 0, 100,
					  &percent);
		if (!status)
			report->free_percent = (unsigned int)percent;
		return status;
	case OPT_SEED:
		return uzs_parse_number("store", "seed", text, 0, UINT64_MAX,
					&report->seed);
	case OPT_LIMIT:
		store->limit_text = text;
		return uzs_parse_size("store", "limit", text,
				      &report->limit_bytes);
	case OPT_MAX_BYTES:
		return uzs_parse_size("store", "max-bytes", text,
				      &store->input.max_bytes);
	case OPT_COMPARE:
		return uzs_rivals_parse(text, &report->rivals);
	case OPT_CLASSES:
		store->classes = true;
		return 0;
	case OPT_JSON:
		store->json = true;
		return 0;
	case OPT_HTML:
		store->html = text;
		return 0;
	default:
		return UZS_USAGE;
	}
}

int uzs_cmd_store(int argc, char **argv)
{
	static const struct option options[] = {
		UZS_GEOMETRY_OPTIONS,
		UZS_PROFILE_OPTION,
		{ "algo", required_argument, NULL, OPT_ALGO },
		{ "block", required_argument, NULL, OPT_BLOCK },
		{ "free", required_argument, NULL, OPT_FREE },
		{ "seed", required_argument, NULL, OPT_SEED },
		{ "limit", required_argument, NULL, OPT_LIMIT },
		{ "max-bytes", required_argument, NULL, OPT_MAX_BYTES },
		{ "compare", required_argument, NULL, OPT_COMPARE },
		{ "classes", no_argument, NULL, OPT_CLASSES },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "html", required_argument, NULL, OPT_HTML },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct store store = {
		.report = {
			.geometry = UZS_GEOMETRY_INIT,
			.profile = ZS_PROFILE_KERNEL,
			.free_percent = 50,
			.seed = 1,
		},
	};
	int status, option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		status = take_option(&store, option, optarg);
		if (status)
			return status;
	}
	status = check_block(&store);
	if (status)
		return status;
	uzs_codec_name(&store.codec, store.report.algo,
		       sizeof(store.report.algo));
	store.report.paths = argv + optind;
	if (store.html && store.report.rivals.nr)
		return uzs_usage(
			"store",
			"--html and --compare exclude each other: what is recorded for the page would count as memory of the pool");
	status = try_html(&store);
	if (!status)
		status = find_input(&store);
	if (!status)
		status = run(&store);
	store_destroy(&store);
	return status;
}
