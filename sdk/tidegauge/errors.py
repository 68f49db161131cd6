"""Errors that a user can meet.

::

    TidegaugeError
    ├── ConfigurationError       a setting, option or configuration file is wrong
    ├── BaselineError            a baseline cannot be fitted, read or used
    ├── DataError                a file of rows cannot be read, or does not fit its baseline
    ├── ReceiptError             a receipt is tampered with, truncated or foreign
    ├── CaptureError             features or output of a call cannot be understood
    ├── SummaryError             two summaries cannot be merged
    ├── WireError                OTLP data cannot be decoded
    └── StorageError             the processor's state cannot be opened or written

Nothing of this reaches the caller of a decorated function: what goes wrong inside a call is counted, logged once
and swallowed. These errors are for the moments in which a user does something on purpose: decorate, configure, fit
or load a baseline, record an outcome, start the processor. Each message says what is wrong and how to mend it.
"""


class TidegaugeError(Exception):
    """Base of all errors of this package."""


class ConfigurationError(TidegaugeError):
    """A setting, an option of a decorator or a configuration file is wrong."""


class BaselineError(TidegaugeError):
    """A baseline cannot be fitted, read or used."""


class DataError(TidegaugeError):
    """A file of rows cannot be read, or does not fit the baseline that it is held against."""


class ReceiptError(TidegaugeError):
    """A prediction receipt is tampered with, truncated or foreign."""


class CaptureError(TidegaugeError):
    """The features or the output of a call cannot be understood."""


class SummaryError(TidegaugeError):
    """Two summaries do not stand on the same bins and cannot be merged."""


class WireError(TidegaugeError):
    """OTLP data is not what its name promises."""


class StorageError(TidegaugeError):
    """The processor's state cannot be opened or written."""
