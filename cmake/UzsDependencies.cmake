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
# Where they lie among the headers of a C library that is not this compiler's,
# they are taken from a copy without those.
if(NOT UZS_URCU_INCLUDE_DIR IN_LIST CMAKE_C_IMPLICIT_INCLUDE_DIRECTORIES
   AND EXISTS "${UZS_URCU_INCLUDE_DIR}/bits")
	file(COPY "${UZS_URCU_INCLUDE_DIR}/urcu"
		DESTINATION "${PROJECT_BINARY_DIR}/urcu-headers")
	set(UZS_URCU_INCLUDE_DIR "${PROJECT_BINARY_DIR}/urcu-headers")
endif()

# C libraries, each found by a header and a library file:
# NAME HEADER LIBRARY DEBIAN-PACKAGE.
set(uzs_libraries_of_tools
	"lz4 lz4.h lz4 liblz4-dev"
	"zstd zstd.h zstd libzstd-dev"
	"zlib zlib.h z zlib1g-dev")
set(uzs_libraries_of_tests
	"cmocka cmocka.h cmocka libcmocka-dev"
	"urcu_bp urcu-bp.h urcu-bp liburcu-dev"
	"zlib zlib.h z zlib1g-dev")

# Looks for one. Sets uzs_header, uzs_library, and uzs_missing to the package
# to install, or to nothing.
macro(uzs_look_for library)
	string(REPLACE " " ";" uzs_words "${library}")
	list(GET uzs_words 0 uzs_name)
	list(GET uzs_words 1 uzs_header)
	list(GET uzs_words 2 uzs_library)
	list(GET uzs_words 3 uzs_missing)
	string(TOUPPER "UZS_${uzs_name}" uzs_var)
	find_path(${uzs_var}_INCLUDE_DIR "${uzs_header}")
	find_library(${uzs_var}_LIBRARY "${uzs_library}")
	mark_as_advanced(${uzs_var}_INCLUDE_DIR ${uzs_var}_LIBRARY)
	if(${uzs_var}_INCLUDE_DIR AND ${uzs_var}_LIBRARY)
		set(uzs_missing "")
	endif()
endmacro()

# uzs_say_missing(WHAT PACKAGE...): one line for what is left out.
function(uzs_say_missing what)
	list(REMOVE_DUPLICATES ARGN)
	list(JOIN ARGN " " packages)
	message(STATUS "uzsmalloc: no ${what}: missing (Debian's names): "
		"${packages}")
endfunction()

# uzs_part_option(OPTION DOC WHAT LIBRARY...): an option for what needs these
# libraries. Who did not ask for it goes without it where one is missing; asked
# for is what is in the cache. `CXX` in the place of a library is a compiler.
include(CheckLanguage)
macro(uzs_part_option option doc what)
	if(NOT DEFINED ${option} AND PROJECT_IS_TOP_LEVEL)
		set(uzs_all_missing "")
		foreach(library IN ITEMS ${ARGN})
			if(library STREQUAL "CXX")
				uzs_look_for_cxx()
				if(NOT UZS_HAVE_CXX)
					list(APPEND uzs_all_missing g++)
				endif()
				continue()
			endif()
			uzs_look_for("${library}")
			list(APPEND uzs_all_missing ${uzs_missing})
		endforeach()
		if(uzs_all_missing)
			uzs_say_missing("${what}" ${uzs_all_missing})
			# Not in the cache: next time it is looked for again.
			set(${option} OFF)
			set(${option}_LEFT_OUT ON)
		endif()
	endif()
	option(${option} "${doc}" ${PROJECT_IS_TOP_LEVEL})
endmacro()

# Is there a C++ compiler for this C library? Sets UZS_HAVE_CXX. (UZS_NO_CXX: the
# toolchain has none, though there is one for the machine's own.)
macro(uzs_look_for_cxx)
	set(UZS_HAVE_CXX OFF)
	if(NOT UZS_NO_CXX)
		check_language(CXX)
		if(CMAKE_CXX_COMPILER)
			set(UZS_HAVE_CXX ON)
		else()
			unset(CMAKE_CXX_COMPILER CACHE)
		endif()
	endif()
endmacro()

# Makes the imported targets uzs_dep::NAME, or stops with the name of the
# package to install.
function(uzs_find_libraries)
	foreach(library IN LISTS ARGN)
		uzs_find_library("${library}")
	endforeach()
endfunction()

function(uzs_find_library library)
	uzs_look_for("${library}")
	if(TARGET uzs_dep::${uzs_name})
		return()
	endif()
	if(uzs_missing)
		message(FATAL_ERROR "uzsmalloc: ${uzs_name} (${uzs_header}, "
			"lib${uzs_library}) not found: install it (Debian, "
			"Ubuntu: ${uzs_missing}) or turn off what needs it: "
			"UZS_BUILD_TOOLS, UZS_BUILD_TESTS")
	endif()
	set(name ${uzs_name})
	set(var ${uzs_var})
	add_library(uzs_dep::${name} INTERFACE IMPORTED GLOBAL)
	target_include_directories(uzs_dep::${name}
		INTERFACE "${${var}_INCLUDE_DIR}")
	target_link_libraries(uzs_dep::${name} INTERFACE "${${var}_LIBRARY}")
endfunction()
