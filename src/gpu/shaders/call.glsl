// call.glsl - what every kernel is called with (bn_gpu_call), and reading and writing by address.
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_control_flow_attributes : require

layout(push_constant) uniform Call {
    uvec2 at[6];     // addresses; 0: none
    uint step[6];    // elements from one picture of a batch to the next
    uint number[14]; // sizes, strides, bits of floats
} call;

#define F32 0 // bn_type
#define F16 2

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float v[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) buffer Halves { float16_t v[]; };

// Elements of slot `slot`, whose type is `type` (a specialisation constant: the branch costs nothing), counted from the first
// of this invocation's picture.
float load(uint slot, uint type, uint element)
{
    element += gl_WorkGroupID.z * call.step[slot];
    return type == F16 ? float(Halves(call.at[slot]).v[element]) : Floats(call.at[slot]).v[element];
}

// What float16 can hold. What is not a number stays so, and is told by its bits: drivers may take it that comparisons never meet
// one (an H200's made -65504 of it).
float saturate(float value)
{
    const bool is_number = (floatBitsToUint(value) & 0x7fffffffu) <= 0x7f800000u;
    return is_number ? clamp(value, -65504.0, 65504.0) : value;
}

vec4 saturate(vec4 value)
{
    return vec4(saturate(value.x), saturate(value.y), saturate(value.z), saturate(value.w));
}

void store(uint slot, uint type, uint element, float value)
{
    element += gl_WorkGroupID.z * call.step[slot];
    if (type == F16)
        Halves(call.at[slot]).v[element] = float16_t(saturate(value));
    else
        Floats(call.at[slot]).v[element] = value;
}

float number(uint i)
{
    return uintBitsToFloat(call.number[i]);
}
