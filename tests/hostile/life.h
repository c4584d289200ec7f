/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* life.h - pools that live, whatever the machine does: objects of two threads are
 * made, read, freed and moved, and each must be what it was.
 */
#ifndef UZS_HOSTILE_LIFE_H
#define UZS_HOSTILE_LIFE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the process, and says where: threads of a test may be anywhere. */
#define MUST(condition)                                                      \
	do {                                                                 \
		if (condition)                                               \
			break;                                               \
		fprintf(stderr, "uzs-hostile: %s: %s:%d: %s\n", life_name(), \
			__FILE__, __LINE__, #condition);                     \
		_exit(1);                                                    \
	} while (0)

struct life {
	bool may_lack; /* -ENOMEM is no failure */
	bool alone; /* no thread is made here */
	bool few; /* only one deferral of each profile */
	/* In the middle of each pool's life, with objects in it. Each pool lives
	 * in a child then, for what lasts. NULL: nothing. */
	void (*between)(void);
};

/* Each profile and deferral, one after the other. Says nothing if all is well. */
void life_of_all(const struct life *life);
/* Pools at their memory limit of so many bytes: filled, freed in part, filled
 * again. None may hold more. */
void life_at_limit(size_t limit, unsigned int rounds);
/* Sleeps with a half-freed pool of each profile. Return: the CPU time that their
 * workers took in the last 0.2 s, in ms. */
unsigned int life_at_rest(void);
/* How often -ENOMEM was answered, and how many objects were made; by children,
 * too. */
unsigned int life_lacked(void);
unsigned int life_made(void);
/* What is in work now, for messages. */
const char *life_name(void);

#endif
