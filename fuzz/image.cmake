bn_fuzz(image SOURCES image_decode.c CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/image)
