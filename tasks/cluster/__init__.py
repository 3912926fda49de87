"""Jobs on the machines of a Dask cluster.

`executor.py` submits them, `worker.py` is in a Dask worker, `inside.py` in a job's own process; `place.py` is what they
need there.

Dask distributes the jobs, and gives those of a lost worker to another. Within a Dask task a job has a process of its
own, as on one machine (`tasks/workers.py`), so that its limits hold and it costs nothing but itself.
"""
