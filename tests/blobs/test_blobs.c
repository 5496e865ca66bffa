/* test_blobs.c - what blobs.h promises: an object is whole or not there, limits hold, ranges are read, bytes are counted.
 * BN_TEST_FILES names the place, a folder of its own where it is not set. */
#include "tests/test.h"

#include "base/file.h"
#include "blobs/blobs.h"
#include "store/ids.h"
#include "store/store.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct fixture {
    char folder[64];
    bn_blobs *blobs;
} fixture;

static const char *place; /* BN_TEST_FILES */

/* Of what only a folder can do. */
static void need_folder(void)
{
    if (place) skip();
}

static void open_blobs(fixture *self)
{
    bn_error err = {0};
    char address[100], spool[100];
    snprintf(address, sizeof address, "folder:%s", self->folder);
    snprintf(spool, sizeof spool, "%s/incoming", self->folder);
    const bn_blobs_options options = {.max_file_bytes = 1000,
                                      .max_total_bytes = 2000 + 6 * BN_STORED_COST,
                                      .max_upload_bytes = 1500 + 5 * BN_STORED_COST,
                                      .spool = place ? spool : NULL};
    assert_ok(bn_blobs_open(place ? place : address, &options, &self->blobs, &err), err);
}

static int set_up(void **state)
{
    fixture *self = calloc(1, sizeof *self);
    strcpy(self->folder, "/tmp/bn_blobs_XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    open_blobs(self);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture *self = *state;
    char command[120];
    bn_blobs_close(&self->blobs);
    snprintf(command, sizeof command, "rm -r %s", self->folder);
    assert_int_equal(system(command), 0);
    free(self);
    return 0;
}

static void make(fixture *self, const char *text, char object[BN_FILE_ID_CHARS], bn_blob *blob)
{
    bn_error err = {0};
    bn_id_make(object);
    assert_ok(bn_blobs_write(self->blobs, object, text, strlen(text), blob, &err), err);
}

static bool is_there(fixture *self, const char *object)
{
    bn_blob_reader reader;
    if (bn_blob_open(self->blobs, object, &reader, NULL) != BIREFNET_OK) return false;
    bn_blob_close(&reader);
    return true;
}

static void what_was_written_is_read_in_ranges(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob blob, again;
    bn_blob_reader reader;
    char object[BN_FILE_ID_CHARS], other[BN_FILE_ID_CHARS], text[20] = "";
    size_t got;
    make(self, "one two three", object, &blob);
    make(self, "one two three", other, &again);
    assert_int_equal(blob.size, 13);
    assert_string_equal(blob.etag, again.etag);
    assert_int_equal(bn_blobs_bytes(self->blobs), 26 + 2 * BN_STORED_COST);
    assert_ok(bn_blob_open(self->blobs, object, &reader, &err), err);
    assert_ok(bn_blob_read(&reader, 4, text, 3, &got, &err), err);
    assert_int_equal(got, 3);
    assert_string_equal(text, "two");
    assert_ok(bn_blob_read(&reader, 8, text, 19, &got, &err), err);
    assert_int_equal(got, 5);
    assert_ok(bn_blob_read(&reader, 13, text, 19, &got, &err), err);
    assert_int_equal(got, 0);
    bn_blob_close(&reader);
    bn_blobs_remove(self->blobs, object);
    bn_blobs_remove(self->blobs, object); /* nothing is there any more */
    assert_false(is_there(self, object));
    assert_true(is_there(self, other));
    assert_int_equal(bn_blobs_bytes(self->blobs), 13 + BN_STORED_COST);
}

static void it_is_whole_or_not_there(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob blob;
    bn_blob_writer writer;
    char object[BN_FILE_ID_CHARS];
    bn_id_make(object);
    assert_ok(bn_blob_create(self->blobs, object, BN_BLOB_RESULT, &writer, &err), err);
    assert_ok(bn_blob_append(&writer, "half", 4, &err), err);
    assert_false(is_there(self, object));
    assert_int_equal(bn_blob_seal(&writer, BIREFNET_ERROR_CANCELLED, &blob, &err), BIREFNET_ERROR_CANCELLED);
    assert_false(is_there(self, object));
    assert_int_equal(bn_blobs_bytes(self->blobs), 0);
    assert_ok(bn_blob_create(self->blobs, object, BN_BLOB_RESULT, &writer, &err), err);
    assert_ok(bn_blob_append(&writer, "half", 4, &err), err);
    if (place) bn_blob_seal(&writer, BIREFNET_ERROR_CANCELLED, &blob, &err); /* what is not sent is memory */
    bn_blobs_close(&self->blobs); /* as a crash would: it was not sealed */
    open_blobs(self);
    assert_false(is_there(self, object));
    make(self, "", object, &blob); /* an empty one is one, too */
    assert_true(is_there(self, object));
}

static void limits_hold_while_it_grows(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob blob;
    bn_blob_writer writer;
    char object[BN_FILE_ID_CHARS], text[901];
    memset(text, 'x', 900);
    text[900] = '\0';
    for (int i = 0; i < 3; i++) assert_ok(bn_blobs_add_row(self->blobs, BN_BLOB_UPLOAD, &err), err);
    bn_id_make(object);
    assert_ok(bn_blob_create(self->blobs, object, BN_BLOB_RESULT, &writer, &err), err);
    assert_ok(bn_blob_append(&writer, text, 900, &err), err);
    const bn_status status = bn_blob_append(&writer, text, 200, &err);
    assert_int_equal(status, BIREFNET_ERROR_LIMIT); /* of one file */
    assert_int_equal(bn_blob_seal(&writer, status, &blob, &err), BIREFNET_ERROR_LIMIT);
    make(self, text, object, &blob);
    const int fd = bn_file_open_nameless(bn_blobs_spool(self->blobs));
    assert_int_equal(write(fd, text, 700), 700);
    bn_id_make(object);
    assert_int_equal(bn_blobs_adopt(self->blobs, object, fd, &blob, &err),
                     BIREFNET_ERROR_LIMIT); /* of uploads */
    close(fd);
    make(self, text, object, &blob); /* results have the rest */
    bn_id_make(object);
    assert_int_equal(bn_blobs_write(self->blobs, object, text, 300, &blob, &err), BIREFNET_ERROR_LIMIT);
    assert_false(bn_blobs_has_room(self->blobs, 201));
    assert_true(bn_blobs_has_room(self->blobs, 200));
    assert_int_equal(bn_blobs_add_row(self->blobs, BN_BLOB_UPLOAD, &err), BIREFNET_ERROR_LIMIT);
    assert_true(bn_blobs_has_room(self->blobs, 200)); /* it is not counted */
    bn_blobs_drop_row(self->blobs);
    assert_true(bn_blobs_has_room(self->blobs, 200 + BN_STORED_COST));
    assert_false(bn_blobs_failing(self->blobs)); /* a limit is no fault of the disk */
}

static void files_that_arrive_are_taken_over(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob blob, written;
    char object[BN_FILE_ID_CHARS], reference[BN_FILE_ID_CHARS], path[120];
    make(self, "a photo", reference, &written);
    const int nameless = bn_file_open_nameless(bn_blobs_spool(self->blobs));
    assert_int_equal(write(nameless, "a photo", 7), 7);
    bn_id_make(object);
    assert_ok(bn_blobs_adopt(self->blobs, object, nameless, &blob, &err), err);
    assert_string_equal(blob.etag, written.etag);
    assert_true(is_there(self, object));
    snprintf(path, sizeof path, "%s/named", self->folder);
    FILE *named = fopen(path, "w+"); /* cannot be linked without taking it away: it is copied */
    assert_non_null(named);
    fputs("a photo", named);
    fflush(named);
    bn_id_make(object);
    assert_ok(bn_blobs_adopt(self->blobs, object, fileno(named), &blob, &err), err);
    assert_int_equal(blob.size, 7);
    assert_string_equal(blob.etag, written.etag);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(bn_blobs_bytes(self->blobs), 21 + 3 * BN_STORED_COST);
    fclose(named);
    close(nameless);
}

static bn_object_standing is_it(void *user, const char *object)
{
    return strcmp(user, object) == 0 ? BN_OBJECT_KNOWN : BN_OBJECT_UNKNOWN;
}

static bn_object_standing nobody_says(void *user, const char *object)
{
    (void)user, (void)object;
    return BN_OBJECT_IN_DOUBT;
}

static void what_nobody_knows_is_removed(void **state)
{
    fixture *self = *state;
    bn_blob blob;
    char kept[BN_FILE_ID_CHARS], other[BN_FILE_ID_CHARS];
    need_folder();
    make(self, "kept", kept, &blob);
    make(self, "other", other, &blob);
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "us", is_it, kept), 0);
    assert_true(is_there(self, kept));
    assert_false(is_there(self, other));
}

