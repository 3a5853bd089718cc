"""A drawn person whose body is known, and drawn garments, for the tests of the preview."""

import numpy as np
from fitting_room.pipelines.masking.body import Body
from PIL import Image, ImageDraw

SKIN, HAIR, SWEATER, TROUSERS = (214, 166, 138), (60, 40, 30), (70, 120, 80), (40, 50, 110)
RED = (190, 30, 40)
PLACES = {
    0: (300, 118), 2: (316, 100), 5: (284, 100), 7: (338, 108), 8: (262, 108), 9: (312, 140),
    10: (288, 140), 11: (370, 235), 12: (230, 235), 13: (412, 345), 14: (188, 345), 15: (430, 450),
    16: (170, 450), 17: (436, 482), 18: (164, 482), 19: (432, 486), 20: (168, 486), 21: (424, 474),
    22: (176, 474), 23: (342, 440), 24: (258, 440), 25: (348, 610), 26: (252, 610), 27: (350, 760),
    28: (250, 760), 29: (352, 775), 30: (248, 775), 31: (360, 800), 32: (240, 800),
}  # fmt: skip


def draw_person(size=(600, 850), sleeve=None, shoes=HAIR, hem=450):
    """A person in a sweater and trousers, and the body that belongs to it. The sweater has long
    sleeves, or short ones of that width; with its hem above 440 it leaves the belly bare."""
    photo = Image.new("RGB", size, (205, 208, 212))
    mask = Image.new("L", size, 0)
    for canvas, colours in ((photo, None), (mask, 255)):
        pen = ImageDraw.Draw(canvas)
        skin, hair, sweater, trousers = (SKIN, HAIR, SWEATER, TROUSERS) if colours is None else (
            colours,) * 4  # fmt: skip
        pen.ellipse((252, 40, 348, 150), fill=hair)
        pen.ellipse((262, 60, 338, 172), fill=skin)
        pen.rectangle((278, 150, 322, 215), fill=skin)
        for hip, knee, ankle in ((24, 26, 28), (23, 25, 27)):
            pen.line([PLACES[hip], PLACES[knee], PLACES[ankle]], fill=trousers, width=62)
            x, y = PLACES[ankle]
            pen.ellipse((x - 26, y, x + 26, y + 48), fill=shoes if colours is None else colours)
        torso = [(278, 200), (322, 200), (385, 220), (366, 330), (362, hem), (238, hem), (234, 330),
                 (215, 220)]  # fmt: skip
        pen.polygon([(238, 440), (362, 440), (372, 520), (228, 520)], fill=trousers)
        pen.polygon([(300, 300), (366, 330), (362, 445), (238, 445), (234, 330)], fill=skin)
        pen.polygon(torso, fill=sweater)
        for shoulder, elbow, wrist, finger in ((12, 14, 16, 20), (11, 13, 15, 19)):
            arm = sweater if sleeve is None else skin
            pen.line([PLACES[shoulder], PLACES[elbow], PLACES[wrist]], fill=arm, width=38)
            for joint in (shoulder, elbow):
                x, y = PLACES[joint]
                pen.ellipse((x - 19, y - 19, x + 19, y + 19), fill=arm)
            if sleeve is not None:
                middle = tuple(np.mean([PLACES[shoulder], PLACES[elbow]], 0))
                pen.line([PLACES[shoulder], middle], fill=sweater, width=sleeve)
            (x, y), (u, v) = PLACES[wrist], PLACES[finger]
            pen.line([(x, y), (u, v + 12)], fill=skin, width=26)
    landmarks = np.zeros((33, 5), np.float32)
    for index, (x, y) in PLACES.items():
        landmarks[index] = x, y, 0, 1, 1
    for index, of in ((1, 2), (3, 2), (4, 5), (6, 5)):
        landmarks[index] = landmarks[of]
    person = np.asarray(mask, np.float32) / 255
    rows, columns = np.nonzero(person)
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return np.asarray(photo), Body(landmarks, person, box, 1.0)


def draw_shirt(length=330, stripes=False):
    """A red short-sleeved shirt laid flat on white."""
    canvas = Image.new("RGB", (480, 560), (250, 250, 250))
    pen = ImageDraw.Draw(canvas)
    hem = 90 + length
    outline = [(190, 90), (205, 112), (240, 122), (275, 112), (290, 90), (350, 112), (430, 215),
               (380, 255), (345, 205), (345, hem), (135, hem), (135, 205), (100, 255), (50, 215),
               (130, 112)]  # fmt: skip
    pen.polygon(outline, fill=RED)
    if stripes:
        pixels = np.array(canvas)
        rows = (np.arange(560) // 12) % 2 == 0
        red = (pixels == RED).all(-1)
        pixels[red & rows[:, None]] = (235, 235, 240)
        return pixels
    return np.asarray(canvas)


def draw_trousers():
    canvas = Image.new("RGB", (400, 640), (250, 250, 250))
    pen = ImageDraw.Draw(canvas)
    pen.polygon([(130, 40), (270, 40), (300, 200), (310, 600), (225, 600), (200, 230), (175, 600),
                 (90, 600), (100, 200)], fill=RED)  # fmt: skip
    return np.asarray(canvas)


def draw_strap_top(length=150):
    """A red top with two straps, laid flat on white, cropped above the waist."""
    canvas = Image.new("RGB", (480, 560), (250, 250, 250))
    pen = ImageDraw.Draw(canvas)
    hem = 190 + length
    pen.polygon([(150, 200), (200, 190), (240, 225), (280, 190), (330, 200), (345, hem),
                 (135, hem)], fill=RED)  # fmt: skip
    for x in (165, 300):
        pen.rectangle((x, 90, x + 14, 210), fill=RED)
    return np.asarray(canvas)


def draw_shorts():
    """Red shorts laid flat on white."""
    canvas = Image.new("RGB", (400, 400), (250, 250, 250))
    pen = ImageDraw.Draw(canvas)
    pen.polygon([(120, 90), (280, 90), (310, 300), (215, 305), (200, 215), (185, 305), (90, 300)],
                fill=RED)  # fmt: skip
    return np.asarray(canvas)
