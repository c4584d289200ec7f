/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-compare.c - the differential: random traces, or one from a file, for
 * two subjects at a time; compares them after every operation. Here: what is
 * asked for, and the table of what was done.
 */
#include "uzs-compare.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "subject_load.h"
#include "subject_uzs.h"
#include "tools/uzs.h"

#define DATA_EVERY 16
#define MAX_DIGITS 12 /* before K or M */
#define DEFAULT_OPS 1000000
#define DEFAULT_SHRINK_SECONDS 60

const char *const uzs_program = "uzs-compare";

static const char help[] =
	"usage: uzs-compare [OPTION...]\n"
	"\n"
	"Gives the same operations to two allocators and compares them after each\n"
	"one: pages, every class's statistics by fullness group, freeable pages, the\n"
	"pages that a compaction freed, data; now and then the place of every object.\n"
	"On a mismatch prints the operation and both states, writes the trace up to\n"
	"there and a shrunk one, and ends with 1. So when one of them crashes: a trace\n"
	"runs in a process of its own.\n"
	"\n"
	"A SUBJECT is ours: " VARIANT_SCOPES_TEXT "each also with a deferral\n"
	"behind a plus sign, as held+array; or a shared object, as scripts/kernel-test\n"
	"builds from a kernel's mm/zsmalloc.c.\n"
	"\n"
	"  --subject SUBJECT     what is tested; may be given several times\n"
	"  --against SUBJECT     what each is compared with (default held)\n"
	"  --page-size LIST      bytes in a page: 4096 (default), 8K ... 64K\n"
	"  --chain-size LIST     most pages in a zspage: 4 to 16 (default 8)\n"
	"                        A shared object has one geometry, its own.\n"
	"  --ops N               operations in all, K and M for thousands and\n"
	"                        millions (default 1M)\n"
	"  --seconds N           so long instead, but each pair and geometry once\n"
	"  --seed N              of the random traces (default 1)\n"
	"  --trace FILE          this trace instead; '-' is stdin\n"
	"  --every N             look at all classes after every Nth operation\n"
	"                        (default 1), otherwise at the operation's own\n"
	"  --move-pages N        migrate some pages after every Nth operation\n"
	"                        (default 0: never)\n"
	"  --jobs N              processes at a time (default 1)\n"
	"  --output DIR          where traces of mismatches go (default .)\n"
	"  --shrink-seconds N    time for shrinking one (default 60; 0: do not)\n"
	"  --in-process          with --trace: in this process, for a debugger\n"
	"  --csv                 the result as CSV\n"
	"  --help, --version\n"
	"\n"
	"Example: uzs-compare --subject class-idx --against held --ops 100K\n";

enum {
	OPT_SUBJECT = UZS_OPT_OWN,
	OPT_AGAINST,
	OPT_OPS,
	OPT_SECONDS,
	OPT_SEED,
	OPT_TRACE,
	OPT_EVERY,
	OPT_MOVE_PAGES,
	OPT_JOBS,
	OPT_OUTPUT,
	OPT_SHRINK_SECONDS,
	OPT_IN_PROCESS,
	OPT_CSV
};

static void print_cell(const struct cell *cell, bool csv)
{
	const struct compare_counts *c = &cell->counts;
	const char *format = csv ? "%s,%s,%u,%u,%" PRIu64 ",%" PRIu64
				   ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
				   ",%" PRIu64 ",%" PRIu64 "\n"
				 : "%-24s %-16s %6u %6u %11" PRIu64
				   " %12" PRIu64 " %12" PRIu64 " %12" PRIu64
				   " %8" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n";

	printf(format, cell->opt.subject[0]->name, cell->opt.subject[1]->name,
	       cell->opt.page_size, cell->opt.chain_size, c->ops,
	       c->compactions, c->pages_compacted, c->states, c->layouts,
	       c->pages_moved[0], c->pages_moved[1]);
}

static void print_result(const struct shared *shared, bool csv, uint64_t ns,
			 bool good)
{
	if (csv)
		puts("subject,against,page_size,chain_size,ops,compactions,pages_compacted,states_compared,layouts_compared,pages_moved,pages_moved_against");
	else
		printf("%-24s %-16s %6s %6s %11s %12s %12s %12s %8s %9s %9s\n",
		       "subject", "against", "page", "chain", "operations",
		       "compactions", "pages freed", "states", "layouts",
		       "moved", "moved");
	for (unsigned int i = 0; i < shared->nr; i++)
		print_cell(&shared->cells[i], csv);
	if (!csv)
		printf("%" PRIu64 " operations in %.1f s: %s\n", shared->ops,
		       (double)ns / 1e9, good ? "no mismatch" : "FAILED");
}

/* ---- command line -------------------------------------------------------- */

