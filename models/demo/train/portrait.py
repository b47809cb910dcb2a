"""Draws a person: body, head, features, in the order in which one hides the other.

Everything is drawn in head units (see identity.py) on a context that the caller has moved, turned and scaled. What a person
wears or grows on the head comes from wear.py and hair.py, in layers: behind the body, behind the head, before the head.
"""

import cairo
import numpy as np

import hair
import wear
from pen import ellipse, fill, glow, mix, ramp, shade, smooth, stroke

WHITE = (0.97, 0.96, 0.94)


def outline(person):
    """The outline of skull and jaw, seen from the front."""
    p = person
    right = [
        (0.46 * p.width, -0.97 * p.height),
        (0.84 * p.width, -0.62 * p.height),
        (0.98 * p.width, -0.12),
        (p.width * p.cheek, 0.26),
        (p.width * (p.cheek * 0.42 + p.jaw * 0.56), 0.68),
        (p.jaw * p.width * 0.86, 1.0),
        (p.chin + 0.13, p.chin_y - 0.12),
    ]
    return [(0, -1.06 * p.height), *right, (0, p.chin_y), *[(-x, y) for x, y in reversed(right)]]


def turned_outline(person, view):
    """The same for a turned head: what is on the far side is narrower, and the chin goes with the face."""
    points = []
    for x, y in outline(person):
        low = min(1.0, max(0.0, (y + 0.2) / 1.6))
        points.append(
            (
                x * (1 - 0.10 * abs(np.sin(view.yaw)) * low) + np.sin(view.yaw) * 0.42 * low,
                y * np.cos(view.pitch) - view.pitch * 0.25 * low,
            )
        )
    return points


def key_points(person, view):
    """Left eye, right eye (as in the picture), nose, left and right corner of the mouth, in head units."""
    p, v = person, view
    half = _mouth_half(p, v)
    corner = _corner_y(p, v)
    return [
        v.point(-p.eye_x, 0),
        v.point(p.eye_x, 0),
        v.point(0, p.nose_y, 0.16),
        v.point(-half, corner),
        v.point(half, corner),
    ]


def box(person, view):
    """The face from the hair line to the chin, in head units: (x1, y1, x2, y2)."""
    points = turned_outline(person, view)
    xs = [x for x, _ in points]
    return min(xs), -0.74 * person.height, max(xs), max(y for _, y in points)


def _mouth_half(p, v):
    return p.mouth_w * (1 + 0.20 * max(0, v.smile) - 0.10 * v.open)


def _corner_y(p, v):
    return p.mouth_y - 0.10 * max(0, v.smile) - 0.03 * min(0, v.smile)


def draw(context, person, view):
    """The whole person. The context stands at the middle between the eyes, upright, 1 = half a head's width."""
    hair.behind(context, person, view)
    wear.behind(context, person, view)
    _body(context, person, view)
    context.save()
    context.rotate(view.roll)
    hair.behind_head(context, person, view)
    wear.behind_head(context, person, view)
    _ears(context, person, view)
    _head(context, person, view)
    _eyes(context, person, view)
    _brows(context, person, view)
    _mouth(context, person, view)
    hair.moustache(context, person, view)
    _nose(context, person, view)
    hair.front(context, person, view)
    wear.front(context, person, view)
    wear.glasses(context, person, view)
    context.restore()


