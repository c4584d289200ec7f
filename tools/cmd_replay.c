/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cmd_replay.c - `uzs replay`: does the operations of a trace, keeps a pattern
 * in every object, and prints the state of the pool.
 */
#include "replay.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OPS_PER_PROGRESS 256 /* an update takes a system call */

static const char help[] =
	"usage: uzs replay [OPTION...] FILE\n"
	"\n"
	"Replays a trace of operations and prints the pool's state before and "
	"after\n"
	"every compaction and at the end: the counts, the class table, and "
	"hashes of\n"
	"the table and of the place of every object. Every object holds a "
	"pattern,\n"
	"which is verified when it is freed and at the end. The last line is\n"
	"'data_ok leaks_none' if all was well.\n"
	"\n"
	"FILE has a line for each operation and may be compressed with gzip; "
	"'-' is\n"
	"stdin:\n"
	"  a ID SIZE   allocate SIZE bytes as object ID (0 to 4294967294);\n"
	"              at most a page; profile user: 1 MiB\n"
	"  f ID        free it; the ID may then be used again\n"
	"  c           compact\n"
	"Empty lines and lines that begin with # are ignored.\n"
	"\n" UZS_GEOMETRY_HELP UZS_PROFILE_HELP "\n"
	"Example: printf 'a 1 100\\na 2 3000\\nf 1\\nc\\n' | uzs replay -\n"
	"         printf 'a 1 100000\\nc\\n' | uzs replay --profile user -\n";

/* Mixes a number, so that each bit of it changes all bits of the result. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

/* The contents of an object are an arithmetic sequence of words. Its begin and
 * step are the object's own. So a byte from another object, from an earlier
 * object of this ID, or from another place in this object is found. */
static void make_pattern(struct uzs_replay *replay,
			 const struct uzs_object *object)
{
	uint64_t word = mix((uint64_t)object->generation << 32 | object->id);
	uint64_t step = mix(word) | 1;
	size_t words = (object->size + sizeof(word) - 1) / sizeof(word);
	size_t i;

	for (i = 0; i < words; i++, word += step)
		replay->expected[i] = word;
}

/* @line: line number of the operation, 0 at the end. */
static void verify(struct uzs_replay *replay, const struct uzs_object *object,
		   uint64_t line)
{
	void *data = zs_obj_read_begin(replay->pool, object->handle,
				       object->size, replay->copy);
	bool good;

	make_pattern(replay, object);
	good = data && !memcmp(data, replay->expected, object->size);
	zs_obj_read_end(replay->pool, object->handle, object->size, data);
	if (good)
		return;
	if (!replay->bad_objects++) {
		replay->first_bad_line = line;
		replay->first_bad_id = object->id;
	}
}

static int error_at(const struct uzs_replay *replay, const struct uzs_op *op,
		    const char *what)
{
	return uzs_fail("%s:%" PRIu64 ": %s", uzs_trace_name(replay->trace),
			op->line, what);
}

static int allocate(struct uzs_replay *replay, const struct uzs_op *op)
{
	struct uzs_object object = {
		.id = op->id,
		.size = (uint32_t)op->size,
		.generation = ++replay->generation,
	};
	unsigned long pages;

	if (!op->size || op->size > replay->max_size)
		return uzs_fail("%s:%" PRIu64
				": the size is not from 1 to %u bytes%s",
				uzs_trace_name(replay->trace), op->line,
				replay->max_size, replay->is_page);
	if (uzs_objtable_find(&replay->table, op->id))
		return uzs_fail("%s:%" PRIu64 ": ID %" PRIu32 " is in use",
				uzs_trace_name(replay->trace), op->line,
				op->id);
	object.handle =
		zs_malloc(replay->pool, object.size, GFP_KERNEL, NUMA_NO_NODE);
	if (zs_err(object.handle) == -ENOMEM) {
		/* The trace may free the ID later: keep it, without an
		 * object. */
		object.handle = 0;
		replay->failed_allocs++;
	} else if (zs_is_err(object.handle)) {
		return error_at(replay, op, strerror(-zs_err(object.handle)));
	}
	if (!uzs_objtable_add(&replay->table, &object)) {
		zs_free(replay->pool, object.handle);
		return error_at(replay, op,
				"out of memory for the table of live objects");
	}
	if (!object.handle)
		return 0;
	replay->live++;
	pages = zs_get_total_pages(replay->pool);
	if (pages > replay->peak_pages)
		replay->peak_pages = pages;
	make_pattern(replay, &object);
	if (zs_obj_write(replay->pool, object.handle, replay->expected,
			 object.size))
		return error_at(replay, op, "the object cannot be written");
	return 0;
}