/* Whoever starts with another store, which knows none of them, does not lose those of the right one. */
static void what_another_store_knows_stays(void **state)
{
    fixture *self = *state;
    bn_blob blob;
    char old[BN_FILE_ID_CHARS], young[BN_FILE_ID_CHARS], nobody[BN_FILE_ID_CHARS] = "";
    need_folder();
    make(self, "old", old, &blob);
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "moved to", is_it, nobody),
                     1); /* of a program that said nothing */
    make(self, "young", young, &blob);
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "moved to", is_it, young), 1);
    assert_true(is_there(self, old));
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "us", is_it, old), 1);
    assert_true(is_there(self, young) && is_there(self, old));
}

static void a_folder_that_is_ours_stays_ours(void **state)
{
    fixture *self = *state;
    bn_blob blob;
    char left[BN_FILE_ID_CHARS], nobody[BN_FILE_ID_CHARS] = "";
    need_folder();
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "us", is_it, nobody), 0);
    make(self, "left", left, &blob);
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "a wrong one", is_it, nobody), 1);
    assert_true(is_there(self, left));
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "us", is_it, left), 0);
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "us", is_it, nobody), 0);
    assert_false(is_there(self, left));
}

/* A wrong store that fails while it is asked has not said that it knows them all. */
static void a_store_that_does_not_answer_takes_nothing_over(void **state)
{
    fixture *self = *state;
    bn_blob blob;
    char ours[BN_FILE_ID_CHARS], nobody[BN_FILE_ID_CHARS] = "";
    need_folder();
    make(self, "ours", ours, &blob);
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "us", is_it, ours), 0);
    bn_blobs_remove_unknown(self->blobs, "a wrong one", nobody_says, NULL);
    assert_int_equal(bn_blobs_remove_unknown(self->blobs, "a wrong one", is_it, nobody), 1);
    assert_true(is_there(self, ours));
}

