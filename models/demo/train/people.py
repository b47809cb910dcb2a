"""Draws the people of the demonstration: five who are enrolled, their portraits, and those who come to the door.

A scene's file name says who is in it, in the order from left to right: `6-fahd-noura.png`. `stranger` is nobody who is
enrolled, `empty` is a room.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

import scene
from identity import identity
from pen import ellipse, fill, glow, ramp, shade, smooth, stroke
from view import View

# Seeds that neither training nor calibration nor evaluation uses; check.py compares.
FIRST = 4_000_000
ENROLLED = {"salem": 60, "noura": 49, "fahd": 58, "layla": 37, "daniel": 27}
STRANGERS = {"3-stranger": 18, "7-stranger": 21}

# id, name_ar, name_speak, name_latin, gender, title. All are invented.
NAMES = [
    ("salem", "سالم المنصوري", "سَالِم الْمَنْصُورِي", "Salem Al Mansouri", "male", "المهندس"),
    ("noura", "نورة الهاشمي", "نُورَة الْهَاشِمِي", "Noura Al Hashimi", "female", "الدكتورة"),
    ("fahd", "فهد الساعدي", "فَهْد السَّاعِدِي", "Fahd Al Saedi", "male", None),
    ("layla", "ليلى حداد", "لَيْلَى حَدَّاد", "Layla Haddad", "female", "الأستاذة"),
    ("daniel", "دانييل أوكورو", "دَانْيِيل أُوكُورُو", "Daniel Okoro", "male", None),
]

# File, hall, then for each person: name, x and y of the eyes, half a head in px, and how they are seen.
SCENES = [
    (
        "1-salem",
        0,
        [
            (
                "salem",
                330,
                205,
                66,
                dict(yaw=0.16, roll=0.05, smile=0.9, open=0.3, clothes=(0.95, 0.95, 0.93), light=(0.6, -0.5)),
            )
        ],
    ),
    (
        "2-layla",
        1,
        [
            (
                "layla",
                285,
                215,
                68,
                dict(yaw=-0.18, roll=-0.07, smile=0.8, clothes=(0.30, 0.44, 0.38), dress=2, light=(-0.6, -0.4), hair_flow=0.4),
            )
        ],
    ),
    (
        "3-stranger",
        2,
        [
            (
                "3-stranger",
                350,
                210,
                64,
                dict(yaw=0.10, roll=-0.04, smile=0.5, clothes=(0.16, 0.18, 0.24), dress=2, light=(0.4, -0.6)),
            )
        ],
    ),
    (
        "4-noura",
        0,
        [
            (
                "noura",
                300,
                210,
                70,
                dict(yaw=0.20, pitch=0.05, roll=0.06, smile=1.0, open=0.4, clothes=(0.12, 0.12, 0.13), light=(-0.7, -0.3)),
            )
        ],
    ),
    ("5-empty", 1, []),
    (
        "6-fahd-noura",
        2,
        [
            ("fahd", 200, 205, 60, dict(yaw=0.14, roll=-0.05, smile=0.8, clothes=(0.93, 0.91, 0.86), light=(0.5, -0.5))),
            ("noura", 445, 235, 56, dict(yaw=-0.15, roll=0.05, smile=0.6, clothes=(0.34, 0.42, 0.52), light=(0.5, -0.5))),
        ],
    ),
    (
        "7-stranger",
        0,
        [
            (
                "7-stranger",
                335,
                220,
                66,
                dict(yaw=-0.08, roll=0.04, smile=0.7, open=0.2, clothes=(0.50, 0.24, 0.26), light=(0.5, -0.3)),
            )
        ],
    ),
    (
        "8-daniel",
        1,
        [
            (
                "daniel",
                310,
                205,
                62,
                dict(yaw=-0.20, roll=0.06, smile=1.0, open=0.5, clothes=(0.70, 0.60, 0.46), dress=0, light=(0.6, -0.6)),
            )
        ],
    ),
    (
        "9-fahd",
        2,
        [
            (
                "fahd",
                320,
                200,
                68,
                dict(
                    yaw=-0.17,
                    pitch=-0.04,
                    roll=0.05,
                    smile=0.4,
                    gaze=(0.2, 0.0),
                    clothes=(0.95, 0.95, 0.93),
                    light=(-0.5, -0.5),
                ),
            )
        ],
    ),
]

WALLS = [
    ((0.93, 0.89, 0.82), (0.80, 0.70, 0.56)),
    ((0.80, 0.88, 0.90), (0.42, 0.58, 0.64)),
    ((0.86, 0.90, 0.82), (0.52, 0.62, 0.48)),
]


def who(name):
    """The person of a name in SCENES."""
    return identity(FIRST + (ENROLLED | STRANGERS)[name])


def expected(stem):
    """Whom a scene's file name promises, from left to right."""
    return [name for name in stem.split("-")[1:] if name != "empty"]


