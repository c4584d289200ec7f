/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* audit.h - the user profile's part of zs_pool_check. For struct profile. */
#ifndef UZS_USER_AUDIT_H
#define UZS_USER_AUDIT_H

#include "findings.h"
#include "profile.h"

unsigned long uzs_user_check_zspage(struct check *check,
				    const struct size_class *class,
				    struct zspage *zspage);
void uzs_user_check_rest(struct check *check);

#endif
