foreach(parser input shape datauri)
    bn_fuzz(jobs_${parser} SOURCES jobs_${parser}.c LINK room_jobs)
endforeach()
