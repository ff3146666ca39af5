"""A page on this machine with the sliders of a scenario: ``serve``."""

from __future__ import annotations

from simulator.base.errors import Problem, ScenarioError
from simulator.report.page import library
from simulator.running.execution import Say
from simulator.scenario import Scenario, given
from simulator.serving.live import live
from simulator.serving.page import live_page
from simulator.serving.server import Server


@given.takes_scenario
def serve(
    scenario: Scenario,
    *,
    port: int = 0,
    queries: int | None = None,
    replications: int | None = None,
    jobs: int = 1,
    say: Say | None = None,
) -> Server:
    """Make the server of a page on which the knobs of a scenario can be turned.

    It listens on the loopback interface alone, and answers whoever knows its address, from its own page.

    Parameters
    ----------
    scenario
        As loaded.
    port
        Where it listens; 0: at a free one.
    queries, replications
        Of an answer, in place of 1,000 (where the scenario counts queries) and 8.
    jobs, say
        As of ``simulate``; each answer takes the engine that suits it.

    Returns
    -------
    Server
        Its ``url`` is to be opened; ``serve_forever()`` answers until ``shutdown()``, as of ``http.server``.

    Raises
    ------
    ScenarioError
        If the port is not free.
    UnavailableError
        If the drawing library is not installed (extra ``report``).
    """
    library.refuse_missing()
    turned = live(scenario, queries, replications, jobs=jobs, say=say)
    try:
        return Server(turned, live_page(turned), port)
    except (OSError, OverflowError) as error:
        message = f"port {port} cannot be had: {error}; leave it out for a free one"
        raise ScenarioError([Problem("serve", 0, 0, "", message)]) from None
