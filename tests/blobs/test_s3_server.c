/* test_s3_server.c - what only a real S3 server can say: large objects in pieces, parts copied where they lie, addresses for
 * others, and each fault of an operator in one clear line. BN_TEST_FILES and the keys name it (scripts/services.sh). */
#include "tests/test.h"

#include "base/size.h"
#include "blobs/blobs.h"
#include "blobs/s3_http.h"
#include "net/curl.h"
#include "net/fetch.h"
#include "store/ids.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

typedef struct fixture {
    char spool[64], bucket[64], endpoint[200];
    bn_blobs *blobs;
} fixture;

static bn_status open_at(const fixture *self, const char *address, const char *keys, bn_blobs **blobs,
                         bn_error *err)
{
    const bn_blobs_options options = {.max_file_bytes = 64 * MIB,
                                      .max_total_bytes = 256 * MIB,
                                      .max_upload_bytes = 200 * MIB,
                                      .spool = self->spool,
                                      .credentials_file = keys};
    return bn_blobs_open(address, &options, blobs, err);
}

static int set_up(void **state)
{
    fixture *self = calloc(1, sizeof *self);
    bn_error err = {0};
    bn_s3_place place;
    strcpy(self->spool, "/tmp/bn_spool_XXXXXX");
    assert_non_null(mkdtemp(self->spool));
    assert_ok(bn_s3_place_parse(getenv("BN_TEST_FILES") + 3, &place, &err), err);
    memcpy(self->bucket, place.bucket, sizeof self->bucket);
    snprintf(self->endpoint, sizeof self->endpoint, "%.199s", place.endpoint);
    assert_ok(open_at(self, getenv("BN_TEST_FILES"), NULL, &self->blobs, &err), err);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture *self = *state;
    bn_blobs_close(&self->blobs);
    rmdir(self->spool);
    free(self);
    return 0;
}

static uint8_t *random_bytes(size_t count)
{
    static const uint8_t seed[randombytes_SEEDBYTES] = {12};
    uint8_t *bytes = malloc(count);
    assert_non_null(bytes);
    randombytes_buf_deterministic(bytes, count, seed);
    return bytes;
}

static void check_object(fixture *self, const char *object, const uint8_t *expected, size_t count)
{
    bn_error err = {0};
    bn_blob_reader reader;
    uint8_t *read = malloc(count + 10);
    size_t got;
    assert_ok(bn_blob_open(self->blobs, object, &reader, &err), err);
    assert_ok(bn_blob_read(&reader, 0, read, count + 10, &got, &err), err); /* at once */
    assert_int_equal(got, count);
    assert_memory_equal(read, expected, count);
    memset(read, 0, count);
    for (size_t at = 0; at < count; at += got) { /* in steps, as a reply is sent */
        assert_ok(bn_blob_read(&reader, at, read + at, 300000, &got, &err), err);
        assert_true(got > 0);
        if (at + 300000 > count) break;
    }
    assert_memory_equal(read, expected, count);
    assert_ok(bn_blob_read(&reader, count - 5, read, 10, &got, &err), err);
    assert_int_equal(got, 5);
    bn_blob_close(&reader);
    free(read);
}

static void large_objects_go_in_pieces(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob blob;
    bn_blob_writer writer;
    char object[BN_FILE_ID_CHARS];
    const size_t sizes[] = {8 * MIB, 8 * MIB + 1, 17 * MIB};
    for (size_t i = 0; i < BN_COUNT(sizes); i++) {
        uint8_t *bytes = random_bytes(sizes[i]);
        bn_id_make(object);
        assert_ok(bn_blobs_write(self->blobs, object, bytes, sizes[i], &blob, &err), err);
        assert_int_equal(blob.size, sizes[i]);
        check_object(self, object, bytes, sizes[i]);
        assert_true(bn_blobs_remove(self->blobs, object));
        free(bytes);
    }
    assert_int_equal(bn_blobs_bytes(self->blobs), 0);
    uint8_t *bytes = random_bytes(20 * MIB); /* given up after two pieces */
    bn_blob_reader reader;
    bn_id_make(object);
    assert_ok(bn_blob_create(self->blobs, object, BN_BLOB_UPLOAD, &writer, &err), err);
    assert_ok(bn_blob_append(&writer, bytes, 20 * MIB, &err), err);
    assert_int_equal(bn_blob_seal(&writer, BIREFNET_ERROR_CANCELLED, &blob, &err), BIREFNET_ERROR_CANCELLED);
    assert_int_equal(bn_blob_open(self->blobs, object, &reader, &err), BIREFNET_ERROR_NOT_FOUND);
    free(bytes);
}

