// All heads as a grid, and one of them in detail: its attention, and the prediction without it.

const { ablation } = data;
const largestChange = Math.max(1e-4, ...ablation.change.flat().map(Math.abs));
const headNumbers = Array.from({ length: data.layers * data.heads }, (_, i) =>
  [Math.floor(i / data.heads), i % data.heads]);

function headName(layer, head) {
  return `${layer}.${head}`;
}

function chooseHead(i) {
  const [layer, head] = headNumbers[i];
  update({ layer, head });
}

const headCells = headNumbers.map((_, i) => {
  const cell = element("button", { type: "button", class: "head", role: "gridcell" });
  cell.addEventListener("click", () => chooseHead(i));
  return cell;
});
const headLabels = Array.from({ length: data.heads }, (_, head) =>
  element("span", { class: "head-label", role: "columnheader" }, String(head)));
byId("grid").append(element("div", { role: "row", class: "grid-row" }, element("span"), ...headLabels));
for (let layer = 0; layer < data.layers; layer++) {
  const label = element("span", { class: "layer-label", role: "rowheader" }, String(layer));
  const cells = headCells.slice(layer * data.heads, (layer + 1) * data.heads);
  byId("grid").append(element("div", { role: "row", class: "grid-row" }, label, ...cells));
}
byId("grid").style.setProperty("--heads", data.heads);
roving(byId("grid"), headCells, data.heads, chooseHead);

for (const [id, count] of [["layer", data.layers], ["head", data.heads]]) {
  byId(id).append(...Array.from({ length: count }, (_, i) => element("option", { value: i }, i)));
  byId(id).addEventListener("change", (event) => update({ [id]: Number(event.target.value) }));
}
byId("ablate").addEventListener("click", () => update({ on: !state.on }));
byId("key").addEventListener("change", (event) =>
  update({ key: Number(event.target.value), colouring: "attention" }));
byId("pattern").append(...Object.keys(data.patterns).map((name) => element("option", {}, name)));
byId("pattern").closest("label").hidden = !state.pattern; // one token has no pattern
byId("pattern").addEventListener("change", (event) =>
  update({ pattern: event.target.value, colouring: "pattern" }));
for (const radio of document.querySelectorAll("[name=colouring]")) {
  radio.addEventListener("change", () => update({ colouring: radio.value }));
}

/** The number that a head's colour shows. */
function headValue(layer, head) {
  if (state.colouring === "effect") return ablation.change[layer][head];
  if (state.colouring === "pattern") return data.patterns[state.pattern][layer][head];
  return attention(layer, head, query(), Math.min(state.key, query()));
}

function headValueText(value) {
  return state.colouring === "effect" ? `${signed(value)} nats` : weightText(value);
}

view(() => [state.colouring, state.key, state.pattern, query(), state.layer, state.head, state.on], () => {
  const byEffect = state.colouring === "effect";
  for (const radio of document.querySelectorAll("[name=colouring]")) {
    radio.checked = radio.value === state.colouring;
  }
  for (const [i, cell] of headCells.entries()) {
    const [layer, head] = headNumbers[i];
    const value = headValue(layer, head);
    const chosen = layer === state.layer && head === state.head;
    // a square root, so that small effects can be seen next to the largest
    const strength = byEffect ? Math.sqrt(Math.abs(value) / largestChange) : value;
    cell.style.setProperty("--strength", strength.toFixed(3));
    cell.classList.toggle("lost", byEffect && value < 0);
    cell.classList.toggle("off", chosen && !state.on);
    cell.setAttribute("aria-selected", chosen);
    cell.tabIndex = chosen ? 0 : -1;
    cell.title = `head ${headName(layer, head)}: ${headValueText(value)}`;
    cell.setAttribute("aria-label", `layer ${layer}, head ${head}: ${headValueText(value)}`);
  }
  byId("grid-legend").replaceChildren(...gridLegend());
});

