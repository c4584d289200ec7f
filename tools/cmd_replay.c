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
	"  t           trim: give free memory back to the OS\n"
	"Empty lines and lines that begin with # are ignored.\n"
	"\n" UZS_GEOMETRY_HELP UZS_PROFILE_HELP
	"  --html FILE      write a page in which one can step through all of "
	"it: where\n"
	"                   objects lie, what compaction moves, what memory it "
	"takes\n"
	"  --json FILE      write the same as JSON, for programs\n"
	"  --every N        with these: N operations make a step (default 1). "
	"Where the\n"
	"                   file would be larger than 20 MiB it ends, and says "
	"so\n"
	"  --compare LIST   with these: the same trace in a second pool beside "
	"it, with\n"
	"                   other options: chain_size=4, page_size=16K, "
	"profile=user, or\n"
	"                   several with commas between them\n"
	"\n"
	"Example: uzs replay --html pool.html --compare chain_size=4 "
	"s1.trace.gz\n"
	"         printf 'a 1 100\\na 2 3000\\nf 1\\nc\\n' | uzs replay -\n"
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
	if (replay->record) {
		int status = uzs_record_alloc(replay->record, object.handle,
					      op->id, object.size, op->line);
		if (status)
			return status;
	}
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
static int release(struct uzs_replay *replay, struct uzs_object *object,
		   uint64_t line)
{
	int status = 0;

	if (object->handle) {
		verify(replay, object, line);
		if (replay->record)
			status = uzs_record_free(replay->record, object->handle,
						 line);
		zs_free(replay->pool, object->handle);
		if (!status && replay->record)
			status = uzs_record_freed(replay->record, line);
		replay->live--;
	}
	uzs_objtable_remove(&replay->table, object);
	return status;
}

static int compact(struct uzs_replay *replay, uint64_t line)
{
	int status = 0;

	replay->compactions++;
	if (!replay->quiet)
		status = uzs_replay_print_state(replay, "before", line);
	if (!status && replay->record)
		status = uzs_record_begin(replay->record, 'c');
	if (status)
		return status;
	if (replay->quiet)
		zs_compact(replay->pool);
	else
		uzs_replay_compact(replay);
	if (replay->record)
		status = uzs_record_done(replay->record, 'c', line);
	if (!status && !replay->quiet)
		status = uzs_replay_print_state(replay, "after", line);
	return status;
}

static int trim(struct uzs_replay *replay, uint64_t line)
{
	size_t given_back;
	int status = 0;

	replay->trims++;
	if (replay->record)
		status = uzs_record_begin(replay->record, 't');
	if (status)
		return status;
	given_back = zs_trim(replay->pool);
	if (!replay->quiet)
		printf("trim %" PRIu64 " op %" PRIu64 " given_back %zu\n",
		       replay->trims, line, given_back);
	return replay->record ? uzs_record_done(replay->record, 't', line) : 0;
}

static int run_op(struct uzs_replay *replay, const struct uzs_op *op)
{
	struct uzs_object *object;

	switch (op->kind) {
	case 'a':
		return allocate(replay, op);
	case 'f':
		object = uzs_objtable_find(&replay->table, op->id);
		if (!object)
			return uzs_fail("%s:%" PRIu64 ": unknown ID %" PRIu32,
					uzs_trace_name(replay->trace), op->line,
					op->id);
		return release(replay, object, op->line);
	case 't':
		return trim(replay, op->line);
	default:
		return compact(replay, op->line);
	}
}

static int end_record(struct uzs_replay *replay, uint64_t line)
{
	int status;

	if (!replay->record)
		return 0;
	status = uzs_record_begin(replay->record, 'e');
	if (!status)
		status = uzs_record_done(replay->record, 'e', line);
	return status;
}

