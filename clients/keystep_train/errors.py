"""Everything the worker raises on purpose. Each message says what to do about it.

TrainError
|-- ConfigError   a configuration file that cannot be followed: the field, its value and the mend
|-- DataError     a question or a text that cannot be trained on
`-- ResumeError   a run that cannot be gone on with
"""

from __future__ import annotations


class TrainError(Exception):
    """The root; catch this to catch all of the worker."""


class ConfigError(TrainError):
    """What a configuration file says cannot be done."""


class DataError(TrainError):
    """Data that cannot be trained on."""


class ResumeError(TrainError):
    """A run's folder does not fit what is asked."""
