// The eleven stages: a sentence and small tables each, opened one by one.

function traceTable({ name, shape, note, rows, columns, numbers }) {
  const largest = Math.max(1e-9, ...numbers.flat().map(Math.abs));
  const digits = numbers.flat().every(Number.isInteger) ? 0 : largest < 100 ? 3 : 1;
  const cell = (number) => {
    const made = element("td", {}, number.toFixed(digits).replace("-", "−"));
    made.style.setProperty("--strength", (Math.abs(number) / largest).toFixed(3));
    if (number < 0) made.className = "negative";
    return made;
  };
  const header = (text, scope) => element("th", { scope }, visible(text));
  const head = element("tr", {}, element("td"), ...columns.map((text) => header(text, "col")));
  const body = numbers.map((row, i) =>
    element("tr", {}, element("th", { scope: "row" }, rows[i] && visible(rows[i])), ...row.map(cell)));
  const caption = element("caption", {}, element("b", {}, name), ` ${shape.join(" × ")}`);
  if (note) caption.append(`; ${note}`);
  // a region that takes the focus, so that arrow keys scroll it
  const attributes = { class: "scroll", tabindex: 0, role: "region", "aria-label": name };
  const scroll = element("div", attributes);
  scroll.append(element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...body)));
  return scroll;
}

byId("trace").append(...data.trace.map(({ title, sentence, tables }, i) => {
  const summary = element("summary", {},
    element("span", { class: "stage" }, String(i + 1)),
    element("b", {}, title),
    element("span", { class: "sentence" }, sentence));
  const shown = element("div", { class: "tables" }, ...tables.map(traceTable));
  return element("details", i === 0 ? { open: "" } : {}, summary, shown);
}));
