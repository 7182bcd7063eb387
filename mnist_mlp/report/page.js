"use strict";
// What the page does: unpacks the network, and answers whatever is on the paper.

const find = (selector) => document.querySelector(selector);
const facts = JSON.parse(find("#facts").textContent);
const COLUMNS = 20; // of hidden units, in the picture of their weights and of their outputs

// A new element with attributes; children are elements or texts.
function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start() {
  const bytes = await unpacked(facts.payload);
  const { network, end } = unpackNetwork(facts.layers, bytes);
  const pictureOf = (place) => bytes.subarray(end + 784 * place, end + 784 * (place + 1));
  const show = network.length ? answerDrawings(network, pictureOf) : () => {};
  showCells(pictureOf);
  document.addEventListener("click", (event) => {
    const tile = event.target.closest("[data-digit]");
    if (tile) show(pictureOf(Number(tile.dataset.digit)));
  });
  document.documentElement.classList.add("scripted");
  document.documentElement.dataset.ready = String(Math.round(performance.now())); // milliseconds, for tests
}

// Everything around the paper. Returns what puts a picture on the paper and brings it into view.
function answerDrawings(network, pictureOf) {
  const sliders = [...document.querySelectorAll("#breaking input")];
  const state = { pixels: new Uint8Array(784), layers: null, unit: network.length > 1 ? 0 : null };
  let waiting = false;

  function update(finished) {
    if (finished) refresh();
    else if (!waiting) {
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        refresh();
      });
    }
  }

  function refresh() {
    const damage = Object.fromEntries(sliders.map((slider) => [slider.name, slider.valueAsNumber]));
    state.pixels = paper.isEmpty ? new Uint8Array(784) : broken(paper.pixels, damage);
    state.layers = paper.isEmpty ? null : forward(network, state.pixels);
    find("#hint").hidden = !paper.isEmpty || paper.pen !== null;
    paintPixels(find("#seen"), state.pixels);
    paintHidden(find("#hidden"), state.layers);
    showAnswer(state.layers?.at(-1), find("#threshold").valueAsNumber);
    coverUnits(state);
    describeUnit(network, state);
  }

  prepareBreaking(sliders, refresh);
  find("#outputs").append(...Array.from({ length: 10 }, (_, digit) => outputRow(digit)));
  preparePicture(network, state, refresh);
  prepareKeeping(state);
  const paper = new Paper(find("#paper"), update);
  prepareThreshold(refresh);
  find("#undo").addEventListener("click", () => paper.undo());
  find("#clear").addEventListener("click", () => paper.clear());
  const mistakes = facts.shown.filter(([, label, answer]) => label !== answer).length;
  let next = 0;
  find("#hard").hidden = !facts.shown.length;
  find("#hard").addEventListener("click", () => paper.show(pictureOf(next++ % (mistakes || facts.shown.length))));
  return (picture) => {
    paper.show(picture);
    find("#draw").scrollIntoView({ block: "start" });
    find("#paper").focus({ preventScroll: true });
  };
}

// Sliders that damage the picture; "Mend it" sets them back.
function prepareBreaking(sliders, changed) {
  for (const input of sliders) {
    input.addEventListener("input", () => {
      const value = input.name === "noise" ? Math.round(100 * input.value) : input.value;
      input.previousElementSibling.value = `${value}${input.dataset.unit}`.replace("-", "−");
      changed();
    });
  }
  find("#mend").addEventListener("click", () => {
    for (const input of sliders) {
      input.value = 0;
      input.dispatchEvent(new Event("input"));
    }
  });
}

function outputRow(digit) {
  return element("li", {}, element("span", { textContent: digit }),
    element("span", { className: "bar" }, element("i")), element("span", { textContent: "" }));
}

// Show ten outputs, none for an empty paper, and the answer.
function showAnswer(outputs, threshold) {
  const best = outputs ? largest(outputs) : -1;
  const sure = outputs !== undefined && outputs[best] >= threshold;
  [...find("#outputs").children].forEach((row, digit) => {
    row.className = digit === best ? "first" : "";
    row.children[1].firstChild.style.transform = `scaleX(${outputs ? Math.min(Math.max(outputs[digit], 0), 1) : 0})`;
    row.children[2].textContent = outputs ? outputs[digit].toFixed(3) : "";
  });
  const box = find("#answer");
  box.classList.toggle("unsure", outputs !== undefined && !sure);
  const [digit, words] = box.children;
  const value = outputs?.[best].toFixed(2);
  setText(digit, !outputs ? "" : sure ? String(best) : "?");
  if (!outputs) setText(words, "Its answer appears here.");
  else if (sure) setText(words, `with an output of ${value}`);
  else setText(words, `not sure: its largest output, ${value} for ${best}, is below ${threshold.toFixed(2)}`);
}

// Screen readers are told of changes only.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// One square for each hidden unit of all layers, blue as far as its output is high.
function paintHidden(canvas, layers) {
  const outputs = layers ? layers.slice(0, -1).flatMap((values) => [...values]) : [];
  const units = facts.layers.slice(0, -1).reduce((sum, layer) => sum + layer.outputs, 0);
  canvas.width = COLUMNS;
  canvas.height = Math.max(Math.ceil(units / COLUMNS), 1); // which clears it too
  const context = canvas.getContext("2d");
  outputs.forEach((value, i) => {
    context.fillStyle = `rgb(30 130 205 / ${Math.min(Math.abs(value), 1)})`;
    context.fillRect(i % COLUMNS, Math.floor(i / COLUMNS), 1, 1);
  });
}

