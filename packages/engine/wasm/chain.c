// Elementwise ops, one after the other over a piece of a row at a time, so that what lies between them stays in the first-level cache.
#include "numbers.h"

// So many floats are a piece, and so many dimensions lie outside of a row.
enum { piece = 256, outer = 4 };

// As in chains.ts, which writes them into memory.
typedef struct {
  const float *at;
  int step; // 1, or 0 where one number stands for the whole row
  int steps[outer];
} Input;

typedef struct {
  int op, a, b; // what is done to which values: the inputs come first, then what each step gives
  int wide;     // 0 where one number is all there is of it in a row
} Step;

typedef struct {
  int row, inputs, steps;
  int sizes[outer];
} Chain;

enum { most = 32 };

#define LOOP(...)                      \
  for (int i = 0; i < n; i += 4) {      \
    __VA_ARGS__                                \
  }

// UNARY computes two vectors at a time: what an expression reads from memory it then reads once for both.
#define UNARY(code, expression)                                              \
  case code: {                                                               \
    int i = 0;                                                               \
    for (; i + 8 <= n; i += 8) {                                             \
      v128_t x = wasm_v128_load(a + i), first = expression;                  \
      x = wasm_v128_load(a + i + 4);                                         \
      v128_t second = expression;                                            \
      wasm_v128_store(to + i, first);                                        \
      wasm_v128_store(to + i + 4, second);                                   \
    }                                                                        \
    for (; i < n; i += 4) {                                                  \
      v128_t x = wasm_v128_load(a + i);                                      \
      wasm_v128_store(to + i, expression);                                   \
    }                                                                        \
  } break;

// BINARY has a loop for each way in which an operand may be one number.
#define BINARY(code, expression)                                                                                                   \
  case code:                                                                                                                       \
    if (oneA) {                                                                                                                    \
      v128_t x = wasm_v128_load32_splat(a);                                                                                        \
      LOOP(v128_t y = wasm_v128_load(b + i); wasm_v128_store(to + i, expression);)                                                 \
    } else if (oneB) {                                                                                                             \
      v128_t y = wasm_v128_load32_splat(b);                                                                                        \
      LOOP(v128_t x = wasm_v128_load(a + i); wasm_v128_store(to + i, expression);)                                                 \
    } else {                                                                                                                       \
      LOOP(v128_t x = wasm_v128_load(a + i); v128_t y = wasm_v128_load(b + i); wasm_v128_store(to + i, expression);)               \
    }                                                                                                                              \
    break;

// gelus writes gelu of two vectors at a time, and looks which of its ways will do for both.
static void gelus(const float *a, float *to, int n) {
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    v128_t x = wasm_v128_load(a + i), y = wasm_v128_load(a + i + 4);
    int outer = isOuter(x) | isOuter(y);
    wasm_v128_store(to + i, outer ? gelu(x) : middling(x));
    wasm_v128_store(to + i + 4, outer ? gelu(y) : middling(y));
  }
  for (; i < n; i += 4) wasm_v128_store(to + i, gelu(wasm_v128_load(a + i)));
}

// apply writes n floats, rounded up to four, of an op; oneA and oneB say that an operand is one number. The codes are those of chains.ts.
static void apply(int op, const float *a, int oneA, const float *b, int oneB, float *to, int n) {
  switch (op) {
    BINARY(0, wasm_f32x4_add(x, y))
    BINARY(1, wasm_f32x4_sub(x, y))
    BINARY(2, wasm_f32x4_mul(x, y))
    BINARY(3, wasm_f32x4_div(x, y))
    BINARY(4, wasm_f32x4_max(x, y))
    BINARY(5, wasm_f32x4_min(x, y))
    BINARY(6, wasm_f32x4_mul(wasm_f32x4_sub(x, y), wasm_f32x4_sub(x, y)))
    BINARY(7, wasm_v128_bitselect(wasm_f32x4_mul(x, y), x, wasm_f32x4_lt(x, F(0))))
    UNARY(16, wasm_f32x4_pmax(x, F(0)))
    UNARY(17, limited(x, F(0), F(6)))
    UNARY(18, wasm_f32x4_neg(x))
    UNARY(19, wasm_f32x4_abs(x))
    UNARY(20, wasm_f32x4_mul(x, x))
    UNARY(21, wasm_f32x4_sqrt(x))
    UNARY(22, wasm_f32x4_div(F(1), wasm_f32x4_sqrt(x)))
    UNARY(23, wasm_f32x4_div(F(1), x))
    UNARY(24, exponential(x))
    UNARY(25, sigmoid(x))
    UNARY(26, hyperbolic(x))
    UNARY(27, errors(x))
    UNARY(28, complementary(x))
    UNARY(29, wasm_f32x4_floor(x))
    UNARY(30, wasm_f32x4_ceil(x))
    UNARY(31, wasm_f32x4_nearest(x))
    case 32: gelus(a, to, n);
  }
}

// chain runs steps over rows. The last step writes to `out`, rounded up to four floats a row: the next row comes over what was too much, and behind the last one is
// room. `pieces` has a piece for each step.
EXPORT(chain) void chain(const Chain *chain, const Input *inputs, const Step *steps, float *pieces, float *out) {
  const float *at[most];
  int place[outer] = {0};
  const int *sizes = chain->sizes;
  int count = chain->inputs, row = chain->row;
  for (;;) {
    for (int from = 0; from < row; from += piece) {
      int n = least(piece, row - from);
      for (int k = 0; k < count; k++) {
        const Input *in = inputs + k;
        at[k] = in->at + from * in->step;
        for (int d = 0; d < outer; d++) at[k] += (long)place[d] * in->steps[d];
      }
      for (int k = 0; k < chain->steps; k++) {
        const Step *step = steps + k;
        float *to = k == chain->steps - 1 ? out : pieces + k * piece;
        int oneA = step->a < count ? !inputs[step->a].step : !steps[step->a - count].wide;
        int oneB = step->b < count ? !inputs[step->b].step : !steps[step->b - count].wide;
        apply(step->op, at[step->a], oneA && step->wide, at[step->b], oneB && step->wide, to, step->wide ? n : 1);
        at[count + k] = to;
      }
      out += n;
    }
    int d = outer - 1;
    while (d >= 0 && ++place[d] == sizes[d]) place[d--] = 0;
    if (d < 0) return;
  }
}
