/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* progress.c - a progress bar, shown only when stderr is a terminal, and only
 * after two seconds.
 */
#include "uzs.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FIRST_NS 2000000000u
#define EVERY_NS 100000000u
#define CALLS_PER_LOOK 32 /* calls between two reads of the clock */
#define BAR_CHARS 40
#define BAR_LEAST 5
#define LINE_CHARS 256
#define LEFT_CHARS 24 /* room for " 5999:59 left" and more */
#define LEFT_MOST 359999 /* seconds; beyond that nobody waits */
#define USUAL_COLUMNS 80 /* if the terminal does not report its width */

/* Is a line on the screen? Each message must erase it first. */
static bool line_on_screen;

static unsigned int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) || !size.ws_col)
		return USUAL_COLUMNS;
	return size.ws_col;
}

/* A line as wide as the screen would continue in the next one, and a part of it
 * would stay when it is erased. */
void uzs_progress_line(const char *text)
{
	fprintf(stderr, "\r%.*s\033[K", (int)columns() - 1, text);
	line_on_screen = true;
}

void uzs_progress_start(struct uzs_progress *progress, const char *what,
			uint64_t total)
{
	*progress = (struct uzs_progress){
		.what = what,
		.total = total,
		.start_ns = uzs_now_ns(),
		.terminal = isatty(STDERR_FILENO),
	};
}

/* "1:07 left", from what took how long so far; nothing where there is none. */
static void left_text(const struct uzs_progress *progress, uint64_t done,
		      uint64_t now, char text[LEFT_CHARS])
{
	double seconds;

	text[0] = '\0';
	if (!done || done >= progress->total)
		return;
	seconds = (double)(now - progress->start_ns) / 1e9 *
		  (double)(progress->total - done) / (double)done;
	if (seconds > LEFT_MOST)
		return;
	if (seconds < 60)
		snprintf(text, LEFT_CHARS, " %d s left", (int)(seconds + 0.5));
	else
		snprintf(text, LEFT_CHARS, " %d:%02d left", (int)seconds / 60,
			 (int)seconds % 60);
}

static void print_bar(const struct uzs_progress *progress, uint64_t done,
		      uint64_t now, char line[LINE_CHARS])
{
	char left[LEFT_CHARS];
	char bar[BAR_CHARS + 1] = "";
	unsigned int percent, chars = BAR_CHARS, filled;
	/* The text around the bar, and the last column, which stays free. */
	size_t taken = strlen(progress->what) + sizeof(" [] 100 %");

	if (taken < sizeof("12345678 [] 100 %"))
		taken = sizeof("12345678 [] 100 %");
	if (done > progress->total)
		done = progress->total;
	percent = (unsigned int)((double)done * 100 / (double)progress->total);
	if (taken + chars > columns())
		chars = taken < columns() ? columns() - (unsigned int)taken : 0;
	if (chars < BAR_LEAST) {
		snprintf(line, LINE_CHARS, "%3u %% %s", percent,
			 progress->what);
		return;
	}
	filled = percent * chars / 100;
	memset(bar, '#', filled);
	memset(bar + filled, '.', chars - filled);
	/* Where there is room for it, too. */
	left_text(progress, done, now, left);
	if (taken + chars + strlen(left) > columns())
		left[0] = '\0';
	snprintf(line, LINE_CHARS, "%-8s [%s] %3u %%%s", progress->what, bar,
		 percent, left);
}

void uzs_progress_update(struct uzs_progress *progress, uint64_t done)
{
	char line[LINE_CHARS];
	uint64_t now;

	if (!progress->terminal || ++progress->calls % CALLS_PER_LOOK)
		return;
	now = uzs_now_ns();
	if (now - progress->start_ns < FIRST_NS ||
	    (progress->shown_ns && now - progress->shown_ns < EVERY_NS))
		return;
	progress->shown_ns = now;
	if (progress->total)
		print_bar(progress, done, now, line);
	else
		snprintf(line, sizeof(line), "%s: %.1f million", progress->what,
			 (double)done / 1e6);
	uzs_progress_line(line);
}

void uzs_progress_clear(void)
{
	if (line_on_screen)
		fputs("\r\033[K", stderr);
	line_on_screen = false;
}
