"""Proves that the demonstration comes out right: each visitor's scene against the five portraits, as the stage does it.

Prints for every face how alike it is to the right person and to the nearest other one, and ends with an error when one
would be named wrongly, not named, or only just.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import cv2
import numpy as np

from identity import population
from people import ENROLLED, STRANGERS, expected, who
from preprocess import Pack, align
from render import TRAINED_PEOPLE, TRAINING

# What the stage asks for: a score below which a face is poor, px to be named, px and sharpness to be enrolled.
SCORE, NAMED_PX, ENROL_PX, SHARPNESS = 0.6, 70, 120, 0.025
# How far a right similarity must be above the threshold, and a wrong one below it.
ABOVE, BELOW = 0.10, 0.15


def read(path):
    return np.ascontiguousarray(cv2.imread(str(path))[:, :, ::-1])


def sharpness(crop):
    """The measure by which the gallery refuses a blurred photograph."""
    grey = crop.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    inner = grey[1:-1, 1:-1]
    edges = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1] - 4 * inner
    return float(edges.var() / inner.var())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=Path(__file__).resolve().parent.parent)
    a = parser.parse_args()
    pack = Pack(a.pack)
    threshold = tomllib.loads((a.pack.parent / f"{a.pack.name}.toml").read_text())["match_threshold"]
    wrong = []

    def demand(holds, what):
        if not holds:
            wrong.append(what)

    trained = {person.seed for person in population(TRAINING, TRAINED_PEOPLE)}
    for name in (*ENROLLED, *STRANGERS):
        demand(who(name).seed not in trained, f"training has seen the face of {name}")

    gallery = {}
    for name in ENROLLED:
        image = read(a.pack / "people" / f"{name}.png")
        boxes, scores, points = pack.detect(image)
        demand(len(boxes) == 1, f"{name}'s portrait: {len(boxes)} faces")
        crop = align(image, points[0])
        side, sharp = (boxes[0][2:] - boxes[0][:2]).min(), sharpness(crop)
        demand(
            scores[0] >= SCORE and side >= ENROL_PX and sharp >= 2 * SHARPNESS,
            f"{name}'s portrait: score {scores[0]:.2f}, {side:.0f} px, sharpness {sharp:.3f}",
        )
        gallery[name] = pack.embed([crop])[0]
        print(f"{name:<14} score {scores[0]:.2f}  {side:4.0f} px  sharpness {sharp:.3f}")
    vectors = np.stack(list(gallery.values()))
    alike = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)].max()
    print(f"two portraits are alike by at most {alike:.3f}; the threshold is {threshold}")
    demand(alike <= threshold - BELOW, f"two portraits are alike by {alike:.3f}")

    for path in sorted((a.pack / "visitors").glob("*.png")):
        image = read(path)
        names = expected(path.stem)
        boxes, scores, points = pack.detect(image)
        demand(len(boxes) == len(names), f"{path.name}: {len(boxes)} faces, not {len(names)}")
        if len(boxes) != len(names) or not names:
            print(f"{path.stem:<14} {len(boxes)} faces")
            continue
        for i, name in zip(np.argsort(boxes[:, 0]), names):
            side = (boxes[i][2:] - boxes[i][:2]).min()
            cosine = dict(zip(gallery, vectors @ pack.embed([align(image, points[i])])[0]))
            right = cosine.pop(name, None)
            other = max(cosine, key=cosine.get)
            said = f"{name} {right:.3f}" if right is not None else "stranger"
            print(
                f"{path.stem:<14} score {scores[i]:.2f}  {side:4.0f} px  {said:<14} nearest other: {other} {cosine[other]:.3f}"
            )
            demand(scores[i] >= SCORE and side >= NAMED_PX, f"{path.name}: score {scores[i]:.2f}, {side:.0f} px")
            demand(right is None or right >= threshold + ABOVE, f"{path.name}: {name} only {right}")
            demand(cosine[other] <= threshold - BELOW, f"{path.name}: {other} {cosine[other]:.3f}")
    for what in wrong:
        print("WRONG:", what, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
