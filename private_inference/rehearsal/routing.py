"""Which production variant gets a call that names none: each its share, by weight.

AWS says what the shares are, and not in which order calls are distributed; here they take turns, so that a rehearsal
shows the same each time: https://docs.aws.amazon.com/sagemaker/latest/dg/model-ab-testing.html.
"""

from collections.abc import Mapping


def next_in_turn(weights: Mapping[str, float], credit: dict[str, float]) -> str:
    """The variant whose turn it is: of any calls in a row, each gets its share, rounded.

    `credit` is what each has coming to it, and is kept from call to call. Raises ValueError without a weight above 0.
    """
    shares = {name: weight for name, weight in weights.items() if weight > 0}
    if not shares:
        raise ValueError("no production variant has a weight above 0")
    for name, weight in shares.items():
        credit[name] = credit.get(name, 0) + weight
    chosen = max(shares, key=credit.__getitem__)
    credit[chosen] -= sum(shares.values())
    return chosen
