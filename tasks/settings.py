"""What is set once for a machine rather than for a run, read from the environment (`BACKTEST_…`)."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks.addresses import check_address
from tasks.errors import InputError
from tasks.ratings.services import DEFAULT_BASE_URL


def _lake(address: str) -> str:
    try:
        return check_address(address)
    except InputError as error:
        raise InputError(f"BACKTEST_LAKE: {error}") from None


class Settings(BaseSettings):
    """Settings of a machine.

    Attributes:
        lake: Root of the lake where none is given, `BACKTEST_LAKE`.
        ratings_url: Where the ratings services are, `BACKTEST_RATINGS_URL`.
        own_strategies: Whether strategies may be imported, `BACKTEST_OWN_STRATEGIES`; `backtest serve` says no to its
            runs unless told otherwise.
    """

    model_config = SettingsConfigDict(env_prefix="BACKTEST_")

    lake: Annotated[str, AfterValidator(_lake)] = "data_lake"
    ratings_url: str = DEFAULT_BASE_URL
    own_strategies: bool = True
