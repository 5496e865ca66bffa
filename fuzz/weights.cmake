# Readers of model files. fuzz/weights_seeds.py makes the seeds; what a run finds goes to the build folder, not to them.
set(found ${CMAKE_CURRENT_BINARY_DIR}/found)
file(MAKE_DIRECTORY ${found}/weights ${found}/weights_pickle)
bn_fuzz(weights SOURCES weights_open.c CORPUS ${found}/weights ${CMAKE_CURRENT_SOURCE_DIR}/corpus/weights)
bn_fuzz(weights_pickle SOURCES weights_pickle.c
    CORPUS ${found}/weights_pickle ${CMAKE_CURRENT_SOURCE_DIR}/corpus/weights_pickle)
