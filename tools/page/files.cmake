# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The parts of the pages that uzs writes.
set(uzs_page_files page.css page.js view.html view.css unpack.js state.js draw.js
	map.js charts.js pool.js follow.js moves.js view.js)
list(TRANSFORM uzs_page_files PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
