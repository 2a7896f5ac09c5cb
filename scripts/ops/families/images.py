"""Sizes, crops and projections of images, and suppression of boxes."""
from rows import np, row

rng = np.random.default_rng(21)
f = lambda *s: rng.standard_normal(s).astype(np.float32)
i32 = lambda *v: np.array(v, np.int32)
image = f(2, 5, 7, 3)
pixels = rng.integers(0, 256, (1, 6, 4, 2)).astype(np.uint8)
for op in ("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic"):
    for corners, half in ((False, False), (True, False), (False, True)):
        for size in (i32(10, 13), i32(3, 2), i32(1, 1), i32(5, 7), i32(8, 3)):
            row(op, [image, size], align_corners=corners, half_pixel_centers=half, tolerance=2e-6, label=f"{size.tolist()} {corners} {half}")
        row(op, [pixels, i32(9, 3)], align_corners=corners, half_pixel_centers=half, tolerance=1e-5, label=f"uint8 {corners} {half}")
    row(op, [image, i32(0, 3)], label="no height")
    row(op, [image, i32(3, 3)], align_corners=True, half_pixel_centers=True, label="both")
    row(op, [f(3, 3), i32(3, 3)], label="no image")
for corners in (False, True):
    for size in (i32(3, 2), i32(10, 13), i32(5, 7)):
        row("ResizeArea", [image, size], align_corners=corners, tolerance=2e-6, label=f"{size.tolist()} {corners}")
for kernel in ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"):
    for antialias in (False, True):
        for size, scale in ((i32(9, 10), [9 / 5, 10 / 7]), (i32(3, 4), [3 / 5, 4 / 7])):
            row("ScaleAndTranslate", [image, size, np.array(scale, np.float32), np.array([0.3, -0.6], np.float32)], kernel_type=kernel, antialias=antialias, tolerance=1e-4, label=f"{kernel} {antialias} {size.tolist()}")
boxes = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], [-0.3, 0.5, 0.6, 1.4], [0.8, 0.9, 0.2, 0.1]], np.float32)
for method in ("bilinear", "nearest"):
    row("CropAndResize", [image, boxes, i32(0, 1, 1, 0), i32(4, 3)], method=method, extrapolation_value=-7.0, tolerance=1e-5, label=method)
    row("CropAndResize", [image, boxes, i32(0, 1, 1, 0), i32(1, 1)], method=method, tolerance=1e-5, label=f"{method} to a pixel")
    row("CropAndResize", [pixels, boxes, i32(0, 0, 0, 0), i32(2, 5)], method=method, tolerance=1e-4, label=f"{method} uint8")
row("CropAndResize", [image, boxes, i32(0, 1, 1), i32(4, 3)], label="too few indices")
transforms = np.array([[0.9, 0.1, -0.5, -0.2, 1.1, 0.7, 0.01, -0.02], [1, 0, 2, 0, 1, -1, 0, 0]], np.float32)
for mode in ("CONSTANT", "NEAREST", "REFLECT", "WRAP"):
    for interpolation in ("BILINEAR", "NEAREST"):
        row("ImageProjectiveTransformV3", [image, transforms, i32(6, 5), np.float32(0.5)], interpolation=interpolation, fill_mode=mode, tolerance=1e-4, label=f"{mode} {interpolation}")
row("ImageProjectiveTransformV2", [image, transforms[:1], i32(5, 7)], interpolation="BILINEAR", tolerance=1e-4)
corners = rng.uniform(0, 10, (30, 2)).astype(np.float32)
rects = np.concatenate([corners, corners + rng.uniform(0.5, 6, (30, 2)).astype(np.float32)], 1)
rects[3] = rects[3, [2, 3, 0, 1]]
scores = rng.uniform(0, 1, 30).astype(np.float32)
scores[5] = scores[9]
half, low = np.float32(0.4), np.float32(0.2)
for n in (0, 4, 40):
    row("NonMaxSuppression", [rects, scores, np.int32(n)], iou_threshold=0.4)
    row("NonMaxSuppressionV2", [rects, scores, np.int32(n), half])
    row("NonMaxSuppressionV3", [rects, scores, np.int32(n), half, low])
    for pad in (False, True):
        row("NonMaxSuppressionV4", [rects, scores, np.int32(n), half, low], pad_to_max_output_size=pad, label=f"{n} {pad}")
        for sigma in (0.0, 0.5):
            row("NonMaxSuppressionV5", [rects, scores, np.int32(n), half, low, np.float32(sigma)], pad_to_max_output_size=pad, tolerance=1e-6, label=f"{n} {pad} {sigma}")
row("NonMaxSuppressionWithOverlaps", [rng.uniform(0, 1, (9, 9)).astype(np.float32), scores[:9], np.int32(5), half, low])
row("NonMaxSuppressionV3", [rects, scores[:4], np.int32(3), half, low], label="scores of another length")
row("NonMaxSuppressionV3", [rects, scores, np.int32(3), np.float32(1.5), low], label="a threshold past 1")
many = np.clip(rng.uniform(0, 1, (2, 12, 1, 4)), 0, 1).astype(np.float32)
many[..., 2:] = many[..., :2] + 0.3
own = np.repeat(many, 3, axis=2) + rng.uniform(0, 0.1, (2, 12, 3, 4)).astype(np.float32)
classes = rng.uniform(0, 1, (2, 12, 3)).astype(np.float32)
for q in (many, own):
    for per_class in (False, True):
        for clip in (False, True):
            row("CombinedNonMaxSuppression", [q, classes, np.int32(4), np.int32(20), half, low], pad_per_class=per_class, clip_boxes=clip, label=f"{q.shape} {per_class} {clip}")
