/* pickle.c - the pickle machine: a stack, a memo, and one small function for each family of opcodes.
 *
 * Opcodes are those of protocols 2 to 5 that tensors need, as Python's pickletools documents them. */
#include "weights/pickle.h"

#include "base/size.h"
#include "weights/table.h"

#include <stdlib.h>
#include <string.h>

/* A checkpoint with an optimizer's state has some 100,000 values. */
#define MAX_VALUES (1u << 22) /* in all containers together */
#define MAX_DEPTH  (1u << 20) /* of the stack, and entries of the memo */
#define MAX_NODES  (1u << 20)

typedef bn_pickle_value value;

typedef struct list {
    value *values;
    size_t count, capacity;
} list;

typedef struct machine {
    const uint8_t *at, *end;
    const bn_pickle_global *listed;
    size_t listed_count;
    bn_pickle *pickle;
    list stack, memo;
    size_t values, nodes; /* so far */
    bool stopped;
} machine;

static bn_status fail(bn_error *err, const char *fault)
{
    return bn_fail(err, BIREFNET_ERROR_FORMAT, "its pickle %s", fault);
}

/* ---- reading and the stack ---- */

static bn_status take(machine *m, size_t count, const uint8_t **bytes, bn_error *err)
{
    if (count > (size_t)(m->end - m->at)) return fail(err, "ends in the middle: the file is truncated");
    *bytes = m->at;
    m->at += count;
    return BIREFNET_OK;
}

static bn_status take_number(machine *m, size_t count, uint64_t *number, bn_error *err)
{
    const uint8_t *bytes = NULL;
    BN_TRY(take(m, count, &bytes, err));
    *number = 0;
    for (size_t i = count; i-- > 0;) *number = *number << 8 | bytes[i];
    return BIREFNET_OK;
}

/* Make room for `count` values in all; new ones are NONE. */
static bn_status grow(list *grown, size_t count, bn_error *err)
{
    if (count > MAX_DEPTH)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "its pickle holds too much for a checkpoint");
    if (count <= grown->capacity) return BIREFNET_OK;
    const size_t capacity = BN_MAX(BN_MAX(2 * grown->capacity, count), 64);
    value *values = realloc(grown->values, capacity * sizeof *values);
    if (!values) return bn_fail_memory(err, capacity * sizeof *values, "a pickle");
    memset(values + grown->capacity, 0, (capacity - grown->capacity) * sizeof *values);
    grown->values = values;
    grown->capacity = capacity;
    return BIREFNET_OK;
}

static bn_status push(machine *m, value pushed, bn_error *err)
{
    BN_TRY(grow(&m->stack, m->stack.count + 1, err));
    m->stack.values[m->stack.count++] = pushed;
    return BIREFNET_OK;
}

static bn_status pop(machine *m, value *popped, bn_error *err)
{
    if (m->stack.count == 0 || m->stack.values[m->stack.count - 1].kind == BN_PICKLE_MARK)
        return fail(err, "takes more from its stack than there is");
    *popped = m->stack.values[--m->stack.count];
    return BIREFNET_OK;
}

/* Take off everything down to the last mark: it stays readable at *values until the next push. */
static bn_status pop_to_mark(machine *m, const value **values, size_t *count, bn_error *err)
{
    size_t mark = m->stack.count;
    while (mark > 0 && m->stack.values[mark - 1].kind != BN_PICKLE_MARK) mark--;
    if (mark == 0) return fail(err, "looks for a mark that is not there");
    *values = m->stack.values + mark;
    *count = m->stack.count - mark;
    m->stack.count = mark - 1;
    return BIREFNET_OK;
}

/* The value that now lies on top, as a container to be filled. */
static bn_status top_node(machine *m, bn_pickle_kind kind, bn_pickle_node **node, bn_error *err)
{
    if (m->stack.count == 0 || m->stack.values[m->stack.count - 1].kind != kind)
        return fail(err, "fills something that is not a container of that kind");
    *node = m->stack.values[m->stack.count - 1].node;
    return BIREFNET_OK;
}

/* ---- containers ---- */

static bn_status node_append(machine *m, bn_pickle_node *node, const value *values, size_t count,
                             bn_error *err)
{
    if (count > MAX_VALUES - m->values)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "its pickle holds too much for a checkpoint");
    m->values += count;
    if (count > node->capacity - node->count) {
        const size_t capacity = BN_MAX(node->count + count, node->count > 0 ? 2 * (size_t)node->capacity : 0);
        value *items = realloc(node->items, capacity * sizeof *items);
        if (!items) return bn_fail_memory(err, capacity * sizeof *items, "a pickle");
        node->items = items;
        node->capacity = (uint32_t)capacity;
    }
    if (count > 0) memcpy(node->items + node->count, values, count * sizeof *values);
    node->count += (uint32_t)count;
    return BIREFNET_OK;
}

