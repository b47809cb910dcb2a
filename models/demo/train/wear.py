"""What is worn on a head: ghutra, hijab, cap and glasses.

Cloth has up to three layers: it hangs behind the body, lies between body and head, and frames the face.
"""

import cairo
import numpy as np

from pen import ellipse, fill, mix, ramp, shade, smooth, stroke

WHITE = (0.96, 0.96, 0.95)
RED = (0.72, 0.14, 0.16)


def _check():
    """The weave of a red and white ghutra, one repeat."""
    surface = cairo.ImageSurface(cairo.FORMAT_RGB24, 32, 32)
    context = cairo.Context(surface)
    fill_all = lambda c: (context.set_source_rgb(*c), context.paint())
    fill_all((0.95, 0.92, 0.91))
    for x in (0, 16, 32):
        for y in (0, 16, 32):
            odd = (x + y) // 16 % 2
            ellipse(context, x, y, 7.5 if odd else 5.0, 7.5 if odd else 5.0)
            fill(context, RED)
    for x in (0, 16, 32):
        context.rectangle(x - 1.6, 0, 3.2, 32)
        context.rectangle(0, x - 1.6, 32, 3.2)
    fill(context, RED, 0.75)
    return surface


CHECK = _check()


def _cloth(context, person):
    """Sets the source to the person's head cloth."""
    if person.head == "ghutra-red":
        pattern = cairo.SurfacePattern(CHECK)
        pattern.set_extend(cairo.EXTEND_REPEAT)
        pattern.set_filter(cairo.FILTER_GOOD)
        pattern.set_matrix(cairo.Matrix(xx=150, yx=-150, xy=150, yy=150))
        context.set_source(pattern)
    else:
        context.set_source_rgb(*(WHITE if person.head == "ghutra-white" else person.scarf))


def behind(context, p, v):
    """Behind the body: the back of a ghutra."""
    if p.head.startswith("ghutra"):
        smooth(
            context,
            [
                (0, -1.15),
                (1.0, -0.8),
                (1.2, 0.4),
                (1.35, 1.9),
                (1.3, 2.6),
                (-1.3, 2.6),
                (-1.35, 1.9),
                (-1.2, 0.4),
                (-1.0, -0.8),
            ],
        )
        base = WHITE if p.head == "ghutra-white" else (0.80, 0.55, 0.55)
        fill(context, shade(base, 0.62))


def behind_head(context, p, v):
    """Between body and head: the inside of a scarf."""
    if p.head.startswith("hijab"):
        smooth(context, [(0, -1.1), (1.0, -0.8), (1.1, 0.4), (0.9, 1.5), (0, 2.0), (-0.9, 1.5), (-1.1, 0.4), (-1.0, -0.8)])
        fill(context, shade(p.scarf, 0.60))


def front(context, p, v):
    """Before the head: a head cover."""
    if p.head == "cap":
        _cap(context, p, v)
    elif p.head.startswith("ghutra"):
        _ghutra(context, p, v)
    elif p.head.startswith("hijab"):
        _hijab(context, p, v)


def _cap(context, p, v):
    h, w = p.height, p.width
    smooth(
        context,
        [
            (-1.02 * w, -0.42),
            (-0.92 * w, -0.92 * h),
            (-0.48 * w, -1.22 * h),
            (0, -1.28 * h),
            (0.48 * w, -1.22 * h),
            (0.92 * w, -0.92 * h),
            (1.02 * w, -0.42),
            v.point(0.6 * w, -0.60),
            v.point(0, -0.66),
            v.point(-0.6 * w, -0.60),
        ],
        tension=0.4,
    )
    context.set_source(ramp(v.light[0], -1.2, -v.light[0], -0.3, (0, WHITE, 1), (1, shade(WHITE, 0.78), 1)))
    context.fill()
    smooth(
        context,
        [(-1.0 * w, -0.56), v.point(-0.6 * w, -0.74), v.point(0, -0.80), v.point(0.6 * w, -0.74), (1.0 * w, -0.56)],
        closed=False,
    )
    stroke(context, (0.72, 0.70, 0.64), 0.035)
    for side in (-1, 1):
        smooth(
            context,
            [(side * 0.99 * w, -0.42), (side * 1.0 * w, 0.1), v.point(side * 0.9 * w, 0.14), v.point(side * 0.86 * w, -0.36)],
            tension=0.3,
        )
        fill(context, p.hair, 0.9)


