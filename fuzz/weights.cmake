# Readers of model files. fuzz/weights_seeds.py makes the seeds.
bn_fuzz(weights SOURCES weights_open.c CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/weights)
bn_fuzz(weights_pickle SOURCES weights_pickle.c CORPUS ${CMAKE_CURRENT_SOURCE_DIR}/corpus/weights_pickle)
