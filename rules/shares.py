"""A sum split by agreed shares: every fen is somebody's, the parts sum to the whole."""

from __future__ import annotations

from collections.abc import Sequence


def split_fen(total_fen: int, shares: Sequence[int]) -> list[int]:
    """The parts of a sum in fen, in the order of the shares; fen left over go to the largest remainders.

    Of equal remainders the first payee's is taken. Raises ValueError on a negative sum or share, or where
    nobody has a share. Clause: S8.5.
    """
    whole = sum(shares)
    if total_fen < 0 or whole <= 0 or min(shares) < 0:
        raise ValueError("a sum and its shares are not negative, and somebody has a share")
    parts = [total_fen * share // whole for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda at: -(total_fen * shares[at] % whole))
    for at in by_remainder[: total_fen - sum(parts)]:
        parts[at] += 1
    return parts
