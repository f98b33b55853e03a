"""What is measured on a finite network, and by which experiment.

Imports the standard library and ``theory`` only.
"""

from __future__ import annotations

from enum import StrEnum

from theory.experiments import (
    Convergence,
    Coupling,
    Decoupling,
    Experiment,
    Fitting,
    OneStep,
    Propagation,
    Training,
)


class Observable(StrEnum):
    """A positive number measured on one finite network; ``definition`` says which."""

    FORWARD_SECOND_MOMENT = "forward_second_moment"
    BACKWARD_SECOND_MOMENT = "backward_second_moment"
    BRANCH_SECOND_MOMENT = "branch_second_moment"
    KURTOSIS = "kurtosis"
    INCREMENT_RATIO = "increment_ratio"
    LIMIT_DISTANCE = "limit_distance"
    RECURSION_ERROR = "recursion_error"
    STREAM_CHANGE = "stream_change"
    INPUT_CHANGE = "input_change"
    OUTPUT_CHANGE = "output_change"
    LAST_LAYER_RATIO = "last_layer_ratio"
    DRIFT_SHARE = "drift_share"
    BLOCK_OWN_CHANGE = "block_own_change"
    BLOCK_CHANGE = "block_change"
    FIRST_LAYER_OWN_CHANGE = "first_layer_own_change"
    FIRST_LAYER_CHANGE = "first_layer_change"
    MAXIMAL_UPDATE_RATE = "maximal_update_rate"
    BACKWARD_COUPLING = "backward_coupling"
    BLOCK_COUPLING = "block_coupling"
    BLOCK_COUPLING_AMPLITUDE = "block_coupling_amplitude"
    STREAM_COUPLING = "stream_coupling"
    OUTPUT_COUPLING = "output_coupling"
    OUTPUT_REUSE_RATIO = "output_reuse_ratio"
    OUTPUT_REUSE_DISTANCE = "output_reuse_distance"
    STREAM_REUSE_RATIO = "stream_reuse_ratio"
    STREAM_REUSE_DISTANCE = "stream_reuse_distance"
    FITTED_OUTPUT = "fitted_output"
    FITTED_SECOND_MOMENT = "fitted_second_moment"
    FITTED_KURTOSIS = "fitted_kurtosis"
    REFERENCE_DISTANCE = "reference_distance"
    TRAINED_STREAM_CHANGE = "trained_stream_change"
    TRAINED_LOSS = "trained_loss"
    TRAINING_LOSS = "training_loss"

    @property
    def definition(self) -> str:
        """One sentence: what is averaged over what."""
        return _DEFINITIONS[self][1]

    @property
    def experiment(self) -> type[Experiment]:
        """The experiment that measures it."""
        return _DEFINITIONS[self][0]


