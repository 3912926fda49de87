"""Worker processes: each new and clean, without Prefect, silent on stdout, and never left behind."""

import itertools  # noqa: F401 - for what is evaluated
import json
import operator
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import fsspec.asyn
import numpy as np
import psutil
import pytest
from fsspec.implementations.local import LocalFileSystem
from served import PATIENCE, alive, until

from tasks import workers
from tasks.errors import BacktestError, JobError, ReplayError, WorkerError
from tasks.watch import Step, watch
from tasks.workers import worker_pool

ROOT = Path(__file__).parents[2]
START = f"import sys; sys.path[:] = [{str(ROOT)!r}] + {sys.path!r}\n"


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", START + script],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
        env={**os.environ, **environment},
    )


@pytest.fixture
def start(tmp_path):
    """Start a parent whose workers write down their process in the folder it is given; nothing of it stays."""
    parents, families = [], []

    def start(script, workers):
        parent = subprocess.Popen(
            [sys.executable, "-c", START + NOTE + script, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        parents.append(parent)
        until(lambda: len(list(tmp_path.iterdir())) == workers or parent.poll() is not None)
        assert parent.poll() is None, parent.communicate()
        family = psutil.Process(parent.pid).children(recursive=True)
        families.extend(family)
        assert {int(path.name) for path in tmp_path.iterdir()} <= {one.pid for one in family}
        return parent, family

    yield start
    for one in alive(families):
        one.kill()
    for parent in parents:
        parent.kill()
        parent.communicate()


NOTE = """
import os, pathlib, threading, time
from tasks.workers import worker_pool
note_and_sleep = (
    "(__import__('pathlib').Path(__import__('sys').argv[1], str(__import__('os').getpid())).touch(),"
    " __import__('time').sleep(600))"
)
"""


@pytest.fixture(params=["fork server", "spawn"])
def each_way(request, monkeypatch):
    """As the system gives it, and as where there is no fork."""
    if request.param == "spawn":
        monkeypatch.setattr(workers, "_CONTEXT", get_context("spawn"))


def test_a_worker_has_no_prefect_though_its_parent_has():
    done = run(
        "import json, prefect\n"
        "from tasks.extraction.extract import extract_chunk\n"
        "from tasks.workers import worker_pool\n"
        "ask = \"(__import__('tasks.extraction.extract'), __import__('tasks.simulation.replay'),\""
        "\" sorted(n for n in __import__('sys').modules if n.split('.')[0] in ('prefect', 'flows')))[2]\"\n"
        "with worker_pool(1) as pool:\n"
        "    print(json.dumps(['prefect' in sys.modules, pool.run(eval, ask)]))\n"
    )
    assert json.loads(done.stdout) == [True, []]


def test_a_worker_has_all_that_jobs_import_and_nothing_else():
    with worker_pool(1) as pool:
        modules = set(pool.run(eval, "list(__import__('sys').modules)"))  # noqa: S307 - what the job is
    assert {"flumine", "numpy", "pandas", "pyarrow", "tasks.extraction.extract", "tasks.simulation.replay"} <= modules
    assert not [name for name in modules if name.split(".")[0] in {"prefect", "flows", "pytest", "sample"}]


def test_a_module_that_is_not_there_is_imported_by_nobody():
    done = run(
        "import operator\n"
        "from tasks import workers\n"
        "workers._PRELOADED.insert(0, 'no.such.module')\n"
        "with workers.worker_pool(1) as pool:\n    print(pool.run(operator.neg, 3))\n"
    )
    assert done.stdout == "-3\n"
    assert done.stderr == ""


def test_no_job_finds_what_another_left(each_way):
    with worker_pool(1) as pool, ThreadPoolExecutor(2) as threads:
        left = list(threads.map(partial(pool.run, leave_things), range(6)))
    assert len({process for process, _ in left}) == 6
    assert [found for _, found in left] == [[]] * 6


def test_workers_draw_other_numbers_than_one_another():
    with worker_pool(1) as pool:
        drawn = [pool.run(draw, None) for _ in range(3)]
    assert len({number for numbers in drawn for number in numbers}) == 6


def test_a_worker_begins_with_one_thread_beside_its_own():
    with worker_pool(1) as pool:
        assert pool.run(threads_of, None) == 2


@pytest.mark.parametrize("way", ["forkserver", "spawn"])
def test_sets_of_text_have_one_order_in_all_workers(way):
    ask = (
        "import json\n"
        "from multiprocessing import get_context\n"
        "from tasks import workers\n"
        f"workers._CONTEXT = get_context({way!r})\n"
        "ask = \"(list({'a', 'b', 'c', 'd', 'e', 'f', 'g'}), __import__('os').environ['PYTHONHASHSEED'])\"\n"
        "with workers.worker_pool(1) as pool:\n"
        "    print(json.dumps([list({'a', 'b', 'c', 'd', 'e', 'f', 'g'}), *pool.run(eval, ask)]))\n"
    )
    answers = [json.loads(run(ask, PYTHONHASHSEED=seed).stdout) for seed in ("1", "2", "random")]
    assert answers[0][0] != answers[1][0]
    assert len({tuple(order) for _, order, _ in answers}) == 1
    assert {seed for _, _, seed in answers} == {"0"}


def test_a_worker_is_where_its_parent_is_now(each_way, tmp_path, monkeypatch):
    with worker_pool(1) as pool:
        pool.run(operator.neg, 1)
        monkeypatch.setenv("TZ", "Australia/Sydney")
        monkeypatch.setenv("A_STRATEGYS_OWN", "now")
        monkeypatch.delenv("HOME")
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "written_since.py").write_text("HERE = True")
        assert pool.run(whereabouts, None) == ("now", False, str(tmp_path), "AEST", True)
        monkeypatch.setenv("A_STRATEGYS_OWN", "later")
        assert pool.run(whereabouts, None)[0] == "later"


def test_what_a_worker_prints_is_not_in_the_output():
    done = run(
        "from tasks.workers import worker_pool\n"
        "import functools, os\n"
        "with worker_pool(1) as pool:\n"
        "    pool.run(print, 'from a strategy')\n"
        "    pool.run(functools.partial(os.write, 1), b'from a library')\n"
        "print('the result')\n"
    )
    assert done.stdout == "the result\n"
    assert "from a strategy" in done.stderr
    assert "from a library" in done.stderr


def test_the_parents_main_module_is_not_run_again(tmp_path):
    script = tmp_path / "main.py"
    script.write_text(
        START + "print('main')\nfrom tasks.workers import worker_pool\nimport operator\n"
        "with worker_pool(1) as pool:\n    print(pool.run(operator.neg, 3))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout == "main\n-3\n"
    assert "main" not in done.stderr


def test_starting_many_at_once_leaves_the_parents_main_module_where_it_was():
    main = sys.modules["__main__"]
    with worker_pool(6) as pool, ThreadPoolExecutor(6) as threads:
        assert list(threads.map(partial(pool.run, time.sleep), [0.1] * 30)) == [None] * 30
        assert sys.modules["__main__"] is main


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_of_a_parent_that_is_killed(number, start):
    parent, family = start(
        "with worker_pool(2) as pool:\n"
        "    for _ in range(2):\n"
        "        threading.Thread(target=pool.run, args=(eval, note_and_sleep), daemon=True).start()\n"
        "    time.sleep(600)\n",
        workers=2,
    )
    parent.send_signal(number)
    parent.wait(PATIENCE)
    until(lambda: not alive(family))


@pytest.mark.parametrize(
    "wait",
    [
        "pool.run(eval, note_and_sleep)",
        "threading.Thread(target=pool.run, args=(eval, note_and_sleep)).start(); time.sleep(600)",
    ],
    ids=["it waits itself", "a thread waits"],
)
def test_ctrl_c_in_the_parent_ends_what_is_running(wait, start):
    parent, family = start(f"with worker_pool(1) as pool:\n    {wait}\n", workers=1)
    parent.send_signal(signal.SIGINT)
    _, said = parent.communicate(timeout=PATIENCE)
    until(lambda: not alive(family))
    assert "KeyboardInterrupt" in said.decode()
    assert "died" not in said.decode()


def test_an_exception_that_leaves_the_block_ends_what_is_running():
    with ThreadPoolExecutor(2) as threads:
        with suppress(ZeroDivisionError), worker_pool(1) as pool:
            futures = [threads.submit(pool.run, time.sleep, 600) for _ in range(2)]
            until(workers_alive)
            raise ZeroDivisionError
        for future in futures:
            with pytest.raises(RuntimeError, match="the pool"):
                future.result(PATIENCE)


def test_leaving_the_block_waits_for_what_is_running():
    with ThreadPoolExecutor(1) as threads:
        with worker_pool(1) as pool:
            long = threads.submit(pool.run, time.sleep, 1)
            until(workers_alive)
        assert long.result(PATIENCE) is None
        assert not workers_alive()


def test_ctrl_c_is_not_the_workers_to_handle(each_way):
    with worker_pool(1) as pool:
        assert pool.run(interrupt_itself, None) == "still here"


def test_results_and_exceptions_come_back(each_way):
    with worker_pool(2) as pool, ThreadPoolExecutor(5) as threads:
        assert list(threads.map(partial(pool.run, operator.neg), range(5))) == [0, -1, -2, -3, -4]
        assert pool.run(process_of, None) != os.getpid()
        with pytest.raises(JobError, match=r"^ZeroDivisionError: division by zero") as raised:
            pool.run(divide, 0)
        assert "return 1 / number" in "".join(raised.value.__notes__)
        with pytest.raises(JobError, match=r"^SystemExit: 3"):
            pool.run(sys.exit, 3)
        with pytest.raises(ReplayError, match=r"^its fault") as replay:
            pool.run(raise_one_of_ours, None)
        assert replay.value.variant == "mine-1"
    assert not workers_alive()


def pass_three(job):
    for watch.passed in range(3):
        watch.begin(Step("one of three"))
    return watch.passed


def test_how_much_of_a_job_is_done_is_told_meanwhile(each_way):
    passed = []
    with worker_pool(1) as pool:
        assert pool.run(pass_three, None, passed.append) == 2
    assert passed == [0, 1, 2]


def test_large_jobs_and_results_come_through():
    with worker_pool(1) as pool:
        assert pool.run(operator.neg, np.ones(5_000_000)).sum() == -5_000_000


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("lock", r"returned a lock, which cannot be pickled: TypeError: cannot pickle '_thread.lock' object"),
        ("raised lock", r"^ValueError: .*lock object "),
        ("own constructor", r"OddError: 1 and 2$"),
        ("long", r"OddError: xxxx"),
        ("mute", r"MuteError"),
        ("local", r"LocalError$"),
    ],
)
def test_what_is_raised_or_cannot_be_pickled_is_said_in_words(what, said):
    with worker_pool(1) as pool, pytest.raises(BacktestError, match=said) as no:
        pool.run(make, what)
    assert len(str(no.value)) < 3000
    assert not Path("unpickled").exists()


