/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* proof.h - how proofs are run: in each lock scope, with two page sizes, and
 * without hooks afterwards. Arguments of main choose some by a pattern.
 */
#ifndef UZS_PROOF_H
#define UZS_PROOF_H

#include "test_defer.h"

#include "compat/checked/hooks.h"

static inline int stop_watching(void **state)
{
	uzs_set_hooks(NULL);
	return 0;
}

#define PROOF(test) cmocka_unit_test_teardown(test, stop_watching)

/* proofs: an array of struct CMUnitTest. Return: failures. */
#define run_proofs(argc, argv, proofs)                     \
	({                                                 \
		if ((argc) > 1)                            \
			cmocka_set_test_filter((argv)[1]); \
		run_in_every_variant(proofs);              \
	})

#endif
