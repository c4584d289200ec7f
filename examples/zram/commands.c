/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* commands.c - the commands of the control socket. */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"
#include "zram.h"

#define WORDS_MAX 8

struct request {
	struct uzram *dev;
	char *words[WORDS_MAX]; /* the first is the command's name */
	int nr;
	const _Atomic bool *stop;
	FILE *out;
	char *why;
	size_t why_bytes;
};

__attribute__((format(printf, 2, 3))) static int fail(struct request *req,
						      const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(req->why, req->why_bytes, format, args);
	va_end(args);
	return -1;
}

static int no_arguments(struct request *req)
{
	return req->nr == 1 ? 0
			    : fail(req, "%s takes no arguments, not '%s'",
				   req->words[0], req->words[1]);
}

static int cmd_stat(struct request *req)
{
	if (req->nr == 2 && !strcmp(req->words[1], "json"))
		uzram_print_json(req->dev, req->out);
	else if (req->nr == 1)
		uzram_print_table(req->dev, req->out);
	else
		return fail(req, "stat takes nothing or json, not '%s'",
			    req->words[1]);
	return 0;
}

static int cmd_line(struct request *req)
{
	if (no_arguments(req))
		return -1;
	if (!strcmp(req->words[0], "mm_stat"))
		uzram_print_mm_stat(req->dev, req->out);
	else if (!strcmp(req->words[0], "io_stat"))
		uzram_print_io_stat(req->dev, req->out);
	else
		uzram_print_bd_stat(req->dev, req->out);
	return 0;
}

static int cmd_classes(struct request *req)
{
	if (no_arguments(req))
		return -1;
	zs_print_classes(req->dev->pool, req->out);
	return 0;
}

static int cmd_check(struct request *req)
{
	unsigned long wrong;

	if (no_arguments(req))
		return -1;
	wrong = zs_pool_check(req->dev->pool, req->out);
	if (wrong)
		return fail(req, "the pool breaks %lu invariants", wrong);
	fprintf(req->out, "the pool is sound\n");
	return 0;
}

static int cmd_compact(struct request *req)
{
	unsigned long pages;
	size_t bytes;

	if (no_arguments(req))
		return -1;
	pages = uzram_compact(req->dev);
	bytes = zs_trim(req->dev->pool);
	fprintf(req->out, "%lu pages freed, %zu bytes given back\n", pages,
		bytes);
	return 0;
}

static int cmd_idle(struct request *req)
{
	uint64_t seconds = 0;

	if (req->nr > 2 ||
	    (req->nr == 2 &&
	     (parse_number(req->words[1], &seconds) || seconds > ULONG_MAX)))
		return fail(req,
			    "idle takes nothing or a number of seconds, "
			    "not '%s'",
			    req->words[req->nr - 1]);
	fprintf(req->out, "%lu blocks marked idle\n",
		uzram_mark_idle(req->dev, (unsigned long)seconds));
	return 0;
}

/* [all|idle|huge|huge_idle|incompressible] [max=N] [threshold=BYTES] */
static int read_job(struct request *req, struct uzram_job *job, bool recompress)
{
	static const char *const names[] = { "all", "idle", "huge", "huge_idle",
					     "incompressible" };
	uint64_t value;

	*job = (struct uzram_job){ UZRAM_ALL, ULONG_MAX, 0, req->stop };
	for (int i = 1; i < req->nr; i++) {
		const char *word = req->words[i];
		size_t n = 0;

		while (n < 5 && strcmp(word, names[n]) != 0)
			n++;
		if (n < 5 && i == 1 && !(recompress && n == 4)) {
			job->which = (enum uzram_which)n;
		} else if (!strncmp(word, "max=", 4) &&
			   !parse_number(word + 4, &value) &&
			   value <= ULONG_MAX) {
			job->max = (unsigned long)value;
		} else if (recompress && !strncmp(word, "threshold=", 10) &&
			   !parse_size(word + 10, &value) &&
			   value <= UZRAM_BLOCK_MAX) {
			job->threshold = (size_t)value;
		} else {
			return fail(req, "%s does not take '%s'", req->words[0],
				    word);
		}
	}
	return 0;
}

