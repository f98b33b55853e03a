"""Published measurements of CompleteP judged: ``python examples/completep.py completep_lin_1.csv``.

The table has a row for each seed and depth of nanoGPT-mup (arXiv 2505.01618): ``dist`` is how far a
step of a block is from its linearization. With the branch multiplier 1/L it does not depend on
depth, with L^-1/2 it falls as L^-1/2.
"""

import sys

import pandas as pd

import scaleproof


def judged(path, exponent):
    """The verdict on a table; seeds with an exact zero, which has no logarithm, are left out.

    The margin is a quarter of the distance between the two exponents.
    """
    frame = pd.read_csv(path)
    zeros = set(frame.loc[frame["dist"] == 0, "seed"])
    frame = frame[~frame["seed"].isin(zeros)]
    claim = scaleproof.ExponentEquals("depth", exponent)
    return scaleproof.judge(frame, claim, y="dist", replicate="seed", margin=1 / 8)


if __name__ == "__main__":
    exponent = sys.argv[2] if len(sys.argv) > 2 else "0"
    judgement = judged(sys.argv[1], exponent)
    print(f"{judgement}\n{judgement.reason}")