/* A number with K or M for thousands and millions. */
static int parse_count(const char *name, const char *text, uint64_t *value)
{
	size_t len = strlen(text);
	uint64_t unit = 1;

	if (len && strchr("KM", text[len - 1])) {
		unit = text[len - 1] == 'K' ? 1000 : 1000000;
		len--;
	}
	if (len && len <= MAX_DIGITS && strspn(text, "0123456789") >= len)
		*value = strtoull(text, NULL, 10) * unit;
	else
		*value = 0;
	if (*value)
		return 0;
	return uzs_usage(
		"",
		"--%s takes a number of at most %d digits from 1 on, with K or M for thousands or millions, not '%s'",
		name, MAX_DIGITS, text);
}

/* A list with commas of page or chain sizes. */
static int parse_list(int option, const char *text, unsigned int *list,
		      unsigned int *nr)
{
	struct uzs_geometry geometry = UZS_GEOMETRY_INIT;
	char part[32];
	int status;

	*nr = 0;
	for (;; text++) {
		size_t len = strcspn(text, ",");

		if (*nr == MAX_LIST)
			return uzs_usage("", "a list of more than %d sizes",
					 MAX_LIST);
		snprintf(part, sizeof(part), "%.*s",
			 len < sizeof(part) ? (int)len : (int)sizeof(part) - 1,
			 text);
		status = uzs_geometry_option("", option, part, &geometry);
		if (status)
			return status;
		list[(*nr)++] = option == UZS_OPT_PAGE_SIZE
					? geometry.page_size
					: geometry.chain_size;
		text += len;
		if (!*text)
			return 0;
	}
}

static int parse_option(struct options *o, int option, const char *arg)
{
	switch (option) {
	case OPT_SUBJECT:
		if (o->nr_subjects == MAX_SUBJECTS)
			return uzs_usage("", "more than %d subjects",
					 MAX_SUBJECTS);
		o->subjects[o->nr_subjects++] = arg;
		return 0;
	case OPT_AGAINST:
		o->against = arg;
		return 0;
	case UZS_OPT_PAGE_SIZE:
		return parse_list(option, arg, o->page_sizes,
				  &o->nr_page_sizes);
	case UZS_OPT_CHAIN_SIZE:
		return parse_list(option, arg, o->chain_sizes,
				  &o->nr_chain_sizes);
	case OPT_OPS:
		o->random_only = "--ops";
		return parse_count("ops", arg, &o->ops);
	case OPT_SECONDS:
		o->random_only = "--seconds";
		return uzs_parse_number("", "seconds", arg, 1, 1000000,
					&o->seconds);
	case OPT_SEED:
		o->random_only = "--seed";
		return uzs_parse_number("", "seed", arg, 0, UINT32_MAX,
					&o->seed);
	case OPT_TRACE:
		o->trace = arg;
		return 0;
	case OPT_EVERY:
		return uzs_parse_number("", "every", arg, 1, 1000000,
					&o->every);
	case OPT_MOVE_PAGES:
		return uzs_parse_number("", "move-pages", arg, 0, 1000000,
					&o->move_every);
	case OPT_JOBS:
		o->random_only = "--jobs";
		return uzs_parse_number("", "jobs", arg, 1, MAX_JOBS, &o->jobs);
	case OPT_OUTPUT:
		o->output = arg;
		return 0;
	case OPT_SHRINK_SECONDS:
		return uzs_parse_number("", "shrink-seconds", arg, 0, 100000,
					&o->shrink_seconds);
	case OPT_IN_PROCESS:
		o->in_process = true;
		return 0;
	case OPT_CSV:
		o->csv = true;
		return 0;
	default:
		return UZS_USAGE; /* getopt has said what is wrong */
	}
}

static int add_cell(const struct options *o, struct shared *shared,
		    const char *name, const struct subject *subject,
		    const struct subject *against, unsigned int page_size,
		    unsigned int chain_size)
{
	struct cell *cell;

	if (!subject_takes(subject, page_size, chain_size) ||
	    !subject_takes(against, page_size, chain_size))
		return 0;
	if (shared->nr == MAX_CELLS)
		return uzs_usage("", "more than %d combinations", MAX_CELLS);
	cell = &shared->cells[shared->nr++];
	cell->given[0] = name;
	cell->given[1] = o->against;
	cell->opt = (struct compare_options){
		.subject = { subject, against },
		.page_size = page_size,
		.chain_size = chain_size,
		.every = (unsigned int)o->every,
		.move_every = (unsigned int)o->move_every,
		/* What a mismatch wrote must show it again. */
		.data_every = o->trace ? 1 : DATA_EVERY,
		.layout_from = SIZE_MAX,
	};
	return 0;
}

