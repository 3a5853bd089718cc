"""Whether a person can be dressed at all, and how much of the fit is a guess."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..fit import FitReport, doubtful
from ..masking.body import Body
from ..masking.figure import Figure, Limb, build_figure

LEANING, LYING = 30.0, 60.0  # degrees from upright: from here on a guess, from here on refused
TURNED = 0.92  # of the unit: narrower shoulders are those of a person seen from the side
TURNED_DEPTH = 50.0  # degrees by which shoulders may be turned as their depths tell
SEATED = 0.45  # torso lengths that knees lie below the hips, of somebody standing at least
ACROSS = 0.40  # units from the trunk's middle within which a forearm lies across it
SMALL = 40.0  # pixels of the photo between the shoulders
GUESSED = 0.15  # of the square of the unit: more skin than this that the photo never showed is told
NOTHING, STRIP = 0.08, 0.45  # of the square of the unit: so little of a garment is none, or a strip
AT_ELBOW, BENT = 0.45, 100.0  # of the arm; degrees between upper arm and forearm
SURE = 0.5  # visibility from which a joint tells something


def check_upright(body: Body) -> None:
    """Raises InputError for a person who lies in the photo, or stands upside down."""
    turn = lean(build_figure(body, (0, 0), 1.0))
    if abs(turn) <= LYING:
        return
    quarter = round(abs(turn) / 90) * 90 or 90
    way = "" if quarter == 180 else " clockwise" if turn > 0 else " anticlockwise"
    raise InputError(
        f"A person upright was wanted, and this one is turned by {abs(turn):.0f} degrees. "
        f"Turn the photo by {quarter} degrees{way}, or use another one."
    )


def lean(figure: Figure) -> float:
    """Degrees by which the trunk is turned from upright: above 0 the hips lie to the viewer's right
    of the shoulders."""
    return float(np.degrees(np.arctan2(figure.down[0], figure.down[1])))


def judge_person(body: Body, category: str) -> FitReport:
    """How well the pose of a person is known for a garment of a category. Ok, or doubtful."""
    figure = build_figure(body, (0, 0), 1.0)
    reasons = []
    if abs(lean(figure)) > LEANING:
        reasons.append("The person leans, and the garment is drawn along the lean.")
    if figure.facing < 0:
        reasons.append("The person is seen from behind, and the garment's front is drawn there.")
    elif turned_aside(figure, body):
        reasons.append("The person is turned aside, and the garment is drawn as from the front.")
    if category != "lower" and (arm := crossing(figure)):
        reasons.append(f"{arm} across the trunk, and what it covers of the garment is a guess.")
    if category != "upper" and seated(figure, body):
        reasons.append("The person sits or bends the knees, and the garment is drawn as standing.")
    if figure.unit < SMALL:
        reasons.append(f"The person is small: {figure.unit:.0f} pixels between the shoulders.")
    return doubtful(reasons)


def judge_sleeves(body: Body, reach: float) -> FitReport:
    """reach: the share of an arm that the sleeves cover. Around a sharply bent elbow they fold."""
    figure = build_figure(body, (0, 0), 1.0)
    if reach < AT_ELBOW or not any(map(sharply_bent, (figure.right_arm, figure.left_arm))):
        return FitReport()
    return doubtful(["An elbow is bent sharply, and how the sleeve folds around it is a guess."])


def sharply_bent(arm: Limb) -> bool:
    """Whether upper arm and forearm that are seen make a sharp angle in the photo."""
    upper, lower = arm.joints[0] - arm.joints[1], arm.joints[2] - arm.joints[1]
    lengths = float(np.linalg.norm(upper) * np.linalg.norm(lower))
    if arm.seen.min() < SURE or lengths < 1e-6:
        return False
    return float(np.degrees(np.arccos(np.clip(upper @ lower / lengths, -1, 1)))) < BENT


def judge_shown(area: float, category: str) -> FitReport:
    """area: of the garment that is to be seen, in squares of the unit. Raises InputError where that
    is next to nothing."""
    if area < NOTHING:
        raise InputError(
            f"Next to nothing of the {category} garment would be seen: it would lie outside the "
            "photo or behind what is in front of it. Use a photo that shows more of the person, "
            "or choose another category."
        )
    if area < STRIP:
        return doubtful([f"The photo shows only a strip of where the {category} garment lies."])
    return FitReport()


def judge_skin(share: float) -> FitReport:
    """share: of painted skin that the photo does not show, in squares of the unit."""
    if share <= GUESSED:
        return FitReport()
    return doubtful(["The photo does not show all the skin that the garment leaves bare: a guess."])


def turned_aside(figure: Figure, body: Body) -> bool:
    """Whether a person is seen from the side, or nearly."""
    across = float(np.linalg.norm(figure.left_shoulder - figure.right_shoulder))
    away = abs(float(body.landmarks[11, 2] - body.landmarks[12, 2]))
    depth = float(np.degrees(np.arctan2(away, max(across, 1e-6))))
    return across < TURNED * figure.unit or depth > TURNED_DEPTH


def crossing(figure: Figure) -> str:
    """Which forearms lie across the trunk, as the start of a sentence; empty for none."""
    found = [arm for arm in (figure.right_arm, figure.left_arm) if lies_across(figure, arm)]
    return ("", "An arm lies", "Both arms lie")[len(found)]


def lies_across(figure: Figure, arm: Limb) -> bool:
    """Whether a forearm that is seen lies in front of the trunk, between shoulders and hips."""
    if arm.seen[1:].min() < SURE:
        return False
    places = np.linspace(arm.joints[1], arm.joints[2], 5)[1:]
    side, level = np.abs(figure.side(places.T)), figure.level(places.T) / figure.torso
    before = (side < ACROSS * figure.unit) & (level > 0.1) & (level < 0.85)
    return bool(before.sum() >= 3)


def seated(figure: Figure, body: Body) -> bool:
    """Whether a knee that the photo shows lies hardly below its hip."""
    height, width = body.mask.shape
    for leg in (figure.right_leg, figure.left_leg):
        knee = leg.joints[1]
        shown = leg.seen[1] > SURE and 0 <= knee[0] < width and 0 <= knee[1] < height
        if shown and float((knee - leg.joints[0]) @ figure.down) < SEATED * figure.torso:
            return True
    return False