def hall(context, kind, width=640, height=480):
    """An exhibition hall."""
    light, dark = WALLS[kind]
    context.set_source(ramp(0, 0, 0, height, (0, light, 1), (1, shade(light, 0.86), 1)))
    context.paint()
    # A screen of eight-pointed stars, as doors and windows have.
    x0 = (40, 420, 230)[kind]
    context.rectangle(x0 - 12, 38, 196, 232)
    fill(context, shade(dark, 0.82))
    context.rectangle(x0 - 4, 46, 180, 216)
    context.save()
    fill(context, shade(light, 1.2), keep=True)
    context.clip()
    for i in range(6):
        for j in range(7):
            for turn in (0, np.pi / 4):
                context.save()
                context.translate(x0 - 4 + 36 * i, 46 + 36 * j)
                context.rotate(turn)
                context.rectangle(-12, -12, 24, 24)
                context.restore()
    fill(context, dark, 0.55)
    context.restore()
    context.rectangle(0, 392, width, height - 392)
    context.set_source(ramp(0, 392, 0, height, (0, shade(dark, 0.72), 1), (1, shade(dark, 0.50), 1)))
    context.fill()
    context.rectangle(0, 388, width, 6)
    fill(context, shade(dark, 0.55))
    # A plant in a pot, and a lamp.
    x = (560, 90, 580)[kind]
    for k, (dx, lean) in enumerate(((-34, -0.7), (30, 0.75), (-16, -0.3), (16, 0.35), (0, 0.0))):
        ellipse(context, x + dx, 322 - 14 * (k // 2), 13, 58, lean)
        fill(context, (0.20 + 0.03 * k, 0.42 + 0.03 * k, 0.26))
    smooth(context, [(x - 34, 362), (x + 34, 362), (x + 24, 430), (x - 24, 430)], tension=0.15)
    fill(context, shade(dark, 1.12))
    lamp = (300, 250, 100)[kind]
    context.move_to(lamp, 0)
    context.line_to(lamp, 40)
    stroke(context, (0.35, 0.30, 0.22), 2)
    smooth(context, [(lamp - 26, 72), (lamp - 12, 42), (lamp + 12, 42), (lamp + 26, 72)], tension=0.3)
    fill(context, (0.84, 0.68, 0.36))
    context.save()
    context.rectangle(0, 0, width, 392)
    context.clip()
    glow(context, lamp, 74, 90, (1.0, 0.95, 0.78), 0.5)
    context.restore()


def portrait(name):
    """A portrait, as somebody would bring to be enrolled."""
    surface, context = scene.canvas(420, 480)
    _, dark = WALLS[list(ENROLLED).index(name) % 3]
    context.set_source(ramp(0, 0, 420, 480, (0, shade(dark, 1.35), 1), (1, dark, 1)))
    context.paint()
    face = scene.put(
        context,
        who(name),
        View(
            smile=0.45, clothes=(0.95, 0.95, 0.93) if name in ("salem", "fahd") else (0.28, 0.32, 0.42), strength=0.22, dress=1
        ),
        210,
        210,
        78,
    )
    return scene.pixels(surface), [face]


def visitors(kind, present):
    """A scene at the door and the faces in it."""
    surface, context = scene.canvas(640, 480)
    hall(context, kind)
    faces = [
        scene.put(context, who(name), View(**{"strength": 0.25, "dress": 1, **look}), x, y, size)
        for name, x, y, size, look in present
    ]
    image = scene.pixels(surface)
    # A camera's softness; no noise, which PNG cannot compress.
    return cv2.GaussianBlur(image, (0, 0), 0.55), faces


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(
        str(path),
        image[:, :, ::-1],
        [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_FILTERED],
    )


def table():
    """people.toml."""
    text = (
        "# Five people who are drawn and do not exist: to be copied into a pipeline as [[stage.NAME.config.people]], with\n"
        "# `photos = [photo]` and paths from the pipeline's folder.\n"
    )
    for id_, arabic, speak, latin, gender, title in NAMES:
        text += f'\n[[people]]\nid = "{id_}"\nname_ar = "{arabic}"\nname_speak = "{speak}"\nname_latin = "{latin}"\n'
        text += f'gender = "{gender}"\n' + (f'title = "{title}"\n' if title else "")
        text += f'photo = "people/{id_}.png"\nconsent = "drawn, not a person"\n'
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=Path(__file__).resolve().parent.parent)
    a = parser.parse_args()
    for name in ENROLLED:
        save(a.pack / "people" / f"{name}.png", portrait(name)[0])
    for stem, kind, present in SCENES:
        save(a.pack / "visitors" / f"{stem}.png", visitors(kind, present)[0])
    (a.pack / "people.toml").write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