_DEFINITIONS: dict[Observable, tuple[type[Experiment], str]] = {
    Observable.FORWARD_SECOND_MOMENT: (
        Propagation,
        "mean of h_L^2 over coordinates and inputs, at initialization",
    ),
    Observable.BACKWARD_SECOND_MOMENT: (
        Propagation,
        "mean of (n df/dh_0)^2 over coordinates and inputs, at initialization",
    ),
    Observable.BRANCH_SECOND_MOMENT: (
        Propagation,
        "mean of (h_l - h_{l-1})^2 over blocks, coordinates and inputs, at initialization",
    ),
    Observable.KURTOSIS: (
        Propagation,
        "mean of h_L^4 over the square of the mean of h_L^2, over coordinates of one input, mean "
        "over inputs; 3 for centred Gaussian coordinates",
    ),
    Observable.INCREMENT_RATIO: (
        Propagation,
        "mean of (h_L - h_0)^2 over the sum of those of h_L - h_M and h_M - h_0, M = L / 2 rounded "
        "down, over coordinates and inputs; 1 for uncorrelated increments",
    ),
    Observable.LIMIT_DISTANCE: (
        Propagation,
        "|q_L / q - 1|, q_L the mean of h_L^2 over coordinates and inputs at initialization and q "
        "its limit at infinite width and depth under the residual multiplier L^-1/2",
    ),
    Observable.RECURSION_ERROR: (
        Propagation,
        "mean over inputs of (q_L / q - 1)^2, q_L the mean of h_L^2 over coordinates at "
        "initialization and q its value at infinite width and the same depth",
    ),
    Observable.STREAM_CHANGE: (
        OneStep,
        "root mean square over coordinates and inputs of d h_L / d eta at eta = 0",
    ),
    Observable.INPUT_CHANGE: (
        OneStep,
        "root mean square over coordinates and inputs of d h_0 / d eta (z_1 of a chain) at eta = 0",
    ),
    Observable.LAST_LAYER_RATIO: (
        OneStep,
        "the change of the last stream state over the root mean square of those of all stream "
        "states (layers of a chain), of root mean squares over coordinates and inputs",
    ),
    Observable.DRIFT_SHARE: (
        OneStep,
        "share of |d h_L / d eta|^2 along the gradient of f with respect to h_L, mean over inputs",
    ),
    Observable.BLOCK_OWN_CHANGE: (
        OneStep,
        "root mean square over blocks, coordinates and inputs of multiplier * (dW_{l,m} / d eta) "
        "times what enters it, over that of the branch h_l - h_{l-1} itself: the change of a "
        "block's contribution by its last weight, relative to its size",
    ),
    Observable.BLOCK_CHANGE: (
        OneStep,
        "root mean square over blocks, coordinates and inputs of d (h_l - h_{l-1}) / d eta, the "
        "moving stream included, over that of h_l - h_{l-1}",
    ),
    Observable.FIRST_LAYER_CHANGE: (
        OneStep,
        "root mean square over blocks, coordinates and inputs of d u_l / d eta at eta = 0, the "
        "moving stream included",
    ),
    Observable.OUTPUT_CHANGE: (
        OneStep,
        "root mean square over inputs of d f / d eta at eta = 0",
    ),
    Observable.FIRST_LAYER_OWN_CHANGE: (
        OneStep,
        "root mean square over blocks, coordinates and inputs of multiplier * (dW_{l,1} / d eta) "
        "h_{l-1} at eta = 0: the change of u_l by its own weight, the moving stream left out",
    ),
    Observable.MAXIMAL_UPDATE_RATE: (
        OneStep,
        "eta* with S(eta*) = 1, S the mean over stream states (layers of a chain) of the second "
        "moment, over coordinates and inputs of one network, of the change after one step, to "
        "first order in eta",
    ),
    Observable.BACKWARD_COUPLING: (
        Coupling,
        "share of |W^T g|^2 in the span of what the forward pass asked of W, at initialization, W "
        "the last weight of a block, mean over blocks",
    ),
    Observable.BLOCK_COUPLING: (
        Coupling,
        "mean square, over blocks, coordinates and inputs, of the part of d h_l / d eta that block "
        "l adds through its initial weights and that its backward pass has determined: "
        "multiplier * P_G W_0 (1 - P_X) d x / d eta, P_X and P_G onto what W_0 was asked in the "
        "forward and the backward pass",
    ),
    Observable.BLOCK_COUPLING_AMPLITUDE: (
        Coupling,
        "square root of the block coupling",
    ),
    Observable.STREAM_COUPLING: (
        Coupling,
        "root mean square over coordinates and inputs of the sum over blocks of what the block "
        "coupling is the mean square of",
    ),
    Observable.OUTPUT_COUPLING: (
        Coupling,
        "root mean square over inputs of the readout of that sum",
    ),
    Observable.OUTPUT_REUSE_RATIO: (
        Decoupling,
        "root mean square over inputs of d f / d eta, over the same for updates whose backward "
        "pass uses an independent copy of the weights of the blocks",
    ),
    Observable.OUTPUT_REUSE_DISTANCE: (
        Decoupling,
        "root mean square over inputs of the difference of these two d f / d eta, over that of "
        "the first",
    ),
    Observable.STREAM_REUSE_RATIO: (
        Decoupling,
        "root mean square over coordinates and inputs of d h_L / d eta, over the same for such "
        "updates",
    ),
    Observable.STREAM_REUSE_DISTANCE: (
        Decoupling,
        "|1 - 1 / (that ratio)|: how far the sizes of the two d h_L / d eta are apart (coordinate "
        "by coordinate they follow different weights, and differ)",
    ),
    Observable.FITTED_OUTPUT: (
        Fitting,
        "mean over inputs of y f after k steps on one batch",
    ),
    Observable.FITTED_SECOND_MOMENT: (
        Fitting,
        "mean of h_L^2 over coordinates and inputs, after k steps on one batch",
    ),
    Observable.FITTED_KURTOSIS: (
        Fitting,
        "mean of h_L^4 over the square of the mean of h_L^2, over coordinates of one input, mean "
        "over inputs, after k steps on one batch",
    ),
    Observable.REFERENCE_DISTANCE: (
        Convergence,
        "root mean square over coordinates and inputs of h_L after k steps on one batch, minus "
        "that of a much larger network with the same input and output weights (and, on one "
        "Brownian path, with the blocks that this one's are sums of)",
    ),
    Observable.TRAINED_STREAM_CHANGE: (
        Training,
        "root mean square over coordinates and held-out inputs of h_L after k steps minus h_L "
        "at initialization",
    ),
    Observable.TRAINED_LOSS: (
        Training,
        "mean cross-entropy over held-out inputs after k steps",
    ),
    Observable.TRAINING_LOSS: (
        Training,
        "mean cross-entropy over the last quarter of the steps, of each batch before its step",
    ),
}


# Measured against an exact recursion, which networks with attention do not have.
FINITE_SIZE = frozenset({Observable.LIMIT_DISTANCE, Observable.RECURSION_ERROR})
