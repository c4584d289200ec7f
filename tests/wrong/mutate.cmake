# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# cmake -D ROOT=dir -D EDIT=file -D OUT=file -P mutate.cmake: makes a copy of a
# source that is wrong at one place.
include("${EDIT}")
file(READ "${ROOT}/src/${file}" text)
string(FIND "${text}" "${from}" first)
string(FIND "${text}" "${from}" last REVERSE)
if(first EQUAL -1 OR NOT first EQUAL last)
	file(RELATIVE_PATH edit "${ROOT}" "${EDIT}")
	message(FATAL_ERROR "${edit}: its text \"from\" is not exactly once in "
		"src/${file}. The source has changed: change the variant too.")
endif()
string(REPLACE "${from}" "${to}" text "${text}")
file(WRITE "${OUT}" "#line 1 \"src/${file}\"\n${text}")
