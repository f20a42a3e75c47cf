// Plays a picture whose parts are visible at certain steps: class "t3-7" is visible from step 3 up to, but not
// including, step 7. What else changes is data: an element, an attribute or "" for the text, and its values.
// One state, the step that is shown; every control changes the state and nothing else.

const figure = document.querySelector("figure");
const seconds = Number(figure.dataset.seconds);
const last = Number(figure.dataset.last);
const control = (name) => document.querySelector(`[data-control="${name}"]`);
const scrubber = control("scrub");

const parts = [...figure.querySelectorAll("[class]")].flatMap((element) => {
  const times = /(?:^| )t(\d+)-(\d+)(?: |$)/.exec(element.getAttribute("class"));
  return times ? [{ element, start: Number(times[1]), end: Number(times[2]) }] : [];
});
const read = (id) => JSON.parse(document.querySelector(id).textContent);
const captions = read("#captions");
const changes = read("#changes").map(([selector, ...change]) => [document.querySelector(selector), ...change]);
const words = { play: control("play").textContent, pause: control("play").dataset.pause };

let step = 0;
let timer = null;

function show(wanted) {
  step = Math.max(0, Math.min(last, wanted));
  for (const { element, start, end } of parts) {
    element.setAttribute("visibility", start <= step && step < end ? "visible" : "hidden");
  }
  for (const [element, attribute, values] of changes) {
    const value = values.length > 1 ? values[step] : values[0];
    if (attribute) element.setAttribute(attribute, value);
    else element.textContent = value;
  }
  scrubber.value = step;
  scrubber.setAttribute("aria-valuetext", captions[step]);
  document.querySelector("output").textContent = captions[step];
}

function pause() {
  clearInterval(timer);
  timer = null;
  control("play").textContent = words.play;
}

function play() {
  if (step === last) show(0);
  timer = setInterval(() => {
    show(step + 1);
    if (step === last) pause();
  }, seconds * 1000);
  control("play").textContent = words.pause;
}

const actions = {
  first: () => show(0),
  back: () => show(step - 1),
  forth: () => show(step + 1),
  last: () => show(last),
};
for (const [name, action] of Object.entries(actions)) {
  control(name).addEventListener("click", () => {
    pause();
    action();
  });
}
control("play").addEventListener("click", () => (timer === null ? play() : pause()));
scrubber.addEventListener("input", () => {
  pause();
  show(Number(scrubber.value));
});

const keys = { ArrowLeft: "back", ArrowRight: "forth", Home: "first", End: "last", " ": "play" };
document.addEventListener("keydown", (event) => {
  const name = keys[event.key];
  if (name && !event.altKey && !event.ctrlKey && !event.metaKey && !event.target.closest("input, button")) {
    event.preventDefault();
    control(name).click();
  }
});

document.querySelector("nav").hidden = false;
show(0);
