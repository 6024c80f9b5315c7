"""What all tests share: one thread each, random numbers of their own, no haste,
no plugins but the installed ones, and a cache."""

import os
from collections.abc import Iterator

# Small tensors gain nothing from more threads, and two workers would fight for the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

from wavegen.plugins import plugins

# How long an example takes says more of what else runs than of the code; pytest-timeout stays.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """A test meets the same random numbers whichever ran before it, in whichever worker."""
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither find nor leave anything in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAVEGEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", autouse=True)
def _plugins() -> Iterator[None]:
    """No file of tests finds the plugins that another one added."""
    plugins.cache_clear()
    yield
    plugins.cache_clear()
