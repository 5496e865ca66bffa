# Readers of model files. fuzz/weights_seeds.py makes the seeds.
bn_fuzz(weights SOURCES weights_open.c)
bn_fuzz(weights_pickle SOURCES weights_pickle.c weights_pickle_mutate.c)