/* What was left behind is not counted before it goes; fewer than no bytes would be no room for anybody. */
static void what_was_not_counted_takes_no_room_away(void **state)
{
    fixture *self = *state;
    bn_blob blob;
    char counted[BN_FILE_ID_CHARS], left[BN_FILE_ID_CHARS];
    make(self, "12345", counted, &blob);
    make(self, "left behind", left, &blob);
    bn_blobs_set_bytes(self->blobs, 5 + BN_STORED_COST);
    bn_blobs_remove(self->blobs, left);
    assert_int_equal(bn_blobs_bytes(self->blobs), 0);
    assert_true(bn_blobs_has_room(self->blobs, 1000));
    bn_blobs_remove(self->blobs, counted);
    assert_int_equal(bn_blobs_bytes(self->blobs), 0);
}

static void a_fault_is_known_until_a_write_succeeds(void **state)
{
    fixture *self = *state;
    bn_blob blob;
    char object[BN_FILE_ID_CHARS];
    struct rlimit whole, small;
    need_folder();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    small = whole;
    small.rlim_cur = 0; /* as on a full disk, every write fails */
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bn_id_make(object);
    const bn_status status = bn_blobs_write(self->blobs, object, "x", 1, &blob, NULL);
    bn_blobs_probe(self->blobs);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_int_equal(status, BIREFNET_ERROR_IO);
    assert_true(bn_blobs_failing(self->blobs));
    assert_false(is_there(self, object));
    bn_blobs_probe(self->blobs);
    assert_false(bn_blobs_failing(self->blobs));
    assert_int_equal(bn_blobs_bytes(self->blobs), 0);
}

