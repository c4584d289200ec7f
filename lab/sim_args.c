/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_args.c - the command line of uzs lab simulate; see sim_args.h. Owns no
 * state.
 */
#include "tools/uzs.h"

#include "sim_args.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "sim_tables.h"

static const char usage_text[] =
	"usage: uzs lab simulate [OPTION...]\n"
	"\n"
	"How long freeing, reading or replacing objects takes in each lock "
	"scope and\n"
	"in the user profile, on as many CPUs as you like: the library's code "
	"on\n"
	"virtual CPUs, in virtual time. All processes work at once, each on "
	"its own\n"
	"objects of one pool. Scaling is calls per second over those of one "
	"CPU,\n"
	"divided by the CPUs: 1 is perfect.\n"
	"\n"
	"  --cpus LIST        1 to 128; 1..64 is 1,2,4,...,64 (default: 1..16)\n"
	"  --processes LIST   1 to 128 (default: one on each CPU)\n"
	"  --scope LIST       " LAB_SCOPES_TEXT "or all (default). user:\n"
	"                     the user profile, by zs_ref\n"
	"  --defer LIST       none (default), " VARIANT_QUEUES_TEXT "or all;\n"
	"                     for replace reuse, too; user goes with none only\n"
	"  --kernel NAME=FILE a kernel's mm/zsmalloc.c, as scripts/kernel-test\n"
	"                     --simulate builds it, before the scopes; can be\n"
	"                     repeated\n"
	"  --work release     frees compressed pages (default)\n"
	"         free        frees objects of one size, each caller's in a "
	"class\n"
	"                     of its own\n"
	"         read        looks at each object in its place\n"
	"         replace     frees each object and stores one of another size\n"
	"  --shared           free: all callers' in one class; read: all read "
	"the\n"
	"                     same objects\n"
	"  --objects N        of each process (default: 4096; read, replace: "
	"256).\n"
	"                     65536 are 256 MiB of pages before compression\n"
	"  --rounds N         how often each object is read (default: 8) or "
	"replaced\n"
	"                     (default: 32)\n"
	"  --warm-up N        rounds before that, not measured (default: read 1,\n"
	"                     replace 64, in which the pool grows)\n"
	"  --sizes FILE       not of free: little-endian 16-bit numbers "
	"(default:\n"
	"                     pages of a Python process's memory, with LZ4)\n"
	"  --size N           all objects have so many bytes (default of free: "
	"1000)\n"
	"  --order fill|random   in the order of storing (default), or not\n"
	"  --fill mixed|apart objects were stored by all processes at once "
	"(default),\n"
	"                     or by one after the other\n"
	"  --workers N        release: the processes put what they free into queues\n"
	"                     without limit, and so many workers free it\n"
	"  --reserve KIB      of pages for full per-CPU buffers (default: 256)\n"
	"  --costs NAME|FILE  what things cost (default: epyc-2); list: which "
	"there are\n"
	"  --set NAME=VALUE   one cost of it replaced; can be repeated\n"
	"  --bus-slots        no CPU waits for what another one, whose clock is "
	"ahead,\n"
	"                     fetches from memory later\n"
	"  --seed N           of sizes and order (default: 1)\n"
	"  --csv, --json      instead of a table\n"
	"  --csv-file FILE    CSV beside it\n"
	"  --svg FILE         draws time, lock wait and scaling by CPUs\n"
	"  --html FILE        a report: curves, who holds which lock, bugs found\n"
	"  --breakdown        where the callers' time goes: waiting for which "
	"lock or\n"
	"                     cache line, by field and by line of the source. "
	"With it\n"
	"                     --html has the picture too\n"
	"  --breakdown-csv FILE   the same, of each cell\n"
	"  --flame FILE       the same drawn, of the cells with most CPUs\n"
	"  --seeded FILE      for the report: result of uzs lab explore --json; "
	"can be\n"
	"                     repeated\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage.\n"
	"\n"
	"Examples: uzs lab simulate --cpus 1..64 --scope all --svg out.svg\n"
	"          uzs lab simulate --work read --scope held,user --cpus "
	"1..64\n";

