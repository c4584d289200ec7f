/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* watch.h - what plain.c hands to watch.c besides the access itself. */
#ifndef UZS_LAB_WATCH_H
#define UZS_LAB_WATCH_H

/* Where the compiler's call for the next access returns to: right before the
 * access. NULL: not known. */
extern const void *lab_plain_at;

#endif
