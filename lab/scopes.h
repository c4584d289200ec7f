/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* scopes.h - what the lab runs: the lock scopes of the kernel profile and, beside
 * them, the user profile, which has none.
 */
#ifndef UZS_LAB_SCOPES_H
#define UZS_LAB_SCOPES_H

#include "tools/variants.h"

#define LAB_SCOPE_USER ((enum zs_lock_scope)(VARIANT_NR_SCOPES + 1))
#define LAB_NR_SCOPES (VARIANT_NR_SCOPES + 1)
#define LAB_SCOPES_TEXT VARIANT_SCOPES_TEXT "user, "

#endif
