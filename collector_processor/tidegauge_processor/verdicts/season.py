"""Compare the night with the night: the reference mixed to the season slots of the window.

A baseline keeps its counts by season slot (hour of the day or of the week). Rows of the window that fall into slot
``s`` are compared with that slot's shares ``p_s``. A window that covers several slots is taken to be spread over them
as the reference was. Over merged windows this gives a weight ``v_s`` to each slot, in proportion to the rows of the
window, and

    p = sum v_s p_s          with the variance of          n = 1 / sum(v_s**2 / n_s)

independent rows: the effective size of the mixture. It is the whole reference's size when the window's rows are spread
like the reference's, and smaller otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegauge_processor.verdicts.scales import merge_latest

Floats = NDArray[np.float64]


class Season(NamedTuple):
    """What the slots of the windows leave of a reference.

    Attributes:
        usable: whether a window's slots have reference rows, shape ``(n, T)``.
        reference: counts of the mixed reference, adding up to its effective size, shape ``(n, S, K)``.
    """

    usable: NDArray[np.bool_]
    reference: Floats


def mix(
    reference: NDArray[np.int64], rows: NDArray[np.int64], slots: NDArray[np.bool_], scales: tuple[int, ...]
) -> Season:
    """Mix references to the slots of the latest windows.

    Args:
        reference: counts of ``n`` streams by slot and cell, shape ``(n, slots, K)``.
        rows: rows of each stream in each of ``T`` windows, oldest first, shape ``(n, T)``.
        slots: the slots that each window covers, shape ``(T, slots)``; not looked at when there is only one.
        scales: ``S`` numbers of windows to merge, none beyond ``T``.

    Raises:
        ValueError: windows and reference have a different number of slots.

    Example:
        >>> day_and_night = np.array([[[90, 10], [10, 90]]])
        >>> night = mix(day_and_night, np.array([[50]]), np.array([[False, True]]), (1,))
        >>> night.reference.round(9).tolist()
        [[[10.0, 90.0]]]
        >>> both = mix(day_and_night, np.array([[50, 50]]), np.array([[True, False], [False, True]]), (2,))
        >>> both.reference.round(9).tolist()
        [[[100.0, 100.0]]]
    """
    size = reference.sum(axis=2)
    if reference.shape[1] == 1:
        usable = np.broadcast_to(size > 0, rows.shape)
        return Season(usable, np.repeat(reference.astype(np.float64), len(scales), axis=1))
    if slots.shape[1] != reference.shape[1]:
        raise ValueError(f"the reference has {reference.shape[1]} season slots, the windows {slots.shape[1]}")
    covered = np.where(slots[None, :, :], size[:, None, :], 0)
    within = covered.sum(axis=2, keepdims=True)
    spread = rows[:, :, None] * (covered / np.maximum(within, 1))
    weights = merge_latest(spread, scales).astype(np.float64)
    total = weights.sum(axis=2, keepdims=True)
    weights = weights / np.where(total > 0, total, 1.0)
    known = np.maximum(size, 1).astype(np.float64)
    variance = (weights**2 / known[:, None, :]).sum(axis=2)
    effective = np.where(variance > 0, 1 / np.where(variance > 0, variance, 1.0), 0.0)
    shares = np.einsum("nvs,nsk->nvk", weights / known[:, None, :], reference.astype(np.float64))
    return Season(within[:, :, 0] > 0, effective[:, :, None] * shares)
