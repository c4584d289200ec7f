/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* progress.c - a progress bar that stays out of the way: only when stderr is
 * a terminal, and only after two seconds.
 */
#include "uzs.h"

#include <string.h>
#include <unistd.h>

#define FIRST_NS 2000000000u
#define EVERY_NS 100000000u
#define CALLS_PER_LOOK 32 /* calls between two looks at the clock */
#define BAR_CHARS 40

/* Is a bar on the screen now? Any message must take it away first. */
static bool bar_on_screen;

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

void uzs_progress_update(struct uzs_progress *progress, uint64_t done)
{
	char bar[BAR_CHARS + 1];
	unsigned int percent, filled;
	uint64_t now;

	if (!progress->terminal || ++progress->calls % CALLS_PER_LOOK)
		return;
	now = uzs_now_ns();
	if (now - progress->start_ns < FIRST_NS ||
	    (progress->shown_ns && now - progress->shown_ns < EVERY_NS))
		return;
	progress->shown_ns = now;
	bar_on_screen = true;
	if (!progress->total) {
		fprintf(stderr, "\r%s: %.1f million\033[K", progress->what,
			(double)done / 1e6);
		return;
	}
	if (done > progress->total)
		done = progress->total;
	percent = (unsigned int)((double)done * 100 / (double)progress->total);
	filled = percent * BAR_CHARS / 100;
	memset(bar, '#', filled);
	memset(bar + filled, '.', BAR_CHARS - filled);
	bar[BAR_CHARS] = '\0';
	fprintf(stderr, "\r%-8s [%s] %3u %%\033[K", progress->what, bar,
		percent);
}

void uzs_progress_clear(void)
{
	if (bar_on_screen)
		fputs("\r\033[K", stderr);
	bar_on_screen = false;
}