def _body(context, p, v):
    neck = p.jaw * (0.66 if p.woman else 0.78)
    base = v.clothes
    # The neck, in the shade of the chin.
    context.rectangle(-neck, 0.7, 2 * neck, 1.6)
    context.set_source(ramp(0, 1.0, 0, 2.2, (0, shade(p.skin, 0.68), 1), (1, shade(p.skin, 0.9), 1)))
    context.fill()
    width = 1.95 if p.woman else 2.3
    smooth(
        context,
        [
            (-neck - 0.05, 1.78),
            (-1.35, 2.08),
            (-width, 2.6),
            (-width - 0.12, 4.6),
            (-width, 14),
            (width, 14),
            (width + 0.12, 4.6),
            (width, 2.6),
            (1.35, 2.08),
            (neck + 0.05, 1.78),
            (0.0, 2.22),
        ],
    )
    context.set_source(ramp(-2, 1.8, 2, 4.4, (0, shade(base, 1.06), 1), (1, shade(base, 0.78), 1)))
    context.fill()
    covered = p.head.startswith("ghutra")
    if v.dress == 0 or covered:  # a thobe, or a collar of two wings
        collar = shade(base, 0.88)
        for side in (-1, 1):
            context.move_to(side * (neck + 0.10), 1.70)
            context.line_to(side * 0.10, 2.20)
            context.line_to(side * 0.52, 2.34)
            context.line_to(side * (neck + 0.34), 1.92)
            context.close_path()
            fill(context, collar)
        context.move_to(0, 2.2)
        context.line_to(0, 9)
        stroke(context, shade(base, 0.72), 0.03)
    elif v.dress == 1:  # an open neck
        context.move_to(-neck - 0.04, 1.72)
        context.line_to(0, 2.62)
        context.line_to(neck + 0.04, 1.72)
        fill(context, shade(p.skin, 0.92))
    elif v.dress == 2:  # a jacket over a shirt
        context.move_to(-neck * 0.95, 1.80)
        context.line_to(0, 3.4)
        context.line_to(neck * 0.95, 1.80)
        fill(context, WHITE)
        context.move_to(-neck * 0.62, 1.80)
        context.line_to(0, 2.42)
        context.line_to(neck * 0.62, 1.80)
        fill(context, shade(p.skin, 0.86))
        for side in (-1, 1):
            context.move_to(side * neck, 1.72)
            context.line_to(side * (neck + 0.42), 2.25)
            context.line_to(side * (neck + 0.18), 2.42)
            context.line_to(side * (neck + 0.26), 2.56)
            context.line_to(0, 3.5)
            context.close_path()
            fill(context, shade(base, 0.84))


def _ears(context, p, v):
    if p.head.startswith("hijab"):
        return
    for side in (-1, 1):
        x = side * p.width * 1.0 * np.cos(v.yaw) - 0.10 * np.sin(v.yaw) + 0.10 * np.sin(v.yaw)
        if side * v.yaw > 0.25:
            x -= side * 0.12  # the far ear hides
        ellipse(context, x, 0.16, 0.15 * p.ear, 0.27 * p.ear, side * 0.15)
        fill(context, shade(p.skin, 0.92))
        ellipse(context, x + side * 0.015, 0.16, 0.075 * p.ear, 0.16 * p.ear, side * 0.15)
        fill(context, shade(p.skin, 0.74, 0.02))
        if p.ring:
            ellipse(context, x, 0.16 + 0.31 * p.ear, 0.045, 0.06)
            fill(context, (0.86, 0.72, 0.36))


def _head(context, p, v):
    smooth(context, turned_outline(p, v))
    fill(context, p.skin, keep=True)
    context.save()
    context.clip()
    lx, ly = v.light
    dark, bright = shade(p.skin, 0.48, 0.02), shade(p.skin, 1.5)
    # Light from one side: a soft bright spot where it falls, a wide shade across from it.
    glow(context, lx * 0.55 + np.sin(v.yaw) * 0.3, 0.05 + ly * 0.55, 1.25, bright, 0.75 * v.strength)
    context.set_source(
        ramp(lx * 0.9, 0.2 + ly * 0.9, -lx * 1.15, 0.2 - ly * 1.15, (0.35, dark, 0), (1, dark, 0.35 + 0.9 * v.strength))
    )
    context.paint()
    # The sides of the face turn away from the viewer.
    cx = np.sin(v.yaw) * 0.35
    pattern = cairo.RadialGradient(cx, 0.15, 0.55, cx * 0.6, 0.15, 1.55)
    pattern.add_color_stop_rgba(0, *dark, 0)
    pattern.add_color_stop_rgba(1, *dark, 0.42)
    context.set_source(pattern)
    context.paint()
    red = mix(p.skin, (0.86, 0.30, 0.28), 0.6)
    for side in (-1, 1):
        x, y = v.point(side * 0.56, 0.56 - 0.05 * max(0, v.smile))
        glow(context, x, y, 0.36, red, 0.55 * p.blush + 0.10)
        x, y = v.point(side * p.eye_x, 0.0)
        glow(context, x, y, 0.36, dark, 0.26)  # the hollow of the eye
    if p.freckles:
        spots = np.random.default_rng([3, p.seed])
        for x, y in zip(spots.normal(0, 0.38, 34), spots.normal(0.42, 0.12, 34)):
            ellipse(context, *v.point(x, y), 0.021, 0.019)
            fill(context, shade(p.skin, 0.68, 0.03), 0.8 * p.freckles)
    for x, y, r in p.moles:
        ellipse(context, *v.point(x, y), r, r * 0.95)
        fill(context, shade(p.skin, 0.34))
    _lines(context, p, v)
    hair.beard(context, p, v)
    context.restore()


