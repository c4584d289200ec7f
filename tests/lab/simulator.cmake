# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# Tests of virtual time. Included by CMakeLists.txt.
add_executable(test_sim_line test_sim_line.c $<TARGET_OBJECTS:uzs_sim>)
uzs_setup_lab(test_sim_line ${uzs_sim_defines})
target_link_libraries(test_sim_line PRIVATE
	uzs_lab_test_flags uzsmalloc_sim uzs_dep::cmocka m)
add_test(NAME sim_line COMMAND test_sim_line)
set_tests_properties(sim_line PROPERTIES
	TIMEOUT ${uzs_test_timeout}
	ENVIRONMENT "${uzs_test_environment}"
	LABELS lab)

add_executable(test_sim_sched test_sim_sched.c $<TARGET_OBJECTS:uzs_sim>)
uzs_setup_lab(test_sim_sched ${uzs_sim_defines})
target_link_libraries(test_sim_sched PRIVATE
	uzs_lab_test_flags uzsmalloc_sim uzs_dep::cmocka m)
add_test(NAME sim_sched COMMAND test_sim_sched)
set_tests_properties(sim_sched PROPERTIES
	TIMEOUT ${uzs_test_timeout}
	ENVIRONMENT "${uzs_test_environment}"
	LABELS lab)

if(UZS_BUILD_TOOLS)
	uzs_add_command_test(lab-simulate LABELS lab COMMAND
		"${CMAKE_CURRENT_SOURCE_DIR}/simulate.sh"
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
