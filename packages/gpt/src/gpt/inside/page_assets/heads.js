// All heads as a grid, coloured by what they do, and the choice of one of them.

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

const chosenColours = () => [state.colouring, state.key, state.pattern, query()];

view(() => [...chosenColours(), state.layer, state.head, state.on], () => {
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
    const lost = legendItem("lost", `without it, ${answer} is less likely`);
    return [lost, legendItem("gained", "more likely")];
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
view(chosenColours, () => {
  const byEffect = state.colouring === "effect";
  byId("strongest-heading").textContent = byEffect ? "Largest effects" : "Largest shares";
  const order = headNumbers.map((_, i) => i).sort((a, b) =>
    Math.abs(headValue(...headNumbers[b])) - Math.abs(headValue(...headNumbers[a])));
  byId("strongest").replaceChildren(...order.slice(0, 6).map((i) => {
    const [layer, head] = headNumbers[i];
    const value = headValueText(headValue(layer, head));
    const button = element("button", { type: "button", class: "pill" });
    button.append(`${headName(layer, head)}  `, element("b", {}, value));
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
