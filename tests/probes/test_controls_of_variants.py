"""Controls of variants say whether they only shift the claim's measurement, and so it is."""

import numpy as np
import pytest
import torch

from probes.trials import run_group
from theory import (
    Activation,
    Architecture,
    BlockForm,
    Cell,
    Normalization,
    Optimizer,
    Setting,
    chain,
    completep,
    predictions_of,
    residual,
    transformer,
)

CPU = torch.device("cpu")
CELLS = (Cell(8, 4), Cell(16, 4), Cell(8, 8))
NETWORKS = (
    residual(1),
    residual(2, Activation.TANH),
    residual(2, form=BlockForm.POST_ACTIVATION_CENTRED),
    residual(2, normalization=Normalization.RMS),
    transformer(),
    chain(),
)


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_shifted_is_what_is_measured(network: Architecture, optimizer: Optimizer) -> None:
    for prediction in predictions_of(network, completep(optimizer=optimizer)):
        (control,) = prediction.controls

        def measured(setting: Setting, cell: Cell) -> np.ndarray:
            found = run_group(setting, cell, 5, (0, 1), CPU, torch.float64)
            return found[prediction.observable]  # noqa: B023 - called in this turn of the loop

        ratios = [measured(control.setting, c) / measured(prediction.setting, c) for c in CELLS]
        axis = prediction.relation.axis
        if control.shifted is not None:
            for cell, ratio in zip(CELLS, ratios, strict=True):
                np.testing.assert_allclose(ratio, control.shifted.at(cell), rtol=1e-6)
        else:
            spread = max(float(np.ptp(np.log(ratio))) for ratio in ratios)
            assert spread > 1e-9, f"{prediction.id}, {control.name}: no more than shifted in {axis}"
