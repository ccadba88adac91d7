// The eleven stages: a sentence and small tables each, opened one by one.

function traceGrid({ name, shape, note, rows, columns, numbers }) {
  const largest = Math.max(1e-9, ...numbers.flat().map(Math.abs));
  const cell = (number) => {
    const made = element("td", {}, formatted(number));
    made.style.setProperty("--strength", (Math.abs(number) / largest).toFixed(3));
    if (number < 0) made.className = "negative";
    return made;
  };
  const header = (text, scope) => element("th", { scope }, visible(text));
  const head = element("tr", {}, element("td"), ...columns.map((text) => header(text, "col")));
  const body = numbers.map((row, i) =>
    element("tr", {}, header(rows[i], "row"), ...row.map(cell)));
  const caption = element("caption", {}, element("b", {}, name), ` ${shape.join(" × ")}${note ? `; ${note}` : ""}`);
  const scroll = element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name });
  scroll.append(element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...body)));
  return scroll;
}

function formatted(number) {
  if (Number.isInteger(number)) return String(number).replace("-", "−");
  return number.toFixed(Math.abs(number) < 10 ? 3 : 1).replace("-", "−");
}

byId("trace").append(...data.trace.map(({ title, sentence, grids }, i) => {
  const summary = element("summary", {}, element("span", { class: "stage" }, String(i + 1)), element("b", {}, title), element("span", { class: "sentence" }, sentence));
  return element("details", i === 0 ? { open: "" } : {}, summary, ...grids.map(traceGrid));
}));
