"""Help of a command on one screen: options by what they are about, and an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

#: What options are about, by the name of their parameter; what is in no group is the question of the command.
GROUPS = {
    "The scenario": ("overlays", "sets", "plugins"),
    "How much is simulated": ("seed", "queries", "most_queries", "replications", "precision", "time_s", "tolerance"),
    "How it is worked out": ("engine", "check_engines", "jobs", "cluster"),
    "What is written": (
        "folder",
        "figure",
        "output",
        "page",
        "queries_file",
        "replicas_file",
        "quiet",
        "format_",
        "md",
    ),
}
QUESTION = "The question"

#: A line to copy, for each command.
EXAMPLES = {
    "init": "shardsim init recommendation -o ours.yaml",
    "run": "shardsim run scenarios/web_search.yaml --set load.rate=80/s",
    "explain": "shardsim explain scenarios/recommendation.yaml",
    "capacity": "shardsim capacity scenarios/recommendation.yaml --slo 'p99 < 40ms'",
    "size": "shardsim size scenarios/recommendation.yaml --survive 1 --search stages.deep_ranking.replicas=1..8",
    "sensitivity": "shardsim sensitivity scenarios/recommendation.yaml -o knobs.png",
    "stress": "shardsim stress scenarios/recommendation.yaml --trigger 'load x3 for 2s'",
    "sweep": "shardsim sweep scenarios/how_many_shards.yaml --param load.rate=auto -o shards",
    "serve": "shardsim serve scenarios/paper_funnel.yaml",
    "compare": "shardsim compare scenarios/mm1.yaml --set-b load.rate=0.7/s --max-regression p99=5%",
    "plot": "shardsim plot scenarios/recommendation.yaml timeline -o timeline.svg",
    "export": "shardsim export scenarios/paper_funnel.yaml --queries 300 --to perfetto -o slowest.json",
    "estimate": "shardsim estimate scenarios/recommendation.yaml",
    "load": "shardsim load scenarios/a_day.yaml -o day.png",
    "validate": "shardsim validate scenarios/web_search.yaml",
    "check": "shardsim check ours.py::Boosted",
    "show": "shardsim show scenarios/two_clouds.yaml",
    "catalogue": "shardsim catalogue nvidia_l4",
    "schema": "shardsim schema > schema.json",
    "help": "shardsim help stages.routing",
    "docs": "shardsim docs",
    "doctor": "shardsim doctor",
    "verify": "shardsim verify --families mm1,mmc",
}


class Command(click.Command):
    """A command whose help has its options in groups, and an example at its end."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Options by group: the command's own question first."""
        group_of = {name: title for title, names in GROUPS.items() for name in names}
        records: dict[str, list[tuple[str, str]]] = {title: [] for title in (QUESTION, *GROUPS)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                fallback = "What is written" if "--help" in parameter.opts else QUESTION
                records[group_of.get(parameter.name or "", fallback)].append(record)
        filled = {title: rows for title, rows in records.items() if rows}
        widest = max((len(option) for rows in filled.values() for option, _ in rows), default=0)
        for title, rows in filled.items():
            with formatter.section(title if len(filled) > 1 else "Options"):
                formatter.write_dl([(f"{option:<{min(widest, 28)}}", text) for option, text in rows])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """An example."""
        with formatter.section("Example"):
            formatter.write(f"{'':{formatter.current_indent}}{EXAMPLES[self.name or '']}\n")


def command(name: str) -> Callable[[Callable[..., Any]], Command]:
    """A command, as ``click.command`` makes it."""
    return click.command(name, cls=Command)
