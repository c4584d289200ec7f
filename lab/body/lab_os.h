/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_os.h - the functions of lab_os.c that only lab.c calls. */
#ifndef UZS_LAB_BODY_OS_H
#define UZS_LAB_BODY_OS_H

#include "compat/base.h"

bool uzs_lab_os_init(size_t arena_bytes, bool track);
/* For the handler of SIGSEGV. Return: true: it was the first write to a page
 * since the snapshot; the write can be repeated now. */
bool uzs_lab_os_trap(void *addr);
/* Fills a freed page with a pattern that shows later whether it was written to.
 */
void uzs_lab_fill_freed(void *addr, size_t size);

#endif
