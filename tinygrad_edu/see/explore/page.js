/**
 * The live page of a recorded graph.
 *
 * Python writes a page around three things: `graph` (names, formulas, edges, and where the figure shows
 * them), `values` (the graph as a program, printed from the engine's own rules) and `words` (what the page
 * says, in each language). Python also lays out the figure; here its texts, widths and colours change.
 *
 * There is one state. `render` shows it. Every control changes it, through `change`, and does nothing else.
 *
 * A node is given by its position in `graph.nodes`, which has arguments before results; an edge by its
 * position in `graph.edges`, which are in the order of their targets. So one loop over the edges forward,
 * or backward, visits everything in the right order.
 */

// --- Arithmetic ------------------------------------------------------------------------------------------

/** Both passes: `data` of every node, `slope` (local derivative) of every edge, `grad` (∂root/∂node). */
export function bothPasses(graph, values, x) {
  const all = values(x);
  const data = all.slice(0, graph.nodes.length);
  const slope = all.slice(graph.nodes.length, graph.nodes.length + graph.edges.length);
  const grad = data.map(() => 0);
  grad[graph.root] = 1;
  for (let e = slope.length - 1; e >= 0; e--) {
    const { source, target, selects } = graph.edges[e];
    if (selects && slope[e] === 0) continue; // a branch not taken
    grad[source] += grad[target] * slope[e]; // the chain rule; what is used twice gets the sum
  }
  return { data, slope, grad, extras: all.slice(graph.nodes.length + graph.edges.length) };
}

/** How much of ∂root/∂from each edge carries; undefined off the paths from there to the root. */
export function flows(graph, { slope, grad }, from) {
  const tangent = [];
  const carried = [];
  tangent[from] = 1; // ∂node/∂from, as far as the change has arrived
  graph.edges.forEach(({ source, target }, e) => {
    if (tangent[source] === undefined) return;
    tangent[target] = (tangent[target] ?? 0) + tangent[source] * slope[e];
    carried[e] = tangent[source] * slope[e] * grad[target];
  });
  return carried;
}

/** How many paths lead from a node to the root. */
export function pathCount(graph, from) {
  const count = [];
  count[from] = 1;
  for (const { source, target } of graph.edges) {
    if (count[source]) count[target] = (count[target] ?? 0) + count[source];
  }
  return count[graph.root] ?? 0;
}

/**
 * The paths from a node to the root that contribute most, each `{edges, product}` with the root's edge first.
 * The best paths onward from a node are among the best of its targets, so very many take no longer than few.
 */
export function bestPaths(graph, slope, from, most) {
  const onward = graph.nodes.map(() => []);
  onward[graph.root] = [{ product: 1, edges: [] }];
  for (let e = slope.length - 1; e >= 0; e--) {
    const { source, target } = graph.edges[e];
    if (source < from) continue;
    const longer = onward[target].map((path) => ({ product: path.product * slope[e], edges: [...path.edges, e] }));
    onward[source] = [...longer, ...onward[source]];
    if (onward[source].length > most) {
      onward[source].sort((a, b) => Math.abs(b.product) - Math.abs(a.product));
      onward[source].length = most;
    }
  }
  return onward[from].map((path) => ({ ...path, key: path.edges.join("-") }));
}

/**
 * The factor budget: ∂root/∂from as one product, the factors of its strongest path and what the other paths
 * make of it. Each is `{edge, factor}`; the last has no edge if there are other paths.
 */
export function budget(graph, { slope, grad }, from) {
  const [strongest] = bestPaths(graph, slope, from, 1);
  if (!strongest) return [];
  const factors = strongest.edges.map((edge) => ({ edge, factor: slope[edge] }));
  if (pathCount(graph, from) > 1 && strongest.product !== 0) {
    factors.push({ edge: null, factor: grad[from] / strongest.product });
  }
  return factors;
}

/** The root and all gradients on average over the samples of a data set, or as they are if there is none. */
export function overSamples(graph, values, x) {
  if (!graph.samples.length) {
    const now = bothPasses(graph, values, x);
    return { root: now.data[graph.root], grad: now.grad };
  }
  const all = graph.samples.map((sample) => bothPasses(graph, values, withNumbers(x, sample)));
  const mean = (of) => all.reduce((sum, now) => sum + of(now), 0) / all.length;
  const grad = graph.nodes.map((_, node) => mean((now) => now.grad[node]));
  return { root: mean((now) => now.data[graph.root]), grad };
}

/** The numbers of all leaves, some replaced: `numbers` are pairs of a position and a number. */
function withNumbers(x, numbers) {
  const next = [...x];
  for (const [leaf, number] of numbers) next[leaf] = number;
  return next;
}

/**
 * Take steps of gradient descent: all gradients first, then all updates.
 * `trained` are positions in x; `errors` are pairs [step, root], at most about 200 of them.
 */
export function descend(graph, values, x, trained, rate, steps) {
  const errors = [];
  const every = Math.ceil(steps / 200);
  let now = overSamples(graph, values, x);
  let step = 0;
  while (step < steps) {
    const next = [...x];
    for (const leaf of trained) next[leaf] -= rate * now.grad[graph.leaves[leaf]];
    const then = overSamples(graph, values, next);
    if (![then.root, ...then.grad].every(Number.isFinite)) break;
    [x, now] = [next, then];
    step += 1;
    if (step % every === 0 || step === steps) errors.push([step, now.root]);
  }
  return { x, step, errors };
}

/** The first node without a number, or the first edge without a local derivative; undefined if all have one. */
export function firstBad({ data, slope }) {
  const node = data.findIndex((number) => !Number.isFinite(number));
  if (node >= 0) return { node };
  const edge = slope.findIndex((number) => !Number.isFinite(number));
  return edge >= 0 ? { edge } : undefined;
}

/** What happens, step by step: each computed node forward, then 1 at the root, then every edge backward. */
export function schedule(graph) {
  const forward = [...graph.nodes.keys()].filter((node) => !graph.nodes[node].leaf).map((node) => ({ node }));
  const backward = [...graph.edges.keys()].reverse().filter((edge) => !graph.nodes[graph.edges[edge].source].constant);
  return [...forward, { seed: graph.root }, ...backward.map((edge) => ({ edge }))];
}

/** The numbers that are known after so many steps of the schedule; undefined where there is none yet. */
export function knownAfter(graph, now, steps, count) {
  const data = now.data.map((number, node) => (graph.nodes[node].leaf ? number : undefined));
  const grad = [];
  for (const { node, seed, edge } of steps.slice(0, count)) {
    if (node !== undefined) data[node] = now.data[node];
    if (seed !== undefined) grad[seed] = 1;
    if (edge !== undefined) {
      const { source, target } = graph.edges[edge];
      grad[source] = (grad[source] ?? 0) + grad[target] * now.slope[edge];
    }
  }
  return { data, grad };
}

// --- Numbers, formulas, addresses ------------------------------------------------------------------------

const superscript = (digits) => digits.replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
const readable = (text) => text.replace(/e\+?(-?\d+)/, (_, power) => `·10${superscript(power)}`).replace(/^-/, "−");

/** A number as `explain` writes it: exactly where that is short, else with nine decimals. */
export function number(x) {
  const exact = String(x + 0);
  if (exact.length <= 11) return readable(exact);
  const size = Math.abs(x);
  const rounded = size >= 1e-4 && size < 1e9 ? x.toFixed(9) : x.toExponential(8);
  return readable(rounded.length < exact.length ? rounded : exact);
}

/** A number in six significant digits, as the figure writes it. */
export function digits(x, most = 6) {
  const rounded = Number(x.toPrecision(most)) + 0;
  const small = rounded !== 0 && Math.abs(rounded) < 1e-4;
  return readable(small ? rounded.toExponential() : String(rounded));
}

/** The number that a text means, a decimal comma and a typed minus included; undefined if it means none. */
export function parse(text) {
  const plain = text.trim().replace(/^[−–]/, "-").replace(/^([^,.]*),([^,.]*)$/, "$1.$2");
  const x = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
  return Number.isFinite(x) ? x : undefined;
}