/* @other: the same in another pool; NULL: not asked for. */
static int run_trace(struct uzs_replay *replay, struct uzs_replay *other)
{
	struct uzs_progress progress;
	struct zs_pool_stats stats;
	struct uzs_op op = { 0 };
	int more, status;

	uzs_progress_start(&progress, "replay", uzs_trace_bytes(replay->trace));
	while ((more = uzs_trace_next(replay->trace, &op)) > 0) {
		status = run_op(replay, &op);
		if (!status && other)
			status = run_op(other, &op);
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
	if (!status)
		status = end_record(replay, op.line);
	if (!status && other)
		status = end_record(other, op.line);
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
	if (!replay->quiet)
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

	uzs_record_close(replay->record);
	replay->record = NULL;
	for (i = 0; i < replay->table.positions; i++) {
		struct uzs_object *object = &replay->table.objects[i];

		if (object->size)
			release(replay, object, 0); /* without a record */
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
		if (!replay->quiet)
			puts("data_ok leaks_none");
		return 0;
	}
	if (!replay->quiet)
		printf("data_ok leaks %lu pages %lu slab_pages %lu objects %lu violations\n",
		       info.pages, info.slab_pages, objects, violations);
	return uzs_fail(
		"%s: with everything freed, %lu pages, %lu slab pages and %lu objects are left, and the pool check finds %lu violations",
		uzs_trace_name(replay->trace), info.pages, info.slab_pages,
		objects, violations);
}

/* What the pool is like. */
struct options {
	struct uzs_geometry geometry;
	enum zs_profile profile;
};

/* Return: 0, or an exit status. Also after an error replay_destroy() frees what
 * was made. */
static int replay_init(struct uzs_replay *replay, const char *path,
		       struct options *options)
{
	struct uzs_geometry *geometry = &options->geometry;
	bool user = options->profile == ZS_PROFILE_USER;
	size_t max = user ? ZS_USER_MAX_SIZE : geometry->page_size;
	int status = 0;

	/* No worker: a page that it just moves would keep an empty zspage
	 * alive, and the layout would depend on time. */
	replay->pool = uzs_open_pool("replay", geometry, options->profile,
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
	uzs_record_close(replay->record);
	zs_destroy_pool(replay->pool);
}

/* ---- the command ----------------------------------------------------------- */

enum { OPT_HTML = UZS_OPT_OWN, OPT_JSON, OPT_EVERY, OPT_COMPARE };

struct command {
	struct options options, other;
	const char *compare; /* as the user wrote it; NULL: not asked for */
	const char *html, *json; /* NULL: not asked for */
	uint64_t every;
	const char *path;
};

/* "chain_size=4,profile=user": takes what differs. Return: 0 or UZS_USAGE. */
static int take_compare(struct command *command)
{
	static const struct {
		const char *name;
		int option;
	} names[] = { { "page_size=", UZS_OPT_PAGE_SIZE },
		      { "chain_size=", UZS_OPT_CHAIN_SIZE },
		      { "profile=", UZS_OPT_PROFILE } };
	const char *at = command->compare;

	command->other = command->options;
	while (at) {
		size_t length = strcspn(at, ","), i, n = 0;
		char value[16] = "";
		int status;

		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			n = strlen(names[i].name);
			if (length > n && !strncmp(at, names[i].name, n))
				break;
		}
		if (i == sizeof(names) / sizeof(names[0]) ||
		    length - n >= sizeof(value))
			return uzs_usage(
				"replay",
				"--compare takes chain_size=N, page_size=N or profile=NAME, not '%.*s'",
				(int)length, at);
		memcpy(value, at + n, length - n);
		/* The chain size is each profile's own, unless it is given. */
		if (names[i].option == UZS_OPT_PROFILE)
			status = uzs_profile_option("replay", value,
						    &command->other.profile);
		else
			status = uzs_geometry_option("replay", names[i].option,
						     value,
						     &command->other.geometry);
		if (status)
			return status;
		at += length;
		at = *at ? at + 1 : NULL;
	}
	return 0;
}

static int take_option(struct command *command, int option, const char *text)
{
	switch (option) {
	case UZS_OPT_PAGE_SIZE:
	case UZS_OPT_CHAIN_SIZE:
		return uzs_geometry_option("replay", option, text,
					   &command->options.geometry);
	case UZS_OPT_PROFILE:
		return uzs_profile_option("replay", text,
					  &command->options.profile);
	case OPT_HTML:
		command->html = text;
		return 0;
	case OPT_JSON:
		command->json = text;
		return 0;
	case OPT_EVERY:
		return uzs_parse_number("replay", "every", text, 1, UINT32_MAX,
					&command->every);
	case OPT_COMPARE:
		command->compare = text;
		return 0;
	default:
		return UZS_USAGE;
	}
}

static int check_command(struct command *command)
{
	bool records = command->html || command->json;

	if (!records && (command->every || command->compare))
		return uzs_usage("replay", "--%s needs --html or --json",
				 command->every ? "every" : "compare");
	if (!command->every)
		command->every = 1;
	if (command->html &&
	    uzs_try_other_file(command->html, command->path, "the trace"))
		return UZS_FAILED;
	if (command->json &&
	    uzs_try_other_file(command->json, command->path, "the trace"))
		return UZS_FAILED;
	if (command->html && command->json &&
	    uzs_try_other_file(command->json, command->html, "the page"))
		return UZS_FAILED;
	return command->compare ? take_compare(command) : 0;
}

static int write_views(const struct command *command,
		       struct uzs_record *const *records, unsigned int nr)
{
	const char *slash = strrchr(command->path, '/');
	struct uzs_view view = {
		.title = slash ? slash + 1 : command->path,
		.records = records,
		.nr = nr,
	};
	int status = 0;

	if (command->html)
		status = uzs_view_html(&view, command->html);
	if (!status && command->json)
		status = uzs_view_json(&view, command->json);
	return status;
}

static int run(struct command *command)
{
	struct uzs_replay replay[2] = { { .quiet = false }, { .quiet = true } };
	struct uzs_record *records[2] = { NULL, NULL };
	unsigned int pools = command->compare ? 2 : 1, i;
	struct uzs_trace *trace = uzs_trace_open(command->path);
	char label[2][64];
	int status = 0;

	if (!trace)
		return UZS_FAILED;
	for (i = 0; i < pools && !status; i++) {
		struct options *options = i ? &command->other
					    : &command->options;

		replay[i].trace = trace;
		status = replay_init(&replay[i], command->path, options);
		if (status || !(command->html || command->json))
			continue;
		uzs_pool_label(options->profile, &options->geometry, label[i]);
		replay[i].record = records[i] = uzs_record_open(
			replay[i].pool, label[i], command->every, pools);
		if (!records[i])
			status = UZS_FAILED;
	}
	if (!status)
		status = run_trace(&replay[0], pools > 1 ? &replay[1] : NULL);
	if (!status && records[0])
		status = write_views(command, records, pools);
	for (i = 0; i < pools; i++) {
		if (!status)
			status = finish(&replay[i]);
		replay_destroy(&replay[i]);
	}
	uzs_trace_close(trace);
	return status;
}

int uzs_cmd_replay(int argc, char **argv)
{
	static const struct option options[] = {
		UZS_GEOMETRY_OPTIONS,
		UZS_PROFILE_OPTION,
		{ "html", required_argument, NULL, OPT_HTML },
		{ "json", required_argument, NULL, OPT_JSON },
		{ "every", required_argument, NULL, OPT_EVERY },
		{ "compare", required_argument, NULL, OPT_COMPARE },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct command command = {
		.options = { UZS_GEOMETRY_INIT, ZS_PROFILE_KERNEL },
	};
	int status, option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		status = take_option(&command, option, optarg);
		if (status)
			return status;
	}
	if (optind == argc)
		return uzs_usage("replay", "no trace given");
	if (optind + 1 < argc)
		return uzs_usage("replay", "unexpected argument '%s'",
				 argv[optind + 1]);
	command.path = argv[optind];
	status = check_command(&command);
	return status ? status : run(&command);
}
