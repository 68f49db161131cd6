"""`record_outcomes`: a table of outcomes at once, as a nightly job has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tidegauge._feedback import feedback_by_id, feedback_by_receipt
from tidegauge._process import PROCESS
from tidegauge._snapshot import Frame, Rows, snapshot
from tidegauge.columns import as_array, is_missing, key_text
from tidegauge.errors import CaptureError, ConfigurationError, ReceiptError


class RefusedOutcome(NamedTuple):
    """A row that was not recorded.

    Attributes:
        row: its number in the table, from 0.
        reason: what is wrong with it.
    """

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class RecordedOutcomes:
    """What became of a table of outcomes.

    Attributes:
        recorded: rows that were taken.
        refused: the others, in their order, each with its reason.
    """

    recorded: int
    refused: tuple[RefusedOutcome, ...]


def record_outcomes(
    outcomes: Any,
    *,
    receipt: str = "receipt",
    prediction_id: str = "prediction_id",
    actual: str = "actual",
    model: str | None = None,
    version: str | None = None,
) -> RecordedOutcomes:
    """Record the outcomes of many predictions, each as `record_outcome` would.

    A row that cannot be recorded does not keep the others from it. As there, a full queue makes the call wait for room.

    Args:
        outcomes: a pandas or polars data frame, a pyarrow table, columns by name, or a list of dictionaries.
        receipt: column of the receipts.
        prediction_id: column of the application's own keys; used for the rows that have no receipt.
        actual: column of what really happened.
        model: name of the model that the keys belong to.
        version: its version; of all versions that made a prediction with a key when left out.

    Returns:
        How many rows were recorded, and which were refused and why.

    Raises:
        ConfigurationError: a column is missing, or there are keys and no ``model``.
        CaptureError: ``outcomes`` is no table.

    Example:
        >>> import tidegauge
        >>> from tidegauge.testing import capture
        >>> with capture() as seen:
        ...     with tidegauge.prediction("credit-risk", version="7", task="binary") as p:
        ...         p.output([0.8, 0.1])
        ...     found = record_outcomes({"receipt": [*p.receipts, "order-17"], "actual": [1, 0, 1]})
        >>> found.recorded, [(row, reason.partition(":")[0]) for row, reason in found.refused]
        (2, [(2, 'not a receipt')])
    """
    columns = _columns(outcomes)
    if actual not in columns:
        raise ConfigurationError(f"the outcomes have no column {actual!r}: name it by actual=")
    if receipt not in columns and prediction_id not in columns:
        raise ConfigurationError(
            f"the outcomes have neither a column {receipt!r} nor {prediction_id!r}: "
            "name it by receipt= or prediction_id="
        )
    if prediction_id in columns and receipt not in columns and not model:
        raise ConfigurationError("outcomes by prediction id need model=")
    actuals = columns[actual]
    nothing = [None] * len(actuals)
    pipeline = PROCESS.current()
    recorded, refused = 0, []
    rows = zip(columns.get(receipt, nothing), columns.get(prediction_id, nothing), actuals, strict=True)
    for row, (own_receipt, key, value) in enumerate(rows):
        try:
            if not is_missing(own_receipt):
                feedback = feedback_by_receipt(pipeline, own_receipt, value)
            elif not is_missing(key) and model:
                feedback = feedback_by_id(pipeline, key_text(key), model, version, value)
            else:
                raise CaptureError("the row has no receipt" + ("" if not model else " and no prediction id"))
        except (CaptureError, ReceiptError) as error:
            refused.append(RefusedOutcome(row, str(error)))
            continue
        recorded += 1
        if pipeline is not None:
            pipeline.record_feedback(feedback)
    return RecordedOutcomes(recorded, tuple(refused))


def _columns(outcomes: Any) -> dict[str, Sequence[Any]]:
    if isinstance(outcomes, Mapping):
        columns = {str(name): as_array(column).tolist() for name, column in outcomes.items()}
        if len({len(column) for column in columns.values()}) > 1:
            raise CaptureError("the columns of the outcomes have different lengths")
        return columns
    table = snapshot(outcomes)
    if isinstance(table, Frame):
        return {name: column.tolist() for name, column in zip(table.names, table.columns(), strict=True)}
    if isinstance(table, Rows):
        names = dict.fromkeys(name for row in table.data for name in row)
        return {str(name): [row.get(name) for row in table.data] for name in names}
    raise CaptureError("outcomes are a data frame, columns by name or a list of dictionaries")
