# How a folder of src/ becomes part of the build, and the flags that everything shares.

add_library(bn_flags INTERFACE)
target_include_directories(bn_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(bn_flags INTERFACE _GNU_SOURCE BN_VERSION="${PROJECT_VERSION}")
# -ffp-contract=off: a*b+c rounds twice unless a kernel asks for a fused multiply-add, so that every compiler
# gives the same bits as the reference.
target_compile_options(bn_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
    -Wmissing-prototypes -fno-math-errno -ffp-contract=off)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    # snprintf into a buffer of fixed size cuts on purpose wherever we use it: names and messages
    target_compile_options(bn_flags INTERFACE -Wno-format-truncation)
else()
    # constants of an enum without a name are our named numbers: SIDE * 0.5 is meant (clang 19 asks)
    target_compile_options(bn_flags INTERFACE -Wno-enum-float-conversion)
endif()
if(BN_WERROR)
    target_compile_options(bn_flags INTERFACE -Werror)
endif()
if(BN_SANITIZE)
    target_compile_options(bn_flags INTERFACE -fsanitize=${BN_SANITIZE} -fno-omit-frame-pointer
        -fno-sanitize-recover=undefined)
    target_link_options(bn_flags INTERFACE -fsanitize=${BN_SANITIZE})
endif()

if(BN_FUZZ)
    # libFuzzer sees only the edges of code that was compiled for it
    target_compile_options(bn_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Levels of instructions that tests are run at, besides what a machine runs at by default (bn_isa_trusted): those that it
# has not are skipped.
set(BN_LEVELS plain avx2 avx512)

# Rooms that are in the program and not in the library, for itself and for tests of its parts.
set(BN_QUEUE_ROOMS room_queue room_blobs room_store room_schema room_net)
set(BN_HTTP_ROOMS room_http_server room_http_text room_http_tls)
set(BN_PROGRAM_ROOMS room_cli room_measure room_api room_api_text ${BN_HTTP_ROOMS} ${BN_QUEUE_ROOMS})

# bn_room(NAME SOURCES file... [LINK library...]): the objects of one room, named room_NAME.
function(bn_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
    add_library(room_${name} OBJECT ${ROOM_SOURCES})
    target_link_libraries(room_${name} PUBLIC bn_flags ${ROOM_LINK})
endfunction()

# bn_test_program(NAME SOURCES file... [LINK library...]): one cmocka program, test_NAME.
function(bn_test_program name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINK" ${ARGN})
    add_executable(test_${name} ${TEST_SOURCES})
    target_link_libraries(test_${name} PRIVATE bn_flags birefnet_image_static ${TEST_LINK} cmocka)
    set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    target_compile_definitions(test_${name} PRIVATE BN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endfunction()

# bn_test(NAME SOURCES file... [LINK library...] [LABELS label...] [TIMEOUT seconds] [LEVELS]): one cmocka program, one
# CTest case; with LEVELS one more for each level of instructions, held to by tests/level.h. Tests link the static library, so that they see what the public header hides.
function(bn_test name)
    cmake_parse_arguments(TEST "LEVELS" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
    bn_test_program(${name} SOURCES ${TEST_SOURCES} LINK ${TEST_LINK})
    add_test(NAME ${name} COMMAND test_${name})
    # GOMP_SPINCOUNT: see src/cli/patience.h; tests run beside each other
    set(environment "BN_REFERENCE=${BN_REFERENCE};GOMP_SPINCOUNT=1000")
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 300)
    endif()
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${environment}" TIMEOUT ${TEST_TIMEOUT}
        LABELS "${TEST_LABELS}" SKIP_RETURN_CODE 77)
    foreach(level ${BN_LEVELS})
        if(NOT TEST_LEVELS)
            break()
        endif()
        add_test(NAME ${name}_${level} COMMAND test_${name})
        set_tests_properties(${name}_${level} PROPERTIES ENVIRONMENT "${environment};BN_TEST_ISA=${level}"
            TIMEOUT ${TEST_TIMEOUT} LABELS "levels" SKIP_RETURN_CODE 77)
    endforeach()
endfunction()

# bn_fuzz(NAME SOURCES file... [LINK library...] [DEFINE name=value...] [SEEDS folder...] [MALLOC_MB n] [RSS_MB n]): a
# libFuzzer program, and a CTest case that replays its corpus, fuzz/corpus/NAME, and the seeds, and goes on for a moment.
# More than MALLOC_MB at once, or RSS_MB in all, is a crash. scripts/fuzz.sh reads targets.txt.
function(bn_fuzz name)
    cmake_parse_arguments(FUZZ "" "MALLOC_MB;RSS_MB" "SOURCES;SEEDS;LINK;DEFINE" ${ARGN})
    if(NOT FUZZ_MALLOC_MB)
        set(FUZZ_MALLOC_MB 1024)
    endif()
    if(NOT FUZZ_RSS_MB)
        set(FUZZ_RSS_MB 2048)
    endif()
    add_executable(fuzz_${name} ${FUZZ_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE bn_flags birefnet_image_static ${FUZZ_LINK})
    target_compile_definitions(fuzz_${name} PRIVATE ${FUZZ_DEFINE})
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    set(found ${CMAKE_BINARY_DIR}/fuzz/found/${name}) # libFuzzer writes what it finds to the first folder
    set(corpus ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
    file(MAKE_DIRECTORY ${found} ${corpus}) # git keeps no empty folder
    file(APPEND ${CMAKE_BINARY_DIR}/fuzz/targets.txt
        "${name} ${FUZZ_MALLOC_MB} ${FUZZ_RSS_MB} ${found} ${corpus} ${FUZZ_SEEDS}\n")
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} -runs=2000 -max_total_time=20 -timeout=60
        -malloc_limit_mb=${FUZZ_MALLOC_MB} -rss_limit_mb=${FUZZ_RSS_MB} ${found} ${corpus} ${FUZZ_SEEDS})
    set_tests_properties(fuzz_${name} PROPERTIES LABELS fuzz TIMEOUT 120
        ENVIRONMENT "ASAN_OPTIONS=quarantine_size_mb=16")
endfunction()
