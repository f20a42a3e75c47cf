"""PNG, PDF and HTML: their pixels, their text, and that they need none of the machine's fonts."""

import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
import resvg_py
from PIL import Image
from pypdf import PdfReader

from tinygrad_edu import Value, animate, draw
from tinygrad_edu.see.draw import images, theme
from tinygrad_edu.see.draw.render import NoEngineError

SIGN = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
    '<text x="5" y="20" font-size="20" font-family="Helvetica">{}</text></svg>'
)


def rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))


def opened(content: bytes, mode: str = "RGB") -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        return image.convert(mode)


def count(image: Image.Image, color: tuple[int, ...]) -> int:
    return {pixel: number for number, pixel in image.getcolors(1 << 24)}.get(color, 0)


@pytest.fixture
def w1(example):
    return draw(example["E_total"], wrt=example["w1"], detail="named")


def test_png_has_the_size_and_the_colours_of_the_svg(w1):
    image = opened(images.png(w1.svg))
    pixels = [float(side) for side in re.findall(r' (?:width|height)="([\d.]+)"', w1.svg)[:2]]
    assert image.size == pytest.approx(pixels, abs=1)
    assert image.getpixel((0, 0)) == (255, 255, 255)
    positive, negative, faint = (
        count(image, rgb(c)) for c in (theme.POSITIVE, theme.NEGATIVE, theme.FAINT_LINE)
    )
    assert positive > negative > 500  # the thicker lines
    assert faint > 500


@pytest.mark.parametrize("sign", [*"∂×−–₀₁₂₃₄₅₆₇₈₉", "w", "Ж", "η"])
def test_every_sign_is_visible_in_png_and_differs_from_a_missing_one(sign):
    blank, seen = (opened(images.png(SIGN.format(content))).tobytes() for content in ("", sign))
    box = resvg_py.svg_to_bytes(
        svg_string=SIGN.format("\uefff").replace("Helvetica", "Arimo"),
        font_files=[images._font_file()],
        skip_system_fonts=True,
        background="white",
    )
    missing = opened(box).tobytes()
    assert len({blank, missing, seen}) == 3


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("汉字", "汉 (CJK UNIFIED IDEOGRAPH-6C49)"),
        ("a😀", "😀 (GRINNING FACE)"),
        ("شبکه", "ش (ARABIC LETTER SHEEN)"),
        ("א", "א (HEBREW LETTER ALEF)"),  # Arimo has it, but a PDF would show it from left to right
    ],
)
def test_a_pdf_that_cannot_show_a_sign_is_refused_with_its_name(label, said, tmp_path):
    drawing = draw(Value(1.0, label))
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- the whole message is compared
        drawing.save(tmp_path / "y.pdf")
    assert str(caught.value) == f"a .pdf cannot show {said} with the font Arimo: save as .png or .svg"
    assert not list(tmp_path.iterdir())
    assert label in drawing.svg


def test_a_png_without_a_font_for_a_sign_is_refused_with_its_name(monkeypatch, tmp_path):
    drawn = resvg_py.svg_to_bytes
    monkeypatch.setattr(
        resvg_py, "svg_to_bytes", lambda **options: drawn(**options | {"skip_system_fonts": True})
    )
    images._is_missing.cache_clear()
    animation = animate(Value(1.0, "汉") * 2)
    for show, name in ((draw(Value(1.0, "汉")), "y.png"), (animation, "y.gif"), (animation, "f.png")):
        with pytest.raises(
            ValueError, match=r"no font of this machine shows 汉 \(CJK .*-6C49\): save as .svg"
        ):
            show.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
    draw(Value(1.0, "שלום e\u0301 \x00")).save(tmp_path / "y.png")  # all in Arimo, or replaced
    images._is_missing.cache_clear()


def test_names_are_bold_in_png(example):
    svg = draw(example["E_total"], detail="named").svg
    assert 'font-weight="bold"' in svg
    dark = [
        sum(number for number, gray in opened(images.png(text), "L").getcolors() if gray < 100)
        for text in (svg, svg.replace('font-weight="bold"', ""))
    ]
    assert dark[0] > 1.03 * dark[1]


def test_dpi_is_the_scale_and_stands_in_the_file(w1, tmp_path):
    with (
        Image.open(w1.save(tmp_path / "fine.png", dpi=144)) as fine,
        Image.open(io.BytesIO(images.png(w1.svg))) as usual,
    ):
        assert fine.size == pytest.approx([1.5 * side for side in usual.size], abs=2)
        assert fine.info["dpi"] == pytest.approx((144, 144), abs=0.1)


@pytest.mark.parametrize("dpi", [0, -1, float("nan"), float("inf"), 1e6])
def test_impossible_dpi(w1, tmp_path, dpi):
    with pytest.raises(ValueError, match=rf"dpi={dpi}"):
        w1.save(tmp_path / "w1.png", dpi=dpi)
    assert not list(tmp_path.iterdir())