/* ---- the command line ----------------------------------------------------------- */

static int add(struct sim_list *list, const char *option, unsigned int value)
{
	if (list->nr == SIM_MAX_LIST)
		return uzs_usage("simulate", "%s: more than %d", option,
				 SIM_MAX_LIST);
	for (unsigned int i = 0; i < list->nr; i++)
		if (list->value[i] == value)
			return 0;
	list->value[list->nr++] = value;
	return 0;
}

/* "8", "1..64" */
static int add_numbers(struct sim_list *list, const char *option, char *item)
{
	char *dots = strstr(item, "..");
	uint64_t from, to;
	int status;

	if (dots)
		*dots = '\0';
	status = uzs_parse_number("simulate", option + 2, item, 1, SIM_MAX_CPUS,
				  &from);
	if (status || !dots)
		return status ? status : add(list, option, (unsigned int)from);
	status = uzs_parse_number("simulate", option + 2, dots + 2, from,
				  SIM_MAX_CPUS, &to);
	for (; !status && from < to; from *= 2)
		status = add(list, option, (unsigned int)from);
	return status ? status : add(list, option, (unsigned int)to);
}

/* Names that can be simulated. The last entry is NULL. */
static const char *const scope_names[] = { VARIANT_SCOPES(VARIANT_NAME) "user",
					   NULL };
static const char *const defer_names[] = { VARIANT_DEFERS(VARIANT_NAME) NULL };

static int add_name(struct sim_list *list, const char *option, char *item,
		    const char *const *names)
{
	char known[128] = "";
	bool found = false;

	for (unsigned int i = 0; names[i]; i++) {
		size_t len = strlen(known);

		snprintf(known + len, sizeof(known) - len, "%s, ", names[i]);
		if (strcmp(item, "all") && strcmp(item, names[i]))
			continue;
		found = true;
		if (add(list, option, i + 1))
			return UZS_USAGE;
	}
	return found ? 0
		     : uzs_usage("simulate", "%s: '%s' is none of %sall",
				 option, item, known);
}

/* names: NULL for a list of numbers. */
static int parse_list(struct sim_list *list, const char *option,
		      const char *text, const char *const *names)
{
	char copy[256], *item = copy, *comma;
	int status = 0;

	list->nr = 0;
	if (strlen(text) >= sizeof(copy))
		return uzs_usage("simulate", "%s: too long", option);
	strcpy(copy, text);
	while (!status && item) {
		comma = strchr(item, ',');
		if (comma)
			*comma++ = '\0';
		status = names ? add_name(list, option, item, names)
			       : add_numbers(list, option, item);
		item = comma;
	}
	return status;
}

/* Loads the table, and then applies --set, in whatever order they were
 * given. */
static int load_costs(struct sim_request *r)
{
	int status = sim_tables_load(&r->costs, r->costs_name);

	for (unsigned int i = 0; !status && i < r->nr_sets; i++)
		status = sim_costs_set(&r->costs, r->set[i]);
	return status;
}

