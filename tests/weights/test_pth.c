/* test_pth.c - torch checkpoints made here, byte by byte: wrapped, odd and hostile ones. */
#include "tests/test.h"

#include "base/buffer.h"
#include "base/seeded.h"
#include "base/size.h"
#include "weights/weights.h"

#include <unistd.h>

/* How the archive around the pickle is spoilt, if at all. */
typedef enum archive_kind {
    PLAIN,
    ZIP64,
    COMPRESSED,
    ENCRYPTED,
    TWICE,
    BEYOND,
    BIG_ENDIAN_FILE,
    NO_PICKLE
} archive_kind;

static bn_error fault; /* of making the archives; a full buffer is a fault of the test */

static void put(bn_buffer *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        assert_ok(bn_buffer_append(out, &(uint8_t){i < 8 ? (uint8_t)(value >> (8 * i)) : 0}, 1, &fault),
                  fault);
}

static void put_text(bn_buffer *out, const char *text)
{
    assert_ok(bn_buffer_append(out, text, strlen(text), &fault), fault);
}

static void put_file(bn_buffer *out, bn_buffer *directory, const char *name, const void *bytes, size_t size,
                     archive_kind kind)
{
    const size_t offset = out->size + (kind == BEYOND ? 100000 : 0);
    put(out, 0x04034b50, 4);
    for (int i = 0; i < 11; i++) put(out, 0, 2); /* sizes are left to the directory, as torch does */
    put(out, strlen(name), 2);
    put(out, 3, 2);
    put_text(out, name);
    put(out, 0, 3);
    assert_ok(bn_buffer_append(out, bytes, size, &fault), fault);

    put(directory, 0x02014b50, 4);
    put(directory, 0, 4);
    put(directory, kind == ENCRYPTED ? 1 : 0, 2);
    put(directory, kind == COMPRESSED ? 8 : 0, 2);
    put(directory, 0, 8);
    put(directory, kind == ZIP64 ? UINT32_MAX : size, 4);
    put(directory, kind == ZIP64 ? UINT32_MAX : size, 4);
    put(directory, strlen(name), 2);
    put(directory, kind == ZIP64 ? 33 : 0, 2);
    put(directory, 0, 10);
    put(directory, kind == ZIP64 ? UINT32_MAX : offset, 4);
    put_text(directory, name);
    if (kind != ZIP64) return;
    put(directory, 0x9999, 2); /* an extra field of somebody else comes first */
    put(directory, 1, 2);
    put(directory, 7, 1);
    put(directory, 1, 2);
    put(directory, 24, 2);
    put(directory, size, 8);
    put(directory, size, 8);
    put(directory, offset, 8);
}

/* An archive of this pickle and of one storage data/0 of the floats 0, 1, ... 23. */
static void make_archive(bn_buffer *out, const void *pickle, size_t size, archive_kind kind)
{
    bn_buffer directory;
    bn_buffer_init(out, 1 << 24);
    bn_buffer_init(&directory, 1 << 20);
    float storage[24];
    for (int i = 0; i < 24; i++) storage[i] = (float)i;
    put_file(out, &directory, kind == NO_PICKLE ? "a/other" : "a/data.pkl", pickle, size, kind);
    put_file(out, &directory, "a/data/0", storage, sizeof storage, kind);
    if (kind == TWICE) put_file(out, &directory, "a/data/0", storage, sizeof storage, PLAIN);
    if (kind == BIG_ENDIAN_FILE) put_file(out, &directory, "a/byteorder", "big", 3, PLAIN);
    const uint64_t files = kind == TWICE || kind == BIG_ENDIAN_FILE ? 3 : 2, start = out->size;
    assert_ok(bn_buffer_append(out, directory.data, directory.size, &fault), fault);
    if (kind == ZIP64) {
        const uint64_t end64 = out->size;
        put(out, 0x06064b50, 4);
        put(out, 44, 8);
        put(out, 0, 12);
        put(out, files, 8);
        put(out, files, 8);
        put(out, directory.size, 8);
        put(out, start, 8);
        put(out, 0x07064b50, 4);
        put(out, 0, 4);
        put(out, end64, 8);
        put(out, 1, 4);
    }
    put(out, 0x06054b50, 4);
    put(out, 0, 4);
    put(out, kind == ZIP64 ? UINT16_MAX : files, 2);
    put(out, kind == ZIP64 ? UINT16_MAX : files, 2);
    put(out, kind == ZIP64 ? UINT32_MAX : directory.size, 4);
    put(out, kind == ZIP64 ? UINT32_MAX : start, 4);
    put(out, 0, 2);
    bn_buffer_free(&directory);
}

