"""Random numbers: known answers, names that do not collide, and the open interval."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core import draws

# Random123 1.14, kat_vectors: philox4x32 10 rounds
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    (
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_gives_the_known_answers(counter, key, answer):
    words = [np.uint64(word) for word in (*counter, *key)]
    assert tuple(int(word) for word in draws.philox(*words)) == answer


names = st.tuples(
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 13),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
)


@given(names)
def test_a_uniform_is_inside_the_open_interval_and_has_no_memory(name):
    first = draws.uniforms(*name)
    draws.uniforms(1, 2, 3, 4, 5, 6)
    assert draws.uniforms(*name) == first
    assert 0.0 < first[0] < 1.0
    assert 0.0 < first[1] < 1.0


@given(names, names)
def test_two_names_have_two_numbers(one, two):
    if one != two:  # 104 random bits: a collision would be a bug
        assert draws.uniforms(*one) != draws.uniforms(*two)


def test_the_extreme_blocks_stay_inside():
    ones = np.uint64(0xFFFFFFFF)
    top = (np.float64((ones | (ones << np.uint64(32))) >> np.uint64(12)) + 0.5) * 2.0**-52
    assert top < 1.0
    assert 0.5 * 2.0**-52 > 0.0


def test_a_series_is_its_parts():
    whole = draws.series(7, 1, draws.WORK, 1000)
    assert np.array_equal(whole[400:], draws.series(7, 1, draws.WORK, 600, first=400))
    assert whole[3] == draws.uniforms(7, 1, draws.WORK, 3, 0, 0)[0]


def test_uniforms_are_uniform():
    sample = draws.series(11, 0, draws.GAP, 100_000)
    counts = np.bincount((sample * 100).astype(int), minlength=100)
    chi2 = ((counts - 1000) ** 2 / 1000).sum()
    assert 42 < chi2 < 190  # 99 degrees of freedom: outside by chance in less than one of a million
