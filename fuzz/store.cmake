if(BN_POSTGRES)
    bn_fuzz(store_postgres SOURCES store_postgres.c LINK ${BN_QUEUE_ROOMS})
endif()
