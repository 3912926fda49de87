"""A made-up month of greyhound racing: markets in the exchange's Pro format, and the ratings to match.

For trying the pipeline, and testing it, where no bought history is at hand. Everything follows from a seed.
Belongs here: what the exchange and a ratings service would have sent. What is done with it does not: nothing
here imports the pipeline.

    chance.py          seeds
    tracks.py          where races are run
    names.py           what greyhounds are called
    races.py           who runs where and when, how likely each is to win, who won
    ticks.py           the prices that the exchange knows
    belief.py          what the market thinks those chances are, as the off draws near
    ladder.py          the prices and sizes that follow from it, for one runner
    starting_price.py  the starting price bets of one runner
    definition.py      the market definition
    market.py          what can happen to a market, each with the messages that say so
    messages.py        what does happen and when: the exchange's stream of one market
    ratings.py         the ratings service's daily files
    archive.py         the month on disk, as the exchange ships it
    atomic.py          files that appear whole
    server.py          the ratings service, on this machine
"""
