"""Names of the static classes: a class id is an index into them."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ConfigError


def class_of(label: str, labels: Sequence[str]) -> int:
    """The class id of a label."""
    if label not in labels:
        known = ", ".join(labels) or "none: the model was trained without labels"
        raise ConfigError(f"no label {label!r}; known: {known}")
    return labels.index(label)


def class_if_any(label: str | None, labels: Sequence[str]) -> int | None:
    """The class id, or None for a model without labels; one that has labels needs one."""
    if label is not None:
        return class_of(label, labels)
    if labels:
        raise ConfigError(f"this model needs a label (--speaker); known: {', '.join(labels)}")
    return None
