# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later

# The headers of liburcu (lists), without its libraries: only inline functions
# of urcu/list.h are used, so that nothing needs liburcu at run time.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_path(UZS_URCU_INCLUDE_DIR urcu/list.h)
mark_as_advanced(UZS_URCU_INCLUDE_DIR)
if(NOT UZS_URCU_INCLUDE_DIR)
	message(FATAL_ERROR "uzsmalloc: urcu/list.h not found: install liburcu "
		"with its headers (Debian, Ubuntu: liburcu-dev), or set "
		"UZS_URCU_INCLUDE_DIR")
endif()

# Makes the imported target uzs_dep::NAME for a C library that is found by a
# header and a library file, or stops with the name of the package to install.
function(uzs_find_library name header library debian_package)
	if(TARGET uzs_dep::${name})
		return()
	endif()
	string(TOUPPER "UZS_${name}" var)
	find_path(${var}_INCLUDE_DIR "${header}")
	find_library(${var}_LIBRARY "${library}")
	mark_as_advanced(${var}_INCLUDE_DIR ${var}_LIBRARY)
	if(NOT ${var}_INCLUDE_DIR OR NOT ${var}_LIBRARY)
		message(FATAL_ERROR "uzsmalloc: ${name} (${header}, "
			"lib${library}) not found: install it (Debian, "
			"Ubuntu: ${debian_package}) or turn off what needs "
			"it: UZS_BUILD_TOOLS, UZS_BUILD_BENCH, "
			"UZS_BUILD_TESTS")
	endif()
	add_library(uzs_dep::${name} INTERFACE IMPORTED GLOBAL)
	target_include_directories(uzs_dep::${name}
		INTERFACE "${${var}_INCLUDE_DIR}")
	target_link_libraries(uzs_dep::${name} INTERFACE "${${var}_LIBRARY}")
endfunction()
