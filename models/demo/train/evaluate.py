"""Measures the exported pack on people whom training never saw, and on the photographs of the test data.

Everything goes through preprocess.py, key points as detected. First the threshold is chosen on people of its own
(`--calibrate`, which writes the card); then the table is made with the threshold of the card and put into the README.
"""

import argparse
import json
import os
import tomllib
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

from export import card
from identity import identity, kin
from preprocess import Pack, align, iou
from render import CALIBRATION, HELD_OUT, crowd

HERE = Path(__file__).resolve().parent
MARKS = "<!-- evaluation -->", "<!-- /evaluation -->"
pack = None


def _open(folder):
    global pack
    pack = Pack(folder)


def _match(boxes, truth):
    """For each true box the index of the found one that overlaps it most, by at least a half, or -1."""
    if not len(boxes):
        return [-1] * len(truth)
    best = [iou(np.asarray(t, float), boxes) for t in truth]
    return [int(b.argmax()) if b.max() >= 0.5 else -1 for b in best]


def _scene(index):
    """Of a held-out scene: faces, found ones, false boxes, by size of the face; errors of key points."""
    # Scenes by which no version of the detector was chosen.
    rng = np.random.default_rng([23, index])
    image, faces = crowd(rng, lambda r: identity(HELD_OUT + 100_000 + int(r.integers(0, 50_000))))
    boxes, _, points = pack.detect(image)
    # A face that somebody hides in part may be found or not.
    partly = [f for f in faces if f.hidden > 0.15]
    faces = [f for f in faces if f.hidden <= 0.15]
    found = _match(boxes, [f.box for f in faces])
    sizes = [float((f.box[2:] - f.box[:2]).min()) for f in faces]
    off = [np.abs(points[i] - f.points).mean() / s for i, f, s in zip(found, faces, sizes) if i >= 0]
    false = len(set(range(len(boxes))) - {*found, *_match(boxes, [f.box for f in partly])})
    return sizes, [i >= 0 for i in found], false, off


def _views(job):
    """Embeddings of a person, each from a frame of its own; those whose face was not found are left out."""
    first, index, views, relative = job
    person = kin(first + index, first + index - 1) if relative else identity(first + index)
    found = []
    for k in range(views):
        rng = np.random.default_rng([19, first, index, k, int(relative)])
        image, faces = crowd(rng, lambda _: person, count=1, smallest=33.0)
        boxes, _, points = pack.detect(image)
        for i in _match(boxes, [f.box for f in faces]):
            if i >= 0:
                found.append(align(image, points[i]))
    return pack.embed(found) if found else np.zeros((0, 64), np.float32)


def pairs(pool, first, people, views):
    """Similarities of pairs: of one person, of two people, and of two who differ in the face alone."""
    sets = pool.map(_views, [(first, i, views, False) for i in range(people)], 4)
    relatives = pool.map(_views, [(first, i, views, True) for i in range(1, people, 3)], 4)
    same = np.concatenate([(s @ s.T)[np.triu_indices(len(s), 1)] for s in sets + relatives])
    rng = np.random.default_rng(23)
    different = []
    while len(different) < len(same):
        a, b = rng.integers(0, people, 2)
        if a != b and len(sets[a]) and len(sets[b]):
            different.append(sets[a][rng.integers(len(sets[a]))] @ sets[b][rng.integers(len(sets[b]))])
    alike = np.concatenate([(r @ sets[i - 1].T).ravel() for r, i in zip(relatives, range(1, people, 3))])
    return same, np.array(different), alike


def share(values):
    return f"{100 * float(np.mean(values)):.2f} %"


def drawn(pool, scenes, people, views, threshold):
    """Rows of the table on held-out drawn people."""
    results = pool.map(_scene, range(scenes), 8)
    sizes, found = (np.concatenate([np.asarray(r[k]) for r in results]) for k in (0, 1))
    false = np.array([r[2] for r in results])
    off = np.concatenate([r[3] for r in results if r[3]])
    empty = np.array([not r[0] for r in results])
    same, different, alike = pairs(pool, HELD_OUT, people, views)
    right = (np.mean(same >= threshold) + np.mean(different < threshold)) / 2
    level = lambda v, q: f"{np.quantile(v, q):.3f}"
    return [
        (f"detection recall, {len(found)} faces in {scenes} scenes", share(found)),
        ("… of faces of at least 60 px", share(found[sizes >= 60])),
        ("… of smaller ones, down to 26 px", share(found[sizes < 60])),
        (f"false boxes a frame, all {scenes} scenes", f"{false.mean():.4f}"),
        (f"… {empty.sum()} scenes without a face", f"{false[empty].mean():.4f}"),
        ("key points off by, mean, of the face's smaller side", share(off)),
        (f"**verification accuracy**, {len(same)} pairs of one person and as many of two, threshold {threshold}", share(right)),
        ("… pairs of one person accepted", share(same >= threshold)),
        ("… pairs of two people refused", share(different < threshold)),
        (
            f"… {len(alike)} pairs of two people who wear the same and differ in the face alone, refused",
            share(alike < threshold),
        ),
        ("similarity of one person: 1 %, 5 %, median", f"{level(same, 0.01)}, {level(same, 0.05)}, {level(same, 0.5)}"),
        (
            "similarity of two people: median, 95 %, 99.9 %",
            f"{level(different, 0.5)}, {level(different, 0.95)}, {level(different, 0.999)}",
        ),
    ]


