/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_trace.c - files of traces: `uzs replay` and what reads them.
 *
 * Input: a byte with options, then the file. A plain file is read a second
 * time here, by the description in the help text, and both must see the same
 * operations or the same line that is wrong. A file for gzip is only read. Then
 * the trace is replayed: it must succeed just if all its operations make sense.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "fuzz.h"
#include "json_check.h"
#include "tools/trace.h"
#include "tools/uzs.h"

#define MOST_OPS 4096u
#define MOST_BYTES (16u << 20) /* that a replay allocates: for time */
#define MOST_COMPACTIONS 40u /* each prints a table */

struct want {
	struct uzs_op ops[MOST_OPS];
	unsigned int nr;
	bool wrong; /* a line is, after these operations */
};

/* ---- by the description -------------------------------------------------- */

struct line {
	const char *at, *end;
};

static bool blank(struct line *l)
{
	const char *first = l->at;

	while (l->at < l->end &&
	       (*l->at == ' ' || *l->at == '\t' || *l->at == '\r'))
		l->at++;
	return l->at > first;
}

static bool number(struct line *l, uint64_t *value)
{
	const char *first;
	uint64_t sum = 0;

	if (!blank(l))
		return false;
	first = l->at;
	while (l->at < l->end && *l->at >= '0' && *l->at <= '9') {
		unsigned int digit = (unsigned int)(*l->at++ - '0');

		/* What is too large is no right number in any place. */
		sum = sum > (UINT64_MAX - 9) / 10 ? UINT64_MAX
						  : sum * 10 + digit;
	}
	*value = sum;
	return l->at > first;
}

/* Return: is the line right? *some: it has an operation. */
static bool read_line(struct line l, struct uzs_op *op, bool *some)
{
	uint64_t id = 0;

	*some = false;
	if (l.at < l.end && *l.at == '#')
		return true;
	blank(&l);
	if (l.at == l.end)
		return true;
	*some = true;
	op->kind = *l.at++;
	op->size = 0;
	if (!strchr("afct", op->kind) || !op->kind)
		return false;
	if ((op->kind == 'a' || op->kind == 'f') && !number(&l, &id))
		return false;
	if (op->kind == 'a' && !number(&l, &op->size))
		return false;
	blank(&l);
	op->id = (uint32_t)id;
	return l.at == l.end && id <= UZS_TRACE_ID_MAX;
}

static void read_all(struct want *want, const char *text, size_t len)
{
	uint64_t number = 1;

	want->nr = 0;
	want->wrong = false;
	for (size_t at = 0; at < len && want->nr < MOST_OPS; number++) {
		const char *end = memchr(text + at, '\n', len - at);
		struct line line = { text + at, end ? end : text + len };
		struct uzs_op op = { .line = number };
		bool some;

		if (!read_line(line, &op, &some)) {
			want->wrong = true;
			return;
		}
		if (some)
			want->ops[want->nr++] = op;
		at = (size_t)(line.end - text) + 1;
	}
}

/* ---- the same by the programs -------------------------------------------- */

/* @gzip: keeps what was read in *want. */
static void read_file(const char *path, struct want *want, bool gzip)
{
	struct uzs_trace *trace = uzs_trace_open(path);
	struct uzs_op op = { 0 };
	unsigned int nr = 0;
	int more;

	fuzz_check(trace);
	while ((more = uzs_trace_next(trace, &op)) > 0) {
		fuzz_check(strchr("afct", op.kind) && op.kind);
		if (nr == MOST_OPS)
			break;
		if (gzip) {
			want->ops[want->nr++] = op;
		} else {
			struct uzs_op *o = &want->ops[nr];

			fuzz_check(nr < want->nr);
			fuzz_check(o->kind == op.kind && o->id == op.id &&
				   o->line == op.line);
			fuzz_check(o->size == op.size || o->size >= 1u << 31);
		}
		nr++;
	}
	if (gzip)
		want->wrong = more < 0;
	else if (nr < MOST_OPS)
		fuzz_check(nr == want->nr && want->wrong == (more < 0));
	uzs_trace_bytes_read(trace);
	uzs_trace_close(trace);
}

/* Do the operations make sense in this order? *worth: a replay is not too
 * long. */
static bool makes_sense(const struct want *want, uint64_t most, bool *worth)
{
	static uint32_t live[MOST_OPS];
	unsigned int nr = 0, compactions = 0;
	uint64_t bytes = 0;

	*worth = want->nr < MOST_OPS;
	for (unsigned int i = 0; i < want->nr; i++) {
		const struct uzs_op *op = &want->ops[i];
		unsigned int at = 0;

		compactions += op->kind == 'c';
		if (compactions > MOST_COMPACTIONS)
			*worth = false;
		if (op->kind != 'a' && op->kind != 'f')
			continue;
		while (at < nr && live[at] != op->id)
			at++;
		if (op->kind == 'f') {
			if (at == nr)
				return false;
			live[at] = live[--nr];
			continue;
		}
		if (at < nr || !op->size || op->size > most)
			return false;
		live[nr++] = op->id;
		bytes += op->size;
		if (bytes > MOST_BYTES)
			*worth = false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct want want;
	struct fuzz_input in = { data, data + size };
	unsigned int how = fuzz_byte(&in);
	bool user = how % 2 && sizeof(long) == 8, right, worth, gzip;
	char path[128], json[128];
	const char *words[8] = { "uzs", "--profile", user ? "user" : "kernel" };
	int argc = 3, status;
	size_t len;
	FILE *file;

	fuzz_silence();
	snprintf(path, sizeof(path), "%s/trace", fuzz_directory());
	snprintf(json, sizeof(json), "%s/json", fuzz_directory());
	len = (size_t)(in.end - in.at);
	file = fopen(path, "wb");
	fuzz_check(file && fwrite(in.at, 1, len, file) == len && !fclose(file));

	want.nr = 0;
	gzip = len >= 2 && in.at[0] == 0x1f && in.at[1] == 0x8b;
	if (!gzip)
		read_all(&want, (const char *)in.at, len);
	read_file(path, &want, gzip);
	right = makes_sense(&want, user ? ZS_USER_MAX_SIZE : 4096, &worth) &&
		!want.wrong;
	if (!worth)
		return 0;
	if (how % 4 > 1) {
		words[argc++] = "--json";
		words[argc++] = json;
	}
	words[argc++] = path;
	optind = 0;
	status = uzs_cmd_replay(argc, (char **)(uintptr_t)words);
	if (status != (right ? 0 : UZS_FAILED))
		fuzz_fail("uzs replay says %d, the trace is %s", status,
			  right ? "right" : "wrong");
	if (how % 4 > 1 && right)
		json_check_file(json);
	return 0;
}
