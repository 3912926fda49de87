"""Every dataset of the lake: its columns, their types, units and meaning, its keys and partitions.

This is the one place where a column is declared; the store validates against it on the way in and out.
How files are read and written is the store's business, what a stage puts into a column the stage's.
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
    OfWindows,
    Whole,
)

TIME = pa.timestamp("ms", tz="UTC")

_MARKET_ID = Column("market_id", pa.string(), "`1.` and nine digits")
_SELECTION_ID = Column("selection_id", pa.int64(), "the runner's id, the same in every market it is in")
_HANDICAP = Column("handicap", pa.float64(), "0 but in handicap markets")

_CHUNK = r"chunk-\d{4,}"
_DIGEST = "[0-9a-f]{16}"

ARCHIVES = Whole(
    name="archives",
    keys=(),
    row="a member of an archive; a file is an archive as it was last read, wherever it lies",
    files=_DIGEST,
    columns=(
        Column("member", pa.string(), "its path within the archive"),
        Column("bytes", pa.int64(), "its size as stored"),
        Column("offset", pa.int64(), "where a tar keeps it, bytes; its place in a zip; else 0"),
        Column("digest", pa.string(), "of its bytes as stored"),
    ),
)

MANIFESTS = Whole(
    name="manifests",
    keys=(),
    row="a market of a member of an archive, or why it was left out; a file is an archive whose extraction is whole",
    files=_DIGEST,
    columns=(
        Column("member", pa.string(), "its path within the archive"),
        Column("bytes", pa.int64(), "the member's size as stored; none of what is no member", nullable=True),
        Column("digest", pa.string(), "of the member's bytes as stored; none of what is no member", nullable=True),
        Column("chunk", pa.int32(), "the chunk that it was read in; 0 of what is no member"),
        Column("market_id", pa.string(), "the market; none where it was left out", nullable=True),
        Column("reason", pa.string(), "why it was left out; none where it was not", nullable=True),
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
        Column("announced", pa.list_(TIME), "every scheduled off that was announced, in their order"),
        Column("market_date", pa.date32(), "the day of the scheduled off where the track is: the ratings' day"),
        Column(
            "off_time",
            TIME,
            "when betting before the off ended: in-play or the last suspension",
            nullable=True,
        ),
        Column("settled_time", TIME, "settlement by the exchange; the last message where it gives none"),
        Column("market_base_rate", pa.float64(), "commission before discounts, per cent"),
        Column("discount_allowed", pa.bool_(), "whether an account's discount is taken off the base rate"),
        Column("betting_type", pa.string(), "ODDS, LINE, ASIAN_HANDICAP_…", nullable=True),
        Column("each_way_divisor", pa.float64(), "of the odds, for the place part of EACH_WAY bets", nullable=True),
        Column("amended", pa.bool_(), "whether it was closed again, with another result"),
        Column(
            "late_withdrawal", pa.bool_(), "whether a withdrawal that reduces prices was announced in-play or later"
        ),
        Column("bsp_market", pa.bool_(), "whether the market has a starting price"),
        Column("number_of_winners", pa.int16(), "1 in WIN markets"),
        Column("runners", pa.int16(), "runners that were ever in it, the removed included"),
        Column("total_matched", pa.float64(), "volume as the market's own `tv` last grew to, GBP", nullable=True),
        Column("messages", pa.int64(), "stream messages"),
        Column("bytes", pa.int64(), "their length, bytes of JSON"),
        Column("digest", pa.string(), "of the messages: what the market is, whichever archive it is from"),
        Column("member", pa.string(), "the archive's member it was read from"),
        Column("chunk", pa.int32(), "the chunk of `markets` that holds its messages"),
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
        Column("traded", pa.float64(), "volume traded before settlement, GBP, both sides", nullable=True),
    ),
)

MARKETS = OfMessages(
    name="markets",
    keys=(),
    row="a stream message; a row group holds the messages of one market, in their order",
    columns=(
        _MARKET_ID,
        Column("publish_time", pa.int64(), "the exchange's `pt`, milliseconds since 1970 UTC"),
        Column("message", pa.string(), "the raw JSON, byte for byte", repeats=False),
    ),
)

WINDOWS = OfWindows(
    name="windows",
    keys=(),
    row="a message that a replay of the window needs: as in `markets`, all that lies outside it compressed",
    files=r"[A-Z0-9_+]+",
    columns=MARKETS.columns,
)

RATINGS = ByModelAndDate(
    name="ratings",
    keys=("market_id", "selection_id"),
    row="a rated runner",
    columns=(
        _MARKET_ID,
        _SELECTION_ID,
        Column("rating", pa.float64(), "the model's price, decimal odds"),
        Column("name", pa.string(), "the runner's name as the model has it", nullable=True),
        Column("source", pa.string(), "the service's address or the file's name"),
        Column("fetched_at", TIME, "when it was read"),
    ),
)

ORDERS = ByMonth(
    name="orders",
    keys=("strategy_name", "bet_id"),
    row="an order that reached the simulated exchange, in a market that was settled; a row group holds a variant's",
    files=_DIGEST,
    columns=(
        Column("bet_id", pa.string(), "market id and the order's number in it"),
        Column("strategy_name", pa.string(), "the variant"),
        _MARKET_ID,
        _SELECTION_ID,
        Column("trade_id", pa.string(), "market id and the trade's number in it"),
        Column("date_time_placed", TIME, "simulated time; none where the exchange never answered", nullable=True),
        Column("price", pa.float64(), "asked for, decimal odds; none at starting price", nullable=True),
        Column("price_matched", pa.float64(), "average matched, decimal odds; 0 when unmatched"),
        Column("size", pa.float64(), "asked for; the liability of an order at starting price"),
        Column("size_matched", pa.float64(), "matched stake"),
        Column(
            "size_cancelled", pa.float64(), "taken back unmatched: by the strategy, or as the rest of a fill-or-kill"
        ),
        Column("size_lapsed", pa.float64(), "lapsed unmatched: in a suspension, at in-play, or at a better price"),
        Column("size_voided", pa.float64(), "voided: the runner was removed, or the market takes no such order"),
        Column("profit", pa.float64(), "flumine's `order.profit`, before commission"),
        Column("side", pa.string(), "BACK or LAY"),
        Column("elapsed_seconds_executable", pa.float64(), "seconds from placed to complete", nullable=True),
        Column("order_status", pa.string(), "flumine's, at settlement"),
        Column("market_note", pa.string(), "best back, best lay, last price traded when placed", nullable=True),
        Column("trade_notes", pa.string(), "the strategy's own", nullable=True),
        Column("order_notes", pa.string(), "the strategy's own", nullable=True),
        _HANDICAP,
        Column("customer_order_ref", pa.string(), "the variant's hash and the order's number"),
        Column("customer_strategy_ref", pa.string(), "the variant's name, cut to what the exchange takes"),
        Column("bsp", pa.float64(), "the runner's starting price, decimal odds", nullable=True),
        Column("runner_status", pa.string(), "WINNER, LOSER, PLACED, REMOVED", nullable=True),
        Column("matched_at", TIME, "the last match", nullable=True),
        Column("window", pa.string(), "the part of the market that was replayed"),
    ),
)

_TURNOVER = Column("turnover", pa.float64(), "matched stake of the bets; both stakes of EACH_WAY bets")
_LIABILITY = Column("liability", pa.float64(), "what the bets could lose: stakes of backs, liabilities of lays")

RESULTS_MARKETS = ByRun(
    name="results/markets",
    keys=("strategy", "market_id"),
    row="a market that a variant placed orders in, in order of settlement",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        Column("archive", pa.string(), "where the market is from"),
        _MARKET_ID,
        Column("settled_time", TIME, "settlement"),
        Column("market_date", pa.date32(), "the racing day: that of the scheduled off, where the track is"),
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
        Column("cumulative_gross", pa.float64(), "of the variant, up to and with this market"),
        Column("cumulative_net", pa.float64(), "of the variant, up to and with this market"),
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
        Column("date", pa.date32(), "the day of the scheduled off, where the track is"),
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
        Column("replayed", pa.int64(), "markets it was replayed on; the others of the run are its rejects"),
        Column(
            "refused",
            pa.int64(),
            "orders that a control refused to place, each time, but in its rejects; none of `orders`",
        ),
        *_SUMMED,
        Column(
            "unmatched",
            pa.int64(),
            "of `orders`, those with nothing matched in the end: also those that flumine voids on a withdrawal",
        ),
        Column("cancelled", pa.int64(), "of `orders`, those with a size_cancelled above 0, matched in part or not"),
        Column("lapsed", pa.int64(), "of `orders`, those with a size_lapsed above 0, matched in part or not"),
        Column("no_bets", pa.string(), "why there is no bet, in words; none where there is one", nullable=True),
    ),
)

RESULTS_REFUSED = ByRun(
    name="results/refused",
    keys=("strategy", "action", "control", "reason"),
    row="what flumine refused of what a variant asked, but in its rejects, of one kind, the most frequent first",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        Column("action", pa.string(), "what was asked: place, cancel, update, replace"),
        Column("control", pa.string(), "the `NAME` of flumine's control; empty where one raised by itself"),
        Column("reason", pa.string(), "what it said, its numbers taken out: the same for all of the kind"),
        Column("times", pa.int64(), "how often"),
        Column("markets", pa.int64(), "in how many markets"),
        Column("market_id", pa.string(), "of the first example, as what follows"),
        Column("selection_id", pa.int64(), "the runner", nullable=True),
        Column("side", pa.string(), "BACK or LAY"),
        Column("price", pa.float64(), "asked for, decimal odds; none at starting price", nullable=True),
        Column("size", pa.float64(), "asked for; the liability of an order at starting price", nullable=True),
        Column("text", pa.string(), "what flumine said, numbers and all"),
    ),
)

RESULTS_STATISTICS = ByRun(
    name="results/statistics",
    keys=("strategy",),
    row="a variant: what its bets did, and what may be concluded",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        Column("variants", pa.int64(), "variants of the run, itself included"),
        Column("races", pa.int64(), "races that were replayed; the bootstrap draws them"),
        Column("bets", pa.int64(), "orders matched, on runners that ran"),
        Column("net", pa.float64(), "after commission"),
        Column("roi", pa.float64(), "net / turnover; none without turnover", nullable=True),
        Column("strike_rate", pa.float64(), "bets with a profit / bets", nullable=True),
        Column("average_odds", pa.float64(), "price matched, weighted by turnover, decimal odds", nullable=True),
        Column("drawdown", pa.float64(), "deepest fall of the net from a peak before it, as a positive number"),
        Column("drawdown_days", pa.float64(), "from that peak to recovery, or to the end, days"),
        Column("losing_run", pa.int64(), "most bets in a row that lost, in order of settlement"),
        Column("bsp_bets", pa.int64(), "bets on runners with a starting price: those of the three columns that follow"),
        Column("clv", pa.float64(), "price matched over BSP, a fraction of turnover, lays turned round", nullable=True),
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
        Column("more_bets", pa.int64(), "until the present ROI is told from 0; 0 when it is", nullable=True),
    ),
)

RESULTS_ACCOUNT_MARKETS = ByRun(
    name="results/account_markets",
    keys=("strategy", "market_id"),
    row="a market that any variant placed orders in, the orders of all as one; only of runs with `--together`",
    columns=RESULTS_MARKETS.columns,
)

_IN_ACCOUNT = {"strategy", "variants", *(column.name for column in _SUMMED)}

RESULTS_ACCOUNT = ByRun(
    name="results/account",
    keys=("strategy",),
    row="the one account that all variants bet on; only of runs with `--together`",
    columns=(
        Column("strategy", pa.string(), "`account`"),
        Column("variants", pa.int64(), "variants whose bets are on it"),
        Column("replayed", pa.int64(), "markets that all of them were replayed on; the others are in none of its sums"),
        *_SUMMED,
        *(column for column in RESULTS_STATISTICS.columns if column.name not in _IN_ACCOUNT),
    ),
)

RESULTS_SPLIT = ByRun(
    name="results/split",
    keys=("begins", "part", "strategy"),
    row="a variant on one side of a day; only of runs with a split",
    columns=(
        Column("begins", pa.date32(), "the second part's first day, where the track is"),
        Column("part", pa.string(), "first; second; together: all that was chosen, on the second parts of all folds"),
        Column("rank", pa.int64(), "by net on the first part, from 1; number 1 was chosen"),
        *RESULTS_STATISTICS.columns,
    ),
)

RESULTS_DIFFERENCES = ByRun(
    name="results/differences",
    keys=("strategy", "market_id", "rule"),
    row="a market in which a variant's bets are worth something else than flumine says, by the rule that flumine lacks",
    columns=(
        Column("strategy", pa.string(), "the variant"),
        _MARKET_ID,
        Column("rule", pa.string(), "what flumine does not know"),
        Column("bets", pa.int64(), "bets that are worth something else"),
        Column("flumine", pa.float64(), "the sum of their `order.profit`"),
        Column("settled", pa.float64(), "what they are worth by the last definition"),
    ),
)

REJECTS = BySource(
    name="rejects",
    keys=(),
    row="a file, row or market that was left out",
    files=rf"{_CHUNK}|entries|all|\d{{4}}-\d\d-\d\d|unmatched-{_DIGEST}|.+-[0-9a-f]{{8}}",
    columns=(
        Column("what", pa.string(), "a member's path, a market id, a row's number"),
        Column("reason", pa.string(), "the same words for all alike"),
        Column("detail", pa.string(), "what was seen"),
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
        Column("parameters", pa.string(), "the backtest that was asked for, JSON"),
    ),
)

RUNS = AsAsked(
    name="runs",
    keys=("asked",),
    row="the last time that the run was asked for",
    files=r"\d{12}",
    columns=(
        Column("asked", pa.int64(), "its place in the order in which runs were asked of this lake, from 1"),
        Column("state", pa.string(), "asked; done once its results and its page are there"),
        Column("asked_at", TIME, "when it was asked"),
        Column("asked_by", pa.string(), "the deployment, or the program"),
        Column("done_at", TIME, "when it was done", nullable=True),
        Column("command", pa.string(), "the command line that makes it again"),
        Column("parameters", pa.string(), "all that was asked, JSON"),
        Column("session", pa.string(), "what one instance of a strategy lived through"),
        Column("settings", pa.string(), "of flumine's simulation, JSON"),
        Column("archives", pa.string(), "name, digest of the content and address of each, JSON"),
        Column("ratings", pa.string(), "name, content and days, JSON; null without"),
        Column("rejects", pa.string(), "where what was left out is: stage, source, files; JSON"),
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
