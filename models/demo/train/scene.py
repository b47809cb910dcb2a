"""Rooms with people in them, seen by a camera that is not a good one.

A scene knows where each face is, because the key points go through the projection that draws them. Things that a detector
could take for a face (round, skin-coloured, a head from behind) are drawn on purpose: without them it would never see any.
"""

from dataclasses import dataclass
from math import cos, pi, sin

import cairo
import cv2
import numpy as np

import portrait
import wear
from identity import HAIR, SCARF, SKIN, Identity
from pen import ellipse, fill, glow, ramp, shade, smooth, stroke
from view import CLOTHES, View


@dataclass
class Face:
    """A face in a picture, px: box (x1, y1, x2, y2), five key points, whose it is, and how much of it somebody hides."""

    box: np.ndarray
    points: np.ndarray
    person: Identity
    hidden: float = 0.0


def _colour(rng, low=0.2, high=0.95):
    base = rng.uniform(low, high)
    return tuple(float(np.clip(base + d, 0, 1)) for d in rng.normal(0, 0.13, 3))


def room(context, rng, width, height, clutter=1.0):
    """A wall, perhaps a floor, and things before it."""
    kind = rng.integers(0, 5)
    a, b = _colour(rng), _colour(rng)
    angle = rng.uniform(0, pi)
    dx, dy = cos(angle) * width, sin(angle) * height
    context.set_source(ramp(0, 0, dx, dy, (0, a, 1), (1, a if kind == 0 else b, 1)))
    context.paint()
    if kind == 2:  # panels
        step = rng.uniform(0.06, 0.25) * width
        for k in range(int(width / step) + 1):
            context.rectangle(k * step, 0, step * 0.5, height)
        fill(context, shade(a, rng.uniform(0.7, 1.2)), 0.5)
    elif kind == 3:  # tiles of eight-pointed stars
        step = rng.uniform(0.08, 0.2) * width
        colour = shade(b, rng.uniform(0.6, 1.3))
        for x in np.arange(0, width + step, step):
            for y in np.arange(0, height + step, step):
                for turn in (0, pi / 4):
                    context.save()
                    context.translate(x, y)
                    context.rotate(turn)
                    context.rectangle(-step * 0.3, -step * 0.3, step * 0.6, step * 0.6)
                    context.restore()
        fill(context, colour, 0.35)
    elif kind == 4:  # spots of light out of focus
        for _ in range(rng.integers(8, 25)):
            ellipse(context, rng.uniform(0, width), rng.uniform(0, height), *(2 * [rng.uniform(0.01, 0.09) * width]))
            fill(context, _colour(rng, 0.5, 1.0), rng.uniform(0.1, 0.5))
    if rng.random() < 0.45:
        y = rng.uniform(0.6, 0.9) * height
        context.rectangle(0, y, width, height - y)
        fill(context, _colour(rng, 0.15, 0.8))
    for _ in range(rng.poisson(3.2 * clutter)):
        _thing(context, rng, width, height)


