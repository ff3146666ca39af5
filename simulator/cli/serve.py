"""``shardsim serve``: a page on this machine on which a scenario's knobs can be turned."""

from __future__ import annotations

import click

from simulator.base.places import is_folder
from simulator.cli import answers, grouped, options


@grouped.command("serve")
@options.scenario_options
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where it listens; default: at a free port.")
@options.seed_option
@options.queries_option("Queries measured in each replication of an answer; default: 1,000.")
@options.replications_option
@options.jobs_option("Replications")
@options.gathered(given=options.Given, work=options.Work)
def command(given: options.Given, work: options.Work, port: int) -> int:
    """Open a page with SCENARIO's knobs as sliders: load, shards, replicas, cost, variability, batches, copies.

    Each change is simulated, and shows percentiles with intervals, latency against load, and what latency is made of.
    Only this machine can reach it, by the address that is printed. Ctrl-C ends it.
    """
    import simulator

    if is_folder(given.scenario):
        raise click.UsageError(f"{given.scenario} is a run directory: give its scenario")
    scenario = given.load()
    server = simulator.serve(
        scenario,
        port=port,
        queries=None if given.queries is None else scenario.queries,
        replications=None if given.replications is None else scenario.run.replications,
        jobs=work.jobs,
        say=answers.say,
    )
    answers.tell(server.url)
    answers.say("open it in a browser; Ctrl-C ends it")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        answers.say("ended")
    finally:
        server.server_close()
    return 0