// In a formula, one character beyond the letters of all languages stands for each node.
const MARKS = /[\u{F0000}-\u{FFFFD}]/gu;
const marked = (mark) => mark.codePointAt(0) - 0xf0000;

/** The node that a formula consists of, undefined if there is more in it. */
function singleNode(formula) {
  const isSingle = [...formula].length === 1 && formula.replace(MARKS, "") === "";
  return isSingle ? marked(formula) : undefined;
}

/** A formula with names in it. */
export const inNames = (graph, formula) => formula.replace(MARKS, (mark) => graph.nodes[marked(mark)].shown);

/** A formula with numbers in it, the negative ones in brackets where they need them. */
export function inNumbers(formula, data) {
  return formula.replace(MARKS, (mark, at) => {
    const text = number(data[marked(mark)]);
    const first = at === 0 || formula[at - 1] === "(";
    const raised = /[\^⁰¹²³⁴-⁹⁻]/.test(formula[at + mark.length] ?? "");
    return (text.startsWith("−") && !first) || (/[−·]/.test(text) && raised) ? `(${text})` : text;
  });
}

/** The part of an address after # that leads to a state. */
export function toAddress(graph, state) {
  const parts = graph.leaves.flatMap((node, i) =>
    state.x[i] === graph.at[i] ? [] : [`v.${encodeURIComponent(graph.nodes[node].key)}=${state.x[i]}`],
  );
  parts.push(`select=${encodeURIComponent(graph.nodes[state.select].key)}`, `mode=${state.mode}`);
  if (state.mode === "step") parts.push(`step=${state.step}`);
  if (state.lang !== graph.lang) parts.push(`lang=${state.lang}`);
  return `#${parts.join("&")}`;
}

/** The changes of the state that such a part of an address stands for; what it does not know it leaves out. */
export function fromAddress(graph, hash) {
  const patch = { x: [...graph.at] };
  const nodeOf = (key) => graph.nodes.findIndex((node) => node.key === key);
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [key, text = ""] = part.split("=").map(decoded);
    const x = parse(text);
    if (key.startsWith("v.") && x !== undefined) {
      const leaf = graph.leaves.indexOf(nodeOf(key.slice(2)));
      if (leaf >= 0) patch.x[leaf] = x;
    } else if (key === "select" && nodeOf(text) >= 0) patch.select = nodeOf(text);
    else if (key === "mode" && MODES.includes(text)) patch.mode = text;
    else if (key === "step" && x >= 0) patch.step = Math.floor(x);
    else if (key === "lang") patch.lang = text;
  }
  return patch;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone % is no escape
  }
}

// --- Elements --------------------------------------------------------------------------------------------

const SVG = "svg path line circle rect text polygon g".split(" ");
const MATH = "math mfrac mrow mi mo mn".split(" ");
const SPACE = Object.fromEntries([
  ...SVG.map((tag) => [tag, "http://www.w3.org/2000/svg"]),
  ...MATH.map((tag) => [tag, "http://www.w3.org/1998/Math/MathML"]),
]);

/** An element: `h("button", {"data-do": "play"}, "Play")`. False attributes are left out; a key is its identity. */
function h(tag, attributes, ...children) {
  const element = document.createElementNS(SPACE[tag] ?? "http://www.w3.org/1999/xhtml", tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "key") element.key = value;
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}

/** Make an element like a fresh one with as few changes as that takes, so that focus and cursor stay. */
function morph(old, fresh) {
  if (old.nodeName !== fresh.nodeName || old.key !== fresh.key) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.attributes.length > fresh.attributes.length) {
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  if (old.nodeName === "INPUT") {
    if (old.value !== fresh.value) old.value = fresh.value;
    old.checked = fresh.checked;
  } else fill(old, [...fresh.childNodes]);
}

/** Give an element these children. */
function fill(element, children) {
  while (element.childNodes.length > children.length) element.lastChild.remove();
  children.forEach((child, i) => {
    const old = element.childNodes[i];
    if (old) morph(old, child);
    else element.append(child);
  });
}

const button = (action, label, attributes) => h("button", { type: "button", "data-do": action, ...attributes }, label);
const toggle = (action, label, on, attributes) => button(action, label, { "aria-pressed": String(on), ...attributes });
const field = (action, value, attributes) =>
  h("input", { type: "text", inputmode: "decimal", autocomplete: "off", "data-do": action, value, ...attributes });
const checkbox = (action, checked, attributes) =>
  h("input", { type: "checkbox", "data-do": action, checked, ...attributes });
const hint = (text) => h("p", { class: "hint" }, text);
const alarm = (text) => h("p", { class: "trouble", role: "alert" }, text);

/** A table: its heads, and rows of which the first cell is a head too. */
function table(heads, rows) {
  const head = (scope) => (text) => h("th", { scope }, text);
  const row = ([first, ...cells]) => h("tr", {}, head("row")(first), cells.map((cell) => h("td", {}, cell)));
  return h("table", {}, h("thead", {}, h("tr", {}, heads.map(head("col")))), h("tbody", {}, rows.map(row)));
}

// --- The figure ------------------------------------------------------------------------------------------

/** The parts of the drawing that change: what Python laid out, and the backward flow drawn upon it. */
class Figure {
  constructor(home, graph) {
    this.graph = graph;
    this.svg = home.querySelector("svg");
    const { nodes, edges, texts, weights, notes } = graph.figure;
    this.hasNotes = notes;
    const part = (id) => id && this.svg.querySelector(`[id="${id}"]`);
    this.texts = texts.map(([id, row, index, what]) => [part(id)?.querySelectorAll("text")[row], index, what]);
    for (const [text, , what] of this.texts) if (what === "ratio") text?.classList.add("note");
    this.weights = weights.map(([id, node]) => [part(id)?.querySelector("path"), node]);
    this.nodes = nodes.map((place, node) => place && this.node(part(place.id), part(place.box), place.isLabel, node));
    this.lines = edges.map((places) =>
      places.filter(({ id }) => part(id)).map(({ id, from }) => this.line(part(id), part(from))));
    this.factors = edges.map((places) =>
      places.filter(({ symbol }) => symbol !== undefined).flatMap((place) => this.factor(place, part)));
  }

  /** A node: its element, which is a button, and a note below it. */
  node(element, box, isLabel, node) {
    for (const each of [box, element]) each.setAttribute("data-node", node);
    element.setAttribute("role", "button");
    // A label stands among others: its note is beside it.
    return { element, box, note: isLabel ? noteLeft(element) : noteAt(element, 12, box) };
  }

  /** A line, and over it the arrow of the backward pass, which points at the sender and ends at a label. */
  line(group, label) {
    const path = group.querySelector("path");
    const length = path.getTotalLength();
    const box = label?.getBBox(); // the flow to a weight ends at its label
    let start = 0;
    while (box && start < length && path.getPointAtLength(start).x < box.x + box.width) start += 1;
    const tip = path.getPointAtLength(start);
    const ahead = path.getPointAtLength(start + 10);
    const angle = Math.atan2(ahead.y - tip.y, ahead.x - tip.x);
    const back = h("path", { class: "back", d: path.getAttribute("d") });
    const head = h("polygon", { class: "head" });
    group.append(back, head);
    return { group, back, head, start, tip, cos: Math.cos(angle), sin: Math.sin(angle) };
  }

  /** Notes about a factor, each with what it says: over a box, or over and under a line. */
  factor({ id, above, symbol }, part) {
    const equation = (factor) => `${symbol} = ${digits(factor, 4)}`;
    const ratio = (_, nudged) => ratioNote(nudged);
    const both = (factor, nudged) => [equation(factor), ratioNote(nudged)].filter(Boolean).join(", ");
    if (above) return [[noteAt(part(above), -6), both]];
    const line = part(id); // there is less room at a line: two rows
    const rows = [() => `${symbol} =`, (factor) => digits(factor, 4)];
    return [[noteOn(line, -19), rows[0]], [noteOn(line, -7), rows[1]], [noteOn(line, 15), ratio]];
  }