static bn_status make_node(machine *m, bn_pickle_kind kind, value *made, bn_error *err)
{
    if (++m->nodes > MAX_NODES)
        return bn_fail(err, BIREFNET_ERROR_LIMIT, "its pickle holds too much for a checkpoint");
    bn_pickle_node *node = calloc(1, sizeof *node);
    if (!node) return bn_fail_memory(err, sizeof *node, "a pickle");
    node->kind = kind;
    node->next = m->pickle->nodes;
    m->pickle->nodes = node;
    *made = (value){.kind = kind, .node = node};
    return BIREFNET_OK;
}

static bn_status push_node(machine *m, bn_pickle_kind kind, const value *values, size_t count, bn_error *err)
{
    value made = {0};
    BN_TRY(make_node(m, kind, &made, err));
    BN_TRY(node_append(m, made.node, values, count, err));
    return push(m, made, err);
}

/* ---- opcodes, by family ---- */

static bn_status do_header(machine *m, uint8_t opcode, bn_error *err) /* PROTO, FRAME */
{
    uint64_t number = 0;
    BN_TRY(take_number(m, opcode == 0x80 ? 1 : 8, &number, err));
    if (opcode == 0x80 && (number < 2 || number > 5))
        return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED, "its pickle has protocol %u; 2 to 5 are known",
                       (unsigned)number);
    return BIREFNET_OK;
}

static bn_status do_stop(machine *m, uint8_t opcode, bn_error *err)
{
    (void)opcode;
    m->stopped = true;
    return pop(m, &m->pickle->root, err);
}

static bn_status do_stack(machine *m, uint8_t opcode, bn_error *err) /* MARK, POP, POP_MARK, DUP */
{
    value top = {0};
    size_t count = 0;
    const value *values = NULL;
    if (opcode == '(') return push(m, (value){.kind = BN_PICKLE_MARK}, err);
    if (opcode == '1') return pop_to_mark(m, &values, &count, err);
    BN_TRY(pop(m, &top, err));
    if (opcode == '0') return BIREFNET_OK;
    BN_TRY(push(m, top, err));
    return push(m, top, err);
}

static bn_status do_constant(machine *m, uint8_t opcode, bn_error *err) /* NONE, NEWTRUE, NEWFALSE */
{
    if (opcode == 'N') return push(m, (value){.kind = BN_PICKLE_NONE}, err);
    return push(m, (value){.kind = BN_PICKLE_BOOL, .integer = opcode == 0x88}, err);
}

static bn_status do_int(machine *m, uint8_t opcode, bn_error *err) /* BININT1, BININT2, BININT, LONG1 */
{
    uint64_t count = opcode == 'K' ? 1 : opcode == 'M' ? 2 : 4, number = 0;
    if (opcode == 0x8a) BN_TRY(take_number(m, 1, &count, err));
    if (count > 8) return fail(err, "has a whole number of more than 64 bits");
    BN_TRY(take_number(m, (size_t)count, &number, err));
    const bool is_signed = opcode == 'J' || opcode == 0x8a;
    if (is_signed && count > 0 && count < 8 && number >> (8 * count - 1)) number |= UINT64_MAX << (8 * count);
    return push(m, (value){.kind = BN_PICKLE_INT, .integer = (int64_t)number}, err);
}

static bn_status do_float(machine *m, uint8_t opcode,
                          bn_error *err) /* BINFLOAT: big endian, alone in this format */
{
    (void)opcode;
    uint64_t bits = 0;
    value made = {.kind = BN_PICKLE_FLOAT};
    BN_TRY(take_number(m, 8, &bits, err));
    bits = __builtin_bswap64(bits);
    memcpy(&made.number, &bits, sizeof bits);
    return push(m, made, err);
}

static bn_status do_text(machine *m, uint8_t opcode,
                         bn_error *err) /* texts and bytes, with 1, 4 or 8 bytes of length */
{
    const bool tiny = opcode == 0x8c || opcode == 'U' || opcode == 'C',
               huge = opcode == 0x8d || opcode == 0x8e;
    uint64_t length = 0;
    const uint8_t *bytes = NULL;
    BN_TRY(take_number(m, tiny ? 1 : huge ? 8 : 4, &length, err));
    BN_TRY(take(m, length > SIZE_MAX ? SIZE_MAX : (size_t)length, &bytes, err));
    if (length > UINT32_MAX) return fail(err, "has a text of more than 4 GiB");
    return push(m, (value){.kind = BN_PICKLE_TEXT, .length = (uint32_t)length, .text = (const char *)bytes},
                err);
}

