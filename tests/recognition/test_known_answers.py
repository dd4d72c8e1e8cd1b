"""Our arithmetic against dlib's own, on numbers computed once with dlib itself."""

import cv2
import numpy as np

from recognition import align, detect


def cosine(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_same_chip_gives_the_same_embedding_as_dlib(engine, known, formula):
    for answer in known["embeddings"]:
        chip = formula(150, 150, answer["k"])
        assert int(chip.astype(np.int64).sum()) == answer["sum"], "the formula drew another picture"
        ours = engine.embed(chip[None])[0]
        assert cosine(ours, answer["values"]) > 0.999999
        assert np.abs(ours - answer["values"]).max() < 5e-6


def test_several_chips_at_once_give_what_each_gives_alone(engine, formula):
    chips = np.stack([formula(150, 150, k) for k in range(4)])
    together = engine.embed(chips)
    for k in range(4):
        assert np.abs(together[k] - engine.embed(chips[k : k + 1])[0]).max() < 1e-5


def test_landmarks_in_a_given_box_are_dlibs(engine, known, formula, picture):
    # dlib rounds to whole pixels and we do not: half a pixel apart is the same answer, one pixel
    # allows for a sampled pixel that lies on a rounding boundary.
    for answer in known["landmarks_formula"]:
        ours = engine._landmarker.locate(formula(320, 240, answer["k"]), answer["box"])
        assert np.abs(ours - answer["points"]).max() <= 1.0, answer
    for name, answer in known["pictures"].items():
        image = picture(name)
        for face in answer["faces"]:
            assert np.abs(engine._landmarker.locate(image, face["box"]) - face["points"]).max() <= 1.0, face["box"]


def test_a_face_of_a_photograph_gets_dlibs_embedding(engine, known, picture):
    # Through our chip, from dlib's own landmarks. The chips differ by half a grey level (dlib
    # truncates, OpenCV rounds), the embeddings by far less than two photographs do (0.40).
    for name, answer in known["pictures"].items():
        image = picture(name)
        for face in answer["faces"]:
            chip = align.chip(image, np.array(face["points"], np.float32))
            ours = engine.embed(chip[None])[0]
            assert cosine(ours, face["embedding"]) > 0.9997
            assert np.linalg.norm(ours - face["embedding"]) < 0.03


def test_the_network_finds_dlibs_boxes_in_dlibs_own_mosaic(engine, known, picture):
    # dlib lays all levels of a 5/6 pyramid out on one canvas. Given the same canvas, the boxes are
    # the same to the pixel; scores differ in the fourth digit, with the rounding of resized pixels.
    for name, answer in known["pictures"].items():
        found = boxes_in_mosaic(engine, picture(name))
        assert [box for _, box in found] == [tuple(face["box"]) for face in answer["faces"]]
        for (score, _), face in zip(found, answer["faces"], strict=True):
            assert abs(score - face["score"]) < 1e-3


def test_our_own_pyramid_finds_every_face_that_dlib_finds(engine, known, picture):
    # Positions and sizes are quantised differently (8 pixels times the scale, steps of 1.41), so
    # what is compared is that each of dlib's faces has one of ours over it, and no face is new.
    for name, answer in known["pictures"].items():
        image = picture(name)
        found = detect.find_faces(image, engine.score, detect.ENROLMENT)
        assert len(found) == len(answer["faces"])
        for face in answer["faces"]:
            assert max(detect.overlap(box, face["box"]) for _, box in found) > 0.45


# -- dlib's mosaic, for comparison only ------------------------------------------------------


def boxes_in_mosaic(engine, image):
    canvas, tiles = mosaic(image)
    scores = engine.score(canvas[None])[0, 0]
    found = []
    for row, column in np.argwhere(scores > 0):
        x, y = 8 * column + 14, 8 * row + 14
        level = int(np.argmin([away(x, y, tile) for tile in tiles]))
        left, top, _, _ = tiles[level]
        box = np.array([x - 39.5 - left, y - 39.5 - top, x + 39.5 - left, y + 39.5 - top])
        for _ in range(level):
            box = box * 6 / 5 + 0.3
        found.append((float(scores[row, column]), tuple(int(v) for v in np.floor(box + 0.5))))
    return detect.suppress(found)


def away(x, y, tile):
    left, top, width, height = tile
    return max(left - x, x - left - width + 1, 0) ** 2 + max(top - y, y - top - height + 1, 0) ** 2


def mosaic(image, padding=10, outer=11):
    """All levels on one canvas: down a first column, then up beside the smaller ones."""
    levels = [image]
    while 5 * levels[-1].shape[0] // 6 >= 5 and 5 * levels[-1].shape[1] // 6:
        levels.append(five_sixths(levels[-1]))
    first_height, first_width = image.shape[:2]
    total = sum(level.shape[0] + padding for level in levels) - 2 * padding
    height = previous = 0
    for level in levels:
        fits = level.shape[1] <= first_width - previous - padding
        if fits and 2 * (height - first_height) >= total - first_height:
            break
        height += level.shape[0] + padding
        previous = level.shape[1]
    height -= padding

    corners, y = [], outer
    while y < height:
        corners.append((outer, y))
        y += levels[len(corners) - 1].shape[0] + padding
    y -= padding
    for level in levels[len(corners) :]:
        top = y - level.shape[0]
        if top < outer + first_height:
            break
        corners.append((outer + first_width - level.shape[1], top))
        y -= level.shape[0] + padding
    canvas = np.empty((height + 2 * outer, first_width + 2 * outer, 3), np.uint8)
    canvas[:] = (123, 117, 104)
    tiles = []
    for level, (x, y) in zip(levels, corners, strict=False):
        canvas[y : y + level.shape[0], x : x + level.shape[1]] = level
        tiles.append((x, y, level.shape[1], level.shape[0]))
    return canvas, tiles


def five_sixths(image):
    """Corner pixel onto corner pixel, as dlib resizes; OpenCV's resize puts edges onto edges."""
    height, width = image.shape[:2]
    rows, columns = 5 * height // 6, 5 * width // 6
    x, y = (width - 1) / max(columns - 1, 1), (height - 1) / max(rows - 1, 1)
    matrix = np.array([[x, 0, 0], [0, y, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, matrix, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
