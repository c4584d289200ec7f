/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_fiber.h - fibers: stacks between which one thread switches without the
 * OS.
 *
 * x86-64 and aarch64: a few instructions, which save the registers that a
 * called function has to preserve. Elsewhere ucontext, which makes a system
 * call for the signal mask. AddressSanitizer is told of each switch.
 */
#ifndef UZS_LAB_BODY_FIBER_H
#define UZS_LAB_BODY_FIBER_H

#include "compat/base.h"

struct uzs_fiber_context;

/* Makes a fiber with a stack, and a page below the stack that faults. Its
 * memory is kept for later runs. Return: NULL: no memory. */
struct uzs_fiber_context *uzs_fiber_new(size_t stack_bytes);
/* The fiber will begin with entry(arg), which must not return. What was on its
 * stack is lost. */
void uzs_fiber_prepare(struct uzs_fiber_context *fiber,
		       void (*entry)(void *arg), void *arg);
/* Switches from `from` to `to`; NULL: the thread's own stack. Returns when
 * another fiber switches back. */
void uzs_fiber_switch(struct uzs_fiber_context *from,
		      struct uzs_fiber_context *to);
/* Must be the first call in entry(). */
void uzs_fiber_entered(void);
/* Is it an address in the page below one of the stacks? */
bool uzs_fiber_overflow(const void *addr);
/* Call this after a long jump to the thread's own stack. */
void uzs_fiber_left(void);
/* Call this after a long jump within a stack: what lay below is gone. (The jump may
 * have come from a signal handler, on another stack.) */
void uzs_fiber_cut(void);

#endif
