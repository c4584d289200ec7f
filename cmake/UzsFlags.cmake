# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later

option(UZS_WERROR "Treat warnings as errors (for CI)" OFF)
option(UZS_CHECKED "compat's checked body: lock order, owners, statistics" OFF)
option(UZS_FUZZ "Build tests/fuzz as fuzzers (clang or afl-clang-fast)" OFF)
option(UZS_COVERAGE "Count executed lines (gcov)" OFF)
set(UZS_SANITIZE "" CACHE STRING
	"Sanitizers for everything built here, with commas")
set_property(CACHE UZS_SANITIZE PROPERTY STRINGS
	"" address undefined address,undefined thread)

# The whole build is instrumented or none of it: mixed builds hide errors.
if(UZS_SANITIZE MATCHES "^(address|undefined|address,undefined|thread)$")
	add_compile_options(-fsanitize=${UZS_SANITIZE}
		-fno-sanitize-recover=all -fno-omit-frame-pointer -g)
	add_link_options(-fsanitize=${UZS_SANITIZE})
elseif(UZS_SANITIZE)
	message(FATAL_ERROR "UZS_SANITIZE is \"${UZS_SANITIZE}\", but can be "
		"address, undefined, \"address,undefined\", thread or empty")
endif()
# The coverage that a fuzzer goes by. afl-clang-fast does so by itself.
if(UZS_FUZZ AND NOT CMAKE_C_COMPILER MATCHES "afl-")
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(UZS_CHECKED)
	add_compile_definitions(UZS_CHECKED=1)
	# Reports name places as the reader knows them: src/kernel/scope.c:70.
	add_compile_options("-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
endif()
if(UZS_COVERAGE)
	# Counters without atomics: threads that count the same line at once may
	# lose some of its counts, but never all (gcovr may warn of a branch that
	# was taken -1 times). -O1: the tests take a third of the time.
	add_compile_options(--coverage -fprofile-update=single -O1)
	add_link_options(--coverage)
endif()

# What every target of the project is compiled with; nothing of it reaches a
# program that links the library.
add_library(uzs_flags INTERFACE)
target_compile_features(uzs_flags INTERFACE c_std_11)
target_compile_options(uzs_flags INTERFACE
	-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wvla
	$<$<BOOL:${UZS_WERROR}>:-Werror>)
