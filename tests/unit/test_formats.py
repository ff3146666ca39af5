"""What is shown of a number: few letters, never 0 for what is not 0, read back within its digits; errors tell apart."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulator.base import formats, units
from simulator.report import text


def _ratio(shown: str) -> float:
    """Of what is shown in percent, or as so many times."""
    if shown.endswith(" x"):
        return units.parse_number(shown.removesuffix(" x"))
    return units.parse_number(shown.removesuffix("%")) / 100


#: How each kind of figure is shown, read back, and how far a figure may be from what is read.
SHOWN = {
    "duration": (formats.format_duration, units.parse_duration, 0.005),
    "count": (formats.format_count, units.parse_count, 0.005),
    "rate": (formats.format_rate, units.parse_rate, 0.005),
    "exact rate": (formats.exact_rate, units.parse_rate, 0.0005),
    "size": (formats.format_size, units.parse_size, 0.005),
    "money": (lambda usd: f"{formats.format_money(usd)} USD/h", units.parse_money_rate, 0.05),
    "percent": (formats.format_percent, lambda shown: units.parse_number(shown.removesuffix("%")) / 100, 5e-6),
    "ratio": (text.ratio, _ratio, 0.05),
    "number": (text.number, units.parse_number, 0.0005),
}
#: Where another unit, a prefix or an exponent begins.
EDGES = [
    1e-12,
    1e-9,
    9.995e-7,
    1e-6,
    0.0009995,
    0.099,
    0.9995,
    9.996,
    999.6,
    9999.5,
    19_999.9,
    999_950.0,
    1e6,
    1e9,
    1e15,
]


@pytest.mark.parametrize("kind", SHOWN)
@given(exponent=st.floats(-12, 15), edge=st.sampled_from([None, *EDGES]))
@example(exponent=-3.5, edge=None)
def test_what_is_shown_is_short_not_nothing_and_read_back(kind, exponent, edge):
    value = 10**exponent if edge is None else edge
    if kind == "duration":
        value = min(value, 0.99 * units.MOST_SECONDS)
    show, parse, within = SHOWN[kind]
    shown = show(value)
    assert len(shown) <= formats.MOST_LETTERS + (6 if kind == "money" else 5 if kind == "ratio" else 0), shown
    read = parse(shown.replace(",", ""))
    assert read > 0, shown
    assert read == pytest.approx(value, rel=within * 1.0001), shown


@pytest.mark.parametrize(
    "show", [formats.format_duration, formats.format_rate, formats.exact_rate, formats.format_size]
)
@pytest.mark.parametrize("value", [1e-170, 1e300, 5e-324, math.inf, -1e-5, -2e20])
def test_what_is_far_beyond_is_short_too(show, value):
    assert len(show(value)) <= formats.MOST_LETTERS + 2


@given(st.floats(1e-6, 1) | st.floats(0.999, 1))
@example(math.nextafter(1.0, 0.0))
def test_a_ratio_below_one_is_not_shown_as_100_percent(value):
    assert (text.ratio(value) in ("100.0 %", "100 %")) == (100 * value == 100)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_shortest_text_is_the_number(value):
    assert float(formats.shortest(value)) == value


@pytest.mark.parametrize(
    "show", [formats.format_duration, formats.format_count, formats.format_rate, formats.format_size]
)
@given(value=st.floats(1e-9, 1e15), more=st.floats(1e-12, 1))
def test_two_numbers_of_an_error_differ_as_shown(show, value, more):
    other = value * (1 + more)
    one, two = formats.apart(show, value, other)
    assert one != two


@pytest.mark.parametrize(
    ("parse", "value", "cure"),
    [
        (units.parse_duration, 1234567.5, "'1234567.5ms'"),
        (units.parse_rate, 1234567.5, "'1234567.5/s'"),
        (units.parse_count, math.nan, "got nan"),
    ],
)
def test_a_cure_has_all_digits(parse, value, cure):
    with pytest.raises(ValueError, match=cure):
        parse(value)