enum {
	OPT_CPUS = UZS_OPT_OWN,
	OPT_PROCESSES,
	OPT_SCOPE,
	OPT_KERNEL,
	OPT_DEFER,
	OPT_WORK,
	OPT_SHARED,
	OPT_OBJECTS,
	OPT_ROUNDS,
	OPT_WARM_UP,
	OPT_SIZES,
	OPT_SIZE,
	OPT_ORDER,
	OPT_FILL,
	OPT_RESERVE,
	OPT_COSTS,
	OPT_SET,
	OPT_SEED,
	OPT_BUS_SLOTS,
	OPT_WORKERS,
	OPT_CSV,
	OPT_JSON,
	OPT_CSV_FILE,
	OPT_SVG,
	OPT_HTML,
	OPT_SEEDED,
	OPT_BREAKDOWN,
	OPT_BREAKDOWN_CSV,
	OPT_FLAME,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "processes", required_argument, NULL, OPT_PROCESSES },
	{ "scope", required_argument, NULL, OPT_SCOPE },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "defer", required_argument, NULL, OPT_DEFER },
	{ "work", required_argument, NULL, OPT_WORK },
	{ "shared", no_argument, NULL, OPT_SHARED },
	{ "objects", required_argument, NULL, OPT_OBJECTS },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "warm-up", required_argument, NULL, OPT_WARM_UP },
	{ "sizes", required_argument, NULL, OPT_SIZES },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "order", required_argument, NULL, OPT_ORDER },
	{ "fill", required_argument, NULL, OPT_FILL },
	{ "reserve", required_argument, NULL, OPT_RESERVE },
	{ "costs", required_argument, NULL, OPT_COSTS },
	{ "set", required_argument, NULL, OPT_SET },
	{ "workers", required_argument, NULL, OPT_WORKERS },
	{ "bus-slots", no_argument, NULL, OPT_BUS_SLOTS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "csv", no_argument, NULL, OPT_CSV },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "csv-file", required_argument, NULL, OPT_CSV_FILE },
	{ "svg", required_argument, NULL, OPT_SVG },
	{ "html", required_argument, NULL, OPT_HTML },
	{ "seeded", required_argument, NULL, OPT_SEEDED },
	{ "breakdown", no_argument, NULL, OPT_BREAKDOWN },
	{ "breakdown-csv", required_argument, NULL, OPT_BREAKDOWN_CSV },
	{ "flame", required_argument, NULL, OPT_FLAME },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 }
};

static int number(const char *name, uint64_t min, uint64_t max, uint64_t *to)
{
	return uzs_parse_number("simulate", name, optarg, min, max, to);
}

/* Parses one of two words. Return: 0 or 1, or -1 after a message. */
static int word(const char *name, const char *zero, const char *one)
{
	if (!strcmp(optarg, zero))
		return 0;
	if (!strcmp(optarg, one))
		return 1;
	uzs_usage("simulate", "%s: '%s' is neither %s nor %s", name, optarg,
		  zero, one);
	return -1;
}

/* Is it an item of the list? */
static bool has_word(const char *list, const char *item)
{
	size_t len = strlen(item);

	for (;; list++) {
		if (!strncmp(list, item, len) &&
		    (!list[len] || list[len] == ','))
			return true;
		list = strchr(list, ',');
		if (!list)
			return false;
	}
}

static int parse_work(struct sim_request *r)
{
	for (int work = SIM_RELEASE; work < SIM_HOT; work++) {
		if (strcmp(optarg, sim_work_names[work]) != 0)
			continue;
		r->cell.work = (enum sim_work)work;
		return 0;
	}
	return uzs_usage("simulate",
			 "--work: '%s' is none of release, free, read, replace",
			 optarg);
}

