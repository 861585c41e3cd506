"""Scoring that outlives the request, and the process: jobs.

    store.py    what a store of jobs does, and the words for it
    sqlite.py   in a file: one machine            redis.py   in Redis: any number of replicas
    runner.py   takes groups of jobs, has them scored, keeps what came out

A group is leased, scored and its result stored, once, whoever was first: scoring is a pure function, so a group that two
replicas scored has one result all the same. A lease that nobody renews runs out, and the group is anybody's again.
"""
