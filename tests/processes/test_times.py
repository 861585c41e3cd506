"""Times in buckets."""

from __future__ import annotations

from keystep.processes.times import BOUNDS, Stopwatch, Times


def test_each_time_lies_in_one_bucket():
    watch = Stopwatch()
    for seconds in (0.0, BOUNDS[0], 0.0015, 0.0015, 5.0):
        watch.took("match", seconds)
    (told,) = watch.told()
    counts = dict(zip([*BOUNDS, None], told.counts, strict=True))
    assert {bound: n for bound, n in counts.items() if n} == {BOUNDS[0]: 2, 0.0025: 2, None: 1}
    assert (told.component, told.seconds) == ("match", BOUNDS[0] + 0.003 + 5.0)


def test_those_of_several_processes_add_up():
    one, other = Stopwatch(), Stopwatch()
    assert one.time("structure", lambda: "done") == "done"
    other.took("structure", 0.3)
    other.took("verify", 0.3)
    one.add(other.told())
    told = {times.component: times for times in one.told()}
    assert {name: sum(times.counts) for name, times in told.items()} == {"structure": 2, "verify": 1}
    assert told["verify"] == Times("verify", tuple(int(bound == 1.0) for bound in (*BOUNDS, 0)), 0.3)