  paint(view) {
    this.write(view);
    const onPath = new Set([view.state.select]);
    for (const e of view.onPaths) onPath.add(this.graph.edges[e].source).add(this.graph.edges[e].target);
    for (const place of this.nodes) place?.box.classList.remove("path"); // a box can stand around several nodes
    this.nodes.forEach((place, node) => {
      if (!place) return;
      const { element, box, note } = place;
      const selected = node === view.state.select;
      if (onPath.has(node)) box.classList.add("path");
      element.classList.toggle("selected", selected);
      element.classList.toggle("active", view.active.nodes.includes(node));
      element.setAttribute("tabindex", selected ? 0 : -1);
      element.setAttribute("aria-pressed", selected);
      element.setAttribute("aria-label", view.describe(node));
      note.textContent = this.note(view, node, onPath);
    });
    this.flow(view);
  }

  /** Write the numbers of the rows, and draw the weights as wide as they are. */
  write({ say, shown, now, isKnown, carried, ratio }) {
    const { nodes } = this.graph;
    const rows = {
      data: (node) => (nodes[node].constant ? short(shown.data[node]) : `${say("data")} ${short(shown.data[node])}`),
      grad: (node) => `${say("grad")} ${short(shown.grad[node])}`,
      number: (node) => brief(shown.data[node]),
      named: (node) => `${nodes[node].shown} ${brief(shown.data[node])}`,
      slope: (edge) => short(isKnown(edge) ? now.slope[edge] : undefined),
      ratio: (edge) => (carried[edge] === undefined ? "" : ratioNote(ratio(edge))),
      extra: (extra) => brief(shown.extras[extra]),
    };
    for (const [text, index, what] of this.texts) if (text) text.textContent = rows[what](index);
    for (const [path, node] of this.weights) {
      const weight = shown.data[node];
      path?.setAttribute("stroke-width", Math.min(Math.max(2 * Math.abs(weight), 0.5), 4).toFixed(2));
      path?.setAttribute("stroke-dasharray", weight < 0 ? "5 2" : "none");
    }
  }

  /** What is noted at a node: how far a nudge moves it, or its gradient where that has no row of its own. */
  note({ state, pane, shown, nudge, say }, node, onPath) {
    if (this.hasNotes && (node === state.select || pane === "step") && shown.grad[node] !== undefined) {
      return `${say("grad")} ${digits(shown.grad[node], 4)}`;
    }
    return nudge && onPath.has(node) ? `Δ ${signed(nudge[node])}` : "";
  }

  /** Draw the backward flow: on each line its colour says the sign, its width the size. */
  flow({ carried, active, now, ratio }) {
    const largest = Math.max(0, ...carried.filter(Number.isFinite).map(Math.abs));
    const marked = new Map(); // one line can stand for two edges: net from out, and net from the weight
    this.lines.forEach((lines, e) => {
      for (const line of lines) {
        if (!marked.has(line.group) || carried[e] !== undefined) marked.set(line.group, [line, e]);
      }
    });
    for (const line of this.lines.flat()) {
      const [shown, e] = marked.get(line.group);
      if (line === shown) this.arrow(line, carried[e], largest, active.edges.includes(e));
      else for (const part of [line.back, line.head]) part.classList.remove("on");
    }
    this.factors.forEach((notes, e) => {
      for (const [text, says] of notes) text.textContent = carried[e] === undefined ? "" : says(now.slope[e], ratio(e));
    });
  }

  arrow({ group, back, head, start, tip, cos, sin }, carried, largest, active) {
    const on = Number.isFinite(carried);
    group.classList.toggle("flow", on);
    group.classList.toggle("negative", carried < 0);
    group.classList.toggle("active", active);
    for (const part of [back, head]) part.classList.toggle("on", on);
    if (!on) return;
    const width = largest > 0 ? 1.2 + (3.8 * Math.abs(carried)) / largest : 1.2;
    const long = 6 + 1.5 * width;
    const corner = (side) => `${tip.x + long * (cos - 0.4 * side * sin)},${tip.y + long * (sin + 0.4 * side * cos)}`;
    head.setAttribute("points", `${tip.x},${tip.y} ${corner(1)} ${corner(-1)}`);
    back.setAttribute("stroke-width", width.toFixed(2));
    back.setAttribute("stroke-dasharray", `0 ${start + long - 1} 99999`);
  }

  /** The edge that a line shows at present, -1 if none. */
  edgeOf(group, carried) {
    return this.lines.findIndex((lines, e) => carried[e] !== undefined && lines.some((line) => line.group === group));
  }

  /** Move the focus from one node to the next. */
  focus(node, by) {
    const count = this.nodes.length;
    let next = node;
    do next = (next + by + count) % count;
    while (!this.nodes[next]);
    this.nodes[next].element.focus();
  }
}

/** Resolve once an element has a size: in a frame that a notebook has not shown yet nothing can be measured. */
export async function hasSize(element) {
  if (element.clientWidth) return;
  await new Promise((resolve) => {
    const observer = new ResizeObserver(() => {
      if (!element.clientWidth) return;
      observer.disconnect();
      resolve();
    });
    observer.observe(element);
  });
}

/** A small text over or under an element, or over or under its half of the box around it. */
function noteAt(element, dy, around = element) {
  const [{ x, width }, box] = [element.getBBox(), around.getBBox()];
  const middle = box.x + box.width / 2;
  const half = around === element ? 0 : Math.sign(x + width / 2 - middle); // the two notes of a box part at its middle
  const anchor = { "-1": "end", 0: "middle", 1: "start" }[half];
  return noted(element, { x: middle + 3 * half, y: dy < 0 ? box.y + dy : box.y + box.height + dy, "text-anchor": anchor });
}

/** A small text at the left of an element. */
function noteLeft(element) {
  const { x, y, height } = element.getBBox();
  return noted(element, { x: x - 6, y: y + 0.75 * height, "text-anchor": "end" });
}

/** A small text over or under the middle of a line. */
function noteOn(group, dy) {
  const path = group.querySelector("path");
  const { x, y } = path.getPointAtLength(path.getTotalLength() / 2);
  return noted(group, { x, y: y + dy });
}

function noted(element, place) {
  const text = h("text", { class: "note", "text-anchor": "middle", ...place });
  element.parentNode.append(text);
  return text;
}

/** A number as it stands in the figure of a network: up to four decimals. */
const brief = (x) => (Math.abs(x) >= 0.001 ? short(Number(x.toFixed(4))) : short(x, 3));

const short = (x, most) => (Number.isFinite(x) ? digits(x, most) : "–");
const signed = (x) => (x >= 0 ? "+" : "") + short(x, 3);
const ratioNote = (x) => (Number.isFinite(x) ? `Δ/Δ = ${digits(x, 4)}` : "");

// --- What the panes show -----------------------------------------------------------------------------------

const MODES = ["change", "step", "descend", "quiz"];
const MOST_PATHS = 8; // more are not written out one by one; the three largest are
const MOST_FACTORS = 24; // of a product that is written out

/** ∂of/∂wrt as a fraction. */
function partial({ graph }, of, wrt) {
  const part = (node) => h("mrow", {}, h("mi", { mathvariant: "normal" }, `∂${graph.nodes[node].shown}`));
  return h("math", {}, h("mfrac", {}, part(of), part(wrt)));
}

/** The derivative along an edge, marked where it is not the whole ∂target/∂source. */
function along(view, e) {
  const { source, target, use, direct } = view.graph.edges[e];
  const mark = use ? view.say("use", { number: use }) : direct ? view.say("direct") : "";
  return [partial(view, target, source), mark && h("small", {}, mark)];
}

/** Something that stands for the derivative along an edge: pointed at, it lights the edge, and the other way round. */
function factor(view, e, ...content) {
  return h("span", { class: factorClass(view, e), "data-edge": e }, content.length ? content : along(view, e));
}

const factorClass = ({ active }, e) => (active.edges.includes(e) ? "factor lit" : "factor");

/** Items with a sign between them; of very many, the first and the last ones. */
function between(items, sign) {
  const half = MOST_FACTORS / 2;
  const some = items.length > MOST_FACTORS ? [...items.slice(0, half), "…", ...items.slice(-half)] : items;
  return some.flatMap((item, i) => (i ? [` ${sign} `, item] : [item]));
}