def _ghutra(context, p, v):
    h, w = p.height, p.width
    fold = p.scarf_fold
    outer = [
        (1.52, 2.95),
        (1.58, 2.2),
        (1.42, 1.2),
        (1.34 + fold, 0.4),
        (1.24 * w, -0.3),
        (1.00 * w, -0.92 * h),
        (0.52, -1.21 * h),
    ]
    inner = [
        (1.02, 2.95),
        (0.95, 2.1),
        (0.99, 1.2),
        v.point(0.985 * w, 0.5),
        v.point(0.91 * w, -0.15),
        v.point(0.66 * w, -0.54 + fold),
    ]
    path = [
        *outer,
        (0, -1.29 * h),
        *[(-x, y) for x, y in reversed(outer)],
        *[
            (-x, y) if i < 3 else v.point(-(0.985, 0.91, 0.66)[i - 3] * w, (0.5, -0.15, -0.54 + fold)[i - 3])
            for i, (x, y) in enumerate(inner)
        ],
        v.point(0, -0.60 + fold),
        *reversed(inner),
    ]
    smooth(context, path, tension=0.38)
    _cloth(context, p)
    context.fill_preserve()
    context.save()
    context.clip()
    lx = v.light[0]
    context.set_source(
        ramp(lx * 1.5, -1, -lx * 1.5, 1.5, (0.2, (0, 0, 0), 0), (1, (0.12, 0.10, 0.16), 0.30 + 0.3 * v.strength))
    )
    context.paint()
    for side in (-1, 1):
        for x1, x2 in ((1.10, 1.18), (1.22, 1.40)):
            smooth(
                context,
                [(side * x1 * w, -0.55), (side * (x1 + 0.02), 0.5), (side * (x2 - 0.02), 1.5), (side * x2, 2.9)],
                closed=False,
            )
            stroke(context, (0.25, 0.22, 0.26), 0.05, 0.20)
    smooth(context, [v.point(-0.35, -0.62 + fold), (-0.12, -0.85), (0.02, -1.1)], closed=False)
    stroke(context, (0.25, 0.22, 0.26), 0.04, 0.20)
    context.restore()
    # The edge on the forehead throws a little shadow.
    smooth(
        context,
        [
            v.point(-0.91 * w, -0.13),
            v.point(-0.66 * w, -0.52 + fold),
            v.point(0, -0.58 + fold),
            v.point(0.66 * w, -0.52 + fold),
            v.point(0.91 * w, -0.13),
        ],
        closed=False,
        tension=0.38,
    )
    stroke(context, (0.15, 0.10, 0.10), 0.04, 0.25)
    if p.agal:
        for y in (-0.80, -0.925):
            smooth(
                context,
                [
                    (-1.17 * w, y * h + 0.16),
                    (-0.75 * w, y * h - 0.03),
                    (0.1 * np.sin(v.yaw), y * h - 0.085),
                    (0.75 * w, y * h - 0.03),
                    (1.17 * w, y * h + 0.16),
                ],
                closed=False,
            )
            stroke(context, (0.07, 0.07, 0.08), 0.115)
        smooth(context, [(-0.9 * w, -0.82 * h), (0, -0.90 * h), (0.7 * w, -0.86 * h)], closed=False)
        stroke(context, (0.35, 0.35, 0.38), 0.02, 0.7)


