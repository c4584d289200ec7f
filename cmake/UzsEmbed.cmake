# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# uzs_embed(TARGET HEADER PREFIX FILE...): TARGET includes HEADER, which is made
# anew when a file changes, and has the text of each (see embed.cmake).
function(uzs_embed target header prefix)
	set(files "")
	foreach(file IN LISTS ARGN)
		get_filename_component(file "${file}" ABSOLUTE)
		list(APPEND files "${file}")
	endforeach()
	set(dir "${CMAKE_CURRENT_BINARY_DIR}/embed-${target}")
	set(script "${PROJECT_SOURCE_DIR}/cmake/embed.cmake")
	file(MAKE_DIRECTORY "${dir}")
	add_custom_command(OUTPUT "${dir}/${header}"
		COMMAND "${CMAKE_COMMAND}" "-DOUT=${dir}/${header}"
			"-DPREFIX=${prefix}" "-DFILES=${files}" -P "${script}"
		DEPENDS ${files} "${script}"
		COMMENT "${header} of ${target}" VERBATIM)
	target_sources(${target} PRIVATE "${dir}/${header}")
	target_include_directories(${target} PRIVATE "${dir}")
endfunction()
