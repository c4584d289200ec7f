# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Manual pages and bash completion: made of the header's comments and of what the
# programs say with --help, so they are made after these are built.

# A build with instruments is not installed, and its programs leave traces.
if(NOT UZS_BUILD_DOCS OR UZS_SANITIZE OR UZS_COVERAGE OR UZS_CHECKED)
	return()
endif()
find_program(UZS_PYTHON3 python3)
# With all of its library: Debian's python3-minimal has not.
if(UZS_PYTHON3)
	execute_process(COMMAND "${UZS_PYTHON3}" -c "import html, statistics"
		RESULT_VARIABLE uzs_python_lacks ERROR_QUIET)
endif()
if(NOT UZS_PYTHON3 OR uzs_python_lacks)
	uzs_say_missing("manual pages and completion" python3)
	return()
endif()

set(uzs_docs_programs "")
set(uzs_docs_of "")
if(NOT CMAKE_CROSSCOMPILING)
	foreach(target IN ITEMS uzs uzramctl)
		if(TARGET ${target})
			list(APPEND uzs_docs_programs ${target})
			list(APPEND uzs_docs_of
				--program $<TARGET_FILE:${target}>)
		endif()
	endforeach()
endif()
# `uzs lab` asks these.
set(uzs_docs_needs ${uzs_docs_programs})
# nbdkit says what the plugin's parameters are.
if(TARGET nbdkit-uzram-plugin AND NOT CMAKE_CROSSCOMPILING)
	find_program(UZS_NBDKIT nbdkit)
	if(UZS_NBDKIT)
		list(APPEND uzs_docs_needs nbdkit-uzram-plugin)
		list(APPEND uzs_docs_of
			--plugin $<TARGET_FILE:nbdkit-uzram-plugin>)
	else()
		uzs_say_missing("the plugin's manual page" nbdkit)
	endif()
endif()
foreach(target IN ITEMS uzs-lab uzs-lab-simulate uzs-lab-calibrate
	uzs-lab-watch)
	if(TARGET ${target})
		list(APPEND uzs_docs_needs ${target})
	endif()
endforeach()

set(uzs_docs_scripts man-pages completion header_doc.py help_doc.py
	bench_common.py)
list(TRANSFORM uzs_docs_scripts PREPEND "${PROJECT_SOURCE_DIR}/scripts/")

set(uzs_man "${PROJECT_BINARY_DIR}/man")
set(uzs_completion "${PROJECT_BINARY_DIR}/completion")
set(uzs_docs_commands
	COMMAND "${CMAKE_COMMAND}" -E rm -rf "${uzs_man}" "${uzs_completion}"
	COMMAND "${UZS_PYTHON3}" "${PROJECT_SOURCE_DIR}/scripts/man-pages"
		--output "${uzs_man}"
		--header "${PROJECT_SOURCE_DIR}/include/uzsmalloc.h"
		${uzs_docs_of})
foreach(program IN LISTS uzs_docs_programs)
	list(APPEND uzs_docs_commands
		COMMAND "${UZS_PYTHON3}"
			"${PROJECT_SOURCE_DIR}/scripts/completion"
			--output "${uzs_completion}/${program}"
			$<TARGET_FILE:${program}>)
endforeach()
# Debian's packages have them compressed, the same in each build.
if(UZS_PACKAGE)
	list(APPEND uzs_docs_commands
		COMMAND sh -c "find \"$1\" -type f -exec gzip -9n {} +" sh
			"${uzs_man}")
endif()
add_custom_command(OUTPUT "${PROJECT_BINARY_DIR}/docs.stamp"
	${uzs_docs_commands}
	COMMAND "${CMAKE_COMMAND}" -E touch "${PROJECT_BINARY_DIR}/docs.stamp"
	DEPENDS ${uzs_docs_needs} ${uzs_docs_scripts}
		"${PROJECT_SOURCE_DIR}/include/uzsmalloc.h"
	COMMENT "Manual pages and completion"
	VERBATIM)
add_custom_target(uzs_docs ALL DEPENDS "${PROJECT_BINARY_DIR}/docs.stamp")

if(NOT UZS_INSTALL)
	return()
endif()
# uzs_install_pages(SECTION PATTERN COMPONENT)
function(uzs_install_pages section pattern component)
	install(DIRECTORY "${uzs_man}/man${section}"
		DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT ${component}
		FILES_MATCHING PATTERN "${pattern}")
endfunction()
uzs_install_pages(3 "*.3*" uzsmalloc_development)
if(TARGET uzs AND uzs_docs_programs)
	uzs_install_pages(1 "uzs.1*" uzsmalloc_tools)
	uzs_install_pages(1 "uzs-*.1*" uzsmalloc_tools)
	install(FILES "${uzs_completion}/uzs" DESTINATION
		"${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
		COMPONENT uzsmalloc_tools)
endif()
if(TARGET uzramctl AND uzs_docs_programs)
	uzs_install_pages(1 "uzramctl.1*" uzsmalloc_uzram)
	uzs_install_pages(1 "nbdkit-*.1*" uzsmalloc_uzram)
	install(FILES "${uzs_completion}/uzramctl" DESTINATION
		"${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
		COMPONENT uzsmalloc_uzram)
endif()
