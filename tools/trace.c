/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* trace.c - see trace.h. zlib reads plain files, too, so both kinds of file
 * take the same path.
 */
#include "uzs.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER_BYTES (256 * 1024) /* also the longest line */
#define INFLATE_BYTES (128 * 1024)
#define QUOTE_CHARS 40 /* characters of a bad line in a message */

struct uzs_trace {
	gzFile file;
	const char *name;
	uint64_t file_bytes;
	uint64_t line; /* number of the line at @next, from 1 */
	char *next; /* next..end is not parsed yet */
	char *end;
	bool at_end; /* nothing comes after @end */
	char buffer[BUFFER_BYTES];
};

struct uzs_trace *uzs_trace_open(const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	struct uzs_trace *trace;
	struct stat stat;
	int fd;

	fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (is_stdin)
		path = "stdin";
	if (fd < 0 || fstat(fd, &stat)) {
		uzs_fail("cannot open %s: %s", path, strerror(errno));
		goto no_trace;
	}
	if (S_ISDIR(stat.st_mode)) {
		uzs_fail("cannot read %s: %s", path, strerror(EISDIR));
		goto no_trace;
	}
	trace = malloc(sizeof(*trace));
	if (!trace) {
		uzs_fail("out of memory for reading %s", path);
		goto no_trace;
	}
	trace->file = gzdopen(fd, "rb");
	if (!trace->file) {
		uzs_fail("out of memory for reading %s", path);
		free(trace);
		goto no_trace;
	}
	gzbuffer(trace->file, INFLATE_BYTES);
	trace->name = path;
	trace->file_bytes = S_ISREG(stat.st_mode) ? (uint64_t)stat.st_size : 0;
	trace->line = 1;
	trace->next = trace->buffer;
	trace->end = trace->buffer;
	trace->at_end = false;
	return trace;

no_trace:
	if (fd >= 0)
		close(fd);
	return NULL;
}

void uzs_trace_close(struct uzs_trace *trace)
{
	gzclose_r(trace->file);
	free(trace);
}

const char *uzs_trace_name(const struct uzs_trace *trace)
{
	return trace->name;
}

uint64_t uzs_trace_bytes(const struct uzs_trace *trace)
{
	return trace->file_bytes;
}

uint64_t uzs_trace_bytes_read(const struct uzs_trace *trace)
{
	z_off_t offset = gzoffset(trace->file);

	return offset < 0 ? 0 : (uint64_t)offset;
}

/* Moves the rest to the beginning of the buffer and reads more after it.
 * Return: false after a line on stderr. */
static bool fill(struct uzs_trace *trace)
{
	size_t rest = (size_t)(trace->end - trace->next);
	const char *why;
	int error;
	int bytes;

	memmove(trace->buffer, trace->next, rest);
	trace->next = trace->buffer;
	trace->end = trace->buffer + rest;
	if (rest == BUFFER_BYTES) {
		uzs_fail("%s:%llu: the line is longer than %d bytes",
			 trace->name, (unsigned long long)trace->line,
			 BUFFER_BYTES);
		return false;
	}
	bytes = gzread(trace->file, trace->end,
		       (unsigned int)(BUFFER_BYTES - rest));
	if (bytes > 0) {
		trace->end += bytes;
		return true;
	}
	trace->at_end = true;
	/* For truncated gzip data zlib reports the end of the file; the error
	 * must be asked for. */
	why = gzerror(trace->file, &error);
	if (error == Z_OK || error == Z_STREAM_END)
		return true;
	if (error == Z_ERRNO)
		why = strerror(errno);
	else if (error == Z_BUF_ERROR)
		why = "the gzip data breaks off";
	uzs_fail("cannot read %s after line %llu: %s", trace->name,
		 (unsigned long long)trace->line - 1, why);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static const char *skip_blanks(const char *c, const char *end)
{
	while (c < end && is_blank(*c))
		c++;
	return c;
}

/* Skips blanks and parses a decimal number. Return: what follows, or NULL if
 * there is none. A number beyond 64 bits becomes UINT64_MAX, which is no valid
 * ID or size. */
static const char *number(const char *c, const char *end, uint64_t *value)
{
	const char *first = skip_blanks(c, end);

	if (first == c)
		return NULL;
	*value = 0;
	for (c = first; c < end && *c >= '0' && *c <= '9'; c++) {
		if (*value > (UINT64_MAX - 9) / 10)
			*value = UINT64_MAX;
		else
			*value = *value * 10 + (unsigned int)(*c - '0');
	}
	return c == first ? NULL : c;
}

static int bad_line(const struct uzs_trace *trace, const char *line,
		    const char *end)
{
	int chars = (int)(end - line);

	uzs_fail(
		"%s:%llu: expected 'a ID SIZE', 'f ID', 'c' or 't', not '%.*s%s'",
		trace->name, (unsigned long long)trace->line,
		chars > QUOTE_CHARS ? QUOTE_CHARS : chars, line,
		chars > QUOTE_CHARS ? "..." : "");
	return -1;
}

/* Return: 1 for an operation, 0 for a line without one, -1 for a bad line. */
static int parse(const struct uzs_trace *trace, const char *line,
		 const char *end, struct uzs_op *op)
{
	const char *c = skip_blanks(line, end);
	uint64_t id = 0;

	if (c == end || *line == '#')
		return 0;
	op->kind = *c++;
	op->line = trace->line;
	op->size = 0;
	switch (op->kind) {
	case 'a':
		c = number(c, end, &id);
		c = c ? number(c, end, &op->size) : NULL;
		break;
	case 'f':
		c = number(c, end, &id);
		break;
	case 'c':
	case 't':
		break;
	default:
		c = NULL;
	}
	if (!c || skip_blanks(c, end) != end)
		return bad_line(trace, line, end);
	if (id > UZS_TRACE_ID_MAX) {
		uzs_fail("%s:%llu: the ID is larger than %u", trace->name,
			 (unsigned long long)trace->line, UZS_TRACE_ID_MAX);
		return -1;
	}
	op->id = (uint32_t)id;
	return 1;
}

int uzs_trace_next(struct uzs_trace *trace, struct uzs_op *op)
{
	for (;;) {
		size_t rest = (size_t)(trace->end - trace->next);
		char *line = trace->next;
		char *end = memchr(line, '\n', rest);
		int found;

		if (!end && !trace->at_end) {
			if (!fill(trace))
				return -1;
			continue;
		}
		if (!end && !rest)
			return 0;
		if (!end)
			end = trace->end; /* the last line has no newline */
		found = parse(trace, line, end, op);
		if (found < 0)
			return -1;
		trace->next = end < trace->end ? end + 1 : end;
		trace->line++;
		if (found)
			return 1;
	}
}
