"""One style for every picture: its size, letters, digits and colours, in Python and on the command line."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from tinygrad_edu import Style, Value, animate, draw, handout, worked_example
from tinygrad_edu.__main__ import main
from tinygrad_edu.see.draw import theme
from tinygrad_edu.see.draw.dot import subscripted
from tinygrad_edu.see.draw.geometry import short, widest_number
from tinygrad_edu.see.draw.widths import width
from tinygrad_edu.see.notation import latex_name

SVG = "{http://www.w3.org/2000/svg}"
DETAILS = ["network", "named", "ops", "neuron", "layer"]


def texts(drawing) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text")]


def view_box(drawing) -> list[float]:
    return [float(number) for number in ElementTree.fromstring(drawing.svg).get("viewBox").split()]


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize(
    ("size", "sides"),
    [("slide", (1280, 720)), ("a4", (1123, 794)), ((800, 600), (800, 600)), ((360, 640), (360, 640))],
)
def test_a_picture_fills_a_size_and_nothing_is_cut_off(example, detail, size, sides):
    natural = draw(example["E_total"], example["w5"], detail=detail)
    fitted = draw(example["E_total"], example["w5"], detail=detail, style=Style(size, digits=4))
    opening = ElementTree.fromstring(fitted.svg)
    assert (float(opening.get("width")), float(opening.get("height"))) == sides
    left, top, wide, high = view_box(fitted)
    assert wide / high == pytest.approx(sides[0] / sides[1], rel=1e-3)
    assert left <= 0
    assert top <= 0
    if detail != "network":  # whose rows move apart to fill the size
        _, _, natural_wide, natural_high = view_box(natural)
        assert left + wide >= natural_wide
        assert top + high >= natural_high
    assert sorted(" ".join(texts(fitted)).split()) == sorted(" ".join(texts(natural)).split())


@pytest.mark.parametrize("detail", ["network", "named"])
def test_letters_have_the_size_that_is_asked_for(example, detail):
    def sizes(drawing) -> list[float]:
        return [float(size) for size in re.findall(r'font-size="([\d.]+)"', drawing.svg)]

    usual = sizes(draw(example["E_total"], detail=detail))
    large = sizes(draw(example["E_total"], detail=detail, style=Style(font_size=26)))
    assert max(large) == 26
    assert large == pytest.approx([size * 26 / max(usual) for size in usual], abs=0.01)


def test_digits(example):
    shown = texts(draw(example["E_total"], example["w5"], style=Style(digits=2)))
    assert "0.38" in shown  # net_h1 is 0.3775
    assert shown[-1] == "= 0.7414 × 0.1868 × 0.5933 = 0.08217"
    named = texts(draw(example["E_total"], example["w5"], detail="named", style=Style(digits=1)))
    assert "= 0.741 × 0.187 × 0.593" in named
    fine = texts(draw(example["E_total"], detail="named", style=Style(digits=10)))
    assert f"data {example['E_total'].data:.12g}" in fine


@pytest.mark.parametrize("digits", [1, 2, 3, 4, 6, 15])
def test_a_number_is_never_wider_than_its_room(digits):
    room = width(widest_number(digits), 13)
    for exponent in range(-323, 309):
        for mantissa in (1.0, -9.87654321, 4.44444444):
            if abs(mantissa) * 10.0**exponent < float("inf"):
                number = mantissa * 10.0**exponent
                text = short(number, digits)
                assert width(text, 13) <= room + 1, text
                assert text == "0" or float(text.replace("−", "-")) == pytest.approx(number, rel=0.5)


@pytest.mark.parametrize("detail", DETAILS)
def test_print_is_black_white_and_grey(example, detail):
    drawing = draw(example["E_total"], example["w1"], detail=detail, style=Style(theme="print"))
    colours = set(re.findall(r"#[0-9a-fA-F]{6}", drawing.svg))
    assert colours
    for colour in colours:
        assert colour[1:3] == colour[3:5] == colour[5:7], colour
    assert "<style>" not in drawing.svg
    flows = re.findall(r'class="edge flow">(?:.|\n)*?stroke-width="([\d.]+)"', drawing.svg)
    assert min(map(float, flows)) >= 2
    assert "#D55E00" not in drawing.source


def test_a_label_keeps_the_name_of_a_colour_in_print():
    x = Value(1.0, f'color="{theme.POSITIVE}"')
    y = x * 2
    y.label = "y"
    assert subscripted(x.label) in texts(draw(y, x, style=Style(theme="print")))


def test_names_as_mathematics_writes_them():
    theta, x = Value(0.5, "theta"), Value(2.0, "x_1")
    y = theta * x
    y.label = "θ_12"
    shown = texts(draw(y, theta))
    assert {"θ", "x₁", "θ₁₂ = θ·x₁"} <= {*shown}
    assert [latex_name(label) for label in ("theta", "theta_1", "θ_1", "x_1", "Omega2")] == [
        r"\theta", r"\theta_{1}", r"\theta_{1}", "x_{1}", r"\Omega_{2}",
    ]  # fmt: skip
    assert [latex_name(label) for label in ("x₁", "θ₁₂", "w_₁")] == ["x_{1}", r"\theta_{12}", "w_{1}"]
    assert [subscripted(text) for text in ("metal", "alphabet", "eta2", "beta_h1", "lambda·x")] == [
        "metal", "alphabet", "η₂", "β_h₁", "λ·x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"size": "a5"}, {"size": (0, 5)}, {"size": (1, 2, 3)}, {"size": ("a", "b")}, {"size": (1e9, 5)},
        {"font_size": 0}, {"font_size": "large"}, {"font_size": float("nan")}, {"digits": 0}, {"digits": 16},
        {"digits": 2.5}, {"theme": "dark"}, {"symbols": {"w": ""}}, {"symbols": {1: "w"}},
    ],
)  # fmt: skip
def test_what_is_not_possible_is_said(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Style(**options)


def test_the_command_has_the_same_style(tmp_path, capsys):
    path = tmp_path / "slide.svg"
    words = ["--size", "slide", "--font-size", "15", "--digits", "3", "--theme", "print"]
    assert main(["draw", "w5", "--output", str(path), *words]) == 0
    example = worked_example()
    style = Style("slide", font_size=15, digits=3, theme="print")
    assert path.read_text(encoding="utf-8").endswith(draw(example["E_total"], example["w5"], style=style).svg)
    assert main(["draw", "w5", "--output", str(path), "--size", "640x480"]) == 0
    assert 'width="640" height="480"' in path.read_text(encoding="utf-8")
    for size in ("huge", "640xhigh", "x", "0x480"):
        capsys.readouterr()
        assert main(["draw", "w5", "--output", str(path), "--size", size]) == 2
        assert "use 'slide', 'a4', or pixels" in capsys.readouterr().err


def test_what_the_style_of_an_animation_says(example):
    wrt = example["w5"]
    usual, given = (
        animate(example["E_total"], wrt, style=style)
        for style in (Style(), Style("slide", digits=2, theme="print", symbols={"w5": "ω"}))
    )
    opening = ElementTree.fromstring(given.svg)
    assert (opening.get("width"), opening.get("height")) == ("1280", "720")
    for colour in re.findall(r'="#([0-9a-fA-F]{6})"', given.svg):
        assert colour[:2] == colour[2:4] == colour[4:], colour
    assert "@keyframes" in given.svg
    shown = texts(given)
    assert "grad 0.08217" in shown
    assert "∂net_o₁/∂ω" in shown
    assert "ω" in shown
    assert "w₅" not in shown
    assert "grad 0.082167" in texts(usual)
    large = animate(example["E_total"], wrt, style=Style(font_size=24))
    assert set(re.findall(r'font-size="([\d.]+)"', large.svg)) == {"28.00", "24.00", "22.00"}


@pytest.mark.parametrize("size", ["slide", "a4", (1280, 720)])
def test_letters_in_a_size_are_as_large_as_asked_or_as_fit(example, size):
    def pixels(**options) -> float:
        drawing = draw(example["E_total"], example["w1"], style=Style(size, **options))
        opening = ElementTree.fromstring(drawing.svg)
        scale = float(opening.get("width")) / view_box(drawing)[2]
        return scale * max(map(float, re.findall(r'font-size="([\d.]+)"', drawing.svg)))

    most = pixels()
    assert pixels(font_size=11) == pytest.approx(11, rel=1e-3)
    assert pixels(font_size=40) == pytest.approx(most, rel=0.06)  # margins are rounded to whole pixels


@pytest.mark.parametrize("detail", DETAILS)
def test_symbols_stand_for_names(example, detail):
    style = Style(symbols={"w5": "w₁₁", "E_total": "L", "out_h1": "a", "hidden": "?", "E_tot": "no"})
    shown = " ".join(texts(draw(example["E_total"], example["w5"], detail=detail, style=style)))
    assert "w₁₁" in shown
    assert "∂L/∂" in shown
    assert "w₅" not in shown
    assert "E_total" not in shown
    assert "no" not in shown.split()
    x = Value(2.0, "a b")
    y = x * 3
    y.label = "y"
    assert {"χ", "y = χ·3"} <= {*texts(draw(y, detail="ops", style=Style(symbols={"a b": "χ"})))}


def test_the_command_gives_symbols_and_styles_animations(tmp_path, capsys):
    path = tmp_path / "w5.svg"
    assert main(["draw", "w5", "--output", str(path), "--symbol", "w5=ω", "--symbol", "E_total=L"]) == 0
    assert "∂L/∂ω" in path.read_text(encoding="utf-8")
    words = ["--size", "640x400", "--theme", "print", "--passes", "backward"]
    assert main(["animate", "w5", "--output", str(path), *words]) == 0
    assert 'width="640" height="400"' in path.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["draw", "w5", "--output", str(path), "--symbol", "w5"]) == 2
    assert "give a symbol for each name" in capsys.readouterr().err


@pytest.mark.parametrize("show", [draw, animate, handout])
@pytest.mark.parametrize("style", ["print", None, {"theme": "print"}])
def test_a_style_that_is_none_says_what_one_is(example, show, style):
    with pytest.raises(TypeError, match=r"style is a Style, as in Style\(theme='print'\), not "):
        show(example["E_total"], example["w5"], style=style)


def test_symbols_that_are_no_mapping_are_refused():
    with pytest.raises(ValueError, match="give a symbol for each name"):
        Style(symbols="w")
