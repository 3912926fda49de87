"""Jobs on the machines of a Dask cluster: `executor.py` submits them, `worker.py` runs them, each in its own process.

Dask distributes the jobs, and gives those of a lost worker to another. Within a Dask task a job has a process of its
own, as on one machine (`tasks/workers.py`), so that its limits hold and it costs nothing but itself.
"""
