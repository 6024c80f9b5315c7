"""The kit catches every mutant, and every law of the kit catches some mutant."""

from __future__ import annotations

import inspect
from functools import cache, partial
from typing import Any

import mutants
import pytest
from healthy import build
from running import broken_laws

from wavegen.model import SequenceModel
from wavegen.program.program import Program
from wavegen.testing import SPECS, ModelContract
from wavegen.testing.inputs import awaken
from wavegen.testing.programs import program_of

CAUGHT_BY = {
    mutants.TapReadAfterWrite: "step_equals_forward",
    mutants.StateInModule: "nothing_hidden",
    mutants.ClockAsInt: "law_of_state",
    mutants.ClockSharedByRows: "rows_are_strangers",
    mutants.PrefillForgets: "prefill_is_a_fold",
    mutants.PrefillLeavesNoTrace: "prefill_is_a_fold",
    mutants.CircularPadding: "causal",
    mutants.OutputShifted: "present_matters",
    mutants.LooksAhead: "causal_by_gradient",
    mutants.RowsCoupled: "rows_are_strangers",
    mutants.RowsMasked: "garbage_rows",
    mutants.StateGrows: "law_of_state",
    mutants.CachedInit: "fresh_init",
    mutants.FeaturesRedrawn: "nothing_hidden",
    mutants.StateRounded: "step_equals_forward",
    mutants.DtypeDrifts: "law_of_state",
    mutants.OutputBufferReused: "outputs_are_the_callers",
    mutants.StaleWeightCache: "weights_are_read_anew",
    mutants.CondShifted: "condition",
    mutants.CondIgnored: "condition",
    mutants.StaticIgnored: "static",
    mutants.StaticOnModule: "nothing_hidden",
    mutants.TailOffByOne: "tail",
    mutants.FieldOverstated: "receptive_field",
    mutants.FieldUnderstated: "receptive_field",
    mutants.GradientCut: "gradients",
    mutants.ForkShares: "fork_is_independent",
    mutants.HandleToMemory: "survives_the_disk",
    mutants.BatchNotFirst: "law_of_state",
    mutants.ClockOverflows: "long_run",
    mutants.Noisy: "deterministic",
    mutants.OneParameterTooMany: "shapes",
    mutants.EventsMixedUp: "step_equals_forward",
    mutants.ExportedOtherwise: "program_equals_step",
    mutants.SmallDifferences: "program_of_low_precision",
    mutants.AheadOfAll: "look_ahead",
    mutants.AheadUndeclared: "look_ahead",
}
"""Mutant to the law that is meant to see it; others may see it too."""

ONLY_CATCHERS = {
    "condition",
    "deterministic",
    "garbage_rows",
    "gradients",
    "long_run",
    "look_ahead",
    "outputs_are_the_callers",
    "prefill_is_a_fold",
    "present_matters",
    "program_of_low_precision",
    "receptive_field",
    "rows_are_strangers",
    "static",
    "survives_the_disk",
    "tail",
}
"""Laws without which some mutant would go free."""

SPEC_OF = {
    mutants.RowsMasked: "values",
    mutants.CondShifted: "classes with conditions",
    mutants.CondIgnored: "classes with conditions",
    mutants.StaticIgnored: "classes with conditions",
    mutants.StaticOnModule: "classes with conditions",
    mutants.EventsMixedUp: "chords",
    mutants.AheadOfAll: "classes with conditions",
    mutants.AheadUndeclared: "classes with conditions",
}
"""The kind of sequence in which a bug shows, where that is not plain classes."""


class Laws(ModelContract):
    long_run = 250


def subject(mutant: type) -> SequenceModel[Any]:
    model = build(mutant, SPECS[SPEC_OF.get(mutant, "classes")])
    awaken(model)
    return model.eval()


def programmed(mutant: type) -> tuple[SequenceModel[Any], Program]:
    model = subject(mutant)
    return model, program_of(model)


@pytest.fixture(scope="module")
def broken() -> dict[type, set[str]]:
    return {
        mutant: broken_laws(
            Laws(),
            {"subject": partial(subject, mutant), "programmed": cache(partial(programmed, mutant))},
        )
        for mutant in CAUGHT_BY
    }


@pytest.mark.parametrize("mutant", CAUGHT_BY, ids=lambda mutant: mutant.__name__)
def test_every_mutant_is_caught(mutant: type, broken: dict[type, set[str]]) -> None:
    assert CAUGHT_BY[mutant] in broken[mutant], f"broken laws: {sorted(broken[mutant])}"


def test_no_mutant_is_broken_altogether(broken: dict[type, set[str]]) -> None:
    """A mutant that fails every law proves nothing of any."""
    most = len(ModelContract.laws()) // 2
    assert {m.__name__: len(laws) for m, laws in broken.items() if len(laws) > most} == {}


def test_every_law_can_fail() -> None:
    assert set(CAUGHT_BY.values()) == set(ModelContract.laws())


def test_laws_that_stand_alone(broken: dict[type, set[str]]) -> None:
    assert {next(iter(laws)) for laws in broken.values() if len(laws) == 1} == ONLY_CATCHERS


def test_every_mutant_is_in_the_table() -> None:
    written = [m for m in vars(mutants).values() if inspect.isclass(m)]
    assert {
        m for m in written if issubclass(m, SequenceModel) and m.__module__ == "mutants"
    } == set(CAUGHT_BY)
