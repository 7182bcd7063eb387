"use strict";
// From strokes to 28 x 28 pixels, and from pixels to the network's outputs: arithmetic only, no page.
// tests/browser/strokes.py holds the same arithmetic as pixelsOf; both give the same bytes, because each step uses only
// + - * / and the square root, which are exact to the last bit everywhere. A canvas is not: browsers smooth
// lines differently.

const SIDE = 28; // pixels of a picture, in each direction
const FINE = 5; // cells of the fine grid per pixel, in each direction
const GRID = SIDE * FINE;
const PEN = 6; // radius of the pen in cells: 2.4 pixels wide
const REACH = 20 * FINE - 2 * PEN; // the longest side of the strokes in cells: with the pen, 20 pixels
const SMALLEST = 28; // strokes shorter than this (the paper has 280) are not enlarged to full size
const CENTER = 72; // the cell in the middle of pixel 14, where MNIST has the center of mass

// The picture of strokes, each a list of points [x, y] on a paper of 280 x 280: 784 bytes, 255 is ink.
function pixelsOf(strokes) {
  const cells = shifted(inked(fitted(strokes)));
  const pixels = new Uint8Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      let sum = 0;
      for (let j = 0; j < FINE; j++) {
        for (let i = 0; i < FINE; i++) sum += cells[(y * FINE + j) * GRID + x * FINE + i];
      }
      pixels[y * SIDE + x] = Math.floor((sum + 12) / 25);
    }
  }
  return pixels;
}

// The strokes in cells, enlarged to the box of 20 pixels in the middle of the grid.
function fitted(strokes) {
  let left = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
  for (const [x, y] of strokes.flat()) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const scale = REACH / Math.max(right - left, bottom - top, SMALLEST);
  const middleX = (left + right) / 2, middleY = (top + bottom) / 2;
  return strokes.map((stroke) =>
    stroke.map(([x, y]) => [(x - middleX) * scale + GRID / 2, (y - middleY) * scale + GRID / 2])
  );
}

// How much of each cell is ink, 0 to 255: the largest over all lines from one point to the next.
function inked(strokes) {
  const cells = new Uint8Array(GRID * GRID);
  for (const stroke of strokes) {
    stroke.forEach(([bx, by], i) => {
      const [ax, ay] = stroke[Math.max(i - 1, 0)];
      const dx = bx - ax, dy = by - ay;
      const squared = dx * dx + dy * dy;
      const firstX = Math.floor(Math.min(ax, bx)) - PEN - 1, lastX = Math.floor(Math.max(ax, bx)) + PEN + 1;
      const firstY = Math.floor(Math.min(ay, by)) - PEN - 1, lastY = Math.floor(Math.max(ay, by)) + PEN + 1;
      for (let y = firstY; y <= lastY; y++) {
        for (let x = firstX; x <= lastX; x++) {
          const px = x + 0.5 - ax, py = y + 0.5 - ay;
          const along = squared > 0 ? Math.min(Math.max((px * dx + py * dy) / squared, 0), 1) : 0;
          const ex = px - along * dx, ey = py - along * dy;
          const cover = Math.min(Math.max(PEN + 0.5 - Math.sqrt(ex * ex + ey * ey), 0), 1);
          const ink = Math.floor(cover * 255 + 0.5);
          if (ink > cells[y * GRID + x]) cells[y * GRID + x] = ink;
        }
      }
    });
  }
  return cells;
}

// The cells moved so that the center of mass falls on the middle of pixel 14; what leaves the grid is lost.
function shifted(cells) {
  let mass = 0, sumX = 0, sumY = 0;
  cells.forEach((ink, i) => {
    mass += ink;
    sumX += ink * (i % GRID);
    sumY += ink * Math.floor(i / GRID);
  });
  const result = new Uint8Array(GRID * GRID);
  if (!mass) return result;
  const right = Math.floor(CENTER - sumX / mass + 0.5), down = Math.floor(CENTER - sumY / mass + 0.5);
  for (let y = Math.max(0, down); y < GRID + Math.min(0, down); y++) {
    for (let x = Math.max(0, right); x < GRID + Math.min(0, right); x++) {
      result[y * GRID + x] = cells[(y - down) * GRID + x - right];
    }
  }
  return result;
}

