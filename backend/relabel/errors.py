"""Every error that the package raises on purpose.

RelabelError
├── ConfigurationError      a setting, policy key or command-line value is wrong
├── LabelConfigError        the project's labelling config is not one that can be cleaned
├── InvalidValuesError      an array that enters the numerics breaks its contract
├── PayloadError            a request to the backend is malformed (answered with 400)
├── BadImageError           one task's image cannot be used; the round goes on without it
│   └── PassingImageError       ... for now: it may be there at the next try
├── NotReadyError           something must happen first (no round yet, too few labels)
├── RoundInProgressError    another worker already runs this project's round
├── RoundCancelledError     somebody cancelled this round while it ran
├── QueueBusyError          another process is changing the project's queue; come back
├── RoundHungError          a round makes no progress any more
├── RoundLostError          a round was given up for dead; whoever still works on it must end
└── LabelStudioError        Label Studio answered with an error or not at all
    ├── LabelStudioDownError    no connection, time-out, or 5xx after all retries
    │   └── UnreachableError        ... for a reason that lasts: certificate, name, proxy
    ├── AccessError             401 or 403: the token is wrong, expired or of the wrong kind
    └── NotFoundError           404: the project, task or annotation is gone

A message names the key, the value and the remedy.
"""


class RelabelError(Exception):
    """Base of all deliberate errors; its text is shown to users as it is."""


class ConfigurationError(RelabelError):
    """A setting, policy key or command-line value is wrong."""


class LabelConfigError(RelabelError):
    """The labelling config is not one image with one single-choice tag."""


class InvalidValuesError(RelabelError, ValueError):
    """An array breaks its contract of shape, range or finiteness."""


class PayloadError(RelabelError):
    """A request body is malformed; the message names the field."""


class BadImageError(RelabelError):
    """One image is missing, too large, not allowed or cannot be decoded."""


class PassingImageError(BadImageError):
    """One image cannot be had now; it is worth another try."""


class NotReadyError(RelabelError):
    """A precondition is not met yet; the message says what to do first."""


class RoundInProgressError(RelabelError):
    """Another process runs a round of the same project."""


class RoundCancelledError(RelabelError):
    """Somebody cancelled the running round; the old queue is untouched."""


class QueueBusyError(RelabelError):
    """Another process or thread is changing the project's queue just now."""


class RoundHungError(RelabelError):
    """A round has waited for something far longer than anything takes."""


class RoundLostError(RelabelError):
    """A round is not in the state that its process believes: that must write nothing more."""


class LabelStudioError(RelabelError):
    """Label Studio answered with an error or not at all; said: its own words, "" = none."""

    def __init__(self, text: str, said: str = "") -> None:
        super().__init__(text)
        self.said = said


class LabelStudioDownError(LabelStudioError):
    """No connection, a time-out, or a 5xx answer after all retries."""


class UnreachableError(LabelStudioDownError):
    """Label Studio cannot be reached, and to ask again at once is of no use."""


class AccessError(LabelStudioError):
    """Label Studio refused the token (401 or 403)."""


class NotFoundError(LabelStudioError):
    """Label Studio does not know the thing asked for (404)."""