def test_a_job_that_cannot_be_pickled_is_refused_at_once():
    with worker_pool(1) as pool, pytest.raises(TypeError, match="cannot pickle"):
        pool.run(operator.neg, threading.Lock())


def test_no_more_work_at_once_than_there_are_workers():
    with worker_pool(2) as pool, ThreadPoolExecutor(6) as threads:
        spans = list(threads.map(partial(pool.run, span), [0.3] * 6))
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) == 2


def test_a_worker_that_dies_takes_its_own_job_along_and_no_other():
    with worker_pool(2) as pool, ThreadPoolExecutor(2) as threads:
        long = threads.submit(pool.run, time.sleep, 3)
        with pytest.raises(WorkerError, match="two workers died running this task"):
            pool.run(kill_itself, None)
        assert long.result(PATIENCE) is None
        assert pool.run(operator.neg, 3) == -3


def test_what_a_dead_worker_left_is_done_by_another(each_way, tmp_path):
    with worker_pool(1) as pool:
        assert pool.run(die_once, tmp_path / "died") == "done"


def test_a_worker_that_dies_is_seen_and_what_it_started_ends_with_it(tmp_path):
    with worker_pool(1) as pool:
        assert pool.run(die_once_as_a_parent, tmp_path / "died") == "done"
        child = int((tmp_path / "died").read_text())
        until(lambda: not is_there(child))


