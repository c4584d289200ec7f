/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_tables.c - finds tables of costs; see sim_tables.h. Owns no state. */
#include "tools/uzs.h"

#include "sim_tables.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define PATH_BYTES 4096
#define SUFFIX ".txt"

/* Directories of tables. The first one that has a table of that name counts.
 * They are relative to the program: an installed one may have been moved, with
 * all beside it. */
static const char *const dirs[] = { UZS_SIM_COSTS_DIRS };

static void dir_path(const char *dir, char path[PATH_BYTES])
{
	if (*dir == '/' || !uzs_beside(dir, path, PATH_BYTES))
		snprintf(path, PATH_BYTES, "%s", dir);
}

static int no_tables(const char *what, const char *name)
{
	char looked[NR(dirs) * (PATH_BYTES + 2)], path[PATH_BYTES];
	size_t len = 0;

	for (size_t i = 0; i < NR(dirs); i++) {
		dir_path(dirs[i], path);
		len += (size_t)snprintf(looked + len, sizeof(looked) - len,
					"%s%s", i ? ", " : "", path);
	}
	return uzs_fail("%s%s (looked in: %s)", what, name, looked);
}

/* Return: does the path fit? */
static bool table_path(const char *dir, const char *name, const char *suffix,
		       char path[PATH_BYTES])
{
	size_t len;

	dir_path(dir, path);
	len = strlen(path);
	return (size_t)snprintf(path + len, PATH_BYTES - len, "/%s%s", name,
				suffix) < PATH_BYTES - len;
}

static bool find_table(const char *name, char path[PATH_BYTES])
{
	for (size_t i = 0; i < NR(dirs); i++)
		if (table_path(dirs[i], name, SUFFIX, path) &&
		    !access(path, R_OK))
			return true;
	return false;
}

int sim_tables_load(struct sim_costs *costs, const char *name)
{
	char path[PATH_BYTES], quoted[PATH_BYTES];

	if (strchr(name, '/') || !access(name, R_OK))
		return sim_costs_load(costs, name);
	if (find_table(name, path))
		return sim_costs_load(costs, path);
	snprintf(quoted, sizeof(quoted), "'%s'", name);
	return no_tables("no table of costs ", quoted);
}

static int is_table(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > strlen(SUFFIX) &&
	       !strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX);
}

/* Return: 0, or 1 after a line on stderr: it cannot be read, or is no table. */
static int list_table(const char *path, unsigned int *listed, FILE *out)
{
	char first[PATH_BYTES];
	struct sim_costs costs;
	int status = sim_costs_load(&costs, path);

	if (status || (find_table(costs.name, first) && strcmp(first, path)))
		return status;
	fprintf(out, "%-16s %s\n", costs.name, costs.platform);
	++*listed;
	return 0;
}

/* Lists the tables of one directory. One that cannot be read does not hide the
 * others. */
static int list_dir(const char *dir, unsigned int *listed, FILE *out)
{
	char path[PATH_BYTES];
	struct dirent **names;
	int status = 0, nr;

	dir_path(dir, path);
	nr = scandir(path, &names, is_table, alphasort);
	if (nr < 0)
		return errno == ENOENT
			       ? 0
			       : uzs_fail("%s: %s", path, strerror(errno));
	for (int i = 0; i < nr; i++) {
		if (table_path(dir, names[i]->d_name, "", path) &&
		    list_table(path, listed, out))
			status = UZS_FAILED;
		free(names[i]);
	}
	free(names);
	return status;
}

int sim_tables_list(FILE *out)
{
	unsigned int listed = 0;
	int status = 0;

	for (size_t i = 0; i < NR(dirs); i++)
		if (list_dir(dirs[i], &listed, out))
			status = UZS_FAILED;
	if (status || listed)
		return status;
	return no_tables("no tables of costs", "");
}
