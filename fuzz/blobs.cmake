bn_fuzz(blobs_s3_answer SOURCES blobs_s3_answer.c LINK room_blobs room_net room_store room_schema)
bn_fuzz(blobs_s3_sign SOURCES blobs_s3_sign.c LINK room_blobs room_net room_store room_schema)
