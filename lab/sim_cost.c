/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_cost.c - reads tables of costs; see sim_cost.h. Owns no state. */
#include "tools/uzs.h"

#include "sim_cost.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *name, *unit, *meaning;
	double least, most;
} costs_known[SIM_NR_COSTS] = {
#define SIM_ROW(name, unit, least, most, meaning) \
	{ #name, unit, meaning, least, most },
	SIM_COSTS(SIM_ROW)
#undef SIM_ROW
};

static const char *const origins[] = { "measured", "published", "fitted",
				       "assumed" };

const char *sim_cost_name(enum sim_cost_id id)
{
	return costs_known[id].name;
}

const char *sim_cost_unit(enum sim_cost_id id)
{
	return costs_known[id].unit;
}

const char *sim_cost_meaning(enum sim_cost_id id)
{
	return costs_known[id].meaning;
}

u64 sim_cost_ps(const struct sim_costs *costs, enum sim_cost_id id)
{
	return (u64)(costs->value[id] * 1000 + 0.5);
}

static int find(const char *name)
{
	for (int i = 0; i < SIM_NR_COSTS; i++)
		if (!strcmp(costs_known[i].name, name))
			return i;
	return -1;
}

static bool is_origin(const char *word)
{
	for (size_t i = 0; i < NR(origins); i++)
		if (!strcmp(origins[i], word))
			return true;
	return false;
}

/* False: not a number, or out of bounds. */
static bool parse_value(int id, const char *text, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	return end != text && !*end && !errno && isfinite(*value) &&
	       *value >= costs_known[id].least &&
	       *value <= costs_known[id].most;
}

/* Cuts the next word off the front of *rest. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t"), *end;

	end = word + strcspn(word, " \t");
	*rest = end + strspn(end, " \t");
	*end = '\0';
	return word;
}

static int read_line(struct sim_costs *costs, bool *seen, char *line,
		     const char *path, unsigned int number)
{
	char *rest = line;
	char *name = next_word(&rest), *value, *origin;
	int id = find(name);

	if (id < 0)
		return uzs_fail("%s:%u: no such cost: '%s'", path, number,
				name);
	if (seen[id])
		return uzs_fail("%s:%u: %s is there a second time", path,
				number, name);
	value = next_word(&rest);
	if (!parse_value(id, value, &costs->value[id]))
		return uzs_fail("%s:%u: %s: '%s' is not a number from %g to %g",
				path, number, name, value,
				costs_known[id].least, costs_known[id].most);
	origin = next_word(&rest);
	if (!is_origin(origin))
		return uzs_fail("%s:%u: %s: the origin must be measured, "
				"published, fitted or assumed, not '%s'",
				path, number, name, origin);
	if (!*rest)
		return uzs_fail("%s:%u: %s: no words on its origin", path,
				number, name);
	snprintf(costs->origin[id], sizeof(costs->origin[id]), "%s", origin);
	snprintf(costs->words[id], sizeof(costs->words[id]), "%.191s", rest);
	seen[id] = true;
	return 0;
}

static void set_name(struct sim_costs *costs, const char *path)
{
	const char *base = strrchr(path, '/');
	size_t len;

	base = base ? base + 1 : path;
	snprintf(costs->name, sizeof(costs->name), "%s", base);
	len = strlen(costs->name);
	if (len > 4 && !strcmp(costs->name + len - 4, ".txt"))
		costs->name[len - 4] = '\0';
}

static int read_table(struct sim_costs *costs, FILE *in, const char *path)
{
	bool seen[SIM_NR_COSTS] = { false };
	unsigned int number = 0;
	char line[512];
	int status;

	while (fgets(line, sizeof(line), in)) {
		size_t len = strlen(line);

		number++;
		if (len + 1 == sizeof(line) && line[len - 1] != '\n')
			return uzs_fail("%s:%u: the line is too long", path,
					number);
		while (len && strchr("\r\n \t", line[len - 1]))
			line[--len] = '\0';
		if (line[0] == '#' && !costs->platform[0] &&
		    !strstr(line, "SPDX"))
			snprintf(costs->platform, sizeof(costs->platform),
				 "%.120s", line + 1 + strspn(line + 1, " "));
		if (!line[0] || line[0] == '#')
			continue;
		status = read_line(costs, seen, line, path, number);
		if (status)
			return status;
	}
	if (ferror(in))
		return uzs_fail("%s: %s", path, strerror(errno));
	for (int i = 0; i < SIM_NR_COSTS; i++)
		if (!seen[i])
			return uzs_fail("%s: %s is missing", path,
					costs_known[i].name);
	return 0;
}

int sim_costs_load(struct sim_costs *costs, const char *path)
{
	FILE *in = fopen(path, "r");
	int status;

	memset(costs, 0, sizeof(*costs));
	if (!in)
		return uzs_fail("%s: %s", path, strerror(errno));
	set_name(costs, path);
	status = read_table(costs, in, path);
	fclose(in);
	return status;
}

int sim_costs_set(struct sim_costs *costs, const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	char name[32];
	int id = -1;

	if (equals && (size_t)(equals - assignment) < sizeof(name)) {
		memcpy(name, assignment, (size_t)(equals - assignment));
		name[equals - assignment] = '\0';
		id = find(name);
	}
	if (id < 0)
		return uzs_usage("simulate", "--set %s: no such cost",
				 assignment);
	if (!parse_value(id, equals + 1, &costs->value[id]))
		return uzs_usage("simulate",
				 "--set %s: not a number from %g to %g",
				 assignment, costs_known[id].least,
				 costs_known[id].most);
	snprintf(costs->origin[id], sizeof(costs->origin[id]), "assumed");
	snprintf(costs->words[id], sizeof(costs->words[id]),
		 "on the command line");
	return 0;
}