static bn_status open_pickle(const void *pickle, size_t size, archive_kind kind, bn_weights **weights,
                             bn_error *err)
{
    static bn_buffer archive; /* outlives the table */
    bn_buffer_free(&archive);
    make_archive(&archive, pickle, size, kind);
    return bn_weights_open_memory("made.pth", archive.data, archive.size, weights, err);
}

/* Pieces of pickles. A tensor of FloatStorage "0" with 24 elements; size and stride are opcodes of two tuples. */
#define STORAGE                                                                                              \
    "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                                                       \
    "0"                                                                                                      \
    "X\3\0\0\0"                                                                                              \
    "cpu"                                                                                                    \
    "K\30tQ"
#define TENSOR(offset, size, stride)                                                                         \
    "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE offset size stride "\x89"                                 \
    "ccollections\nOrderedDict\n)RtR"
#define SIMPLE  TENSOR("K\0", "K\4K\6\x86", "K\6K\1\x86")
#define PROTO   "\x80\2"
#define NAMED_X "X\1\0\0\0x"

typedef struct made_case {
    const char *pickle;
    size_t size;
    archive_kind kind;
    bn_status status;
    const char *words; /* of the message, or the tensor's name where it is read */
} made_case;

#define READ(pickle, kind, name)                                                                             \
    {                                                                                                        \
        pickle, sizeof pickle - 1, kind, BIREFNET_OK, name                                                   \
    }
#define REFUSED(pickle, words)                                                                               \
    {                                                                                                        \
        pickle, sizeof pickle - 1, PLAIN, BIREFNET_ERROR_FORMAT, words                                       \
    }
#define SPOILT(pickle, kind, status, text)                                                                   \
    {                                                                                                        \
        pickle, sizeof pickle - 1, kind, status, text                                                        \
    }

static void run_case(const made_case *one)
{
    bn_error err = {0};
    bn_weights *weights = NULL;
    const bn_status status = open_pickle(one->pickle, one->size, one->kind, &weights, &err);
    if (status != one->status) fail_msg("'%s': %d, not %d: %s", one->words, status, one->status, err.message);
    if (status != BIREFNET_OK) {
        assert_null(weights);
        if (strncmp(err.message, "made.pth: ", 10) != 0 || !strstr(err.message, one->words))
            fail_msg("'%s' does not say '%s'", err.message, one->words);
        return;
    }
    const bn_weight *weight = bn_weights_find(weights, one->words);
    if (!weight) fail_msg("no tensor %s", one->words);
    float read[24];
    assert_ok(bn_weight_read_f32(weight, read, &err), err);
    for (int i = 0; i < 24; i++) assert_true(read[i] == (float)i);
    bn_weights_close(&weights);
}

static void tables_are_found_inside_of_checkpoints(void **state)
{
    (void)state;
    const made_case cases[] = {
        READ(PROTO "}(" NAMED_X SIMPLE "u.", PLAIN, "x"),
        READ(PROTO "}(" NAMED_X SIMPLE "u.", ZIP64, "x"),
        /* {"epoch": 1, "best": {"state_dict": {"module.x": x}}} */
        READ(PROTO "}(X\5\0\0\0epochK\1X\4\0\0\0best}(X\12\0\0\0state_dict}(X\10\0\0\0module.x" SIMPLE "uuu.",
             PLAIN, "x"),
        /* {"ema": {"y": x}, "model": {"x": x}}: the usual name wins */
        READ(PROTO "}(X\3\0\0\0ema}(X\1\0\0\0y" SIMPLE "uX\5\0\0\0model}(" NAMED_X SIMPLE "uu.", PLAIN, "x"),
        /* an OrderedDict with the attribute _metadata, as nn.Module.state_dict() makes it */
        READ(PROTO "ccollections\nOrderedDict\n)R(" NAMED_X SIMPLE
                   "u}X\11\0\0\0_metadataccollections\nOrderedDict\n)Rsb.",
             PLAIN, "x"),
        /* protocol 4: frame, short texts, memoize, stack_global */
        READ("\x80\4\x95\1\0\0\0\0\0\0\0}\x94(\x8c\1x\x94\x8c\14torch._utils\x8c\22_rebuild_tensor_"
             "v2\x93(" STORAGE "K\0K\4K\6\x86K\6K\1\x86\x89NtRu.",
             PLAIN, "x"),
        /* a Parameter of a subclass: _rebuild_from_type_v2(_rebuild_parameter, Parameter, (x, True, None), {}) */
        READ(PROTO "}(" NAMED_X "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_parameter\n"
                   "ctorch.nn.parameter\nParameter\n" SIMPLE "\x88N\x87}tRu.",
             PLAIN, "x"),
    };
    for (size_t i = 0; i < BN_COUNT(cases); i++) run_case(&cases[i]);
}

