/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_fiber.h - stacks that one thread changes between without the OS.
 *
 * x86-64 and aarch64: a few instructions that keep what a called function has
 * to keep. Elsewhere ucontext, which asks the OS each time for the signal
 * mask. AddressSanitizer is told of each change.
 */
#ifndef UZS_LAB_BODY_FIBER_H
#define UZS_LAB_BODY_FIBER_H

#include "compat/base.h"

struct uzs_fiber_context;

/* A stack of its own, with a page below it that faults. NULL: no memory. The
 * stacks are kept for later runs. */
struct uzs_fiber_context *uzs_fiber_new(size_t stack_bytes);
/* It is to begin with entry(arg), which never returns. What was on its stack
 * is dropped. */
void uzs_fiber_prepare(struct uzs_fiber_context *fiber,
		       void (*entry)(void *arg), void *arg);
/* From the fiber `from` to `to`; NULL: the thread's own stack. Returns when
 * somebody switches back. */
void uzs_fiber_switch(struct uzs_fiber_context *from,
		      struct uzs_fiber_context *to);
/* First thing that entry does. */
void uzs_fiber_entered(void);
/* Is it an address in the page below one of the stacks? */
bool uzs_fiber_overflow(const void *addr);
/* Back on the thread's own stack without a switch (a long jump). */
void uzs_fiber_left(void);

#endif
