"""Charts are markup that people can read with and without seeing it."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.web.charts.svg import Line, heat_map, line_chart, ticks

SVG = "{http://www.w3.org/2000/svg}"


def parsed(markup):
    return ET.fromstring(str(markup).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))


def drawn(**options):
    line = Line("found", [0, 50, 100], [0, 20, 40], **options)
    return line_chart("c", "Found", [line], x_label="votes", y_label="labels")


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_span_the_values_at_equal_steps(low, span):
    found = ticks(low, low + span)
    slack = 1e-6 * (abs(low) + span)
    assert found[0] <= low + slack
    assert found[-1] >= low + span - slack
    steps = [b - a for a, b in itertools.pairwise(found)]
    assert 2 <= len(found) <= 12
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)


def test_ticks_of_a_single_value_are_two():
    assert ticks(3, 3)[0] <= 3 < ticks(3, 3)[-1]


def test_a_chart_names_and_describes_itself():
    """The title says what is shown, the description where each line ends."""
    chart = parsed(drawn())
    assert chart.get("role") == "img"
    ids = chart.get("aria-labelledby").split()
    texts = {element.get("id"): element.text for element in chart if element.get("id")}
    assert texts[ids[0]] == "Found"
    assert "found: 40 at 100" in texts[ids[1]]


def test_points_lie_where_their_values_say():
    """Half of the way on both axes is half of the way in the drawing; up is more."""
    path = parsed(drawn()).find(f"{SVG}polyline").get("points")
    (x0, y0), (x1, y1), (x2, y2) = (tuple(map(float, p.split(","))) for p in path.split())
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.11)
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.11)
    assert y0 > y1 > y2


def test_names_of_classes_are_text_never_markup():
    names = ["<script>alert(1)</script>", "a & b"]
    chart = heat_map("m", "t", [[0.9, 0.1], [0.2, 0.8]], names, row_label="r", column_label="c")
    assert "<script" not in str(chart)
    labels = [element.text for element in parsed(chart).iter(f"{SVG}text")]
    assert "a & b" in labels


def test_a_heat_map_has_a_cell_per_pair_and_darkens_with_the_share():
    chart = heat_map(
        "m", "t", [[0.9, 0.1], [0.4, 0.6]], ["a", "b"], row_label="r", column_label="c"
    )
    shades = [float(s) for s in re.findall(r'fill-opacity="([\d.]+)"', str(chart))]
    assert len(shades) == 4
    assert shades[0] > shades[3] > shades[2] > shades[1]