const bracketed = (x, write = number) => (x < 0 ? `(${write(x)})` : write(x));
const three = (x) => digits(x, 3);
const sentence = (text, attributes) => h("p", attributes, text);
const equation = (...children) => h("p", { class: "equation" }, ...children);

/** "= a = b" in pieces, so that a line breaks before a sign of equality only. */
const equals = (terms) => terms.map((term) => [" ", h("span", { class: "piece" }, `= ${term}`)]);

/** Why ∂root/∂selected is what it is: the chain rule in symbols, in formulas and in numbers, and its budget. */
function why(view) {
  const { graph, state, now, say, trouble, hidden } = view;
  const gradient = now.grad[state.select];
  const derivative = partial(view, graph.root, state.select);
  if (trouble) return [sentence(trouble, { class: "trouble", role: "alert" })];
  if (hidden) return [h("h2", {}, derivative, " = ?"), sentence(say("why_hidden"))];
  const head = h("h2", { class: gradient < 0 ? "negative" : "positive" }, derivative, ` = ${number(gradient)}`);
  if (state.select === graph.root) return [head, sentence(say("same_value"))];
  return [head, chainRule(view), factorList(view), products(view), budgetBars(view)];
}

/** The product of derivatives along each path, in symbols. */
function chainRule(view) {
  const { graph, state, say, paths } = view;
  const count = view.pathCount;
  const ends = { start: graph.nodes[state.select].shown, end: graph.nodes[graph.root].shown };
  if (paths.length < count) return sentence(say("chain_too_many", { count: count.toLocaleString("en"), ...ends }));
  const left = (i) => (i ? "+ " : [partial(view, graph.root, state.select), " = "]);
  const symbols = ({ edges }) => between(edges.map((e) => factor(view, e)), "·");
  return [
    sentence(say(count === 1 ? "chain_one" : "chain_many", { count, ...ends })),
    paths.map((path, i) => equation(left(i), symbols(path))),
  ];
}

/** Every factor once: its formula in names, in numbers, and its number. */
function factorList(view) {
  const { graph, now, say, paths } = view;
  const item = (e) => {
    const { formula } = graph.edges[e];
    const forms = new Set([inNames(graph, formula), inNumbers(formula, now.data), number(now.slope[e])]);
    forms.delete("");
    return h("li", { class: factorClass(view, e), "data-edge": e, tabindex: 0 }, along(view, e), equals([...forms]));
  };
  const factors = [...new Set(paths.flatMap((path) => path.edges))];
  const more = factors.length - MOST_FACTORS;
  return [
    sentence(say("factors")),
    h("ul", { class: "factors" }, factors.slice(0, MOST_FACTORS).map(item)),
    more > 0 && sentence(say("and_more", { more })),
  ];
}

/** The numbers multiplied along each path, and the paths added. */
function products(view) {
  const { graph, state, now, say, paths } = view;
  const derivative = partial(view, graph.root, state.select);
  const product = ({ edges }) => between(edges.map((e) => factor(view, e, bracketed(now.slope[e]))), "×");
  if (view.pathCount === 1) {
    const [path] = paths;
    if (path.edges.length === 1) return [];
    return [sentence(say("multiplied")), equation(derivative, " = ", product(path), equals([number(path.product)]))];
  }
  const isOn = (path) => !state.off.includes(path.key);
  const row = (path, i) =>
    h("label", { class: "equation" },
      h("input", { type: "checkbox", "data-do": "path", "data-path": path.key, checked: isOn(path) }),
      ` ${say("path", { number: i + 1 })} = `, product(path), equals([number(path.product)]));
  const on = paths.filter(isOn);
  const signs = on.map(({ product: x }, i) => (i === 0 ? number(x) : `${x < 0 ? "−" : "+"} ${number(Math.abs(x))}`));
  const sum = [signs.join(" ") || "0", number(on.reduce((total, path) => total + path.product, 0))];
  const whole = number(now.grad[state.select]);
  const off = paths.length === view.pathCount && say("paths_off", { sum: sum.join(" = "), whole });
  return [
    sentence(say("multiplied_added")),
    paths.map(row),
    on.length === view.pathCount
      ? equation(derivative, equals([sum[0], whole]))
      : off && sentence(off, { class: "trouble" }),
  ];
}

/** The factor budget as bars on a log scale, each with a sentence. */
function budgetBars(view) {
  const { graph, state, now, say } = view;
  const factors = budget(graph, now, state.select).filter(({ factor: f }) => Math.abs(f) !== 1);
  if (factors.length < 2) return [];
  const length = (f) => (f === 0 ? 9 : Math.abs(Math.log10(Math.abs(f))));
  const longest = Math.max(1, ...factors.map(({ factor: f }) => length(f)));
  const [middle, reach] = factors.some(({ factor: f }) => Math.abs(f) > 1) ? [50, 48] : [98, 96];
  const item = ({ edge, factor: f }) => {
    const [small, width] = [Math.abs(f) < 1, (reach * length(f)) / longest];
    const bar = h("svg", { class: "bar", viewBox: "0 0 100 10", "aria-hidden": "true" },
      h("rect", { class: small ? "small" : "large", x: small ? middle - width : middle, y: 1, width, height: 8 }),
      h("path", { d: `M${middle},0 V10` }));
    const words = h("span", {}, budgetSentence(view, edge, f));
    return h("li", { "data-edge": edge ?? false, class: factorClass(view, edge) }, bar, words);
  };
  const bySize = (a, b) => length(b.factor) - length(a.factor);
  const telling = factors.length > MOST_FACTORS ? [...factors].sort(bySize).slice(0, MOST_FACTORS) : factors;
  return [sentence(say("budget")), h("ul", { class: "budget" }, telling.map(item))];
}

function budgetSentence({ graph, say }, e, f) {
  const times = `× ${three(f)}`;
  if (e === null) {
    const percent = digits(100 * Math.abs(1 - f), 2);
    return say(f < 0 ? "budget_turn" : f < 1 ? "budget_cancel" : "budget_add", { times, percent });
  }
  const { source, target, formula, op } = graph.edges[e];
  const single = singleNode(formula);
  const fields = { times, op, target: graph.nodes[target].shown, source: graph.nodes[source].shown };
  if (single !== undefined) {
    const { role, shown } = graph.nodes[single];
    return say(`budget_${role || "value"}`, { ...fields, name: shown });
  }
  const kind = ["sigmoid", "tanh"].includes(op) ? op : op ? "op" : "formula";
  return say(`budget_${kind}`, { ...fields, formula: inNames(graph, formula) });
}

// --- Change ----------------------------------------------------------------------------------------------

/** One leaf: its name, which selects it, its number, and the handle that drags it. */
function leafInput({ graph, state, now, say, hidden }, i) {
  const node = graph.leaves[i];
  const { shown, name } = graph.nodes[node];
  const draft = state.draft?.leaf === i ? state.draft : undefined;
  const selected = node === state.select;
  return h("div", { class: selected ? "leaf selected" : "leaf", key: i },
    toggle("select", shown, selected, { "data-node": node, title: say("select_title", { name }) }),
    field("leaf", draft?.text ?? String(state.x[i]).replace("-", "−"), {
      role: "spinbutton", "data-leaf": i, "aria-label": name, "aria-valuenow": state.x[i],
      "aria-valuetext": number(state.x[i]), "aria-invalid": draft?.wrong ? "true" : false,
    }),
    h("span", { class: "handle", "data-handle": i, title: say("drag_title"), "aria-hidden": "true" }, "↔"),
    h("small", {}, hidden ? "" : `${say("grad")} ${short(now.grad[node])}`),
    draft?.wrong && alarm(say("no_number", { text: draft.text.slice(0, 20) })));
}

/** The leaves in groups: inputs, weights, biases, targets, and what has no role. */
function leafInputs(view) {
  const { graph, say } = view;
  return ["input", "weight", "bias", "target", ""].map((role) => {
    const members = [...graph.leaves.keys()].filter((i) => graph.nodes[graph.leaves[i]].role === role);
    if (!members.length) return [];
    const legend = h("legend", {}, say(`leaves_${role || "other"}`));
    return h("fieldset", {}, legend, members.map((i) => leafInput(view, i)));
  });
}