static int parse_option(struct sim_request *r, int option)
{
	uint64_t value = 0;
	int status = 0, which;

	switch (option) {
	case OPT_CPUS:
		return parse_list(&r->cpus, "--cpus", optarg, NULL);
	case OPT_PROCESSES:
		return parse_list(&r->processes, "--processes", optarg, NULL);
	case OPT_SCOPE:
		r->user_named = !has_word(optarg, "all");
		return parse_list(&r->scopes, "--scope", optarg, scope_names);
	case OPT_KERNEL:
		return sim_kernel_load(optarg);
	case OPT_DEFER:
		r->all_defers = has_word(optarg, "all");
		return parse_list(&r->defers, "--defer", optarg, defer_names);
	case OPT_WORK:
		return parse_work(r);
	case OPT_ROUNDS:
		status = number("rounds", 1, 10000, &value);
		r->cell.rounds = (unsigned int)value;
		return status;
	case OPT_WARM_UP:
		status = number("warm-up", 0, 10000, &value);
		r->cell.warm_up = (unsigned int)value;
		r->warm_up_given = true;
		return status;
	case OPT_SHARED:
		r->shared = true;
		return 0;
	case OPT_OBJECTS:
		status = number("objects", 100, 1u << 22, &value);
		r->cell.objects = (unsigned int)value;
		return status;
	case OPT_SIZES:
		r->sizes_path = optarg;
		return 0;
	case OPT_SIZE:
		return number("size", 1, 4096, &r->size);
	case OPT_ORDER:
		which = word("--order", "fill", "random");
		r->cell.random_order = which > 0;
		return which < 0 ? UZS_USAGE : 0;
	case OPT_FILL:
		which = word("--fill", "mixed", "apart");
		r->cell.apart = which > 0;
		return which < 0 ? UZS_USAGE : 0;
	case OPT_RESERVE:
		status = number("reserve", 4, 1u << 16, &value);
		r->cell.reserve_kib = (unsigned int)value;
		return status;
	case OPT_COSTS:
		r->costs_name = optarg;
		return 0;
	case OPT_SET:
		if (r->nr_sets == SIM_MAX_SETS)
			return uzs_usage("simulate", "--set: more than %d",
					 SIM_MAX_SETS);
		r->set[r->nr_sets++] = optarg;
		return 0;
	case OPT_SEED:
		return number("seed", 0, UINT64_MAX, &r->cell.seed);
	case OPT_CSV:
		r->csv = true;
		return 0;
	case OPT_JSON:
		r->json = true;
		return 0;
	case OPT_WORKERS:
		status = number("workers", 1, 32, &value);
		r->cell.workers = (unsigned int)value;
		return status;
	case OPT_BUS_SLOTS:
		r->cell.bus_slots = true;
		return 0;
	case OPT_CSV_FILE:
		r->file[SIM_FILE_CSV] = optarg;
		return 0;
	case OPT_SVG:
		r->file[SIM_FILE_SVG] = optarg;
		return 0;
	case OPT_HTML:
		r->file[SIM_FILE_HTML] = optarg;
		return 0;
	case OPT_BREAKDOWN:
		r->breakdown = true;
		return 0;
	case OPT_BREAKDOWN_CSV:
		r->file[SIM_FILE_BREAKDOWN] = optarg;
		r->breakdown = true;
		return 0;
	case OPT_FLAME:
		r->file[SIM_FILE_FLAME] = optarg;
		r->breakdown = true;
		return 0;
	case OPT_SEEDED:
		if (r->seeded.nr == SIM_MAX_FILES)
			return uzs_usage("simulate",
					 "--seeded: more than %u files",
					 SIM_MAX_FILES);
		r->seeded.path[r->seeded.nr++] = optarg;
		return 0;
	default:
		/* getopt has printed what is wrong */
		return UZS_USAGE;
	}
}

/* What does not go with the work; and what is not said. */
static int check_work(struct sim_request *r)
{
	enum sim_work work = r->cell.work;

	if (r->cell.workers && work != SIM_RELEASE)
		return uzs_usage("simulate", "--workers is for --work release");
	if (r->shared && work != SIM_FREE && work != SIM_READ)
		return uzs_usage("simulate",
				 "--shared is for --work free or read");
	if (r->sizes_path && work == SIM_FREE)
		return uzs_usage("simulate", "--sizes is not for --work free");
	if (r->sizes_path && r->size)
		return uzs_usage("simulate", "--size or --sizes, not both");
	if ((r->cell.rounds || r->warm_up_given) && sim_work_frees(work))
		return uzs_usage("simulate",
				 "--%s is for --work read or replace",
				 r->cell.rounds ? "rounds" : "warm-up");
	if (!r->cell.rounds)
		r->cell.rounds = sim_work_frees(work)  ? 1
				 : work == SIM_REPLACE ? 32
						       : 8;
	if (!r->warm_up_given && !sim_work_frees(work))
		r->cell.warm_up = work == SIM_REPLACE ? 64 : 1;
	if (!r->cell.objects)
		r->cell.objects = sim_work_frees(work) ? 4096 : 256;
	return 0;
}

static bool has(const struct sim_list *list, unsigned int value)
{
	for (unsigned int i = 0; i < list->nr; i++)
		if (list->value[i] == value)
			return true;
	return false;
}

