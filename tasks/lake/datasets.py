"""Every dataset of the lake: columns with types, units and meaning, keys and partitions.

The store validates against these on reading and writing.
"""

import pyarrow as pa

from tasks.lake.dataset import (
    AsAsked,
    ByArchive,
    ByChunk,
    ByModelAndDate,
    ByMonth,
    ByRun,
    BySource,
    Column,
    Dataset,
    OfMessages,
    OfTypes,
    OfWindows,
    Whole,
)

TIME = pa.timestamp("ms", tz="UTC")

_MARKET_ID = Column("market_id", pa.string(), "`1.` and nine digits")
_SELECTION_ID = Column("selection_id", pa.int64(), "the runner's id, the same in every market it is in")
_HANDICAP = Column("handicap", pa.float64(), "0 except in handicap markets")

_CHUNK = r"chunk-\d{4,}"
_DIGEST = "[0-9a-f]{16}"

ARCHIVES = Whole(
    name="archives",
    keys=(),
    row="a member of an archive; one file per address, as last read",
    files=_DIGEST,
    columns=(
        Column("member", pa.string(), "its path within the archive"),
        Column("bytes", pa.int64(), "its size as stored"),
        Column("offset", pa.int64(), "byte offset in a tar; index in a zip; otherwise 0"),
        Column("digest", pa.string(), "of its bytes as stored"),
        Column("market_type", pa.string(), "of a market file's first definition; empty if not known"),
    ),
)

MANIFESTS = OfTypes(
    name="manifests",
    keys=(),
    row="a market in an archive's member, why it was left out, or a member that is not extracted: with neither market "
    "nor reason; one file per archive and set of market types that are completely extracted",
    files=rf"{_DIGEST}(?:-[A-Z0-9_+]+)?",
    columns=(
        Column("member", pa.string(), "its path within the archive"),
        Column("bytes", pa.int64(), "the member's size as stored; null if the entry was not read", nullable=True),
        Column("digest", pa.string(), "of the member's bytes as stored; null if the entry was not read", nullable=True),
        Column("chunk", pa.int32(), "the chunk that it was extracted in; 0 if it was not extracted"),
        Column("market_type", pa.string(), "of its chunk, or of the member; null if not known", nullable=True),
        Column("market_id", pa.string(), "the market; null if it was left out or is not extracted", nullable=True),
        Column("reason", pa.string(), "why it was left out; null if it was not", nullable=True),
    ),
)

CATALOGUE_MARKETS = ByChunk(
    name="catalogue/markets",
    keys=("market_id",),
    row="a market, as its last definition describes it",
    files=_CHUNK,
    columns=(
        _MARKET_ID,
        Column("event_id", pa.string(), "the meeting or match"),
        Column("event_name", pa.string(), "as the exchange names it", nullable=True),
        Column("event_type_id", pa.string(), "the sport: 4339 greyhounds, 7 horses, 1 football"),
        Column("venue", pa.string(), "the track", nullable=True),
        Column("country_code", pa.string(), "ISO 3166-1 alpha-2", nullable=True),
        Column("market_type", pa.string(), "WIN, PLACE, MATCH_BET, …", nullable=True),
        Column("market_name", pa.string(), "as the exchange names it: `R3 452m Gr5`", nullable=True),
        Column("race_number", pa.int16(), "parsed from the name", nullable=True),
        Column("race_distance", pa.int32(), "metres, parsed from the name", nullable=True),
        Column("race_grade", pa.string(), "what follows the distance in the name", nullable=True),
        Column("market_time", TIME, "the scheduled off, as last announced"),
        Column("announced", pa.list_(TIME), "every announced scheduled off, in order of announcement"),
        Column("market_date", pa.date32(), "the day of the scheduled off, in the track's time zone: the ratings' day"),
        Column(
            "off_time",
            TIME,
            "when betting before the off ended: in-play or the last suspension",
            nullable=True,
        ),
        Column("settled_time", TIME, "settlement by the exchange; the last message if it gives none"),
        Column("market_base_rate", pa.float64(), "commission before discounts, per cent"),
        Column("discount_allowed", pa.bool_(), "whether an account's discount reduces the base rate"),
        Column("betting_type", pa.string(), "ODDS, LINE, ASIAN_HANDICAP_…", nullable=True),
        Column("each_way_divisor", pa.float64(), "of the odds, for the place part of EACH_WAY bets", nullable=True),
        Column("amended", pa.bool_(), "whether it was closed again with another result"),
        Column(
            "late_withdrawal", pa.bool_(), "whether a withdrawal that reduces prices was announced in-play or later"
        ),
        Column(
            "late_small_withdrawal",
            pa.bool_(),
            "whether a withdrawal with a factor too small to reduce prices was announced in-play or later",
        ),
        Column(
            "withdrawal_corrected",
            pa.bool_(),
            "whether a runner withdrawn before the off came back, or was announced with two adjustment factors",
        ),
        Column("bsp_market", pa.bool_(), "whether the market has a starting price"),
        Column("number_of_winners", pa.int16(), "1 in WIN markets"),
        Column("runners", pa.int16(), "all runners, removed ones included"),
        Column("total_matched", pa.float64(), "maximum of the market's own `tv`, GBP", nullable=True),
        Column("messages", pa.int64(), "stream messages"),
        Column("bytes", pa.int64(), "their length, bytes of JSON"),
        Column("digest", pa.string(), "of the messages: identifies the market's content in any archive"),
        Column("member", pa.string(), "the archive's member it was read from"),
        Column("chunk", pa.int32(), "the chunk of `markets` with its messages"),
    ),
)