static void addresses_name_their_kind(void **state)
{
    (void)state;
    bn_error err = {0};
    bn_blobs *blobs;
    const bn_blobs_options options = {.max_file_bytes = 1};
    assert_int_equal(bn_blobs_open("/tmp", &options, &blobs, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(bn_blobs_open("ftp:x", &options, &blobs, &err), BIREFNET_ERROR_ARGUMENT);
    assert_int_equal(bn_blobs_open("s3://a", &options, &blobs, &err), BIREFNET_ERROR_ARGUMENT);
}

static void parts_are_joined(void **state)
{
    fixture *self = *state;
    bn_error err = {0};
    bn_blob blob, parts[3];
    bn_blob_reader reader;
    char objects[3][BN_FILE_ID_CHARS], object[BN_FILE_ID_CHARS], text[20] = "";
    size_t got;
    make(self, "one ", objects[0], &parts[0]);
    make(self, "", objects[1], &parts[1]);
    make(self, "two", objects[2], &parts[2]);
    bn_blob_part list[3];
    for (int i = 0; i < 3; i++)
        list[i] = (bn_blob_part){.object = objects[i], .size = parts[i].size, .etag = parts[i].etag};
    bn_id_make(object);
    assert_ok(bn_blobs_join(self->blobs, object, list, 3, &blob, &err), err);
    assert_int_equal(blob.size, 7);
    assert_int_equal(bn_blobs_bytes(self->blobs), 14 + 4 * BN_STORED_COST);
    assert_ok(bn_blob_open(self->blobs, object, &reader, &err), err);
    assert_ok(bn_blob_read(&reader, 0, text, 19, &got, &err), err);
    assert_string_equal(text, "one two");
    bn_blob_close(&reader);
    assert_true(is_there(self, objects[0])); /* the parts stay */
    list[0].size = 9;                        /* as it was when it came: what is there was cut short */
    bn_id_make(object);
    assert_int_equal(bn_blobs_join(self->blobs, object, list, 3, &blob, &err), BIREFNET_ERROR_IO);
    assert_false(is_there(self, object));
    list[0].size = 4;
    list[0].object = "00000000000000000000000000000000";
    bn_id_make(object);
    assert_int_equal(bn_blobs_join(self->blobs, object, list, 3, &blob, &err), BIREFNET_ERROR_NOT_FOUND);
    assert_false(is_there(self, object));
}

#define BLOBS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BLOBS_TEST(what_was_written_is_read_in_ranges),
        BLOBS_TEST(it_is_whole_or_not_there),
        BLOBS_TEST(limits_hold_while_it_grows),
        BLOBS_TEST(files_that_arrive_are_taken_over),
        BLOBS_TEST(parts_are_joined),
        BLOBS_TEST(what_nobody_knows_is_removed),
        BLOBS_TEST(what_another_store_knows_stays),
        BLOBS_TEST(a_folder_that_is_ours_stays_ours),
        BLOBS_TEST(a_store_that_does_not_answer_takes_nothing_over),
        BLOBS_TEST(what_was_not_counted_takes_no_room_away),
        BLOBS_TEST(a_fault_is_known_until_a_write_succeeds),
        cmocka_unit_test(addresses_name_their_kind),
    };
    place = getenv("BN_TEST_FILES");
    if (sodium_init() < 0) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
