"""Judgements put into the report document. Imports ``reports`` and ``verify``; never torch."""
