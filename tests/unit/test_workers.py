"""Worker processes: without Prefect, silent on stdout, and never left behind."""

import json
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from tasks.errors import WorkerError
from tasks.workers import worker_pool

ROOT = Path(__file__).parents[2]
START = f"import sys; sys.path[:] = [{str(ROOT)!r}] + {sys.path!r}\n"


def run(script):
    return subprocess.run(
        [sys.executable, "-c", START + script], capture_output=True, text=True, check=True, timeout=60
    )


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
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "main\n-3\n"
    assert "main" not in done.stderr


def test_starting_many_at_once_leaves_the_parents_main_module_where_it_was():
    main = sys.modules["__main__"]
    with worker_pool(6) as pool, ThreadPoolExecutor(6) as threads:
        assert list(threads.map(partial(pool.run, time.sleep), [0.5] * 6)) == [None] * 6
        assert sys.modules["__main__"] is main


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_when_their_parent_is_killed(number):
    script = (
        "import os, threading, time\n"
        "from tasks.workers import worker_pool\n"
        "with worker_pool(2) as pool:\n"
        "    pool.run(time.sleep, 0)\n"
        "    for _ in range(2):\n"
        "        threading.Thread(target=pool.run, args=(time.sleep, 60), daemon=True).start()\n"
        "    time.sleep(1)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", START + script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert parent.stdout.readline() == b"ready\n"
        children = psutil.Process(parent.pid).children(recursive=True)
        assert len(children) >= 2
        parent.send_signal(number)
        parent.wait(10)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_results_and_exceptions_come_back():
    with worker_pool(2) as pool, ThreadPoolExecutor(5) as threads:
        assert list(threads.map(partial(pool.run, operator.neg), range(5))) == [0, -1, -2, -3, -4]
        assert pool.run(process_of, None) != os.getpid()
        with pytest.raises(ZeroDivisionError):
            pool.run(partial(operator.truediv, 1), 0)
    left = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not any("spawn_main" in command for command in left)


def test_no_more_work_at_once_than_there_are_workers():
    with worker_pool(2) as pool, ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(partial(pool.run, process_of), range(6)))) <= 2


def test_a_worker_that_dies_takes_its_own_task_along_and_no_other():
    with worker_pool(2) as pool, ThreadPoolExecutor(2) as threads:
        long = threads.submit(pool.run, time.sleep, 1.5)
        with pytest.raises(WorkerError, match="two worker processes died of it"):
            pool.run(kill_itself, None)
        assert long.result(30) is None
        assert pool.run(operator.neg, 3) == -3


def test_what_a_dead_worker_left_is_done_by_another(tmp_path):
    with worker_pool(1) as pool:
        assert pool.run(die_once, tmp_path / "died") == "done"


def test_threads_that_stay_do_not_keep_a_worker():
    started = time.monotonic()
    with worker_pool(1) as pool:
        pool.run(leave_a_thread, 60)
    assert time.monotonic() - started < 30


def leave_a_thread(seconds):
    threading.Thread(target=time.sleep, args=(seconds,)).start()


def process_of(_):
    return os.getpid()


def die_once(path):
    if path.exists():
        return "done"
    path.touch()
    return os._exit(1)


def kill_itself(_):
    os.kill(os.getpid(), signal.SIGKILL)
