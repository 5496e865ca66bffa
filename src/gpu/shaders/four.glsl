// four.glsl - reading and writing four elements at once: `element` and the map's step are multiples of four, the address of
// the slot is one of four elements.

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Floats4 { vec4 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Halves4 { f16vec4 v[]; };

vec4 load4(uint slot, uint type, uint element)
{
    element += gl_WorkGroupID.z * call.step[slot];
    return type == F16 ? vec4(Halves4(call.at[slot]).v[element / 4]) : Floats4(call.at[slot]).v[element / 4];
}

void store4(uint slot, uint type, uint element, vec4 value)
{
    element += gl_WorkGroupID.z * call.step[slot];
    if (type == F16)
        Halves4(call.at[slot]).v[element / 4] = f16vec4(saturate(value));
    else
        Floats4(call.at[slot]).v[element / 4] = value;
}

// The first `count` of four elements, zeros for the rest; by one load where `whole` says that the place allows it.
vec4 load_some(uint slot, uint type, uint element, uint count, bool whole)
{
    if (whole) return load4(slot, type, element);
    vec4 value = vec4(0.0);
    for (uint i = 0; i < min(count, 4); i++) value[i] = load(slot, type, element + i);
    return value;
}

void store_some(uint slot, uint type, uint element, vec4 value, uint count, bool whole)
{
    if (whole)
        store4(slot, type, element, value);
    else
        for (uint i = 0; i < min(count, 4); i++) store(slot, type, element + i, value[i]);
}
