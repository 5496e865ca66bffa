bn_fuzz(jobs_input SOURCES jobs_input.c CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/jobs_input LINK room_jobs)
bn_fuzz(jobs_shape SOURCES jobs_shape.c CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/jobs_shape LINK room_jobs)
bn_fuzz(jobs_datauri SOURCES jobs_datauri.c CORPUS ${CMAKE_CURRENT_LIST_DIR}/corpus/jobs_datauri LINK room_jobs)