function changePane(view) {
  const { graph, now, say, root } = view;
  const computed = graph.nodes.filter((node) => !node.leaf).length;
  const passes = graph.leaves.length + 1;
  const counts = { leaves: graph.leaves.length, edges: graph.edges.length, passes, operations: passes * computed };
  const result = now.data[graph.root];
  return [
    h("p", { class: "result" }, `${root} = ${Number.isFinite(result) ? number(result) : "–"}`, resetButton(view)),
    h("div", { class: "leaves" }, leafInputs(view)),
    hint(say("keys_hint")),
    view.nudge && h("div", { class: "beside" }, nudging(view), curve(view)),
    h("p", { class: "counter" }, say("counter", counts)),
  ];
}

const resetButton = ({ say }) => button("reset", say("reset"), { class: "quiet" });

/** The nudge on its way, node by node: that each factor is a ratio of neighbouring nudges. */
function nudging(view) {
  const { graph, state, now, say, nudge, arriving, ratio } = view;
  const name = view.name(state.select);
  const term = (e) =>
    factor(view, e, `${bracketed(now.slope[e], three)} × ${bracketed(nudge[graph.edges[e].source], three)}`);
  const rows = [...graph.nodes.keys()].filter((node) => arriving(node).length > 0).map((node) => {
    const edges = arriving(node);
    const [e] = edges;
    const parts = edges.length === 1
      ? [short(ratio(e)), factor(view, e, digits(now.slope[e]))]
      : [say("nudge_sum"), between(edges.map(term), "+")];
    return [`Δ${view.name(node)}`, signed(nudge[node]), ...parts];
  });
  const predicted = now.grad[state.select] * state.nudge;
  const measured = nudge[graph.root];
  const off = measured === predicted ? 0 : (100 * (measured - predicted)) / predicted;
  const compared = say("nudge_compare", { predicted: signed(predicted), measured: signed(measured) });
  const size = { min: -4, max: 0.5, step: 0.25, value: Math.log10(state.nudge), "aria-valuetext": three(state.nudge) };
  return h("section", { class: "nudging" },
    h("label", {}, say("nudge", { name }), h("input", { type: "range", "data-do": "nudge", ...size }),
      h("output", {}, `Δ${name} = ${signed(state.nudge)}`)),
    table(["nudge_node", "nudge_change", "nudge_ratio", "nudge_factor"].map((key) => say(key)), rows),
    h("p", {}, compared, " ", Number.isFinite(off) && say("nudge_off", { off: digits(off, 2) })));
}

/** The root as a function of the selected leaf, and the tangent that the gradient is the slope of. */
function curve({ graph, values, state, now, say, name }) {
  const leaf = graph.leaves.indexOf(state.select);
  const here = state.x[leaf];
  const reach = 2 * Math.max(1, Math.abs(graph.at[leaf]));
  const middle = Math.abs(here - graph.at[leaf]) > reach ? here : graph.at[leaf];
  const root = (x) => values(withNumbers(state.x, [[leaf, x]]))[graph.root];
  const points = Array.from({ length: 81 }, (_, k) => middle + reach * (k / 40 - 1)).map((x) => [x, root(x)]);
  const { px, py, path } = scales(points);
  const tangent = (x) => [x, now.data[graph.root] + now.grad[state.select] * (x - here)];
  return plot(say("curve", { name: name(state.select) }),
    path("function", points),
    path("tangent", [tangent(middle - reach), tangent(middle + reach)]),
    h("circle", { cx: px(here), cy: py(now.data[graph.root]), r: 4 }));
}

/** How the numbers of some points are placed in a plot, and a path through points. */
function scales(points) {
  const finite = points.filter(([, y]) => Number.isFinite(y));
  const [xs, ys] = [finite.map(([x]) => x), finite.map(([, y]) => y)];
  const scale = (numbers, from, to) => {
    const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
    const at = (x) => from + ((to - from) * (x - low)) / (high - low || 1);
    return (x) => Math.max(-200, Math.min(400, at(x))).toFixed(1);
  };
  const [px, py] = [scale(xs, 10, 290), scale(ys, 120, 20)];
  const line = (some) => some.filter(([, y]) => Number.isFinite(y)).map(([x, y]) => `${px(x)},${py(y)}`).join("L");
  return { px, py, path: (kind, some) => h("path", { class: kind, d: `M${line(some)}` }) };
}

function plot(label, ...content) {
  const svg = h("svg", { viewBox: "0 0 300 130", role: "img", "aria-label": label }, content);
  return h("figure", { class: "curve" }, svg, h("figcaption", {}, label));
}

// --- Step ------------------------------------------------------------------------------------------------

function stepPane(view) {
  const { state, say, steps } = view;
  const to = (step, label, key) => {
    const target = Math.max(0, Math.min(steps.length, step));
    return button("step", label, { "data-step": target, "aria-label": say(key), title: say(key) });
  };
  const where = say("step_of", { step: state.step, steps: steps.length });
  const range = { min: 0, max: steps.length, value: state.step, "aria-label": say("scrub"), "aria-valuetext": where };
  return [
    h("div", { class: "transport" },
      to(0, "|◀", "step_first"), to(state.step - 1, "◀", "step_back"),
      button("play", say(state.playing ? "pause" : "play")),
      to(state.step + 1, "▶", "step_on"), to(steps.length, "▶|", "step_last"),
      h("input", { type: "range", "data-do": "scrub", ...range }), h("output", {}, where)),
    h("p", { class: "step", "aria-live": "polite" }, stepWords(view)),
    hint(say("step_hint")),
  ];
}

/** What the present step does, in words and numbers. */
function stepWords({ graph, state, now, shown, say, steps, name }) {
  if (state.step === 0) return say("step_start");
  const { node, seed, edge } = steps[state.step - 1];
  if (seed !== undefined) return say("step_seed");
  if (node !== undefined) {
    const { formula } = graph.nodes[node];
    const sides = [name(node), inNames(graph, formula), inNumbers(formula, now.data), number(now.data[node])];
    return say("step_forward", { equation: sides.join(" = ") });
  }
  const { source, target } = graph.edges[edge];
  const factors = [shown.grad[target], now.slope[edge]];
  const amount = factors[0] * factors[1];
  const product = `${factors.map((x) => bracketed(x)).join(" × ")} = ${number(amount)}`;
  const fields = { source: name(source), target: name(target), product, sum: number(shown.grad[source]) };
  return say(shown.grad[source] === amount ? "step_backward" : "step_added", fields);
}

// --- Descend ---------------------------------------------------------------------------------------------

const counted = (count) => count.toLocaleString("en");

function descendPane(view) {
  const { graph, state, say, trained, root } = view;
  const mean = overSamples(graph, view.values, state.x);
  const trains = (role) => graph.leaves.some((node) => graph.nodes[node].role === role);
  const rate = state.rateText ?? String(state.rate);
  const by = (steps) => {
    const label = say(steps === 1 ? "descend_one" : "descend_by", { steps: counted(steps) });
    return button("descend", label, { "data-steps": steps, disabled: trained.length === 0 });
  };
  const rows = trained.map((i) => {
    const node = graph.leaves[i];
    const numbers = [state.before?.x[i], (state.before ?? mean).grad[node], state.x[i]];
    return [view.name(node), ...numbers.map((x) => (x === undefined ? "–" : number(x)))];
  });
  return [
    h("p", { class: "result" }, `${root} = ${mean.root.toFixed(9)}`,
      graph.samples.length > 0 && h("small", {}, say("mean_of", { samples: graph.samples.length })),
      h("small", {}, say("steps_taken", { steps: counted(state.taken) }))),
    h("div", { class: "transport" },
      [1, 10, 10000].map(by),
      h("label", {}, say("rate"), field("rate", rate, { "aria-invalid": parse(rate) === undefined ? "true" : false })),
      trains("weight") && trains("bias") && h("label", {}, checkbox("biases", state.biases), say("biases_too")),
      resetButton(view)),
    state.stopped && alarm(say("diverged", { steps: state.stopped })),
    h("div", { class: "beside" }, errorCurve(view), graph.plane && plane(view),
      table(["weight", "old", "gradient", "new"].map((key) => say(`column_${key}`)), rows)),
    hint(say("descend_hint")),
  ];
}