static int cmd_writeback(struct request *req)
{
	struct uzram_job job;
	struct uzram_done done;
	int err;

	if (read_job(req, &job, false))
		return -1;
	err = uzram_writeback(req->dev, &job, &done);
	if (err == -ENODEV)
		return fail(req, "the device has no backing file");
	if (err)
		return fail(req, "stopped after %lu blocks: %s", done.blocks,
			    done.full	     ? "the backing file is full"
			    : err == -ENOSPC ? "no space left on the file "
					       "system below the backing file"
					     : strerror(-err));
	fprintf(req->out,
		"%lu blocks written back, %zu bytes of memory; %lu were used "
		"meanwhile\n",
		done.blocks, done.bytes_before, done.skipped);
	return 0;
}

static int cmd_recompress(struct request *req)
{
	struct uzram_job job;
	struct uzram_done done;
	int err;

	if (read_job(req, &job, true))
		return -1;
	err = uzram_recompress(req->dev, &job, &done);
	if (err == -ENODEV)
		return fail(req, "the device has no recomp_algo");
	if (err)
		return fail(req, "stopped after %lu blocks: %s", done.blocks,
			    strerror(-err));
	fprintf(req->out,
		"%lu blocks recompressed, %zu to %zu bytes; %lu stay as they "
		"are",
		done.blocks, done.bytes_before, done.bytes_after, done.skipped);
	if (done.no_room)
		fprintf(req->out, ", %lu of them at the memory limit",
			done.no_room);
	fprintf(req->out, "\n");
	return 0;
}

static int cmd_reset(struct request *req)
{
	int err;

	if (no_arguments(req))
		return -1;
	err = uzram_reset(req->dev);
	if (err == -EBUSY)
		return fail(req, "a client is connected");
	if (err)
		return fail(req, "objects were left in the pool");
	fprintf(req->out, "empty\n");
	return 0;
}

static int cmd_limit(struct request *req)
{
	uint64_t bytes, least = uzram_least_limit(&req->dev->config);

	if (req->nr != 2 || parse_size(req->words[1], &bytes))
		return fail(req, "limit takes a size, such as 64M; 0 is none");
	if (bytes && bytes < least)
		return fail(req,
			    "limit is at least %" PRIu64
			    " bytes, or 0 for none, not '%s'",
			    least, req->words[1]);
	uzram_set_limit(req->dev, bytes);
	fprintf(req->out, "mem_limit is %" PRIu64 " bytes\n",
		uzram_pages_to_bytes(req->dev,
				     count_of(&req->dev->limit_pages)));
	return 0;
}

static int cmd_reset_max(struct request *req)
{
	if (no_arguments(req))
		return -1;
	uzram_reset_max_used(req->dev);
	fprintf(req->out, "mem_used_max is %" PRIu64 " bytes\n",
		uzram_pages_to_bytes(
			req->dev,
			count_of(&req->dev->counters.max_used_pages)));
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct request *req);
} commands[] = {
	{ "stat", cmd_stat },		{ "mm_stat", cmd_line },
	{ "io_stat", cmd_line },	{ "bd_stat", cmd_line },
	{ "classes", cmd_classes },	{ "check", cmd_check },
	{ "compact", cmd_compact },	{ "idle", cmd_idle },
	{ "writeback", cmd_writeback }, { "recompress", cmd_recompress },
	{ "reset", cmd_reset },		{ "limit", cmd_limit },
	{ "reset-max", cmd_reset_max },
};

int command_run(struct uzram *dev, char *line, const _Atomic bool *stop,
		FILE *out, char *why, size_t why_bytes)
{
	struct request req = { .dev = dev,
			       .stop = stop,
			       .out = out,
			       .why = why,
			       .why_bytes = why_bytes };
	char *rest = NULL;

	for (char *word = strtok_r(line, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		if (req.nr == WORDS_MAX)
			return fail(&req, "too many words");
		req.words[req.nr++] = word;
	}
	if (!req.nr)
		return fail(&req, "no command");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, req.words[0]))
			return commands[i].run(&req);
	return fail(&req, "unknown command '%s'", req.words[0]);
}