/* The etag tells which way it went: of the parts' etags where nothing was moved. */
static void parts_are_joined_where_they_lie(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob parts[3], blob, copied;
    bn_blob_part list[3];
    char objects[3][BN_FILE_ID_CHARS], object[BN_FILE_ID_CHARS];
    const size_t sizes[] = {5 * MIB, 6 * MIB, 1000};
    uint8_t *bytes = random_bytes(11 * MIB + 1000);
    size_t at = 0;
    for (int i = 0; i < 3; i++) {
        bn_id_make(objects[i]);
        assert_ok(bn_blobs_write(self->blobs, objects[i], bytes + at, sizes[i], &parts[i], &err), err);
        list[i] = (bn_blob_part){.object = objects[i], .size = sizes[i], .etag = parts[i].etag};
        at += sizes[i];
    }
    bn_id_make(object);
    assert_ok(bn_blobs_join(self->blobs, object, list, 3, &blob, &err), err);
    assert_int_equal(blob.size, at);
    check_object(self, object, bytes, at);
    bn_id_make(object);
    assert_ok(bn_blobs_write(self->blobs, object, bytes, at, &copied, &err), err);
    assert_string_not_equal(copied.etag, blob.etag);
    const bn_blob_part turned[] = {list[2], list[0]}; /* the first is too small to be a part of S3's */
    bn_id_make(object);
    assert_ok(bn_blobs_join(self->blobs, object, turned, 2, &blob, &err), err);
    assert_int_equal(blob.size, 5 * MIB + 1000);
    free(bytes);
}

/* PUT to an address, without any field of ours; the answer's code. */
static long put_to(const char *url, const char *text)
{
    const bn_curl *curl = bn_curl_open(NULL);
    CURL *easy = curl->easy_init();
    long code = 0;
    curl->easy_setopt(easy, CURLOPT_URL, url);
    curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
    curl->easy_setopt(easy, CURLOPT_POSTFIELDS, text);
    FILE *nowhere = fopen("/dev/null", "w");
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, nowhere);
    assert_int_equal(curl->easy_perform(easy), CURLE_OK);
    curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    curl->easy_cleanup(easy);
    fclose(nowhere);
    return code;
}

static long get_from(const char *url, char text[1000])
{
    bn_buffer bytes;
    long code = 0;
    const bn_web_options options = {.allow_private = true, .timeout_ms = 30000};
    bn_buffer_init(&bytes, 999);
    bn_web_exchange(url, &options, &bytes, &code, NULL);
    snprintf(text, 1000, "%s", bytes.data ? (const char *)bytes.data : "");
    bn_buffer_free(&bytes);
    return code;
}

