"""The classifier two-sample test: can a classifier tell a set of chorales from Bach's?

Lopez-Paz and Oquab 2017. An area under the curve of 0.5 is guessing: the sets look alike to the
battery; at 1 each excerpt gives itself away.

Dimensions: N excerpts, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavegen.errors import ConfigError, DataError

from .battery import METRICS, describe
from .grid import REST, ChoraleGrid

EXCERPT_STEPS = 160
FEATURES = tuple(name for name in METRICS if name != "final_triad_pct")  # excerpts have no end
_FOLDS = 5
_TREES = 100


class Excerpts(NamedTuple):
    """The battery of excerpts of a set."""

    pieces: npt.NDArray[np.int64]
    """`(N,)` which piece each is from."""
    features: npt.NDArray[np.float64]
    """`(N, F)`, F in the order of `FEATURES`."""

    @property
    def enough(self) -> bool:
        """Whether they come from as many pieces as there are folds."""
        return len(np.unique(self.pieces)) >= _FOLDS


class Separation(NamedTuple):
    """Areas under the ROC curve of excerpts that the classifier was not trained with."""

    logistic: float
    forest: float


def excerpts(grids: Sequence[ChoraleGrid]) -> Excerpts:
    """Cut pieces into excerpts of 160 steps, end to end; shorter rests and silence are left out."""
    pieces, rows = [], []
    for number, grid in enumerate(grids):
        for start in range(0, len(grid) - EXCERPT_STEPS + 1, EXCERPT_STEPS):
            part = grid.cut(start, start + EXCERPT_STEPS)
            if (part.pitch != REST).any():
                found = describe(part)
                pieces.append(number)
                rows.append([found[name] for name in FEATURES])
    return Excerpts(np.array(pieces, np.int64), np.array(rows).reshape(-1, len(FEATURES)))


def separate(some: Excerpts, others: Excerpts) -> Separation:
    """How well a logistic regression and a forest tell the sets apart, by 5-fold validation.

    Excerpts of one piece stay in one fold. Raises `ConfigError` without scikit-learn, `DataError`
    where a set has excerpts of fewer than five pieces.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ImportError as error:
        raise ConfigError(
            "the two-sample test needs scikit-learn, which is not installed; "
            "pip install 'wavegen[chorales]'"
        ) from error
    for each in (some, others):
        if not each.enough:
            raise DataError(
                f"the two-sample test needs {_FOLDS} pieces of at least {EXCERPT_STEPS} steps in "
                f"each set; one has {len(np.unique(each.pieces))}"
            )
    features = np.concatenate([some.features, others.features])
    labels = np.repeat([0, 1], [len(some.pieces), len(others.pieces)])
    groups = np.concatenate([some.pieces, others.pieces + some.pieces.max() + 1])
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0)
    classifiers = (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, class_weight="balanced")),
        RandomForestClassifier(_TREES, class_weight="balanced", random_state=0),
    )
    areas = []
    for classifier in classifiers:
        guesses = cross_val_predict(
            classifier, features, labels, groups=groups, cv=folds, method="predict_proba"
        )
        areas.append(float(roc_auc_score(labels, np.asarray(guesses)[:, 1])))
    return Separation(*areas)
