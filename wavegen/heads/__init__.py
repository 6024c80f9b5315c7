"""Heads: what the numbers that a model gives for each step mean."""

from .categorical import Categorical
from .gaussian import Gaussian
from .head import Head
from .logistics import MixtureOfLogistics
from .student_t import StudentT

__all__ = ["Categorical", "Gaussian", "Head", "MixtureOfLogistics", "StudentT"]