function gridLegend() {
  if (state.colouring === "effect") {
    const answer = quoted(data.vocabulary[data.answer]);
    return [legendItem("lost", `without it, ${answer} is less likely`), legendItem("gained", "more likely")];
  }
  const [from, to] = [textAt(query()), textAt(Math.min(state.key, query()))].map(quoted);
  return [legendItem("gained", state.colouring === "attention"
    ? `share of the attention of ${from} that goes to ${to}`
    : `share of attention on the pattern “${state.pattern}”, in this prompt`)];
}

function legendItem(kind, text) {
  return element("span", {}, element("i", { class: `key ${kind}` }), text);
}

// Buttons for the heads with the largest effect, or the largest weight.
view(() => [state.colouring, state.key, state.pattern, query()], () => {
  const byEffect = state.colouring === "effect";
  byId("strongest-heading").textContent = byEffect ? "Largest effects" : "Largest shares";
  const order = headNumbers.map((_, i) => i).sort((a, b) =>
    Math.abs(headValue(...headNumbers[b])) - Math.abs(headValue(...headNumbers[a])));
  byId("strongest").replaceChildren(...order.slice(0, 6).map((i) => {
    const [layer, head] = headNumbers[i];
    const value = headValueText(headValue(layer, head));
    const button = element("button", { type: "button", class: "pill" }, `${headName(layer, head)}  `, element("b", {}, value));
    button.setAttribute("aria-label", `layer ${layer}, head ${head}: ${value}`);
    button.addEventListener("click", () => chooseHead(i));
    return button;
  }));
});

view(() => [state.layer, state.head], () => {
  byId("layer").value = state.layer;
  byId("head").value = state.head;
});

view(() => [query(), state.key], () => {
  byId("key").replaceChildren(...data.tokens.slice(0, query() + 1).map((token, i) =>
    element("option", { value: i }, `${i}  ${visible(data.vocabulary[token])}`)));
  byId("key").value = Math.min(state.key, query());
});

view(() => [state.layer, state.head, state.on], () => {
  const { layer, head, on } = state;
  byId("ablate").setAttribute("aria-checked", on);
  byId("ablate-label").textContent = `Head ${headName(layer, head)} is ${on ? "on" : "off"}`;
  const without = ablation.tokens[layer][head];
  const rows = data.alternatives.tokens[nTokens - 1].slice(0, without.length).map((token, rank) =>
    [token, data.alternatives.probabilities[nTokens - 1][rank], ablation.ablated[layer][head][rank]]);
  if (!on) {
    without.forEach((token, rank) => {
      if (rows.some(([known]) => known === token)) return;
      rows.push([token, ablation.intact[layer][head][rank], ablation.probabilities[layer][head][rank]]);
    });
  }
  byId("ablation").replaceChildren(...rows.map(([token, before, after]) => {
    const row = rankingRow(data.vocabulary[token], before);
    if (!on) {
      const fill = element("span", { class: "fill without" });
      fill.style.width = `${100 * after}%`;
      row.querySelector(".bar").append(fill);
      row.append(element("span", { class: "number without" }, percent(after)));
    }
    return element("li", {}, row);
  }));
  byId("ablation").classList.toggle("compared", !on);
  byId("ablation-heading").textContent = on ? "The next token, with all heads" : `The next token, with and without head ${headName(layer, head)}`;
  byId("ablation-note").textContent = ablationSentence(on, without[0]);
});

function ablationSentence(on, first) {
  const change = ablation.change[state.layer][state.head];
  const answer = quoted(data.vocabulary[data.answer]);
  if (on) return "Switch the head off: its output becomes zero at every position.";
  const times = Math.exp(change);
  const start = `Without it, ${answer} is ${times.toFixed(2)} times as likely (${signed(change, 3)} nats)`;
  return first === data.answer
    ? `${start} and stays first.`
    : `${start}, and ${quoted(data.vocabulary[first])} comes first.`;
}

