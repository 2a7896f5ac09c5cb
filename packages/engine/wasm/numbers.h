// Functions of four floats at a time, each within some 2^-22 of the true value. The polynomials are our own fits, least in the largest relative error.
#include "code.h"

#define F(x) wasm_f32x4_splat(x)

// exponential: e^x = 2^n e^r with |r| at most half of log 2. 2^n is multiplied in two halves, so that what is too large or too small becomes infinite, subnormal or zero.
INLINE v128_t exponential(v128_t x) {
  x = limited(x, F(-110), F(90));
  v128_t n = wasm_f32x4_nearest(wasm_f32x4_mul(x, F(1.44269504f)));
  v128_t r = MULADD(n, F(-0.693359375f), x); // log 2, cut so that its product with n is exact, then the rest
  r = MULADD(n, F(2.12194440e-4f), r);
  v128_t p = F(0.0013957398f);
  p = MULADD(p, r, F(0.0083759707f));
  p = MULADD(p, r, F(0.0416660607f));
  p = MULADD(p, r, F(0.166664049f));
  p = MULADD(p, r, F(0.5f));
  p = MULADD(p, r, F(1));
  p = MULADD(p, r, F(1));
  v128_t whole = wasm_i32x4_trunc_sat_f32x4(n);
  v128_t half = wasm_i32x4_shr(whole, 1);
  v128_t bias = wasm_i32x4_splat(127);
  p = wasm_f32x4_mul(p, wasm_i32x4_shl(wasm_i32x4_add(half, bias), 23));
  return wasm_f32x4_mul(p, wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_sub(whole, half), bias), 23));
}

INLINE v128_t sigmoid(v128_t x) { return wasm_f32x4_div(F(1), wasm_f32x4_add(F(1), exponential(wasm_f32x4_neg(x)))); }

// hyperbolic is tanh: a polynomial where the quotient would lose digits.
INLINE v128_t hyperbolic(v128_t x) {
  v128_t z = wasm_f32x4_mul(x, x);
  v128_t p = F(0.0021606701f);
  p = MULADD(p, z, F(-0.0082207406f));
  p = MULADD(p, z, F(0.0217293538f));
  p = MULADD(p, z, F(-0.0539542064f));
  p = MULADD(p, z, F(0.1333328187f));
  p = MULADD(p, z, F(-0.3333333433f));
  v128_t small = MULADD(wasm_f32x4_mul(p, z), x, x);
  v128_t e = exponential(wasm_f32x4_add(x, x));
  v128_t large = wasm_f32x4_sub(F(1), wasm_f32x4_div(F(2), wasm_f32x4_add(e, F(1))));
  return wasm_v128_bitselect(small, large, wasm_f32x4_lt(wasm_f32x4_abs(x), F(0.65f)));
}

// far is erfc for x of zero and up: t e^(P(t) - x²) with t = 1 / (1 + x / 2).
INLINE v128_t far(v128_t x) {
  v128_t t = wasm_f32x4_div(F(1), MULADD(x, F(0.5f), F(1)));
  v128_t p = F(0.1507062465f);
  p = MULADD(p, t, F(-0.7125580907f));
  p = MULADD(p, t, F(1.2321339846f));
  p = MULADD(p, t, F(-0.7976942062f));
  p = MULADD(p, t, F(0.0046177926f));
  p = MULADD(p, t, F(-0.0444136150f));
  p = MULADD(p, t, F(0.0503473133f));
  p = MULADD(p, t, F(0.3833017945f));
  p = MULADD(p, t, F(0.9990264177f));
  p = MULADD(p, t, F(-1.2654676437f));
  return wasm_f32x4_mul(t, exponential(wasm_f32x4_sub(p, wasm_f32x4_mul(x, x))));
}

// near is erf for |x| up to 1.
INLINE v128_t near(v128_t x) {
  v128_t z = wasm_f32x4_mul(x, x);
  v128_t p = F(7.889113476e-5f);
  p = MULADD(p, z, F(-0.0008020840f));
  p = MULADD(p, z, F(0.0051895352f));
  p = MULADD(p, z, F(-0.0268544443f));
  p = MULADD(p, z, F(0.1128360033f));
  p = MULADD(p, z, F(-0.3761262596f));
  p = MULADD(p, z, F(1.1283791065f));
  return wasm_f32x4_mul(p, x);
}

INLINE v128_t errors(v128_t x) {
  v128_t size = wasm_f32x4_abs(x);
  v128_t sign = wasm_v128_and(x, F(-0.0f));
  v128_t large = wasm_v128_or(wasm_f32x4_sub(F(1), far(size)), sign);
  return wasm_v128_bitselect(near(x), large, wasm_f32x4_lt(size, F(1)));
}

INLINE v128_t complementary(v128_t x) {
  v128_t size = wasm_f32x4_abs(x);
  v128_t tail = far(size);
  v128_t large = wasm_v128_bitselect(wasm_f32x4_sub(F(2), tail), tail, wasm_f32x4_lt(x, F(0)));
  return wasm_v128_bitselect(wasm_f32x4_sub(F(1), near(x)), large, wasm_f32x4_lt(size, F(0.5f)));
}