static void hostile_pickles_are_refused(void **state)
{
    (void)state;
    const made_case cases[] = {
        REFUSED(PROTO "cos\nsystem\nX\2\0\0\0ls\x85R.", "refuses os.system"),
        REFUSED("\x80\4\x8c\10builtins\x8c\4eval\x93.", "refuses builtins.eval"),
        REFUSED(PROTO "(ios\nsystem\n.", "refuses os.system"),
        REFUSED(PROTO "c\33[2Jos\nsystem\n.", "refuses ?[2Jos.system"),
        REFUSED(PROTO "ctorch\nFloatStorage\n)R.", "cannot be called"),
        REFUSED(PROTO SIMPLE "}b.", "not a container"),
        REFUSED(PROTO "}(" NAMED_X, "ends in the middle"),
        REFUSED(PROTO "X\xff\xff\xff\xff"
                      "abc.",
                "ends in the middle"),
        REFUSED(PROTO "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
                      "abc.",
                "ends in the middle"),
        REFUSED(PROTO ".", "more from its stack"),
        REFUSED(PROTO "(.", "more from its stack"),
        REFUSED(PROTO "t.", "mark that is not there"),
        REFUSED(PROTO "h\0.", "never stored"),
        REFUSED(PROTO "}(Nu.", "key without a value"),
        REFUSED(PROTO "I1\n.", "refuses the opcode 0x49 at byte 2"),
        REFUSED(PROTO "\x8a\x09"
                      "123456789.",
                "more than 64 bits"),
        REFUSED(PROTO "cos", "name without an end"),
        REFUSED(PROTO "]q\0h\0a.", "no table of named tensors"), /* a list that contains itself */
        REFUSED(PROTO "}q\0X\5\0\0\0modelh\0s.",
                "no table of named tensors"), /* a table that contains itself */
        REFUSED(PROTO SIMPLE ".", "no table of named tensors"),
        REFUSED(PROTO "}(K\1" SIMPLE "u.", "name is not text"),
        REFUSED(PROTO "}(X\3\0\0\0a\0b" SIMPLE "u.", "zero byte in its name"),
        SPOILT(PROTO "Nr\xff\xff\xff\xff.", PLAIN, BIREFNET_ERROR_LIMIT, "too much"),
        SPOILT("\x80\1N.", PLAIN, BIREFNET_ERROR_UNSUPPORTED, "protocol 1"),
    };
    for (size_t i = 0; i < BN_COUNT(cases); i++) run_case(&cases[i]);
}

#define ONE(tensor) PROTO "}(" NAMED_X tensor "u."

static void tensors_outside_of_their_storage_are_refused(void **state)
{
    (void)state;
    const made_case cases[] = {
        REFUSED(ONE(TENSOR("K\1", "K\4K\6\x86", "K\6K\1\x86")), "tensor x: reaches beyond"),
        REFUSED(ONE(TENSOR("K\0", "K\4K\6\x86", "K\7K\1\x86")), "reaches beyond"),
        REFUSED(ONE(TENSOR("K\0", "K\5K\6\x86", "K\0K\1\x86")), "more elements than its storage"),
        REFUSED(ONE(TENSOR("K\0", "K\2\x85", "\x8a\10\xff\xff\xff\xff\xff\xff\xff\x7f\x85")),
                "reaches beyond"),
        REFUSED(ONE(TENSOR("K\0", "\x8a\10\0\0\0\0\0\0\0\x40K\5\x86", "K\0K\0\x86")), "more elements"),
        REFUSED(ONE(TENSOR("J\xff\xff\xff\xff", "K\1\x85", "K\1\x85")), "not known"),
        REFUSED(ONE(TENSOR("K\0", "J\xff\xff\xff\xff\x85", "K\1\x85")), "not sizes"),
        REFUSED(ONE(TENSOR("K\0", "K\2\x85", "K\1K\1\x86")), "not sizes"),
        REFUSED(ONE(TENSOR("K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", ")")), "more than 8"),
        REFUSED(ONE("ctorch._utils\n_rebuild_tensor_v2\n)R"), "tensor x: is described"),
        /* the archive has 24 elements of data/0, and no data/9 */
        REFUSED(PROTO "}(" NAMED_X
                      "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n"
                      "X\1\0\0\0"
                      "9"
                      "X\3\0\0\0"
                      "cpuK\1tQK\0))\x89NtRu.",
                "data/9 is not in the archive"),
        REFUSED(PROTO "}(" NAMED_X
                      "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n"
                      "X\1\0\0\0"
                      "0"
                      "X\3\0\0\0"
                      "cpuK\31tQK\0))\x89NtRu.",
                "data/0 has 96 bytes, fewer"),
        REFUSED(PROTO "}(" NAMED_X SIMPLE "X\1\0\0\0yctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storage"
                      "ctorch\nHalfStorage\nX\1\0\0\0"
                      "0"
                      "X\3\0\0\0"
                      "cpuK\30tQK\0))\x89NtRu.",
                "describes its storage 0 in two ways"),
    };
    for (size_t i = 0; i < BN_COUNT(cases); i++) run_case(&cases[i]);
}