def test_what_a_worker_started_ends_with_its_job(tmp_path):
    with worker_pool(1) as pool:
        child = pool.run(leave_a_child, None)
        until(lambda: not is_there(child))


def test_what_a_worker_started_ends_with_its_caller(tmp_path, start):
    parent, family = start(
        "note_and_sleep = note_and_sleep.replace('__import__(\\'time\\')', "
        "\"__import__('subprocess').run(['sleep', '600']), __import__('time')\")\n"
        "with worker_pool(1) as pool:\n    pool.run(eval, note_and_sleep)\n",
        workers=1,
    )
    (worker,) = (one for one in family if one.pid == int(next(tmp_path.iterdir()).name))
    until(worker.children)
    (child,) = worker.children()
    parent.kill()
    until(lambda: not alive([worker, child]))


def test_a_job_that_forks_is_answered_by_the_one_that_was_asked():
    with worker_pool(1) as pool:
        asked, answered = pool.run(fork_and_go_on, None)
    assert asked == answered


def test_one_that_closes_its_files_is_taken_for_dead(tmp_path):
    with (
        worker_pool(1) as pool,
        pytest.raises(WorkerError, match="two workers died running this task; the second ended"),
    ):
        pool.run(close_all_files, tmp_path / "opened")
    assert (tmp_path / "opened").read_bytes() == b""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("os._exit(3)", "the second ended with exit status 3 in market 1.5$"),
        ("os.abort()", "the second died of SIGABRT in market 1.5$"),
        (
            "os.kill(os.getpid(), 9)",
            r"the second died of SIGKILL in market 1.5, probably out of memory: lower --workers$",
        ),
    ],
)
def test_how_a_worker_died_is_said(how, said):
    with worker_pool(1) as pool, pytest.raises(WorkerError, match=said):
        pool.run(in_a_step, (how, Step("market 1.5")))


