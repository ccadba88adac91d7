// The attention map of the chosen head, drawn on a canvas: at 64 tokens it has 2,080 squares.

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
      const [x, y] = [column, row].map((i) => matrixMargin + i * matrixCell);
      const place = [x, y, matrixCell - gap, matrixCell - gap];
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
  const rowTop = matrixMargin + from * matrixCell - 1;
  pen.strokeRect(matrixMargin - 1, rowTop, matrixCell * (from + 1) + 1, matrixCell + 0.5);
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
  const weight = weightText(attention(state.layer, state.head, from, key));
  byId("matrix-note").textContent =
    "Each row is a token; the colours show how much it attends to the tokens up to itself. "
    + `${quoted(textAt(from))} gives ${weight} of its attention to ${quoted(textAt(key))}.`;
});
