"""The card of a checkpoint: what it is, how it was made and how good it is, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def card(config: Mapping[str, Any]) -> str:
    """Markdown from what `config.json` says."""
    model, domain, trained = config["model"], config["domain"], config["trained"]
    scores = {"this model": trained["bits_valid"], **trained["baselines"]}
    rows = [
        f"| {name} | {'not measured' if bits is None else f'{bits:.3f}'} |"
        for name, bits in scores.items()
    ]
    return "\n".join(
        [
            f"# A {model['name']} for {domain['name']}",
            "",
            f"Trained with wavegen on {trained['sequences']} sequences for {trained['steps']} "
            f"updates ({trained['scored']:,} scored steps, {trained['seconds']:.0f} s on "
            f"{trained['device']} in {trained['precision']}).",
            "",
            "| bits per step on validation data | |",
            "| --- | --- |",
            *rows,
            "",
            f"It has {trained['parameters']:,} parameters. Play it with:",
            "",
            "    wavegen sample RUN -o sample" + str(trained["suffix"]),
            "",
            "The data it was trained on, and their licence, are for its maker to name here.",
            "",
        ]
    )
