// The likeliest tokens at the chosen position, and what the model writes after each.

const continuations = new Map(
  data.continuations.map(({ position, token, text }) => [`${position} ${token}`, text]),
);

function continuationOf(position, token) {
  return continuations.get(`${position} ${token}`);
}

function alternativeRow(token, probability) {
  const { position } = state;
  const given = position < nTokens && token === data.tokens[position];
  const canContinue = continuationOf(position, token) !== undefined;
  const row = rankingRow(data.vocabulary[token], probability, canContinue ? "button" : "div");
  if (given) row.append(element("span", { class: "tag" }, "in the text"));
  if (canContinue) {
    row.type = "button";
    row.dataset.token = token;
    row.setAttribute("aria-pressed", token === state.alternative);
    row.addEventListener("click", () => {
      update({ alternative: token });
      byId("alternatives").querySelector(`[data-token="${token}"]`).focus();
    });
  }
  return element("li", {}, row);
}

view(() => [state.position, state.alternative], () => {
  const { position } = state;
  const heading = position < nTokens
    ? `Position ${position}, ${quoted(textAt(position))}`
    : "The next token";
  byId("alternatives-heading").textContent = heading;
  const rows = [];
  if (position > 0) {
    const tokens = data.alternatives.tokens[position - 1];
    tokens.forEach((token, i) => {
      rows.push(alternativeRow(token, data.alternatives.probabilities[position - 1][i]));
    });
    if (position < nTokens && !tokens.includes(data.tokens[position])) {
      rows.push(alternativeRow(data.tokens[position], data.given[position - 1]));
    }
  } else {
    const note = "Nothing comes before the first token, so nothing predicts it.";
    rows.push(element("li", { class: "note" }, note));
  }
  byId("alternatives").replaceChildren(...rows);
  showContinuation();
});

function showContinuation() {
  const { position, alternative } = state;
  const text = continuationOf(position, alternative);
  const parts = [element("span", { class: "before" }, data.before[position])];
  if (text === undefined) {
    parts.push(element("span", { class: "before" }, " …"));
  } else {
    const [, space, rest] = data.vocabulary[alternative].match(/^(\s*)(.*)$/s);
    parts.push(space, element("mark", {}, rest), text);
  }
  byId("continuation").replaceChildren(...parts);
  const { positions, alternatives, tokens } = data.continued;
  const first = Math.max(1, nTokens + 1 - positions);
  byId("continuation-note").textContent = position < first
    ? `Continuations were generated from position ${first} on.`
    : text === undefined
      ? "Choose one of the first alternatives."
      : `Greedy, ${tokens} tokens at most; the ${alternatives} likeliest alternatives can be chosen.`;
}
