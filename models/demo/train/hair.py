"""Hair and beards.

Hair has two layers, because it falls behind the body and over the forehead; so has a beard that reaches below the chin.
"""

import numpy as np

from pen import ellipse, fill, ramp, shade, smooth, stroke


def behind(context, p, v):
    """Behind the body: long hair."""
    sway = 0.10 * v.hair_flow
    if p.head == "long":
        smooth(
            context,
            [
                (0, -1.2),
                (1.08, -0.75),
                (1.24, 0.3),
                (1.30 + sway, 1.5),
                (1.20 + sway, 2.7),
                (0.5, 2.9),
                (-0.5, 2.9),
                (-1.20 + sway, 2.7),
                (-1.30 + sway, 1.5),
                (-1.24, 0.3),
                (-1.08, -0.75),
            ],
        )
        fill(context, shade(p.hair, 0.78))
    elif p.head == "waves":
        right = [(1.12, -0.7), (1.36, -0.1), (1.24, 0.5), (1.48, 1.1), (1.30, 1.7), (1.36, 2.2), (0.8, 2.35)]
        smooth(context, [(0, -1.28), *right, *[(-x, y) for x, y in reversed(right)]])
        fill(context, shade(p.hair, 0.78))
    elif p.head == "bob":
        smooth(
            context,
            [
                (0, -1.24),
                (1.05, -0.85),
                (1.28, 0.2),
                (1.30, 1.0),
                (1.06, 1.38),
                (-1.06, 1.38),
                (-1.30, 1.0),
                (-1.28, 0.2),
                (-1.05, -0.85),
            ],
        )
        fill(context, shade(p.hair, 0.78))
    elif p.head == "bun":
        ellipse(context, 0.1 * p.hair_side, -1.42, 0.46, 0.40)
        fill(context, shade(p.hair, 0.88))


def behind_head(context, p, v):
    """Between body and head: a beard that reaches below the chin."""
    if p.beard == "full":
        x, y = np.sin(v.yaw) * 0.4, p.chin_y
        long = 0.14 + 0.34 * p.beard_reach
        smooth(
            context,
            [
                (x - p.jaw - 0.03, 0.75),
                (x - p.jaw * 0.80, y - 0.05),
                (x - 0.28, y + long * 0.85),
                (x, y + long),
                (x + 0.28, y + long * 0.85),
                (x + p.jaw * 0.80, y - 0.05),
                (x + p.jaw + 0.03, 0.75),
            ],
        )
        fill(context, shade(p.hair, 0.86))


def beard(context, p, v):
    """On the skin of the lower face; the context is clipped to the head."""
    kind = p.beard
    if kind in ("none", "moustache"):
        return
    colour, alpha = p.hair, {"stubble": 0.30, "short": 0.88, "full": 0.97}.get(kind, 0.93)
    at = v.point
    lip = p.mouth_y
    if kind in ("stubble", "short", "full"):
        reach = 0.16 * p.beard_reach
        half = [
            (0.93, -0.02),
            (0.86, 0.30),
            (0.74, 0.62 - reach),
            (p.mouth_w + 0.17, lip - 0.20 - reach * 0.3),
            (p.nose_w * 0.8, p.nose_y + 0.13),
        ]
        right = [at(x * p.width if i < 3 else x, y) for i, (x, y) in enumerate(half)]
        left = [at(-x * p.width if i < 3 else -x, y) for i, (x, y) in enumerate(half)]
        smooth(context, [(1.5, -0.05), *right, *left[::-1], (-1.5, -0.05), (-1.5, 2.2), (1.5, 2.2)], tension=0.35)
        fill(context, colour, alpha)
    elif kind == "chin-strap":
        inner = [
            at(0.92 * p.width, 0.0),
            at(0.84 * p.width, 0.5),
            at(p.jaw * 0.78, 0.98),
            at(p.chin + 0.05, p.chin_y - 0.22),
            at(0, p.chin_y - 0.17),
        ]
        mirrored = [
            at(-0.92 * p.width, 0.0),
            at(-0.84 * p.width, 0.5),
            at(-p.jaw * 0.78, 0.98),
            at(-p.chin - 0.05, p.chin_y - 0.22),
        ]
        smooth(context, [(1.5, -0.02), *inner, *mirrored[::-1], (-1.5, -0.02), (-1.5, 2.2), (1.5, 2.2)], tension=0.35)
        fill(context, colour, alpha)
    else:  # goatee, circle
        wide = p.mouth_w * (0.62 + 0.3 * p.beard_reach) if kind == "goatee" else p.mouth_w + 0.12
        top = lip + 0.19 if kind == "goatee" else lip - 0.05
        smooth(
            context,
            [
                at(-wide, top),
                at(0, lip + 0.20 if kind == "goatee" else lip - 0.05),
                at(wide, top),
                at(wide * 0.95, p.chin_y - 0.20),
                at(wide * 0.5, p.chin_y + 0.03),
                at(-wide * 0.5, p.chin_y + 0.03),
                at(-wide * 0.95, p.chin_y - 0.20),
            ],
        )
        fill(context, colour, alpha)


