"""Heads: what the numbers that a model gives for each step mean."""

from .binned import Binned, mu_law_edges, quantile_edges, uniform_edges
from .categorical import Categorical
from .chain import Chain
from .filtering import Filter, draw_event
from .gaussian import Gaussian
from .head import Head
from .logistics import MixtureOfLogistics
from .missing import MISSING_CLASS, missing
from .point import Point
from .scaled import Scaled
from .student_t import StudentT

__all__ = [
    "MISSING_CLASS",
    "Binned",
    "Categorical",
    "Chain",
    "Filter",
    "Gaussian",
    "Head",
    "MixtureOfLogistics",
    "Point",
    "Scaled",
    "StudentT",
    "draw_event",
    "missing",
    "mu_law_edges",
    "quantile_edges",
    "uniform_edges",
]
