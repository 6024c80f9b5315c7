"""Heads: what the numbers that a model gives for each step mean."""

from .categorical import Categorical
from .chain import Chain
from .filtering import Filter, draw_event
from .gaussian import Gaussian
from .head import Head
from .logistics import MixtureOfLogistics
from .student_t import StudentT

__all__ = [
    "Categorical",
    "Chain",
    "Filter",
    "Gaussian",
    "Head",
    "MixtureOfLogistics",
    "StudentT",
    "draw_event",
]
