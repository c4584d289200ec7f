/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_kernel.c - owns the list of kernel files that are simulated; see
 * sim_kernel.h.
 *
 * They are loaded before the first cell, whose own process then has all
 * variables of the file as they were.
 */
#include "tools/uzs.h"

#include "sim_kernel.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static struct {
	char name[32];
	const struct uzs_k_sim *sim;
} kernels[SIM_MAX_KERNELS];
static unsigned int nr_kernels;

int sim_kernel_load(const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	size_t len = equals ? (size_t)(equals - assignment) : 0;
	uzs_k_sim_fn *entry;
	char *path;
	void *object;

	if (!len || !equals[1] || len >= sizeof(kernels[0].name))
		return uzs_usage("simulate",
				 "--kernel: '%s' is not NAME=FILE.so, with a "
				 "name of 1 to %zu bytes",
				 assignment, sizeof(kernels[0].name) - 1);
	if (nr_kernels == SIM_MAX_KERNELS)
		return uzs_usage("simulate", "--kernel: more than %u",
				 SIM_MAX_KERNELS);
	/* With a slash, or it would be looked for elsewhere. */
	path = realpath(equals + 1, NULL);
	object = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	free(path);
	if (!object)
		return uzs_fail("%s: cannot be loaded: %s", equals + 1,
				path ? dlerror() : "no such file");
	*(void **)&entry = dlsym(object, "uzs_kernel_sim");
	if (!entry || entry()->abi != UZS_K_SIM_ABI ||
	    entry()->subject->abi != SUBJECT_ABI)
		return uzs_fail("%s: is no kernel file for this simulator "
				"(scripts/kernel-test --simulate builds them)",
				equals + 1);
	memcpy(kernels[nr_kernels].name, assignment, len);
	kernels[nr_kernels++].sim = entry();
	return 0;
}

unsigned int sim_nr_kernels(void)
{
	return nr_kernels;
}

const char *sim_kernel_name(enum zs_lock_scope scope)
{
	return kernels[scope - LAB_SCOPE_KERNEL].name;
}

const struct uzs_k_sim *sim_kernel(enum zs_lock_scope scope)
{
	return kernels[scope - LAB_SCOPE_KERNEL].sim;
}
