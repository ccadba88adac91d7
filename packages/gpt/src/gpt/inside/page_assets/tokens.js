// The prompt at the top: choosing a token, and where the chosen or hovered token attends.

const tokenButtons = Array.from({ length: nTokens + 1 }, (_, position) => {
  const button = element("button", { type: "button", class: "token" });
  button.addEventListener("click", () => choosePosition(position));
  button.addEventListener("pointerenter", () => update({ hovered: position }));
  return button;
});
byId("tokens").append(...tokenButtons);
byId("tokens").addEventListener("pointerleave", () => update({ hovered: null }));
roving(byId("tokens"), tokenButtons, 1, choosePosition);

function choosePosition(position) {
  const alternative = position < nTokens ? data.tokens[position] : data.answer;
  const key = Math.min(state.key, position, nTokens - 1);
  update({ position, alternative, key, hovered: null });
}

/** The likeliest next token: without the head, while that is switched off. */
function nextToken() {
  if (state.on) return data.answer;
  return data.ablation.tokens[state.layer][state.head][0];
}

view(() => [query(), state.position, state.layer, state.head, state.on], () => {
  const from = query();
  for (const [position, button] of tokenButtons.entries()) {
    const isNext = position === nTokens;
    const weight = position <= from && !isNext ? attention(state.layer, state.head, from, position) : 0;
    const text = isNext ? data.vocabulary[nextToken()] : textAt(position);
    const seen = !isNext && position <= from;
    const note = element("span", { class: "weight" }, isNext ? "next" : seen ? weightText(weight) : "");
    button.replaceChildren(tokenNode(text), note);
    button.style.setProperty("--weight", weight);
    button.classList.toggle("next", isNext);
    button.classList.toggle("query", position === from);
    button.setAttribute("aria-pressed", position === state.position);
    button.tabIndex = position === state.position ? 0 : -1;
    button.setAttribute("aria-label", isNext
      ? `next token, predicted: ${quoted(text)}`
      : `position ${position}, ${quoted(text)}${seen ? `, attended ${weightText(weight)}` : ""}`);
  }
  byId("strip-note").textContent =
    `Blue: where ${quoted(textAt(from))} attends in layer ${state.layer}, head ${state.head}.`;
});

view(() => [state.position], () => {
  const [strip, token] = [byId("tokens"), tokenButtons[state.position]];
  strip.scrollLeft = token.offsetLeft - (strip.clientWidth - token.offsetWidth) / 2;
});