def _thing(context, rng, width, height):
    x, y, s = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.04, 0.22) * width
    kind = rng.integers(0, 11)
    context.save()
    context.translate(x, y)
    colour = _colour(rng)
    if kind == 0:  # a picture on the wall
        context.rectangle(-s, -0.7 * s, 2 * s, 1.4 * s)
        fill(context, shade(colour, 0.4))
        context.rectangle(-0.9 * s, -0.6 * s, 1.8 * s, 1.2 * s)
        fill(context, _colour(rng, 0.5, 1))
        ellipse(context, rng.uniform(-0.5, 0.5) * s, 0.1 * s, 0.25 * s, 0.25 * s)
        fill(context, _colour(rng))
    elif kind == 1:  # a screen or poster with lines of text
        context.rectangle(-s, -s, 2 * s, 2 * s)
        fill(context, _colour(rng, 0.7, 1))
        for k in range(rng.integers(3, 8)):
            context.rectangle(-0.8 * s, -0.8 * s + 0.22 * s * k, rng.uniform(0.5, 1.6) * s, 0.09 * s)
        fill(context, _colour(rng, 0, 0.4))
    elif kind == 2:  # a balloon or lamp
        ellipse(context, 0, 0, 0.5 * s, 0.6 * s)
        fill(context, colour, keep=True)
        context.save()
        context.clip()
        glow(context, -0.15 * s, -0.2 * s, 0.5 * s, (1, 1, 1), 0.7)
        context.restore()
        context.move_to(0, 0.6 * s)
        context.line_to(0, 2 * s)
        stroke(context, (0.3, 0.3, 0.3), 1.5)
    elif kind == 3:  # a clock
        ellipse(context, 0, 0, 0.5 * s, 0.5 * s)
        fill(context, _colour(rng, 0.8, 1), keep=True)
        stroke(context, shade(colour, 0.4), 0.06 * s)
        for turn, length in ((rng.uniform(0, 6.3), 0.3), (rng.uniform(0, 6.3), 0.42)):
            context.move_to(0, 0)
            context.line_to(cos(turn) * length * s, sin(turn) * length * s)
            stroke(context, (0.1, 0.1, 0.1), 0.04 * s)
    elif kind == 4:  # a plant
        for k in range(7):
            ellipse(context, 0.4 * s * cos(k), -0.5 * s + 0.3 * s * sin(2.4 * k), 0.42 * s, 0.13 * s, k * 0.9)
            fill(context, (0.15 + 0.05 * (k % 3), 0.42 + 0.06 * (k % 2), 0.22))
        context.rectangle(-0.25 * s, 0, 0.5 * s, 0.5 * s)
        fill(context, colour)
    elif kind == 5:  # a window or door
        context.rectangle(-0.6 * s, -1.2 * s, 1.2 * s, 2.4 * s)
        fill(context, shade(colour, 0.5))
        for cx in (-0.53, 0.04):
            for cy in (-1.1, 0.05):
                context.rectangle(cx * s, cy * s, 0.49 * s, 1.05 * s)
        context.set_source(ramp(-s, -s, s, s, (0, (0.8, 0.9, 1), 1), (1, (0.55, 0.72, 0.9), 1)))
        context.fill()
    elif kind == 6:  # boxes on a shelf
        for k in range(4):
            context.rectangle((-1 + 0.5 * k) * s, -rng.uniform(0.3, 0.8) * s, 0.45 * s, s)
            fill(context, _colour(rng))
    elif kind == 7:  # a form of skin colour without features: a vase, a hand, a mannequin
        tone = SKIN[rng.choice(len(SKIN))]
        context.scale(0.45 * s, 0.45 * s)
        if rng.random() < 0.5:
            ellipse(context, 0, 0, 1, rng.uniform(0.9, 1.4), rng.normal(0, 0.3))
        else:
            smooth(context, [(rng.uniform(0.5, 1.3) * cos(t), rng.uniform(0.7, 1.5) * sin(t)) for t in np.arange(0, 6.2, 0.9)])
        context.set_source(ramp(-1, -1, 1, 1, (0, tone, 1), (1, shade(tone, 0.6), 1)))
        context.fill()
    elif kind == 8:  # buttons, sockets, knobs: two or three dots on a plate
        context.rectangle(-0.4 * s, -0.4 * s, 0.8 * s, 0.8 * s)
        fill(context, colour)
        for _ in range(rng.integers(2, 5)):
            ellipse(context, rng.uniform(-0.3, 0.3) * s, rng.uniform(-0.3, 0.3) * s, 0.08 * s, 0.08 * s)
        fill(context, shade(colour, 0.3))
    else:  # somebody from behind
        context.scale(0.42 * s, 0.42 * s)
        _from_behind(context, rng)
    context.restore()


def _from_behind(context, rng):
    body = CLOTHES[rng.choice(len(CLOTHES))]
    smooth(context, [(-0.5, 1.5), (-1.8, 2.2), (-2.1, 4.2), (2.1, 4.2), (1.8, 2.2), (0.5, 1.5)])
    fill(context, body)
    cloth = rng.random()
    tone = SKIN[rng.choice(len(SKIN))]
    if cloth < 0.4:
        context.rectangle(-0.5, 0.8, 1.0, 1.2)
        fill(context, shade(tone, 0.85))
        for side in (-1, 1):
            ellipse(context, side, 0.2, 0.14, 0.26)
            fill(context, tone)
        ellipse(context, 0, 0, 1.0, 1.25)
        fill(context, HAIR[rng.choice(len(HAIR))])
        return
    smooth(
        context,
        [(0, -1.3), (0.9, -0.9), (1.25, 0.2), (1.35, 2.2), (1.2, 3.0), (-1.2, 3.0), (-1.35, 2.2), (-1.25, 0.2), (-0.9, -0.9)],
    )
    if cloth < 0.6:
        pattern = cairo.SurfacePattern(wear.CHECK)
        pattern.set_extend(cairo.EXTEND_REPEAT)
        pattern.set_matrix(cairo.Matrix(xx=150, yx=-150, xy=150, yy=150))
        context.set_source(pattern)
        context.fill()
    else:
        fill(context, (0.95, 0.95, 0.94) if cloth < 0.75 else SCARF[rng.choice(len(SCARF))])
    if cloth < 0.75:
        ellipse(context, 0, -0.85, 1.0, 0.16)
        stroke(context, (0.07, 0.07, 0.08), 0.12)


