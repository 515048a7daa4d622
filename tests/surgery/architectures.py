"""All reference architectures: networks as they are built in practice, small, each with a cut."""

from __future__ import annotations

from . import (
    architectures_attention,
    architectures_dense_prediction,
    architectures_forms,
    architectures_grouped,
    architectures_lenet,
    architectures_norms,
    architectures_recurrent,
    architectures_residual,
)
from .architectures_case import Case

FAMILIES = (
    architectures_lenet,
    architectures_residual,
    architectures_grouped,
    architectures_norms,
    architectures_dense_prediction,
    architectures_attention,
    architectures_recurrent,
    architectures_forms,
)
CASES: tuple[Case, ...] = tuple(case for family in FAMILIES for case in family.CASES)
