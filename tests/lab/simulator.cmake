# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Tests of virtual time. Included by CMakeLists.txt.
foreach(name IN ITEMS sim_line sim_sched)
	add_executable(test_${name} test_${name}.c $<TARGET_OBJECTS:uzs_sim>)
	uzs_setup_lab(test_${name} ${uzs_sim_defines})
	target_link_libraries(test_${name} PRIVATE
		uzs_lab_test_flags uzsmalloc_sim uzs_dep::cmocka m
		${CMAKE_DL_LIBS})
	add_test(NAME ${name} COMMAND test_${name})
	set_tests_properties(${name} PROPERTIES
		TIMEOUT ${uzs_test_timeout}
		ENVIRONMENT "${uzs_test_environment}"
		LABELS lab)
endforeach()

if(UZS_BUILD_TOOLS)
	uzs_add_command_test(lab-simulate LABELS lab COMMAND
		"${CMAKE_CURRENT_SOURCE_DIR}/simulate.sh"
		$<TARGET_FILE:uzs> "${PROJECT_SOURCE_DIR}/tests/data")
	uzs_add_command_test(lab-simulate-scaling LABELS lab COMMAND
		"${CMAKE_CURRENT_SOURCE_DIR}/scaling.sh"
		$<TARGET_FILE:uzs> "${PROJECT_SOURCE_DIR}/tests/data")
	# The report shows what the explorer found in some wrong variants.
	set(reported)
	foreach(name IN ITEMS obj-read-once count-after-unlock wait-late)
		if(TARGET lab-wrong-${name})
			list(APPEND reported $<TARGET_FILE:lab-wrong-${name}>)
		endif()
	endforeach()
	uzs_add_command_test(lab-report LABELS lab COMMAND
		"${CMAKE_CURRENT_SOURCE_DIR}/report.sh"
		$<TARGET_FILE:uzs> "${PROJECT_SOURCE_DIR}/tests/data"
		${reported})
endif()