def moustache(context, p, v):
    """Over the upper lip."""
    if p.beard in ("none", "goatee", "chin-strap"):
        return
    alpha = 0.30 if p.beard == "stubble" else 0.94
    width = p.mouth_w + (0.10 if p.beard == "circle" else 0.03 + 0.08 * p.beard_reach)
    top, low = p.nose_y + 0.12, p.mouth_y - p.lip_up * 0.45 - 0.03 * v.open
    lift = 0.06 * max(0, v.smile)
    smooth(
        context,
        [
            v.point(-width, p.mouth_y + 0.05 - lift),
            v.point(-width * 0.62, (top + low) / 2 - 0.01),
            v.point(-0.06, top),
            v.point(0, top + 0.03),
            v.point(0.06, top),
            v.point(width * 0.62, (top + low) / 2 - 0.01),
            v.point(width, p.mouth_y + 0.05 - lift),
            v.point(width * 0.6, low),
            v.point(0, low - 0.015),
            v.point(-width * 0.6, low),
        ],
    )
    fill(context, shade(p.hair, 0.95), alpha)


def _hair_line(p, v, temple=0.80, top=-0.62, burn=0.16, part=0.0):
    """The edge of hair on the face, from the right sideburn over the forehead to the left one."""
    y = top + p.hair_line
    line = [
        (0.97 * p.width, burn),
        (0.86 * p.width, -0.16),
        (temple * p.width, -0.38),
        (0.45 * p.width, y - 0.02),
        (part, y - 0.06),
    ]
    mirrored = [(-x, yy) for x, yy in reversed(line[:-1])]
    return [v.point(x, yy) for x, yy in line + mirrored]


def _sheen(context, p, v):
    """Light on hair, in the current clip."""
    lx = v.light[0]
    context.set_source(
        ramp(
            lx - 0.8,
            -1.5,
            lx + 0.6,
            -0.2,
            (0.0, shade(p.hair, 1.3), 0.0),
            (0.45, shade(p.hair, 1.35), 0.45),
            (0.9, p.hair, 0.0),
        )
    )
    context.paint()


def _mass(context, points, p, v, alpha=1.0):
    smooth(context, points, tension=0.45)
    fill(context, p.hair, alpha, keep=True)
    context.save()
    context.clip()
    _sheen(context, p, v)
    context.restore()


