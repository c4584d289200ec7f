/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* test_progress.c - what the progress bar puts on a terminal, of any width: a
 * line is never wider than the screen, so that taking it away leaves nothing.
 * The terminal is a pseudo-terminal, and the clock is this file's.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/uzs.h"

#define CALLS 4000
#define SCREEN_BYTES 65536

static uint64_t clock_ns;
static int terminal, usual_stderr;
static char screen[SCREEN_BYTES];

uint64_t uzs_now_ns(void)
{
	return clock_ns;
}

static int open_terminal(void **state)
{
	int its;

	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(grantpt(terminal), 0);
	assert_int_equal(unlockpt(terminal), 0);
	its = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	assert_true(its >= 0);
	usual_stderr = dup(STDERR_FILENO);
	assert_int_equal(dup2(its, STDERR_FILENO), STDERR_FILENO);
	close(its);
	return 0;
}

static int close_terminal(void **state)
{
	dup2(usual_stderr, STDERR_FILENO);
	close(usual_stderr);
	close(terminal);
	return 0;
}

static void set_columns(unsigned int columns)
{
	struct winsize size = { .ws_row = 25,
				.ws_col = (unsigned short)columns };

	assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
}

/* Whatever was written since the last call. */
static size_t read_screen(void)
{
	struct pollfd wait = { .fd = terminal, .events = POLLIN };
	size_t len = 0;

	while (poll(&wait, 1, 0) > 0 && len + 1 < sizeof(screen)) {
		ssize_t got =
			read(terminal, screen + len, sizeof(screen) - len - 1);

		if (got <= 0)
			break;
		len += (size_t)got;
	}
	screen[len] = '\0';
	return len;
}

/* Of the lines on the screen, each of which begins with a carriage return and
 * ends with the rest of the line erased. Return: the widest. */
static size_t widest(unsigned int *lines)
{
	const char *at = screen, *end;
	size_t most = 0;

	for (*lines = 0; *at; at = end + strlen("\033[K"), ++*lines) {
		assert_int_equal(*at, '\r');
		end = strstr(at, "\033[K");
		assert_non_null(end);
		assert_null(memchr(at, '\n', (size_t)(end - at)));
		if ((size_t)(end - at) - 1 > most)
			most = (size_t)(end - at) - 1;
	}
	return most;
}

/* Calls of ten seconds. Return: the widest line. */
static size_t show(const char *what, uint64_t total, unsigned int *lines)
{
	struct uzs_progress progress;

	clock_ns = 1;
	uzs_progress_start(&progress, what, total);
	for (unsigned int i = 0; i < CALLS; i++) {
		clock_ns += 10000000000ull / CALLS;
		uzs_progress_update(&progress, total * i / CALLS);
	}
	read_screen();
	return widest(lines);
}

static void test_never_wider(void **state)
{
	static const char *const whats[] = {
		"store", "replay", "free-migrate, class-idx+percpu, 3 CPUs"
	};

	for (unsigned int columns = 1; columns <= 200; columns++) {
		set_columns(columns);
		for (unsigned int i = 0; i < 6; i++) {
			unsigned int lines;
			size_t most = show(whats[i / 2], i % 2 ? 0 : 123456789,
					   &lines);

			assert_true(lines > 10);
			assert_true(most < columns);
			uzs_progress_clear();
			read_screen();
			assert_string_equal(screen, "\r\033[K");
		}
	}
}

/* As wide as it may be, and no wider than 57; where there is room, 9 more for how long
 * it still takes. */
static void test_uses_the_room(void **state)
{
	static const struct {
		unsigned int columns;
		size_t width;
	} cases[] = { { 0, 66 },  { 200, 66 }, { 67, 66 }, { 66, 57 },
		      { 58, 57 }, { 57, 56 },  { 30, 29 }, { 24, 23 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int lines;

		set_columns(cases[i].columns);
		assert_int_equal(show("store", 1000, &lines), cases[i].width);
		assert_non_null(strstr(screen, "[#"));
		assert_int_equal(strstr(screen, " left") != NULL,
				 cases[i].width > 57);
		uzs_progress_clear();
		read_screen();
	}
}

/* At a quarter of the work after 40 s, two minutes are left. */
static void test_how_long(void **state)
{
	struct uzs_progress progress;

	set_columns(80);
	clock_ns = 1;
	uzs_progress_start(&progress, "store", 1000);
	clock_ns += 40000000000ull;
	for (unsigned int i = 0; i < 40; i++)
		uzs_progress_update(&progress, 250);
	read_screen();
	assert_non_null(strstr(screen, "]  25 % 2:00 left\033"));
	clock_ns += 120000000000ull;
	for (unsigned int i = 0; i < 40; i++)
		uzs_progress_update(&progress, 800);
	read_screen();
	assert_non_null(strstr(screen, "]  80 % 40 s left\033"));
	clock_ns += 1000000000;
	for (unsigned int i = 0; i < 40; i++)
		uzs_progress_update(&progress, 1000);
	read_screen();
	assert_null(strstr(screen, "left"));
	uzs_progress_clear();
	read_screen();
}

static void test_quick_work_shows_nothing(void **state)
{
	struct uzs_progress progress;

	clock_ns = 1;
	uzs_progress_start(&progress, "store", 1000);
	for (unsigned int i = 0; i < 1000; i++)
		uzs_progress_update(&progress, i);
	clock_ns += 1999999999;
	for (unsigned int i = 0; i < 1000; i++)
		uzs_progress_update(&progress, i);
	uzs_progress_clear();
	assert_int_equal(read_screen(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_never_wider, open_terminal,
						close_terminal),
		cmocka_unit_test_setup_teardown(test_uses_the_room,
						open_terminal, close_terminal),
		cmocka_unit_test_setup_teardown(test_how_long, open_terminal,
						close_terminal),
		cmocka_unit_test_setup_teardown(test_quick_work_shows_nothing,
						open_terminal, close_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
