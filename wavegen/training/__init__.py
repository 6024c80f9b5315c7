"""Training: from a folder of files to a checkpoint that plays."""

from .config import TrainerConfig
from .run import TrainingResult, train

__all__ = ["TrainerConfig", "TrainingResult", "train"]
