/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzs-conformance.c - the conformance suite: tests of the public behaviour,
 * on any subject in any geometry.
 */
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "compat/os.h"
#include "subject_load.h"
#include "subject_user.h"
#include "subject_uzs.h"
#include "suite.h"
#include "tools/uzs.h"

#define MAX_SUBJECTS 64

const char *const uzs_program = "uzs-conformance";

static const char help[] =
	"usage: uzs-conformance [OPTION...]\n"
	"\n"
	"Tests what an allocator does, by its public behaviour: allocating, access,\n"
	"statistics, compaction, errors, random operations against a model, recorded\n"
	"traces, threads. Ends with 1 when a test fails.\n"
	"\n"
	"A SUBJECT is ours: " VARIANT_SCOPES_TEXT "each also with a deferral\n"
	"behind a plus sign, as held+array; user, user+array, user+percpu, user-refs,\n"
	"the user profile (64-bit only), by handles or by refs; or a shared object, as\n"
	"scripts/kernel-test builds from a kernel's mm/zsmalloc.c.\n"
	"\n"
	"  --subject SUBJECT   what is tested; may be given several times\n"
	"  --page-size N       bytes in a page\n"
	"  --chain-size N      most pages in a zspage\n"
	"                      Without both: those of a shared object, else all for\n"
	"                      which outcomes are recorded\n"
	"  --test PATTERN      only tests of that name; * stands for anything\n"
	"  --differences       print what is expected where subjects differ; whatever\n"
	"                      is skipped names a line of that table\n"
	"  --help, --version\n"
	"\n"
	"UZS_TEST_SCALE=20 makes the long tests do 20 % of their work; UZS_TEST_DATA\n"
	"is where tests/data is.\n"
	"\n"
	"Example: uzs-conformance --subject class-idx --page-size 4096\n";

enum { OPT_SUBJECT = UZS_OPT_OWN, OPT_TEST, OPT_DIFFERENCES };

static const struct suite_part *const parts[] = {
	&suite_objects, &suite_access, &suite_stats,  &suite_compact,
	&suite_memory,	&suite_random, &suite_golden, &suite_threads,
};

/* Of ours, which take any: those of tests/data. */
static const struct uzs_geometry geometries[] = {
	{ 4096, 8 }, { 4096, 4 }, { 4096, 16 }, { 16384, 8 }, { 65536, 8 },
};

static unsigned int nr_run;
static const char *pattern; /* of the tests that are wanted, or NULL */

/* tests: NULL to count only. Return: how many are wanted. */
static size_t wanted(const struct suite_part *part, struct CMUnitTest *tests)
{
	size_t nr = 0;

	for (size_t i = 0; i < part->nr; i++) {
		if (pattern && fnmatch(pattern, part->tests[i].name, 0))
			continue;
		if (tests)
			memcpy(&tests[nr], &part->tests[i], sizeof(*tests));
		nr++;
	}
	return nr;
}

static int set_pattern(const char *text)
{
	pattern = text;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (wanted(parts[i], NULL))
			return 0;
	return uzs_usage("", "--test %s: no test of that name", text);
}

/* NULL after a message in error. */
static const struct subject *find_subject(const char *name,
					  char error[SUBJECT_ERROR_BYTES])
{
	const struct subject *subject = subject_user(name);

	return subject ? subject
		       : subject_find(name, subject_uzs, SUBJECT_UZS_COUNT,
				      error);
}