/** The error over the steps, on a logarithmic scale if it is positive throughout. */
function errorCurve({ state, say }) {
  const { errors } = state;
  if (errors.length < 2) return h("figure", { class: "curve" }, h("figcaption", {}, say("errors_empty")));
  const log = errors.every(([, error]) => error > 0);
  const points = errors.map(([step, error]) => [step, log ? Math.log10(error) : error]);
  const label = say(log ? "errors_log" : "errors", { steps: counted(errors.at(-1)[0]) });
  return plot(label, scales(points).path("function", points));
}

/** The plane of two inputs: on which side of the middle the output is, and the samples, which can be chosen. */
function plane({ graph, values, state, say }) {
  const { inputs: [across, up], output, target } = graph.plane;
  const numbers = (leaf) => graph.samples.map((sample) => sample.find(([i]) => i === leaf)[1]);
  const [xs, ys, targets] = [across, up, target].map(numbers);
  const [low, high] = [Math.min(...xs, ...ys), Math.max(...xs, ...ys)];
  const margin = 0.15 * (high - low || 1);
  const [first, width] = [low - margin, high - low + 2 * margin];
  const middle = (Math.min(...targets) + Math.max(...targets)) / 2;
  const side = (number) => (number > middle ? "above" : "under");
  const count = 25;
  const size = 200 / count;
  const cells = Array.from({ length: count * count }, (_, i) => {
    const [column, row] = [i % count, Math.floor(i / count)];
    const at = (k) => first + ((k + 0.5) / count) * width;
    const out = values(withNumbers(state.x, [[across, at(column)], [up, at(row)]]))[output];
    return h("rect", { class: side(out), x: size * column, y: 200 - size * (row + 1), width: size, height: size });
  });
  const points = graph.samples.map((sample, i) => {
    const chosen = sample.every(([leaf, number]) => state.x[leaf] === number);
    const place = { cx: (200 * (xs[i] - first)) / width, cy: 200 - (200 * (ys[i] - first)) / width, r: 4 };
    const label = say("sample", { number: i + 1 });
    return h("circle", {
      class: chosen ? `${side(targets[i])} chosen` : side(targets[i]), ...place, role: "button", tabindex: 0,
      "aria-pressed": String(chosen), "aria-label": label, "data-do": "sample", "data-sample": i,
    });
  });
  const svg = h("svg", { viewBox: "0 0 200 200", role: "group", "aria-label": say("plane") }, cells, points);
  return h("figure", { class: "plane" }, svg, h("figcaption", {}, say("plane")));
}

// --- Quiz and lessons --------------------------------------------------------------------------------------

const TOLERANCE = 0.01; // relative: three digits of a hand calculation pass

/** What the usual mistakes with one operation make of the local derivative along an edge; undefined: nothing wrong. */
function wrongSlopes({ nodes, edges }, now, from, rate) {
  const single = (e) => singleNode(edges[e].formula);
  const atNet = { sigmoid: (net) => net * (1 - net), tanh: (net) => 1 - net * net };
  return {
    updated(e) {
      const weight = single(e);
      const moves = weight !== undefined && weight !== from && nodes[weight].role === "weight";
      return moves ? now.data[weight] - rate * now.grad[weight] : undefined;
    },
    at_net: (e) => atNet[edges[e].op]?.(now.data[edges[e].source]),
    swapped: (e) => (edges[e].source === from && single(e) !== undefined ? now.data[from] : undefined),
  };
}

/**
 * The usual mistakes with ∂root/∂from, as pairs of a key and the wrong number: part of the table in
 * see/mistakes.py, at the numbers of this moment.
 */
export function mistakes(graph, now, from, rate = 0.5) {
  const right = now.grad[from];
  const paths = bestPaths(graph, now.slope, from, MOST_PATHS);
  const found = [];
  if (pathCount(graph, from) > 1) {
    found.push(...paths.map((path) => ["path", path.product]), ...paths.map((path) => ["path", right - path.product]));
    found.push(["sum", paths.reduce((product, path) => product * path.product, 1)]);
  }
  for (const [key, wrong] of Object.entries(wrongSlopes(graph, now, from, rate))) {
    const slope = now.slope.map((right, e) => wrong(e) ?? right);
    found.push([key, bothPasses(graph, () => [...now.data, ...slope], []).grad[from]]);
  }
  found.push(["half", right / 2], ["half", 2 * right], ["minus", -right]);
  found.push(...paths.map(({ edges }) => ["sum", edges.reduce((sum, e) => sum + now.slope[e], 0)]));
  return found.filter(([, number]) => Number.isFinite(number) && !close(number, right));
}

/** The usual mistakes with one factor. */
function factorMistakes(graph, now, { wrt, missing, right }) {
  const wrong = Object.entries(wrongSlopes(graph, now, wrt, 0.5)).map(([key, slope]) => [key, slope(missing)]);
  return [...wrong, ["minus", -right]];
}

const close = (x, y) => Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));

/** The question of this number: what is asked, of which node, and the right answer; `only` fixes some of it. */
export function questionOf(graph, now, number, only = {}) {
  const trainable = graph.leaves.filter((node) => ["weight", "bias", ""].includes(graph.nodes[node].role));
  const candidates = trainable.length ? trainable : graph.leaves;
  if (!candidates.length) return undefined;
  const pick = (offset) => candidates[(number * 7 + offset * 3) % candidates.length];
  const wrt = only.wrt ?? pick(number);
  const kind = only.kind ?? ["sign", "larger", "number", "factor"][number % 4];
  if (kind === "sign") {
    const right = { "-1": "falls", 0: "stays", 1: "rises" }[Math.sign(now.grad[wrt])];
    return { kind, wrt, options: ["rises", "falls", "stays"], right };
  }
  const other = only.other ?? candidates[(candidates.indexOf(wrt) + 1) % candidates.length];
  if (kind === "larger" && other !== wrt) {
    const larger = Math.abs(now.grad[wrt]) >= Math.abs(now.grad[other]) ? wrt : other;
    return { kind, wrt, other, options: [wrt, other], right: larger };
  }
  const [strongest] = bestPaths(graph, now.slope, wrt, 1);
  if (kind === "factor" && strongest.edges.length > 1) {
    const missing = strongest.edges[number % strongest.edges.length];
    return { kind, wrt, path: strongest, missing, right: now.slope[missing] };
  }
  return { kind: "number", wrt, right: now.grad[wrt] };
}

/** Whether an answer is right, and if not, which of the usual mistakes gives it. */
export function judge(graph, now, question, answer) {
  if (question.options) return { right: String(answer) === String(question.right) };
  const given = parse(answer);
  if (given === undefined) return { wrong: "no_number" };
  const near = (x) => Math.abs(given - x) <= TOLERANCE * Math.abs(x) + 5e-10;
  if (near(question.right)) return { right: true };
  const known = question.kind === "number" ? mistakes(graph, now, question.wrt) : factorMistakes(graph, now, question);
  return { right: false, mistake: known.find(([, number]) => near(number))?.[0] };
}

function quizPane(view) {
  const { graph, state, say, question, lesson, pane } = view;
  const at = state.lesson?.at;
  const choice = ({ name }) => toggle("lesson", say(`lesson_${name}`), name === lesson?.name, { "data-lesson": name });
  const lessons = h("nav", { class: "lessons", "aria-label": say("lessons") },
    toggle("quiz", say("free_quiz"), !lesson), graph.lessons.map(choice));
  const onward = lesson
    ? [
        at > 0 && button("lesson_step", say("lesson_back"), { "data-by": -1 }),
        h("output", {}, say("step_of", { step: at + 1, steps: lesson.steps.length })),
        at < lesson.steps.length - 1 && button("lesson_step", say("lesson_on"), { "data-by": 1 }),
      ]
    : [state.verdict && button("next", say("quiz_next")), h("output", {}, say("quiz_score", state.score))];
  return [
    lessons,
    lesson && h("p", { class: "lesson", "aria-live": "polite" }, say(lesson.steps[at].say)),
    question && ask(view),
    h("div", { class: "transport" }, onward),
    pane !== "quiz" && PANES[pane](view),
  ];
}