def test_transparent_png(w1, tmp_path):
    with Image.open(w1.save(tmp_path / "w1.png", transparent=True)) as image:
        assert image.convert("RGBA").getpixel((0, 0))[3] == 0


def test_pdf_has_its_text_colours_and_fonts(w1):
    (page,) = PdfReader(io.BytesIO(images.pdf(w1.svg))).pages
    pixels = [float(side) for side in re.findall(r' (?:width|height)="([\d.]+)"', w1.svg)[:2]]
    points = [float(side) * 96 / 72 for side in page.mediabox[2:]]
    assert points == pytest.approx(pixels, abs=1)
    text = page.extract_text()
    shown = [
        element.text for element in ElementTree.fromstring(w1.svg).iter() if element.tag.endswith("}text")
    ]
    for line in shown:
        assert line in text, line
    fonts = {font.get_object()["/BaseFont"].split("+")[-1] for font in page["/Resources"]["/Font"].values()}
    assert {"Arimo-Regular", "Arimo-Bold"} <= fonts
    drawn = page.get_contents().get_data().decode("latin-1")
    for color in (theme.POSITIVE, theme.NEGATIVE):
        written = " ".join(f"{channel / 255:.6f}".strip("0").rstrip(".") or "0" for channel in rgb(color))
        assert f"{written} RG" in drawn


def test_a_second_pdf_has_signs_that_the_first_had_not():
    for label in ("first", "second_ηЖ"):
        (page,) = PdfReader(io.BytesIO(images.pdf(draw(Value(1.0, label)).svg))).pages
        assert label in page.extract_text()


def test_a_zero_edge_is_dashed():
    x = Value(0.0, "x")
    y = x * x
    y.label = "y"
    drawing = draw(y, wrt=x, detail="ops")
    assert "stroke-dasharray" in drawing.svg
    (page,) = PdfReader(io.BytesIO(images.pdf(drawing.svg))).pages
    assert re.search(rb"\[[\d. ]*\d[\d. ]*\] \d+ d\b", page.get_contents().get_data())


@pytest.mark.parametrize(("label", "is_covered"), [("w₅ ∂ Ж", True), ("漢字", False)])
def test_the_fonts_of_the_machine_are_asked_only_for_signs_that_arimo_has_not(monkeypatch, label, is_covered):
    asked = []
    monkeypatch.setattr(images, "_is_missing", lambda sign: False)
    drawn = resvg_py.svg_to_bytes

    def recorded(**options):
        asked.append(not options["skip_system_fonts"])
        return drawn(**options)

    monkeypatch.setattr(resvg_py, "svg_to_bytes", recorded)
    images.png(draw(Value(1.0, label)).svg)
    assert asked == [not is_covered]


def test_html_stands_alone(w1, tmp_path):
    page = w1.save(tmp_path / "w1.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert w1.svg in page
    assert "<script" not in page
    assert set(re.findall(r"https?://[^\"' ]*", page)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }


@pytest.mark.parametrize(
    "label", ['a"b', "|{}<>\\", "</svg><script>", "&lt;b&gt;", "é", "a\x00b", "\ud800", "%s {0}"]
)
def test_any_label(label, tmp_path):
    y = Value(2.0, label).tanh()
    y.label = "y"
    for suffix in ("png", "pdf", "html"):
        assert draw(y).save(tmp_path / f"y.{suffix}").stat().st_size > 500


@pytest.mark.parametrize("suffix", ["png", "pdf"])
@pytest.mark.parametrize("package", ["resvg_py", "svglib", "fontpkg_arimo"])
def test_without_the_extra_one_line_says_what_to_install(w1, tmp_path, monkeypatch, suffix, package):
    used = {"png": ("resvg_py", "fontpkg_arimo"), "pdf": ("svglib", "fontpkg_arimo")}
    if package not in used[suffix]:
        return
    for module in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, package, None)
    images._give_reportlab_the_font.cache_clear()
    with pytest.raises(NoEngineError, match="pip install fontpkg-arimo") as caught:
        w1.save(tmp_path / f"w1.{suffix}")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_same_bytes_without_the_fonts_of_the_machine_and_with_any_hash_seed(tmp_path):
    program = (
        "import sys; from tinygrad_edu import draw, worked_example; e = worked_example();"
        "e['E_total'].backward(); d = draw(e['E_total'], wrt=e['w5']);"
        "[d.save(f'{sys.argv[1]}.{suffix}') for suffix in ('png', 'pdf', 'html')]"
    )
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>")
    bare = {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "PYTHONHASHSEED": "1", "PATH": ""}
    for name, environment in (("usual", {"PYTHONHASHSEED": "0"}), ("bare", bare)):
        command = [sys.executable, "-c", program, str(tmp_path / name)]
        subprocess.run(command, env=os.environ | environment, check=True)
    for suffix in ("png", "pdf", "html"):
        usual, bare_bytes = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("usual", "bare"))
        assert usual == bare_bytes
