"""What explains a tail: ``Explanation``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from simulator.documents import explain as documents
from simulator.documents.shown import Shown, frame, html
from simulator.explaining import changes, words
from simulator.explaining.bands import Band
from simulator.explaining.lasting import LEVEL, SHARD, SLOWEST, Suspect
from simulator.planning import sensitivity_result
from simulator.running.provenance import provenance
from simulator.scenario import Scenario, sources
from simulator.stats.figures import key_of
from simulator.stats.means import Interval

#: How an effect is known: by arithmetic on the tasks that there were, or by a run of a changed scenario.
ARITHMETIC, RUN = "arithmetic", "run"
#: Who is last beyond chance in so large a part of the slowest queries is named before any cause.
NAMED_FIRST = 0.25
#: A cause of less is not said to limit.
LEAST_SHARE = 0.05


@dataclass(frozen=True)
class Effect:
    """What one thing that is ideal, or changed, does to the percentile."""

    kind: str  #: ARITHMETIC or RUN
    stage: str | None  #: None: of the load
    name: str
    sets: changes.Sets  #: values by path; of arithmetic, none
    is_remedy: bool  #: whether it can be done
    tail_s: float | None  #: None: it falls among queries without an answer
    change: Interval | None  #: as a part of what it was, paired

    @property
    def word(self) -> str:
        """Better, worse, no difference seen, or not known."""
        return sensitivity_result.word(self.change, better=-1)

    def rank(self) -> tuple[float, str, str]:
        """What takes most off the percentile first; what is not told from none counts as none."""
        is_seen = self.word in (sensitivity_result.BETTER, sensitivity_result.WORSE)
        value = self.change.value if is_seen and self.change is not None else 0.0
        return (value or 0.0, self.stage or "", self.name)

    def to_dict(self) -> documents.Effect:
        """A row; the change is a ratio."""
        return {
            "stage": self.stage,
            "what": self.name,
            "by": self.kind,
            "sets": dict(self.sets),
            "latency_s": self.tail_s,
            "change": None if self.change is None else self.change.to_dict(),
            "word": self.word,
        }


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """Where the tail comes from."""

    kind: ClassVar[str] = "explain"

    scenario: Scenario
    bands: tuple[Band, ...]
    target: float | None  #: the percentile that is to be shortened, in percent; None: the sample supports none
    target_s: float | None
    suspects: tuple[Suspect, ...]  #: who is last more often than by chance
    looked_at: int  #: shards and replicas
    effects: tuple[Effect, ...]  #: what takes most off first
    notes: tuple[str, ...]
    engine: str
    options: tuple[str, ...] = ()  #: with which the scenario was given on a command line, besides its file

    @property
    def exit_code(self) -> int:
        """0: it is explained; 98: the sample supports none of the percentiles."""
        return 0 if self.bands else 98

    @property
    def limits(self) -> list[documents.Limit]:
        """What limits, most first: who is last in many of the slowest queries, then causes by their share."""
        of_suspects = [self._of_suspect(one) for one in self.suspects]
        at = next((band for band in self.bands if band.percent == self.target), None)
        of_causes: list[documents.Limit] = []
        for part in () if at is None else sorted(at.parts, key=lambda part: -(part.share.value or 0.0)):
            if (part.share.value or 0.0) >= LEAST_SHARE:
                stage = None if part.stage < 0 else self.scenario.stages[part.stage].name
                of_causes.append(
                    {"what": "cause", "stage": stage, "cause": part.cause, "share": part.share.value or 0.0}
                )
        first = [one for one in of_suspects if one["share"] >= NAMED_FIRST]
        return [*first, *of_causes, *(one for one in of_suspects if one not in first)]

    @property
    def best(self) -> Effect | None:
        """The change to try first: of those that can be done, the one that takes most off, if any is seen to."""
        better = [one for one in self.effects if one.kind == RUN and one.word == sensitivity_result.BETTER]
        return next((one for one in better if one.is_remedy), None)

    @property
    def command(self) -> str | None:
        """What tries that."""
        if self.best is None:
            return None
        sets = changes.shown(changes.Change(None, "", self.best.sets))
        queries = self.scenario.run.queries
        more = [] if queries is None else ["--queries", f"{int(queries)}"]
        source = "SCENARIO.yaml" if self.scenario.source in ("-", "<stdin>") else self.scenario.source
        return shlex.join(["shardsim", "run", source, *self.options, *sets, *more])

    @property
    def words(self) -> list[str]:
        """What limits, and what to try first, in sentences."""
        if self.target is None or self.target_s is None:
            return ["The sample supports none of the percentiles: simulate more queries."]
        best = None if self.best is None else self.best.to_dict()
        effects = [one.to_dict() for one in self.effects]
        return words.sentences(self.limits, effects, best, key_of(self.target), self.target_s)

    def _of_suspect(self, one: Suspect) -> documents.Limit:
        limit: documents.Limit = {
            "what": one.kind,  # type: ignore[typeddict-item,unused-ignore]
            "stage": self.scenario.stages[one.stage].name,
            "shard": one.shard,
            "share": one.excess,
        }
        source = self._source(one)
        limit = limit if source is None else {**limit, "source": source}
        return limit if one.kind == SHARD else {**limit, "replica": one.replica}

    def _source(self, one: Suspect) -> str | None:
        """The source of its stage that a shard belongs to; None: the stage has none."""
        stage = self.scenario.stages[one.stage]
        return None if stage.sources is None else sources.source_of(stage, one.shard).name

    def to_dict(self) -> documents.Explanation:
        """As written by ``--format json``: the same bytes for the same input, whatever ``jobs`` was."""
        target = None if self.target is None else key_of(self.target)
        return {
            "schema": 1,
            "scenario": self.scenario.name,
            "description": self.scenario.description,
            "engine": self.engine,
            "seed": self.scenario.run.seed,
            "words": self.words,
            "command": self.command,
            "percentile": target,
            "latency_s": self.target_s,
            "limits": self.limits,
            "bands": [self._band(band) for band in self.bands],
            "last": {
                "slowest": SLOWEST,
                "level": LEVEL,
                "looked_at": self.looked_at,
                "named": [self._suspect(one) for one in self.suspects],
            },
            "effects": [one.to_dict() for one in self.effects],
            "notes": list(self.notes),
            "provenance": provenance(self.scenario),
        }

    def _band(self, band: Band) -> documents.Band:
        return {
            "percentile": key_of(band.percent),
            "least": band.least,
            "most": band.most,
            "queries": band.queries,
            "latency_s": band.latency_s.to_dict(),
            "parts": [
                {
                    "stage": None if part.stage < 0 else self.scenario.stages[part.stage].name,
                    "cause": part.cause,
                    "mean_s": part.mean_s.to_dict(),
                    "share": part.share.to_dict(),
                }
                for part in band.parts
                if part.mean_s.value
            ],
        }

    def _suspect(self, one: Suspect) -> documents.Named:
        source = self._source(one)
        replica: documents.OfReplica = {} if source is None else {"source": source}
        replica = replica if one.kind == SHARD else {**replica, "replica": one.replica}
        return {
            "stage": self.scenario.stages[one.stage].name,
            "shard": one.shard,
            **replica,
            "share": one.seen,
            "by_chance": one.expected,
            "probability": float(f"{one.p:.3g}"),
        }

    def to_frame(self) -> Any:
        """A row a percentile, stage and cause. Raises ImportError if pandas is not installed."""
        return frame(list(self._rows()))

    def _repr_html_(self) -> str:
        return html(f"{self.scenario.name}: where latency comes from", list(self._rows()))

    def _rows(self) -> Iterator[dict[str, Any]]:
        for band in self.to_dict()["bands"]:
            for part in band["parts"]:
                row: dict[str, Any] = {"percentile": band["percentile"], "stage": part["stage"], "cause": part["cause"]}
                for name, figure in (("mean_s", part["mean_s"]), ("share", part["share"])):
                    row |= {name: figure["value"], f"{name}_low": figure["low"], f"{name}_high": figure["high"]}
                yield row