const PANES = { change: changePane, step: stepPane, descend: descendPane, quiz: quizPane };

/** A question, the controls to answer it, and what is said of the answer. */
function ask(view) {
  const { state, now, say, question, name } = view;
  const { kind, wrt, other, options, path, missing } = question;
  const done = state.verdict?.right !== undefined;
  const blank = (e) => (e === missing && !done ? "?" : bracketed(now.slope[e]));
  const product = path && [
    equation(between(path.edges.map(blank), "×"), equals([number(path.product)])),
    equation(along(view, missing), " = ?"),
  ];
  const choice = (option) => button("answer", answerText(view, option), { "data-answer": option, disabled: done });
  return [
    h("p", { class: "question" }, say(`ask_${kind}`, { name: name(wrt), other: other !== undefined && name(other) })),
    product,
    options
      ? h("div", { class: "transport" }, options.map(choice))
      : h("form", { class: "transport", "data-do": "answer" },
          h("label", {}, say("your_answer"), field("given", state.given, { disabled: done })),
          h("button", { type: "submit", disabled: done }, say("check"))),
    h("p", { class: "verdict", "aria-live": "polite" }, verdict(view)),
  ];
}

/** An answer in words: the name of a node, what the root does, or a number. */
function answerText({ say, name, question }, answer) {
  if (!question.options) return number(answer);
  return typeof answer === "number" ? name(answer) : say(`answer_${answer}`);
}

function verdict(view) {
  const { state, say, question } = view;
  if (!state.verdict) return "";
  const { right, wrong, mistake } = state.verdict;
  if (wrong) return say(wrong, { text: state.given.slice(0, 20) });
  const answer = { right: answerText(view, question.right) };
  return right ? say("right", answer) : `${say("wrong", answer)} ${mistake ? say(`mistake_${mistake}`) : ""}`;
}

// --- State, and the one function that shows it -----------------------------------------------------------

/**
 * Make the page in `home` live. Options: `address`, the address keeps the state; `widget`, the page around is not ours.
 * Returns the means of a surrounding program: `change(patch)`, and `watch`, called with every state.
 */