def front(context, p, v):
    """Hair over the forehead."""
    kind, h, w, s = p.head, p.height, p.width, p.hair_side
    if kind == "short":
        cap = [
            (-1.0 * w, 0.1),
            (-1.06 * w, -0.44),
            (-0.78 * w, -0.98 * h),
            (-0.40 * w, -1.18 * h),
            (0, -1.23 * h),
            (0.40 * w, -1.18 * h),
            (0.78 * w, -0.98 * h),
            (1.06 * w, -0.44),
            (1.0 * w, 0.1),
        ]
        _mass(context, cap + _hair_line(p, v), p, v)
    elif kind == "parted":
        cap = [
            (-1.0 * w, 0.1),
            (-1.07 * w, -0.44),
            (-0.82 * w, -1.0 * h),
            (-0.44 * w, -1.22 * h),
            (-0.02 * s, -1.29 * h),
            (0.44 * w, -1.23 * h),
            (0.80 * w, -1.01 * h),
            (1.07 * w, -0.44),
            (1.0 * w, 0.1),
        ]
        line = _hair_line(p, v, top=-0.60, part=0.42 * s)
        _mass(context, cap + line, p, v)
        smooth(context, [v.point(0.44 * s, -0.66 + p.hair_line), (0.50 * s, -0.95 * h), (0.40 * s, -1.18 * h)], closed=False)
        stroke(context, shade(p.hair, 0.5), 0.03, 0.8)
    elif kind == "curly":
        spots = np.random.default_rng([5, p.seed])
        cap = [
            (-1.02 * w, 0.05),
            (-1.10 * w, -0.45),
            (-0.9 * w, -1.05 * h),
            (0, -1.28 * h),
            (0.9 * w, -1.05 * h),
            (1.10 * w, -0.45),
            (1.02 * w, 0.05),
        ]
        _mass(context, cap + _hair_line(p, v, top=-0.64), p, v)
        for k in range(26):
            a = np.pi * (1.02 + 0.96 * k / 25)
            r = 1.12 + spots.uniform(-0.05, 0.06)
            ellipse(context, np.cos(a) * r * w, np.sin(a) * r * h * 1.02 - 0.08, 0.17, 0.17)
            fill(context, shade(p.hair, spots.uniform(0.85, 1.08)))
        for x, y in _hair_line(p, v, top=-0.66)[2:-2]:
            ellipse(context, x, y - 0.05, 0.15, 0.13)
            fill(context, p.hair)
    elif kind == "buzz":
        cap = [
            (-0.99 * w, 0.05),
            (-1.0 * w, -0.40),
            (-0.83 * w, -0.92 * h),
            (0, -1.10 * h),
            (0.83 * w, -0.92 * h),
            (1.0 * w, -0.40),
            (0.99 * w, 0.05),
        ]
        _mass(context, cap + _hair_line(p, v, top=-0.66), p, v, 0.72)
    elif kind in ("long", "bob", "waves", "bun"):
        _women_hair(context, p, v)


def _women_hair(context, p, v):
    kind, h, w, s = p.head, p.height, p.width, p.hair_side
    if kind == "bun":
        cap = [
            (-1.0 * w, 0.18),
            (-1.05 * w, -0.44),
            (-0.76 * w, -0.98 * h),
            (-0.38 * w, -1.16 * h),
            (0, -1.20 * h),
            (0.38 * w, -1.16 * h),
            (0.76 * w, -0.98 * h),
            (1.05 * w, -0.44),
            (1.0 * w, 0.18),
        ]
        _mass(context, cap + _hair_line(p, v, top=-0.66), p, v)
        return
    low = {"long": 1.9, "bob": 1.30, "waves": 1.55}[kind]
    part = v.point(0.34 * s, -0.72 + p.hair_line)
    top = (0.28 * s, -1.24 * h)
    for side in (-1, 1):
        near = 1 if side == s else 0
        outer = [
            (side * 0.66 * w, -1.12 * h),
            (side * 0.98 * w, -0.82 * h),
            (side * 1.16 * w, -0.35),
            (side * 1.24 * w, 0.3),
            (side * (1.22 + (0.12 if kind == "waves" else 0)), 0.95),
            (side * 1.16, low),
        ]
        inner = [
            (side * 0.86, low - 0.05),
            v.point(side * 0.94 * w, 0.75),
            v.point(side * 0.93 * w, 0.15),
            v.point(side * 0.80 * w, -0.30 - 0.05 * near),
        ]
        if not near:
            inner.append(v.point(side * 0.40 * w, -0.58 + p.hair_line))
        _mass(context, [top, *outer, *inner, part], p, v)
    smooth(context, [part, ((part[0] + top[0]) / 2, -1.0 * h), top], closed=False)
    stroke(context, shade(p.hair, 0.55), 0.025, 0.8)
