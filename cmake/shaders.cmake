# The kernels that FOLDER/kernels.h names, as arrays in headers that one target sees: shaders/NAME.comp compiled now,
# shaders/matrix/NAME.spv as it was committed.

# bn_shaders(TARGET FOLDER)
function(bn_shaders target folder)
    set(made ${CMAKE_CURRENT_BINARY_DIR}/spirv)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/kernels.h)
    file(READ ${folder}/kernels.h text)
    string(REGEX MATCHALL "KERNEL\\([A-Z0-9_]+, [a-z0-9_]+\\)" kernels "${text}")
    set(headers "")
    set(includes "/* Made by cmake/shaders.cmake. */\n")
    foreach(kernel ${kernels})
        string(REGEX REPLACE ".*, ([a-z0-9_]+)\\)" "\\1" name "${kernel}")
        set(header ${made}/${name}.h)
        set(source ${folder}/shaders/${name}.comp)
        if(NOT EXISTS ${source})
            set(source ${folder}/shaders/matrix/${name}.spv)
        endif()
        add_custom_command(OUTPUT ${header} DEPENDS ${source} ${PROJECT_SOURCE_DIR}/cmake/spirv.cmake
            DEPFILE ${made}/${name}.d
            COMMAND ${CMAKE_COMMAND} -DCOMPILER=${BN_GLSLANG} -DFROM=${source} -DTO=${header} -DNAME=${name}
                -DINCLUDE=${folder}/shaders -P ${PROJECT_SOURCE_DIR}/cmake/spirv.cmake
            COMMENT "Shader ${name}" VERBATIM)
        list(APPEND headers ${header})
        string(APPEND includes "#include \"${name}.h\"\n")
    endforeach()
    file(CONFIGURE OUTPUT ${made}/spirv_words.h CONTENT "${includes}" @ONLY)
    target_sources(${target} PRIVATE ${headers})
    target_include_directories(${target} PRIVATE ${made})
endfunction()
