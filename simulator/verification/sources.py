"""Families of systems with known answers: which this version verifies, by whose result; which it cannot, and why."""

from typing import NamedTuple


class Known(NamedTuple):
    """A family that is verified."""

    system: str
    source: str


#: Families of ``oracles.csv`` (and the paper example), in the order of the report.
VERIFIED: dict[str, Known] = {
    "mm1": Known("M/M/1", "Kleinrock (1975), section 5.7"),
    "mm1_timeout": Known("M/M/1, share of queries later than a client waits", "Kleinrock (1975), section 5.7"),
    "md1": Known("M/D/1", "Crommelin (1932); Franx (2001)"),
    "mg1": Known("M/G/1: Erlang, hyperexponential, lognormal, uniform, bimodal", "Pollaczek (1930), Khinchine (1932)"),
    "mg1_pareto": Known("M/G/1, Pareto service", "Pollaczek (1930), Khinchine (1932); Asmussen (2003), chapter X"),
    "mg1_mix": Known("M/G/1, two kinds of queries", "Pollaczek (1930), Khinchine (1932)"),
    "mg1_after": Known(
        "M/G/1 whose worker cleans up after its answer", "Pollaczek (1930), Khinchine (1932) of service and clean-up"
    ),
    "closed": Known("clients that wait, exponential servers: M/M/c//N", "Feller (1957); Sevcik and Mitrani (1981)"),
    "closed_tandem": Known("clients that wait, two stages of exponential service", "Reiser and Lavenberg (1980)"),
    "closed_beside": Known("clients that wait beside a Poisson stream, one server", "Baskett et al. (1975)"),
    "feedback": Known("one server to which queries come back", "Takacs (1963); Kelly (1975)"),
    "autoscaled": Known("replicas chosen at random, as many as an autoscaler leaves", "Kleinrock (1975), chapter 6"),
    "breakdown": Known(
        "M/G/1 whose server stops, and goes on where it was",
        "White and Christie (1958); Avi-Itzhak and Naor (1963)",
    ),
    "avail": Known("every shard of a fleet of replicas that crash is up", "Barlow and Proschan (1975)"),
    "lru": Known("a cache whose least recently used key goes", "King (1971); Flajolet, Gardy and Thimonier (1992)"),
    "mxg1": Known("several items a query on one server", "Gross and Harris (1998), section 3.1"),
    "gm1": Known("GI/M/1: constant and Erlang gaps", "Kendall (1953); Kleinrock (1975), chapter 6"),
    "mmpp": Known("MMPP(2)/M/1: bursts", "Neuts (1981); Fischer and Meier-Hellstern (1993)"),
    "mmc": Known("M/M/c", "Erlang (1917); Gross and Harris (1998), section 2.3"),
    "mdc": Known("M/D/c", "Crommelin (1932); Franx (2001)"),
    "mh2c": Known("M/H2/c", "truncated Markov chain; Seelen, Tijms and van Hoorn (1985)"),
    "mmbulk": Known("batches, exponential service whatever the size", "Bailey (1954); Chaudhry and Templeton (1983)"),
    "mdbulk": Known("batches, constant service whatever the size", "Bailey (1954); Neuts (1967)"),
    "dynbatch": Known("batches whose time grows with their size", "Inoue (2021)"),
    "batchtimeout": Known("batches that wait for others, up to a limit", "renewal argument"),
    "batchfill": Known("batches that wait until they are full", "Erlang"),
    "sjf": Known("M/M/1, the shortest first", "Phipps (1956); Kleinrock (1976), section 3.7"),
    "prio": Known("M/G/1, two classes by priority", "Cobham (1954); Kleinrock (1976), section 3.3"),
    "prio_c": Known("M/M/c, two classes by priority", "Cobham (1954); Kella and Yechiali (1985)"),
    "kofn0": Known("the first k of n answers of an empty fleet", "Renyi (1953); David and Nagaraja (2003)"),
    "hedge0": Known("a copy of a late task, in an empty fleet", "order statistics; Dean and Barroso (2013)"),
    "erlangb": Known("workers without a queue: who finds all busy is lost", "Erlang (1917); Sevastyanov (1957)"),
    "mmcK": Known("M/M/c with a bounded queue", "Gross and Harris (1998), section 2.4"),
    "md1K": Known("M/D/1 with a bounded queue", "Keilson (1966); Gross and Harris (1998), section 5.1.8"),
    "admitted": Known("M/M/c with so many in flight at most", "Erlang (1917); Gross and Harris (1998), section 2.4"),
    "bucket": Known("a bucket of tokens before a Poisson stream: M/D/1/K", "Keilson (1966); Gross and Harris (1998)"),
    "giveup": Known("M/M/1 whose clients give up, and tell nobody", "Kleinrock (1975), section 5.7"),
    "late": Known("M/M/1 whose tasks start by a deadline or never", "Barrer (1957); Gnedenko and Kovalenko (1989)"),
    "bulkhead": Known("M/M/c whose clients send so many at once at most", "Erlang (1917); Gross and Harris (1998)"),
    "mm1ps": Known("tasks that share a worker", "Coffman, Muntz and Trotter (1970); Kleinrock (1976), section 4.4"),
    "redd": Known("copies at some replicas, cancelled when one is served", "Gardner et al. (2017)"),
    "fullrep": Known("copies at every replica, cancelled when one is served", "Gardner et al. (2015)"),
    "cos": Known("copies at every replica, cancelled when one starts: one queue", "Ayesta, Bodas and Verloop (2018)"),
    "nk": Known(
        "the first k of n answers, the rest cancelled", "Joshi, Liu and Soljanin (2014); truncated Markov chain"
    ),
    "mginf": Known("M/M/inf: the number in the system", "Takacs (1962)"),
    "mtminf": Known("M_t/M/inf: the number in the system follows a diurnal rate", "Eick, Massey and Whitt (1993)"),
    "rr": Known("replicas: random, round robin, one queue", "Kleinrock (1975), chapter 6; Wolff (1977)"),
    "jsq": Known(
        "replicas: least outstanding, power of two choices", "truncated Markov chain; Adan, Wessels and Zijm (1990)"
    ),
    "sqd_n": Known("power of two choices among many replicas", "refined mean field, Gast and Van Houdt (2017)"),
    "tandem": Known("stages of exponential service", "Jackson (1957); Burke (1956); Reich (1957)"),
    "tandem_md": Known("a random and a constant stage", "Burke (1956); Reich (1957)"),
    "tandem_dd": Known("stages of constant service", "Avi-Itzhak (1965); Friedman (1965)"),
    "fj2": Known("fan-out to two shards under load", "Flatto and Hahn (1984)"),
    "fjN": Known("fan-out to several shards under load", "truncated Markov chain"),
    "fj_det": Known("fan-out in lockstep", "one M/D/1 on every sample path"),
    "skew": Known("shards of unlike size, constant service", "one M/D/1 of the largest"),
    "fanout0": Known("fan-out to an empty fleet", "order statistics; David and Nagaraja (2003)"),
    "fanout0_het": Known("the same with one slow shard", "order statistics"),
    "sources0": Known("the same, the shards of two unlike sources", "the greatest of independent times"),
    "funnel0": Known("two fan-outs, empty", "Renyi (1953)"),
    "tailatscale": Known("a share of slow shards, empty", "Dean and Barroso (2013), figure 1"),
    "det": Known("a burst into constant stages, a server that is asked too much", "arithmetic"),
    "seed": Known("the paper example's stages, empty", "arithmetic"),
    "seed_load": Known("the paper example under load", "tandem_dd, fj_det"),
    "seed_contrast": Known("the same with exponential stages", "Reich (1957)"),
    "paper": Known("the paper example at any number of shards", "tandem_dd, fj_det"),
    "capacity": Known("the highest load within an objective", "inversion of the laws above"),
    "laws": Known("drawn scenarios against the book of laws, Little's law among them", "Little (1961); Stidham (1974)"),
}

