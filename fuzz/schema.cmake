foreach(parser input shape datauri)
    bn_fuzz(schema_${parser} SOURCES schema_${parser}.c LINK ${BN_QUEUE_ROOMS})
endforeach()
