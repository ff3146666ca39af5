"""The features under which each law of theory holds, one set a law: with any other feature in a stage it is silent.

What a set allows may still be excluded by value: that services are constant, or machines equal, is looked at where the
law is worked out. Listing what a law allows, not what it excludes, is what keeps it from a false claim about a feature
that came after it.
"""

from simulator.core.features import Feature as F
from simulator.core.features import Features

#: Service times below it, in seconds, are rounded so much that continuous laws hold only about.
LEAST_SERVICE_S = 1e-6

#: Whatever is random, there may be as much as the law says by value.
LUCK: Features = frozenset(
    {
        *(F.DRAWN_WORK, F.DRAWN_CANDIDATES, F.CLASS_CANDIDATES, F.DRAWN_TIME, F.DRAWN_TASK, F.DRAWN_RESPONSE),
        *(F.HASHED, F.DRAIN_CUT),
    }
)
#: What makes no difference to the only replica of a shard; nor does it that what serves a task is several workers, nor
#: who else is on its machine, as long as they do not slow it down.
OF_NO_MATTER: Features = frozenset({F.BALANCERS, F.ROUTING_PLUGGED, F.THREADS, F.COLOCATED})
#: What leaves a Poisson stream one, of the queries that it concerns: by luck of their own.
CHOSEN: Features = frozenset({F.OPTIONAL})
#: Replicas, chosen at random, among which a query's luck says which.
THINNED: Features = frozenset({F.REPLICAS, F.ROUTING_BY_SHARD, F.UNEVEN_REPLICAS})
#: What a latency has besides a task's wait and service, where that is not one constant for all.
SURROUNDED: Features = frozenset({F.DRAWN_RESPONSE, F.SENDING, F.MERGERS})

#: Shards of unlike fleets, where a law looks at each of them.
UNLIKE: Features = frozenset({F.SOURCES})

#: A worker stays taken when its answer has gone.
LONGER: Features = frozenset({F.AFTER_ANSWER, F.DRAWN_AFTER})

#: A tandem of constant services is one M/D/1 queue; sending one after another if all shards take as long.
TANDEM: Features = LUCK | OF_NO_MATTER | {F.SENDING, F.DRAWN_MACHINES, F.AFTER_ANSWER} | UNLIKE
#: Mean wait in M/G/1, at replicas of unlike machines, too: of how long a worker is taken, by a service and after it.
#: Queries that visit some shards by luck of their own leave each a thinner stream; what replicas do besides is another.
POLLACZEK: Features = frozenset(
    {
        *(LUCK | OF_NO_MATTER | THINNED | LONGER | CHOSEN),
        *(F.DRAWN_MACHINES, F.SENDING, F.MERGERS, F.FAN_OUT, F.BACKGROUND, F.SOURCES),
    }
)
#: Mean latency in M/G/1 whose server stops now and then, and goes on with what it had begun.
STOPPED: Features = LUCK | OF_NO_MATTER | THINNED | {F.DRAWN_MACHINES, F.SLOWDOWN, F.FAILURES}
#: Mean wait in M/G/1 that is not served in the order of arrival.
RANKED: Features = POLLACZEK | {F.DISCIPLINE}
#: Mean wait where tasks share the workers of their replica: whatever the law of services.
SHARED: Features = frozenset(
    {
        *(LUCK | OF_NO_MATTER | THINNED | CHOSEN),
        *(F.DRAWN_MACHINES, F.SENDING, F.MERGERS, F.WORKERS, F.SHARING, F.FAN_OUT, F.BACKGROUND),
    }
)
#: Latency in M/M/1; its mean wait is Pollaczek's.
EXPONENTIAL: Features = LUCK | OF_NO_MATTER | THINNED | CHOSEN | {F.SENDING, F.MERGERS}
#: The bounds of a fork and join: every shard has one replica.
FORK_AND_JOIN: Features = LUCK | OF_NO_MATTER | CHOSEN
#: Mean wait in M/M/c.
ERLANG: Features = EXPONENTIAL | {F.WORKERS}
#: Passes of every query through the same replicas, all of one exponential service: a network of Kelly's.
PASSES: Features = LUCK | OF_NO_MATTER | THINNED | CHOSEN | {F.SENDING, F.WORKERS, F.SHARED_REPLICAS}
#: A network of streams, one after another, through replicas that each stage has for itself (Jackson).
STREAMS: Features = PASSES - {F.SHARED_REPLICAS}
#: Mean wait in GI/M/1: whoever chooses among replicas does not leave the gaps as they are.
KENDALL: Features = LUCK | OF_NO_MATTER | {F.SENDING, F.MERGERS}

#: Waits for a server of batches of any size at the same exponential time.
BULK: Features = LUCK | OF_NO_MATTER | {F.SENDING, F.MERGERS, F.BATCHING}

#: An exponential queue of so many workers, in which only so many are admitted.
ADMITTED: Features = LUCK | OF_NO_MATTER | {F.WORKERS, F.ADMISSION}

#: Latency in an empty system, of queries and of what replicas do besides, and where it is the same for every query.
ZERO_LOAD: Features = frozenset(
    {
        *LUCK,
        *OF_NO_MATTER,
        *THINNED,
        *SURROUNDED,
        *LONGER,
        *(F.DRAWN_MACHINES, F.ROUTING_BY_LOAD, F.WORKERS, F.BATCHING, F.DISCIPLINE, F.FAN_OUT, F.SHARING, F.BACKGROUND),
        *(F.SHARED_REPLICAS, F.CLIENTS, F.ADMISSION, F.SOURCES),
    }
)
#: Exponential queues that clients come back to, one replica each.
CLOSED: Features = LUCK | OF_NO_MATTER | {F.CLIENTS, F.WORKERS}
#: Little's law, and that whoever leaves a stage enters the next: of queries, whatever tasks do.
FLOW: Features = ZERO_LOAD | {
    F.ROUTING_BY_LATENCY,
    F.LIMIT,
    F.GATHER,
    F.HEDGE,
    F.TIED,
    F.INTERFERENCE,
    F.SLOWDOWN,
    F.FAILURES,
    F.OPTIONAL,
    F.CACHE,
}