/* Which deferrals go with the work and the scopes. */
static int check_defers(struct sim_request *r)
{
	struct sim_list *l = &r->defers;
	unsigned int n = 0;

	if (r->cell.work == SIM_READ && (l->nr > 1 || !has(l, ZS_DEFER_NONE)))
		return uzs_usage("simulate",
				 "--defer is for work that frees: reading "
				 "does not");
	if (r->cell.work != SIM_REPLACE && has(l, ZS_DEFER_REUSE)) {
		if (!r->all_defers)
			return uzs_usage("simulate",
					 "--defer: reuse is for --work "
					 "replace: what it keeps is for the "
					 "next allocation");
		for (unsigned int i = 0; i < l->nr; i++)
			if (l->value[i] != ZS_DEFER_REUSE)
				l->value[n++] = l->value[i];
		l->nr = n;
	}
	if (r->cell.workers && (l->nr > 1 || !has(l, ZS_DEFER_NONE)))
		return uzs_usage("simulate",
				 "--workers goes with --defer none");
	if (r->user_named && has(&r->scopes, LAB_SCOPE_USER) &&
	    !has(l, ZS_DEFER_NONE))
		return uzs_usage("simulate",
				 "--scope: user goes with --defer none only");
	return 0;
}

bool sim_args_want(const struct sim_request *r, enum zs_lock_scope scope,
		   enum zs_defer_mode defer)
{
	return has(&r->scopes, scope) && has(&r->defers, defer) &&
	       (scope < LAB_SCOPE_USER || defer == ZS_DEFER_NONE);
}

/* Puts the kernel files before the scopes: the first of all is what others are
 * compared with. */
static int add_kernels(struct sim_request *r)
{
	struct sim_list ours = r->scopes;

	r->scopes.nr = 0;
	for (unsigned int i = 0; i < sim_nr_kernels(); i++)
		r->scopes.value[r->scopes.nr++] = LAB_SCOPE_KERNEL + i;
	for (unsigned int i = 0; i < ours.nr; i++)
		if (add(&r->scopes, "--scope", ours.value[i]))
			return UZS_USAGE;
	if (sim_nr_kernels() && !has(&r->defers, ZS_DEFER_NONE))
		return uzs_usage("simulate",
				 "--kernel: goes with --defer none");
	return 0;
}

int sim_args_parse(struct sim_request *r, int argc, char **argv)
{
	int option, status;

	memset(r, 0, sizeof(*r));
	r->cell.seed = 1;
	r->costs_name = "epyc-2";
	r->cell.reserve_kib = SIM_RESERVE_KIB;
	for (unsigned int s = 0; s < LAB_NR_SCOPES; s++)
		r->scopes.value[r->scopes.nr++] = s + 1;
	r->defers = (struct sim_list){ { ZS_DEFER_NONE }, 1 };
	r->cpus = (struct sim_list){ { 1, 2, 4, 8, 16 }, 5 };
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) !=
	       -1) {
		if (option == OPT_HELP) {
			fputs(usage_text, stdout);
			exit(uzs_flush_output());
		}
		if (option == OPT_VERSION) {
			uzs_print_version("uzs lab simulate");
			exit(uzs_flush_output());
		}
		status = parse_option(r, option);
		if (status)
			return status;
	}
	if (optind < argc)
		return uzs_usage("simulate", "what is '%s'?", argv[optind]);
	if (r->csv && r->json)
		return uzs_usage("simulate", "--csv or --json, not both");
	if (r->seeded.nr && !r->file[SIM_FILE_HTML])
		return uzs_usage("simulate", "--seeded is for --html");
	status = add_kernels(r);
	if (!status)
		status = check_work(r);
	if (!status)
		status = check_defers(r);
	if (status)
		return status;
	if (!strcmp(r->costs_name, "list")) {
		status = sim_tables_list(stdout);
		exit(status ? status : uzs_flush_output());
	}
	return load_costs(r);
}