CATALOGUE_RUNNERS = ByChunk(
    name="catalogue/runners",
    keys=("market_id", "selection_id", "handicap"),
    row="a runner of a market, as the last definition describes it",
    files=_CHUNK,
    columns=(
        _MARKET_ID,
        _SELECTION_ID,
        _HANDICAP,
        Column("name", pa.string(), "without the number in front", nullable=True),
        Column("number", pa.int16(), "box or cloth, from the name", nullable=True),
        Column("sort_priority", pa.int32(), "the exchange's order of display", nullable=True),
        Column("status", pa.string(), "WINNER, LOSER, PLACED, REMOVED"),
        Column("bsp", pa.float64(), "Betfair starting price, decimal odds", nullable=True),
        Column("adjustment_factor", pa.float64(), "per cent, of horses", nullable=True),
        Column(
            "withdrawn_at",
            TIME,
            "when its withdrawal with an adjustment factor was announced first; null if it never was",
            nullable=True,
        ),
        Column("traded", pa.float64(), "volume traded before settlement, GBP, both sides", nullable=True),
    ),
)

MARKETS = OfMessages(
    name="markets",
    keys=(),
    row="a stream message; one row group per market, in the stream's order",
    columns=(
        _MARKET_ID,
        Column("publish_time", pa.int64(), "the exchange's `pt`, milliseconds since 1970 UTC"),
        Column("message", pa.string(), "the raw JSON, byte for byte", repeats=False),
    ),
)

WINDOWS = OfWindows(
    name="windows",
    keys=(),
    row="a message that a replay of the window needs: as in `markets`, with those outside the window compressed",
    columns=MARKETS.columns,
)

RATINGS = ByModelAndDate(
    name="ratings",
    keys=(),  # the stage has rejected duplicates, and to look for them again takes gigabytes for a large file
    row="a rated runner; each runner of a market once",
    columns=(
        _MARKET_ID,
        _SELECTION_ID,
        Column("rating", pa.float64(), "the model's price, decimal odds", repeats=False),
        Column("name", pa.string(), "the runner's name as the model has it", nullable=True),
        Column("source", pa.string(), "the service's address or the file's name"),
        Column("fetched_at", TIME, "when it was read"),
    ),
)

