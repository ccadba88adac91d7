// The logit lens: a slider over the layers, a prediction for each token, and one of them in detail.

const { lens } = data;
const slider = byId("lens-layer");
slider.max = data.layers;
slider.addEventListener("input", () => update({ lensLayer: Number(slider.value) }));

const lensCells = Array.from({ length: nTokens }, (_, i) => {
  const cell = element("button", { type: "button", class: "cell" });
  cell.addEventListener("click", () => choosePosition(i + 1));
  return cell;
});
byId("lens-cells").append(...lensCells);
roving(byId("lens-cells"), lensCells, 1, (i) => choosePosition(i + 1));

function lensName(blocks) {
  return blocks === 0 ? "the embeddings" : `${blocks} of ${data.layers} blocks`;
}

view(() => [state.lensLayer, state.position], () => {
  const layer = state.lensLayer;
  slider.value = layer;
  slider.setAttribute("aria-valuetext", lensName(layer));
  byId("lens-output").textContent = layer === 0 ? "no block" : `${layer} of ${data.layers} blocks`;
  for (const [i, cell] of lensCells.entries()) {
    const token = lens.tokens[layer][i][0];
    const changed = layer > 0 && token !== lens.tokens[layer - 1][i][0];
    const final = token === lens.tokens[data.layers][i][0];
    const probability = lens.probabilities[layer][i][0];
    const given = i + 1 < nTokens ? tokenNode(textAt(i + 1)) : element("span", {}, "next");
    given.classList.add("given");
    const bar = element("span", { class: "bar" }, element("span", { class: "fill" }));
    bar.firstChild.style.width = `${100 * probability}%`;
    cell.replaceChildren(given, tokenNode(data.vocabulary[token]), bar);
    cell.classList.toggle("changed", changed);
    cell.classList.toggle("final", final);
    cell.setAttribute("aria-pressed", state.position === i + 1);
    cell.tabIndex = state.position === i + 1 || (state.position === 0 && i === 0) ? 0 : -1;
    const place = i + 1 < nTokens ? `position ${i + 1}, ${quoted(textAt(i + 1))}` : "next token";
    cell.setAttribute("aria-label", `${place}: predicted ${quoted(data.vocabulary[token])}, `
      + `${percent(probability)}${changed ? ", changed in this layer" : ""}${final ? ", final" : ""}`);
  }
  showLensDetail(Math.max(0, state.position - 1));
});

function showLensDetail(i) {
  const layer = state.lensLayer;
  const place = i + 1 < nTokens ? `in place of ${quoted(textAt(i + 1))}` : "for the next token";
  byId("lens-heading").textContent = `After ${lensName(layer)}, ${place}`;
  byId("lens-top").replaceChildren(...lens.tokens[layer][i].map((token, rank) =>
    element("li", {}, rankingRow(data.vocabulary[token], lens.probabilities[layer][i][rank]))));
  const answer = quoted(data.vocabulary[lens.tokens[data.layers][i][0]]);
  drawCurve(lens.answer.map((row) => row[i]), layer);
  const now = percent(lens.answer[layer][i]);
  byId("lens-curve").setAttribute("aria-label", `Probability of ${answer} after each layer`);
  byId("lens-caption").textContent = `Probability of the final prediction ${answer} by layer; here ${now}.`;
}

/** A line over the layers, 0 to 1 upwards, with a dot at the layer of the slider. */
function drawCurve(probabilities, layer) {
  const [left, right, top, bottom] = [30, 292, 8, 92];
  const x = (l) => left + ((right - left) * l) / data.layers;
  const y = (p) => bottom - (bottom - top) * p;
  const shape = (tag, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  };
  const points = probabilities.map((p, l) => `${x(l).toFixed(1)},${y(p).toFixed(1)}`).join(" ");
  byId("lens-curve").replaceChildren(
    ...[0, 0.5, 1].flatMap((p) => [
      shape("line", { x1: left, x2: right, y1: y(p), y2: y(p), class: "rule" }),
      shape("text", { x: left - 5, y: y(p) + 3.5, class: "tick end" }, String(100 * p)),
    ]),
    shape("text", { x: left, y: 106, class: "tick" }, "0"),
    shape("text", { x: right, y: 106, class: "tick end" }, `${data.layers} blocks`),
    shape("line", { x1: x(layer), x2: x(layer), y1: top, y2: bottom, class: "now" }),
    shape("polyline", { points, class: "curve" }),
    shape("circle", { cx: x(layer), cy: y(probabilities[layer]), r: 4, class: "dot" }),
  );
}
