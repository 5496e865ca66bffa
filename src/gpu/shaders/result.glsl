// result.glsl - what becomes of a product's sum: bias, what was there, activation. After call.glsl, with DST_TYPE.
#include "gelu.glsl"

#define RELU 1 // activation: bn_activation
#define GELU 2
#define ADD 4
#define BIAS 8

// Element `element` of slot `slot` from the sum of column `column`; flags: activation, ADD, BIAS (slot 2, float32).
void result_store(uint slot, uint flags, uint element, uint column, float sum)
{
    if ((flags & BIAS) != 0) sum += load(2, F32, column);
    if ((flags & ADD) != 0) sum += load(slot, DST_TYPE, element);
    if ((flags & 3) == RELU) sum = sum > 0.0 ? sum : 0.0; // 0 of what is not a number, as on CPUs
    if ((flags & 3) == GELU) sum = gelu(sum);
    store(slot, DST_TYPE, element, sum);
}
