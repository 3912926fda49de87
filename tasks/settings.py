"""Settings of a machine rather than a run, read from the environment (`BACKTEST_…`)."""

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
        lake: Default root of the lake, `BACKTEST_LAKE`.
        ratings_url: Base address of the ratings services, `BACKTEST_RATINGS_URL`.
        executor: Default of where jobs are done, `BACKTEST_EXECUTOR`.
        own_strategies: Whether users' own strategies may be imported, `BACKTEST_OWN_STRATEGIES`; `backtest serve`
            turns it off for its runs by default.
    """

    model_config = SettingsConfigDict(env_prefix="BACKTEST_")

    lake: Annotated[str, AfterValidator(_lake)] = "data_lake"
    ratings_url: str = DEFAULT_BASE_URL
    executor: str = "local"
    own_strategies: bool = True