static bn_status do_empty(machine *m, uint8_t opcode, bn_error *err) /* EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT */
{
    const bn_pickle_kind kind = opcode == ')'   ? BN_PICKLE_TUPLE
                                : opcode == ']' ? BN_PICKLE_LIST
                                                : BN_PICKLE_DICT;
    return push_node(m, kind, NULL, 0, err);
}

static bn_status do_tuple(machine *m, uint8_t opcode, bn_error *err) /* TUPLE, TUPLE1, TUPLE2, TUPLE3 */
{
    value few[3] = {0};
    const value *values = few;
    size_t count = (size_t)(opcode - 0x84);
    if (opcode == 't')
        BN_TRY(pop_to_mark(m, &values, &count, err));
    else
        for (size_t i = count; i-- > 0;) BN_TRY(pop(m, &few[i], err));
    return push_node(m, BN_PICKLE_TUPLE, values, count, err);
}

static bn_status do_fill(machine *m, uint8_t opcode, bn_error *err) /* APPEND, APPENDS, SETITEM, SETITEMS */
{
    value few[2] = {0};
    const value *values = few;
    size_t count = opcode == 'a' ? 1 : 2;
    if (opcode == 'e' || opcode == 'u')
        BN_TRY(pop_to_mark(m, &values, &count, err));
    else
        for (size_t i = count; i-- > 0;) BN_TRY(pop(m, &few[i], err));
    const bn_pickle_kind kind = opcode == 'a' || opcode == 'e' ? BN_PICKLE_LIST : BN_PICKLE_DICT;
    bn_pickle_node *node = NULL;
    BN_TRY(top_node(m, kind, &node, err));
    if (kind == BN_PICKLE_DICT && count % 2 != 0) return fail(err, "has a key without a value");
    return node_append(m, node, values, count, err);
}

static bn_status do_put(machine *m, uint8_t opcode, bn_error *err) /* BINPUT, LONG_BINPUT, MEMOIZE */
{
    uint64_t index = m->memo.count;
    value top = {0};
    if (opcode != 0x94) BN_TRY(take_number(m, opcode == 'q' ? 1 : 4, &index, err));
    BN_TRY(pop(m, &top, err));
    BN_TRY(push(m, top, err));
    BN_TRY(grow(&m->memo, (size_t)index + 1, err));
    m->memo.count = BN_MAX(m->memo.count, (size_t)index + 1);
    m->memo.values[index] = top;
    return BIREFNET_OK;
}

static bn_status do_get(machine *m, uint8_t opcode, bn_error *err) /* BINGET, LONG_BINGET */
{
    uint64_t index = 0;
    BN_TRY(take_number(m, opcode == 'h' ? 1 : 4, &index, err));
    if (index >= m->memo.count) return fail(err, "refers to a value that it never stored");
    return push(m, m->memo.values[index], err);
}

/* ---- names and calls ---- */

static bool is_text(const value *text, const char *expected)
{
    return text->kind == BN_PICKLE_TEXT && text->length == strlen(expected) &&
           memcmp(text->text, expected, text->length) == 0;
}

static bn_status find_global(const machine *m, const value *module, const value *name, value *found,
                             bn_error *err)
{
    for (size_t i = 0; i < m->listed_count; i++) {
        if (!is_text(module, m->listed[i].module) || !is_text(name, m->listed[i].name)) continue;
        *found = (value){.kind = BN_PICKLE_GLOBAL, .global = &m->listed[i]};
        return BIREFNET_OK;
    }
    return bn_fail(
        err, BIREFNET_ERROR_FORMAT,
        "refuses %s.%s: the pickle asks for something that no table of tensors needs (nothing was run)",
        bn_show(module->text, module->length).text, bn_show(name->text, name->length).text);
}

static bn_status take_line(machine *m, value *line, bn_error *err)
{
    const uint8_t *end = m->at < m->end ? memchr(m->at, '\n', (size_t)(m->end - m->at)) : NULL;
    if (!end || end - m->at > 1000) return fail(err, "has a name without an end");
    *line = (value){.kind = BN_PICKLE_TEXT, .length = (uint32_t)(end - m->at), .text = (const char *)m->at};
    m->at = end + 1;
    return BIREFNET_OK;
}

static bn_status do_global(machine *m, uint8_t opcode, bn_error *err) /* GLOBAL, INST, STACK_GLOBAL */
{
    value module = {0}, name = {0}, found = {0};
    if (opcode == 0x93) {
        BN_TRY(pop(m, &name, err));
        BN_TRY(pop(m, &module, err));
        if (module.kind != BN_PICKLE_TEXT || name.kind != BN_PICKLE_TEXT)
            return fail(err, "asks for a name that is not text");
    } else {
        BN_TRY(take_line(m, &module, err));
        BN_TRY(take_line(m, &name, err));
    }
    BN_TRY(find_global(m, &module, &name, &found, err));
    if (opcode == 'i') return fail(err, "makes objects in the way of Python 1");
    return push(m, found, err);
}