ORDERS = ByMonth(
    name="orders",
    keys=("strategy_name", "bet_id"),
    row="an order that reached the simulated exchange, in a settled market; one row group per variant",
    files=_DIGEST,
    columns=(
        Column("bet_id", pa.string(), "market id and the order's number in it"),
        Column("strategy_name", pa.string(), "the variant"),
        _MARKET_ID,
        _SELECTION_ID,
        Column("trade_id", pa.string(), "market id and the trade's number in it"),
        Column("date_time_placed", TIME, "simulated time; null if the exchange never answered", nullable=True),
        Column("price", pa.float64(), "asked for, decimal odds; none at starting price", nullable=True),
        Column("price_matched", pa.float64(), "average matched, decimal odds; 0 when unmatched"),
        Column("size", pa.float64(), "asked for; the liability of an order at starting price"),
        Column("size_matched", pa.float64(), "matched stake"),
        Column(
            "value_matched", pa.float64(), "sum over its matches of size × price, each price rounded to two decimals"
        ),
        Column(
            "size_cancelled", pa.float64(), "cancelled unmatched: by the strategy, or as the rest of a fill-or-kill"
        ),
        Column("size_lapsed", pa.float64(), "lapsed unmatched: in a suspension, at in-play, or at a better price"),
        Column("size_voided", pa.float64(), "voided: the runner was removed, or the market accepts no such order"),
        Column("profit", pa.float64(), "flumine's `order.profit`, before commission"),
        Column("side", pa.string(), "BACK or LAY"),
        Column("order_type", pa.string(), "LIMIT, LIMIT_ON_CLOSE or MARKET_ON_CLOSE"),
        Column("elapsed_seconds_executable", pa.float64(), "seconds from placed to complete", nullable=True),
        Column("order_status", pa.string(), "flumine's, at settlement"),
        Column("market_note", pa.string(), "best back, best lay, last price traded when placed", nullable=True),
        Column("trade_notes", pa.string(), "the strategy's own", nullable=True),
        Column("order_notes", pa.string(), "the strategy's own", nullable=True),
        _HANDICAP,
        Column("customer_order_ref", pa.string(), "the variant's hash and the order's number"),
        Column("customer_strategy_ref", pa.string(), "the variant's name, truncated to the exchange's limit"),
        Column("bsp", pa.float64(), "the runner's starting price, decimal odds", nullable=True),
        Column("runner_status", pa.string(), "WINNER, LOSER, PLACED, REMOVED", nullable=True),
        Column("matched_at", TIME, "the last match", nullable=True),
        Column("window", pa.string(), "the part of the market that was replayed"),
    ),
)

_TURNOVER = Column("turnover", pa.float64(), "matched stake of the bets; both stakes of EACH_WAY bets")
_LIABILITY = Column("liability", pa.float64(), "the most the bets could lose: stakes of backs, liabilities of lays")

RESULTS_MARKETS = ByRun(
    name="results/markets",
    keys=("strategy", "market_id"),
    row="a market in which a variant placed orders, in order of settlement",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        Column("archive", pa.string(), "the market's archive"),
        _MARKET_ID,
        Column("settled_time", TIME, "settlement"),
        Column("market_date", pa.date32(), "the racing day: that of the scheduled off, in the track's time zone"),
        Column("venue", pa.string(), "the track", nullable=True),
        Column("country_code", pa.string(), "ISO 3166-1 alpha-2", nullable=True),
        Column("market_type", pa.string(), "WIN, PLACE, …", nullable=True),
        Column("orders", pa.int32(), "orders placed"),
        Column("bets", pa.int32(), "orders matched, on runners that ran"),
        Column("void_bets", pa.int32(), "orders matched, on runners that were removed"),
        _TURNOVER,
        _LIABILITY,
        Column("gross", pa.float64(), "profit before commission, by the last definition"),
        Column("base_rate", pa.float64(), "the commission rate taken, as a fraction"),
        Column("commission", pa.float64(), "max(gross, 0) × base_rate, rounded half up to the cent"),
        Column("net", pa.float64(), "gross − commission"),
        Column("cumulative_gross", pa.float64(), "of the variant, up to and including this market"),
        Column("cumulative_net", pa.float64(), "of the variant, up to and including this market"),
    ),
)

_SUMMED = (
    Column("orders", pa.int64(), "orders placed"),
    Column("markets", pa.int64(), "markets with a bet"),
    Column("bets", pa.int64(), "orders matched, on runners that ran"),
    Column("void_bets", pa.int64(), "orders matched, on runners that were removed"),
    _TURNOVER,
    _LIABILITY,
    Column("gross", pa.float64(), "profit before commission"),
    Column("commission", pa.float64(), "sum over markets"),
    Column("net", pa.float64(), "gross − commission"),
    Column("roi", pa.float64(), "net / turnover; none without turnover", nullable=True),
    Column("roi_on_liability", pa.float64(), "net / liability; none without liability", nullable=True),
)

RESULTS_DAYS = ByRun(
    name="results/days",
    keys=("strategy", "date"),
    row="a variant on a racing day",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        Column("date", pa.date32(), "the day of the scheduled off, in the track's time zone"),
        *_SUMMED,
    ),
)

