"""A variant in a session that a person watches: what its strategy raises is raised, not noted."""

from bdb import BdbQuit

from tasks.simulation import blame
from tasks.simulation.blame import Place
from tasks.simulation.session_replay import Entry


class OpenEntry(Entry):
    """A variant in a session, whose strategy's exceptions end the replay with their own traceback."""

    def fail(self, error: BaseException, place: Place, *, is_its_own: bool = False) -> None:
        """Raise what the strategy raised, and what ends a process or a debugger; note what is flumine's.

        Raises:
            BaseException: The strategy's own exception.
            ReplayError: The process lacks memory or another resource.
        """
        ends = not isinstance(error, Exception) or isinstance(error, BdbQuit)
        if ends or is_its_own or blame.is_strategys(error):
            raise error
        super().fail(error, place)