static void others_use_an_address(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob blob;
    char object[BN_FILE_ID_CHARS], url[4000], text[1000];
    bn_id_make(object);
    assert_ok(bn_blobs_write(self->blobs, object, "a photo", 7, &blob, &err), err);
    const bn_blob_link get = {.seconds = 60,
                              .type = "image/png",
                              .disposition = "inline; filename=\"a b.png\"",
                              .cache = "private, max-age=30"};
    assert_ok(bn_blobs_link(self->blobs, object, &get, url, sizeof url, &err), err);
    assert_int_equal(get_from(url, text), 200);
    assert_string_equal(text, "a photo");
    char *signature = strstr(url, "X-Amz-Signature=");
    assert_non_null(signature);
    signature[16] = signature[16] == '0' ? '1' : '0';
    assert_int_equal(get_from(url, text), 403);
    bn_id_make(object);
    const bn_blob_link put = {.put = true, .seconds = 60};
    assert_ok(bn_blobs_link(self->blobs, object, &put, url, sizeof url, &err), err);
    assert_int_equal(get_from(url, text), 403); /* for writing only */
    assert_int_equal(put_to(url, "from a client"), 200);
    check_object(self, object, (const uint8_t *)"from a client", 13);
}

static bn_s3 *open_s3(int deadline_ms)
{
    bn_error err = {0};
    bn_s3_place place;
    bn_s3 *s3;
    const bn_s3_options options = {.deadline_ms = deadline_ms, .connect_ms = 5000, .slow_s = 10};
    assert_ok(bn_s3_place_parse(getenv("BN_TEST_FILES") + 3, &place, &err), err);
    assert_ok(bn_s3_open(&place, &options, &s3, &err), err);
    return s3;
}

/* Hours that are wrong are found out by the first answer; so are they in addresses from then on. */
static void a_wrong_clock_is_set_right(void **state)
{
    (void)state;
    bn_error err = {0};
    char object[BN_FILE_ID_CHARS], url[4000], text[1000];
    bn_s3 *s3 = open_s3(60000);
    bn_id_make(object);
    bn_s3_shift_clock(s3, -7200);
    bn_s3_call put = {.method = "PUT", .object = object, .body = "late", .body_bytes = 4};
    bn_s3_request get = {.method = "GET"};
    assert_ok(bn_s3_link(s3, &get, object, 60, url, sizeof url, &err), err);
    assert_int_equal(get_from(url, text), 403); /* expired long ago */
    assert_ok(bn_s3_do(s3, &put, &err), err);
    assert_ok(bn_s3_link(s3, &get, object, 60, url, sizeof url, &err), err);
    assert_int_equal(get_from(url, text), 200);
    assert_string_equal(text, "late");
    bn_s3_close(&s3);
}

/* What is signed is checked: a body that is another than its digest says. */
static void a_false_digest_is_refused(void **state)
{
    const fixture *self = *state;
    bn_error err = {0};
    bn_s3_place place;
    bn_s3_credentials keys = {.key_id = ""};
    bn_s3_signed proof;
    char digest[65], path[200], url[1000], line[3][900];
    assert_ok(bn_s3_place_parse(getenv("BN_TEST_FILES") + 3, &place, &err), err);
    snprintf(keys.key_id, sizeof keys.key_id, "%s", getenv("AWS_ACCESS_KEY_ID"));
    snprintf(keys.secret, sizeof keys.secret, "%s", getenv("AWS_SECRET_ACCESS_KEY"));
    bn_s3_hash("one", 3, digest);
    snprintf(path, sizeof path, "/%s/tests/false", self->bucket);
    const bn_s3_request put = {.method = "PUT", .host = place.host, .path = path, .payload = digest};
    assert_ok(bn_s3_sign(&put, &keys, place.region, time(NULL), &proof, &err), err);
    snprintf(url, sizeof url, "%s%s", self->endpoint, path);
    snprintf(line[0], sizeof line[0], "x-amz-date: %s", proof.date);
    snprintf(line[1], sizeof line[1], "x-amz-content-sha256: %s", digest);
    snprintf(line[2], sizeof line[2], "Authorization: %s", proof.authorization);
    const bn_curl *curl = bn_curl_open(NULL);
    for (int i = 0; i < 2; i++) {
        CURL *easy = curl->easy_init();
        struct curl_slist *lines = curl->slist_append(NULL, line[0]);
        lines = curl->slist_append(curl->slist_append(lines, line[1]), line[2]);
        long code = 0;
        FILE *nowhere = fopen("/dev/null", "w");
        curl->easy_setopt(easy, CURLOPT_URL, url);
        curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT");
        curl->easy_setopt(easy, CURLOPT_POSTFIELDS, i == 0 ? "two" : "one");
        curl->easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
        curl->easy_setopt(easy, CURLOPT_WRITEDATA, nowhere);
        assert_int_equal(curl->easy_perform(easy), CURLE_OK);
        curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
        assert_int_equal(code, i == 0 ? 400 : 200);
        curl->slist_free_all(lines);
        curl->easy_cleanup(easy);
        fclose(nowhere);
    }
}

