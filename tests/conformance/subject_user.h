/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_user.h - pools of our user profile as subjects: by handles, with each
 * deferral that it has, and by refs.
 */
#ifndef UZS_SUBJECT_USER_H
#define UZS_SUBJECT_USER_H

#include "subject.h"

/* "user", "user+array", "user+percpu", "user-refs". NULL: another name, or a
 * machine without the profile (32-bit). The table lives for ever. */
const struct subject *subject_user(const char *name);

#endif
