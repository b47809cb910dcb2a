"""Who a drawn person is: the traits that stay the same in every view.

An identity is a function of a seed, so a data set is a range of numbers and nothing else has to be kept. Traits that a
person wears (hair, head cover, glasses, beard) are drawn apart from the shape of the face: `kin` takes the first from
somebody else, which makes pairs that only the face tells apart. Without such pairs a recogniser would learn scarves.

Lengths are in head units: half the width of a common head is 1, the eyes are at y = 0, y points down.
"""

from dataclasses import dataclass, field, replace

import numpy as np

SKIN = [
    (0.98, 0.87, 0.78),
    (0.96, 0.81, 0.69),
    (0.93, 0.76, 0.62),
    (0.89, 0.70, 0.54),
    (0.84, 0.64, 0.47),
    (0.77, 0.56, 0.40),
    (0.68, 0.48, 0.33),
    (0.58, 0.39, 0.26),
    (0.47, 0.31, 0.21),
    (0.37, 0.24, 0.17),
]
HAIR = [
    (0.07, 0.06, 0.06),
    (0.13, 0.10, 0.09),
    (0.22, 0.15, 0.11),
    (0.33, 0.21, 0.13),
    (0.46, 0.29, 0.16),
    (0.48, 0.22, 0.12),
    (0.76, 0.60, 0.36),
    (0.55, 0.54, 0.54),
    (0.86, 0.86, 0.86),
]
HAIR_ODDS = [0.30, 0.22, 0.16, 0.09, 0.05, 0.04, 0.04, 0.06, 0.04]
IRIS = [
    (0.16, 0.09, 0.06),
    (0.27, 0.15, 0.08),
    (0.40, 0.24, 0.10),
    (0.46, 0.40, 0.16),
    (0.27, 0.44, 0.28),
    (0.25, 0.45, 0.66),
    (0.45, 0.52, 0.56),
]
IRIS_ODDS = [0.34, 0.26, 0.16, 0.08, 0.06, 0.06, 0.04]
LIPS = [(0.78, 0.42, 0.40), (0.72, 0.33, 0.33), (0.80, 0.30, 0.36), (0.62, 0.30, 0.28), (0.68, 0.22, 0.28), (0.86, 0.52, 0.48)]
SCARF = [
    (0.12, 0.12, 0.14),
    (0.93, 0.90, 0.85),
    (0.55, 0.18, 0.26),
    (0.16, 0.36, 0.42),
    (0.76, 0.58, 0.60),
    (0.24, 0.27, 0.48),
    (0.52, 0.60, 0.44),
    (0.82, 0.68, 0.46),
    (0.45, 0.34, 0.52),
    (0.62, 0.66, 0.72),
    (0.78, 0.44, 0.32),
    (0.30, 0.48, 0.66),
]
FRAME = [(0.10, 0.10, 0.11), (0.35, 0.20, 0.12), (0.66, 0.53, 0.25), (0.50, 0.52, 0.55), (0.42, 0.12, 0.16), (0.16, 0.26, 0.44)]

MEN_HEAD = ["short", "parted", "curly", "buzz", "bald", "ghutra-white", "ghutra-red", "cap"]
MEN_HEAD_ODDS = [0.16, 0.14, 0.10, 0.07, 0.05, 0.22, 0.19, 0.07]
WOMEN_HEAD = ["long", "bob", "waves", "bun", "hijab", "hijab-cap"]
WOMEN_HEAD_ODDS = [0.13, 0.10, 0.12, 0.08, 0.41, 0.16]
BEARD = ["none", "stubble", "moustache", "goatee", "circle", "short", "full", "chin-strap"]
BEARD_ODDS = [0.26, 0.13, 0.10, 0.11, 0.09, 0.14, 0.12, 0.05]


@dataclass(frozen=True)
class Identity:
    """What is the same of a person in all views."""

    seed: int
    woman: bool
    age: float  # 0 young, 1 old: lines and grey
    skin: tuple
    # The skull.
    width: float
    height: float
    cheek: float
    jaw: float
    chin: float
    chin_y: float
    ear: float
    # Eyes and brows.
    eye_x: float
    eye_w: float
    eye_h: float
    eye_tilt: float
    lid: float
    lash: float
    iris: tuple
    iris_r: float
    brow_y: float
    brow_len: float
    brow_thick: float
    brow_arch: float
    brow_tilt: float
    brow_in: float
    # Nose and mouth.
    nose_y: float
    nose_w: float
    nose_tip: float
    nose_bridge: float
    nose_kind: int
    mouth_y: float
    mouth_w: float
    lip_up: float
    lip_low: float
    lip_bow: float
    lip_colour: tuple
    # Marks of the skin.
    moles: tuple
    freckles: float
    blush: float
    bags: float
    # What is worn and grown.
    head: str
    hair: tuple
    hair_line: float
    hair_side: int
    beard: str
    beard_reach: float
    scarf: tuple
    scarf_fold: float
    agal: bool
    glasses: int  # 0 none, 1 round, 2 square, 3 aviator, 4 half rim
    frame: tuple
    frame_size: float
    ring: bool = field(default=False)


def _tint(rng, colour, spread):
    return tuple(float(np.clip(c + d, 0, 1)) for c, d in zip(colour, rng.normal(0, spread, 3) + rng.normal(0, spread)))


