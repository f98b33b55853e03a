"""Inference: regression per replicate, equivalence, multiplicity, replicates needed.

Imports numpy, scipy, statsmodels and ``theory``; never torch.
"""
