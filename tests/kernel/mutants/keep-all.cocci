// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// A pool leaves its files in debugfs and its shrinker behind, and the module
// its zpool driver and its state of CPU hotplug.

@@
expression p;
@@
-zs_pool_stat_destroy(p);

@@
expression p;
@@
-zs_unregister_shrinker(p);

@@
@@
-zpool_unregister_driver(...);

@@
@@
-cpuhp_remove_state(...);
