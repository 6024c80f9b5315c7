"""The conformance kit: the contract's laws as tests, for whoever writes a model, domain or head.

Subclass a contract in a test file and override its fixture; pytest runs every law::

    class TestMyModel(ModelContract):
        @pytest.fixture
        def model(self):
            return MyModel(MyConfig(), SPECS["classes"])

For what a plugin offers by name there are ready subclasses: `contract_for_model(spec)` and
`contract_for_domain(spec)`, which `wavegen check` runs.
"""

import pytest

pytest.register_assert_rewrite(
    *(f"{__name__}.{name}" for name in ("model_contract", "domain_contract", "head_contract"))
)

from .domain_contract import DomainContract  # noqa: E402
from .head_contract import HeadContract  # noqa: E402
from .inputs import SPECS  # noqa: E402
from .installed import contract_for_domain, contract_for_model  # noqa: E402
from .model_contract import ModelContract  # noqa: E402

__all__ = [
    "SPECS",
    "DomainContract",
    "HeadContract",
    "ModelContract",
    "contract_for_domain",
    "contract_for_model",
]
