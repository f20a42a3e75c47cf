"""The live page as Python makes it; what its JavaScript computes is what the engine computes."""

import json
import math
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import oracle
import pytest

from tinygrad_edu import DomainError, StaleError, Value, explore, worked_example
from tinygrad_edu.engine.op import TABLE, Op
from tinygrad_edu.nn import MLP
from tinygrad_edu.see.explain.budget import budget
from tinygrad_edu.see.explore import Explorer, subject
from tinygrad_edu.see.graph import fold, multiplied
from tinygrad_edu.see.mistakes import mistakes
from tinygrad_edu.see.words import PAGE, WORDS

HERE = Path(__file__).parent
PARAMETERS = {"power": (3.0,), "clip": (-0.5, 0.75)}
OPERATIONS = [
    op
    for name, op in TABLE.items()
    if name not in ("round", "floor", "ceil", "sign")
    and (name in PARAMETERS or {*op.takes} <= {*op.defaults})
]

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node runs the page's arithmetic")


def apply(op: Op, rng: random.Random, pool: list[Value]) -> Value:
    if op.over_lists:
        return op(*[rng.choices(pool, k=3) for _ in range(op.arity)])
    return op(*rng.choices(pool, k=op.arity), *PARAMETERS.get(op.name, ()))


def random_graph(seed: int, size: int = 12) -> tuple[Value, list[Value]]:
    """Return the root and the leaves of a graph of operations taken at random, half of them with a label."""
    rng = random.Random(seed)
    leaves = [Value(rng.uniform(-2, 2), f"x{i}") for i in range(3)]
    values = [*leaves]
    while len(values) < size + 3:
        try:
            value = apply(rng.choice(OPERATIONS), rng, [*values[-5:], *leaves])
        except DomainError:
            continue
        slopes = [abs(slope) for slope in value.slopes]
        if abs(value.data) < 50 and max(slopes) < 50:
            value.label = f"v{len(values)}" if rng.random() < 0.5 else ""
            values.append(value)
    used = {arg for value in values for arg in value.args}
    return TABLE["sum"]([value for value in values if value not in used]), leaves


