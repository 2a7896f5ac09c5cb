"""Files of pictures, decoded."""
import struct
import zlib

from rows import np, row, tf

rng = np.random.default_rng(28)


def smooth(h, w, c):
    """Something like a photograph: gentle slopes, an edge, a little noise."""
    y, x = np.mgrid[0:h, 0:w]
    planes = [120 + 60 * np.sin(x / (3 + k)) + 50 * np.cos(y / (4 + k)) + 40 * (x > w / 2) for k in range(c)]
    return np.clip(np.stack(planes, -1) + rng.normal(0, 4, (h, w, c)), 0, 255).astype(np.uint8)


def text(b):
    return np.array(b, object)


def png(h, w, depth, colour, interlace, palette=None, transparent=None):
    """A PNG made by hand: of random samples, each line by another filter."""
    each = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    high = len(palette) if palette is not None else 2**depth
    grid = rng.integers(0, high, (h, w, each))
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    passes = [(0, 0, 1, 1)] if not interlace else [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x, y, sx, sy in passes:
        part = grid[y::sy, x::sx]
        if part.size == 0:
            continue
        before = None
        for n, line in enumerate(part.reshape(part.shape[0], -1)):
            if depth == 16:
                data = line.astype(">u2").tobytes()
            else:
                data = np.packbits(((line[:, None] >> np.arange(depth)[::-1]) & 1).astype(np.uint8).reshape(-1)).tobytes()
            back = max(1, each * depth // 8)
            before = before or bytes(len(data))
            kind, out = n % 5, bytearray()
            for i, v in enumerate(data):
                a, b, c = (data[i - back] if i >= back else 0), before[i], (before[i - back] if i >= back else 0)
                p = a + b - c
                nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                out.append((v - (0, a, b, (a + b) // 2, nearest)[kind]) % 256)
            raw += bytes([kind]) + bytes(out)
            before = data
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace))
    if palette is not None:
        file += chunk(b"PLTE", bytes(palette.reshape(-1).tolist()))
    if transparent is not None:
        file += chunk(b"tRNS", transparent)
    return file + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


palette = rng.integers(0, 256, (4, 3))
for colour, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (2, 8)), (4, (8, 16)), (6, (8, 16))):
    for depth in depths:
        for interlace in (0, 1):
            file = png(9, 11, depth, colour, interlace, palette if colour == 3 else None)
            row("DecodePng", [text(file)], label=f"colour {colour} depth {depth} interlace {interlace}")
            if interlace == 0:
                for channels in (1, 3, 4):
                    if channels == 1 and colour in (2, 3, 6):
                        continue
                    row("DecodePng", [text(file)], channels=channels, label=f"colour {colour} depth {depth} as {channels}")
            row("DecodePng", [text(file)], dtype=tf.uint16, label=f"colour {colour} depth {depth} interlace {interlace} uint16")
row("DecodePng", [text(png(5, 6, 8, 3, 0, palette, bytes([0, 128])))], label="a palette with transparent colours")
row("DecodePng", [text(png(5, 6, 8, 3, 0, palette, bytes([0, 128])))], channels=3, label="a palette with transparent colours as 3")
row("DecodePng", [text(png(5, 6, 2, 0, 0, None, b"\x00\x02"))], label="a transparent grey")
whole = png(5, 6, 8, 2, 0)
for name, file in (("cut", whole[:50]), ("broken data", whole[:60] + b"xxxx" + whole[64:]), ("no picture", b"hello"), ("empty", b"")):
    row("DecodePng", [text(file)], label=name)
row("DecodeImage", [text(whole)], channels=3, dtype=tf.float32, label="float")
for h, w in ((16, 16), (17, 23), (5, 3), (40, 9), (1, 1)):
    for shared in (False, True):
        for progressive in (False, True):
            image = smooth(h, w, 3)
            file = tf.io.encode_jpeg(image, quality=85, chroma_downsampling=shared, progressive=progressive).numpy()
            name = f"{h} x {w} {'4:2:0' if shared else '4:4:4'} {'progressive' if progressive else 'baseline'}"
            row("DecodeJpeg", [text(file)], label=name)
            row("DecodeJpeg", [text(file)], dct_method="INTEGER_ACCURATE", label=f"{name} accurate")
            if (h, w) == (17, 23):
                row("DecodeJpeg", [text(file)], channels=1, label=f"{name} as grey")
                row("DecodeJpeg", [text(file)], fancy_upscaling=False, label=f"{name} repeated")
file = tf.io.encode_jpeg(smooth(17, 23, 1), quality=30).numpy()
for channels in (0, 1, 3):
    row("DecodeJpeg", [text(file)], channels=channels, label=f"grey as {channels}")
file = tf.io.encode_jpeg(smooth(40, 33, 3), quality=95, optimize_size=True).numpy()
row("DecodeImage", [text(file)], channels=3, dtype=tf.float32, label="a JPEG as float")
row("DecodeJpeg", [text(file[:300])], label="a JPEG that is cut within its tables")


def bmp(h, w, c):
    line = (8 * c * w + 31) // 32 * 4
    rows_ = [rng.integers(0, 256, w * c).astype(np.uint8).tobytes().ljust(line, b"\0") for _ in range(abs(h))]
    return b"BM" + struct.pack("<IHHI", 54 + line * abs(h), 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, w, h, 1, 8 * c, 0, 0, 0, 0, 0, 0) + b"".join(rows_)


for c in (1, 3, 4):
    for h in (5, -5):
        row("DecodeBmp", [text(bmp(h, 7, c))], label=f"{c} channels, {'upwards' if h > 0 else 'downwards'}")
row("DecodeBmp", [text(bmp(5, 7, 3)[:60])], label="a BMP that is cut")
