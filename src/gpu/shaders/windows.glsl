// windows.glsl - where the tokens of a (shifted) window stand. The map is padded to whole windows of WINDOW x WINDOW tokens
// and rolled by -shift; tokens that the roll brought together are of different regions and do not see each other.
// numbers: 0 height, 1 width of the map, 2 shift.

const uint TOKENS = WINDOW * WINDOW;
const uint NOWHERE = 0xffffffff;

uint padded(uint size)
{
    return (size + WINDOW - 1) / WINDOW * WINDOW;
}

// 0, 1 or 2: which of the parts that the roll brought together row or column r belongs to.
uint part_of(uint r, uint size)
{
    return r < size - WINDOW ? 0 : r < size - call.number[2] ? 1 : 2;
}

// Pixel of the token of window (x, y), or NOWHERE: padding.
uint token_pixel(uvec2 window, uint token)
{
    const uint h = call.number[0], w = call.number[1];
    const uint y = (window.y * WINDOW + token / WINDOW + call.number[2]) % padded(h);
    const uint x = (window.x * WINDOW + token % WINDOW + call.number[2]) % padded(w);
    return y < h && x < w ? y * w + x : NOWHERE;
}

uint token_region(uvec2 window, uint token)
{
    return 3 * part_of(window.y * WINDOW + token / WINDOW, padded(call.number[0])) +
           part_of(window.x * WINDOW + token % WINDOW, padded(call.number[1]));
}