def identity(seed: int) -> Identity:
    """The person of a seed."""
    rng = np.random.default_rng([7, seed])
    woman = bool(rng.random() < 0.5)
    age = float(rng.beta(1.3, 1.8))
    u = lambda a, b: float(rng.uniform(a, b))
    tone = rng.choice(len(SKIN), p=[0.07, 0.11, 0.14, 0.15, 0.14, 0.12, 0.10, 0.07, 0.06, 0.04])
    skin = _tint(rng, SKIN[tone], 0.012)
    # Light hair and light eyes are rarer on dark skin, though not impossible.
    hair_i = rng.choice(len(HAIR), p=HAIR_ODDS)
    if hair_i in (4, 5, 6) and tone > 4 and rng.random() < 0.9:
        hair_i = rng.choice(4)
    if age > 0.7 and rng.random() < 0.6:
        hair_i = rng.choice([7, 8])
    elif hair_i >= 7 and age < 0.35:
        hair_i = 0
    iris_i = rng.choice(len(IRIS), p=IRIS_ODDS)
    if iris_i >= 4 and tone > 4 and rng.random() < 0.85:
        iris_i = rng.choice(3)
    soft = 0.04 if woman else 0.0
    moles = tuple(
        (float(rng.choice([-1, 1])) * u(0.28, 0.72), u(0.20, 1.12), u(0.024, 0.042))
        for _ in range(rng.choice([0, 1, 2], p=[0.6, 0.28, 0.12]))
    )
    odds = (WOMEN_HEAD, WOMEN_HEAD_ODDS) if woman else (MEN_HEAD, MEN_HEAD_ODDS)
    lip = LIPS[rng.choice(len(LIPS))]
    share = u(0.35, 0.9) if woman else u(0.15, 0.4)
    lip = tuple(share * l + (1 - share) * s * 0.78 for l, s in zip(lip, skin))
    return Identity(
        seed=seed,
        woman=woman,
        age=age,
        skin=skin,
        width=u(0.88, 1.06) - soft,
        height=u(1.10, 1.24),
        cheek=u(0.94, 1.05),
        jaw=u(0.66, 0.86) - 1.5 * soft,
        chin=u(0.22, 0.44) - soft,
        chin_y=u(1.26, 1.56) - soft,
        ear=u(0.8, 1.15),
        eye_x=u(0.36, 0.50),
        eye_w=u(0.185, 0.255),
        eye_h=u(0.085, 0.150) + 0.3 * soft,
        eye_tilt=u(-0.20, 0.14),
        lid=u(0.0, 0.42),
        lash=u(0.5, 1.0) if woman else u(0.0, 0.35),
        iris=_tint(rng, IRIS[iris_i], 0.015),
        iris_r=u(0.088, 0.112),
        brow_y=u(0.24, 0.36),
        brow_len=u(0.24, 0.34),
        brow_thick=u(0.035, 0.075) if woman else u(0.05, 0.115),
        brow_arch=u(0.0, 0.12),
        brow_tilt=u(-0.07, 0.17),
        brow_in=u(-0.03, 0.06),
        nose_y=u(0.42, 0.62),
        nose_w=u(0.14, 0.29) - 0.5 * soft,
        nose_tip=u(0.06, 0.12),
        nose_bridge=u(0.0, 1.0),
        nose_kind=int(rng.integers(0, 4)),
        mouth_y=u(0.84, 1.02),
        mouth_w=u(0.24, 0.40),
        lip_up=u(0.035, 0.10),
        lip_low=u(0.055, 0.13),
        lip_bow=u(0.0, 1.0),
        lip_colour=lip,
        moles=moles,
        freckles=u(0.5, 1.0) if rng.random() < 0.1 and tone < 5 else 0.0,
        blush=u(0.0, 0.5) if woman else u(0.0, 0.22),
        bags=u(0.0, 0.5),
        head=str(rng.choice(odds[0], p=odds[1])),
        hair=_tint(rng, HAIR[hair_i], 0.01),
        hair_line=u(-0.07, 0.13),
        hair_side=int(rng.choice([-1, 1])),
        beard="none" if woman else str(rng.choice(BEARD, p=BEARD_ODDS)),
        beard_reach=u(0.0, 1.0),
        scarf=_tint(rng, SCARF[rng.choice(len(SCARF))], 0.015),
        scarf_fold=u(-0.08, 0.10),
        agal=bool(rng.random() < 0.85),
        glasses=int(rng.choice(5, p=[0.70, 0.10, 0.10, 0.05, 0.05])),
        frame=FRAME[rng.choice(len(FRAME))],
        frame_size=u(0.88, 1.15),
        ring=bool(woman and rng.random() < 0.3),
    )


WORN = (
    "woman",
    "head",
    "hair",
    "hair_line",
    "hair_side",
    "beard",
    "beard_reach",
    "scarf",
    "scarf_fold",
    "agal",
    "glasses",
    "frame",
    "frame_size",
    "ring",
    "skin",
    "age",
)


def kin(seed: int, model: int) -> Identity:
    """The face of `seed` with everything that person `model` wears, and the same skin: told apart by the face alone."""
    other = identity(model)
    own = identity(seed)
    # A man's face under a woman's scarf would be told by its beard or its jaw: the seed is moved until both are alike.
    while own.woman != other.woman:
        seed += 1_000_003
        own = identity(seed)
    return replace(own, **{name: getattr(other, name) for name in WORN})


def population(first: int, count: int) -> list[Identity]:
    """`count` people from seed `first` on; every fourth is kin of the one before."""
    return [kin(first + i, first + i - 1) if i % 4 == 3 else identity(first + i) for i in range(count)]
