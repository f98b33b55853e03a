"""Exact numbers: recursions, quadrature and limits. Imports numpy, scipy, mpmath and ``theory``."""
