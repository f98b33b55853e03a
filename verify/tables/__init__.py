"""Verdicts on measurements that were made elsewhere. Imports pandas, ``theory`` and ``verify``.

``read`` turns a file into a frame, ``frame`` a frame and the names of its columns into
measurements, ``claim`` says what is claimed of them, and ``judge`` puts the three together. Never
imports torch.
"""
