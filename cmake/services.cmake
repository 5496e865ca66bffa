# Tests over engines that scripts/services.sh starts: once for all of a ctest run, in a folder of this build.

string(MD5 bn_services_id "${PROJECT_BINARY_DIR}")
string(SUBSTRING "${bn_services_id}" 0 10 bn_services_id)
set(BN_SERVICES "/tmp/birefnet-services-${bn_services_id}") # short: the path of a socket has 107 bytes at most
set(BN_SERVICES_SCRIPT ${PROJECT_SOURCE_DIR}/scripts/services.sh)

# A fixture for each, so that a test starts what it needs and no more.
set(bn_services postgres pgbouncer swift)
foreach(service ${bn_services})
    add_test(NAME services_${service} COMMAND ${BN_SERVICES_SCRIPT} start ${service})
    set_tests_properties(services_${service} PROPERTIES FIXTURES_SETUP service_${service}
        ENVIRONMENT "BN_SERVICES=${BN_SERVICES}" TIMEOUT 300)
endforeach()
set_tests_properties(services_pgbouncer PROPERTIES FIXTURES_REQUIRED service_postgres)
add_test(NAME services_stop COMMAND ${BN_SERVICES_SCRIPT} stop)
list(TRANSFORM bn_services PREPEND service_ OUTPUT_VARIABLE bn_fixtures)
set_tests_properties(services_stop PROPERTIES FIXTURES_CLEANUP "${bn_fixtures}"
    ENVIRONMENT "BN_SERVICES=${BN_SERVICES}" TIMEOUT 300)

# bn_service_test(NAME SERVICE PROGRAM [argument...] [LABELS label...] [TIMEOUT seconds]): the program of bn_test, or a file, over a database
# of its own of that service, or (swift) a bucket.
function(bn_service_test name service program)
    cmake_parse_arguments(TEST "" "TIMEOUT" "LABELS" ${ARGN})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 300)
    endif()
    set(fixtures service_${service})
    if(service STREQUAL "pgbouncer")
        list(APPEND fixtures service_postgres) # makes the databases, and stays until the last test has ended
    endif()
    add_test(NAME ${name} COMMAND ${BN_SERVICES_SCRIPT} run ${service}
        ${CMAKE_CROSSCOMPILING_EMULATOR} ${program} ${TEST_UNPARSED_ARGUMENTS})
    set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED "${fixtures}" TIMEOUT ${TEST_TIMEOUT} SKIP_RETURN_CODE 77
        LABELS "${TEST_LABELS};services" ENVIRONMENT "BN_SERVICES=${BN_SERVICES};BN_REFERENCE=${BN_REFERENCE};GOMP_SPINCOUNT=1000")
endfunction()
