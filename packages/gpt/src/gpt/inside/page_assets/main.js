// Start: the head whose removal changes the answer most, and the prediction of the next token.

const changes = ablation.change.flat();
const sizes = changes.map(Math.abs);
const [layer, head] = headNumbers[sizes.indexOf(Math.max(...sizes))];

byId("summary").textContent = `${nTokens} tokens through ${data.layers} layers of ${data.heads} heads. `
  + `After the prompt the model expects ${quoted(data.vocabulary[data.answer])} `
  + `(${percent(data.alternatives.probabilities[nTokens - 1][0])}).`;
byId("precision").textContent = `gpt inspect ran the model on this prompt, once more without each of `
  + `its ${data.layers * data.heads} heads, and once for each continuation; nothing here is drawn by `
  + "hand. Attention weights are stored in steps of 1/255, probabilities and changes to four decimals, "
  + "the numbers of the trace to three. Layers, heads and positions are counted from 0, as in the "
  + "code. The page loads nothing and sends nothing.";
update({ layer, head });
