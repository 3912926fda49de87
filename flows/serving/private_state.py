"""Keep Prefect's state private to its user: the folder, its files, and the password of servers on it.

The password is generated once and kept in the folder. Processes that need it receive it in their environment, never in
arguments, which every user of the machine can list.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from tasks.errors import InputError

_WORD = "server.secret"
_SERVED = "served.url"
_LOCK = "serve.lock"
_DATABASE = "prefect.db"

_OWNER_ALONE = 0o700
_OWNER_READS_AND_WRITES = 0o600
_OTHERS = 0o077

# Others hold the lock for a moment to see whether it is held.
_SECONDS_OF_A_LOOK = 2


def keep_private(home: Path) -> str:
    """Create the state's folder if it is missing, and remove others' permissions on it and its files.

    Returns:
        The credentials of servers on this state, as `user:password`.

    Raises:
        InputError: The folder cannot be created or kept private.
    """
    try:
        home.mkdir(_OWNER_ALONE, parents=True, exist_ok=True)
        _tighten(home)
        # SQLite creates the files beside a database with that database's permissions.
        (home / _DATABASE).touch(_OWNER_READS_AND_WRITES)
        for file in (*home.glob("*"), *home.glob("logs/*")):
            with suppress(FileNotFoundError):  # deleted meanwhile by another command
                _tighten(file)
        return _word(home)
    except OSError as error:
        raise InputError(
            f"{home}: cannot keep Prefect's state there private ({error.strerror}); set PREFECT_HOME to a folder of "
            "your own"
        ) from None


def open_private(path: str, flags: int) -> int:
    """Open a file that others cannot read, for `open(…, opener=open_private)`."""
    return os.open(path, flags, _OWNER_READS_AND_WRITES)


def variables_of(word: str) -> dict[str, str]:
    """Return the environment variables with the credentials from `keep_private`, for a server and its clients."""
    return {"PREFECT_API_AUTH_STRING": word, "PREFECT_SERVER_API_AUTH_STRING": word}


@contextmanager
def served_at(home: Path, api: str) -> Iterator[None]:
    """Record, for this user's other commands, which server may receive the state's credentials.

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


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the lock of the one server that may run on a state: a second would treat the first's runs as abandoned.

    Raises:
        InputError: Another process holds it.
    """
    try:
        with FileLock(home / _LOCK, timeout=_SECONDS_OF_A_LOOK, mode=_OWNER_READS_AND_WRITES):
            yield
    except Timeout:
        raise InputError(f"{home} is already served; stop that server, or set PREFECT_HOME to another folder") from None


def served_by(home: Path) -> str | None:
    """Return the API's address of the server that runs on a state now; None without one.

    A server that was killed leaves its note, and another user's process may listen there since. Its lock went with it.
    """
    if not (home / _LOCK).exists():
        return None
    with suppress(Timeout), FileLock(home / _LOCK, timeout=0, mode=_OWNER_READS_AND_WRITES):
        return None
    return _served(home)


def use_private_state() -> None:
    """Keep the state of this process's Prefect private, and set its credentials if its server uses that state.

    Raises:
        InputError: The folder cannot be created or kept private.
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
