"""How far colours are apart, for eyes of every kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float64]
"""Linear RGB, shape (3,), 0 to 1."""

VISION: dict[str, Colour] = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""What an eye sees of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1."""

_LUMINANCE = np.array([0.2126729, 0.7151522, 0.0721750])
_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], _LUMINANCE, [0.0193339, 0.1191920, 0.9503041]])
_WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(colour: str) -> Colour:
    """Of ``#rrggbb``."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(colour: Colour) -> Colour:
    """CIE L*a*b* of linear RGB: lightness 0 to 100, then hue and colourfulness."""
    xyz = _XYZ @ np.clip(colour, 0, 1) / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    """WCAG 2: 1 to 21."""
    lights = sorted(float(_LUMINANCE @ linear(colour)) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)
