# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# musl on a glibc machine, with Debian's musl-gcc (musl-tools) alone. It has no
# C++, and finds no headers and libraries but musl's own: those of the machine
# are for its C library.
set(CMAKE_C_COMPILER musl-gcc)
set(UZS_NO_CXX ON)
execute_process(COMMAND "${CMAKE_C_COMPILER}" -dumpmachine
	OUTPUT_VARIABLE uzs_machine ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX REPLACE "-gnu.*$" "-musl" uzs_musl "${uzs_machine}")
set(CMAKE_FIND_ROOT_PATH "/usr/lib/${uzs_musl}")
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
# liburcu's headers are inline functions only: the machine's will do.
find_path(UZS_URCU_INCLUDE_DIR urcu/list.h
	PATHS "/usr/include/${uzs_machine}" /usr/include
	NO_CMAKE_FIND_ROOT_PATH)
