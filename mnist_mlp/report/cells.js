"use strict";
// Digits to look at: those behind the cells of the confusion matrix, and the mistakes.

function pixelTile(pixels, text, small = "") {
  const canvas = element("canvas", { width: SIDE, height: SIDE });
  paintPixels(canvas, pixels);
  const words = element("span", {}, element("b", { textContent: text }));
  return element("button", { type: "button", className: "tile" }, canvas, words, element("small", {}, small));
}

// The digits behind the cells of the confusion matrix, and all mistakes.
function showCells(pictureOf) {
  const tileOf = (place) => {
    const [, label, answer, output] = facts.shown[place];
    const tile = pixelTile(pictureOf(place), label === answer ? label : `${label} → ${answer}`, output.toFixed(2));
    tile.dataset.digit = place;
    return element("li", {}, tile);
  };
  const places = facts.shown.map((_, place) => place);
  const table = find(".confusion");
  table.addEventListener("click", (event) => {
    const cell = event.target.closest("button")?.parentElement;
    if (!cell) return;
    for (const button of table.querySelectorAll("button")) button.ariaPressed = button === event.target;
    const [label, answer] = [Number(cell.dataset.label), Number(cell.dataset.answer)];
    const chosen = places.filter((i) => facts.shown[i][1] === label && facts.shown[i][2] === answer);
    const count = Number(cell.textContent);
    const told = `${label} read as ${answer}: ${count === 1 ? "once" : `${count.toLocaleString("en")} times`}.`;
    const which = label === answer ? "least sure" : "surest";
    const part = chosen.length < count ? ` The ${chosen.length} ${which}:` : "";
    find("#cell").replaceChildren(element("h3", { textContent: told + part }),
      element("ul", { className: "tiles" }, ...chosen.map(tileOf)));
  });
  walkWithArrows(table);
  const wrong = [...table.querySelectorAll("td:not(.right) button")];
  wrong.sort((a, b) => b.textContent - a.textContent)[0]?.click();
  const more = find("#all-mistakes"), tiles = find("#mistake-tiles");
  const mistakes = places.filter((i) => facts.shown[i][1] !== facts.shown[i][2]);
  const missing = mistakes.slice(tiles?.children.length ?? 0);
  more.hidden = !missing.length;
  more.textContent = `Show ${missing.length} more`;
  more.addEventListener("click", () => {
    tiles.append(...missing.map(tileOf));
    more.hidden = true;
  });
}

// Only one button of the table is reached by the Tab key; arrow keys go to the next in their direction.
function walkWithArrows(table) {
  const buttonAt = (row, column) => table.rows[row]?.cells[column]?.querySelector("button");
  const buttons = [...table.querySelectorAll("button")];
  buttons.forEach((button, i) => (button.tabIndex = i ? -1 : 0));
  table.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const cell = event.target.closest("td");
    if (!step || !cell) return;
    event.preventDefault();
    let row = cell.parentElement.rowIndex, column = cell.cellIndex;
    do [row, column] = [row + step[0], column + step[1]];
    while (table.rows[row]?.cells[column] && !buttonAt(row, column));
    const next = buttonAt(row, column);
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}
