// gelu.glsl - x * Phi(x) with the error function, which GLSL lacks: Abramowitz and Stegun 7.1.26, within 1.5e-7 of erf.
float gelu(float x)
{
    const float z = abs(x) * 0.70710678, t = 1.0 / (1.0 + 0.3275911 * z);
    const float tail =
        t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * exp(-z * z);
    // Phi(-|x|) is half of the tail: small values keep their digits
    return x * (x < 0.0 ? 0.5 * tail : 1.0 - 0.5 * tail);
}