// Let the pictures of units fade whose output is low, and frame the chosen one.
function coverUnits({ layers, unit }) {
  const canvas = find("#unit-cover"), context = canvas.getContext("2d");
  const size = canvas.width / COLUMNS;
  context.clearRect(0, 0, canvas.width, canvas.height);
  const style = getComputedStyle(document.documentElement);
  context.fillStyle = style.getPropertyValue("--sheet");
  const place = (i) => [(i % COLUMNS) * size, Math.floor(i / COLUMNS) * size, size, size];
  layers?.[0].forEach((output, i) => {
    context.globalAlpha = 0.85 * (1 - Math.min(Math.abs(output), 1));
    context.fillRect(...place(i));
  });
  context.globalAlpha = 1;
  context.strokeStyle = style.getPropertyValue("--ink");
  context.lineWidth = 3;
  if (unit !== null) context.strokeRect(...place(unit));
}

// A click on a unit's picture, or its number, chooses it.
function preparePicture(network, state, refresh) {
  const picture = find("#unit-cover");
  const pictures = (COLUMNS * COLUMNS * picture.height) / picture.width;
  const count = Math.min(network[0].outputs, pictures);
  const choose = (unit) => {
    if (!(unit >= 0 && unit < count) || network.length < 2) return;
    state.unit = unit;
    refresh();
  };
  picture.addEventListener("click", (event) => {
    const size = picture.clientWidth / COLUMNS;
    choose(Math.floor(event.offsetX / size) + COLUMNS * Math.floor(event.offsetY / size));
  });
  find("#unit-number").max = count;
  find("#unit-number").addEventListener("input", (event) => choose(event.target.valueAsNumber - 1));
  const isLast = network.length === 2; // of the hidden layers, so that it has weights to the outputs
  find("#votes-box").hidden = !isLast;
  find("#votes").append(...Array.from({ length: isLast ? 10 : 0 }, (_, i) => outputRow(i)));
}

// The chosen unit's picture, its output, and its weights to the ten outputs.
function describeUnit(network, { layers, unit }) {
  find("#unit").hidden = unit === null;
  if (unit === null) return;
  const context = find("#unit canvas").getContext("2d");
  context.clearRect(0, 0, SIDE, SIDE);
  const left = SIDE * (unit % COLUMNS), top = SIDE * Math.floor(unit / COLUMNS);
  context.drawImage(find("#units"), left, top, SIDE, SIDE, 0, 0, SIDE, SIDE);
  find("#unit-number").value = unit + 1;
  setText(find("#unit-output"), layers ? `Its output for what is on the paper: ${layers[0][unit].toFixed(2)}` : "");
  const votes = [...find("#votes").children].map((_, digit) => network[1].weights[digit * network[1].inputs + unit]);
  const strongest = Math.max(...votes.map(Math.abs), 1e-9);
  [...find("#votes").children].forEach((entry, digit) => {
    entry.className = votes[digit] < 0 ? "against" : "";
    entry.children[1].firstChild.style.transform = `scaleX(${votes[digit] / strongest / 2})`;
    entry.children[2].textContent = votes[digit].toFixed(2).replace("-", "−");
  });
}

function prepareThreshold(changed) {
  const slider = find("#threshold"), told = find("#cost");
  const total = Number(told.dataset.total);
  const tell = () => {
    const [left, wrong] = facts.costs[Math.round(100 * slider.value)];
    const right = total > left ? `${(100 * (1 - wrong / (total - left))).toFixed(2)} %` : "none";
    find("#threshold-value").value = slider.valueAsNumber.toFixed(2);
    told.textContent = `Of ${told.dataset.scored} it would leave ${left.toLocaleString("en")} without an answer ` +
      `and be right on ${right} of the others.`;
    changed();
  };
  slider.value = facts.threshold ?? 0;
  slider.addEventListener("input", tell);
  tell();
}

// Digits kept for a CSV file, each with its label.
function prepareKeeping(state) {
  const kept = [];
  const update = () => {
    find("#download").disabled = !kept.length;
    find("#kept").replaceChildren(...kept.map(({ label, pixels }, i) => {
      const tile = pixelTile(pixels, String(label));
      tile.ariaLabel = `${label}: remove it`;
      tile.title = "Remove it";
      tile.addEventListener("click", () => {
        kept.splice(i, 1);
        update();
      });
      return element("li", {}, tile);
    }));
  };
  find("#labels").append(...Array.from({ length: 10 }, (_, label) => {
    const button = element("button", { type: "button", textContent: label });
    button.addEventListener("click", () => {
      if (!state.layers) return; // the paper is empty
      kept.push({ label, pixels: state.pixels });
      update();
    });
    return button;
  }));
  find("#download").addEventListener("click", () => {
    const lines = kept.map(({ label, pixels }) => csvLine(label, pixels));
    const address = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
    element("a", { href: address, download: "drawn.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  });
}

start();
