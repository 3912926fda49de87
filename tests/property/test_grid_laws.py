"""Laws of a grid: every combination is there, none is there twice."""

from math import prod

from hypothesis import given
from hypothesis import strategies as st

from tasks.variants.grid import combine

names = st.text("abcdef_", min_size=1, max_size=5)
values = st.text("0123456789.-", max_size=3)
grids = st.dictionaries(names, st.lists(values, min_size=1, max_size=5), max_size=4)


@given(grids)
def test_there_are_as_many_as_the_product_of_the_values(grid):
    assert len(combine(grid)) == prod(len(set(values)) for values in grid.values())


@given(grids)
def test_each_is_there_once(grid):
    made = [tuple(combination.items()) for combination in combine(grid)]
    assert len(set(made)) == len(made)


@given(grids)
def test_each_says_every_parameter_in_the_order_given(grid):
    for combination in combine(grid):
        assert list(combination) == list(grid)
        assert all(value in grid[name] for name, value in combination.items())


@given(grids, names, values)
def test_a_parameter_with_one_value_is_the_same_throughout(grid, name, value):
    fixed = {**grid, name: [value]}
    assert [combination[name] for combination in combine(fixed)] == [value] * len(combine(fixed))


@given(grids)
def test_a_value_that_is_given_again_changes_nothing(grid):
    assert combine({name: [*values, *values] for name, values in grid.items()}) == combine(grid)


@given(grids, names, st.lists(values, min_size=1, max_size=5, unique=True))
def test_another_parameter_is_combined_with_all_there_is(grid, name, values):
    without = {other: given for other, given in grid.items() if other != name}
    expected = [{**combination, name: value} for combination in combine(without) for value in values]
    assert combine({**without, name: values}) == expected


def test_no_parameter_leaves_the_one_combination_of_none():
    assert combine({}) == [{}]
