// width.glsl - WIDTH neighbouring elements at once (1 or 4, a constant of the kernel; with 1, only x counts), and invocations
// counted over both dimensions of a dispatch. With a WIDTH of 4 elements are counted in multiples of 4.
#include "four.glsl"

uint invocation()
{
    return (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
}

vec4 load_width(uint slot, uint type, uint element)
{
    return WIDTH == 4 ? load4(slot, type, element) : vec4(load(slot, type, element), 0.0, 0.0, 0.0);
}

void store_width(uint slot, uint type, uint element, vec4 value)
{
    if (WIDTH == 4)
        store4(slot, type, element, value);
    else
        store(slot, type, element, value.x);
}
