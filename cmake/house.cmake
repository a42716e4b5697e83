# One library per folder of src/, one test binary per library. Sources are found by name:
# *_test.cpp goes to the test binary, everything else to the library.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(CMAKE_CXX_FLAGS_RELEASE "-O2")
    set(CMAKE_C_FLAGS_RELEASE "-O2")
endif()

find_program(OL_CCACHE ccache)
if(OL_CCACHE)
    # What ccache's manual asks for where headers are precompiled.
    set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${OL_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()
find_program(OL_MOLD mold)
if(OL_MOLD)
    add_link_options(-fuse-ld=mold)
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
pkg_check_modules(secp256k1 REQUIRED IMPORTED_TARGET libsecp256k1)
pkg_check_modules(gmp REQUIRED IMPORTED_TARGET gmp)
pkg_check_modules(rocksdb REQUIRED IMPORTED_TARGET rocksdb)
pkg_check_modules(icu REQUIRED IMPORTED_TARGET icu-uc)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)

# BLS12-381 (blst) and its KZG library, as C sources of the npm package c-kzg (deps/package.json).
# blst picks its code for the processor at run time (__BLST_PORTABLE__). c-kzg checks ours in tests.
set(OL_CKZG ${CMAKE_SOURCE_DIR}/deps/node_modules/c-kzg/deps)
if(NOT EXISTS ${OL_CKZG}/blst/src/server.c)
    message(FATAL_ERROR "${OL_CKZG} is missing: run tools/setup, or `npm ci --ignore-scripts` in deps/")
endif()
enable_language(ASM)
add_library(ol_blst STATIC ${OL_CKZG}/blst/src/server.c ${OL_CKZG}/blst/build/assembly.S)
target_compile_definitions(ol_blst PRIVATE __BLST_PORTABLE__)
target_compile_options(ol_blst PRIVATE -w)
target_include_directories(ol_blst SYSTEM INTERFACE ${OL_CKZG}/blst/bindings)
if(OL_TESTS)
    add_library(ol_ckzg STATIC ${OL_CKZG}/c-kzg/ckzg.c)
    target_compile_options(ol_ckzg PRIVATE -w)
    target_include_directories(ol_ckzg PRIVATE ${OL_CKZG}/c-kzg)
    target_include_directories(ol_ckzg SYSTEM INTERFACE ${OL_CKZG}/c-kzg)
    target_compile_definitions(ol_ckzg INTERFACE OL_TRUSTED_SETUP="${OL_CKZG}/c-kzg/trusted_setup.txt")
    target_link_libraries(ol_ckzg PUBLIC ol_blst)
endif()

