# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Makes a wrong source: cmake -DVARIANT=FILE -DROOT=DIR -DOUT=FILE -P this.
# README.md says what a variant looks like. Fails if its old text is not in the
# source, or is there twice: then the source has changed, and the variant has
# to follow.
cmake_minimum_required(VERSION 3.22)

file(READ "${VARIANT}" variant)
if(NOT variant MATCHES "\n# file: ([^\n]+)\n")
	message(FATAL_ERROR "${VARIANT}: no line '# file: PATH'")
endif()
set(path "${CMAKE_MATCH_1}")
file(READ "${ROOT}/${path}" source)

# Takes the lines between two marks off the front of `variant`, with the end of
# the line before them and without that of their last one: so that only whole
# lines are found and replaced, and there may be none.
macro(take_between from to result)
	string(FIND "${variant}" "\n${from}\n" begin)
	string(LENGTH "\n${from}" skip)
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
	string(FIND "${source}" "${old}\n" first)
	string(FIND "${source}" "${old}\n" last REVERSE)
	if(old STREQUAL "" OR first EQUAL -1)
		message(FATAL_ERROR "${VARIANT}: not in ${path}:${old}")
	endif()
	if(NOT first EQUAL last)
		message(FATAL_ERROR "${VARIANT}: twice in ${path}:${old}")
	endif()
	string(REPLACE "${old}\n" "${new}\n" source "${source}")
	math(EXPR pieces "${pieces} + 1")
	string(FIND "${variant}" "\n<<<<\n" more)
endwhile()
if(pieces EQUAL 0)
	message(FATAL_ERROR "${VARIANT}: changes nothing")
endif()

file(WRITE "${OUT}" "#line 1 \"${path}\"\n${source}")
