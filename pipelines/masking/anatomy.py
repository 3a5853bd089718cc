"""The average body: every length that is assumed where a photo does not tell, in one place.

Lengths are in units, of which a person seen from the front has one between the shoulder joints
(0.36 m here), or in torso lengths from the shoulder joints to the hip joints (0.52 m). Heights go
down from the shoulder joints.

Sources. Limbs at the joints: from mean girths of adults, rounded (upper arm 0.29 m, elbow 0.25 m,
wrist 0.16 m, thigh 0.57 m, knee 0.37 m, ankle 0.22 m), half widths being girths over 2 pi.
The finer outlines of arms, trunk and shoulders, the collar bones and the heights have no published
source: they were chosen by eye on front views of people in close clothes.
"""

from __future__ import annotations

# Half widths of bare limbs at the joints: shoulder, elbow, wrist; hip, knee, ankle. In units.
ARM_RADII = (0.150, 0.115, 0.078)
LEG_RADII = (0.260, 0.165, 0.105)

# Half widths of a bare arm, in units, by place along it (see figure.LimbFrame): the round of the
# shoulder, the deltoid, the upper arm, the elbow at 0.5, the forearm, the wrist.
ARM_PLACES = (0.0, 0.06, 0.14, 0.22, 0.32, 0.42, 0.5, 0.6, 0.7, 0.85, 1.0)
ARM_WIDTHS = (0.120, 0.135, 0.145, 0.142, 0.131, 0.119, 0.112, 0.112, 0.103, 0.085, 0.075)

# Half widths of the bare torso, in units, at heights in torso lengths: chest, waist and hips seen
# from the front; beyond the hips the outer sides of the legs.
HEIGHTS = (-0.2, 0.15, 0.30, 0.65, 1.0, 1.12, 1.5, 2.4)
HALF_WIDTHS = (0.46, 0.455, 0.455, 0.395, 0.48, 0.50, 0.46, 0.36)

# How far the shoulder line lies above the joints, in units, by distance from the axis.
SHOULDER_SIDES = (0.0, 0.17, 0.22, 0.32, 0.42, 0.52, 0.60, 0.66, 0.8)
SHOULDER_RISES = (0.30, 0.29, 0.245, 0.195, 0.165, 0.115, 0.03, -0.10, -0.45)

# Where a collar bone runs, in units: from the body's middle, and below the shoulder joints.
COLLAR_SIDES, COLLAR_LEVELS = (0.05, 0.2, 0.32, 0.44), (-0.03, -0.06, -0.095, -0.13)

# In torso lengths: the navel, the waistband of trousers and skirts, the height above which a photo
# must not end to show a lower garment, and the one below which legs part.
NAVEL = 0.73
WAIST = 0.80
HIPS = 0.95
LEGS_APART = 0.97
