# What a wheel holds besides python/birefnet (pyproject.toml): the libraries and the starter weights, beside the package's files.
set_target_properties(birefnet_image_shared PROPERTIES BUILD_RPATH "$ORIGIN" BUILD_RPATH_USE_ORIGIN ON)
foreach(name birefnet birefnet-image)
    string(REPLACE - _ target ${name}_shared)
    install(FILES $<TARGET_FILE:${target}> RENAME lib${name}.so.1 DESTINATION birefnet COMPONENT python
        PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endforeach()
install(FILES models/starter.safetensors models/ATTRIBUTION.md DESTINATION birefnet/models COMPONENT python)
