// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
// Bug: a module that fails to start unregisters what it has not registered
// Fix: "zsmalloc: fix zs_init cpu notifier error handling", 2014
// Had it: 3.17 to 3.18
// Tree: 5.10
// Found by: suite no_memory_for_a_pool: bug: rc
//
// When the buffers of the CPUs could not be had, zs_init() called zs_exit(),
// which unregisters the zpool driver. The same today would be this.

@driver@
identifier d;
@@
 zpool_register_driver(&d);

@@
identifier driver.d;
@@
 zs_init(...)
 {
 <...
+zpool_unregister_driver(&d);
 zsmalloc_unmount();
 ...>
 }
