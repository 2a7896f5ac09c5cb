// What looks at images through a window: convolutions and pooling. Images lie as [count, height, width, channels]; a window's cells outside of them count as
// zeros for sums, and not at all for pooling. Everything else is as in gemm.c.
#include "code.h"

// copy and clear are loops: calls to the engine's bulk operations cost more than the few floats of a cell.
static inline void copy(float *to, const float *from, int n) {
  int i = 0;
  for (; i + 4 <= n; i += 4) wasm_v128_store(to + i, wasm_v128_load(from + i));
  for (; i < n; i++) to[i] = from[i];
}

static inline void clear(float *to, int n) {
  for (int i = 0; i < n; i++) to[i] = 0;
}

// conv writes the convolution of images with a filter[high, wide, channels, filters], packed as a matrix of filters columns, with a bias for each filter (or none) and
// limits. So many pixels of the result at a time (`chunk`) have their windows laid out as the rows of `rows`, and are then one product of matrices.
EXPORT(conv) void conv(int count, int h, int w, int channels, int outH, int outW, int high, int wide, int stepY, int stepX, int spreadY, int spreadX, int top, int left, int filters, const float *x, const float *filter, const float *bias, float low, float limit, float *rows, int chunk, float *out) {
  int depth = high * wide * channels;
  long pixels = (long)count * outH * outW;
  Ending ending = {bias, low, limit, 0};
  if (high == 1 && wide == 1 && stepY == 1 && stepX == 1 && top == 0 && left == 0 && outH == h && outW == w) {
    for (long from = 0; from < pixels; from += chunk)
      product(from + chunk < pixels ? chunk : (int)(pixels - from), filters, depth, x + from * channels, channels, filter, out + from * filters, filters, ending);
    return;
  }
  for (long from = 0; from < pixels; from += chunk) {
    int n = from + chunk < pixels ? chunk : (int)(pixels - from);
    float *to = rows;
    for (long at = from; at < from + n; at++) {
      int outX = (int)(at % outW), outY = (int)(at / outW % outH);
      const float *image = x + at / outW / outH * h * w * channels;
      for (int i = 0; i < high; i++) {
        int y = outY * stepY - top + i * spreadY;
        int first = outX * stepX - left;
        if (y < 0 || y >= h) {
          clear(to, wide * channels);
          to += wide * channels;
        } else if (spreadX == 1 && first >= 0 && first + wide <= w) {
          copy(to, image + ((long)y * w + first) * channels, wide * channels);
          to += wide * channels;
        } else {
          for (int j = 0; j < wide; j++, to += channels) {
            int at = first + j * spreadX;
            if (at < 0 || at >= w) clear(to, channels);
            else copy(to, image + ((long)y * w + at) * channels, channels);
          }
        }
      }
    }
    product(n, filters, depth, rows, depth, filter, out + from * filters, filters, ending);
  }
}

// Span is which cells of a window lie in an image, along one side: from `first` to before `end`.
typedef struct {
  int first, end;
} Span;

// within gives the span of `cells` cells, so far apart (`spread`), of which the first lies at `start`, in an image of n.
static inline Span within(int start, int cells, int spread, int n) {
  int first = start < 0 ? (-start + spread - 1) / spread : 0;
  int end = start >= n ? 0 : (n - start + spread - 1) / spread;
  return (Span){first, least(end, cells)};
}

// WINDOW runs a body for each cell of a pixel's window that lies in the image: `cell` is where its channels are, i and j where it lies in the window.
#define WINDOW(...)                                                                                          \
  for (int i = down.first; i < down.end; i++)                                                                 \
    for (int j = along.first; j < along.end; j++) {                                                           \
      const float *cell = image + ((long)(startY + i * spreadY) * w + startX + j * spreadX) * channels;       \
      __VA_ARGS__                                                                                                    \
    }

// PIXELS runs a body for each pixel of the result, with what of its window lies in the image.
#define PIXELS(...)                                                \
  for (int n = 0; n < count; n++) {                                 \
    const float *image = x + (long)n * h * w * channels;            \
    for (int outY = 0; outY < outH; outY++) {                       \
      int startY = outY * stepY - top;                              \
      Span down = within(startY, high, spreadY, h);                 \
      for (int outX = 0; outX < outW; outX++) {                     \
        int startX = outX * stepX - left;                           \
        Span along = within(startX, wide, spreadX, w);              \
        __VA_ARGS__                                                        \
      }                                                             \
    }                                                               \
  }

// Each is what depthwise is given besides the geometry.
typedef struct {
  const float *filter, *bias;
  v128_t low, limit;
  int channels, w, spreadY, spreadX;
} Each;