export function explore(home, graph, values, words, options = {}) {
  const figure = new Figure(home, graph);
  const steps = schedule(graph);
  const start = {
    x: [...graph.at], select: graph.wrt, mode: "change", lang: graph.lang, nudge: 0.01, step: 0, playing: false,
    off: [], point: undefined, draft: undefined, rate: 0.5, biases: false, taken: 0, errors: [],
    quiz: 0, given: "", score: { right: 0, asked: 0 },
  };
  const unanswered = { verdict: undefined, given: "" };
  let state = start;
  let timer, writer;
  const watchers = [];

  /** All that is shown, computed from the state. */
  function look() {
    const name = (node) => graph.nodes[node].shown;
    const root = name(graph.root);
    const say = (key, fields) =>
      words[state.lang][key].replace(/\{(\w+)\}/g, (_, field) => ({ root, ...fields })[field]);
    const now = bothPasses(graph, values, state.x);
    const bad = firstBad(now);
    const lesson = graph.lessons.find(({ name }) => name === state.lesson?.name);
    const { ask: only, pane = state.mode } = lesson ? lesson.steps[state.lesson.at] : { ask: {} };
    const question = state.mode === "quiz" && only && !bad ? questionOf(graph, now, state.quiz, only) : undefined;
    const hidden = question !== undefined && state.verdict?.right === undefined;
    const current = pane === "step" && state.step > 0 ? steps[state.step - 1] : {};
    const edgeSource = current.edge === undefined ? undefined : graph.edges[current.edge].source;

    const shown = known(now, bad, pane, hidden);
    const count = pathCount(graph, state.select);
    const paths = bad ? [] : bestPaths(graph, now.slope, state.select, count <= MOST_PATHS ? MOST_PATHS : 3);
    const carried = bad || hidden ? [] : pane === "step" ? [] : flowsShown(now, paths, count);
    if (current.edge !== undefined) {
      carried[current.edge] = shown.grad[graph.edges[current.edge].target] * now.slope[current.edge];
    }
    const onPaths = [...carried.keys()].filter((e) => carried[e] !== undefined);
    const nudge = pane === "change" && !bad && graph.leaves.includes(state.select) ? nudged(now) : undefined;
    const arriving = (node) => onPaths.filter((e) => graph.edges[e].target === node);

    /** The ratio of the nudges at the ends of an edge, where what arrives comes through that edge alone. */
    function ratio(e) {
      const { source, target } = graph.edges[e];
      return nudge && arriving(target).length === 1 ? nudge[target] / nudge[source] : undefined;
    }

    return {
      graph, values, state, steps, say, name, root, now, shown, carried, onPaths, paths, pathCount: count,
      question, hidden, lesson, pane, nudge, arriving, ratio,
      active: { nodes: [current.node, current.seed, edgeSource], edges: [current.edge, state.point] },
      trouble: bad && troubleAt(graph, now, bad, say),
      trained: trainedLeaves(graph, state.biases),
      isKnown: (e) => shown.data[graph.edges[e].target] !== undefined && !bad && !hidden,
      describe(node) {
        const [data, grad] = [shown.data[node], shown.grad[node]].map((x) => short(x));
        return `${graph.nodes[node].name}, ${say("data")} ${data}, ${say("grad")} ${grad}`;
      },
    };
  }

  /** The numbers that are shown: those that are good, and known at this step, and not asked for. */
  function known(now, bad, pane, hidden) {
    if (bad) {
      const last = bad.node ?? graph.nodes.length;
      return { data: now.data.map((x, node) => (node < last ? x : undefined)), grad: [], extras: [] };
    }
    if (hidden) return { ...now, grad: [] };
    if (pane !== "step") return now;
    const isForwardDone = state.step >= steps.findIndex(({ seed }) => seed !== undefined);
    return { ...knownAfter(graph, now, steps, state.step), extras: isForwardDone ? now.extras : [] };
  }

  /** How much each edge carries, of the paths that are switched on. */
  function flowsShown(now, paths, count) {
    const all = flows(graph, now, state.select);
    const on = new Set(paths.filter((path) => !state.off.includes(path.key)).flatMap((path) => path.edges));
    return count > MOST_PATHS ? all : all.map((part, e) => (on.has(e) ? part : undefined));
  }

  /** How much each node changes when the selected leaf is nudged. */
  function nudged(now) {
    const leaf = graph.leaves.indexOf(state.select);
    const after = values(withNumbers(state.x, [[leaf, state.x[leaf] + state.nudge]]));
    return now.data.map((number, node) => after[node] - number);
  }

  function render() {
    const view = look();
    home.lang = state.lang;
    home.dataset.mode = state.mode;
    figure.paint(view);
    const pane = (name, ...children) => fill(home.querySelector(`.${name}`), children.flat(Infinity).filter(Boolean));
    const modes = MODES.map((mode) =>
      toggle("mode", view.say(`mode_${mode}`), mode === state.mode, { "data-mode": mode }));
    const languages = Object.entries(words).map(([lang, { language }]) =>
      toggle("lang", language, lang === state.lang, { "data-lang": lang, lang }));
    pane("modes", modes);
    pane("languages", languages);
    pane("why", why(view));
    pane("controls", PANES[state.mode](view));
    home.querySelector("h1").textContent = view.say("title");
    home.querySelector("figcaption").textContent = view.say("figure_hint");
    for (const watcher of watchers) watcher(state, view);
  }

  function change(patch) {
    state = { ...state, ...patch };
    state.step = Math.min(state.step, steps.length);
    state.lang = words[state.lang] ? state.lang : graph.lang;
    clearTimeout(timer);
    clearTimeout(writer);
    const next = { step: state.step + 1, playing: state.step + 1 < steps.length };
    if (state.playing) timer = setTimeout(() => change(next), 900);
    if (options.address) writer = setTimeout(() => history.replaceState(null, "", toAddress(graph, state)), 200);
    render();
  }

  /** The state with another number for a leaf. */
  const withLeaf = (i, number) => ({ x: withNumbers(state.x, [[i, number]]), draft: undefined });

  /** The state in which a step of a lesson begins. */
  function lessonStep(name, at) {
    const { set = {} } = graph.lessons.find((lesson) => lesson.name === name).steps[at];
    const x = withNumbers(graph.at, set.x ?? []);
    return { ...unanswered, mode: "quiz", nudge: 0.01, off: [], ...set, x, lesson: { name, at } };
  }

  const actions = {
    mode: ({ mode }) => ({ ...unanswered, mode, playing: false, lesson: undefined }),
    lang: ({ lang }) => ({ lang }),
    select: ({ node }) => ({ select: Number(node), off: [] }),
    reset: () => ({ x: [...graph.at], taken: 0, errors: [], before: undefined, stopped: undefined, draft: undefined }),
    path({ path }, { checked }) {
      const off = state.off.filter((key) => key !== path);
      return { off: checked ? off : [...off, path] };
    },
    nudge: (_, { value }) => ({ nudge: Number((10 ** value).toPrecision(3)) }),
    step: ({ step }) => ({ step: Number(step), playing: false }),
    scrub: (_, { value }) => ({ step: Number(value), playing: false }),
    play: () => ({ playing: !state.playing, step: state.step >= steps.length ? 0 : state.step }),
    biases: (_, { checked }) => ({ biases: checked }),
    rate: (_, { value }) => ({ rateText: value, rate: parse(value) ?? state.rate }),
    descend: (data) => descended(Number(data.steps)),
    sample: ({ sample }) => ({ x: withNumbers(state.x, graph.samples[sample]) }),
    quiz: () => ({ ...unanswered, lesson: undefined }),
    next: () => ({ ...unanswered, quiz: state.quiz + 1 }),
    lesson: ({ lesson }) => lessonStep(lesson, 0),
    lesson_step: ({ by }) => lessonStep(state.lesson.name, state.lesson.at + Number(by)),
    given: (_, { value }) => ({ given: value }),
    answer: ({ answer }) => answered(answer ?? state.given),
  };

  function descended(count) {
    const trained = trainedLeaves(graph, state.biases);
    const now = overSamples(graph, values, state.x);
    const { x, step, errors } = descend(graph, values, state.x, trained, state.rate, count);
    const earlier = state.errors.length ? state.errors : [[0, now.root]];
    const all = [...earlier, ...errors.map(([at, error]) => [state.taken + at, error])];
    const every = Math.ceil(all.length / 400);
    const taken = state.taken + step;
    return {
      x, taken, stopped: step < count ? taken + 1 : undefined, before: { x: state.x, grad: now.grad },
      errors: all.filter((_, i) => i % every === 0 || i === all.length - 1),
    };
  }

  function answered(answer) {
    const { question, now } = look();
    const result = judge(graph, now, question, answer);
    const patch = { verdict: result, given: String(answer) };
    if (result.right === undefined) return patch;
    const { right, asked } = state.score;
    return { ...patch, select: question.wrt, score: { right: right + Number(result.right), asked: asked + 1 } };
  }

  const act = (element) => element && change(actions[element.dataset.do](element.dataset, element));
  const on = (type, listener, place = home) => place.addEventListener(type, listener);

  on("click", ({ target }) => {
    const node = target.closest("svg [data-node]");
    if (node) change(actions.select(node.dataset));
    else act(target.closest("button[data-do], circle[data-do]"));
  });
  on("submit", (event) => {
    event.preventDefault();
    act(event.target.closest("[data-do]"));
  });
  on("input", ({ target }) => {
    if (target.dataset.leaf) change({ draft: { leaf: Number(target.dataset.leaf), text: target.value } });
    else act(target.closest("input[data-do]"));
  });
  on("pointerover", ({ target }) => pointAt(target));
  on("focusin", ({ target }) => {
    pointAt(target);
    if (target.dataset.leaf) before = state.x[target.dataset.leaf];
  });
  on("focusout", ({ target }) => target.dataset.leaf && commit(Number(target.dataset.leaf)));

  /** Light the edge of a factor that is pointed at, and the factors of an edge. */
  function pointAt(target) {
    const part = target.closest("[data-edge]");
    const line = target.closest("svg .edge");
    const point = part ? Number(part.dataset.edge) : line ? figure.edgeOf(line, look().carried) : -1;
    if ((point < 0 ? undefined : point) !== state.point) change({ point: point < 0 ? undefined : point });
  }

  let before; // the number of a leaf when its input was entered, for Escape

  /** Take over what was typed for a leaf, if it is a number. */
  function commit(leaf) {
    if (state.draft?.leaf !== leaf) return;
    const number = parse(state.draft.text);
    change(number === undefined ? { draft: { ...state.draft, wrong: true } } : withLeaf(leaf, number));
  }

  on("keydown", (event) => {
    const { key, target, shiftKey } = event;
    const leaf = Number(target.dataset.leaf ?? NaN);
    const node = target.closest("svg [data-node]");
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[key];
    if (leaf >= 0) {
      if (key === "Enter") commit(leaf);
      else if (key === "Escape") change(withLeaf(leaf, before));
      else if (key === "ArrowUp" || key === "ArrowDown") change(withLeaf(leaf, stepped(state.x[leaf], by, shiftKey)));
      else return;
    } else if (node) {
      const at = Number(node.dataset.node);
      if (key === "Enter" || key === " ") change(actions.select(node.dataset));
      else if (by) figure.focus(at, by);
      else return;
    } else if (target.matches("circle[data-do]") && (key === "Enter" || key === " ")) {
      act(target);
    } else if (look().pane === "step" && (key === "ArrowLeft" || key === "ArrowRight") && target.type !== "range") {
      change({ step: Math.max(0, state.step + by), playing: false });
    } else return;
    event.preventDefault();
    if (options.widget) event.stopPropagation(); // a notebook has shortcuts of its own
  }, options.widget ? home : document);

  on("pointerdown", (event) => {
    const handle = event.target.closest("[data-handle]");
    if (!handle) return;
    const leaf = Number(handle.dataset.handle);
    const [from, x] = [event.clientX, state.x[leaf]];
    const move = (to) => change(withLeaf(leaf, stepped(x, Math.round(to.clientX - from), to.shiftKey)));
    handle.setPointerCapture(event.pointerId);
    handle.addEventListener("pointermove", move);
    const end = () => handle.removeEventListener("pointermove", move);
    handle.addEventListener("pointerup", end, { once: true });
    handle.addEventListener("pointercancel", end, { once: true });
    event.preventDefault();
  });

  if (options.address) addEventListener("hashchange", () => change(fromAddress(graph, location.hash)));
  home.classList.add("live");
  change(options.address ? fromAddress(graph, location.hash) : {});
  return { change, watch: (watcher) => watchers.push(watcher), get state() { return state; } };
}

/** A number some steps further, of 0.01 or 0.1, without the 0.30000000000000004 of binary fractions. */
const stepped = (x, steps, large) => Number((x + steps * (large ? 0.1 : 0.01)).toPrecision(12));

function trainedLeaves(graph, biases) {
  const role = (i) => graph.nodes[graph.leaves[i]].role;
  const leaves = [...graph.leaves.keys()];
  const network = leaves.some((i) => role(i) === "weight");
  return leaves.filter((i) => (network ? role(i) === "weight" || (biases && role(i) === "bias") : role(i) === ""));
}

/** What is wrong with the numbers, in a sentence. */
function troubleAt(graph, now, { node, edge }, say) {
  if (node !== undefined) {
    const { shown, formula } = graph.nodes[node];
    return say("no_value", { name: shown, formula: inNames(graph, formula), numbers: inNumbers(formula, now.data) });
  }
  const { source, target } = graph.edges[edge];
  const names = { target: graph.nodes[target].shown, source: graph.nodes[source].shown };
  return say("no_slope", { ...names, number: number(now.data[source]) });
}
