# spirv.cmake - run with cmake -P: writes TO, a C header with the SPIR-V of FROM (a shader, or SPIR-V as it is) in an array
# spirv_NAME, and beside it NAME.d, the files that it was made of. A warning is an error.
get_filename_component(folder ${TO} DIRECTORY)
file(MAKE_DIRECTORY ${folder})
set(words ${FROM})
if(FROM MATCHES "\\.comp$")
    set(words ${folder}/${NAME}.spv)
    execute_process(COMMAND ${COMPILER} -V --target-env vulkan1.2 -I${INCLUDE} --depfile ${folder}/${NAME}.d -o ${words}
        ${FROM} RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
    if(NOT result EQUAL 0 OR said MATCHES "WARNING|ERROR")
        message(FATAL_ERROR "${said}")
    endif()
    # the compiler names its own output, the build wants ours
    file(READ ${folder}/${NAME}.d depends)
    string(REPLACE "${words}:" "${TO}:" depends "${depends}")
    file(WRITE ${folder}/${NAME}.d "${depends}")
else()
    file(WRITE ${folder}/${NAME}.d "${TO}: ${FROM}\n")
endif()
file(READ ${words} hex HEX)
# little-endian words
string(REGEX REPLACE "(..)(..)(..)(..)" "0x\\4\\3\\2\\1," text "${hex}")
string(REGEX REPLACE "((0x........,)(0x........,)(0x........,)(0x........,)(0x........,)(0x........,)(0x........,)(0x........,))"
    "\\1\n" text "${text}")
file(WRITE ${TO} "#include <stdint.h>\nstatic const uint32_t spirv_${NAME}[] = {\n${text}};\n")
