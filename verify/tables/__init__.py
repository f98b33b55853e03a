"""Verdicts on measurements that were made elsewhere. Imports pandas, ``theory`` and ``verify``.

``read`` turns a file into a frame, ``frame`` a frame and the names of its columns into
measurements, ``judge`` them and what is claimed of them into a verdict, and ``report`` that into a
report. Never imports torch.
"""