def put(context, person: Identity, look: View, x, y, scale) -> Face:
    """Draws a person whose eyes' middle is at (x, y), half a head being `scale` px wide; where the face is then."""
    context.save()
    context.translate(x, y)
    context.scale(scale, scale)
    portrait.draw(context, person, look)
    context.restore()
    c, s = cos(look.roll), sin(look.roll)
    there = lambda p: np.array([[x + scale * (c * a - s * b), y + scale * (s * a + c * b)] for a, b in p])
    top = portrait.box(person, look)[1]
    rim = there([(a, max(b, top)) for a, b in portrait.turned_outline(person, look)])
    return Face(np.concatenate([rim.min(0), rim.max(0)]), there(portrait.key_points(person, look)), person)


def occlude(context, rng, face: Face):
    """Something small before the face: never both eyes, never more than a fifth."""
    x1, y1, x2, y2 = face.box
    w = x2 - x1
    side = rng.choice([-1, 1])
    context.save()
    context.translate((x1 + x2) / 2 + side * w * rng.uniform(0.40, 0.55), y1 + (y2 - y1) * rng.uniform(0.6, 1.05))
    context.rotate(rng.uniform(-0.6, 0.6))
    kind = rng.integers(0, 3)
    if kind == 0:  # a hand
        tone = shade(face.person.skin, 0.92)
        for k in range(4):
            ellipse(context, -0.12 * w + 0.085 * w * k, -0.14 * w, 0.045 * w, 0.17 * w)
            fill(context, tone)
        ellipse(context, 0, 0.05 * w, 0.19 * w, 0.17 * w)
        fill(context, tone)
    elif kind == 1:  # a telephone
        context.rectangle(-0.12 * w, -0.22 * w, 0.24 * w, 0.44 * w)
        fill(context, (0.10, 0.10, 0.12))
    else:  # a leaf
        ellipse(context, 0, 0, 0.10 * w, 0.34 * w)
        fill(context, (0.20, 0.46, 0.26))
    context.restore()


def canvas(width, height):
    """A surface and its context."""
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, width, height)
    return surface, cairo.Context(surface)


def pixels(surface):
    """RGB, uint8, of a surface."""
    surface.flush()
    width, height = surface.get_width(), surface.get_height()
    data = np.frombuffer(surface.get_data(), np.uint8).reshape(height, surface.get_stride() // 4, 4)
    return np.ascontiguousarray(data[:, :width, 2::-1])


def camera(image, rng, strength=1.0):
    """What a camera does to a picture: blur, exposure, colour cast, noise, compression."""
    height, width = image.shape[:2]
    if rng.random() < 0.25 * strength:
        factor = rng.uniform(0.5, 0.9)
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.4 * strength:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.4))
    elif rng.random() < 0.15 * strength:
        # Somebody walks by: a straight smear.
        length = int(rng.integers(3, 7))
        kernel = np.zeros((length, length), np.float32)
        x, y = (int(round((length - 1) * (0.5 + 0.5 * f(angle)))) for angle in [rng.uniform(0, pi)] for f in (cos, sin))
        cv2.line(kernel, (x, y), (length - 1 - x, length - 1 - y), 1.0)
        image = cv2.filter2D(image, -1, kernel / kernel.sum())
    level = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.22 * strength))
    level = level * np.exp(rng.normal(0, 0.11 * strength)) * np.exp(rng.normal(0, 0.055 * strength, 3))
    image = cv2.LUT(image, (np.clip(level, 0, 1) * 255 + 0.5).astype(np.uint8)[None])
    if rng.random() < 0.06 * strength:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.6 * strength:
        grain = rng.standard_normal((height, width, 1 if rng.random() < 0.6 else 3), np.float32) * np.float32(
            rng.uniform(0.8, 9)
        )
        image = np.clip(image + grain + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.4 * strength:
        _, code = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 95))])
        image = cv2.imdecode(code, cv2.IMREAD_COLOR)[:, :, ::-1]
    return np.ascontiguousarray(image)
