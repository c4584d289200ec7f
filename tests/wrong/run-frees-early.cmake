# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# A run frees the pages of a zspage as soon as it is empty.
set(file scope.c)
set(from [==[
			list_add(&zspages[i]->list, &empty);
]==])
set(to [==[
			uzs_release_zspage(pool, class, zspages[i]);
]==])
set(proof proof_pages_freed)
set(says "pages freed under a lock under which that was ruled out")