_QUORUM = "no statistic of the table: shares of shards in time; a test holds them"
_MEASURED = "no feature: measurements of a service, which no model gives back"
_NO_EXACT = "no feature: bounds and approximations, nothing exact to hold a run against"

#: Families of the collection that the table was taken from, and the feature that is missing.
NOT_YET: dict[str, str] = {
    "mm1_asympvar": "no figure of a run: the variance of a mean from run to run",
    "erlanga": "clients that leave the queue",
    "mmc_d": "clients that leave the queue",
    "bounds": "no feature: bounds, nothing exact to hold a run against",
    "vacation": "a server that stops working whenever nobody waits",
    "setup": "cold starts",
    "deadline0": _QUORUM,
    "coverage": _QUORUM,
    "tailatscale_hedge": _MEASURED,
    "tailatscale_tab1": _MEASURED,
    "splitmerge": "a stage that takes one query at a time",
    "skew_random": "queries of one shard, with a chance of its own: keys lie where luck says",
    "lld": "least work of some sampled replicas",
    "sqd": "no feature: infinitely many replicas; sqd_n has a thousand",
    "fj_approx": _NO_EXACT,
    "fj_simref": "no feature: simulated values, not exact ones",
    "kingman": _NO_EXACT,
    "stats": "no feature: ranks of order statistics, not a system",
}
