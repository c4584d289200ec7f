# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# cmake -DOUT=FILE.h -DPREFIX=NAME -DFILES=A;B -P embed.cmake: writes a header with
# the text of each file as an array of characters that ends in 0. a/b.js becomes
# NAME_b_js.
set(text "/* Made by cmake/embed.cmake of the files named below. */\n")
foreach(file IN LISTS FILES)
	get_filename_component(name "${file}" NAME)
	string(MAKE_C_IDENTIFIER "${name}" name)
	file(READ "${file}" hex HEX)
	string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
	string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
	string(APPEND text "static const char ${PREFIX}_${name}[] = {\n${hex}0};\n")
endforeach()
file(WRITE "${OUT}.new" "${text}")
execute_process(COMMAND "${CMAKE_COMMAND}" -E copy_if_different "${OUT}.new" "${OUT}")
file(REMOVE "${OUT}.new")
