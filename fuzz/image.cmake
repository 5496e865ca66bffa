bn_fuzz(image SOURCES ${CMAKE_CURRENT_LIST_DIR}/image_decode.c CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/image)
