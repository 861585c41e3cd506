"""Training against keystep: warm-up, StepGRPO and preference training, with rewards that no GPU waits for. Needs the extra [train].

Reading order: objectives.py (the losses), stepgrpo.py and worker.py (a step, and the two schedules), rewards.py (the service),
preference.py; commands.py is the command line, config.py what a file may tell it, tasks/ where questions can be had from.
"""
