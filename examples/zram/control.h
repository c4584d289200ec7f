/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* control.h - the control socket: its threads, and the commands it takes.
 *
 * One request for each connection: a line of words, within 5 seconds. The
 * answer is a line "ok" or "error: " with the reason, and then the output. The
 * client must read all of it within 5 seconds. Connections are served at the
 * same time.
 */
#ifndef UZRAM_CONTROL_H
#define UZRAM_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#define CONTROL_LINE 256 /* bytes of a request, its end included */
#define CONTROL_CLIENTS 32 /* connections at once */

struct uzram;
struct control;

/* Makes the socket at `path`. Replaces a socket whose server has ended. Return:
 * 0 or a negative errno. */
int control_listen(const char *path, struct control **control);
/* Starts the threads that serve it. Return: 0 or a negative errno. */
int control_start(struct control *control, struct uzram *dev);
/* Ends the threads, even during a long command, and removes the socket. */
void control_stop(struct control *control);

/* commands.c. Runs the command in `line`, which it changes; prints to `out`.
 * Return: 0, or -1 with the reason in `why`. */
int command_run(struct uzram *dev, char *line, const _Atomic bool *stop,
		FILE *out, char *why, size_t why_bytes);

#endif
