"""The exceptions that users see: each message is one line with the value and the cure."""


class WavegenError(Exception):
    """Something the user can mend; the command line prints it as one line and exits with 2."""


class ConfigError(WavegenError):
    """A setting is unknown, out of range or contradicts another."""


class DataError(WavegenError):
    """A file that was given cannot be used."""


class PluginError(WavegenError):
    """A plugin, or a name that a plugin should offer, is missing, broken or ambiguous."""


class CheckpointError(WavegenError):
    """A checkpoint or a saved session is damaged, incomplete or belongs to something else."""


class TrainingError(WavegenError):
    """Training cannot go on; the message names the last good checkpoint."""


class ProgramError(WavegenError):
    """A program file is damaged, or the native core cannot play it."""


class ProtocolError(WavegenError):
    """A message or a frame is not one of the stream protocol."""


class ServerError(WavegenError):
    """A server refused or broke off what a client asked of it; `code` is the protocol's word."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
