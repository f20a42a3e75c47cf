"""The live page as a Jupyter widget, which talks to Python; it needs anywidget (the extra ``notebook``)."""

from contextlib import suppress
from typing import Any

from tinygrad_edu._common.names import look_up
from tinygrad_edu.engine.errors import DomainError
from tinygrad_edu.see.explore import page

SHOW = """\
export default {
  render({ model, el }) {
    el.innerHTML = body;
    const home = el.querySelector(".explore");
    // Else "d d" deletes the cell: the notebook's shortcuts are for whatever has the focus in it.
    el.addEventListener("keydown", (event) => event.stopPropagation());
    hasSize(home).then(() => {
      const control = explore(home, graph, values, words, { widget: true });
      let sending = false;
      control.watch((state) => {
        sending = true;
        model.set({ numbers: state.x, step: state.step, selected: state.select });
        model.save_changes();
        sending = false;
      });
      const received = { numbers: "x", step: "step", selected: "select" };
      for (const [trait, key] of Object.entries(received)) {
        model.on(`change:${trait}`, () => sending || control.change({ [key]: model.get(trait) }));
      }
    });
  },
};
"""


def widget(explorer: Any, script: str, body: str) -> Any:
    """Return the page as a widget.

    Args:
        explorer: the ``Explorer`` that it shows.
        script: the page's module with the graph in it.
        body: the page's body.

    Raises:
        ImportError: if anywidget is missing; the message says what to install.
    """
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise ImportError("a widget needs anywidget: pip install anywidget") from None

    leaves = {leaf.label: i for i, leaf in enumerate(explorer.leaves)}

    class Widget(anywidget.AnyWidget):  # type: ignore[misc,unused-ignore]
        _esm = f"{script}\nconst body = {page.as_javascript(body)};\n{SHOW}"
        _css = page.asset("page.css")
        numbers = traitlets.List([leaf.data for leaf in explorer.leaves]).tag(sync=True)
        step = traitlets.Int(0).tag(sync=True)
        selected = traitlets.Int(explorer.graph.nodes.index(explorer.wrt)).tag(sync=True)

        def __setitem__(self, name: str, number: float) -> None:
            changed = [*self.numbers]
            changed[look_up("leaf", name, leaves)] = float(number)
            self.numbers = changed

        def refresh(self) -> None:
            """Show the present data of the leaves."""
            self.numbers = [leaf.data for leaf in explorer.leaves]

        @traitlets.observe("numbers")  # type: ignore[untyped-decorator,unused-ignore]
        def _write(self, change: Any) -> None:
            for leaf, number in zip(explorer.leaves, change["new"], strict=True):
                leaf.data = number
            with suppress(DomainError):  # the page says so itself
                explorer.graph.root.forward()

    return Widget()