# Limits, which whoever waits keeps


def test_one_that_takes_too_long_is_asked_where_it_is():
    step = Step("market 1.5", seconds=0.5, parameter="market_seconds")
    with worker_pool(1) as pool, pytest.raises(WorkerError, match=r"^it took more than 0\.5 s, at time\.sleep"):
        pool.run(in_a_step, ("time.sleep(600)", step))


def test_one_that_takes_too_much_memory_is_asked_where_it_is():
    step = Step("market 1.5", megabytes=1)
    with worker_pool(1) as pool, pytest.raises(WorkerError, match=r"^it took \d+ MB of memory, of 1, at "):
        pool.run(in_a_step, ("time.sleep(600)", step))


def test_signals_that_are_ignored_keep_nobody(monkeypatch):
    loop = (
        "[signal.signal(n, signal.SIG_IGN) for n in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}], "
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()), [0 for _ in itertools.count()]"
    )
    with worker_pool(1) as pool, pytest.raises(WorkerError, match=r"^it took more than 0\.5 s"):
        pool.run(in_a_step, (loop, Step("market 1.5", seconds=0.5)))


def test_one_that_keeps_the_interpreter_to_itself_is_ended_and_done_again(monkeypatch):
    monkeypatch.setattr(workers, "_SECONDS_TO_EXPLAIN", 1.0)
    # One call of C code, which lets nobody else in until it is over.
    with worker_pool(1) as pool, pytest.raises(WorkerError, match=r"the second took more than 0.5 s in market 1\.5$"):
        pool.run(in_a_step, ("sum(itertools.repeat(0))", Step("market 1.5", seconds=0.5)))


