/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* activity.h - what each thread of the stress test does. It is printed when a
 * signal ends the process, so that the report says what ran, and where.
 */
#ifndef UZS_KERNEL_ACTIVITY_H
#define UZS_KERNEL_ACTIVITY_H

/* Written only by its thread. Read by the dying thread, perhaps half
 * written. */
struct activity {
	const char *name; /* of the thread */
	long seed; /* of its random numbers; -1: none */
	const char *doing; /* NULL: nothing */
	unsigned long step;
	unsigned int object, size; /* of that activity; size 0: none */
};

/* From now on a fatal signal prints the activities, and a backtrace, on stderr.
 * A handler that is there already, such as a sanitizer's, stays. */
void activity_report_signals(const char *program, struct activity *all,
			     unsigned int nr);
/* Sets this thread's activity. */
void activity_enter(struct activity *self);

static inline void activity_do(struct activity *self, const char *doing,
			       unsigned int object, unsigned int size)
{
	self->step++;
	self->object = object;
	self->size = size;
	__atomic_store_n(&self->doing, doing, __ATOMIC_RELAXED);
}

/* The calling thread's activity, for a message. */
const struct activity *activity_self(void);

#endif
