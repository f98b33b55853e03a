"""The documents that the catalogue cites. Imports ``theory.prediction`` only."""

from __future__ import annotations

from theory.prediction import Citation


def feature_learning_dynamics(where: str) -> Citation:
    """The paper of claims A1 to A17."""
    title = "Feature Learning Dynamics in Infinite-Depth Neural Networks"
    return Citation("arXiv 2512.21075", title, where)


def arithmetic_mean_mup(where: str) -> Citation:
    """The paper of claims B1 to B12."""
    title = "Arithmetic-Mean muP for Modern Architectures"
    return Citation("arXiv 2510.04327", title, where)


def depth_dependence_of_mup(where: str) -> Citation:
    """The paper of claim C1."""
    title = "Depth Dependence of muP Learning Rates in ReLU MLPs"
    return Citation("arXiv 2305.07810", title, where)


def tensor_programs_v(where: str) -> Citation:
    """The paper of claim C2."""
    title = "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer"
    return Citation("arXiv 2203.03466", title, where)


def tensor_programs_vi(where: str) -> Citation:
    """The paper of claims C3, C4 and C5."""
    title = "Tensor Programs VI: Feature Learning in Infinite-Depth Neural Networks"
    return Citation("arXiv 2310.02244", title, where)


def depthwise_transfer(where: str) -> Citation:
    """The paper of claim C6."""
    title = "Depthwise Hyperparameter Transfer in Residual Networks"
    return Citation("arXiv 2309.16620", title, where)


def completep(where: str) -> Citation:
    """The paper of claim C7."""
    title = "Don't be lazy: CompleteP enables compute-efficient deep transformers"
    return Citation("arXiv 2505.01618", title, where)


def hidden_width(where: str) -> Citation:
    """The paper of claim C8."""
    title = "The Hidden Width of Deep ResNets: Tight Error Bounds and Phase Diagrams"
    return Citation("arXiv 2509.10167", title, where)


def power_counting(where: str) -> Citation:
    """The elementary rules by which exponents of width and depth add up."""
    return Citation("scaleproof", "Power counting", where)


def strong_order() -> Citation:
    """Euler's scheme for a stochastic differential equation, coordinate by coordinate."""
    title = "Numerical Solution of Stochastic Differential Equations"
    return Citation("Kloeden and Platen 1992", title, "Theorem 10.2.2: strong order 1/2")


def convolutional_recursion() -> Citation:
    """The first step of convolutional chains at infinite width, worked out here."""
    return Citation("scaleproof", "Exact recursions", "theory.exact.convolutional_chains")
