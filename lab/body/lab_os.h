/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_os.h - what lab.c asks of lab_os.c alone. */
#ifndef UZS_LAB_BODY_OS_H
#define UZS_LAB_BODY_OS_H

#include "compat/base.h"

bool uzs_lab_os_init(size_t arena_bytes, bool track);
/* For the handler of SIGSEGV. True: it was the first write to a page since
 * the snapshot, and can be repeated. */
bool uzs_lab_os_trap(void *addr);
/* A page was freed: a pattern that shows later whether it was written to. */
void uzs_lab_fill_freed(void *addr, size_t size);

#endif
