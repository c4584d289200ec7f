/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* tell.c - what was found, for people: the operation, the states, traces that
 * show it, and the command that does it again; see uzs-compare.h.
 *
 * What dies with one trace is tried with others in processes of their own;
 * nothing here trusts a subject.
 */
#include "uzs-compare.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tools/uzs.h"

#define PATH_BYTES 4096

static void print_head(const struct cell *cell, const char *what,
		       const char *where)
{
	const struct compare_options *opt = &cell->opt;

	uzs_progress_clear();
	fprintf(stderr,
		"uzs-compare: %s: %s and %s, page size %u, chain size %u, %s",
		what, opt->subject[0]->name, opt->subject[1]->name,
		opt->page_size, opt->chain_size, where);
}

/* how: what the subjects do at the last operation. Return: is it there now? */
static bool write_trace(const struct options *o, const struct cell *cell,
			const struct trace_ops *ops, const char *kind,
			const char *how, char path[PATH_BYTES])
{
	const struct subject *a = cell->opt.subject[0];
	const struct subject *b = cell->opt.subject[1];
	char comment[1024];

	if (snprintf(path, PATH_BYTES, "%s/%s-%s-p%u-c%u.%s.trace", o->output,
		     a->name, b->name, cell->opt.page_size,
		     cell->opt.chain_size, kind) >= PATH_BYTES) {
		uzs_fail("--output %s: too long", o->output);
		return false;
	}
	snprintf(comment, sizeof(comment),
		 "%s and %s%s the last operation of this trace\n"
		 "(page size %u, chain size %u%s)",
		 a->description, b->description, how, cell->opt.page_size,
		 cell->opt.chain_size,
		 cell->opt.move_every ? ", with --move-pages" : "");
	if (!trace_write(ops, ops->nr, path, comment))
		return false;
	fprintf(stderr, "  written: %s (%zu operations)\n", path, ops->nr);
	return true;
}

/* As a shell takes it. */
static void print_word(const char *word)
{
	char text[2 * PATH_BYTES];

	uzs_shell_word(word, text, sizeof(text));
	fprintf(stderr, " %s", text);
}

/* in_process: as a debugger would have it. */
static void print_again(const struct options *o, const struct cell *cell,
			const char *path, bool in_process)
{
	fputs("  again:", stderr);
	print_word(o->program);
	fputs(" --subject", stderr);
	print_word(cell->given[0]);
	fputs(" --against", stderr);
	print_word(cell->given[1]);
	fprintf(stderr, " --page-size %u --chain-size %u", cell->opt.page_size,
		cell->opt.chain_size);
	if (cell->opt.move_every)
		fprintf(stderr, " --move-pages %u", cell->opt.move_every);
	fputs(in_process ? " --in-process" : " --shrink-seconds 0", stderr);
	fputs(" --trace", stderr);
	print_word(path);
	fputc('\n', stderr);
}

/* ---- mismatches ---------------------------------------------------------- */

void tell_mismatch(const struct options *o, const struct cell *cell,
		   struct trace_ops *ops, const char *where)
{
	static const char how[] = " differ after";
	struct compare_counts counts;
	struct compare_options opt = cell->opt;
	struct compare_end end;
	char path[PATH_BYTES];
	bool written;

	print_head(cell, "mismatch", where);
	fputc('\n', stderr);
	/* Anew, looking at all: the first operation that shows it. Where
	 * objects lie was last found to be the same not long before. */
	opt.every = 1;
	opt.data_every = 1;
	if (compare_isolated(&opt, ops, &end, &counts, NULL, true) ==
	    COMPARE_DIFFERENT)
		opt.layout_from = (end.at - !!end.at) / COMPARE_LAYOUT_EVERY *
				  COMPARE_LAYOUT_EVERY;
	if (compare_isolated(&opt, ops, &end, &counts, stderr, false) !=
	    COMPARE_DIFFERENT) {
		uzs_fail(
			"the mismatch does not repeat: it depends on more than the trace");
		return;
	}
	if (end.at < ops->nr)
		ops->nr = end.at + 1;
	written = write_trace(o, cell, ops, "prefix", how, path);
	if (o->shrink_seconds) {
		compare_shrink(&opt, ops, (unsigned int)o->shrink_seconds,
			       NULL);
		fprintf(stderr, "shrunk to %zu operations:\n", ops->nr);
		opt.layout_from = 0;
		compare_isolated(&opt, ops, &end, &counts, stderr, false);
		written = write_trace(o, cell, ops, "shrunk", how, path);
	}
	if (written)
		print_again(o, cell, path, false);
}

/* ---- crashes ------------------------------------------------------------- */

static void print_death(int status)
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (!number)
		/* as after a sanitizer's report */
		fprintf(stderr, "ended with %d", WEXITSTATUS(status));
	else
		fprintf(stderr, "killed by signal %d (%s)%s", number,
			strsignal(number),
			number == SIGKILL ? ", perhaps out of memory" : "");
}

static void print_place(const struct cell *cell, const struct trace_ops *ops,
			const struct compare_end *end)
{
	compare_print_op(stderr, ops, end->at);
	if (end->side < 0)
		fputs(", when the two are compared\n", stderr);
	else
		fprintf(stderr, ", in %s\n",
			cell->opt.subject[end->side]->name);
}

/* The trace up to the operation becomes one that shows it, and shorter. Return:
 * false, and a line on stderr, if it does not die of it again. */
static bool shrink_crash(const struct options *o, const struct cell *cell,
			 struct trace_ops *ops, struct compare_end *end)
{
	struct compare_options opt = cell->opt;
	struct compare_counts counts;
	int status = end->status;

	opt.data_every = 1;
	if (compare_isolated(&opt, ops, end, &counts, NULL, true) !=
		    COMPARE_DIED ||
	    end->status != status) {
		uzs_fail(
			"the crash does not repeat with this trace: it depends on more");
		return false;
	}
	compare_shrink(&opt, ops, (unsigned int)o->shrink_seconds, end);
	fprintf(stderr, "shrunk to %zu operations:\n", ops->nr);
	/* Says once more what it said when it died. */
	compare_isolated(&opt, ops, end, &counts, NULL, false);
	print_place(cell, ops, end);
	return true;
}

void tell_crash(const struct options *o, const struct cell *cell,
		struct trace_ops *ops, const char *where,
		const struct compare_end *found)
{
	static const char how[] = ", one of which crashes in";
	struct compare_end end = *found;
	char path[PATH_BYTES];
	bool written;

	print_head(cell, "crash", where);
	fputs(": ", stderr);
	print_death(end.status);
	fputc('\n', stderr);
	print_place(cell, ops, &end);
	if (end.at < ops->nr)
		ops->nr = end.at + 1;
	written = write_trace(o, cell, ops, "crash", how, path);
	/* What took all memory would take it again and again. */
	if (o->shrink_seconds &&
	    !(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGKILL) &&
	    shrink_crash(o, cell, ops, &end))
		written = write_trace(o, cell, ops, "shrunk", how, path);
	if (written)
		print_again(o, cell, path, true);
}
