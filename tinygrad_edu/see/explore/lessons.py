"""Lessons: steps that set the page's controls, show a sentence, and ask. They are data.

A step has the key of its sentence, and what it sets (``select``, and numbers of ``leaves`` by name). It may
have a ``pane``, the controls to use, and what it asks (``kind``: the sign, which of two is larger, the
number, or the missing factor).
"""

from typing import Any

LESSONS: dict[str, list[dict[str, Any]]] = {
    "worked": [
        {"say": "worked_1", "set": {"select": "w5"}, "pane": "change"},
        {"say": "worked_2", "set": {"select": "w5"}, "ask": {"kind": "sign", "wrt": "w5"}},
        {"say": "worked_3", "set": {"select": "w5"}, "ask": {"kind": "factor", "wrt": "w5"}},
        {"say": "worked_4", "set": {"select": "w5"}, "ask": {"kind": "number", "wrt": "w5"}},
        {"say": "worked_5", "set": {"select": "w5"}, "pane": "descend"},
    ],
    "paths": [
        {"say": "paths_1", "set": {"select": "w1"}, "pane": "change"},
        {"say": "paths_2", "set": {"select": "w1"}, "ask": {"kind": "sign", "wrt": "w1"}},
        {"say": "paths_3", "set": {"select": "w1"}, "ask": {"kind": "number", "wrt": "w1"}},
        {"say": "paths_4", "set": {"select": "out_h1"}, "pane": "step"},
    ],
    "saturation": [
        {"say": "saturation_1", "set": {"select": "w1", "leaves": {"b1": 6.0}}, "pane": "change"},
        {
            "say": "saturation_2",
            "set": {"select": "w1", "leaves": {"b1": 6.0}},
            "ask": {"kind": "larger", "wrt": "w1", "other": "w5"},
        },
        {"say": "saturation_3", "set": {"select": "w1"}, "pane": "change"},
    ],
}


def lessons(graph: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lessons whose names all occur in a graph, the names replaced by positions.

    Args:
        graph: the graph as data, as a page has it.
    """
    position = {node["key"]: i for i, node in enumerate(graph["nodes"])}
    leaf = {node: i for i, node in enumerate(graph["leaves"])}
    found = []
    for name, steps in LESSONS.items():
        try:
            found.append({"name": name, "steps": [_placed(step, position, leaf) for step in steps]})
        except KeyError:
            continue  # a lesson about another graph
    return found


def _placed(step: dict[str, Any], position: dict[str, int], leaf: dict[int, int]) -> dict[str, Any]:
    settings = dict(step["set"])
    numbers = settings.pop("leaves", {})
    placed = {
        "say": step["say"],
        "set": {
            "select": position[settings["select"]],
            "x": [[leaf[position[name]], number] for name, number in numbers.items()],
        },
    }
    if "pane" in step:
        placed["pane"] = step["pane"]
    if "ask" in step:
        placed["ask"] = {key: position[text] if key != "kind" else text for key, text in step["ask"].items()}
    return placed
