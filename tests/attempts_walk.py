"""The walk of clients that give up and try again: it finds their attempts, and then walks the plan that has them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from walk import Walk

from simulator.core import clients, draws, rules
from simulator.core.columns import FAILED, SHED
from simulator.core.plan import NEVER_NS, Plan, frozen
from simulator.core.window import window_of

#: When a client gives up: at the end of the instant.
GIVE_UP = rules.START + 1


class Seeker(Walk):
    """One walk in which every attempt is sent when its client has paused; ``queries``: the plan of the queries."""

    def __init__(self, queries: Plan, until_ns: int = 200) -> None:
        super().__init__(clients.unbounded(queries, clients.known_arrivals(queries)), until_ns)
        self.queries, self.sent_rows = queries, []
        self.is_closed, self.is_found = self.is_found, False
        self.whose: list[int] = []  # of each query the client that waits
        self.came_ns: dict[int, int] = {}
        self.waits: set[int] = set()
        row = queries.patience[0]
        self.saved = [int(row["most_saved"])] * int(row["processes"])
        self.keeps_back = bool(row["limit"] >= 0 or row["errors"] > 0)
        self.by: dict[int, int] = {}  # by whom each attempt is shed
        self.known_over: dict[
            int, tuple[int, bool]
        ] = {}  # of those that their client has heard of: when, whether badly
        self.last_ns = 0

    def found(self) -> Plan:
        """The plan with the attempts that were sent."""
        self.end = 2 * NEVER_NS
        self.queries_of = []
        if self.is_closed:
            self.push_clients()
        for query, instant in enumerate([] if self.is_closed else self.queries.arrival_ns.tolist()):
            self.push(instant, rules.ARRIVE, query, (query, 0))
        self.walk({rules.ARRIVE: self.comes, GIVE_UP: self.give_up})
        if self.own and self.last_ns > self.until_ns:
            return Seeker(self.queries, 4 * self.until_ns).found()
        rows = len(self.sent_rows)
        of = np.array([query for query, _ in self.sent_rows], dtype=np.int64)
        sheds = len(self.queries.door) or self.keeps_back
        shed = [self.by.get(row, 0) for row in range(rows)] if sheds else []
        whole = clients.with_rows(self.queries, of)
        first = self.sent_rows.index((self.queries.first_measured, 0))
        if self.is_closed:
            came = [self.came_ns[query] for query in range(self.queries.queries)]
            begin, end = window_of(np.array(came), self.queries.first_measured)
            self.outages = self.queries.outages
            whole = replace(
                whole,
                client_of=frozen([self.whose[query] for query in of.tolist()], np.int64),
                window_begin_ns=begin,
                window_end_ns=end,
                outages=self.later_outages(begin),
            )
        return replace(
            whole,
            arrival_ns=frozen(self.plan.arrival_ns[:rows]),
            query_of=frozen(of),
            shed=frozen(shed, np.int8),
            first_measured=first,
            measured=rows - first,
        )

    def push_clients(self) -> None:
        """Every client that waits comes for the first time, behind queries that come again."""
        super().begin_waiting()
        waiting, self.events = self.events, []
        for instant, kind, key, (client,) in waiting:  # of those beside the key is below 0
            self.push(instant, kind, 2 * self.queries.queries + key, (client, -1))

    def sends_first(self, now: int, client: int) -> int:
        """A client that waits sends a query; -1: none is left."""
        query = len(self.whose)
        if query == self.queries.queries:
            return -1
        self.whose.append(client)
        self.came_ns[query] = now
        if query == self.queries.first_measured:
            self.plan = replace(self.plan, outages=self.later_outages(now))
        return query

    def lasts_ns(self, query: int) -> int:
        """Until its client gives up on a query, or its deadline."""
        of = self.queries.classes[self.queries.class_of[query] if len(self.queries.class_of) else 0]
        longest = int(self.queries.patience[0]["timeout_ns"])
        return min(longest, int(of["deadline_ns"])) if of["drops"] else longest

    def is_settled(self, now: int, query: int) -> None:
        """A query is not sent again: its client thinks, if it waits."""
        if self.is_closed and self.whose[query] >= 0:
            client = self.whose[query]
            think = max(1, rules.round_ns(self.drawn_think(client, self.whose.count(client))))
            self.push(now + think, rules.ARRIVE, 2 * self.queries.queries + client, (client, -1))

    def comes(self, now: int, query: int, number: int) -> None:
        """A query is sent, or sent again, if there is something to pay with; -1: a client that waits comes."""
        if number < 0:
            query, number = self.sends_first(now, query), 0
            if query < 0:
                return
        row, ratio = self.queries.patience[0], int(self.queries.patience[0]["ratio"])
        mine = query % len(self.saved)
        if ratio >= 0 and number == 0:
            self.saved[mine] = min(int(row["most_saved"]), self.saved[mine] + ratio)
        elif ratio >= 0:
            if self.saved[mine] < 10**6:
                self.is_settled(now, query)
                return
            self.saved[mine] -= 10**6
        place = len(self.sent_rows)
        self.sent_rows.append((query, number))
        self.waits.add(place)
        self.last_ns = now
        changed: dict[str, Any] = {}
        for name, value in (("arrival_ns", now), ("work", self.queries.work[query])):
            column = np.array(getattr(self.plan, name))
            column[place] = value
            changed[name] = frozen(column)
        if len(self.queries.class_of):
            column = np.array(self.plan.class_of)
            column[place] = self.queries.class_of[query]
            changed["class_of"] = frozen(column)
        self.plan = replace(self.plan, **changed)
        if self.lasts_ns(query) < NEVER_NS:
            self.push(now + self.lasts_ns(query), GIVE_UP, place, (place,))
        self.arrive(now, place)

    def is_shed(self, now: int, query: int) -> bool:
        """Whether an attempt is turned away: by its process, or at the door."""
        self.by[query] = self.kept_back(now, query) if self.keeps_back else 0
        if self.by[query] == 0 and super().is_shed(now, query):
            self.by[query] = 1
        return self.by[query] > 0

    def kept_back(self, now: int, place: int) -> int:
        """2: too many attempts of its process are out; 3: its breaker is open. All of it is worked out anew."""
        row, processes = self.queries.patience[0], len(self.saved)
        mine = self.sent_rows[place][0] % processes
        rows = [one for one in range(place) if self.sent_rows[one][0] % processes == mine and self.by[one] < 2]
        sent = {one: int(self.plan.arrival_ns[one]) for one in rows}
        over = {one: self.known_over[one] for one in rows if one in self.known_over}
        over |= {one: (self.limit(one), True) for one in rows if one not in over and self.limit(one) <= now}
        opened, counted = -1, []
        for end, one, is_bad in sorted((end, one, is_bad) for one, (end, is_bad) in over.items()):
            if opened >= 0:
                if sent[one] > opened:  # it was let out to probe
                    opened = end if is_bad else -1
                continue
            counted = [(when, bad) for when, bad in [*counted, (end, is_bad)] if end - when < row["window_ns"]]
            bad = sum(bad for _, bad in counted)
            if (
                row["errors"] > 0
                and row["least"] <= len(counted)
                and Fraction(bad, len(counted)) >= Fraction(int(row["errors"]), 10**6)
            ):
                opened, counted = end, []
        out = [one for one in rows if one not in over]
        if opened >= 0 and (now < opened + row["open_ns"] or any(sent[one] > opened for one in out)):
            return 3
        return 2 if 0 <= row["limit"] <= len(out) else 0

    def give_up(self, now: int, place: int) -> None:
        """Its client has waited long enough."""
        if place in self.waits:
            self.waits.remove(place)
            self.try_again(now, place)

    def over(self, now: int, query: int) -> None:
        """An attempt has an outcome that its client waits for."""
        super().over(now, query)
        if query in self.waits:
            self.waits.remove(query)
            self.known_over[query] = now, self.ended[query] in (FAILED, SHED)
            if self.ended[query] in (FAILED, SHED):
                self.try_again(now, query)
            else:
                self.is_settled(now, self.sent_rows[query][0])

    def try_again(self, now: int, place: int) -> None:
        """The client pauses, if it may send the query once more."""
        query, number = self.sent_rows[place]
        row = self.queries.patience[0]
        if number >= row["retries"]:
            self.is_settled(now, query)
            return
        longest = float(row["base_ns"])
        for _ in range(number):
            longest = min(float(row["most_ns"]), longest * float(row["factor"]))
        u, _ = draws.uniforms(self.plan.seed, self.plan.replication, draws.BACKOFF, query, number, 0)
        pause = max(1, rules.round_ns(longest * u if row["is_drawn"] else longest))
        self.push(now + pause, rules.ARRIVE, query, (query, number + 1))