RESULTS_SUMMARY = ByRun(
    name="results/summary",
    keys=("strategy",),
    row="a variant",
    columns=(
        Column("strategy", pa.string(), "the variant: its strategy's name and its fingerprint"),
        Column("name", pa.string(), "the strategy's name"),
        Column("parameters", pa.string(), "JSON"),
        Column("replayed", pa.int64(), "markets it was replayed on; the run's other markets are its rejects"),
        Column(
            "refused",
            pa.int64(),
            "times that a control refused to place an order, outside of its rejects; not counted in `orders`",
        ),
        *_SUMMED,
        Column(
            "unmatched",
            pa.int64(),
            "of `orders`, those with nothing matched at the end, including those that flumine voids on a withdrawal",
        ),
        Column("cancelled", pa.int64(), "of `orders`, those with a size_cancelled above 0, matched in part or not"),
        Column("lapsed", pa.int64(), "of `orders`, those with a size_lapsed above 0, matched in part or not"),
        Column("no_bets", pa.string(), "why there is no bet, in words; null if there is one", nullable=True),
    ),
)

RESULTS_REFUSED = ByRun(
    name="results/refused",
    keys=("strategy", "action", "control", "reason"),
    row="one kind of refusal by flumine of a variant's requests, outside of its rejects, the most frequent first",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        Column("action", pa.string(), "the request: place, cancel, update, replace"),
        Column(
            "control", pa.string(), "the `NAME` of flumine's control; empty if the control raised its own exception"
        ),
        Column("reason", pa.string(), "its message without numbers: the same for all of the kind"),
        Column("times", pa.int64(), "how often"),
        Column("markets", pa.int64(), "in how many markets"),
        Column("market_id", pa.string(), "of the first example, as are the following columns"),
        Column("selection_id", pa.int64(), "the runner", nullable=True),
        Column("side", pa.string(), "BACK or LAY"),
        Column("price", pa.float64(), "asked for, decimal odds; none at starting price", nullable=True),
        Column("size", pa.float64(), "asked for; the liability of an order at starting price", nullable=True),
        Column("text", pa.string(), "flumine's message, with its numbers"),
    ),
)

RESULTS_STATISTICS = ByRun(
    name="results/statistics",
    keys=("strategy",),
    row="a variant: statistics of its bets, and what may be concluded",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        Column("variants", pa.int64(), "variants of the run, itself included"),
        Column("races", pa.int64(), "races replayed; the bootstrap resamples them"),
        Column("bets", pa.int64(), "orders matched, on runners that ran"),
        Column("net", pa.float64(), "after commission"),
        Column("roi", pa.float64(), "net / turnover; none without turnover", nullable=True),
        Column("strike_rate", pa.float64(), "bets with a profit / bets", nullable=True),
        Column("average_odds", pa.float64(), "price matched, weighted by turnover, decimal odds", nullable=True),
        Column(
            "drawdown", pa.float64(), "deepest fall of the cumulative net from an earlier peak, as a positive number"
        ),
        Column("drawdown_days", pa.float64(), "from that peak to recovery, or to the end, days"),
        Column("losing_run", pa.int64(), "most consecutive losing bets, in order of settlement"),
        Column(
            "bsp_bets", pa.int64(), "bets on runners with a starting price, on which the next three columns are based"
        ),
        Column("clv", pa.float64(), "price matched over BSP, a fraction of turnover, inverted for lays", nullable=True),
        Column("clv_error", pa.float64(), "standard error of clv, clustered by race", nullable=True),
        Column("bsp_gross", pa.float64(), "expected profit if 1 / BSP were the chance, no commission", nullable=True),
        Column("net_low", pa.float64(), "of the 95 % interval; none with too few races won or lost", nullable=True),
        Column("net_high", pa.float64(), "of the 95 % interval", nullable=True),
        Column("roi_low", pa.float64(), "of the 95 % interval", nullable=True),
        Column("roi_high", pa.float64(), "of the 95 % interval", nullable=True),
        Column("net_noise", pa.float64(), "Monte Carlo standard error of net_low and net_high", nullable=True),
        Column("roi_noise", pa.float64(), "Monte Carlo standard error of roi_low and roi_high", nullable=True),
        Column("p", pa.float64(), "one-sided p-value of an expected net of 0 or less, alone", nullable=True),
        Column("p_corrected", pa.float64(), "the same for all variants at once, by Romano–Wolf", nullable=True),
        Column("q", pa.float64(), "the same as false discovery rate, by Benjamini–Hochberg", nullable=True),
        Column("winner", pa.bool_(), "net_low > 0 and p_corrected ≤ 5 %"),
        Column("more_bets", pa.int64(), "bets until the present ROI is significant; 0 if it is", nullable=True),
    ),
)

RESULTS_ACCOUNT_MARKETS = ByRun(
    name="results/account_markets",
    keys=("strategy", "market_id"),
    row="a market in which any variant placed orders, with all their orders; only in runs with `--together`",
    columns=RESULTS_MARKETS.columns,
)