static void spoilt_archives_are_refused(void **state)
{
    (void)state;
    const made_case cases[] = {
        SPOILT(ONE(SIMPLE), COMPRESSED, BIREFNET_ERROR_UNSUPPORTED,
               "a/data.pkl in the zip archive is compressed"),
        SPOILT(ONE(SIMPLE), ENCRYPTED, BIREFNET_ERROR_UNSUPPORTED, "encrypted"),
        SPOILT(ONE(SIMPLE), TWICE, BIREFNET_ERROR_FORMAT, "a/data/0 is in the zip archive twice"),
        SPOILT(ONE(SIMPLE), BEYOND, BIREFNET_ERROR_FORMAT, "a/data.pkl lies outside"),
        SPOILT(ONE(SIMPLE), BIG_ENDIAN_FILE, BIREFNET_ERROR_UNSUPPORTED, "big-endian"),
        SPOILT(ONE(SIMPLE), NO_PICKLE, BIREFNET_ERROR_FORMAT, "has no data.pkl"),
    };
    for (size_t i = 0; i < BN_COUNT(cases); i++) run_case(&cases[i]);
}

/* Millions of opcodes of one kind must end in an error, fast and without much memory. */
static void floods_of_opcodes_end_early(void **state)
{
    (void)state;
    const size_t size = 8 << 20;
    const char floods[] = {'(', '}', ']', ')', 'N', '2'};
    char *pickle = malloc(size);
    for (size_t i = 0; i < sizeof floods; i++) {
        memset(pickle, floods[i], size);
        memcpy(pickle, PROTO "N", 3);
        bn_error err = {0};
        bn_weights *weights = NULL;
        assert_int_equal(open_pickle(pickle, size, PLAIN, &weights, &err), BIREFNET_ERROR_LIMIT);
    }
    /* a tuple of everything so far, again and again: 1 + 2 + 3 + ... values */
    memcpy(pickle, PROTO "(", 3);
    for (size_t i = 3; i + 4 <= size; i += 4) memcpy(pickle + i, "(22t", 4);
    bn_error err = {0};
    bn_weights *weights = NULL;
    assert_int_not_equal(open_pickle(pickle, size, PLAIN, &weights, &err), BIREFNET_OK);
    free(pickle);
}

/* Every file cut off at every length, and every byte of it changed: never a crash, and a cut file never opens. */
static void damaged_archives_never_crash(void **state)
{
    (void)state;
    bn_buffer archive;
    make_archive(&archive, ONE(SIMPLE), sizeof ONE(SIMPLE) - 1, ZIP64);
    bn_error err = {0};
    bn_weights *weights = NULL;
    for (size_t size = 0; size < archive.size; size++)
        assert_int_not_equal(bn_weights_open_memory("cut", archive.data, size, &weights, &err), BIREFNET_OK);
    uint8_t *copy = malloc(archive.size);
    float read[24];
    for (size_t at = 0; at < archive.size; at++) {
        for (unsigned change = 1; change < 256; change *= 2) {
            memcpy(copy, archive.data, archive.size);
            copy[at] = (uint8_t)(copy[at] ^ change);
            if (bn_weights_open_memory("changed", copy, archive.size, &weights, &err) != BIREFNET_OK)
                continue;
            const bn_weight *weight = bn_weights_at(weights, 0);
            if (weight->count <= 24) (void)!bn_weight_read_f32(weight, read, &err);
            bn_weights_close(&weights);
        }
    }
    free(copy);
    bn_buffer_free(&archive);
}

static void nothing_in_a_pickle_is_run(void **state)
{
    (void)state;
    if (!reference_folder()) skip();
    char path[4096];
    snprintf(path, sizeof path, "%s/weights/evil-reduce.pth", reference_folder());
    const char *trace = "/tmp/pickle-was-executed"; /* the file that its shell command would make */
    unlink(trace);
    bn_error err = {0};
    bn_weights *weights = NULL;
    assert_int_equal(bn_weights_open(path, &weights, &err), BIREFNET_ERROR_FORMAT);
    assert_int_not_equal(access(trace, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_found_inside_of_checkpoints),
        cmocka_unit_test(hostile_pickles_are_refused),
        cmocka_unit_test(tensors_outside_of_their_storage_are_refused),
        cmocka_unit_test(spoilt_archives_are_refused),
        cmocka_unit_test(floods_of_opcodes_end_early),
        cmocka_unit_test(damaged_archives_never_crash),
        cmocka_unit_test(nothing_in_a_pickle_is_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
