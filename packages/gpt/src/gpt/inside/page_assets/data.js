// The numbers of the page, the state that the reader changes, and the few helpers of all panels.

const data = JSON.parse(document.getElementById("data").textContent);
const nTokens = data.tokens.length;
const triangle = (nTokens * (nTokens + 1)) / 2;
const weightBytes = Uint8Array.from(atob(data.attention), (character) => character.charCodeAt(0));

/** Weight that position `query` gives to position `key`; only the lower triangle is stored. */
function attention(layer, head, query, key) {
  const start = (layer * data.heads + head) * triangle;
  return weightBytes[start + (query * (query + 1)) / 2 + key] / 255;
}

// Position nTokens is that of the next token, which the prompt does not have.
const state = {
  position: nTokens,
  hovered: null,
  alternative: data.answer,
  lensLayer: data.layers,
  layer: 0,
  head: 0,
  key: 0,
  pattern: Object.keys(data.patterns)[0],
  colouring: "effect", // or "attention" from the chosen token to `key`, or "pattern"
  on: true,
};
const views = [];

/** Add a part of the page that is shown again when one of the values that it reads has changed. */
function view(reads, show) {
  let last = null;
  views.push(() => {
    const now = JSON.stringify(reads());
    if (now !== last) show();
    last = now;
  });
}

/** Change the state and let every part of the page show it. */
function update(changes) {
  Object.assign(state, changes);
  for (const showIfChanged of views) showIfChanged();
}

/** The position whose attention is shown; the next token is predicted from the last one. */
function query() {
  return Math.min(state.hovered ?? state.position, nTokens - 1);
}

/** The text of the token at a position; for the next token, the model's answer. */
function textAt(position) {
  return data.vocabulary[position < nTokens ? data.tokens[position] : data.answer];
}

function byId(id) {
  return document.getElementById(id);
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** White space that can be seen. */
function visible(text) {
  return text.replace(/ /g, "·").replace(/\n/g, "↵").replace(/\t/g, "⇥") || "∅";
}

/** The text of a token as a node, its white space fainter than the rest. */
function tokenNode(text) {
  const node = element("span", { class: "token-text" });
  visible(text).split(/([·↵⇥∅]+)/).forEach((part, i) => {
    node.append(i % 2 ? element("span", { class: "blank" }, part) : part); // odd parts are the marks
  });
  return node;
}

function quoted(text) {
  return `‘${text.trim() || visible(text)}’`;
}

function percent(probability) {
  if (probability < 0.001) return "< 0.1 %";
  return `${(100 * probability).toFixed(probability < 0.0995 ? 1 : 0)} %`;
}

/** An attention weight: whole percents, since its steps are 0.4 % wide. */
function weightText(weight) {
  return `${Math.round(100 * weight)} %`;
}

function signed(number, digits = 2) {
  const text = Math.abs(number).toFixed(digits);
  return `${number < 0 && Number(text) !== 0 ? "−" : "+"}${text}`;
}

/** A row of a ranking: token, bar, number. */
function rankingRow(text, probability, tag = "div", attributes = {}) {
  const bar = element("span", { class: "bar" }, element("span", { class: "fill" }));
  bar.firstChild.style.width = `${100 * probability}%`;
  const number = element("span", { class: "number" }, percent(probability));
  return element(tag, { class: "row", ...attributes }, tokenNode(text), bar, number);
}

/** Let arrow keys move the focus inside a group in which one element at a time takes Tab. */
function roving(group, elements, columns, choose) {
  group.addEventListener("keydown", (event) => {
    const from = elements.indexOf(event.target);
    const targets = {
      ArrowRight: from + 1,
      ArrowLeft: from - 1,
      ArrowDown: from + columns,
      ArrowUp: from - columns,
      Home: 0,
      End: elements.length - 1,
    };
    if (!(event.key in targets)) return;
    event.preventDefault(); // the page would scroll
    const to = targets[event.key];
    if (!elements[to]) return;
    choose(to);
    elements[to].focus();
  });
}
