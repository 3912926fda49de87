"""Names of greyhounds, all invented."""

from random import Random

_FIRST = (
    "Amber Barley Bracken Brass Cinder Clever Copper Coral Dapper Dusty Ember Fable Fern Flint Gentle Ginger Golden "
    "Hasty Hazel Indigo Ivory Jolly Juniper Linen Lucky Lunar Maple Marble Merry Misty Nimble Noble Olive Opal Paper "
    "Pepper Plucky Quiet Rapid Rusty Sable Saffron Silver Sunny Tawny Thistle Velvet Willow"
)
_LAST = (
    "Anchor Arrow Atlas Badger Banjo Biscuit Bramble Button Comet Cricket Dancer Drifter Echo Falcon Fiddle Gallop "
    "Harbour Heron Jester Kestrel Lantern Ledger Magnet Meadow Mosaic Nutmeg Orbit Otter Parcel Pebble Pilgrim Piper "
    "Pocket Quill Rambler Ribbon Rocket Saddle Scout Shadow Sparrow Tango Thimble Tinker Tumble Voyage Whistle Zephyr"
)


def greyhound_names(rng: Random) -> list[str]:
    """Every name there is, shuffled: enough that a month of sixty races needs none twice."""
    names = [f"{first} {last}" for first in _FIRST.split() for last in _LAST.split()]
    rng.shuffle(names)
    return names
