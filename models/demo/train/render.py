"""Renders the data sets for training: scenes for the detector, upright faces for the recogniser.

A picture is a function of the kind of data set and its number, so any part of a set can be drawn by any process.
"""

import argparse
from multiprocessing import Pool
from pathlib import Path

import numpy as np

import preprocess
import scene
from identity import identity, population
from view import view

DETECTOR_SIZE = 320
MOST_FACES = 8
# Seeds of people: those of training, those that thresholds are calibrated on, and those that only evaluation sees. They lie
# far apart because kin move on by a million until they fit.
TRAINING, CALIBRATION, HELD_OUT = 1_000_000, 300_000_000, 600_000_000
TRAINED_PEOPLE = 1200
FRAMES = [(640, 480), (640, 480), (640, 480), (480, 640), (512, 512), (640, 360)]


def crowd(rng, people, count=None, smallest=15.0, largest=165.0, clutter=1.0):
    """A picture of a room and the faces in it. `people` gives somebody for a random generator."""
    width, height = FRAMES[rng.choice(len(FRAMES))]
    surface, context = scene.canvas(width, height)
    scene.room(context, rng, width, height, clutter)
    if count is None:
        count = rng.choice([0, 1, 2, 3, 4, 6], p=[0.22, 0.38, 0.19, 0.11, 0.06, 0.04])
    places = []
    for _ in range(60):
        if len(places) == count:
            break
        scale = float(np.exp(rng.uniform(np.log(smallest), np.log(largest / (1 + 0.35 * max(0, count - 1))))))
        x, y = rng.uniform(0.9 * scale, width - 0.9 * scale), rng.uniform(0.75 * scale, height - 1.2 * scale)
        if all(abs(x - a) > 1.25 * (scale + s) or abs(y - b) > 1.7 * (scale + s) for a, b, s in places):
            places.append((x, y, scale))
    faces = []
    for x, y, scale in sorted(places, key=lambda p: p[1]):
        look = view(rng)
        face = scene.put(context, people(rng), look, x, y, scale)
        for other in faces:
            other.hidden = max(other.hidden, _hides(x, y, scale, other.box))
        faces.append(face)
        if rng.random() < 0.08:
            scene.occlude(context, rng, face)
    return scene.camera(scene.pixels(surface), rng), faces


def _hides(x, y, scale, box):
    """The share of a box that lies behind the body of somebody who stands before it."""
    width = min(box[2], x + 1.9 * scale) - max(box[0], x - 1.9 * scale)
    height = box[3] - max(box[1], y + 2.1 * scale)
    return max(0.0, width) * max(0.0, height) / ((box[2] - box[0]) * (box[3] - box[1]))


def portrait_crop(person, rng, jitter=0.022, smallest=24.0, largest=90.0):
    """An upright face of a person in some view, its key points off by what a detector is off by."""
    scale = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
    side = int(3.5 * scale)
    surface, context = scene.canvas(side, side)
    scene.room(context, rng, side, side, clutter=0.4)
    face = scene.put(context, person, view(rng), side * rng.uniform(0.46, 0.54), side * rng.uniform(0.44, 0.50), scale)
    if rng.random() < 0.10:
        scene.occlude(context, rng, face)
    image = scene.camera(scene.pixels(surface), rng)
    points = face.points + rng.normal(0, jitter * scale * 2, (5, 2)) * rng.random()
    return preprocess.align(image, points)


def _scene(job):
    (index,) = job
    rng = np.random.default_rng([11, index])
    image, faces = crowd(rng, lambda r: identity(TRAINING + int(r.integers(0, 50_000))))
    square, scale = preprocess.paste(image, DETECTOR_SIZE)
    label = np.full((MOST_FACES, 14), np.nan, np.float32)
    for row, face in zip(label, faces):
        row[:] = np.concatenate([face.box, face.points.ravel()]) * scale
        # Without key points a face is neither asked for nor forbidden.
        if face.hidden > 0.15:
            row[4:] = np.nan
    return index, square, label


def _room(index):
    """A room full of things and without a face: what a detector must learn to leave alone."""
    rng = np.random.default_rng([12, index])
    image, _ = crowd(rng, None, count=0, clutter=4.0)
    return index, preprocess.paste(image, DETECTOR_SIZE)[0]


def _views(job):
    index, person, count = job
    return index, np.stack([portrait_crop(person, np.random.default_rng([13, person.seed, index, k])) for k in range(count)])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["scenes", "rooms", "faces"])
    parser.add_argument("--work", type=Path, required=True, help="folder for data sets and checkpoints")
    parser.add_argument("--count", type=int, help="scenes, rooms, or people")
    parser.add_argument("--views", type=int, default=16, help="of a person")
    parser.add_argument("--processes", type=int, default=2)
    a = parser.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    new = lambda name, kind, shape: np.lib.format.open_memmap(a.work / name, "w+", kind, shape)
    with Pool(a.processes) as pool:
        if a.what == "scenes":
            count = a.count or 9000
            images = new("scenes.npy", np.uint8, (count, DETECTOR_SIZE, DETECTOR_SIZE, 3))
            labels = new("labels.npy", np.float32, (count, MOST_FACES, 14))
            for index, image, label in pool.imap_unordered(_scene, ((i,) for i in range(count)), 32):
                images[index], labels[index] = image, label
        elif a.what == "rooms":
            count = a.count or 600
            images = new("rooms.npy", np.uint8, (count, DETECTOR_SIZE, DETECTOR_SIZE, 3))
            for index, image in pool.imap_unordered(_room, range(count), 32):
                images[index] = image
        else:
            people = population(TRAINING, a.count or TRAINED_PEOPLE)
            faces = new("faces.npy", np.uint8, (len(people), a.views, 112, 112, 3))
            jobs = ((i, person, a.views) for i, person in enumerate(people))
            for index, crops in pool.imap_unordered(_views, jobs, 8):
                faces[index] = crops


if __name__ == "__main__":
    main()
