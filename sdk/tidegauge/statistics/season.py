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

Floats = NDArray[np.float64]


class Season(NamedTuple):
    """What the slots of the windows leave of a reference.

    Attributes:
        usable: whether a window's slots have reference rows, shape ``(n, T)``.
        reference: counts of the mixed reference, adding up to its effective size, shape ``(n, E, S, K)``.
    """

    usable: NDArray[np.bool_]
    reference: Floats


def mixture(reference: NDArray[np.generic], rows: Floats) -> Floats:
    """Mix the slots of references in proportion to rows.

    Args:
        reference: counts of ``n`` references by slot and cell, shape ``(n, slots, K)``.
        rows: rows by slot, none in a slot without reference rows, shape ``(n, S, slots)``.

    Returns:
        Shares of the mixture times its effective size, shape ``(n, S, K)``; zeros where there are no rows.

    Example:
        >>> day_and_night = np.array([[[90, 10], [10, 90]]])
        >>> mixture(day_and_night, np.array([[[0.0, 50.0], [50.0, 50.0]]])).round(9).tolist()
        [[[10.0, 90.0], [100.0, 100.0]]]
    """
    size = reference.sum(axis=2)
    total = rows.sum(axis=2, keepdims=True)
    weights = rows / np.where(total > 0, total, 1.0)
    per_row = weights / np.maximum(size, 1)[:, None, :]
    variance = (weights * per_row).sum(axis=2)
    effective = np.where(variance > 0, 1 / np.where(variance > 0, variance, 1.0), 0.0)
    mixed = np.zeros((*weights.shape[:2], reference.shape[2]))
    for slot in np.flatnonzero(weights.any(axis=(0, 1))):
        mixed += per_row[:, :, slot, None] * reference[:, None, slot, :]
    return effective[:, :, None] * mixed


def mix(
    reference: NDArray[np.int64],
    rows: NDArray[np.int64],
    slots: NDArray[np.bool_],
    scales: tuple[int, ...],
    ends: int = 1,
) -> Season:
    """Mix references to the slots of merged windows.

    Args:
        reference: counts of ``n`` streams by slot and cell, shape ``(n, slots, K)``.
        rows: rows of each stream in each of ``T`` windows, oldest first, shape ``(n, T)``.
        slots: the slots that each window covers, shape ``(T, slots)``; not looked at when there is only one.
        scales: ``S`` numbers of windows to merge; what lies before the first window has no rows.
        ends: merge up to each of so many latest windows, ``E`` of them.

    Raises:
        ValueError: windows and reference have a different number of slots.

    Example:
        >>> day_and_night = np.array([[[90, 10], [10, 90]]])
        >>> both = mix(day_and_night, np.array([[50, 50]]), np.array([[True, False], [False, True]]), (1, 2))
        >>> both.reference.round(9).tolist()
        [[[[10.0, 90.0], [100.0, 100.0]]]]
    """
    if reference.shape[1] == 1:
        whole = np.broadcast_to(
            reference[:, None].astype(np.float64), (len(reference), ends, len(scales), reference.shape[2])
        )
        return Season(np.ones(rows.shape, dtype=np.bool_), whole)
    if slots.shape[1] != reference.shape[1]:
        raise ValueError(f"the reference has {reference.shape[1]} season slots, the windows {slots.shape[1]}")
    size = reference.sum(axis=2)
    within = np.stack([size[:, covered].sum(axis=1) for covered in slots], axis=1)
    weights = _weights(size, rows / np.maximum(within, 1), slots, scales, ends)
    mixed = mixture(reference, weights.reshape(len(reference), ends * len(scales), -1))
    return Season(within > 0, mixed.reshape(len(reference), ends, len(scales), -1))


def _weights(
    size: NDArray[np.int64], density: Floats, slots: NDArray[np.bool_], scales: tuple[int, ...], ends: int
) -> Floats:
    """Rows of merged windows by season slot: shape ``(n, E, S, slots)``.

    Added up in the order of time, so that the bits do not depend on how many streams are mixed at once.

    Args:
        size: reference rows by slot, shape ``(n, slots)``.
        density: rows of a window for each reference row in its slots, shape ``(n, T)``.
        slots: the slots that each window covers, shape ``(T, slots)``.
        scales: ``S`` numbers of windows.
        ends: ``E``.
    """
    weights = np.zeros((size.shape[0], ends, len(scales), size.shape[1]))
    rows = np.zeros((size.shape[0], ends, size.shape[1]))
    last = np.arange(slots.shape[0] - ends, slots.shape[0])
    for back in range(max(scales)):
        within = last >= back
        at = last[within] - back
        rows[:, within] += np.where(slots[at], density[:, at, None] * size[:, None, :], 0.0)
        for place in (place for place, scale in enumerate(scales) if scale == back + 1):
            weights[:, :, place] = rows
    return weights
