"""What is said of the door: how many queries it sheds, on paper and in a run."""

from simulator.documents import paper, run
from simulator.report import text


def door_lines(said: paper.Changing) -> list[str]:
    """A line of a door: what it admits at most, and how many it sheds where that is known."""
    if "admission" not in said:
        return []
    door = said["admission"]
    words = []
    if door["most_per_s"] is not None:
        words.append(f"admits {text.rate(door['most_per_s'])} at most in the long run")
    if door["exact_ratio"] is not None:
        words.append(f"sheds {text.ratio(door['exact_ratio'])} of queries ({door['law']})")
    elif door["least_ratio"] > 0:
        words.append(f"sheds {text.ratio(door['least_ratio'])} of queries at least")
    return [f"the door {', and '.join(words)}"] if words else []


def shed_lines(result: run.Figures) -> list[str]:
    """A line of a run each: how many were shed, and given up and sent again."""
    return [*_shed(result), *_attempts(result)]


def _attempts(result: run.Figures) -> list[str]:
    if "attempts" not in result:
        return []
    said = result["attempts"]
    late, each = said["timed_out_ratio"], said["per_query"]
    value, low, high = (text.ratio(late[end]) for end in ("value", "low", "high"))
    is_again = each["value"] != 1
    how = " by clients" if is_again else ", not answered in time"
    line = f"given up{how}: {value} of queries, 95 % interval {low} .. {high}"
    again = text.ratio(said["retried_ratio"]["value"])
    lines = [line]
    if is_again:
        lines = [f"{line}; {text.number(each['value'])} attempts a query, {again} sent again"]
    if "shed" in said and each["value"] == 1 and late["value"] == 0:
        lines = []  # nobody gave up, or tried again: what is there to say is who was shed
    if "shed" in said:
        by = said["shed"]
        door, limit, breaker = (
            text.ratio(one["value"]) for one in (by["door_ratio"], by["limit_ratio"], by["breaker_ratio"])
        )
        lines += [f"of attempts are shed: {door} at the door, {limit} by limits, {breaker} by breakers"]
    if "breaker_open_ratio" in said:
        lines += [f"breakers are open for {text.ratio(said['breaker_open_ratio']['value'])} of the time"]
    return lines


def _shed(result: run.Figures) -> list[str]:
    if "admission" not in result:
        return []
    shed = result["admission"]["shed_ratio"]
    value, low, high = (text.ratio(shed[end]) for end in ("value", "low", "high"))
    where = "" if "shed" in result.get("attempts", {}) else " at the door"
    return [f"shed{where}: {value} of queries, 95 % interval {low} .. {high}"]
