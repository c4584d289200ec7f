/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_tables.c - finds tables of costs; see sim_tables.h. Owns no state. */
#include "tools/uzs.h"

#include "sim_tables.h"

#include <glob.h>
#include <string.h>
#include <unistd.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

/* The first that has a table of that name counts. */
static const char *const dirs[] = { UZS_SIM_COSTS_DIRS };

static void print_dirs(char *text, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < NR(dirs) && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s",
					i ? ", " : "", dirs[i]);
}

static bool find_table(const char *name, char *path, size_t size)
{
	for (size_t i = 0; i < NR(dirs); i++) {
		snprintf(path, size, "%s/%s.txt", dirs[i], name);
		if (!access(path, R_OK))
			return true;
	}
	return false;
}

int sim_tables_load(struct sim_costs *costs, const char *name)
{
	char path[1024], looked[1024];

	if (strchr(name, '/') || !access(name, R_OK))
		return sim_costs_load(costs, name);
	if (find_table(name, path, sizeof(path)))
		return sim_costs_load(costs, path);
	print_dirs(looked, sizeof(looked));
	return uzs_fail("no table of costs '%s' (looked in: %s)", name, looked);
}

/* Those of one directory. */
static int list_dir(const char *dir, unsigned int *listed, FILE *out)
{
	char pattern[1024], first[1024];
	struct sim_costs costs;
	int status = 0;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*.txt", dir);
	switch (glob(pattern, 0, NULL, &found)) {
	case 0:
		break;
	case GLOB_NOMATCH:
		return 0;
	default:
		return uzs_fail("%s: cannot be looked through", dir);
	}
	for (size_t i = 0; !status && i < found.gl_pathc; i++) {
		status = sim_costs_load(&costs, found.gl_pathv[i]);
		if (status || (find_table(costs.name, first, sizeof(first)) &&
			       strcmp(first, found.gl_pathv[i]) != 0))
			continue;
		fprintf(out, "%-16s %s\n", costs.name, costs.platform);
		++*listed;
	}
	globfree(&found);
	return status;
}

int sim_tables_list(FILE *out)
{
	unsigned int listed = 0;
	char looked[1024];
	int status = 0;

	for (size_t i = 0; !status && i < NR(dirs); i++)
		status = list_dir(dirs[i], &listed, out);
	if (status || listed)
		return status;
	print_dirs(looked, sizeof(looked));
	return uzs_fail("no tables of costs (looked in: %s)", looked);
}
