"""Each detector on a clean series, a spike, a level shift, a constant series, and what is not a number."""

from __future__ import annotations

from math import isnan, nan

import numpy as np
import pytest

from risk.anomalies.detectors import LevelShift, Outlier, Sameness, median

NORMAL = [float(value) for value in np.random.Generator(np.random.PCG64(7)).standard_normal(600)]


def outlier(floor: float = 0.01) -> Outlier:
    return Outlier(window=96, floor=floor)


def test_the_median_is_the_middle() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5
    with pytest.raises(ValueError, match="median"):
        median([])


def test_an_outlier_is_far_out_and_a_clean_series_has_none() -> None:
    detector = outlier()
    scores = [detector.score(value) for value in NORMAL]
    assert max(abs(score) for score in scores) < 6.0
    assert 7.0 < detector.score(10.0) < 15.0
    assert -15.0 < detector.score(-10.0) < -7.0


def test_the_deviation_is_the_mad_in_units_of_a_normal_one() -> None:
    detector = Outlier(window=4, floor=1e-9, stride=4)
    for value in (1.0, 2.0, 3.0, 4.0):
        assert detector.score(value) == 0.0
    assert detector.score(2.5 + 1.4826) == pytest.approx(1.0)


def test_half_a_window_has_to_be_known_and_the_usual_is_taken_every_so_often() -> None:
    detector = Outlier(window=8, floor=1.0, stride=2)
    told = [detector.score(value) for value in (0.0, 0.0, 0.0, 100.0, 100.0)]
    assert told == [0.0, 0.0, 0.0, 0.0, 100.0]


def test_a_shifted_level_is_an_alarm_until_it_is_the_usual_one() -> None:
    detector = outlier()
    for value in NORMAL[:200]:
        detector.score(value)
    shifted = [detector.score(value + 20.0) for value in NORMAL[200:400]]
    assert min(shifted[:30]) > 10.0
    assert max(abs(score) for score in shifted[120:]) < 6.0


def test_a_constant_series_makes_no_alarm_of_a_flutter() -> None:
    detector = outlier(floor=0.5)
    assert [detector.score(5.0) for _ in range(200)] == [0.0] * 200
    assert detector.score(5.1) == pytest.approx(0.2)
    assert detector.score(15.0) == 20.0


def test_what_is_not_a_number_is_told_and_forgotten() -> None:
    one, other = outlier(), outlier()
    for index, value in enumerate(NORMAL):
        if index % 10 == 0:
            assert isnan(one.score(nan))
            assert isnan(one.score(float("inf")))
        assert one.score(value) == other.score(value)


@pytest.mark.parametrize(
    ("window", "floor", "stride"), [(3, 1.0, 1), (8, 0.0, 1), (8, 1.0, 0), (8, 1.0, 9), (8, nan, 1)]
)
def test_a_detector_that_cannot_work_is_refused(window: int, floor: float, stride: int) -> None:
    with pytest.raises(ValueError, match="make no sense"):
        Outlier(window=window, floor=floor, stride=stride)


def test_a_shift_adds_up_and_a_clean_series_does_not() -> None:
    shift = LevelShift(allowance=1.0, most=4.0)
    assert max(shift.add(value) for value in NORMAL) < 5.0
    shift.restart()
    assert [shift.add(3.0) for _ in range(3)] == [2.0, 4.0, 6.0]


def test_without_an_allowance_everything_above_zero_adds_up() -> None:
    shift = LevelShift(allowance=0.0, most=1.0)
    assert [shift.add(0.5), shift.add(9.0), shift.add(-0.25)] == [0.5, 1.5, 1.25]


def test_the_usual_is_taken_anew_every_eight_values_unless_told() -> None:
    detector = Outlier(window=8, floor=1.0)
    told = [detector.score(value) for value in [0.0] * 8 + [5.0]]
    assert told == [0.0] * 8 + [5.0]


def test_one_spike_is_not_a_shift() -> None:
    shift = LevelShift(allowance=1.0, most=4.0)
    assert shift.add(1_000.0) == 3.0
    assert shift.add(0.0) == 2.0
    assert [shift.add(-50.0), shift.add(0.5)] == [0.0, 0.0]


def test_a_constant_series_at_the_allowance_adds_nothing() -> None:
    shift = LevelShift(allowance=1.0, most=4.0)
    assert [shift.add(1.0) for _ in range(50)] == [0.0] * 50


def test_a_shift_forgets_what_is_not_a_number_and_can_begin_again() -> None:
    shift = LevelShift(allowance=1.0, most=4.0)
    shift.add(3.0)
    assert isnan(shift.add(nan))
    assert shift.total == 2.0
    shift.restart()
    assert shift.total == 0.0


@pytest.mark.parametrize(("allowance", "most"), [(-0.1, 1.0), (1.0, 1.0), (2.0, 1.0)])
def test_a_shift_that_could_never_add_up_is_refused(allowance: float, most: float) -> None:
    with pytest.raises(ValueError, match="make no sense"):
        LevelShift(allowance=allowance, most=most)


def test_sameness_is_the_share_of_the_most_frequent_answer() -> None:
    same = Sameness(window=50)
    told = [same.share("hold" if index % 50 < 43 else f"other {index}") for index in range(100)]
    assert told[:49] == [0.0] * 49, "fewer answers than the window say nothing"
    assert told[49] == 0.86
    assert same.usual == "hold"


def test_answers_leave_the_window() -> None:
    same = Sameness(window=4)
    for answer in ("a", "a", "a", "a"):
        same.share(answer)
    assert [same.share(answer) for answer in ("b", "c", "d", "e")] == [0.75, 0.5, 0.25, 0.25]


def test_sameness_of_one_answer_is_refused() -> None:
    assert Sameness(window=2).usual is None
    with pytest.raises(ValueError, match="always the same"):
        Sameness(window=1)
