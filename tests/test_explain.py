"""The explanations: the text's factors, every path, and equations that hold."""

import re

import pytest

from tinygrad_edu import Value, explain, worked_example

PARAMETERS = ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "b1", "b2"]


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?", text.replace("−", "-"))]


def test_w5_as_the_text_derives_it(example):
    written = str(explain(example["E_total"], example["w5"], learning_rate=0.5))
    for line in (
        "∂E_total/∂w5 = ∂E_total/∂out_o1 · ∂out_o1/∂net_o1 · ∂net_o1/∂w5",
        "∂E_total/∂out_o1 = −(target_o1 − out_o1) = −(0.01 − 0.751365070) = 0.741365070",
        "∂out_o1/∂net_o1  = out_o1·(1 − out_o1)",
        "∂net_o1/∂w5      = out_h1 = 0.593269992",
        "0.741365070 × 0.186815602 × 0.593269992 = 0.082167041",
        "w5⁺ = w5 − 0.5 · ∂E_total/∂w5 = 0.4 − 0.5 × 0.082167041 = 0.358916480",
    ):
        assert line in written


def test_w1_has_two_paths_that_meet_at_out_h1(example):
    written = str(explain(example["E_total"], example["w1"]))
    assert written.startswith("2 paths lead from w1 to E_total")
    assert "= 0.055399425 − 0.019049118\n" in written
    assert "= 0.036350306\n" in written


@pytest.mark.parametrize(("parameter", "paths"), [*zip(PARAMETERS, [2] * 4 + [1] * 4 + [4, 2], strict=True)])
def test_paths_and_value_of_every_parameter(example, reference, parameter, paths):
    explanation = explain(example["E_total"], example[parameter])
    assert explanation.path_count == len(explanation.paths) == paths
    published = float(reference["gradients dE_total/d"][parameter])
    assert explanation.value == pytest.approx(published, rel=1e-13)


@pytest.mark.parametrize("detail", ["named", "ops"])
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_line_fits_and_every_product_is_right(example, parameter, detail):
    written = str(explain(example["E_total"], example[parameter], detail))
    assert max(map(len, written.splitlines())) <= 80
    joined = re.sub(r"\n +(?=[=·×+−])", " ", written)
    products = re.findall(r"= ([-−()\d.e]+(?: × [-−()\d.e]+)+) = (\S+)", joined)
    assert products
    for product, result in products:
        expected = 1.0
        for factor in numbers(product):
            expected *= factor
        assert expected == pytest.approx(numbers(result)[0], rel=1e-5, abs=2e-9)


def test_a_value_without_label_gets_a_name_that_is_explained():
    x = Value(3.0, "x")
    written = str(explain((2 * x + 1) ** 2, x, "ops"))
    assert "  v1 = 2·x = 6\n  v2 = v1 + 1 = 7\n" in written
    assert "∂v3/∂v2 = 2·v2 = 2·7 = 14" in written


def test_more_paths_than_a_page_holds():
    x = y = Value(1.0, "x")
    for _ in range(40):
        y = y * y
    explanation = explain(y, x, "ops")
    assert explanation.path_count == 2**40
    assert explanation.value == 2**40
    assert "1,099,511,627,776 paths lead from x to" in str(explanation)


def test_no_path():
    x = Value(3.0, "x")
    assert str(explain(x, x)) == "∂x/∂x = 1: it is the root."
    with pytest.raises(ValueError, match="z is not in the graph of"):
        explain(x * 2, Value(1.0, "z"))


def test_hostile_labels_stay_on_their_line():
    x = Value(2.0, "a\nb\x1b[31m" + "c" * 100)
    y = x.exp()
    y.label = "y"
    written = str(explain(y, x))
    assert "\x1b" not in written
    assert "∂y/∂a b�[31m" in written


def test_nothing_is_stored():
    example = worked_example()
    explain(example["E_total"], example["w5"])
    assert all(value.grad == 0.0 for value in example.values())
