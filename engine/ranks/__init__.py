"""A run on several devices: the processes that train it, how they are started, followed and ended.

One process supervises (it is what a person started: it prints, takes Ctrl-C, and needs no torch), one is torchrun (in a session
of its own, which no terminal's end takes along), and one for each device trains: a *rank*. Rank 0 writes the run's folder, and
a run is looked at and asked for things through that folder, as any other.
"""
