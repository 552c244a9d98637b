"""What is read of a probe is a temperature, or says why it is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_edge.w1 import ABSURD_C, parse
from fellesskap_firmware_sim.cooling import scratchpad, w1_slave
from tests.edge.little_climate import BAD, GOOD, POWER_ON


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD, 23.125),
        (GOOD.replace("23125", "-18062"), -18.062),
        ("3937\n", 3.937),
        ("-250", -0.25),
        ("85000\n", "power-on value"),
        ("", "unreadable"),
        ("12", 0.012),
        ("t=4000\n", "unreadable"),
        (GOOD + GOOD, "unreadable"),
        (GOOD.replace("t=", "t= "), "unreadable"),
        ("٤٠٠٠\n", "unreadable"),
        *((text, what) for what, text in BAD.items()),
    ],
)
def test_reading_is_a_temperature_or_says_why_it_is_none(
    text: str | None, said: float | str
) -> None:
    assert parse(text) == said


@given(st.integers(-55 * 16, 125 * 16))
def test_every_temperature_of_the_chip_is_read_as_it_is_or_refused(sixteenths: int) -> None:
    said = parse(w1_slave(scratchpad(sixteenths / 16)))
    lowest, highest = ABSURD_C
    # 0.0 is no line that is held down: the other bytes of the chip are not zero.
    if lowest <= sixteenths / 16 <= highest:
        assert said == pytest.approx(sixteenths / 16, abs=0.001)
    else:
        assert isinstance(said, str)


@given(
    st.one_of(
        st.text(),
        st.tuples(st.sampled_from((GOOD, POWER_ON)), st.integers(0, 70), st.characters()).map(
            lambda torn: torn[0][: torn[1]] + torn[2] + torn[0][torn[1] + 1 :]
        ),
    )
)
def test_no_text_makes_an_absurd_temperature(text: str) -> None:
    said = parse(text)
    assert isinstance(said, str) or ABSURD_C[0] <= said <= ABSURD_C[1]
