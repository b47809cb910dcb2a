"""How a person is seen: what differs from view to view, and where a point of the head lands on the canvas.

The head is an ellipsoid under an orthographic camera. That is enough for eyes, nose and mouth to move against the outline
as they do when somebody turns a little, and it keeps the key points exact: they go through the same projection.
"""

from dataclasses import dataclass
from math import cos, sin, sqrt

import numpy as np

DEPTH = 0.86


@dataclass
class View:
    """One look at a person; angles in radians."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    smile: float = 0.3
    open: float = 0.0
    lids: float = 0.0
    gaze: tuple = (0.0, 0.0)
    brow_up: float = 0.0
    light: tuple = (-0.5, -0.6)
    strength: float = 0.3
    clothes: tuple = (0.3, 0.4, 0.5)
    dress: int = 0
    hair_flow: float = 0.0

    def point(self, x, y, z=0.0):
        """A point on the surface of the head, `z` above it."""
        inside = 1.0 - (x / 1.12) ** 2 - ((y - 0.1) / 1.62) ** 2
        depth = DEPTH * sqrt(max(0.0, inside)) + z
        turned = x * cos(self.yaw) + depth * sin(self.yaw)
        depth = depth * cos(self.yaw) - x * sin(self.yaw)
        # Turning about the middle of the head would move a frontal face by the height of its own bulge: taken off.
        return turned, y * cos(self.pitch) - (depth - 0.6) * sin(self.pitch)

    def squeeze(self, x):
        """By what a small thing on the surface at `x` is narrower than from the front."""
        return max(0.55, cos(self.yaw) + 0.9 * x * -sin(self.yaw) * 0.9)


CLOTHES = [
    (0.95, 0.95, 0.93),
    (0.93, 0.91, 0.86),
    (0.16, 0.18, 0.24),
    (0.12, 0.12, 0.13),
    (0.34, 0.42, 0.52),
    (0.50, 0.24, 0.26),
    (0.30, 0.44, 0.38),
    (0.70, 0.60, 0.46),
    (0.44, 0.36, 0.52),
    (0.78, 0.68, 0.70),
    (0.22, 0.40, 0.56),
    (0.60, 0.62, 0.64),
]


def view(rng, hard=1.0) -> View:
    """A view; `hard` scales how far it is from a portrait."""
    n = lambda s: float(np.clip(rng.normal(0, s), -2.2 * s, 2.2 * s)) * hard
    return View(
        yaw=n(0.20),
        pitch=n(0.09),
        roll=n(0.11),
        smile=float(rng.uniform(-0.15, 1.0)),
        open=float(max(0.0, rng.uniform(-1.2, 0.9))),
        lids=float(1.0 if rng.random() < 0.02 * hard else max(0.0, rng.uniform(-0.4, 0.35))),
        gaze=(float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.25, 0.25))),
        brow_up=float(rng.uniform(-0.03, 0.06)),
        light=(float(rng.uniform(-1, 1)), float(rng.uniform(-1, 0.4))),
        strength=float(rng.uniform(0.08, 0.5)) * min(1.0, hard),
        clothes=CLOTHES[rng.choice(len(CLOTHES))],
        dress=int(rng.integers(0, 4)),
        hair_flow=float(rng.uniform(-1, 1)),
    )