add_library(ol_options INTERFACE)
target_compile_features(ol_options INTERFACE cxx_std_23)
# No contraction: a float expression means the same on every machine (docs/ARCHITECTURE.md,
# determinism); kernels ask for FMA by name.
target_compile_options(ol_options INTERFACE
    -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror -ffp-contract=off -fno-math-errno
    # g++ 12 sees uninitialised members in moves of std::variant that are none (GCC bug 105562 and kin).
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
target_include_directories(ol_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(OL_SANITIZE)
    target_compile_options(ol_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer -g)
    target_link_options(ol_options INTERFACE -fsanitize=address,undefined)
endif()

# DEPS: folders below; THIRD: libraries of the sources; TEST_THIRD: libraries of the tests alone.
if(OL_FUZZ)
    target_compile_options(ol_options INTERFACE -fsanitize=fuzzer-no-link,address -g -O1)
    target_link_options(ol_options INTERFACE -fsanitize=address)
endif()

# clang is for fuzzing and lint: it warns of more, also inside libstdc++ 12, so warnings do not stop it.
# g++ takes the vector extensions of the kernels from pragmas in the files; clang from its options.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(ol_options INTERFACE -Wno-error -Wno-unknown-pragmas)
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/model/kernels/kernels_avx2.cpp
        ${CMAKE_SOURCE_DIR}/src/model/kernels/quant_avx2.cpp
        PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/model/kernels/kernels_avx512.cpp
        PROPERTIES COMPILE_OPTIONS "-mavx512f;-mavx512vl;-mavx512dq;-mavx512bw;-mavx2;-mfma")
    set_source_files_properties(${CMAKE_SOURCE_DIR}/src/attribution/suffix/tier/psi_bmi2.cpp
        PROPERTIES COMPILE_OPTIONS "-mbmi;-mbmi2;-mpopcnt;-mlzcnt")
endif()

# Tests are compiled for a quick build; what they test is the library. So is the command line, whose
# parser is large and runs once. At -O1 g++ 12 sees overflows in std::string's operator+ (GCC bug 105329).
set(OL_QUICK_BUILD $<$<CONFIG:Release>:-O1>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND OL_QUICK_BUILD -Wno-array-bounds -Wno-stringop-overflow -Wno-restrict)
endif()
file(GLOB cli_sources ${CMAKE_SOURCE_DIR}/src/node/cli/*.cpp)
set_source_files_properties(${cli_sources} PROPERTIES COMPILE_OPTIONS "${OL_QUICK_BUILD}")

# Headers that are parsed once: for libraries, and for tests. Kernels, whose pragmas must stand before
# every header, read them as they are.
file(GLOB_RECURSE kernels ${CMAKE_SOURCE_DIR}/src/*_avx2.cpp ${CMAKE_SOURCE_DIR}/src/*_avx512.cpp
    ${CMAKE_SOURCE_DIR}/src/*_bmi2.cpp)
set_source_files_properties(${kernels} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
function(ol_precompiled name header)
    if(NOT EXISTS ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp)
        file(WRITE ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp "")
    endif()
    add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/precompiled/${name}.cpp)
    target_link_libraries(${name} PRIVATE ol_options fmt::fmt ${ARGN})
    target_precompile_headers(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled/${header})
endfunction()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(OL_PRECOMPILE OFF)
endif()
if(OL_PRECOMPILE)
    # ccache keys objects by it.
    target_compile_options(ol_options INTERFACE -fpch-preprocess)
    ol_precompiled(ol_precompiled_library library.hpp)
    if(OL_TESTS)
        ol_precompiled(ol_precompiled_test test.hpp GTest::gtest)
        target_compile_options(ol_precompiled_test PRIVATE ${OL_QUICK_BUILD})
    endif()
endif()

function(ol_library name)
    cmake_parse_arguments(ARG "" "" "DEPS;THIRD;TEST_THIRD" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
    set(tests ${sources})
    list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
    list(FILTER tests INCLUDE REGEX "_test\\.cpp$")

    list(TRANSFORM ARG_DEPS PREPEND ol_)
    if(sources)
        add_library(ol_${name} STATIC ${sources})
        target_link_libraries(ol_${name} PUBLIC ol_options ${ARG_DEPS} PRIVATE ${ARG_THIRD})
        if(name STREQUAL "base")
            target_link_libraries(ol_${name} PUBLIC fmt::fmt)
        endif()
        if(OL_PRECOMPILE)
            target_precompile_headers(ol_${name} REUSE_FROM ol_precompiled_library)
        endif()
    else()
        add_library(ol_${name} INTERFACE)
        target_link_libraries(ol_${name} INTERFACE ol_options ${ARG_DEPS} ${ARG_THIRD})
    endif()

    if(OL_TESTS AND tests)
        add_executable(${name}_test ${tests})
        target_link_libraries(${name}_test PRIVATE ol_${name} ${ARG_THIRD} ${ARG_TEST_THIRD} GTest::gtest GTest::gtest_main)
        target_compile_definitions(${name}_test PRIVATE OL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
        target_compile_options(${name}_test PRIVATE ${OL_QUICK_BUILD})
        if(OL_PRECOMPILE)
            target_precompile_headers(${name}_test REUSE_FROM ol_precompiled_test)
        endif()
        gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
    endif()
endfunction()
