/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject_own.c - one of ours as a shared object, for programs that load a kernel's
 * file: what they say of it and of ours can be compared.
 *
 * UZS_SUBJECT=NAME,PAGE,CHAIN   which ("held", "class-idx+array", ...), bytes of
 *                               a page, pages of a zspage; by default
 *                               class-idx,4096,8
 */
#include "subject_uzs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((visibility("default"))) const struct subject *
uzs_kernel_subject(void)
{
	static struct subject own;
	const char *wanted = getenv("UZS_SUBJECT");
	unsigned int page, chain;
	char name[32];

	if (sscanf(wanted ? wanted : "class-idx,4096,8", "%31[^,],%u,%u", name,
		   &page, &chain) != 3)
		return NULL;
	for (size_t i = 0; i < SUBJECT_UZS_COUNT; i++) {
		if (strcmp(subject_uzs[i].name, name))
			continue;
		own = subject_uzs[i];
		own.page_size = page;
		own.chain_size = chain;
		return &own;
	}
	return NULL;
}
