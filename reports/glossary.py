"""What the words of a report mean, for a reader who has not met them. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping

VERDICTS: Mapping[str, str] = {
    "accepted": "The whole interval lies where the prediction accepts.",
    "rejected": "No part of the interval lies where the prediction accepts.",
    "inconclusive": "The interval reaches across an end of what accepts. More replicates would "
    "decide; the reason says how many.",
    "invalid": "A precondition failed, so that the numbers say nothing about the prediction.",
}

STATISTICS: Mapping[str, str] = {
    "prediction": "One sentence about finite networks that measurements can prove false.",
    "cell": "One network size: a width n and a depth L.",
    "replicate": "One independent draw of the data and of the weights of every cell.",
    "estimate": "The mean over replicates of the statistic: an exponent, or measured over "
    "predicted in the cell that tells most.",
    "interval": "Where the true value lies with the stated confidence, at this number of "
    "replicates.",
    "margin": "How far from the prediction the truth may be before it counts as another one. It "
    "was fixed before anything was measured.",
    "band": "The values that accept: the prediction and a margin around it, or one side of it.",
    "family": "All relations of a report that were judged together. Holm's method keeps the "
    "chance of any wrong decision among them below the family-wise error rate.",
    "look": "One time of judging the measurements. Looks are announced, and share the error rate; "
    "between them replicates are added and never replaced.",
}

PROOF: Mapping[str, str] = {
    "control": "A setting in which the prediction is known to be false. Its verdict must be "
    "rejected, which shows that the test can fail.",
    "shifted": "A control that measures nothing of its own: it is the claim's own measurement "
    "times a known power. Its rejection shows that the margin can reject, and no more.",
    "rival": "What another source, or power counting, says about the same measurements.",
    "standing": "Whose statement it is: stated by a source, one reading of an ambiguous sentence, "
    "or this project's own.",
    "twin": "The other reading of the same sentence.",
    "on record": "The verdict that an earlier, published campaign reached with the same design.",
}

DIAGNOSTICS: Mapping[str, str] = {
    "without the smallest size": "How far the exponent moves when the smallest size is left out. "
    "More than a margin is no power law in this range.",
    "bend": "How far the exponent between neighbours moves from the middle of the range to its "
    "end. A power law has none.",
    "lack of fit": "How likely deviations from the declared law as large as these are, if the law "
    "is true. Small numbers speak against it.",
    "trimmed mean": "The exponent without the highest and the lowest fifth of the replicates. It "
    "differs from the estimate where a few replicates dominate.",
    "pooled regression": "The exponent by one regression over all replicates, with errors "
    "clustered by replicate: the same question by another method.",
    "exponent between neighbours": "The exponent from each size to the next, with a 95 percent "
    "interval. All agree where there is a power law.",
    "beyond the grid": "What the fit says at twice the largest size.",
    "declared corrections": "Finite-size terms that the prediction itself names, and that the fit "
    "takes into account.",
}

PROVENANCE: Mapping[str, str] = {
    "engine": "How weights are held: dense matrices, or without a matrix, exact in law.",
    "design": "A digest of everything that was fixed about a prediction before it was measured.",
    "code": "A digest of the code that measured.",
}

GLOSSARY: Mapping[str, Mapping[str, str]] = {
    "Verdicts": VERDICTS,
    "Statistics": STATISTICS,
    "What a prediction is held against": PROOF,
    "Does the fit deserve trust?": DIAGNOSTICS,
    "Where numbers come from": PROVENANCE,
}


def anchor(word: str) -> str:
    """The id of a word on a page; ``KeyError`` for one that has no explanation."""
    if not any(word in words for words in GLOSSARY.values()):
        raise KeyError(word)
    return f"word-{word.replace(' ', '-')}"
