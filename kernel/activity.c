/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* activity.c - see activity.h. Owns the activity of each thread, and the
 * handlers of fatal signals.
 *
 * Locks: none.
 * Limits: a handler may interrupt malloc and stdio, so it uses neither. A
 * kernel file's functions are not exported, so the reader of the report finds
 * their names (scripts/kernel_crash.py, addr2line).
 */
#include "activity.h"

#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define FRAMES 40

static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };

static const char *program;
static struct activity *activities;
static unsigned int nr_activities;
static bool reported; /* atomic: only one thread reports */
static __thread struct activity *self;

void activity_enter(struct activity *activity)
{
	self = activity;
}

const struct activity *activity_self(void)
{
	return self;
}

/* ---- what may be done in a handler ---------------------------------------- */

struct line {
	size_t len;
	char text[256];
};

static void add(struct line *line, const char *text)
{
	while (*text && line->len < sizeof(line->text) - 1)
		line->text[line->len++] = *text++;
}

static void add_number(struct line *line, unsigned long n)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = 0;
	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	add(line, digits + at);
}

static void end(struct line *line)
{
	line->text[line->len++] = '\n';
	/* If writing fails, nothing else can be reported. */
	if (write(STDERR_FILENO, line->text, line->len) < 0)
		return;
	line->len = 0;
}

static void tell(const struct activity *a)
{
	const char *doing = __atomic_load_n(&a->doing, __ATOMIC_RELAXED);
	struct line line = { 0 };

	if (!a->name || !doing)
		return;
	add(&line, a == self ? "> " : "  ");
	add(&line, a->name);
	if (a->seed >= 0) {
		add(&line, ", seed ");
		add_number(&line, (unsigned long)a->seed);
		add(&line, ", step ");
		add_number(&line, a->step);
	}
	add(&line, ": ");
	add(&line, doing);
	if (a->size) {
		add(&line, ", object ");
		add_number(&line, a->object);
		add(&line, " of ");
		add_number(&line, a->size);
		add(&line, " bytes");
	}
	end(&line);
}

static void report(int number)
{
	void *frames[FRAMES];
	struct line line = { 0 };
	int nr;

	/* Another thread reports, and ends the process when it is done. */
	if (__atomic_exchange_n(&reported, true, __ATOMIC_RELAXED))
		for (;;)
			pause();
	add(&line, program);
	add(&line, ": signal ");
	add_number(&line, (unsigned long)number);
	add(&line, " in ");
	add(&line, self && self->name ? self->name : "the main thread");
	end(&line);
	for (unsigned int i = 0; i < nr_activities; i++)
		tell(&activities[i]);
	nr = backtrace(frames, FRAMES);
	/* Skips this function and its caller in the system. */
	if (nr > 2)
		backtrace_symbols_fd(frames + 2, nr - 2, STDERR_FILENO);
	signal(number, SIG_DFL);
	raise(number);
}

void activity_report_signals(const char *name, struct activity *all,
			     unsigned int nr)
{
	struct sigaction action = { .sa_handler = report }, old;
	void *frame;

	program = name;
	activities = all;
	nr_activities = nr;
	/* The first call loads a library. A handler must not do that. */
	backtrace(&frame, 1);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++)
		if (!sigaction(fatal[i], NULL, &old) &&
		    old.sa_handler == SIG_DFL)
			sigaction(fatal[i], &action, NULL);
}
