/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* json_check.h - is a text JSON? */
#ifndef UZS_FUZZ_JSON_CHECK_H
#define UZS_FUZZ_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* One value, with blanks around it, as RFC 8259 has it, in valid UTF-8, at most
 * 64 brackets deep. *at: where it is not. */
bool json_ok(const char *text, size_t len, size_t *at);
/* What a file holds must be JSON; else a finding. */
void json_check_file(const char *path);

#endif