def _lines(context, p, v):
    dark = shade(p.skin, 0.62, 0.02)
    old = max(0.0, p.age - 0.3)
    for side in (-1, 1):
        fold = 0.25 * max(0, v.smile) + 0.55 * old
        if fold > 0.05:
            smooth(
                context,
                [
                    v.point(side * (p.nose_w + 0.05), p.nose_y - 0.02),
                    v.point(side * (p.mouth_w + 0.12), p.mouth_y - 0.14),
                    v.point(side * (p.mouth_w + 0.15), p.mouth_y + 0.05),
                ],
                closed=False,
            )
            stroke(context, dark, 0.026, min(0.8, fold))
        if p.bags + old > 0.25:
            smooth(
                context,
                [v.point(side * (p.eye_x - 0.16), 0.17), v.point(side * p.eye_x, 0.22), v.point(side * (p.eye_x + 0.17), 0.16)],
                closed=False,
            )
            stroke(context, dark, 0.026, 0.35 * (p.bags + old))
        if old > 0.2:
            for k in (-1, 0, 1):
                x, y = v.point(side * (p.eye_x + 0.27), 0.02 + 0.05 * k)
                x2, y2 = v.point(side * (p.eye_x + 0.36), 0.02 + 0.10 * k)
                context.move_to(x, y)
                context.line_to(x2, y2)
                stroke(context, dark, 0.018, 0.6 * old)
    if old > 0.15:
        for k in range(2):
            y = -0.56 - 0.13 * k
            smooth(context, [v.point(-0.34, y), v.point(0, y - 0.03), v.point(0.34, y)], closed=False)
            stroke(context, dark, 0.02, 0.75 * old)


def _eyes(context, p, v):
    closed = min(1.0, v.lids + 0.12 * max(0, v.smile))
    for side in (-1, 1):
        x, y = v.point(side * p.eye_x, 0)
        w, h = p.eye_w * v.squeeze(side * p.eye_x), p.eye_h
        context.save()
        context.translate(x, y)
        context.rotate(side * p.eye_tilt)
        top, low = -h * (1.0 - 0.42 * p.lid) * (1 - 1.05 * closed), h * (0.80 - 0.5 * max(0, closed - 0.3))
        lid_colour = shade(p.skin, 0.80, 0.015)
        ellipse(context, 0, -0.01, w * 1.12, h * 1.18)
        fill(context, lid_colour, 0.75)
        corner = side * w

        def eye():
            context.move_to(-corner, 0.012)
            context.curve_to(-corner * 0.55, top * 1.36, corner * 0.45, top * 1.40, corner, -0.018)
            context.curve_to(corner * 0.55, low * 1.30, -corner * 0.45, low * 1.25, -corner, 0.012)
            context.close_path()

        if closed < 0.93:
            context.save()
            eye()
            fill(context, WHITE, keep=True)
            context.clip()
            gx, gy = v.gaze[0] * w * 0.5 + np.sin(v.yaw) * 0.03, v.gaze[1] * h * 0.4 + 0.1 * (top + low)
            r = p.iris_r
            ellipse(context, gx, gy, r * 1.04, r * 1.04)
            fill(context, shade(p.iris, 0.5))
            ellipse(context, gx, gy, r * 0.88, r * 0.88)
            fill(context, p.iris)
            ellipse(context, gx, gy, r * 0.46, r * 0.46)
            fill(context, (0.03, 0.03, 0.03))
            ellipse(context, gx - 0.034, gy - 0.038, r * 0.27, r * 0.27)
            fill(context, (1, 1, 1), 0.92)
            context.rectangle(-1, -1, 2, 2)
            context.set_source(ramp(0, top, 0, top + h * 1.0, (0, (0.12, 0.08, 0.08), 0.45), (1, (0.1, 0.1, 0.1), 0)))
            context.fill()
            context.restore()
        context.move_to(-corner, 0.012)
        context.curve_to(-corner * 0.55, top * 1.36, corner * 0.45, top * 1.40, corner, -0.018)
        if p.lash > 0.45:
            context.line_to(corner * 1.20, -0.07)
        stroke(context, mix((0.10, 0.07, 0.07), p.skin, 0.12), 0.030 + 0.028 * p.lash)
        context.move_to(-corner * 0.9, 0.03)
        context.curve_to(-corner * 0.45, low * 1.25, corner * 0.55, low * 1.30, corner, -0.01)
        stroke(context, shade(p.skin, 0.55, 0.02), 0.018, 0.8)
        crease = top * 1.36 - 0.055 - 0.05 * (1 - p.lid)
        context.move_to(-corner * 0.75, crease * 0.62)
        context.curve_to(-corner * 0.4, crease * 1.05, corner * 0.5, crease * 1.05, corner * 1.05, crease * 0.42)
        stroke(context, shade(p.skin, 0.60, 0.02), 0.020, 0.25 + 0.5 * (1 - p.lid))
        context.restore()