// A picture turned (degrees, clockwise), moved (pixels), made thicker (pixels; below 0 thinner) and noisy (0 to 1).
function broken(pixels, { turn, right, down, thicken, noise }) {
  let result = Float64Array.from(pixels);
  if (turn || right || down) result = mapped(result, (turn * Math.PI) / 180, right, down);
  if (thicken > 0) result = thickened(result, thicken);
  if (thicken < 0) result = thickened(result.map((ink) => 255 - ink), -thicken).map((ink) => 255 - ink);
  let random = 1; // the same noise each time, by the generator of Park and Miller (1988)
  return Uint8Array.from(result, (ink) => {
    random = (random * 16807) % 2147483647;
    const noisy = ink + noise * 255 * (2 * (random / 2147483647) - 1);
    return Math.round(Math.min(Math.max(noisy, 0), 255));
  });
}

// Turned about the middle of pixel 14 and moved, with bilinear interpolation.
function mapped(pixels, angle, right, down) {
  const at = (x, y) => (x >= 0 && y >= 0 && x < SIDE && y < SIDE ? pixels[y * SIDE + x] : 0);
  const cos = Math.cos(angle), sin = Math.sin(angle);
  return pixels.map((_, i) => {
    const dx = (i % SIDE) - 14 - right, dy = Math.floor(i / SIDE) - 14 - down;
    const x = cos * dx + sin * dy + 14, y = cos * dy - sin * dx + 14;
    const x0 = Math.floor(x), y0 = Math.floor(y);
    const u = x - x0, v = y - y0;
    return (1 - v) * ((1 - u) * at(x0, y0) + u * at(x0 + 1, y0)) +
      v * ((1 - u) * at(x0, y0 + 1) + u * at(x0 + 1, y0 + 1));
  });
}

// Each pixel the largest of those around it, of which the ones more than `width` away count less.
function thickened(pixels, width) {
  const reach = Math.ceil(width);
  return pixels.map((ink, i) => {
    let most = ink;
    const x = i % SIDE, y = Math.floor(i / SIDE);
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const inside = x + dx >= 0 && x + dx < SIDE && y + dy >= 0 && y + dy < SIDE;
        const share = Math.min(Math.max(width + 1 - Math.sqrt(dx * dx + dy * dy), 0), 1);
        if (inside) most = Math.max(most, share * pixels[i + dy * SIDE + dx]);
      }
    }
    return most;
  });
}

// The layers of the network from the bytes that `packing.py` wrote, and where they end.
function unpackNetwork(layers, bytes) {
  let start = 0;
  const take = (count) => bytes.slice(start, (start += count));
  const floats = (count) => new Float32Array(take(4 * count).buffer);
  const network = layers.map(({ outputs, inputs, int16, biases, activation }) => {
    const count = outputs * inputs;
    let weights;
    if (int16) {
      const low = take(count), high = take(count), scales = floats(outputs);
      weights = Float32Array.from(low, (byte, i) =>
        (((high[i] << 24) >> 16) | byte) * scales[Math.floor(i / inputs)]);
    } else {
      weights = floats(count);
    }
    return { outputs, inputs, weights, biases: biases ? floats(outputs) : null, activation };
  });
  return { network, end: start };
}

const ACTIVATIONS = {
  sigmoid: (sums) => sums.map((z) => 1 / (1 + Math.exp(-z))),
  tanh: (sums) => sums.map(Math.tanh),
  relu: (sums) => sums.map((z) => Math.max(z, 0)),
  linear: (sums) => sums,
  softmax: (sums) => {
    const powers = sums.map((z) => Math.exp(z - Math.max(...sums)));
    return powers.map((power) => power / powers.reduce((a, b) => a + b));
  },
};

// What every layer puts out for a picture; the last are the network's ten outputs.
function forward(network, pixels) {
  let values = Float64Array.from(pixels, (ink) => 0.01 + (0.99 * ink) / 255);
  return network.map(({ outputs, inputs, weights, biases, activation }) => {
    const sums = new Float64Array(outputs);
    for (let row = 0; row < outputs; row++) {
      let sum = biases ? biases[row] : 0;
      for (let column = 0, i = row * inputs; column < inputs; column++, i++) sum += weights[i] * values[column];
      sums[row] = sum;
    }
    values = ACTIVATIONS[activation](sums);
    return values;
  });
}

// The digit with the largest output, the first of equal ones, as NumPy's argmax has it.
function largest(outputs) {
  return outputs.indexOf(Math.max(...outputs));
}

// A digit as a line of a CSV file in the form that `mnist-mlp` reads: the label, then 784 pixels.
function csvLine(label, pixels) {
  return `${label},${pixels.join(",")}\n`;
}