// The whole map of one head, drawn on a canvas: at 64 tokens it has 2,080 squares.
const matrix = byId("matrix");
let matrixCell = 0;
let matrixMargin = 0;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function drawMatrix() {
  const width = Math.min(matrix.parentElement.clientWidth, 560);
  if (!width) return;
  const labelled = width / (nTokens + 4) >= 11;
  matrixMargin = labelled ? Math.min(76, width / 5) : 0;
  matrixCell = Math.min(34, (width - matrixMargin) / nTokens);
  const side = matrixMargin + matrixCell * nTokens;
  const ratio = window.devicePixelRatio || 1;
  matrix.width = side * ratio;
  matrix.height = side * ratio;
  matrix.style.width = `${side}px`;
  matrix.style.height = `${side}px`;
  const pen = matrix.getContext("2d");
  pen.scale(ratio, ratio);
  const from = query();
  const [empty, accent] = [colour("--empty"), colour("--accent")];
  const gap = matrixCell > 12 ? 1.5 : 0.5;
  for (let row = 0; row < nTokens; row++) {
    for (let column = 0; column <= row; column++) {
      const place = [matrixMargin + column * matrixCell, matrixMargin + row * matrixCell, matrixCell - gap, matrixCell - gap];
      pen.globalAlpha = 1;
      pen.fillStyle = empty;
      pen.fillRect(...place);
      pen.globalAlpha = attention(state.layer, state.head, row, column);
      pen.fillStyle = accent;
      pen.fillRect(...place);
    }
  }
  pen.globalAlpha = 1;
  pen.strokeStyle = colour("--ink");
  pen.lineWidth = 1.5;
  pen.strokeRect(matrixMargin - 1, matrixMargin + from * matrixCell - 1, matrixCell * (from + 1) + 1, matrixCell + 0.5);
  if (labelled) drawLabels(pen, from);
}

function drawLabels(pen, from) {
  const size = Math.min(12, matrixCell - 1);
  pen.textBaseline = "middle";
  for (let i = 0; i < nTokens; i++) {
    const text = textAt(i).trim() || visible(textAt(i));
    const middle = matrixMargin + (i + 0.5) * matrixCell;
    pen.font = `${i === from ? 600 : 400} ${size}px system-ui, sans-serif`;
    pen.fillStyle = colour(i === from ? "--ink" : "--muted");
    pen.textAlign = "right";
    pen.fillText(text, matrixMargin - 6, middle, matrixMargin - 8);
    pen.save();
    pen.translate(middle, matrixMargin - 6);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "left";
    pen.fillText(text, 0, 0, matrixMargin - 8);
    pen.restore();
  }
}

/** Row and column of the map below the pointer, or null. */
function matrixPlace(event) {
  const box = matrix.getBoundingClientRect();
  const key = Math.floor((event.clientX - box.left - matrixMargin) / matrixCell);
  const from = Math.floor((event.clientY - box.top - matrixMargin) / matrixCell);
  return key >= 0 && key <= from && from < nTokens ? { from, key } : null;
}
matrix.addEventListener("pointermove", (event) => {
  const place = matrixPlace(event);
  if (place) update({ hovered: place.from, key: place.key });
});
matrix.addEventListener("pointerleave", () => update({ hovered: null }));
matrix.addEventListener("click", (event) => {
  const place = matrixPlace(event);
  if (place) choosePosition(place.from);
});
window.addEventListener("resize", drawMatrix);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawMatrix);

view(() => [state.layer, state.head, query(), state.key], () => {
  drawMatrix();
  const [from, key] = [query(), Math.min(state.key, query())];
  byId("matrix-heading").textContent = `Where head ${headName(state.layer, state.head)} attends`;
  byId("matrix-note").textContent = `Each row is a token; the colours show how much it attends to the tokens up to itself. `
    + `${quoted(textAt(from))} gives ${weightText(attention(state.layer, state.head, from, key))} of its attention to ${quoted(textAt(key))}.`;
});
