/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* numbers.h - the objects that steps touch, numbered from 0: order.c and
 * weak_run.c each keep what they know of an object in an array. An object is
 * identified by its address: memory has the same addresses in each run. */
#ifndef UZS_LAB_NUMBERS_H
#define UZS_LAB_NUMBERS_H

#include "compat/base.h"

#define LAB_NO_NUMBER UINT32_MAX

/* Forgets all: the numbers begin anew. */
void lab_numbers_forget(void);
/* The object's number; it gets one if it has none. */
u32 lab_number_of(const volatile void *addr);
/* The same, without giving one: LAB_NO_NUMBER. */
u32 lab_number_if_any(const volatile void *addr);

#endif
