"""Stages of a plan that an autoscaler scales, with what their queries take."""

from simulator.base.formats import format_duration
from simulator.core.plan import Plan
from simulator.core.scaling import MOST_INSTANTS, with_scaling
from simulator.planner import load as loads
from simulator.scenario import Scenario
from simulator.scenario.autoscale import is_scaled
from simulator.theory import stage_demands


def with_autoscalers(plan: Plan, scenario: Scenario) -> Plan:
    """The plan of a scenario, with its autoscalers; one that may change nothing is none.

    Raises
    ------
    ScenarioError
        If one would look too often.
    """
    scaled = [index for index, stage in enumerate(scenario.stages) if is_scaled(stage)]
    demands = stage_demands(plan) if scaled else []
    for index in scaled:
        stage, row = scenario.stages[index], plan.stages[index]
        assert stage.autoscale is not None
        demand_s = demands[index][0] * int(row["replicas"] * row["workers"]) / plan.rate_per_s
        part = stage.autoscale.part(int(stage.replicas_given.default), demand_s)
        if int(plan.arrival_ns[-1]) > MOST_INSTANTS * part.every_ns:
            every = format_duration(stage.autoscale.period_s)
            message = f"a run so long has more than {MOST_INSTANTS:,} periods of {every}: have longer ones"
            raise loads.refusal(scenario, f"stages.{index}.autoscale.every", message)
        plan = with_scaling(plan, index, part)
    return plan
