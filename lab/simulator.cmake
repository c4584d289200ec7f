# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The simulator: the library on the lab's body with the sizes of the native
# one, where the compiler tells each load and store. Included by CMakeLists.txt.

# -fsanitize=kernel-address with all checks as calls, which sim_mem.c has;
# nothing else of it is wanted.
set(uzs_sim_options -fsanitize=kernel-address
	-fsanitize-recover=kernel-address -DUZS_NO_ASAN)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
	list(APPEND uzs_sim_options
		"SHELL:-mllvm -asan-instrumentation-with-call-threshold=0"
		"SHELL:-mllvm -asan-stack=0" "SHELL:-mllvm -asan-globals=0")
else()
	list(APPEND uzs_sim_options
		"SHELL:--param asan-instrumentation-with-call-threshold=0"
		"SHELL:--param asan-stack=0" "SHELL:--param asan-globals=0")
endif()
# As fast as possible in any build, and the same accesses in each.
set(uzs_sim_defines UZS_MAX_CPU_SLOTS=128u)
uzs_add_lab_library(uzsmalloc_sim ${uzs_sim_defines})
# (-g: the places of accesses are named.)
target_compile_options(uzsmalloc_sim PRIVATE ${uzs_sim_options} -O2 -g
	"--include=${CMAKE_CURRENT_SOURCE_DIR}/sim_force.h")
# sim_price.c is told of each object freed.
target_link_options(uzsmalloc_sim INTERFACE -Wl,--wrap=uzs_free_handle)

add_library(uzs_sim OBJECT EXCLUDE_FROM_ALL
	sim_cost.c
	sim_cpu.c
	sim_kernel.c
	sim_line.c
	sim_mem.c
	sim_objects.c
	sim_parts.c
	sim_pool.c
	sim_price.c
	sim_sched.c
	sim_trace.c
	sim_work.c
	sim_workers.c
	../bench/harness.c
	../bench/sizes.c
	../tools/json.c
	../tools/message.c
	../tools/options.c
	../tools/outfile.c
	../tools/process.c
	../tools/progress.c)
uzs_setup_lab(uzs_sim ${uzs_sim_defines})
target_compile_options(uzs_sim PRIVATE -O2)
# It knows the library's structures.
target_sources(uzsmalloc_sim PRIVATE sim_fields.c)
set_source_files_properties(sim_fields.c PROPERTIES COMPILE_OPTIONS
	-fno-sanitize=kernel-address)

# Where tables of costs are, as seen from the program: beside it in a build,
# else where they are installed. The prefix may be another than was asked for
# here, and may be moved; an absolute directory is meant as it is.
if(IS_ABSOLUTE "${CMAKE_INSTALL_DATADIR}")
	set(uzs_sim_costs_installed "${CMAKE_INSTALL_DATADIR}/uzsmalloc/costs")
else()
	file(RELATIVE_PATH uzs_sim_costs_installed
		"${CMAKE_INSTALL_FULL_BINDIR}"
		"${CMAKE_INSTALL_FULL_DATADIR}/uzsmalloc/costs")
endif()
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/tools")
file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}/costs"
	"${PROJECT_BINARY_DIR}/tools/costs" SYMBOLIC)
add_executable(uzs-lab-simulate
	sim_main.c
	sim_args.c
	sim_break.c
	sim_flame.c
	sim_out.c
	sim_svg.c
	sim_html.c
	sim_symbols.c
	sim_tables.c
	$<TARGET_OBJECTS:uzs_sim>)
include(UzsEmbed)
uzs_embed(uzs-lab-simulate report_assets.h uzs_report
	../tools/page/page.css ../tools/page/page.js
	page/report.css page/report.js)
uzs_setup_lab(uzs-lab-simulate ${uzs_sim_defines}
	"UZS_SIM_COSTS_DIRS=\"costs\",\"${uzs_sim_costs_installed}\"")
target_link_libraries(uzs-lab-simulate PRIVATE
	uzsmalloc_sim m ${CMAKE_DL_LIBS})
# For the shared objects of kernel files.
set_target_properties(uzs-lab-simulate PROPERTIES ENABLE_EXPORTS ON)

# What measures a machine runs natively, on the library as it is.
if(TARGET uzs_bench_common)
	add_executable(uzs-lab-calibrate
		calibrate.c
		calibrate_memory.c
		calibrate_os.c
		sim_cost.c
		../tools/message.c
		../tools/options.c
		../tools/progress.c
		../tools/process.c)
	set_target_properties(uzs-lab-calibrate PROPERTIES
		C_STANDARD 11 C_EXTENSIONS ON)
	target_include_directories(uzs-lab-calibrate PRIVATE
		"${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src")
	target_link_libraries(uzs-lab-calibrate PRIVATE uzs_bench_common)
endif()

# Beside uzs-lab, which calls them.
set(uzs_sim_programs uzs-lab-simulate)
if(TARGET uzs-lab-calibrate)
	list(APPEND uzs_sim_programs uzs-lab-calibrate)
endif()
set_target_properties(${uzs_sim_programs} PROPERTIES
	RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tools")
if(UZS_INSTALL)
	uzs_install_programs(${uzs_sim_programs})
	install(DIRECTORY costs
		DESTINATION "${CMAKE_INSTALL_DATADIR}/uzsmalloc"
		COMPONENT uzsmalloc_tools)
endif()