# Who is on the photographs of the test data; every other face of them is a person of its own.
PHOTOGRAPHED = {
    "astronaut": "collins",
    "d_astronaut": "collins",
    "obama": "obama",
    "obama2": "obama",
    "obama3": "obama",
    "d_obama2": "obama",
    "biden": "biden",
}


def photographs(folder, threshold):
    """Rows of the table on photographs, whose true boxes are what InsightFace finds."""
    golden = json.loads((folder / "golden/insightface_0.7.3.json").read_text())["images"]
    found, false, crops, names = [], 0, [], []
    for name, entry in golden.items():
        image = cv2.imread(str(folder / "images" / name))
        if image is None:
            continue
        image = np.ascontiguousarray(image[:, :, ::-1])
        try:
            boxes, _, points = pack.detect(image)
        except cv2.error:
            continue  # a picture so narrow that nothing of it would be left
        hits = _match(boxes, [f["bbox"] for f in entry["faces"]])
        found += [i >= 0 for i in hits]
        false += len(set(range(len(boxes))) - {i for i in hits if i >= 0})
        stem = name.split(".")[0]
        known = PHOTOGRAPHED.get(stem) or PHOTOGRAPHED.get("_".join(stem.split("_")[:2]))
        for k, face in enumerate(entry["faces"]):
            # With InsightFace's key points, so that what the detector misses does not hide what the recogniser does.
            crops.append(align(image, face["kps"]))
            names.append(known or f"{stem}#{k}")
    vectors = pack.embed(crops)
    cosine, names = vectors @ vectors.T, np.array(names)
    upper = np.triu_indices(len(names), 1)
    equal = (names[:, None] == names[None])[upper]
    accepted = cosine[upper] >= threshold
    right = (np.mean(accepted[equal]) + np.mean(~accepted[~equal])) / 2
    return [
        (f"photographs: recall, {len(found)} faces that InsightFace finds in {len(golden)} pictures", share(found)),
        ("photographs: false boxes a picture", f"{false / len(golden):.2f}"),
        ("photographs: verification accuracy, at InsightFace's key points", share(right)),
        (f"… {equal.sum()} pairs of one person, accepted", share(accepted[equal])),
        (f"… {(~equal).sum()} pairs of two people, refused", share(~accepted[~equal])),
    ]


def calibrate(pool, people, views, folder):
    """The threshold, from people of its own: chosen so that hardly ever one is taken for another."""
    same, different, alike = pairs(pool, CALIBRATION, people, views)
    steps = np.round(np.arange(0.20, 0.80, 0.01), 2)
    accuracy = np.array([(np.mean(same >= t) + np.mean(different < t)) / 2 for t in steps])
    # Of the thresholds that cost at most half a percent of accuracy the highest: a guest greeted as a guest is a smaller
    # mistake than one greeted by another's name.
    chosen = np.flatnonzero(accuracy >= accuracy.max() - 0.005)[-1]
    threshold = float(steps[chosen])
    print(f"threshold {threshold}: accuracy {accuracy[chosen]:.4f}; best {accuracy.max():.4f} at {steps[accuracy.argmax()]}")
    for what, values in (("one person", same), ("two people", different), ("two who wear the same", alike)):
        print(f"refused of pairs of {what}: {share(values < threshold)}")
    card(
        folder,
        threshold,
        f"Calibrated on {people} drawn people of whom training saw none: of pairs of two people it refuses\n"
        f"# {share(different < threshold)}, of pairs of one {share(same < threshold)}.",
    )


def table(rows):
    return "\n".join(["| measured | |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=HERE.parent)
    parser.add_argument("--calibrate", action="store_true", help="choose the threshold and write the card")
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument(
        "--testdata", type=Path, default=Path(os.environ.get("MAJLIS_TESTDATA", HERE.parents[3] / "shared/testdata"))
    )
    parser.add_argument("--processes", type=int, default=2)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    with Pool(a.processes, _open, (a.pack,)) as pool:
        if a.calibrate:
            calibrate(pool, a.people, a.views, a.pack)
            return
        threshold = tomllib.loads((a.pack.parent / f"{a.pack.name}.toml").read_text())["match_threshold"]
        rows = drawn(pool, a.scenes, a.people, a.views, threshold)
    if (a.testdata / "golden").is_dir():
        _open(a.pack)
        rows += photographs(a.testdata, threshold)
    else:
        print(f"NOT MEASURED ON PHOTOGRAPHS: {a.testdata} has none (MAJLIS_TESTDATA names another folder)")
    print(table(rows))
    readme = a.pack / "README.md"
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(MARKS[0])
    readme.write_text(f"{before}{MARKS[0]}\n{table(rows)}\n{MARKS[1]}{rest.split(MARKS[1])[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