def test_a_worker_that_is_stopped_is_ended_and_its_job_done_by_another(tmp_path, caplog):
    with worker_pool(1) as pool:
        assert pool.run(stop_once, tmp_path / "stopped") == "done"
    assert "was stopped for 1 s in market 1.5; running its task again" in caplog.text
    with worker_pool(1) as pool, pytest.raises(WorkerError, match=r"the second was stopped for 1 s in market 1\.5$"):
        pool.run(stop_always, None)
    assert not workers_alive()


def test_time_in_which_all_were_stopped_is_not_counted(start, tmp_path):
    parent, family = start(
        "w = \"__import__('tasks.watch').watch\"\n"
        "note_and_sleep = f\"({w}.watch.begin({w}.Step('it', 2)), {note_and_sleep.replace('600', '1')})\"\n"
        "with worker_pool(1) as pool:\n    pool.run(eval, note_and_sleep)\nprint('done')\n",
        workers=1,
    )
    everyone = [psutil.Process(parent.pid), *family]
    for one in everyone:
        one.suspend()
    stopped = time.monotonic()
    until(lambda: time.monotonic() - stopped > 4)
    for one in everyone:
        one.resume()
    said, errors = parent.communicate(timeout=PATIENCE)
    assert said == b"done\n", errors


def test_a_worker_has_no_file_system_of_another_and_one_core():
    with worker_pool(1) as pool:
        cached, loop, threads, blas = pool.run(file_systems, None)
    assert (cached, loop, threads) == (0, True, 2)
    assert blas == "1"


has_server = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no server where there is no fork")


@has_server
def test_a_worker_outlives_its_server_and_another_is_started(tmp_path):
    with worker_pool(2) as pool, ThreadPoolExecutor(1) as threads:
        orphan = threads.submit(pool.run, wait_for_word, tmp_path)
        until((tmp_path / "began").exists)
        first = psutil.Process(int((tmp_path / "began").read_text()))
        first.parent().kill()
        assert pool.run(hash, "text") == pool.run(hash, "text")
        (tmp_path / "word").touch()
        assert orphan.result(PATIENCE) == first.pid


@has_server
def test_a_worker_that_dies_after_its_server_is_missed(tmp_path):
    with worker_pool(1) as pool, ThreadPoolExecutor(1) as threads:
        orphan = threads.submit(pool.run, wait_once, tmp_path / "began")
        until((tmp_path / "began").exists)
        first = psutil.Process(int((tmp_path / "began").read_text()))
        first.parent().kill()
        first.kill()
        assert orphan.result(PATIENCE) == "done"


@has_server
def test_a_server_that_is_stopped_is_ended_and_another_started(monkeypatch):
    monkeypatch.setattr(workers, "_MOST_SECONDS_STOPPED", 1.0)
    with worker_pool(1) as pool:
        server = psutil.Process(pool.run(parent_of, None))
        server.suspend()
        assert pool.run(parent_of, None) != server.pid
        until(lambda: not alive([server]))


def test_threads_that_stay_do_not_keep_a_worker(each_way):
    with worker_pool(1) as pool:
        pool.run(leave_a_thread, 600)
    assert not workers_alive()


def workers_alive():
    """The workers of this process: its server's children, or its own where it has started them itself."""
    mine = alive(psutil.Process().children())
    servers = [one for one in mine if is_run_as(one, "multiprocessing.forkserver")]
    return [*alive([worker for server in servers for worker in server.children()]), *filter(is_spawned, mine)]


def is_run_as(process, words):
    try:
        return words in " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return False


is_spawned = partial(is_run_as, words="spawn_main")


