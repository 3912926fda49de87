"""Runs that keep their place in the pool, on a real server, with real processes; the minutes are not waited for."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Pending, Running

from flows.serving.abandoned import AbandonedRuns
from flows.serving.pool import NAME, Pool


@pytest.fixture(scope="module")
def client(server) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(server) as client:
        yield client


@pytest.fixture(scope="module")
def pool(client) -> Pool:
    pool = Pool(client)
    pool.make()
    return pool


@pytest.fixture
def begin(client, pool):
    """Begins a run of a deployment in the pool; asks for the state that it is in."""
    flow = client.create_flow_from_name("abandoned")
    deployment = client.create_deployment(flow, "abandoned", work_pool_name=NAME)
    started: list[subprocess.Popen[bytes]] = []

    def begin(state, *, has_process: bool = False):
        run = client.create_flow_run_from_deployment(deployment, state=state)
        if has_process:
            environment = {**os.environ, "PREFECT__FLOW_RUN_ID": str(run.id)}
            command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
            started.append(subprocess.Popen(command, env=environment, stdin=subprocess.PIPE))
        return lambda: client.read_flow_run(run.id).state

    yield begin
    for process in started:
        process.communicate()
    pool.crash(pool.going_on(), "the test is over")


def test_a_run_without_a_process_is_ended_after_a_minute(pool, begin):
    now = [0.0]
    watched = AbandonedRuns(pool, os.getpid(), clock=lambda: now[0])
    gone = [begin(Pending()), begin(Running())]
    there = [begin(Pending(), has_process=True), begin(Running(), has_process=True)]
    for seconds in (0, 59):
        now[0] = seconds
        watched.crash()
        assert not any(state().is_final() for state in (*gone, *there))
    now[0] = 61
    watched.crash()
    assert all(state().is_crashed() and "without reporting a result" in state().message for state in gone)
    assert not any(state().is_final() for state in there)


def test_a_run_that_does_not_begin_is_ended_after_five_minutes(pool, begin):
    now = [0.0]
    watched = AbandonedRuns(pool, os.getpid(), clock=lambda: now[0])
    pending, running = begin(Pending(), has_process=True), begin(Running(), has_process=True)
    for seconds in (0, 299):
        now[0] = seconds
        watched.crash()
        assert not pending().is_final()
    now[0] = 301
    watched.crash()
    assert pending().is_crashed()
    assert "five minutes" in pending().message
    assert not running().is_final()


def test_a_pool_that_is_there_keeps_its_limit_and_loses_what_its_template_let_runs_say(client, pool):
    template = {"job_configuration": {"command": "{{ command }}"}, "variables": {"properties": {"command": {}}}}
    changed = {"concurrency_limit": 3, "base_job_template": template}
    client.request("PATCH", "/work_pools/{name}", path_params={"name": NAME}, json=changed)
    pool.make()
    made = client.read_work_pool(NAME)
    assert made.concurrency_limit == 3
    assert made.base_job_template["variables"]["additionalProperties"] is False
    assert "command" not in made.base_job_template["job_configuration"]
