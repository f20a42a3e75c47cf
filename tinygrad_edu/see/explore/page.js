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
  return { root: mean(({ data }) => data[graph.root]), grad: graph.nodes.map((_, node) => mean(({ grad }) => grad[node])) };
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
const singleNode = (formula) => ([...formula].length === 1 && formula.replace(MARKS, "") === "" ? marked(formula) : undefined);

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

/** An element: `h("button", {"data-do": "play"}, "Play")`. Attributes that are false are left out; a key is its identity. */
function h(tag, attributes, ...children) {
  const element = document.createElementNS(SPACE[tag] ?? "http://www.w3.org/1999/xhtml", tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "key") element.key = value;
    else if (value !== false && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== false));
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
    this.weights = weights.map(([id, node]) => [part(id)?.querySelector("path"), node]);
    this.nodes = nodes.map((place, node) => place && this.node(part(place.id), part(place.box), Boolean(place.isLabel), node));
    this.lines = edges.map((places) => places.filter(({ id }) => part(id)).map(({ id, from }) => this.line(part(id), part(from))));
    this.above = edges.map((places) => places.filter(({ above }) => above).map(({ above, symbol }) => [noteAt(part(above), -6), symbol]));
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

  paint(view) {
    this.write(view);
    const onPath = new Set([view.state.select]);
    for (const e of view.onPaths) onPath.add(this.graph.edges[e].source).add(this.graph.edges[e].target);
    this.nodes.forEach((place, node) => {
      if (!place) return;
      const { element, box, note } = place;
      const selected = node === view.state.select;
      for (const each of [element, box]) each.classList.toggle("path", onPath.has(node) || (each !== element && each.matches(".path")));
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
  write({ say, shown, extras, now, isKnown }) {
    const { nodes } = this.graph;
    const rows = {
      data: (node) => (nodes[node].constant ? short(shown.data[node]) : `${say("data")} ${short(shown.data[node])}`),
      grad: (node) => `${say("grad")} ${short(shown.grad[node])}`,
      number: (node) => brief(shown.data[node]),
      named: (node) => `${nodes[node].shown} ${brief(shown.data[node])}`,
      slope: (edge) => short(isKnown(edge) ? now.slope[edge] : undefined),
      extra: (extra) => brief(extras[extra]),
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
  flow({ carried, active, now }) {
    const largest = Math.max(0, ...carried.filter(Number.isFinite).map(Math.abs));
    const marked = new Map(); // one line can stand for two edges: net from out, and net from the weight
    this.lines.forEach((lines, e) => {
      for (const line of lines) if (!marked.has(line.group) || carried[e] !== undefined) marked.set(line.group, [line, e]);
    });
    for (const line of this.lines.flat()) {
      const [shown, e] = marked.get(line.group);
      if (line === shown) this.arrow(line, carried[e], largest, active.edges.includes(e));
      else for (const part of [line.back, line.head]) part.classList.remove("on");
    }
    this.above.forEach((notes, e) => {
      for (const [text, symbol] of notes) text.textContent = carried[e] === undefined ? "" : `${symbol} = ${digits(now.slope[e], 4)}`;
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

/** A small text over or under an element, or over or under the box around it. */
function noteAt(element, dy, around = element) {
  const [{ x, width }, { y, height }] = [element.getBBox(), around.getBBox()];
  return noted(element, { x: x + width / 2, y: dy < 0 ? y + dy : y + height + dy });
}

/** A small text at the left of an element. */
function noteLeft(element) {
  const { x, y, height } = element.getBBox();
  return noted(element, { x: x - 6, y: y + 0.75 * height, "text-anchor": "end" });
}

function noted(element, place) {
  const text = h("text", { class: "note", "text-anchor": "middle", ...place });
  element.parentNode.append(text);
  return text;
}

/** A number as it stands in the figure of a network: up to four decimals. */
const brief = (x) => (Math.abs(x) >= 0.001 ? short(Number(x.toFixed(4))) : short(x === undefined ? x : Number(x.toPrecision(3))));

const short = (x) => (x === undefined || !Number.isFinite(x) ? "–" : digits(x));
const signed = (x) => (x < 0 ? "" : "+") + digits(x, 3);

// --- What the panes show -----------------------------------------------------------------------------------

const MODES = ["change", "step", "descend", "quiz"];
const MOST_PATHS = 8; // more are not written out one by one; the three largest are
const MOST_FACTORS = 24; // of a product that is written out

/** ∂of/∂wrt as a fraction. */
function partial({ graph }, of, wrt) {
  const part = (node) => h("mrow", {}, h("mi", { mathvariant: "normal" }, `∂${graph.nodes[node].shown}`));
  return h("math", {}, h("mfrac", {}, part(of), part(wrt)));
}

/** Something that stands for the derivative along an edge: pointed at, it lights the edge, and the other way round. */
function factor(view, e, ...content) {
  const { source, target } = view.graph.edges[e];
  return h("span", { class: factorClass(view, e), "data-edge": e }, content.length ? content : partial(view, target, source));
}

const factorClass = ({ active }, e) => (active.edges.includes(e) ? "factor lit" : "factor");

/** Items with a sign between them; of very many, the first and the last ones. */
function between(items, sign) {
  const some = items.length > MOST_FACTORS ? [...items.slice(0, MOST_FACTORS / 2), "…", ...items.slice(-MOST_FACTORS / 2)] : items;
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
    const { source, target, formula } = graph.edges[e];
    const forms = new Set([inNames(graph, formula), inNumbers(formula, now.data), number(now.slope[e])]);
    forms.delete("");
    return h("li", { class: factorClass(view, e), "data-edge": e, tabindex: 0 }, partial(view, target, source), equals([...forms]));
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
  return [
    sentence(say("multiplied_added")),
    paths.map(row),
    on.length === view.pathCount
      ? equation(derivative, equals([sum[0], whole]))
      : paths.length === view.pathCount && sentence(say("paths_off", { sum: sum.join(" = "), whole }), { class: "trouble" }),
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
    return h("li", { "data-edge": edge ?? false, class: factorClass(view, edge) }, bar, h("span", {}, budgetSentence(view, edge, f)));
  };
  const telling = factors.length > MOST_FACTORS ? factors.toSorted((a, b) => length(b.factor) - length(a.factor)) : factors;
  return [sentence(say("budget")), h("ul", { class: "budget" }, telling.slice(0, MOST_FACTORS).map(item))];
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
  return h("div", { class: node === state.select ? "leaf selected" : "leaf", key: i },
    button("select", shown, { "data-node": node, "aria-pressed": String(node === state.select), title: say("select_title", { name }) }),
    h("input", {
      type: "text", role: "spinbutton", inputmode: "decimal", autocomplete: "off", "data-leaf": i,
      "aria-label": name, "aria-valuenow": state.x[i], "aria-valuetext": number(state.x[i]),
      "aria-invalid": draft?.wrong ? "true" : false, value: draft?.text ?? String(state.x[i]).replace("-", "−"),
    }),
    h("span", { class: "handle", "data-handle": i, title: say("drag_title"), "aria-hidden": "true" }, "↔"),
    h("small", {}, hidden ? "" : `${say("grad")} ${short(now.grad[node])}`),
    draft?.wrong && h("small", { class: "trouble", role: "alert" }, say("no_number", { text: draft.text.slice(0, 20) })));
}

const ROLES = ["input", "weight", "bias", "target", ""];

/** The leaves in groups: inputs, weights, biases, targets, and what has no role. */
function leafInputs(view, roles = ROLES) {
  const { graph, say } = view;
  return roles.map((role) => {
    const members = [...graph.leaves.keys()].filter((i) => graph.nodes[graph.leaves[i]].role === role);
    return members.length > 0 && h("fieldset", {}, h("legend", {}, say(`leaves_${role || "other"}`)), members.map((i) => leafInput(view, i)));
  });
}

function changePane(view) {
  const { graph, now, say } = view;
  const root = graph.nodes[graph.root];
  return [
    h("p", { class: "result" }, `${root.shown} = ${short(now.data[graph.root]) === "–" ? "–" : number(now.data[graph.root])}`,
      button("reset", say("reset"), { class: "quiet" })),
    h("div", { class: "leaves" }, leafInputs(view)),
    h("p", { class: "hint" }, say("keys_hint")),
    ...nudgePane(view),
    h("p", { class: "counter" }, say("counter", {
      leaves: graph.leaves.length, edges: graph.edges.length, passes: graph.leaves.length + 1,
      operations: (graph.leaves.length + 1) * graph.nodes.filter((node) => !node.leaf).length,
    })),
  ];
}

/** The nudge on its way, node by node, and E as a function of the selected leaf with its tangent. */
function nudgePane(view) {
  const { graph, state, now, say, nudge } = view;
  if (!nudge) return [];
  const name = graph.nodes[state.select].shown;
  const root = graph.nodes[graph.root].shown;
  const arrived = graph.nodes.map(() => []);
  for (const e of view.onPaths) arrived[graph.edges[e].target].push(e);
  const cell = (...content) => h("td", {}, ...content);
  const rows = [...graph.nodes.keys()].filter((node) => arrived[node].length > 0).map((node) => {
    const [e, ...more] = arrived[node];
    const ratio = more.length === 0
      ? [`${digits(nudge[node] / nudge[graph.edges[e].source])}`, factor(view, e, digits(now.slope[e]))]
      : [say("nudge_sum"), between(arrived[node].map((p) => factor(view, p, `${bracketed(now.slope[p], three)} × ${bracketed(nudge[graph.edges[p].source], three)}`)), "+")];
    return h("tr", {}, h("th", { scope: "row" }, `Δ${graph.nodes[node].shown}`), cell(signed(nudge[node])), cell(ratio[0]), cell(ratio[1]));
  });
  const predicted = now.grad[state.select] * state.nudge;
  const measured = nudge[graph.root];
  const off = predicted === 0 ? 0 : (100 * (measured - predicted)) / predicted;
  return [h("div", { class: "beside" },
    h("section", { class: "nudging" },
      h("label", {}, say("nudge", { name }), h("input", {
        type: "range", min: -4, max: 0.5, step: 0.25, value: Math.log10(state.nudge), "data-do": "nudge", "aria-valuetext": digits(state.nudge, 3),
      }), h("output", {}, `Δ${name} = ${signed(state.nudge)}`)),
      h("table", {}, h("thead", {}, h("tr", {}, ["nudge_node", "nudge_change", "nudge_ratio", "nudge_factor"].map((key) => h("th", { scope: "col" }, say(key))))), h("tbody", {}, rows)),
      h("p", {}, say("nudge_compare", { predicted: signed(predicted), measured: signed(measured), off: digits(off, 2), root }))),
    curve(view),
  )];
}

/** The root as a function of the selected leaf, and the tangent that the gradient is the slope of. */
function curve(view) {
  const { graph, state, now, say } = view;
  const leaf = graph.leaves.indexOf(state.select);
  const here = state.x[leaf];
  const reach = 2 * Math.max(1, Math.abs(graph.at[leaf]));
  const middle = Math.abs(here - graph.at[leaf]) > reach ? here : graph.at[leaf];
  const points = [];
  for (let k = -40; k <= 40; k++) {
    const x = [...state.x];
    x[leaf] = middle + (reach * k) / 40;
    const y = view.values(x)[graph.root];
    if (Number.isFinite(y)) points.push([x[leaf], y]);
  }
  const heights = points.map(([, y]) => y);
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const range = high - low || 1;
  const px = (x) => 10 + (280 * (x - middle + reach)) / (2 * reach);
  const py = (y) => Math.max(-200, Math.min(400, 120 - (100 * (y - low)) / range));
  const y = now.data[graph.root];
  const tangent = (x) => y + now.grad[state.select] * (x - here);
  const names = { root: graph.nodes[graph.root].shown, name: graph.nodes[state.select].shown };
  return h("figure", { class: "curve" },
    h("svg", { viewBox: "0 0 300 130", role: "img", "aria-label": say("curve", names) },
      h("path", { class: "function", d: points.map(([x, v], i) => `${i ? "L" : "M"}${px(x).toFixed(1)},${py(v).toFixed(1)}`).join("") }),
      h("path", { class: "tangent", d: `M${px(middle - reach)},${py(tangent(middle - reach)).toFixed(1)}L${px(middle + reach)},${py(tangent(middle + reach)).toFixed(1)}` }),
      h("circle", { cx: px(here).toFixed(1), cy: py(y).toFixed(1), r: 4 })),
    h("figcaption", {}, say("curve", names)));
}

// --- Step ------------------------------------------------------------------------------------------------

function stepPane(view) {
  const { state, say, steps } = view;
  const at = (step) => Math.max(0, Math.min(steps.length, step));
  const to = (step, label, key) => button("step", label, { "data-step": at(step), "aria-label": say(key), title: say(key) });
  return [
    h("div", { class: "transport" },
      to(0, "|◀", "step_first"), to(state.step - 1, "◀", "step_back"),
      button("play", say(state.playing ? "pause" : "play")),
      to(state.step + 1, "▶", "step_on"), to(steps.length, "▶|", "step_last"),
      h("input", { type: "range", min: 0, max: steps.length, value: state.step, "data-do": "scrub", "aria-label": say("scrub"), "aria-valuetext": say("step_of", { step: state.step, steps: steps.length }) }),
      h("output", {}, say("step_of", { step: state.step, steps: steps.length }))),
    h("p", { class: "step", "aria-live": "polite" }, stepWords(view)),
    h("p", { class: "hint" }, say("step_hint")),
  ];
}

function stepWords({ graph, state, now, shown, say, steps }) {
  if (state.step === 0) return say("step_start");
  const { node, seed, edge } = steps[state.step - 1];
  const root = graph.nodes[graph.root].shown;
  if (seed !== undefined) return say("step_seed", { root });
  if (node !== undefined) {
    const { shown: name, formula } = graph.nodes[node];
    return say("step_forward", { equation: [name, inNames(graph, formula), inNumbers(formula, now.data), number(now.data[node])].join(" = ") });
  }
  const { source, target } = graph.edges[edge];
  const product = shown.grad[target] * now.slope[edge];
  const sum = shown.grad[source];
  const fields = { root, source: graph.nodes[source].shown, target: graph.nodes[target].shown,
    product: `${bracketed(shown.grad[target])} × ${bracketed(now.slope[edge])} = ${number(product)}`, sum: number(sum) };
  return say(sum === product ? "step_backward" : "step_added", fields);
}

// --- Descend ---------------------------------------------------------------------------------------------

function descendPane(view) {
  const { graph, state, say, trained } = view;
  const root = graph.nodes[graph.root].shown;
  const mean = overSamples(graph, view.values, state.x);
  const trains = (role) => graph.leaves.some((node) => graph.nodes[node].role === role);
  const rate = state.rateText ?? String(state.rate);
  return [
    h("p", { class: "result" }, `${root} = ${mean.root.toFixed(9)}`,
      graph.samples.length > 0 && h("small", {}, say("mean_of", { samples: graph.samples.length })),
      h("small", {}, say("steps_taken", { steps: state.taken.toLocaleString("en") }))),
    h("div", { class: "transport" },
      [1, 10, 10000].map((steps) => button("descend", say(steps === 1 ? "descend_one" : "descend_by", { steps: steps.toLocaleString("en") }), { "data-steps": steps })),
      h("label", {}, say("rate"), h("input", { type: "text", inputmode: "decimal", "data-do": "rate", value: rate, "aria-invalid": parse(rate) === undefined ? "true" : false })),
      trains("weight") && trains("bias") && h("label", {}, h("input", { type: "checkbox", "data-do": "biases", checked: state.biases }), say("biases_too")),
      button("reset", say("reset"), { class: "quiet" })),
    state.stopped && h("p", { class: "trouble", role: "alert" }, say("diverged", { steps: state.stopped })),
    h("div", { class: "beside" }, errorCurve(view), graph.plane && plane(view),
      h("table", {}, h("thead", {}, h("tr", {}, ["weight", "old", "gradient", "new"].map((key) => h("th", { scope: "col" }, say(`column_${key}`))))),
        h("tbody", {}, trained.map((i) => {
          const node = graph.leaves[i];
          const was = state.before?.x[i];
          return h("tr", {}, h("th", { scope: "row" }, graph.nodes[node].shown),
            [was, (state.before ?? mean).grad[node], state.x[i]].map((x) => h("td", {}, x === undefined ? "–" : number(x))));
        })))),
    h("p", { class: "hint" }, say("descend_hint")),
  ];
}

/** The plane of two inputs: on which side of the middle the output is, and the samples, which can be chosen. */
function plane({ graph, values, state, say }) {
  const { inputs: [across, up], output, target } = graph.plane;
  const numbers = (leaf) => graph.samples.map((sample) => sample.find(([i]) => i === leaf)[1]);
  const [low, high] = [Math.min(...numbers(across), ...numbers(up)), Math.max(...numbers(across), ...numbers(up))];
  const margin = 0.15 * (high - low || 1);
  const place = (number) => (200 * (number - low + margin)) / (high - low + 2 * margin);
  const targets = numbers(target);
  const middle = (Math.min(...targets) + Math.max(...targets)) / 2;
  const side = (number) => (number > middle ? "above" : "under");
  const cells = [];
  for (let row = 0; row < 25; row++) {
    for (let column = 0; column < 25; column++) {
      const at = (k) => low - margin + ((k + 0.5) / 25) * (high - low + 2 * margin);
      const out = values(withNumbers(state.x, [[across, at(column)], [up, at(row)]]))[output];
      cells.push(h("rect", { class: side(out), x: 8 * column, y: 192 - 8 * row, width: 8, height: 8 }));
    }
  }
  const points = targets.map((wanted, i) => {
    const chosen = graph.samples[i].every(([leaf, number]) => state.x[leaf] === number);
    return h("circle", {
      class: `${side(wanted)}${chosen ? " chosen" : ""}`, cx: place(numbers(across)[i]), cy: 200 - place(numbers(up)[i]), r: 4,
      role: "button", tabindex: 0, "data-do": "sample", "data-sample": i, "aria-pressed": String(chosen),
      "aria-label": say("sample", { number: i + 1 }),
    });
  });
  return h("figure", { class: "plane" },
    h("svg", { viewBox: "0 0 200 200", role: "group", "aria-label": say("plane") }, cells, points),
    h("figcaption", {}, say("plane")));
}

function errorCurve({ graph, state, say }) {
  const points = state.errors;
  if (points.length < 2) return h("figure", { class: "curve" }, h("figcaption", {}, say("errors_empty")));
  const log = points.every(([, error]) => error > 0);
  const heights = points.map(([, error]) => (log ? Math.log10(error) : error));
  const [low, high] = [Math.min(...heights), Math.max(...heights)];
  const last = points.at(-1)[0];
  const d = points.map(([step], i) => `${i ? "L" : "M"}${(10 + (280 * step) / last).toFixed(1)},${(120 - (100 * (heights[i] - low)) / (high - low || 1)).toFixed(1)}`);
  const label = say(log ? "errors_log" : "errors", { root: graph.nodes[graph.root].shown, steps: last.toLocaleString("en") });
  return h("figure", { class: "curve" },
    h("svg", { viewBox: "0 0 300 130", role: "img", "aria-label": label }, h("path", { class: "function", d: d.join("") })),
    h("figcaption", {}, label));
}

// --- Quiz and lessons --------------------------------------------------------------------------------------

const TOLERANCE = 0.01; // relative: three digits of a hand calculation pass

/** The usual mistakes with ∂root/∂from, each with the wrong number that it gives. */
export function mistakes(graph, now, from, rate = 0.5) {
  const right = now.grad[from];
  const paths = bestPaths(graph, now.slope, from, MOST_PATHS);
  const many = pathCount(graph, from) > 1;
  const role = (node) => graph.nodes[node].role;
  const single = (e) => singleNode(graph.edges[e].formula);
  /** ∂root/∂from where some local derivatives are replaced. */
  const replaced = (wrong) => {
    const slope = now.slope.map((s, e) => wrong(e) ?? s);
    return flows(graph, { slope, grad: gradients(graph, slope) }, from)
      .reduce((sum, part, e) => (graph.edges[e].source === from ? sum + part : sum), 0);
  };
  const found = [
    ...(many ? paths.map((path) => ["path", path.product]) : []),
    ...(many ? paths.map((path) => ["path", right - path.product]) : []),
    ["updated", replaced((e) => {
      const w = single(e);
      return w !== undefined && role(w) === "weight" && w !== from ? now.data[w] - rate * now.grad[w] : undefined;
    })],
    ["at_net", replaced((e) => {
      const net = now.data[graph.edges[e].source];
      return graph.edges[e].op === "sigmoid" ? net * (1 - net) : graph.edges[e].op === "tanh" ? 1 - net * net : undefined;
    })],
    ["minus", -right], ["half", right / 2], ["half", right * 2],
    ["swapped", replaced((e) => (graph.edges[e].source === from && single(e) !== undefined ? now.data[from] : undefined))],
    ["sum", paths[0]?.edges.reduce((sum, e) => sum + now.slope[e], 0)],
    ...(many ? [["sum", paths.reduce((product, path) => product * path.product, 1)]] : []),
  ];
  return found.filter(([, value], i) => Number.isFinite(value) && !close(value, right) && found.findIndex(([, v]) => close(v, value)) === i);
}

const close = (x, y) => Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));

function gradients(graph, slope) {
  return bothPasses(graph, () => [...graph.nodes.map(() => 0), ...slope], []).grad;
}

/** The question of this number: what is asked, of which node, and the right answer. */
export function questionOf(graph, now, number, only = {}) {
  const candidates = graph.leaves.filter((node) => ["weight", "bias", ""].includes(graph.nodes[node].role));
  const pick = (offset) => candidates[(number * 7 + offset * 3) % candidates.length];
  const kind = only.kind ?? ["sign", "larger", "number", "factor"][number % 4];
  const wrt = only.wrt ?? pick(number);
  if (kind === "sign") return { kind, wrt, options: ["rises", "falls", "stays"], right: ["stays", "rises", "falls"].at(Math.sign(now.grad[wrt])) };
  if (kind === "larger") {
    const other = only.other ?? pick(number + 1);
    const options = [wrt, other];
    const [a, b] = options.map((node) => Math.abs(now.grad[node]));
    return { kind, wrt, other, options, right: a >= b ? wrt : other };
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
  const known = question.kind === "number" ? mistakes(graph, now, question.wrt) : [["minus", -question.right]];
  return { right: false, mistake: known.find(([, value]) => near(value))?.[0] };
}

function quizPane(view) {
  const { graph, state, say, question, lesson, pane } = view;
  const lessons = h("nav", { class: "lessons", "aria-label": say("lessons") },
    button("quiz", say("free_quiz"), { "aria-pressed": String(!state.lesson) }),
    graph.lessons.map(({ name }) => button("lesson", say(`lesson_${name}`), { "data-lesson": name, "aria-pressed": String(state.lesson?.name === name) })));
  const last = lesson && state.lesson.at === lesson.steps.length - 1;
  const text = lesson && h("p", { class: "lesson", "aria-live": "polite" }, say(lesson.steps[state.lesson.at].say));
  const onward = h("div", { class: "transport" },
    lesson && state.lesson.at > 0 && button("lesson_step", say("lesson_back"), { "data-by": -1 }),
    lesson && h("output", {}, say("step_of", { step: state.lesson.at + 1, steps: lesson.steps.length })),
    lesson && !last && button("lesson_step", say("lesson_on"), { "data-by": 1 }),
    !lesson && state.verdict && button("next", say("quiz_next")),
    !lesson && h("output", {}, say("quiz_score", state.score)));
  return [lessons, text, ...(question ? ask(view) : []), onward, ...(pane === "quiz" ? [] : PANES[pane](view))];
}

const PANES = { change: changePane, step: stepPane, descend: descendPane, quiz: quizPane };

function ask(view) {
  const { graph, state, now, say, question } = view;
  const root = graph.nodes[graph.root].shown;
  const name = (node) => graph.nodes[node].shown;
  const done = Boolean(state.verdict?.right !== undefined);
  const sentence = h("p", { class: "question" }, say(`ask_${question.kind}`, { root, name: name(question.wrt), other: question.other === undefined ? "" : name(question.other) }));
  const product = question.kind === "factor" && equation(partial(view, graph.root, question.wrt), " → ",
    between(question.path.edges.map((e) => (e === question.missing && !done ? "?" : bracketed(now.slope[e]))), "×"), ` = ${number(question.path.product)}`);
  const of = question.kind === "factor" && equation(partial(view, graph.edges[question.missing].target, graph.edges[question.missing].source), " = ?");
  const controls = question.options
    ? h("div", { class: "transport" }, question.options.map((option) => button("answer", typeof option === "number" ? name(option) : say(`answer_${option}`), { "data-answer": option, disabled: done })))
    : h("form", { class: "transport", "data-do": "answer" },
        h("label", {}, say("your_answer"), h("input", { type: "text", inputmode: "decimal", autocomplete: "off", "data-do": "given", value: state.given, disabled: done })),
        h("button", { type: "submit", disabled: done }, say("check")));
  return [sentence, product, of, controls, h("p", { class: "verdict", "aria-live": "polite" }, verdict(view))];
}

function verdict({ graph, state, say, question }) {
  const { verdict: result } = state;
  if (!result) return "";
  if (result.wrong) return say(result.wrong, { text: state.given.slice(0, 20) });
  const right = question.options ? (typeof question.right === "number" ? graph.nodes[question.right].shown : say(`answer_${question.right}`)) : number(question.right);
  if (result.right) return say("right", { right });
  return `${say("wrong", { right })} ${result.mistake ? say(`mistake_${result.mistake}`) : ""}`;
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
  let state = { ...start, ...(options.address ? fromAddress(graph, location.hash) : {}) };
  let timer, writer;
  const watchers = [];

  /** All that is shown, computed from the state. */
  function look() {
    const root = graph.nodes[graph.root].shown;
    const say = (key, fields) => {
      const sentence = (words[state.lang] ?? words.en)[key];
      return sentence.replace(/\{(\w+)\}/g, (_, name) => ({ root, ...fields })[name]);
    };
    const now = bothPasses(graph, values, state.x);
    const bad = firstBad(now);
    const lesson = graph.lessons.find(({ name }) => name === state.lesson?.name);
    const { ask: asked, pane = state.mode } = lesson ? lesson.steps[state.lesson.at] : { ask: {} };
    const question = state.mode === "quiz" && asked && !bad ? questionOf(graph, now, state.quiz, asked) : undefined;
    const hidden = Boolean(question && state.verdict?.right === undefined);
    const inSteps = pane === "step";
    const all = { data: bad?.node === undefined ? now.data : now.data.map((x, node) => (node < bad.node ? x : undefined)), grad: bad ? [] : now.grad };
    const shown = inSteps && !bad ? knownAfter(graph, now, steps, state.step) : hidden ? { data: now.data, grad: [] } : all;
    const count = pathCount(graph, state.select);
    const paths = bad ? [] : bestPaths(graph, now.slope, state.select, count <= MOST_PATHS ? MOST_PATHS : 3);
    const on = paths.filter((path) => !state.off.includes(path.key));
    const onPaths = on.length === count ? undefined : new Set(on.flatMap((path) => path.edges));
    const isShown = (e) => !bad && !inSteps && !hidden && (count > MOST_PATHS || !onPaths || onPaths.has(e));
    const carried = flows(graph, now, state.select).map((part, e) => (isShown(e) ? part : undefined));
    const { node, seed, edge } = inSteps && state.step > 0 ? steps[state.step - 1] : {};
    const active = { nodes: [node, seed, edge === undefined ? undefined : graph.edges[edge].source], edges: [edge, state.point] };
    if (edge !== undefined) carried[edge] = shown.grad[graph.edges[edge].target] * now.slope[edge];
    const leaf = graph.leaves.indexOf(state.select);
    return {
      graph, values, state, steps, say, now, shown, carried, active, paths, question, hidden, lesson,
      extras: inSteps && state.step < steps.findIndex(({ seed }) => seed !== undefined) ? [] : now.extras,
      pathCount: count, onPaths: [...graph.edges.keys()].filter((e) => carried[e] !== undefined),
      trouble: bad && troubleAt(graph, now, bad, say),
      pane, nudge: pane === "change" && leaf >= 0 && !bad ? nudged(leaf, now) : undefined,
      trained: trainedLeaves(graph, state.biases),
      isKnown: (e) => shown.data[graph.edges[e].target] !== undefined && !bad,
      describe: (n) => `${graph.nodes[n].name}, ${say("data")} ${short(shown.data[n])}, ${say("grad")} ${short(shown.grad[n])}`,
    };
  }

  /** How much each node changes when a leaf is nudged. */
  function nudged(leaf, now) {
    const x = [...state.x];
    x[leaf] += state.nudge;
    return values(x).slice(0, graph.nodes.length).map((number, node) => number - now.data[node]);
  }

  function render() {
    const view = look();
    home.lang = state.lang;
    home.dataset.mode = state.mode;
    figure.paint(view);
    const pane = (name, ...children) => fill(home.querySelector(`.${name}`), children.flat(Infinity).filter(Boolean));
    pane("modes", MODES.map((mode) => button("mode", view.say(`mode_${mode}`), { "data-mode": mode, "aria-pressed": String(mode === state.mode) })));
    pane("languages", Object.keys(words).map((lang) => button("lang", words[lang].language, { "data-lang": lang, lang, "aria-pressed": String(lang === state.lang) })));
    pane("why", why(view));
    pane("controls", PANES[state.mode](view));
    home.querySelector("h1").textContent = view.say("title");
    home.querySelector("figcaption").textContent = view.say("figure_hint");
    for (const watcher of watchers) watcher(state, view);
  }

  function change(patch) {
    state = { ...state, ...patch };
    state.step = Math.min(state.step, steps.length);
    clearTimeout(timer);
    clearTimeout(writer);
    if (state.playing) timer = setTimeout(() => change({ step: state.step + 1, playing: state.step + 1 < steps.length }), 900);
    if (options.address) writer = setTimeout(() => history.replaceState(null, "", toAddress(graph, state)), 200);
    render();
  }

  /** The state with another number for a leaf. */
  const withLeaf = (i, number) => ({ x: withNumbers(state.x, [[i, number]]) });

  /** The state in which a step of a lesson begins. */
  function lessonStep(name, at) {
    const { set = {} } = graph.lessons.find((lesson) => lesson.name === name).steps[at];
    return { mode: "quiz", nudge: 0.01, off: [], ...set, x: withNumbers(graph.at, set.x ?? []), lesson: { name, at }, verdict: undefined, given: "" };
  }

  const actions = {
    mode: ({ mode }) => ({ mode, playing: false, verdict: undefined, given: "", lesson: undefined }),
    lang: ({ lang }) => ({ lang }),
    select: ({ node }) => ({ select: Number(node), off: [] }),
    reset: () => ({ x: [...graph.at], taken: 0, errors: [], before: undefined, stopped: undefined, draft: undefined }),
    path: ({ path }, { checked }) => ({ off: checked ? state.off.filter((key) => key !== path) : [...state.off, path] }),
    nudge: (_, { value }) => ({ nudge: Number((10 ** value).toPrecision(3)) }),
    step: ({ step }) => ({ step: Number(step), playing: false }),
    scrub: (_, { value }) => ({ step: Number(value), playing: false }),
    play: () => ({ playing: !state.playing, step: state.step >= steps.length ? 0 : state.step }),
    biases: (_, { checked }) => ({ biases: checked }),
    rate: (_, { value }) => ({ rateText: value, rate: parse(value) ?? state.rate }),
    descend: (data) => descended(Number(data.steps)),
    sample: ({ sample }) => ({ x: withNumbers(state.x, graph.samples[sample]) }),
    quiz: () => ({ lesson: undefined, verdict: undefined, given: "" }),
    next: () => ({ quiz: state.quiz + 1, verdict: undefined, given: "" }),
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
    return {
      x, taken: state.taken + step, stopped: step < count ? state.taken + step + 1 : undefined,
      before: { x: state.x, grad: now.grad }, errors: all.filter((_, i) => i % Math.ceil(all.length / 400) === 0 || i === all.length - 1),
    };
  }

  function answered(answer) {
    const { question, now } = look();
    const result = judge(graph, now, question, answer);
    const { right, asked } = state.score;
    const score = result.right === undefined ? state.score : { right: right + (result.right ? 1 : 0), asked: asked + 1 };
    return { verdict: result, given: String(answer), score, select: result.right === undefined ? state.select : question.wrt };
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
    change(number === undefined ? { draft: { ...state.draft, wrong: true } } : { ...withLeaf(leaf, number), draft: undefined });
  }

  on("keydown", (event) => {
    const { key, target, shiftKey } = event;
    const leaf = Number(target.dataset.leaf ?? NaN);
    const node = target.closest("svg [data-node]");
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[key];
    if (leaf >= 0) {
      if (key === "Enter") commit(leaf);
      else if (key === "Escape") change({ ...withLeaf(leaf, before), draft: undefined });
      else if (key === "ArrowUp" || key === "ArrowDown") change({ ...withLeaf(leaf, stepped(state.x[leaf], by * (shiftKey ? 0.1 : 0.01))), draft: undefined });
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
    const move = (to) => change({ ...withLeaf(leaf, stepped(x, Math.round(to.clientX - from) * (to.shiftKey ? 0.1 : 0.01))), draft: undefined });
    handle.setPointerCapture(event.pointerId);
    handle.addEventListener("pointermove", move);
    const end = () => handle.removeEventListener("pointermove", move);
    handle.addEventListener("pointerup", end, { once: true });
    handle.addEventListener("pointercancel", end, { once: true });
    event.preventDefault();
  });

  if (options.address) addEventListener("hashchange", () => change(fromAddress(graph, location.hash)));
  home.classList.add("live");
  render();
  return { change, watch: (watcher) => watchers.push(watcher), get state() { return state; } };
}

/** A number with a step added, without the 0.30000000000000004 of binary fractions. */
const stepped = (x, step) => Number((x + step).toPrecision(12));

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
  return say("no_slope", { target: graph.nodes[target].shown, source: graph.nodes[source].shown, number: number(now.data[source]) });
}
