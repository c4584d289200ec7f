/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_cmd.h - the commands of uzs-lab, and what they share. The conventions of
 * tools/uzs.h hold: an int is 0 or an exit status, and the message is printed.
 */
#ifndef UZS_LAB_CMD_H
#define UZS_LAB_CMD_H

#include "tools/uzs.h"

#include "explore.h"

int lab_cmd_list(int argc, char **argv);
int lab_cmd_run(int argc, char **argv);
int lab_cmd_explore(int argc, char **argv);
int lab_cmd_replay(int argc, char **argv);

/* Parses the value of --check: step or end. Return: 0, or an exit status.
 * (plan.c) */
int lab_parse_check(const char *command, const char *text, bool *between);

/* Sets up the arena and the signal handlers, once. */
int lab_open(void);

#endif
