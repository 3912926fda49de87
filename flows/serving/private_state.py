"""Prefect's state is its user's alone: the folder, the files in it, and the word without which no server on it answers.

The word is made once and kept in the folder. It goes from there into the environment of what needs it, never into
arguments, which every user of the machine can list.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from tasks.errors import InputError

_WORD = "server.secret"
_SERVED = "served.url"
_DATABASE = "prefect.db"

_OWNER_ALONE = 0o700
_OWNER_READS_AND_WRITES = 0o600
_OTHERS = 0o077


def keep_private(home: Path) -> str:
    """Make the state's folder where it is not there, and let nobody but its user look into it.

    Args:
        home: The folder.

    Returns:
        The word that opens servers on this state, as `user:password`.

    Raises:
        InputError: The folder cannot be made or kept private.
    """
    try:
        home.mkdir(_OWNER_ALONE, parents=True, exist_ok=True)
        _tighten(home)
        # SQLite gives what it puts beside a database that database's permissions.
        (home / _DATABASE).touch(_OWNER_READS_AND_WRITES)
        for file in (*home.glob("*"), *home.glob("logs/*")):
            with suppress(FileNotFoundError):  # another command's, which has ended
                _tighten(file)
        return _word(home)
    except OSError as error:
        raise InputError(
            f"{home}: cannot keep Prefect's state there in private ({error.strerror}); set PREFECT_HOME to a folder of "
            "your own"
        ) from None


def open_private(path: str, flags: int) -> int:
    """Open a file that others cannot read, for `open(…, opener=open_private)`.

    Args:
        path: The file.
        flags: As for `os.open`.

    Returns:
        Its descriptor.
    """
    return os.open(path, flags, _OWNER_READS_AND_WRITES)


def variables_of(word: str) -> dict[str, str]:
    """Say the word to Prefect, to a server and to those who ask it.

    Args:
        word: From `keep_private`.

    Returns:
        Environment variables.
    """
    return {"PREFECT_API_AUTH_STRING": word, "PREFECT_SERVER_API_AUTH_STRING": word}


@contextmanager
def served_at(home: Path, api: str) -> Iterator[None]:
    """Tell this user's other commands which server may be given the state's word.

    Args:
        home: The state's folder.
        api: The address of the server's API.
    """
    note = home / _SERVED
    note.touch(_OWNER_READS_AND_WRITES)
    note.write_text(api)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def use_private_state() -> None:
    """Keep the state of this process's Prefect private, and give it the word where it asks a server on that state.

    Raises:
        InputError: The folder cannot be made or kept private.
    """
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415 - it takes a second
    from prefect.settings import get_current_settings  # noqa: PLC0415

    settings = get_current_settings()
    if settings.api.auth_string is not None:
        return
    if settings.api.url is None or settings.api.url == _served(settings.home):
        os.environ.update(variables_of(keep_private(settings.home)))
        refresh_global_settings_context()


def _tighten(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & _OTHERS:
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def _served(home: Path) -> str | None:
    note = home / _SERVED
    return note.read_text() if note.exists() else None


def _word(home: Path) -> str:
    file = home / _WORD
    with FileLock(f"{file}.lock", mode=_OWNER_READS_AND_WRITES):
        if not (file.exists() and file.read_text()):
            with open(file, "w", encoding="utf-8", opener=open_private) as made:
                made.write(f"backtest:{secrets.token_urlsafe()}")
        return file.read_text()
