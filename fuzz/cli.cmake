bn_fuzz(cli_options SOURCES cli_options.c LINK ${BN_PROGRAM_ROOMS})
