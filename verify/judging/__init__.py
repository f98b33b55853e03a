"""From measurements to verdicts. Imports numpy, scipy, ``theory`` and ``verify``; never torch."""
