/* s3_answer.h - what is read of S3's answers: the text of one element. Pure.
 *
 * No XML parser: of what S3 says, four texts are of use (Code, Region, UploadId, ETag), none is nested in one of its own
 * name, and none is trusted. A server that writes them otherwise is answered as one that says nothing. */
#ifndef BN_BLOBS_S3_ANSWER_H
#define BN_BLOBS_S3_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

/* The text of the first element of that name, entities resolved; false, and "" in out, where there is none, it holds other
 * elements or control characters, or it does not fit. */
bool bn_s3_text_of(const char *xml, size_t count, const char *name, char *out, size_t size);
/* Seconds since 1970 of a Date field; -1 where it is none. */
long long bn_s3_read_date(const char *text);

#endif