/* Verifies and frees an object. */
static void release(struct uzs_replay *replay, struct uzs_object *object,
		    uint64_t line)
{
	if (object->handle) {
		verify(replay, object, line);
		zs_free(replay->pool, object->handle);
		replay->live--;
	}
	uzs_objtable_remove(&replay->table, object);
}

static int run_op(struct uzs_replay *replay, const struct uzs_op *op)
{
	struct uzs_object *object;
	int status;

	switch (op->kind) {
	case 'a':
		return allocate(replay, op);
	case 'f':
		object = uzs_objtable_find(&replay->table, op->id);
		if (!object)
			return uzs_fail("%s:%" PRIu64 ": unknown ID %" PRIu32,
					uzs_trace_name(replay->trace), op->line,
					op->id);
		release(replay, object, op->line);
		return 0;
	default:
		replay->compactions++;
		status = uzs_replay_print_state(replay, "before", op->line);
		if (status)
			return status;
		uzs_replay_compact(replay);
		return uzs_replay_print_state(replay, "after", op->line);
	}
}

static int run_trace(struct uzs_replay *replay)
{
	struct uzs_progress progress;
	struct zs_pool_stats stats;
	struct uzs_op op = { 0 };
	int more, status;

	uzs_progress_start(&progress, "replay", uzs_trace_bytes(replay->trace));
	while ((more = uzs_trace_next(replay->trace, &op)) > 0) {
		status = run_op(replay, &op);
		/* Report a full disk now, not at the end of a long trace. And a
		 * reader may follow the output. */
		if (!status && op.kind == 'c')
			status = uzs_flush_output();
		if (status)
			return status;
		if (op.line % OPS_PER_PROGRESS == 0)
			uzs_progress_update(
				&progress, uzs_trace_bytes_read(replay->trace));
	}
	uzs_progress_clear();
	if (more < 0)
		return UZS_FAILED;
	status = uzs_replay_print_state(replay, "end", op.line);
	if (status)
		return status;
	zs_pool_stats(replay->pool, &stats);
	printf("peak_pages %lu pages_compacted %lu failed_allocs %" PRIu64 "\n",
	       replay->peak_pages, stats.pages_compacted,
	       replay->failed_allocs);
	uzs_replay_print_classes(replay);
	return 0;
}

static int data_is_bad(const struct uzs_replay *replay)
{
	char where[32] = "the end";

	if (replay->first_bad_line)
		snprintf(where, sizeof(where), "line %" PRIu64,
			 replay->first_bad_line);
	printf("data_bad %" PRIu64 " objects\n", replay->bad_objects);
	return uzs_fail(
		"%s: %" PRIu64
		" objects did not hold their pattern; the first was ID %" PRIu32
		", at %s",
		uzs_trace_name(replay->trace), replay->bad_objects,
		replay->first_bad_id, where);
}

