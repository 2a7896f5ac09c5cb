// What the files here share.
#include <wasm_simd128.h>

#ifdef RELAXED
#define MULADD(a, b, c) ((v128_t)__builtin_wasm_relaxed_madd_f32x4((__f32x4)(a), (__f32x4)(b), (__f32x4)(c)))
#else
#define MULADD(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#endif
#define EXPORT(name) __attribute__((export_name(#name)))
#define INLINE static inline __attribute__((always_inline))

// A packed matrix has panels of so many columns.
enum { columns = 8 };

static inline int least(int a, int b) { return a < b ? a : b; }

// Ending is what happens to sums before they are written: a bias for each column, where there is one, then limits, which may be infinite. A NaN stays one. With `more`
// they are added to what is there.
typedef struct {
  const float *bias;
  float low, high;
  int more;
} Ending;

INLINE v128_t limited(v128_t x, v128_t low, v128_t high) { return wasm_f32x4_pmin(wasm_f32x4_pmax(x, low), high); }

// product writes a[m, k] times a packed matrix to c[m, n]; rows of a and of c lie `wideA` and `wideC` floats apart.
void product(int m, int n, int k, const float *a, long wideA, const float *b, float *c, long wideC, Ending ending);

// pack lays a matrix out for product, as gemm.c says.
void pack(int k, int n, int transposed, int wideB, const float *b, float *to);
