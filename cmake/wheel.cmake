# What a wheel holds besides python/birefnet (pyproject.toml): the library and the starter weights, beside the package's files.
install(FILES $<TARGET_FILE:birefnet_shared> RENAME libbirefnet.so.0 DESTINATION birefnet COMPONENT python
    PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
install(FILES models/starter.safetensors models/ATTRIBUTION.md DESTINATION birefnet/models COMPONENT python)