def _brows(context, p, v):
    colour = mix(shade(p.hair, 0.9), (0.10, 0.08, 0.07), 0.35)
    for side in (-1, 1):
        inner = max(0.06, p.eye_x - p.eye_w + p.brow_in)
        outer = inner + 2.0 * p.brow_len * 0.92
        lift = v.brow_up
        t = p.brow_thick
        y0 = -p.brow_y - lift
        upper, lower = [], []
        for k in range(5):
            s = k / 4
            x = inner + (outer - inner) * s
            y = y0 + p.brow_tilt * (s - 0.5) - p.brow_arch * np.sin(np.pi * min(1, s * 0.9 + 0.05)) * 1.0
            thick = t * (0.75 + 0.4 * np.sin(np.pi * min(1.0, s + 0.25))) * (1 - 0.72 * s**2.5)
            upper.append(v.point(side * x, y - thick * 0.55))
            lower.append(v.point(side * x, y + thick * 0.55))
        smooth(context, upper + lower[::-1])
        fill(context, colour, 0.93)


def _nose(context, p, v):
    dark = shade(p.skin, 0.60, 0.02)
    tip = v.point(0, p.nose_y - 0.05, 0.20)
    base = v.point(0, p.nose_y, 0.16)
    left, right = v.point(-p.nose_w, p.nose_y - 0.02, 0.03), v.point(p.nose_w, p.nose_y - 0.02, 0.03)
    # The bridge: a soft shade on the side that the light does not reach.
    side = 1 if v.light[0] < 0 else -1
    root = v.point(side * (0.10 + 0.03 * p.nose_bridge), -0.06)
    smooth(
        context,
        [
            v.point(0, -0.10),
            root,
            v.point(side * p.nose_w * 0.8, p.nose_y - 0.13, 0.05),
            (right if side > 0 else left),
            base,
            tip,
        ],
    )
    fill(context, dark, 0.16 + 0.22 * v.strength)
    glow_x, glow_y = tip
    context.save()
    ellipse(context, glow_x, glow_y, p.nose_w * 0.9 + 0.04, p.nose_tip + 0.1)
    context.clip()
    glow(context, glow_x - side * 0.04, glow_y - 0.02, 0.16, shade(p.skin, 1.45), 0.45)
    context.restore()
    # Wings and nostrils by kind of nose: round, hooked, straight, flat.
    drop = (0.00, 0.055, 0.015, -0.02)[p.nose_kind]
    wing = (1.0, 0.85, 0.78, 1.12)[p.nose_kind]
    for s, end in ((-1, left), (1, right)):
        x, y = base[0] + (end[0] - base[0]) * wing, end[1]
        context.move_to(x - s * 0.015, y - p.nose_tip * 1.1)
        context.curve_to(x + s * 0.055, y - p.nose_tip * 0.3, x + s * 0.03, y + 0.05, x - s * 0.05, y + 0.045)
        stroke(context, dark, 0.030, 0.85)
        ellipse(context, base[0] + (x - base[0]) * 0.52, base[1] + 0.035 + drop * 0.4, p.nose_w * 0.24, 0.026, s * 0.35)
        fill(context, shade(p.skin, 0.34, 0.02), 0.85)
    context.move_to(base[0] - p.nose_w * 0.36, base[1] + 0.05 + drop)
    context.curve_to(
        base[0] - 0.05,
        base[1] + 0.075 + drop * 1.5,
        base[0] + 0.05,
        base[1] + 0.075 + drop * 1.5,
        base[0] + p.nose_w * 0.36,
        base[1] + 0.05 + drop,
    )
    stroke(context, dark, 0.028, 0.8)
    if p.nose_kind == 1 or p.nose_bridge > 0.72:
        context.move_to(*v.point(side * 0.09, -0.02))
        context.curve_to(
            *v.point(side * 0.075, 0.12),
            *v.point(side * (0.12 if p.nose_kind == 1 else 0.08), p.nose_y * 0.55, 0.06),
            *v.point(side * 0.10, p.nose_y - 0.14, 0.08),
        )
        stroke(context, dark, 0.026, 0.55)