def _hijab(context, p, v):
    h, w = p.height, p.width
    fold = p.scarf_fold
    right = [
        (0.55, -1.22 * h),
        (1.05 * w, -0.86 * h),
        (1.24 * w, -0.1),
        (1.20 * w, 0.7),
        (1.12, 1.4),
        (1.55, 2.05),
        (1.75, 2.75),
        (0.7, 3.05),
    ]
    outer = [(0, -1.30 * h), *right, *[(-x, y) for x, y in reversed(right)]]
    chin = p.chin_y - 0.06
    side = [
        (0.62 * w, -0.58 + fold),
        (0.90 * w, -0.18),
        (0.95 * w, 0.30),
        (w * (0.40 + 0.55 * p.jaw), 0.74),
        (p.chin + 0.17, chin - 0.14),
    ]
    opening = [
        v.point(0, -0.68 + fold),
        *[v.point(x, y) for x, y in side],
        v.point(0, chin),
        *[v.point(-x, y) for x, y in reversed(side)],
    ]
    context.set_fill_rule(cairo.FILL_RULE_EVEN_ODD)
    if p.head == "hijab-cap":
        smooth(context, outer)
        inner = [(x * 0.965, y * 0.95 + 0.045) for x, y in opening]
        smooth(context, inner)
        fill(context, shade(p.scarf, 0.55) if sum(p.scarf) > 1.2 else mix(p.scarf, WHITE, 0.45))
    smooth(context, outer)
    smooth(context, opening)
    context.set_source_rgb(*p.scarf)
    context.fill_preserve()
    context.save()
    context.clip()
    lx = v.light[0]
    context.set_source(
        ramp(
            lx * 1.3 - 0.1,
            -1.2,
            -lx * 1.3,
            2.2,
            (0, shade(p.scarf, 1.25), 0.35),
            (0.4, p.scarf, 0),
            (1, shade(p.scarf, 0.35), 0.45 + 0.3 * v.strength),
        )
    )
    context.paint()
    dark, bright = shade(p.scarf, 0.55), shade(p.scarf, 1.3)
    s = p.hair_side
    for k, (x0, x1) in enumerate(((0.95, 0.2), (1.05, -0.25), (1.12, -0.7))):
        smooth(
            context,
            [
                (s * x0 * w, 0.35 + 0.25 * k),
                (s * 0.70, 1.35 + 0.16 * k),
                (s * x1, 1.85 + 0.20 * k),
                (s * (x1 - 0.9), 2.05 + 0.3 * k),
            ],
            closed=False,
        )
        stroke(context, dark, 0.055, 0.45)
    for k in range(2):
        smooth(
            context,
            [(-s * (1.0 + 0.1 * k) * w, 0.2), (-s * (0.98 + 0.06 * k), 0.95), (-s * (0.6 + 0.2 * k), 1.6)],
            closed=False,
        )
        stroke(context, dark, 0.045, 0.35)
    smooth(context, [(-0.7 * w, -0.86 * h), (0, -1.10 * h), (0.7 * w, -0.86 * h)], closed=False)
    stroke(context, bright, 0.07, 0.25)
    smooth(context, opening)
    stroke(context, dark, 0.07, 0.55)
    context.restore()
    context.set_fill_rule(cairo.FILL_RULE_WINDING)


def glasses(context, p, v):
    """On the nose; the temples run to the ears or under the cloth."""
    if not p.glasses:
        return
    size, width = 0.30 * p.frame_size, 0.05 if p.glasses in (1, 2) else 0.032
    for side in (-1, 1):
        x, y = v.point(side * (p.eye_x + 0.01), 0.03, 0.05)
        rx = size * v.squeeze(side * p.eye_x)
        if p.glasses == 1:
            ellipse(context, x, y, rx, size * 0.95)
        elif p.glasses == 3:
            smooth(
                context,
                [
                    (x - rx * 1.05, y - size * 0.6),
                    (x + rx * 1.05, y - size * 0.6),
                    (x + rx * 0.95, y + size * 0.4),
                    (x + side * 0.04, y + size * 0.95),
                    (x - rx * 0.95, y + size * 0.4),
                ],
                tension=0.42,
            )
        else:
            r = 0.09
            context.new_sub_path()
            for cx, cy, a in (
                (x + rx - r, y - size * 0.72 + r, -np.pi / 2),
                (x + rx - r, y + size * 0.72 - r, 0),
                (x - rx + r, y + size * 0.72 - r, np.pi / 2),
                (x - rx + r, y - size * 0.72 + r, np.pi),
            ):
                context.arc(cx, cy, r, a, a + np.pi / 2)
            context.close_path()
        fill(context, (0.85, 0.93, 0.98), 0.13, keep=True)
        if p.glasses == 4:
            context.new_path()
            context.move_to(x - rx, y - size * 0.2)
            context.curve_to(x - rx, y - size * 0.85, x + rx, y - size * 0.85, x + rx, y - size * 0.2)
        stroke(context, p.frame, width * (1.5 if p.glasses == 4 else 1))
        edge = (side * 0.99 * p.width * np.cos(v.yaw) + 0.05 * np.sin(v.yaw), 0.0)
        context.move_to(x + side * rx, y - size * 0.25)
        context.line_to(*edge)
        stroke(context, p.frame, width * 0.9)
    left, right = v.point(-p.eye_x + size * 0.97, 0.0, 0.10), v.point(p.eye_x - size * 0.97, 0.0, 0.10)
    context.move_to(left[0], left[1])
    context.curve_to(left[0] + 0.05, left[1] - 0.08, right[0] - 0.05, right[1] - 0.08, right[0], right[1])
    stroke(context, p.frame, width)
