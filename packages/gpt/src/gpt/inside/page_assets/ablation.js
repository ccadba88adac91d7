// The switch of the chosen head: the next token with it and without it.

byId("ablate").addEventListener("click", () => update({ on: !state.on }));

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
  byId("ablation-heading").textContent = on
    ? "The next token, with all heads"
    : `The next token, with and without head ${headName(layer, head)}`;
  byId("ablation-note").textContent = ablationSentence(on, without[0]);
});

function ablationSentence(on, first) {
  const change = ablation.change[state.layer][state.head];
  const answer = quoted(data.vocabulary[data.answer]);
  if (on) return "Switch the head off: its output becomes zero at every position.";
  const times = Math.exp(change);
  const start = `Without it, ${answer} is ${times.toFixed(2)} times as likely `
    + `(${signed(change, 3)} nats)`;
  return first === data.answer
    ? `${start} and stays first.`
    : `${start}, and ${quoted(data.vocabulary[first])} comes first.`;
}