def in_javascript(subjects: list[dict[str, Any]]) -> Any:
    node = subprocess.run(
        ["node", HERE / "js" / "passes.mjs"],
        input=json.dumps(subjects),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(node.stdout)


def as_subject(root: Value, detail: Any, inputs: list[list[float]]) -> tuple[Any, dict[str, Any]]:
    graph = fold(root, detail)
    leaves = [node for node in graph.nodes if not node.args and not node.is_constant]
    return (graph, leaves), {
        "graph": subject.described(graph, leaves[0], leaves),
        "program": subject.javascript(subject.program(graph, leaves)),
        "inputs": inputs,
    }


def is_close(x: float | None, y: float) -> bool:
    return x is not None and math.isclose(x, y, rel_tol=1e-12, abs_tol=1e-12)


@needs_node
def test_500_random_graphs_at_other_numbers_give_what_the_engine_gives() -> None:
    rng = random.Random(7)
    made, subjects = [], []
    for seed in range(500):
        root, _ = random_graph(seed)
        inputs = [[rng.uniform(-2, 2) for _ in range(3)] for _ in range(3)]
        pair, data = as_subject(root, ["ops", "named"][seed % 2], inputs)
        order = [pair[1].index(leaf) for leaf in pair[1]]
        assert order == sorted(order)
        data["inputs"] = [x[: len(pair[1])] for x in inputs]
        made.append(pair)
        subjects.append(data)
    compared = 0
    for (graph, leaves), data, results in zip(made, subjects, in_javascript(subjects), strict=True):
        for x, result in zip(data["inputs"], results, strict=True):
            for leaf, number in zip(leaves, x, strict=True):
                leaf.data = number
            try:
                graph.root.forward()
                graph.root.zero_grad()
                graph.root.backward()
            except DomainError:
                continue
            if max(abs(node.data) for node in graph.nodes) > 1e6:
                continue  # sin(1e12) differs between two libraries
            compared += 1
            for i, node in enumerate(graph.nodes):
                if not node.is_constant:
                    assert is_close(result["data"][i], node.data), (graph.names[node], x)
                    assert is_close(result["grad"][i], node.grad), (graph.names[node], x)
    assert compared > 700


@needs_node
def test_every_operation_at_every_sample_gives_what_the_engine_gives() -> None:
    made, subjects = [], []
    for op in oracle.operations():
        for sample in oracle.samples(op):
            leaves = [Value(number, f"x{i}") for i, number in enumerate(sample)]
            root = oracle.apply(op, leaves)
            root.backward()
            pair, data = as_subject(root, "ops", [])
            data["inputs"] = [[leaf.data for leaf in pair[1]]]
            made.append((op, sample, pair[0]))
            subjects.append(data)
    for (op, sample, graph), [result] in zip(made, in_javascript(subjects), strict=True):
        for i, node in enumerate(graph.nodes):
            assert is_close(result["data"][i], node.data), (op, sample)
            assert is_close(result["grad"][i], node.grad), (op, sample)


@needs_node
@pytest.mark.parametrize("detail", ["ops", "named"])
def test_equal_expressions_are_nodes_of_their_own(detail: Any) -> None:
    x = Value(0.5, "x")
    u, v = x.tanh(), x.tanh()
    u.label, v.label = "u", "v"
    root = u * v
    root.backward()
    (graph, _), data = as_subject(root, detail, [[0.5]])
    [[result]] = in_javascript([data])
    assert result["grad"] == pytest.approx([node.grad for node in graph.nodes], rel=1e-12)


@needs_node
def test_paths_budget_and_mistakes_are_those_of_python() -> None:
    example = worked_example()
    root = example["E_total"]
    (graph, leaves), data = as_subject(root, "named", [[]])
    data["inputs"] = [[leaf.data for leaf in leaves]]
    [[result]] = in_javascript([data])
    for i, leaf in enumerate(leaves):
        assert result["paths"][i] == graph.path_count(leaf)
        products = [multiplied(path) for path in graph.paths(leaf, 8)]
        assert result["products"][i] == pytest.approx(products, rel=1e-12)
        assert result["budgets"][i] == pytest.approx([factor for _, factor in budget(graph, leaf)], rel=1e-12)
        assert math.prod(result["budgets"][i]) == pytest.approx(graph.adjoint[leaf], rel=1e-12)
        if leaf.group.role == "weight":
            known = mistakes(graph, leaf)
            for key, number in result["mistakes"][i]:
                assert any(key == other.key and is_close(number, other.number) for other in known), (
                    leaf.label,
                    key,
                )
            assert {"minus", "half", "sum"} <= {key for key, _ in result["mistakes"][i]}


@needs_node
def test_an_edge_that_is_one_of_several_paths_is_marked() -> None:
    x = Value(2.0, "x")
    y = x * x
    (_, _), data = as_subject(y, "ops", [[2.0]])
    assert [edge["use"] for edge in data["graph"]["edges"]] == [1, 2]
    z = x.exp()
    z.label = "z"
    root = z * x
    root.label = "root"
    (_, _), data = as_subject(root, "named", [[2.0]])
    assert [edge["direct"] for edge in data["graph"]["edges"]].count(True) == 1


def example_page(**options: Any) -> Explorer:
    example = worked_example()
    example["E_total"].backward()
    return explore(example["E_total"], example["w5"], **options)


def test_the_page_of_the_worked_example_is_small_and_the_same_each_time() -> None:
    html = example_page().html
    assert len(html.encode()) <= 150_000
    assert html == example_page().html


def test_nothing_in_the_page_has_a_style_attribute_or_asks_for_anything() -> None:
    html = example_page().html
    markup = html[: html.index('<script type="module">')]
    assert " style=" not in markup
    assert markup.count("<style>") == 1
    assert not re.search(r'(src|href)="(?!#)', markup.replace("xmlns:xlink", ""))


HOSTILE = ["</script><img src=x onerror=alert(1)>", "x" * 10_000, "step", "", "__proto__", "a{b}\\", "\u2028"]


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_data(label: str) -> None:
    w, x = Value(0.5, label), Value(2.0, "x")
    y = (w * x).tanh()
    y.label = label
    html = explore(y).html
    assert html.count("</script>") == 1
    assert "<img" not in html
    assert "x" * 100 not in html.replace("x" * 41, "") or len(label) < 100


def test_the_static_page_has_the_picture_and_the_derivation() -> None:
    html = example_page().html
    assert "<svg" in html
    assert "<math" in html
    assert "0.082167041" in html


def test_leaves_are_all_or_those_asked_for() -> None:
    x, y = Value(1.0, "x"), Value(2.0, "y")
    z = x * y + 3
    assert explore(z).leaves == [x, y]
    explorer = explore(z, inputs=[y])
    assert explorer.leaves == [y]
    assert "const [v1] = x;" in explorer.html
    with pytest.raises(ValueError, match="inputs are leaves"):
        explore(z, inputs=[z])
    with pytest.raises(KeyError, match="leaf"):
        explore(z, samples=[{"w": 1.0}])


def test_mistakes_are_refused_in_one_sentence() -> None:
    x = Value(1.0, "x")
    y = x.exp()
    with pytest.raises(ValueError, match="not in the graph"):
        explore(y, Value(2.0, "z"))
    with pytest.raises(KeyError, match="language"):
        explore(y, lang="fr")
    with pytest.raises(ValueError, match=r"end it in \.html"):
        explore(y).save("page.png")
    x.data = 2.0
    with pytest.raises(StaleError, match="forward"):
        explore(y)


def test_a_graph_that_is_too_large_is_refused_with_advice() -> None:
    total = Value(0.0, "s")
    for _ in range(5_000):
        total = total + 1.0
    with pytest.raises(ValueError, match="more than a page can show"):
        explore(total)

    xs = [Value(1.0, f"x{i}") for i in range(320)]
    with pytest.raises(ValueError, match=r"^32\d nodes are too many to read on a page: label what matters"):
        explore(sum(xs))


def test_an_infinite_slope_has_a_number_and_no_formula() -> None:
    w, x = Value(2.0, "w"), Value(0.0, "x")
    explorer = explore(w * x.sqrt(), w)
    graph, leaves = explorer.graph, explorer.leaves
    formulas = {
        explorer.graph.nodes[edge["source"]].label: edge["formula"]
        for edge in subject.described(graph, w, leaves)["edges"]
    }
    assert formulas["x"] == ""
    assert formulas["w"] != ""


def test_a_crowded_graph_is_folded() -> None:
    model = MLP(3, [8, 8, 1])
    explorer = explore(
        model([1.0, 2.0, 3.0])[0] if isinstance(model([1.0, 2.0, 3.0]), list) else model([1.0, 2.0, 3.0])
    )
    assert len(explorer.graph.nodes) <= 300


def test_both_languages_say_the_same_things() -> None:
    assert PAGE["en"].keys() == PAGE["zh"].keys()
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    places = re.compile(r"\{(\w+)\}")
    for key, sentence in WORDS["en"].items():
        assert {*places.findall(sentence)} == {*places.findall(WORDS["zh"][key])}, key


def test_every_sentence_that_the_script_says_is_in_the_table() -> None:
    script = (Path(subject.__file__).parent / "page.js").read_text(encoding="utf-8")
    said = set(re.findall(r'say\("(\w+)"', script)) | set(
        re.findall(r'"(step_\w+|nudge_\w+|budget_\w+)"', script)
    )
    assert said <= PAGE["en"].keys()


def test_a_widget_writes_to_the_leaves_and_computes_the_rest() -> None:
    explorer = example_page()
    w5, root = explorer.wrt, explorer.graph.root
    widget = explorer.widget()
    assert widget.numbers == [leaf.data for leaf in explorer.leaves]
    assert explorer.graph.nodes[widget.selected] is w5
    gradient = w5.grad
    widget["w5"] = 0.9
    assert w5.data == 0.9
    assert root.data == worked_example(w5=0.9)["E_total"].data
    assert w5.grad == gradient
    w5.data = 0.4
    widget.refresh()
    assert widget.numbers[explorer.leaves.index(w5)] == 0.4
    assert root.data == worked_example()["E_total"].data
    with pytest.raises(KeyError, match="there is no leaf"):
        widget["w9"] = 1.0


def test_a_widget_goes_on_where_a_number_lies_outside_the_domain() -> None:
    x = Value(4.0, "x")
    y = x.sqrt()
    widget = explore(y).widget()
    widget["x"] = -1.0  # as while someone types; the page says what is wrong
    assert x.data == -1.0
    widget["x"] = 9.0
    assert y.data == 3.0


def test_a_widget_without_anywidget_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match="pip install anywidget"):
        example_page().widget()


def test_a_notebook_gets_a_closed_frame() -> None:
    bundle = example_page()._repr_mimebundle_()
    assert bundle["text/html"].startswith("<iframe")
    assert 'sandbox="allow-scripts"' in bundle["text/html"]
    assert bundle["text/html"].count("<script") == 0  # the page is an attribute, escaped