/* Return: tests that failed. */
static int run_suite(const struct subject *subject,
		     const struct uzs_geometry *geometry)
{
	int failed = 0;

	suite.s = subject;
	suite.expected = expected_of(subject);
	suite.page_size = geometry->page_size;
	/* The user profile takes the OS's pages where those are larger. */
	if (subject->max_size && suite.page_size < uzs_os_page_size())
		suite.page_size = (unsigned int)uzs_os_page_size();
	suite.chain_size = geometry->chain_size;
	suite.max_size = subject_max_size(subject, suite.page_size);
	suite.span = suite.max_size < (size_t)SUITE_SPAN * suite.page_size
			     ? suite.max_size
			     : (size_t)SUITE_SPAN * suite.page_size;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct CMUnitTest *tests;
		char name[256];
		size_t nr;
		int bad;

		nr = wanted(parts[i], NULL);
		if (!nr)
			continue;
		tests = calloc(nr, sizeof(*tests));
		if (!tests)
			exit(uzs_fail("out of memory"));
		wanted(parts[i], tests);
		snprintf(name, sizeof(name),
			 "%s, page size %u, chain size %u: %s", subject->name,
			 suite.page_size, suite.chain_size, parts[i]->name);
		bad = _cmocka_run_group_tests(name, tests, nr, NULL, NULL);
		/* Negative: the group itself could not be run. */
		failed += bad < 0 ? (int)nr : bad;
		nr_run += (unsigned int)nr;
		free(tests);
	}
	return failed;
}

/* given: what was given of it; 0: nothing. Return: tests that failed, or -1
 * after a line on stderr if there is no such geometry. */
static int run_subject(const struct subject *subject,
		       const struct uzs_geometry *given)
{
	struct uzs_geometry own = {
		subject->page_size ? subject->page_size : given->page_size,
		subject->chain_size ? subject->chain_size : given->chain_size,
	};
	bool all = !given->page_size && !given->chain_size;
	int failed = 0;

	printf("%s: %s\n", subject->name, subject->description);
	print_some_differences(expected_of(subject).differences, stdout);
	fflush(stdout);
	if (all && !own.page_size && !own.chain_size) {
		for (size_t i = 0; i < ARRAY_SIZE(geometries); i++)
			failed += run_suite(subject, &geometries[i]);
		return failed;
	}
	if ((given->page_size && given->page_size != own.page_size) ||
	    (given->chain_size && given->chain_size != own.chain_size)) {
		uzs_usage("", "%s has another page size or chain size",
			  subject->name);
		return -1;
	}
	if (!own.page_size)
		own.page_size = 4096;
	if (!own.chain_size)
		own.chain_size = 8;
	return run_suite(subject, &own);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "subject", required_argument, NULL, OPT_SUBJECT },
		UZS_GEOMETRY_OPTIONS,
		{ "test", required_argument, NULL, OPT_TEST },
		{ "differences", no_argument, NULL, OPT_DIFFERENCES },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	const struct subject *subjects[MAX_SUBJECTS];
	struct uzs_geometry given = { 0, 0 };
	char error[SUBJECT_ERROR_BYTES];
	unsigned int nr = 0;
	int option, status, failed = 0, bad;

	uzs_start();
	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) !=
	       -1) {
		switch (option) {
		case OPT_SUBJECT:
			if (nr == MAX_SUBJECTS)
				return uzs_usage("", "more than %d subjects",
						 MAX_SUBJECTS);
			subjects[nr] = find_subject(optarg, error);
			if (!subjects[nr++])
				return uzs_usage("", "--subject %s", error);
			break;
		case UZS_OPT_PAGE_SIZE:
		case UZS_OPT_CHAIN_SIZE:
			status =
				uzs_geometry_option("", option, optarg, &given);
			if (status)
				return status;
			break;
		case OPT_TEST:
			status = set_pattern(optarg);
			if (status)
				return status;
			break;
		case OPT_DIFFERENCES:
			print_differences(stdout);
			return uzs_flush_output();
		case 'h':
			fputs(help, stdout);
			return uzs_flush_output();
		case 'V':
			uzs_print_version(uzs_program);
			return uzs_flush_output();
		default:
			return UZS_USAGE;
		}
	}
	if (optind < argc)
		return uzs_usage("", "unexpected argument '%s'", argv[optind]);
	if (!nr)
		return uzs_usage("", "no --subject given");
	for (unsigned int i = 0; i < nr; i++) {
		bad = run_subject(subjects[i], &given);
		if (bad < 0)
			return UZS_USAGE;
		failed += bad;
	}
	printf("%u tests, %d failed, %u skipped\n", nr_run, failed,
	       suite.skipped);
	return uzs_flush_output() || failed ? UZS_FAILED : 0;
}
