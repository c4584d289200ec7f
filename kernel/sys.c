/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sys.c - owns the machine that a kernel file believes to run on: its module,
 * copies of per-CPU variables, shrinkers, messages.
 *
 * Kernel origin: kernel/module, mm/percpu.c, kernel/cpu.c, mm/shrinker.c,
 * kernel/printk; differs: see the table in README.md.
 * Locks: life_lock, taken when a pool is made or destroyed, before all others.
 */
#include "kernel.h"

#include <pthread.h>
#include <unistd.h>

#include <linux/cpu.h>
#include <linux/module.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

static pthread_mutex_t life_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long pools; /* guard: life_lock */
static unsigned long last_id; /* of a pool; guard: life_lock */

/* The environment for which this thread makes a pool. */
static __thread struct uzs_k_env *entering;
/* The machine runs, and this thread makes a pool in it, not the module. */
static __thread bool entering_pool;

struct uzs_k_env *uzs_k_entering(void)
{
	return entering;
}

unsigned long uzs_k_entering_id(void)
{
	return entering_pool ? entering->id : 0;
}

/* ---- messages ------------------------------------------------------------ */

#if !UZS_LAB /* in the lab an error is a finding: lab_memory.c */
void uzs_k_printk(int level, const char *fmt, ...)
{
	va_list ap;

	if (level > 4)
		return;
	fputs("kernel: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}
#endif

void uzs_k_warn(const char *file, int line, const char *what)
{
	/* As with panic_on_warn: a warning that stops no test is overlooked. */
	if (UZS_DEBUG)
		uzs_bug(file, line, what);
	fprintf(stderr, "kernel: WARNING: %s:%d: %s\n", file, line, what);
}

/* ---- per-CPU variables --------------------------------------------------- */

#if !UZS_LAB
__thread struct uzs_k_slot_pin uzs_k_pin;
#endif
unsigned int uzs_k_slots;
spinlock_t uzs_k_cpu_var_lock[UZS_MAX_CPU_SLOTS];
char *uzs_k_percpu[UZS_MAX_CPU_SLOTS];
char uzs_k_zones[UZS_K_ZONES];
atomic_long_t uzs_k_zone_stat[UZS_NR_ZONE_STATS][UZS_K_ZONES];

static size_t percpu_bytes(void)
{
	return (size_t)(__stop_uzs_percpu - __start_uzs_percpu);
}

static void percpu_exit(void)
{
	for (unsigned int i = 0; i < uzs_k_slots; i++) {
		uzs_k_free(uzs_k_percpu[i]);
		uzs_k_percpu[i] = NULL;
	}
}

static bool percpu_init(void)
{
	uzs_k_slots = uzs_nr_cpu_slots();
	for (unsigned int i = 0; i < uzs_k_slots; i++) {
		/* Slots do not share cache lines. */
		uzs_k_percpu[i] =
			uzs_k_malloc(percpu_bytes() + UZS_PERCPU_ALIGN);
		if (!uzs_k_percpu[i]) {
			percpu_exit();
			return false;
		}
		if (percpu_bytes())
			memcpy(uzs_k_percpu[i], __start_uzs_percpu,
			       percpu_bytes());
	}
	return true;
}

/* The hotplug states that are set up; a file has only a few. */
static struct cpuhp {
	bool used;
	int (*teardown)(unsigned int cpu);
} states[CPUHP_UZS]; /* guard: life_lock */

static void tear_down(struct cpuhp *s, unsigned int cpus)
{
	while (cpus-- > 0 && s->teardown)
		s->teardown(cpus);
}

int uzs_k_cpuhp_setup(enum cpuhp_state state, int (*startup)(unsigned int),
		      int (*teardown)(unsigned int))
{
	struct cpuhp *s = &states[state];
	int rc;

	s->teardown = teardown;
	for (unsigned int cpu = 0; startup && cpu < uzs_k_slots; cpu++) {
		rc = startup(cpu);
		if (rc) {
			tear_down(s, cpu);
			return rc;
		}
	}
	s->used = true;
	return 0;
}

void uzs_k_cpuhp_remove(enum cpuhp_state state)
{
	struct cpuhp *s = &states[state];

	if (s->used)
		tear_down(s, uzs_k_slots);
	s->used = false;
}

/* ---- shrinkers ----------------------------------------------------------- */

_Thread_local bool uzs_k_kswapd;

static unsigned long shrink_count(struct shrinker *shrinker)
{
	struct shrink_control how = { .gfp_mask = GFP_KERNEL };

	return shrinker->count_objects(shrinker, &how);
}

static unsigned long shrink_scan(struct shrinker *shrinker, unsigned long nr)
{
	struct shrink_control how = {
		.gfp_mask = GFP_KERNEL,
		.nr_to_scan = nr,
	};

	return shrinker->scan_objects(shrinker, &how);
}

static void as_kswapd(bool is)
{
#if UZS_LAB /* a fiber is no thread, and keeps no such thing */
	(void)is;
#else
	uzs_k_kswapd = is;
#endif
}

unsigned long uzs_k_shrink_count(struct shrinker *shrinker)
{
	unsigned long pages;

	as_kswapd(true);
	pages = shrink_count(shrinker);
	as_kswapd(false);
	return pages;
}

unsigned long uzs_k_shrink_scan(struct shrinker *shrinker, unsigned long nr)
{
	unsigned long freed;

	as_kswapd(true);
	freed = shrink_scan(shrinker, nr);
	as_kswapd(false);
	return freed;
}

static unsigned long count(struct uzs_shrinker *uzs)
{
	return shrink_count(container_of(uzs, struct shrinker, uzs));
}

static unsigned long scan(struct uzs_shrinker *uzs, unsigned long nr)
{
	return shrink_scan(container_of(uzs, struct shrinker, uzs), nr);
}

struct shrinker *uzs_k_shrinker_alloc(unsigned int flags)
{
	struct shrinker *shrinker = uzs_k_zalloc(sizeof(*shrinker));

	if (shrinker)
		shrinker->flags = flags;
	return shrinker;
}

static atomic_long_t shrinkers; /* registered */

static void count_shrinker(struct uzs_k_env *env, long n)
{
	atomic_long_add(n, &shrinkers);
	if (env)
		env->shrinkers += (unsigned long)n;
}

void uzs_k_shrinker_register(struct shrinker *shrinker)
{
	shrinker->uzs.count_objects = count;
	shrinker->uzs.scan_objects = scan;
	uzs_shrinker_register(&uzs_k_zone()->shrinkers, &shrinker->uzs);
	shrinker->registered = true;
	shrinker->env = entering_pool ? entering : NULL;
	count_shrinker(shrinker->env, 1);
}

void uzs_k_shrinker_unregister(struct shrinker *shrinker)
{
	if (!shrinker->registered)
		return;
	uzs_shrinker_unregister(&uzs_k_zone()->shrinkers, &shrinker->uzs);
	shrinker->registered = false;
	count_shrinker(shrinker->env, -1);
}

void uzs_k_shrinker_free(struct shrinker *shrinker)
{
	if (!shrinker)
		return;
	uzs_k_shrinker_unregister(shrinker);
	uzs_k_free(shrinker);
}

/* ---- lock statistics ------------------------------------------------------ */

#if UZS_CHECKED && !UZS_LAB
static atomic_long_t pages_freed;
static atomic_long_t pages_freed_under_class_lock;

static void count_freed(void *arg, struct zone *zone, struct uzs_page *page)
{
	(void)arg;
	(void)page;
	if (zone != uzs_k_zone())
		return;
	atomic_long_inc(&pages_freed);
	if (uzs_count_held("class->lock"))
		atomic_long_inc(&pages_freed_under_class_lock);
}

static void lockstat_start(void)
{
	static const struct uzs_hooks hooks = { .page_freed = count_freed };

	if (getenv("UZS_KERNEL_LOCKSTAT"))
		uzs_set_hooks(&hooks);
}

static void lockstat_write(void)
{
	const char *path = getenv("UZS_KERNEL_LOCKSTAT");
	FILE *out;

	if (!path)
		return;
	uzs_set_hooks(NULL);
	out = fopen(path, "w");
	if (!out) {
		uzs_k_printk(3, "%s: %s\n", path, strerror(errno));
		return;
	}
	fprintf(out, "pages freed: %ld, with a class->lock held: %ld\n",
		atomic_long_read(&pages_freed),
		atomic_long_read(&pages_freed_under_class_lock));
	uzs_lockstat_print(out);
	fclose(out);
}
#else
static void lockstat_start(void)
{
}

static void lockstat_write(void)
{
}
#endif

/* ---- life ---------------------------------------------------------------- */

static bool machine_up(void)
{
	if (!percpu_init())
		return false;
	if (!uzs_k_zone_init()) {
		percpu_exit();
		return false;
	}
	if (uzs_k_module_init()) {
		uzs_k_zone_destroy();
		percpu_exit();
		return false;
	}
	lockstat_start();
	return true;
}

/* Prints what is left of a kind. Return: n. */
static unsigned long left_behind(unsigned long n, const char *what)
{
	if (n)
		uzs_k_printk(3, "left behind: %lu %s\n", n, what);
	return n;
}

static unsigned long states_left(void)
{
	unsigned long left = 0;

	for (int i = 0; i < CPUHP_UZS; i++) {
		left += states[i].used;
		states[i].used = false;
	}
	return left;
}

static unsigned long counters_left(void)
{
	unsigned long left = 0;

	for (int i = 0; i < UZS_NR_ZONE_STATS; i++)
		for (int z = 0; z < UZS_K_ZONES; z++)
			left += atomic_long_xchg(&uzs_k_zone_stat[i][z], 0) !=
				0;
	return left;
}

/* Return: how much is left behind. */
static unsigned long machine_down(void)
{
	unsigned long left, counters;

	lockstat_write();
	uzs_k_module_exit();
	left = left_behind((unsigned long)atomic_long_xchg(&shrinkers, 0),
			   "shrinkers");
	left += left_behind(uzs_k_debugfs_left(0), "entries in debugfs");
	left += left_behind(uzs_k_zpool_drivers_left(), "zpool drivers");
	left += left_behind(uzs_k_fs_left(), "mounts and inodes");
	left += left_behind(states_left(), "states of CPU hotplug");
	left += left_behind(uzs_k_zone_destroy(), "pages");
	percpu_exit();
	counters = counters_left();
	/* Pages that are left are counted, too. */
	return left ? left
		    : left_behind(counters,
				  "zones with a counter that is not 0");
}

bool uzs_k_enter(struct uzs_k_env *env, bool worker)
{
	bool up;

	pthread_mutex_lock(&life_lock);
	uzs_workqueue_init(&env->queue, worker, "kernel");
	entering = env;
	env->id = ++last_id;
	env->shrinkers = 0;
	up = pools || machine_up();
	entering_pool = up;
	if (up)
		pools++;
	else
		entering = NULL;
	pthread_mutex_unlock(&life_lock);
	return up;
}

void uzs_k_entered(void)
{
	entering = NULL;
	entering_pool = false;
}

unsigned long uzs_k_leave(struct uzs_k_env *env)
{
	unsigned long left;

	uzs_workqueue_destroy(&env->queue);
	pthread_mutex_lock(&life_lock);
	left = uzs_k_lost_slabs();
	left += left_behind(env->shrinkers, "shrinkers of a pool");
	left += left_behind(uzs_k_debugfs_left(env->id),
			    "entries in debugfs of a pool");
	if (--pools == 0)
		left += machine_down();
	left += uzs_k_lost_slabs();
	pthread_mutex_unlock(&life_lock);
	return left;
}