// inside writes `pixels` pixels side by side, whose windows lie in the image from `cell` on, `step` floats apart. The filter is read once for all of them. Channels are a
// multiple of four.
INLINE void inside(const int pixels, const int high, const int wide, const Each *e, const float *cell, int step, float *out) {
  for (int c = 0; c < e->channels; c += 4) {
    v128_t sum[4], bias = e->bias ? wasm_v128_load(e->bias + c) : wasm_f32x4_splat(0);
    const float *f = e->filter + c;
#pragma clang loop unroll(full)
    for (int p = 0; p < pixels; p++) sum[p] = bias;
    for (int i = 0; i < high; i++) {
      const float *from = cell + (long)i * e->spreadY * e->w * e->channels + c;
      for (int j = 0; j < wide; j++, f += e->channels, from += (long)e->spreadX * e->channels) {
        v128_t weight = wasm_v128_load(f);
#pragma clang loop unroll(full)
        for (int p = 0; p < pixels; p++) sum[p] = MULADD(wasm_v128_load(from + (long)p * step), weight, sum[p]);
      }
    }
#pragma clang loop unroll(full)
    for (int p = 0; p < pixels; p++) wasm_v128_store(out + p * e->channels + c, limited(sum[p], e->low, e->limit));
  }
}

// depthwise writes the convolution of each channel with `times` filters of its own, filter[high, wide, channels, times] to [.., channels * times], with a bias for
// each (or none) and limits.
EXPORT(depthwise) void depthwise(int count, int h, int w, int channels, int outH, int outW, int high, int wide, int stepY, int stepX, int spreadY, int spreadX, int top, int left, int times, const float *x, const float *filter, const float *bias, float low, float limit, float *out) {
  Each each = {filter, bias, wasm_f32x4_splat(low), wasm_f32x4_splat(limit), channels, w, spreadY, spreadX};
  int whole = channels / 4 * 4;
  PIXELS({
    int c = 0;
    if (times == 1) {
      const float *first = image + ((long)startY * w + startX) * channels;
      int isWhole = down.end - down.first == high && along.end - along.first == wide;
      if (isWhole && channels == whole && outX + 4 <= outW && startX + 3 * stepX + (wide - 1) * spreadX < w) {
        if (high == 3 && wide == 3) inside(4, 3, 3, &each, first, stepX * channels, out);
        else inside(4, high, wide, &each, first, stepX * channels, out);
        out += 4 * channels;
        outX += 3;
        continue;
      }
      for (; c + 16 <= channels; c += 16) {
        v128_t a = wasm_f32x4_splat(0), b = a, d = a, e = a;
        if (bias) a = wasm_v128_load(bias + c), b = wasm_v128_load(bias + c + 4), d = wasm_v128_load(bias + c + 8), e = wasm_v128_load(bias + c + 12);
        WINDOW({
          const float *f = filter + (long)(i * wide + j) * channels + c;
          a = MULADD(wasm_v128_load(cell + c), wasm_v128_load(f), a);
          b = MULADD(wasm_v128_load(cell + c + 4), wasm_v128_load(f + 4), b);
          d = MULADD(wasm_v128_load(cell + c + 8), wasm_v128_load(f + 8), d);
          e = MULADD(wasm_v128_load(cell + c + 12), wasm_v128_load(f + 12), e);
        })
        wasm_v128_store(out + c, limited(a, each.low, each.limit));
        wasm_v128_store(out + c + 4, limited(b, each.low, each.limit));
        wasm_v128_store(out + c + 8, limited(d, each.low, each.limit));
        wasm_v128_store(out + c + 12, limited(e, each.low, each.limit));
      }
      for (; c + 4 <= channels; c += 4) {
        v128_t a = bias ? wasm_v128_load(bias + c) : wasm_f32x4_splat(0);
        WINDOW({ a = MULADD(wasm_v128_load(cell + c), wasm_v128_load(filter + (long)(i * wide + j) * channels + c), a); })
        wasm_v128_store(out + c, limited(a, each.low, each.limit));
      }
    }
    for (; c < channels; c++)
      for (int t = 0; t < times; t++) {
        float a = bias ? bias[c * times + t] : 0;
        WINDOW({ a += cell[c] * filter[((long)(i * wide + j) * channels + c) * times + t]; })
        a = a < low ? low : a;
        out[c * times + t] = limit < a ? limit : a;
      }
    out += channels * times;
  })
}

// pool writes the largest of each window, or the mean of the cells that lie in the image.
EXPORT(pool) void pool(int count, int h, int w, int channels, int outH, int outW, int high, int wide, int stepY, int stepX, int top, int left, int mean, const float *x, float *out) {
  const int spreadY = 1, spreadX = 1;
  PIXELS({
    int cells = (down.end - down.first) * (along.end - along.first);
    int c = 0;
    for (; c + 4 <= channels; c += 4) {
      v128_t a = wasm_f32x4_splat(mean ? 0 : -__builtin_inff());
      if (mean) {
        WINDOW({ a = wasm_f32x4_add(a, wasm_v128_load(cell + c)); })
        a = wasm_f32x4_div(a, wasm_f32x4_splat((float)cells));
      } else {
        WINDOW({ a = wasm_f32x4_max(a, wasm_v128_load(cell + c)); })
      }
      wasm_v128_store(out + c, a);
    }
    for (; c < channels; c++) {
      float a = mean ? 0 : -__builtin_inff();
      WINDOW({ a = mean ? a + cell[c] : cell[c] > a || cell[c] != cell[c] ? cell[c] : a; })
      out[c] = mean ? a / (float)cells : a;
    }
    out += channels;
  })
}