/* One line names the fault, and no line a secret. */
static void faults_of_an_operator_are_named(void **state)
{
    const fixture *self = *state;
    const char *key = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    const struct {
        const char *bucket, *region, *key, *secret, *word;
        bn_status status;
    } cases[] = {
        {self->bucket, "us-east-1", key, "another-secret", "secret access key", BIREFNET_ERROR_ARGUMENT},
        {self->bucket, "us-east-1", "nobody:here", secret, "access key", BIREFNET_ERROR_ARGUMENT},
        {self->bucket, "mars-north-1", key, secret, "region", BIREFNET_ERROR_ARGUMENT},
        {"no-such-bucket-here", "us-east-1", key, secret, "no such bucket", BIREFNET_ERROR_ARGUMENT},
        {self->bucket, "us-east-1", key, secret, NULL, BIREFNET_OK},
    };
    char path[] = "/tmp/bn_keys_XXXXXX", address[400];
    close(mkstemp(path));
    for (size_t i = 0; i < BN_COUNT(cases); i++) {
        bn_error err = {0};
        bn_blobs *blobs;
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "aws_access_key_id=%s\naws_secret_access_key=%s\n", cases[i].key, cases[i].secret);
        fclose(file);
        snprintf(address, sizeof address, "s3://%s/faults?endpoint=%s&region=%s", cases[i].bucket,
                 self->endpoint, cases[i].region);
        assert_ok(open_at(self, address, path, &blobs, &err), err);
        const bn_status status = bn_blobs_check(blobs, &err);
        if (status != cases[i].status || (cases[i].word && !strstr(err.message, cases[i].word)))
            fail_msg("%zu: %d, %s", i, (int)status, err.message);
        assert_null(strstr(err.message, cases[i].secret));
        bn_blobs_close(&blobs);
    }
    unlink(path);
}

/* Nobody listens there, or who does is no S3. */
static void a_wrong_endpoint_is_named(void **state)
{
    const fixture *self = *state;
    bn_error err = {0};
    bn_blobs *blobs;
    char address[400];
    assert_ok(open_at(self, "s3://bucket?endpoint=http://127.0.0.1:1", NULL, &blobs, &err), err);
    assert_int_equal(bn_blobs_check(blobs, &err), BIREFNET_ERROR_IO);
    assert_non_null(strstr(err.message, "cannot be reached"));
    bn_blobs_close(&blobs);
    snprintf(address, sizeof address, "s3://%s?endpoint=https%s", self->bucket, self->endpoint + 4);
    assert_ok(open_at(self, address, NULL, &blobs, &err), err);
    assert_int_not_equal(bn_blobs_check(blobs, &err), BIREFNET_OK); /* TLS where there is none */
    bn_blobs_close(&blobs);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(large_objects_go_in_pieces), SERVER_TEST(parts_are_joined_where_they_lie),
        SERVER_TEST(others_use_an_address),      SERVER_TEST(a_wrong_clock_is_set_right),
        SERVER_TEST(a_false_digest_is_refused),  SERVER_TEST(faults_of_an_operator_are_named),
        SERVER_TEST(a_wrong_endpoint_is_named),
    };
    if (!getenv("BN_TEST_FILES")) {
        puts("skipped: BN_TEST_FILES names no bucket");
        return 77;
    }
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