class OddError(Exception):
    """It cannot be unpickled, because its constructor wants more than its text."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


class MuteError(BaseException):
    """It says nothing, and writes where it is pickled or unpickled."""

    def __str__(self):
        raise KeyboardInterrupt

    def __reduce__(self):
        return Path.touch, (Path("unpickled"),)


def make(what):
    if what == "lock":
        return threading.Lock()
    if what == "mute":
        raise MuteError
    if what == "local":

        class LocalError(BaseException):
            pass

        raise LocalError
    if what == "raised lock":
        raise ValueError("about", threading.Lock())
    raise OddError(*(("x" * 1_000_000, 2) if what == "long" else (1, 2)))


def leave_things(_):
    found = [name for name in ("left",) if hasattr(operator, name)]
    operator.left = True
    os.environ["LEFT"] = "left"
    return os.getpid(), found


def draw(_):
    return random.random(), np.random.random()  # noqa: NPY002, S311 - what a strategy may use


def threads_of(_):
    return threading.active_count()


def whereabouts(_):
    import written_since  # noqa: PLC0415 - while the worker is running

    environment = os.environ.get("A_STRATEGYS_OWN"), "HOME" in os.environ
    return *environment, str(Path.cwd()), time.tzname[0], written_since.HERE


def interrupt_itself(_):
    signal.raise_signal(signal.SIGINT)
    return "still here"


def raise_one_of_ours(_):
    raise ReplayError("its fault", "mine-1")


def divide(number):
    return 1 / number


def span(seconds):
    started = time.monotonic()
    time.sleep(seconds)
    return started, time.monotonic()


def leave_a_thread(seconds):
    threading.Thread(target=time.sleep, args=(seconds,)).start()


def process_of(_):
    return os.getpid()


def die_once(path):
    if path.exists():
        return "done"
    path.touch()
    return os._exit(1)


def die_once_as_a_parent(path):
    if path.exists():
        return "done"
    child = os.fork()
    if not child:
        time.sleep(600)
    path.write_text(str(child))
    return os._exit(1)


def is_there(pid):
    return bool(alive([psutil.Process(pid)])) if psutil.pid_exists(pid) else False


def leave_a_child(_):
    return subprocess.Popen(["sleep", "600"]).pid  # noqa: S607


def fork_and_go_on(_):
    asked = os.getpid()
    os.fork()
    return asked, os.getpid()


def close_all_files(path):
    os.closerange(0, 1000)
    with path.open("wb"), path.open("wb"), path.open("wb"), path.open("wb"):
        for _ in range(4):
            path.open("wb")
    return "done"


def explain(overrun):
    frame = sys._current_frames()[threading.main_thread().ident]
    while frame.f_code.co_name in {"wait", "poll"}:
        frame = frame.f_back
    return WorkerError(f"it took {overrun.took}, at {frame.f_locals.get('how', '')}")


def in_a_step(asked):
    how, step = asked
    watch.explain = explain
    watch.begin(step)
    return eval(how)  # noqa: S307 - a test's own


def stop_once(path):
    if path.exists():
        return "done"
    path.touch()
    return stop_always(None)


def stop_always(_):
    watch.begin(Step("market 1.5", 1))
    os.kill(os.getpid(), signal.SIGSTOP)


def file_systems(_):
    caches = [fs for cls in {*LocalFileSystem.__mro__} for fs in getattr(cls, "_cache", {})]
    return len(caches), fsspec.asyn.loop[0] is None, threading.active_count(), os.environ["OPENBLAS_NUM_THREADS"]


def wait_once(path):
    if path.exists():
        return "done"
    path.with_suffix(".tmp").write_text(str(os.getpid()))
    path.with_suffix(".tmp").rename(path)
    return time.sleep(600)


def wait_for_word(folder):
    (folder / "tmp").write_text(str(os.getpid()))
    (folder / "tmp").rename(folder / "began")
    while not (folder / "word").exists():
        time.sleep(0.02)
    return os.getpid()


def parent_of(_):
    return os.getppid()


def kill_itself(_):
    os.kill(os.getpid(), signal.SIGKILL)
