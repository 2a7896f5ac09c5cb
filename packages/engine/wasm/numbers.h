// Functions of four floats at a time, each within some 2^-20 of the true value. The polynomials are our own fits, least in the largest relative error.
#include "code.h"

#define F(x) wasm_f32x4_splat(x)

// Coefficients are read from memory, highest first: an engine that makes a vector of a number in the code takes several instructions for it each time.
typedef struct {
  float exponential[6], log2e, round, log2[2];
  float low, high; // where e^x is still a normal number
  float half, one, two, diagonal; // the last is the root of a half
  float tanh[6];
  float near[7], far[9], share[9], middle;
} Numbers;
extern Numbers numbers;
#define K(which) wasm_v128_load32_splat(&numbers.which)

// POLYNOMIAL gives the polynomial of x whose coefficients `which` has.
#define POLYNOMIAL(which, x) polynomial(numbers.which, sizeof(numbers.which) / sizeof(float), x)
INLINE v128_t polynomial(const float *of, const int n, v128_t x) {
  v128_t p = wasm_v128_load32_splat(of);
#pragma clang loop unroll(full)
  for (int i = 1; i < n; i++) p = MULADD(p, x, wasm_v128_load32_splat(of + i));
  return p;
}

// Power is e^x = 2^whole * rest, where rest is near 1.
typedef struct {
  v128_t whole, rest;
} Power;

// power splits x, of at most some thousands: 1.5 * 2^23 is so large that adding it rounds to whole numbers, which then are the sum's lowest bits.
INLINE Power power(v128_t x) {
  v128_t large = K(round);
  v128_t sum = MULADD(x, K(log2e), large);
  v128_t n = wasm_f32x4_sub(sum, large);
  v128_t r = MULADD(n, K(log2[0]), x); // log 2, cut so that its product with n is exact, then the rest
  r = MULADD(n, K(log2[1]), r);
  return (Power){wasm_i32x4_sub(sum, large), POLYNOMIAL(exponential, r)};
}

// exponential is e^x. 2^whole is multiplied in two halves, so that what is too large or too small becomes infinite, subnormal or zero.
INLINE v128_t exponential(v128_t x) {
  Power p = power(limited(x, F(-110), F(90)));
  v128_t half = wasm_i32x4_shr(p.whole, 1);
  v128_t one = wasm_i32x4_splat(127 << 23);
  v128_t scaled = wasm_f32x4_mul(p.rest, wasm_i32x4_add(wasm_i32x4_shl(half, 23), one));
  return wasm_f32x4_mul(scaled, wasm_i32x4_add(wasm_i32x4_shl(wasm_i32x4_sub(p.whole, half), 23), one));
}

// moderate is e^x between 2^-126 and 2^126, and the nearer of these outside.
INLINE v128_t moderate(v128_t x) {
  Power p = power(limited(x, K(low), K(high)));
  return wasm_i32x4_add(p.rest, wasm_i32x4_shl(p.whole, 23));
}

// below is e^x for x of zero and below, where what is smaller than the smallest normal number is zero.
INLINE v128_t below(v128_t x) { return wasm_v128_andnot(moderate(x), wasm_f32x4_lt(x, K(low))); }

INLINE v128_t sigmoid(v128_t x) { return wasm_f32x4_div(K(one), wasm_f32x4_add(K(one), moderate(wasm_f32x4_neg(x)))); }

// hyperbolic is tanh: a polynomial where the quotient would lose digits.
INLINE v128_t hyperbolic(v128_t x) {
  v128_t z = wasm_f32x4_mul(x, x);
  v128_t small = MULADD(wasm_f32x4_mul(POLYNOMIAL(tanh, z), z), x, x);
  v128_t e = moderate(wasm_f32x4_add(x, x));
  v128_t large = wasm_f32x4_sub(K(one), wasm_f32x4_div(K(two), wasm_f32x4_add(e, K(one))));
  return wasm_v128_bitselect(small, large, wasm_f32x4_lt(wasm_f32x4_abs(x), F(0.65f)));
}

// far is erfc for x of zero and up: t e^(P(t) - x²) with t = 1 / (1 + x / 2).
INLINE v128_t far(v128_t x) {
  v128_t t = wasm_f32x4_div(K(one), MULADD(x, K(half), K(one)));
  return wasm_f32x4_mul(t, moderate(wasm_f32x4_sub(POLYNOMIAL(far, t), wasm_f32x4_mul(x, x))));
}

// near is erf for |x| up to 1.
INLINE v128_t near(v128_t x) { return wasm_f32x4_mul(POLYNOMIAL(near, wasm_f32x4_mul(x, x)), x); }

INLINE v128_t errors(v128_t x) {
  v128_t size = wasm_f32x4_abs(x);
  v128_t sign = wasm_v128_and(x, F(-0.0f));
  v128_t large = wasm_v128_or(wasm_f32x4_sub(K(one), far(size)), sign);
  return wasm_v128_bitselect(near(x), large, wasm_f32x4_lt(size, K(one)));
}

INLINE v128_t complementary(v128_t x) {
  v128_t tail = far(wasm_f32x4_abs(x));
  return wasm_v128_bitselect(wasm_f32x4_sub(K(two), tail), tail, wasm_f32x4_lt(x, F(0)));
}

// gelu is x times the share of the normal distribution that is below x: for small x that is e^-(x²/2) times something, as in far, so that it has all its digits there.
INLINE v128_t gelu(v128_t x) {
  v128_t tail = wasm_f32x4_mul(far(wasm_f32x4_abs(wasm_f32x4_mul(x, K(diagonal)))), K(half));
  return wasm_f32x4_mul(x, wasm_v128_bitselect(tail, wasm_f32x4_sub(K(one), tail), wasm_f32x4_lt(x, F(0))));
}

// isOuter tells whether some |x| are larger than those for which middling is gelu, where a polynomial is enough.
INLINE int isOuter(v128_t x) { return wasm_v128_any_true(wasm_f32x4_gt(wasm_f32x4_abs(x), K(middle))); }
INLINE v128_t middling(v128_t x) { return wasm_f32x4_mul(x, MULADD(POLYNOMIAL(share, wasm_f32x4_mul(x, x)), x, K(half))); }