def _mouth(context, p, v):
    half = _mouth_half(p, v)
    smile = v.smile
    gap = 0.16 * v.open
    y = p.mouth_y
    corner_y = _corner_y(p, v)
    left, right, mid = v.point(-half, corner_y), v.point(half, corner_y), v.point(0, y, 0.06)
    up, low = p.lip_up * (1 - 0.25 * max(0, smile)), p.lip_low * (1 - 0.2 * max(0, smile))
    bow = 0.35 * p.lip_bow * p.lip_up
    mid_top, mid_low = mid[1] - gap * 0.3, mid[1] + gap * 0.9 + 0.012
    lip = p.lip_colour
    if gap > 0.02:
        context.move_to(*left)
        context.curve_to(left[0] * 0.5 + mid[0] * 0.5, mid_top, right[0] * 0.5 + mid[0] * 0.5, mid_top, *right)
        context.curve_to(right[0] * 0.55 + mid[0] * 0.45, mid_low + 0.05, left[0] * 0.55 + mid[0] * 0.45, mid_low + 0.05, *left)
        context.save()
        fill(context, (0.28, 0.10, 0.11), keep=True)
        context.clip()
        ellipse(context, mid[0], mid_top - 0.01, half * 0.80, 0.035 + gap * 0.45)
        fill(context, (0.96, 0.95, 0.92))
        ellipse(context, mid[0], mid_low + 0.06, half * 0.5, gap * 0.6)
        fill(context, (0.76, 0.38, 0.38))
        context.restore()
    # Upper lip with its bow, then the lower one.
    context.move_to(*left)
    context.curve_to(
        left[0] * 0.55 + mid[0] * 0.45,
        mid_top - up * 1.05,
        mid[0] - 0.09,
        mid_top - up - bow,
        mid[0] - 0.045,
        mid_top - up - bow * 0.6,
    )
    context.line_to(mid[0], mid_top - up + bow * 0.8)
    context.line_to(mid[0] + 0.045, mid_top - up - bow * 0.6)
    context.curve_to(mid[0] + 0.09, mid_top - up - bow, right[0] * 0.55 + mid[0] * 0.45, mid_top - up * 1.05, *right)
    context.curve_to(right[0] * 0.5 + mid[0] * 0.5, mid_top + 0.006, left[0] * 0.5 + mid[0] * 0.5, mid_top + 0.006, *left)
    fill(context, shade(lip, 0.88))
    context.move_to(*left)
    context.curve_to(left[0] * 0.5 + mid[0] * 0.5, mid_low, right[0] * 0.5 + mid[0] * 0.5, mid_low, *right)
    context.curve_to(
        right[0] * 0.6 + mid[0] * 0.4, mid_low + low * 1.45, left[0] * 0.6 + mid[0] * 0.4, mid_low + low * 1.45, *left
    )
    fill(context, lip)
    ellipse(context, mid[0] - 0.04 * (1 if v.light[0] > 0 else -1), mid_low + low * 0.5, half * 0.36, low * 0.22)
    fill(context, shade(lip, 1.45), 0.35)
    if gap <= 0.02:
        context.move_to(*left)
        context.curve_to(left[0] * 0.5 + mid[0] * 0.5, mid[1] + 0.012, right[0] * 0.5 + mid[0] * 0.5, mid[1] + 0.012, *right)
        stroke(context, shade(lip, 0.45), 0.026)
    for x, y in (left, right):
        ellipse(context, x, y, 0.022, 0.022)
        fill(context, shade(p.skin, 0.45, 0.02), 0.7)
    smooth(
        context,
        [
            (mid[0] - 0.15, mid_low + low * 1.1 + 0.09),
            (mid[0], mid_low + low * 1.1 + 0.12),
            (mid[0] + 0.15, mid_low + low * 1.1 + 0.09),
        ],
        closed=False,
    )
    stroke(context, shade(p.skin, 0.62, 0.02), 0.03, 0.35)
