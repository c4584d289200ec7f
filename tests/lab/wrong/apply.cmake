# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Makes a wrong source: cmake -DVARIANT=FILE -DROOT=DIR -DOUT=FILE -P this.
# VARIANT names a source in a line "# file: PATH" and has one or more pieces
#   <<<<
#   text that is in the source exactly once
#   ====
#   text in its place
#   >>>>
# Fails if a text is not found, or found twice: then the source has changed,
# and the variant has to follow.
cmake_minimum_required(VERSION 3.22)

file(READ "${VARIANT}" variant)
if(NOT variant MATCHES "\n# file: ([^\n]+)\n")
	message(FATAL_ERROR "${VARIANT}: no line '# file: PATH'")
endif()
set(path "${CMAKE_MATCH_1}")
file(READ "${ROOT}/${path}" source)

# Takes the text between two marks off the front of `variant`.
macro(take_between from to result)
	string(FIND "${variant}" "\n${from}\n" begin)
	string(LENGTH "\n${from}\n" skip)
	math(EXPR begin "${begin} + ${skip}")
	string(SUBSTRING "${variant}" ${begin} -1 variant)
	string(FIND "${variant}" "\n${to}\n" end)
	if(end EQUAL -1)
		message(FATAL_ERROR "${VARIANT}: '${from}' without '${to}'")
	endif()
	string(SUBSTRING "${variant}" 0 ${end} ${result})
	string(SUBSTRING "${variant}" ${end} -1 variant)
endmacro()

set(pieces 0)
string(FIND "${variant}" "\n<<<<\n" more)
while(NOT more EQUAL -1)
	take_between("<<<<" "====" old)
	take_between("====" ">>>>" new)
	string(FIND "${source}" "${old}" first)
	string(FIND "${source}" "${old}" last REVERSE)
	if(first EQUAL -1)
		message(FATAL_ERROR "${VARIANT}: not in ${path}:\n${old}")
	endif()
	if(NOT first EQUAL last)
		message(FATAL_ERROR "${VARIANT}: twice in ${path}:\n${old}")
	endif()
	string(REPLACE "${old}" "${new}" source "${source}")
	math(EXPR pieces "${pieces} + 1")
	string(FIND "${variant}" "\n<<<<\n" more)
endwhile()
if(pieces EQUAL 0)
	message(FATAL_ERROR "${VARIANT}: changes nothing")
endif()

file(WRITE "${OUT}" "#line 1 \"${path}\"\n${source}")