/* Frees all that is left, and the pool, and prints the last line. */
static int finish(struct uzs_replay *replay)
{
	struct zs_pool_info info = ZS_POOL_INFO_INIT;
	unsigned long violations, objects;
	size_t i;

	for (i = 0; i < replay->table.positions; i++) {
		struct uzs_object *object = &replay->table.objects[i];

		if (object->size)
			release(replay, object, 0);
	}
	zs_compact(replay->pool);
	zs_drain(replay->pool);
	zs_trim(replay->pool);
	zs_pool_info(replay->pool, &info);
	violations = zs_pool_check(replay->pool, NULL);
	objects = zs_destroy_pool(replay->pool);
	replay->pool = NULL;

	if (replay->bad_objects)
		return data_is_bad(replay);
	if (!info.pages && !info.slab_pages && !objects && !violations) {
		puts("data_ok leaks_none");
		return 0;
	}
	printf("data_ok leaks %lu pages %lu slab_pages %lu objects %lu violations\n",
	       info.pages, info.slab_pages, objects, violations);
	return uzs_fail(
		"%s: with everything freed, %lu pages, %lu slab pages and %lu objects are left, and the pool check finds %lu violations",
		uzs_trace_name(replay->trace), info.pages, info.slab_pages,
		objects, violations);
}

/* Return: 0, or an exit status. Also after an error replay_destroy() frees what
 * was made. */
static int replay_init(struct uzs_replay *replay, const char *path,
		       struct uzs_geometry *geometry, enum zs_profile profile)
{
	bool user = profile == ZS_PROFILE_USER;
	size_t max = user ? ZS_USER_MAX_SIZE : geometry->page_size;
	int status = 0;

	replay->trace = uzs_trace_open(path);
	if (!replay->trace)
		return UZS_FAILED;
	/* No worker: a page that it just moves would keep an empty zspage
	 * alive, and the layout would depend on time. */
	replay->pool = uzs_open_pool("replay", geometry, profile,
				     ZS_POOL_NO_WORKER, 0, "", &status);
	if (!replay->pool)
		return status;
	replay->class_count = uzs_class_indices(replay->pool, &replay->indices);
	if (!replay->class_count)
		return UZS_FAILED;
	replay->max_size = (uint32_t)max;
	replay->is_page = user ? "" : ", a page";
	replay->classes = calloc(replay->class_count, sizeof(*replay->classes));
	replay->expected = malloc(max);
	replay->copy = malloc(max);
	if (!uzs_objtable_init(&replay->table) || !replay->classes ||
	    !replay->expected || !replay->copy)
		return uzs_fail("out of memory for the replay of %s", path);
	return 0;
}

static void replay_destroy(struct uzs_replay *replay)
{
	uzs_objtable_destroy(&replay->table);
	free(replay->copy);
	free(replay->expected);
	free(replay->classes);
	free(replay->indices);
	zs_destroy_pool(replay->pool);
	if (replay->trace)
		uzs_trace_close(replay->trace);
}

int uzs_cmd_replay(int argc, char **argv)
{
	static const struct option options[] = {
		UZS_GEOMETRY_OPTIONS,
		UZS_PROFILE_OPTION,
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct uzs_geometry geometry = UZS_GEOMETRY_INIT;
	enum zs_profile profile = ZS_PROFILE_KERNEL;
	struct uzs_replay replay = { 0 };
	int status, option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case UZS_OPT_PAGE_SIZE:
		case UZS_OPT_CHAIN_SIZE:
			status = uzs_geometry_option("replay", option, optarg,
						     &geometry);
			if (status)
				return status;
			break;
		case UZS_OPT_PROFILE:
			status = uzs_profile_option("replay", optarg, &profile);
			if (status)
				return status;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return UZS_USAGE;
		}
	}
	if (optind == argc)
		return uzs_usage("replay", "no trace given");
	if (optind + 1 < argc)
		return uzs_usage("replay", "unexpected argument '%s'",
				 argv[optind + 1]);
	status = replay_init(&replay, argv[optind], &geometry, profile);
	if (!status)
		status = run_trace(&replay);
	if (!status)
		status = finish(&replay);
	replay_destroy(&replay);
	return status;
}
