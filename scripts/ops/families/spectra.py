"""Fourier transforms and complex numbers."""
from rows import np, row

rng = np.random.default_rng(26)
f = lambda *s: rng.standard_normal(s).astype(np.float32)
c = lambda *s: (rng.standard_normal(s) + 1j * rng.standard_normal(s)).astype(np.complex64)
i32 = lambda *v: np.array(v, np.int32)
for n in (1, 2, 7, 8, 12, 30, 97, 128):
    for op in ("FFT", "IFFT"):
        row(op, [c(2, n)], tolerance=2e-5)
    row("RFFT", [f(2, n), i32(n)], tolerance=2e-5)
    row("IRFFT", [c(2, n // 2 + 1), i32(n)], tolerance=2e-5)
row("RFFT", [f(2, 10), i32(16)], tolerance=2e-5, label="filled up")
row("RFFT", [f(2, 10), i32(6)], tolerance=2e-5, label="cut")
row("IRFFT", [c(2, 9), i32(10)], tolerance=2e-5, label="cut")
for op in ("FFT2D", "IFFT2D"):
    row(op, [c(2, 3, 4)], tolerance=2e-5)
for op in ("FFT3D", "IFFT3D"):
    row(op, [c(2, 3, 4, 5)], tolerance=2e-5)
row("RFFT2D", [f(2, 5, 6), i32(5, 6)], tolerance=2e-5)
row("IRFFT2D", [c(2, 5, 4), i32(5, 6)], tolerance=2e-5)
row("RFFT3D", [f(3, 5, 6), i32(3, 5, 6)], tolerance=2e-5)
row("IRFFT3D", [c(3, 5, 4), i32(3, 5, 6)], tolerance=2e-5)
row("RFFT", [np.float32(1), i32(2)], label="a scalar")
row("RFFT", [f(4), i32(2, 2)], label="two lengths")
row("Real", [c(5)])
row("Imag", [c(5)])
row("ComplexAbs", [c(5)], tolerance=1e-6)
row("Angle", [c(5)], tolerance=1e-6)
row("Conj", [c(5)])
row("Complex", [f(2, 3), f(3)])