/* The sizes that were given; without any, those of the shared objects. */
static unsigned int geometry(const unsigned int *list, unsigned int nr,
			     unsigned int fixed, unsigned int standard,
			     unsigned int *sizes)
{
	if (nr) {
		memcpy(sizes, list, nr * sizeof(*sizes));
		return nr;
	}
	sizes[0] = fixed ? fixed : standard;
	return 1;
}

static int add_subject(const struct options *o, struct shared *shared,
		       const char *name, const struct subject *against)
{
	unsigned int pages[MAX_LIST], chains[MAX_LIST], nr_pages, nr_chains;
	unsigned int before = shared->nr;
	char error[SUBJECT_ERROR_BYTES];
	const struct subject *subject;
	const char *why;
	int status = 0;

	subject = subject_find(name, subject_uzs, SUBJECT_UZS_COUNT, error);
	if (!subject)
		return uzs_usage("", "--subject %s", error);
	why = compare_refuses(subject, against);
	if (why)
		return uzs_usage("", "%s and %s cannot be compared: %s",
				 subject->name, against->name, why);
	nr_pages = geometry(o->page_sizes, o->nr_page_sizes,
			    subject->page_size ? subject->page_size
					       : against->page_size,
			    4096, pages);
	nr_chains = geometry(o->chain_sizes, o->nr_chain_sizes,
			     subject->chain_size ? subject->chain_size
						 : against->chain_size,
			     8, chains);
	for (unsigned int p = 0; p < nr_pages; p++)
		for (unsigned int c = 0; c < nr_chains && !status; c++)
			status = add_cell(o, shared, name, subject, against,
					  pages[p], chains[c]);
	if (!status && shared->nr == before)
		return uzs_usage("", "%s has another page size or chain size",
				 name);
	return status;
}

static int set_up(struct options *o, struct shared *shared)
{
	char error[SUBJECT_ERROR_BYTES];
	const struct subject *against;
	int status = 0;

	if (!o->nr_subjects)
		return uzs_usage("", "no --subject given");
	if (o->trace && o->random_only)
		return uzs_usage("",
				 "%s is for random traces, not with --trace",
				 o->random_only);
	if (o->in_process && !o->trace)
		return uzs_usage("", "--in-process is for --trace");
	against =
		subject_find(o->against, subject_uzs, SUBJECT_UZS_COUNT, error);
	if (!against)
		return uzs_usage("", "--against %s", error);
	for (unsigned int i = 0; i < o->nr_subjects && !status; i++)
		status = add_subject(o, shared, o->subjects[i], against);
	if (!status && o->trace && !strcmp(o->trace, "-") && shared->nr > 1)
		return uzs_usage("",
				 "stdin is for one subject in one geometry");
	if (!status && access(o->output, W_OK))
		return uzs_usage("", "--output %s: %s", o->output,
				 strerror(errno));
	return status;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "subject", required_argument, NULL, OPT_SUBJECT },
		{ "against", required_argument, NULL, OPT_AGAINST },
		UZS_GEOMETRY_OPTIONS,
		{ "ops", required_argument, NULL, OPT_OPS },
		{ "seconds", required_argument, NULL, OPT_SECONDS },
		{ "seed", required_argument, NULL, OPT_SEED },
		{ "trace", required_argument, NULL, OPT_TRACE },
		{ "every", required_argument, NULL, OPT_EVERY },
		{ "move-pages", required_argument, NULL, OPT_MOVE_PAGES },
		{ "jobs", required_argument, NULL, OPT_JOBS },
		{ "output", required_argument, NULL, OPT_OUTPUT },
		{ "shrink-seconds", required_argument, NULL,
		  OPT_SHRINK_SECONDS },
		{ "in-process", no_argument, NULL, OPT_IN_PROCESS },
		{ "csv", no_argument, NULL, OPT_CSV },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = {
		.program = argv[0],
		.against = "held",
		.ops = DEFAULT_OPS,
		.seed = 1,
		.every = 1,
		.jobs = 1,
		.output = ".",
		.shrink_seconds = DEFAULT_SHRINK_SECONDS,
	};
	uint64_t start_ns = uzs_now_ns();
	struct shared *shared;
	int option, status;

	uzs_start();
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) !=
	       -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return uzs_flush_output();
		}
		if (option == 'V') {
			uzs_print_version(uzs_program);
			return uzs_flush_output();
		}
		status = parse_option(&o, option, optarg);
		if (status)
			return status;
	}
	if (optind < argc)
		return uzs_usage("", "unexpected argument '%s'", argv[optind]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return uzs_fail("out of memory");
	status = set_up(&o, shared);
	if (status)
		return status;
	if (o.trace)
		status = run_file(&o, shared);
	else
		status = run_jobs(&o, shared, start_ns);
	print_result(shared, o.csv, uzs_now_ns() - start_ns, !status);
	return uzs_flush_output() ? UZS_FAILED : status;
}