_IN_ACCOUNT = {"strategy", "variants", *(column.name for column in _SUMMED)}

RESULTS_ACCOUNT = ByRun(
    name="results/account",
    keys=("strategy",),
    row="the one account that all variants bet on; only in runs with `--together`",
    columns=(
        Column("strategy", pa.string(), "`account`"),
        Column("variants", pa.int64(), "variants whose bets are on it"),
        Column("replayed", pa.int64(), "markets that all of them were replayed on; its sums exclude others"),
        *_SUMMED,
        *(column for column in RESULTS_STATISTICS.columns if column.name not in _IN_ACCOUNT),
    ),
)

RESULTS_SPLIT = ByRun(
    name="results/split",
    keys=("begins", "part", "strategy"),
    row="a variant on one side of a day; only in runs with a split",
    columns=(
        Column("begins", pa.date32(), "the second part's first day, in the track's time zone"),
        Column("part", pa.string(), "first; second; together: the chosen variants, on the second parts of all folds"),
        Column("rank", pa.int64(), "by net on the first part, from 1; number 1 was chosen"),
        *RESULTS_STATISTICS.columns,
    ),
)

RESULTS_DIFFERENCES = ByRun(
    name="results/differences",
    keys=("strategy", "market_id", "rule"),
    row="a market in which a variant's bets settle differently than in flumine, by the rule that flumine lacks",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        _MARKET_ID,
        Column("rule", pa.string(), "the rule that flumine lacks"),
        Column("bets", pa.int64(), "bets that settle differently"),
        Column("flumine", pa.float64(), "the sum of their `order.profit`"),
        Column("settled", pa.float64(), "their profit by the last definition"),
    ),
)

REJECTS = BySource(
    name="rejects",
    keys=(),
    row="a file, row or market that was left out",
    files=rf"{_CHUNK}|entries|all|\d{{4}}-\d\d-\d\d|unmatched-{_DIGEST}|.+-[0-9a-f]{{8}}",
    columns=(
        Column("what", pa.string(), "a member's path, a market id, a row's number"),
        Column("reason", pa.string(), "the kind of problem, always in the same words"),
        Column("detail", pa.string(), "the particulars"),
    ),
)

ARRIVALS = ByArchive(
    name="arrivals",
    keys=("address",),
    row="the archive as it was last announced, so that it is announced once",
    columns=(
        Column("address", pa.string(), "where it arrived"),
        Column("bytes", pa.int64(), "its size"),
        Column("modified", TIME, "when it was last written to"),
        Column("announced_at", TIME, "when the event was emitted"),
        Column("parameters", pa.string(), "of the requested backtest, JSON"),
    ),
)

RUNS = AsAsked(
    name="runs",
    keys=("asked",),
    row="the last request of the run",
    files=r"\d{12}",
    columns=(
        Column("asked", pa.int64(), "the number of the request in this lake, from 1"),
        Column("state", pa.string(), "asked; done once its results and its page are written"),
        Column("asked_at", TIME, "when it was requested"),
        Column("asked_by", pa.string(), "the deployment, or the program"),
        Column("done_at", TIME, "when it was done", nullable=True),
        Column("command", pa.string(), "the command line that repeats it"),
        Column("parameters", pa.string(), "all parameters, JSON"),
        Column("session", pa.string(), "the markets that one instance of a strategy is replayed on"),
        Column("settings", pa.string(), "of flumine's simulation, JSON"),
        Column("archives", pa.string(), "name, digest of the content and address of each, JSON"),
        Column("ratings", pa.string(), "name, content and days, JSON; null without"),
        Column("rejects", pa.string(), "the files of its rejects: stage, source, files; JSON"),
        Column("versions", pa.string(), "of this project, flumine, betfairlightweight and Python, JSON"),
        Column("results", pa.string(), "digest of the results", nullable=True),
        Column("verdict", pa.string(), "what may be concluded, in a sentence", nullable=True),
    ),
)

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        ARCHIVES,
        MANIFESTS,
        CATALOGUE_MARKETS,
        CATALOGUE_RUNNERS,
        MARKETS,
        WINDOWS,
        RATINGS,
        ORDERS,
        RESULTS_MARKETS,
        RESULTS_DAYS,
        RESULTS_SUMMARY,
        RESULTS_REFUSED,
        RESULTS_STATISTICS,
        RESULTS_SPLIT,
        RESULTS_ACCOUNT_MARKETS,
        RESULTS_ACCOUNT,
        RESULTS_DIFFERENCES,
        REJECTS,
        ARRIVALS,
        RUNS,
    )
}
