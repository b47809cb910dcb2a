"""Cairo with the few strokes that a drawn face is made of."""

import cairo


def shade(colour, factor, warm=0.0):
    """Darker (factor < 1) or lighter; `warm` moves it towards red."""
    r, g, b = (c * factor if factor <= 1 else 1 - (1 - c) * (2 - factor) for c in colour)
    return min(1, max(0, r + warm)), min(1, max(0, g)), min(1, max(0, b - warm * 0.5))


def mix(a, b, share):
    return tuple(x + (y - x) * share for x, y in zip(a, b))


def smooth(context, points, closed=True, tension=0.5):
    """A Catmull-Rom curve through `points`, as the current path."""
    n = len(points)
    at = (lambda i: points[i % n]) if closed else (lambda i: points[min(max(i, 0), n - 1)])
    context.move_to(*points[0])
    for i in range(n if closed else n - 1):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = at(i - 1), at(i), at(i + 1), at(i + 2)
        k = tension / 3 * 2 / 2
        context.curve_to(x1 + (x2 - x0) * k, y1 + (y2 - y0) * k, x2 - (x3 - x1) * k, y2 - (y3 - y1) * k, x2, y2)
    if closed:
        context.close_path()


def fill(context, colour, alpha=1.0, keep=False):
    context.set_source_rgba(*colour, alpha)
    context.fill_preserve() if keep else context.fill()


def stroke(context, colour, width, alpha=1.0):
    context.set_source_rgba(*colour, alpha)
    context.set_line_width(width)
    context.set_line_cap(cairo.LINE_CAP_ROUND)
    context.set_line_join(cairo.LINE_JOIN_ROUND)
    context.stroke()


def ellipse(context, x, y, rx, ry, angle=0.0):
    context.save()
    context.translate(x, y)
    context.rotate(angle)
    context.scale(max(rx, 1e-4), max(ry, 1e-4))
    context.new_sub_path()
    context.arc(0, 0, 1, 0, 6.283185307)
    context.restore()


def glow(context, x, y, radius, colour, alpha):
    """A soft round spot that fades out, painted into the clip."""
    pattern = cairo.RadialGradient(x, y, 0, x, y, radius)
    pattern.add_color_stop_rgba(0, *colour, alpha)
    pattern.add_color_stop_rgba(0.5, *colour, alpha * 0.45)
    pattern.add_color_stop_rgba(1, *colour, 0)
    context.set_source(pattern)
    context.paint()


def ramp(x0, y0, x1, y1, *stops):
    """A straight gradient; a stop is (offset, colour, alpha)."""
    pattern = cairo.LinearGradient(x0, y0, x1, y1)
    for offset, colour, alpha in stops:
        pattern.add_color_stop_rgba(offset, *colour, alpha)
    return pattern
