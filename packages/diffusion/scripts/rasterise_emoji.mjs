// Rasterise the emoji that three vector sets all draw into the contact sheets of the wheel.
//
//   mkdir /tmp/emoji && cd /tmp/emoji
//   npm install sharp@0.35.5 @iconify-json/fluent-emoji-flat@1.2.6 @iconify-json/noto@1.2.9 \
//       @iconify-json/twemoji@1.2.5
//   node CLONE/packages/diffusion/scripts/rasterise_emoji.mjs \
//       CLONE/packages/diffusion/src/diffusion/data/emoji_sheets
//
// Node 20, two cores, about a minute. It prints:
// 1586 emoji in all three sets, 1503 without writing, 1499 with drawings of their own
// A drawing is rasterised at four times its size, reduced by Lanczos and laid on white. A sheet has
// 40 drawings per row, in the order of names.json.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const fromHere = createRequire(path.join(process.cwd(), "package.json"));
const sharp = fromHere("sharp");
sharp.concurrency(1);

const STYLES = {
  fluent: "@iconify-json/fluent-emoji-flat",
  noto: "@iconify-json/noto",
  twemoji: "@iconify-json/twemoji",
};
const SHEETS = [["fluent", 32], ["noto", 32], ["twemoji", 32], ["fluent", 64]];
const COLUMNS = 40;
const GROUPS = {
  "Smileys & Emotion": "smileys", "People & Body": "people", "Animals & Nature": "nature",
  "Food & Drink": "food", "Travel & Places": "travel", Activities: "activities",
  Objects: "objects", Symbols: "symbols",
};
// Drawings that consist of letters, digits or the hands of a clock: no caption describes them.
const WRITTEN = new RegExp(
  "^(keycap|input)-|-(oclock|thirty)$|^japanese-.*-button$|-blood-type$|" +
  "^(cl|cool|free|id|new|ng|ok|p|sos|up|up-exclamation|vs)-button$|" +
  "^(back|end|on|on-exclamation|soon|top)-arrow$|^(atm-sign|circled-m|trade-mark|water-closet)$",
);
const SKIN_TONE = /1f3f[b-f]/;

const sets = {};
for (const [style, name] of Object.entries(STYLES)) {
  const nameOf = {}; // by code points, without the selector of the coloured form
  for (const [points, icon] of Object.entries(fromHere(`${name}/chars.json`))) {
    nameOf[points.split("-").filter((each) => each !== "fe0f").join("-")] ??= icon;
  }
  sets[style] = { nameOf, icons: fromHere(`${name}/icons.json`) };
}
const groupOf = {};
const categories = fromHere(`${STYLES.fluent}/metadata.json`).categories;
for (const [category, icons] of Object.entries(categories)) {
  for (const icon of icons) groupOf[icon] = GROUPS[category]; // undefined for flags
}

function svg({ nameOf, icons }, points, size) {
  const icon = icons.icons[nameOf[points]];
  const [width, height] = [icon.width ?? icons.width ?? 16, icon.height ?? icons.height ?? 16];
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `width="${size}" height="${size}" viewBox="${icon.left ?? 0} ${icon.top ?? 0} ` +
    `${width} ${height}">${icon.body}</svg>`);
}

function rasterise(style, points, size) {
  return sharp(svg(sets[style], points, size * 4))
    .resize(size, size, { kernel: "lanczos3" }).flatten({ background: "white" }).removeAlpha()
    .raw().toBuffer();
}

const shared = Object.keys(sets.fluent.nameOf).filter(
  (points) => !SKIN_TONE.test(points) && groupOf[sets.fluent.nameOf[points]]
    // `icons` has the drawings; an alias of another drawing is not in it
    && Object.values(sets).every(({ nameOf, icons }) => nameOf[points] in icons.icons),
);
const order = Object.values(GROUPS);
const candidates = shared
  // Noto has the names of Unicode
  .map((points) => ({ points, icon: sets.noto.nameOf[points],
    group: groupOf[sets.fluent.nameOf[points]] }))
  .filter(({ icon }) => !WRITTEN.test(icon))
  .sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group) || (a.icon < b.icon ? -1 : 1));

// Noto draws an astronaut, a man and a woman alike, for example: the first name keeps the drawing.
const seen = new Set();
const emoji = [];
for (const candidate of candidates) {
  const drawings = [];
  for (const style of Object.keys(STYLES)) {
    drawings.push(style + (await rasterise(style, candidate.points, 32)).toString("base64"));
  }
  if (!drawings.some((each) => seen.has(each))) emoji.push(candidate);
  drawings.forEach((each) => seen.add(each));
}
console.log(`${shared.length} emoji in all three sets, ${candidates.length} without writing, ` +
  `${emoji.length} with drawings of their own`);

const folder = process.argv[2] ?? ".";
for (const [style, size] of SHEETS) {
  const width = COLUMNS * size, height = Math.ceil(emoji.length / COLUMNS) * size;
  const sheet = Buffer.alloc(width * height * 3, 255);
  for (const [index, { points }] of emoji.entries()) {
    const drawing = await rasterise(style, points, size);
    const top = Math.floor(index / COLUMNS) * size, left = (index % COLUMNS) * size;
    for (let row = 0; row < size; row++) {
      drawing.copy(sheet, ((top + row) * width + left) * 3, row * size * 3, (row + 1) * size * 3);
    }
  }
  const file = path.join(folder, `${style}-${size}.webp`);
  await sharp(sheet, { raw: { width, height, channels: 3 } })
    .webp({ lossless: true, effort: 6 }).toFile(file);
  console.log(`${file}: ${(fs.statSync(file).size / 1e6).toFixed(2)} MB`);
}
const names = emoji.map(({ points, icon, group }) => [
  icon.replaceAll("-", " "),
  String.fromCodePoint(...points.split("-").map((each) => parseInt(each, 16))),
  group,
]);
const lines = names.map((each) => JSON.stringify(each)).join(",\n");
fs.writeFileSync(path.join(folder, "names.json"), `[\n${lines}\n]\n`);
