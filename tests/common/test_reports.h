/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_reports.h - collects what the checked body reports, for tests that
 * break its rules on purpose.
 */
#ifndef UZS_TEST_REPORTS_H
#define UZS_TEST_REPORTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "compat/checked/lockdep.h"

#define MAX_REPORTS 16

struct seen_report {
	enum uzs_report_kind kind;
	struct uzs_place here;
	struct uzs_place other; /* file NULL: none */
	char text[4096];
};

static struct {
	pthread_mutex_t mutex;
	struct seen_report report[MAX_REPORTS];
	unsigned int nr;
} seen = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static inline void see_report(void *arg, const struct uzs_report *r)
{
	struct seen_report *s;

	(void)arg;
	pthread_mutex_lock(&seen.mutex);
	if (seen.nr < MAX_REPORTS) {
		s = &seen.report[seen.nr];
		s->kind = r->kind;
		s->here = *r->here;
		memset(&s->other, 0, sizeof(s->other));
		if (r->other)
			s->other = *r->other;
		snprintf(s->text, sizeof(s->text), "%s", r->text);
	}
	seen.nr++;
	pthread_mutex_unlock(&seen.mutex);
}

/* From here on reports are collected, and none has been seen. */
static inline int collect_reports(void **state)
{
	(void)state;
	seen.nr = 0;
	uzs_set_report_handler(see_report, NULL);
	return 0;
}

/* Every report was expected; nothing is held. */
static inline int end_reports(void **state)
{
	(void)state;
	uzs_set_report_handler(NULL, NULL);
	if (seen.nr)
		print_error("%s", seen.report[0].text);
	if (uzs_count_held(NULL))
		print_error("%u locks are still held\n", uzs_count_held(NULL));
	return seen.nr || uzs_count_held(NULL);
}

/* Does the report say that, as a reader would read it? */
static inline void assert_says(const struct seen_report *r, const char *text)
{
	if (!strstr(r->text, text))
		fail_msg("\"%s\" is not in the report:\n%s", text, r->text);
}

static inline void assert_place(const struct seen_report *r,
				const struct uzs_place *place, const char *file,
				int line)
{
	char text[512];

	assert_non_null(place->file);
	assert_string_equal(place->file, file);
	assert_int_equal(place->line, line);
	snprintf(text, sizeof(text), "%s:%d\n", file, line);
	assert_says(r, text);
}

/* Exactly one report since the last look, of that kind, with both places (a
 * line of 0: there is no other). */
#define expect_report(kind, line, other_line) \
	expect_report_in((kind), __FILE__, (line), (other_line))
static inline struct seen_report *expect_report_in(enum uzs_report_kind kind,
						   const char *file, int line,
						   int other_line)
{
	struct seen_report *r = &seen.report[0];

	if (seen.nr > 1)
		print_error("%s%s", r[0].text, r[1].text);
	assert_int_equal(seen.nr, 1);
	seen.nr = 0;
	assert_int_equal(r->kind, kind);
	assert_place(r, &r->here, file, line);
	if (other_line)
		assert_place(r, &r->other, file, other_line);
	else
		assert_null(r->other.file);
	assert_int_equal(strncmp(r->text, "uzsmalloc: ", 11), 0);
	return r;
}

static inline void expect_no_report(void)
{
	if (seen.nr)
		fail_msg("unexpected: %s", seen.report[0].text);
}

/* Runs a function in a thread of its own, to its end. */
static inline void in_thread(void *(*fn)(void *arg), void *arg)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Makes a call and remembers its line. */
#define AT(line, call)             \
	do {                       \
		(line) = __LINE__; \
		call;              \
	} while (0)

#endif
