"""The verbs by which nntui starts processes of its own; nobody types them."""

from __future__ import annotations

from pathlib import Path

import typer

from .options import EndpointOption, MeetingOption, NodesOption


def standby() -> None:
    """Wait, with PyTorch imported, for the process that started this one to say what to train."""
    from .signals import leave_at_once
    from .standby import serve

    leave_at_once(serve())


def ranks(folder: str, nodes: NodesOption = 1, endpoint: EndpointOption = "", meeting: MeetingOption = "") -> None:
    """Be torchrun for the job in `folder`: what `nntui train --devices N` starts in a session of its own."""
    from .ranks.agent import run_agent
    from .ranks.job import JobFolder, Nodes

    raise typer.Exit(run_agent(JobFolder(Path(folder)), Nodes(nodes, endpoint, meeting)))


def rank(folder: str) -> None:
    """Be one of the ranks of the job in `folder`."""
    from .ranks.job import JobFolder
    from .ranks.rank import serve_rank

    raise typer.Exit(serve_rank(JobFolder(Path(folder))))


VERBS = (standby, ranks, rank)
