# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# The library, its header, a CMake package, a pkg-config file. All of it works from
# wherever the prefix is moved to, if uzsmalloc is in the same one.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/uzs_rocksdb")

set_target_properties(uzs_rocksdb PROPERTIES
	EXPORT_NAME library
	INSTALL_RPATH "$ORIGIN" INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS uzs_rocksdb EXPORT uzs_rocksdb-targets
	LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
	INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES uzs_rocksdb.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

install(EXPORT uzs_rocksdb-targets NAMESPACE uzs_rocksdb::
	DESTINATION "${package_dir}")
configure_package_config_file(uzs_rocksdb-config.cmake.in
	"${PROJECT_BINARY_DIR}/uzs_rocksdb-config.cmake"
	INSTALL_DESTINATION "${package_dir}"
	NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# It has the version of the uzsmalloc that it is built with, and goes with it.
write_basic_package_version_file(
	"${PROJECT_BINARY_DIR}/uzs_rocksdb-config-version.cmake"
	VERSION "${uzsmalloc_VERSION}" COMPATIBILITY SameMinorVersion)
install(FILES
	"${PROJECT_BINARY_DIR}/uzs_rocksdb-config.cmake"
	"${PROJECT_BINARY_DIR}/uzs_rocksdb-config-version.cmake"
	DESTINATION "${package_dir}")

# pkg-config: the prefix is where the .pc file lies, unless the directories were
# given as absolute paths. Blanks have a backslash, as a shell reads them.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
	set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
	set(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
	file(RELATIVE_PATH pc_prefix
		"/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
	string(REGEX REPLACE "/$" "" pc_prefix "\${pcfiledir}/${pc_prefix}")
	set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
	set(pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
	set(pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
get_filename_component(pc_rocksdb "${UZS_ROCKSDB_LIBRARY}" DIRECTORY)
set(pc_rocksdb_include "${UZS_ROCKSDB_INCLUDE_DIR}")
foreach(directory IN ITEMS prefix libdir includedir rocksdb rocksdb_include)
	string(REPLACE " " "\\ " pc_${directory} "${pc_${directory}}")
endforeach()
configure_file(uzs_rocksdb.pc.in "${PROJECT_BINARY_DIR}/uzs_rocksdb.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/uzs_rocksdb.pc"
	DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
