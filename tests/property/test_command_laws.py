"""The law of a run's command: whatever was asked, the command line reads the same off the command that says it."""

import json
import shlex
import string

import typer
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import ValidationError

from flows.command_line.command import command_of
from flows.command_line.verb import verb_of
from flows.parameters import BacktestParameters
from flows.strategy_text import read_strategy, read_values, write_exactly, write_strategy, write_value
from flows.sweep import SweepParameters
from tasks.variants.strategy_class import check_parameters

LEFT_TO_WHO_RUNS_IT = {"workers", "market_seconds", "worker_megabytes"}

texts = (
    st.text(max_size=12)
    | st.text(string.punctuation + "a1 ", max_size=8)
    | st.sampled_from(["null", "none", "None", "true", "5", "1.0", "=5"])
)
finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | finite | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
moments = st.datetimes(timezones=st.none() | st.timezones())
days = st.dates()


def some_of(fields):
    return st.fixed_dictionaries({}, optional=fields)


OURS = {
    "back_favourite": some_of({"stake": st.floats(0.01, 1e6) | st.integers(1, 9) | st.sampled_from(["2", "2.50"])}),
    "rated_price": some_of(
        {
            "staking": st.sampled_from(["flat", "proportional"]),
            "max_stake": st.none() | st.floats(1, 100),
            "venues": texts | st.lists(texts, max_size=3),
            "countries": st.lists(st.sampled_from(["AU", "nz"]), max_size=3),
        }
    ),
}
OWN = {
    "told_strategies:ByArguments": some_of(
        {
            "text": texts,
            "number": finite | st.integers() | st.booleans() | st.sampled_from(["7.5", "1e3"]),
            "count": st.integers() | st.booleans(),
            "is_on": st.booleans() | st.sampled_from(["True", "off", 1]),
            "day": days | days.map(str),
            "at": st.times() | st.times().map(str),
            "moment": st.none() | moments | moments.map(str),
            "names": st.lists(texts, max_size=3),
            "levels": st.lists(finite, max_size=3),
            "anything": values | days,
            "context.x": values,
            "context.a:b=c, d": scalars,
            "max_trade_count": st.integers(1, 9),
        }
    ),
    "told_strategies:ByModel": some_of(
        {
            "text": texts,
            "label": st.none() | texts,
            "number": st.none() | finite | st.booleans(),
            "is_on": st.booleans(),
            "either": st.integers() | texts,
            "moment": st.none() | moments | moments.map(str),
            "side": st.sampled_from(["BACK", "LAY"]),
            "names": st.lists(texts, max_size=3),
            "table": st.dictionaries(texts, finite, max_size=3),
            "anything": values,
        }
    ),
}


def choices(known):
    made = [st.fixed_dictionaries({"strategy": st.just(name), "parameters": told}) for name, told in known.items()]
    return st.lists(st.one_of(made), max_size=2)


addresses = st.text(min_size=1, max_size=12).filter(lambda text: "@" not in text)
lists_of_texts = st.lists(texts, max_size=3)
FILTERS = {
    # The only type that the command line has another meaning for.
    "market_types": lists_of_texts.filter(lambda types: types != ["ALL"]),
    "market_ids": lists_of_texts,
    "countries": lists_of_texts,
    "venues": lists_of_texts,
    "date_from": st.none() | days,
    "date_to": st.none() | days,
}
FIELDS = {
    "ratings": st.none() | addresses | st.sampled_from(["iggy", "none", ""]),
    "markets": some_of(FILTERS),
    "split": st.none() | st.just("month") | days.map(str),
    "window": st.sampled_from(["80s", "-80s..", "-80s..300s", "preoff", "all"]),
    "commission": st.none() | st.floats(0, 1, exclude_max=True),
    "discount_rate": st.floats(0, 100) | st.integers(0, 100),
    "engine": st.sampled_from(["lean", "flumine"]),
    "currency": st.sampled_from(["GBP", "AUD"]),
    "lake": addresses,
    "workers": st.integers(1, 9),
    "chunk_bytes": st.integers(1),
    "market_seconds": st.floats(1, 1e9),
}
asked_of_all = st.fixed_dictionaries({"archives": st.lists(addresses, min_size=1, max_size=3)}, optional=FIELDS)


class Unchecked(BacktestParameters):
    """A backtest of archives that are not there."""

    def check(self):
        pass


class UncheckedSweep(SweepParameters):
    """A sweep of archives that are not there."""

    def check(self):
        pass


def command_line(model):
    asked = []
    app = typer.Typer(add_completion=False)
    app.command()(verb_of(model, asked.append, lambda *_: None))

    def read(words):
        app(words, standalone_mode=False)
        return asked.pop()

    return read


read_run, read_sweep = command_line(Unchecked), command_line(UncheckedSweep)


def meaning(parameters):
    strategies = {"strategies", "own_strategies"}
    told = [
        (choice.strategy, json.dumps(check_parameters(choice.strategy, choice.parameters), sort_keys=True))
        for kind in sorted(strategies)
        for choice in getattr(parameters, kind)
    ]
    return told, parameters.model_dump(exclude=strategies | LEFT_TO_WHO_RUNS_IT)


@given(asked_of_all, choices(OURS), choices(OWN))
def test_the_command_of_a_run_asks_the_same(asked, ours, own):
    try:
        parameters = Unchecked(**asked, **({"strategies": ours, "own_strategies": own} if ours or own else {}))
    except ValidationError:
        reject()  # a text that reads like a number no JSON has
    program, verb, *words = shlex.split(command_of(parameters))
    assert (program, verb) == ("backtest", "run")
    assert meaning(read_run(words)) == meaning(parameters)


@given(st.dictionaries(st.text(min_size=1), values, max_size=4))
def test_any_parameters_are_read_as_they_were_written(parameters):
    written = write_strategy("mine:Mine", {key: write_value(value) for key, value in parameters.items()})
    assert repr(read_strategy(written)) == repr(("mine:Mine", parameters))


@given(st.lists(values, min_size=1, max_size=4))
def test_any_values_of_a_sweep_are_read_as_they_were_written(listed):
    assert repr(read_values("x", ",".join(map(write_value, listed)))) == repr(listed)


@given(st.lists(values.filter(lambda value: value != ""), min_size=1, max_size=4))
def test_a_sweep_combines_the_values_that_its_words_say(listed):
    words = ["month.tar", "--strategy", "told_strategies:ByArguments", "--set"]
    try:
        swept = read_sweep([*words, f"context.x={','.join(map(write_value, listed))}"])
    except ValueError:
        reject()
    told = [choice.parameters["context.x"] for choice in swept.expanded.own_strategies]
    assert list(map(repr, told)) == list(dict.fromkeys(map(repr, listed)))


@given(values)
def test_what_a_sweep_holds_fixed_is_what_its_strategy_was_told(value):
    told = f"told_strategies:ByArguments:context.x={write_exactly(value)}"
    swept = read_sweep(["month.tar", "--strategy", told, "--set", "max_trade_count=1"])
    [choice] = swept.expanded.own_strategies
    assert repr(check_parameters(choice.strategy, choice.parameters)["context.x"]) == repr(value)
