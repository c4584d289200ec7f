# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later
# For another processor: Debian's cross compiler and that processor's libraries,
# run under qemu-user. Included with uzs_processor, the name that Linux, gcc and
# qemu have for it, and uzs_unpacked, a folder below build/.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${uzs_processor})
set(CMAKE_LIBRARY_ARCHITECTURE ${uzs_processor}-linux-gnu)
# Where scripts/worlds.sh unpacks all of it: the packages of the cross compiler
# cannot be installed beside gcc-multilib. Else what is installed is taken.
set(uzs_cross "${CMAKE_CURRENT_LIST_DIR}/../build/${uzs_unpacked}/usr")
get_filename_component(uzs_cross "${uzs_cross}" ABSOLUTE)
set(uzs_cross_gcc "${uzs_cross}/bin/${CMAKE_LIBRARY_ARCHITECTURE}-gcc-12")
if(EXISTS "${uzs_cross_gcc}")
	set(CMAKE_C_COMPILER "${uzs_cross_gcc}")
	set(CMAKE_CXX_COMPILER
		"${uzs_cross}/bin/${CMAKE_LIBRARY_ARCHITECTURE}-g++-12")
	set(uzs_cross_libc "${uzs_cross}/${CMAKE_LIBRARY_ARCHITECTURE}")
else()
	set(CMAKE_C_COMPILER ${CMAKE_LIBRARY_ARCHITECTURE}-gcc)
	set(CMAKE_CXX_COMPILER ${CMAKE_LIBRARY_ARCHITECTURE}-g++)
	set(uzs_cross_libc /usr/${CMAKE_LIBRARY_ARCHITECTURE})
endif()
list(PREPEND CMAKE_PREFIX_PATH "${uzs_cross}")
# The libraries that the unpacked ones need are there, too.
set(CMAKE_EXE_LINKER_FLAGS_INIT
	"-Wl,-rpath-link,${uzs_cross}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${uzs_processor} -L "${uzs_cross_libc}"
	-E "LD_LIBRARY_PATH=${uzs_cross}/lib/${CMAKE_LIBRARY_ARCHITECTURE}")
