"""Products of doubles, past the sizes that the host multiplies itself."""
from rows import np, row

rng = np.random.default_rng(31)
d = lambda *s: rng.standard_normal(s)
special = d(9, 70)
special[2, 3], special[4, 5], special[6, 7] = np.nan, np.inf, -np.inf
for a, b, attrs in [
    (d(9, 70), d(70, 7), {}), (d(70, 9), d(70, 7), {"transpose_a": True}), (d(9, 70), d(7, 70), {"transpose_b": True}),
    (d(70, 6), d(5, 70), {"transpose_a": True, "transpose_b": True}), (d(1, 600), d(600, 3), {}), (special, d(70, 5), {}), (d(3, 0), d(0, 200), {}),
]:
    row("MatMul", [a, b], tolerance=1e-12, **attrs)
row("BatchMatMulV2", [d(2, 3, 40), d(2, 40, 5)], tolerance=1e-12)
row("BatchMatMulV2", [d(2, 1, 3, 4), d(3, 4, 5)], tolerance=1e-12)
row("BatchMatMulV2", [d(2, 40, 3), d(2, 5, 40)], adj_x=True, adj_y=True, tolerance=1e-12)
row("BatchMatMulV2", [d(4, 3, 40), d(40, 5)], tolerance=1e-12)
row("BatchMatMulV2", [d(2, 3, 0), d(2, 0, 5)], tolerance=1e-12)
for equation, shapes in [("ij,jk->ik", ((12, 20), (20, 9))), ("BTNH,BSNH->BNTS", ((2, 3, 2, 4), (2, 5, 2, 4))), ("abc,cde->abde", ((2, 3, 4), (4, 2, 5))), ("aij,aki->ajk", ((2, 5, 3), (2, 4, 5)))]:
    row("Einsum", [d(*s) for s in shapes], equation=equation, tolerance=1e-12, label=f"{equation} of doubles")
