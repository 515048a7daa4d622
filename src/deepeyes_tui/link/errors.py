"""What can go wrong between the processes. Each message is one sentence for the user."""

from __future__ import annotations


class LinkError(Exception):
    """Base of all errors of this package."""


class BoardError(LinkError):
    """A file is no board that this version can read."""


class RingError(LinkError):
    """A file is no ring of instances that this version can read."""


class MessageError(LinkError):
    """A line is no message."""


class ControlError(LinkError):
    """A command could not be sent, or nobody answered."""


class NobodyListensError(ControlError):
    """A command could not be sent: there is no control socket, or nobody at its other end."""


class RunError(LinkError):
    """A run's folder cannot be made, found or used."""


class LaunchError(LinkError):
    """A script cannot be started."""


class SettingsError(LinkError):
    """A setting has a value that means nothing."""