static bn_status do_call(machine *m, uint8_t opcode, bn_error *err) /* REDUCE, NEWOBJ */
{
    (void)opcode;
    value arguments = {0}, callee = {0}, made = {0};
    BN_TRY(pop(m, &arguments, err));
    BN_TRY(pop(m, &callee, err));
    if (callee.kind != BN_PICKLE_GLOBAL || arguments.kind != BN_PICKLE_TUPLE ||
        callee.global->makes == BN_PICKLE_NONE)
        return fail(err, "calls something that cannot be called");
    if (callee.global->makes == BN_PICKLE_DICT) {
        if (arguments.node->count > 0) return fail(err, "makes a table in a way that is not known");
        return push_node(m, BN_PICKLE_DICT, NULL, 0, err);
    }
    BN_TRY(make_node(m, BN_PICKLE_CALL, &made, err));
    BN_TRY(node_append(m, made.node, &callee, 1, err));
    BN_TRY(node_append(m, made.node, arguments.node->items, arguments.node->count, err));
    return push(m, made, err);
}

/* BUILD sets attributes; a table's (torch puts version numbers in `_metadata`) are of no interest. */
static bn_status do_build(machine *m, uint8_t opcode, bn_error *err)
{
    (void)opcode;
    value state = {0};
    bn_pickle_node *node = NULL;
    BN_TRY(pop(m, &state, err));
    return top_node(m, BN_PICKLE_DICT, &node, err);
}

static bn_status do_persistent(machine *m, uint8_t opcode, bn_error *err) /* BINPERSID */
{
    (void)opcode;
    value id = {0};
    BN_TRY(pop(m, &id, err));
    return push_node(m, BN_PICKLE_PERSISTENT, &id, 1, err);
}

static bn_status (*const opcodes[256])(machine *m, uint8_t opcode, bn_error *err) = {
    [0x80] = do_header,   [0x95] = do_header,    ['.'] = do_stop,  ['('] = do_stack,
    ['0'] = do_stack,     ['1'] = do_stack,      ['2'] = do_stack, ['N'] = do_constant,
    [0x88] = do_constant, [0x89] = do_constant,  ['J'] = do_int,   ['K'] = do_int,
    ['M'] = do_int,       [0x8a] = do_int,       ['G'] = do_float, ['X'] = do_text,
    [0x8c] = do_text,     [0x8d] = do_text,      ['U'] = do_text,  ['T'] = do_text,
    ['C'] = do_text,      ['B'] = do_text,       [0x8e] = do_text, [')'] = do_empty,
    [']'] = do_empty,     ['}'] = do_empty,      ['t'] = do_tuple, [0x85] = do_tuple,
    [0x86] = do_tuple,    [0x87] = do_tuple,     ['a'] = do_fill,  ['e'] = do_fill,
    ['s'] = do_fill,      ['u'] = do_fill,       ['q'] = do_put,   ['r'] = do_put,
    [0x94] = do_put,      ['h'] = do_get,        ['j'] = do_get,   ['c'] = do_global,
    ['i'] = do_global,    [0x93] = do_global,    ['R'] = do_call,  [0x81] = do_call,
    ['b'] = do_build,     ['Q'] = do_persistent,
};

bn_status bn_pickle_load(const uint8_t *bytes, size_t size, const bn_pickle_global *listed,
                         size_t listed_count, bn_pickle *pickle, size_t *used, bn_error *err)
{
    *pickle = (bn_pickle){0};
    machine m = {
        .at = bytes, .end = bytes + size, .listed = listed, .listed_count = listed_count, .pickle = pickle};
    bn_status status = BIREFNET_OK;
    while (status == BIREFNET_OK && !m.stopped) {
        const uint8_t *opcode = NULL;
        status = take(&m, 1, &opcode, err);
        if (status == BIREFNET_OK && opcodes[*opcode])
            status = opcodes[*opcode](&m, *opcode, err);
        else if (status == BIREFNET_OK)
            status =
                bn_fail(err, BIREFNET_ERROR_FORMAT, "refuses the opcode 0x%02x at byte %zu of its pickle",
                        *opcode, (size_t)(opcode - bytes));
    }
    free(m.stack.values);
    free(m.memo.values);
    if (status != BIREFNET_OK) bn_pickle_free(pickle);
    if (status == BIREFNET_OK && used) *used = (size_t)(m.at - bytes);
    return status;
}

void bn_pickle_free(bn_pickle *pickle)
{
    for (bn_pickle_node *node = pickle->nodes; node;) {
        bn_pickle_node *next = node->next;
        free(node->items);
        free(node);
        node = next;
    }
    *pickle = (bn_pickle){0};
}
