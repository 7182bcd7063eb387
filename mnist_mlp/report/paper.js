"use strict";
// The paper: a canvas to draw on with mouse, finger, pen or keys, or to look at a picture of pixels.

const PAPER = 280; // its width and height, in the units of strokes
const LINE = 23; // width of the pen
const STEP = 10; // how far an arrow key moves the pen

class Paper {
  // `changed(finished)` is called after each change; finished is false while a stroke is being drawn.
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = []; // lists of points [x, y]
    this.picture = null; // 784 bytes shown instead of strokes
    this.pen = null; // where the keyboard's pen is, null while it is not in use
    this.penIsDown = false;
    this.keys = new Set();
    const listen = (type, handler) => canvas.addEventListener(type, handler.bind(this));
    listen("pointerdown", this.startStroke);
    listen("pointermove", this.continueStroke);
    for (const type of ["pointerup", "pointercancel"]) listen(type, this.endStroke);
    listen("keydown", this.pressKey);
    listen("keyup", (event) => this.keys.delete(event.key));
    listen("blur", this.leave);
    this.draw();
  }

  get isEmpty() {
    return !this.strokes.length && !this.picture;
  }

  // The picture that the network sees: 784 bytes.
  get pixels() {
    return this.picture ?? pixelsOf(this.strokes);
  }

  show(picture) {
    this.strokes = [];
    this.picture = picture;
    this.penIsDown = false;
    this.update(true);
  }

  clear() {
    this.show(null);
  }

  undo() {
    this.picture = null;
    this.penIsDown = false;
    this.strokes.pop();
    this.update(true);
  }

  update(finished) {
    this.draw();
    this.changed(finished);
  }

  startStroke(event) {
    if (event.button > 0 || this.pointer !== undefined) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.pen = null;
    this.startAt(this.pointOf(event));
    this.update(false);
  }

  startAt(point) {
    this.picture = null;
    this.strokes.push([point]);
  }

  continueStroke(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.strokes.at(-1).push(this.pointOf(each));
    this.update(false);
  }

  endStroke(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = undefined;
    this.update(true);
  }

  pointOf(event) {
    const box = this.canvas.getBoundingClientRect();
    const along = (value, start, length) => Math.min(Math.max(((value - start) / length) * PAPER, 0), PAPER);
    return [along(event.clientX, box.left, box.width), along(event.clientY, box.top, box.height)];
  }

  pressKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key === "z" && !event.altKey) this.undo();
      return;
    }
    this.keys.add(event.key);
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in arrows) this.movePen(arrows);
    else if (event.key === " ") this.liftOrLowerPen();
    else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
  }

  // Two arrow keys held together move the pen diagonally.
  movePen(arrows) {
    let [x, y] = this.pen ?? [PAPER / 2, PAPER / 2];
    for (const key of this.keys) {
      const [dx, dy] = arrows[key] ?? [0, 0];
      x = Math.min(Math.max(x + dx * STEP, 0), PAPER);
      y = Math.min(Math.max(y + dy * STEP, 0), PAPER);
    }
    this.pen = [x, y];
    if (this.penIsDown) this.strokes.at(-1).push(this.pen);
    this.update(false);
  }

  liftOrLowerPen() {
    this.pen ??= [PAPER / 2, PAPER / 2];
    this.penIsDown = !this.penIsDown;
    if (this.penIsDown) this.startAt(this.pen);
    this.update(!this.penIsDown);
  }

  leave() {
    this.keys.clear();
    if (!this.pen) return;
    this.pen = null;
    this.penIsDown = false;
    this.update(true);
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.picture) paintPixels(this.canvas, this.picture);
    context.scale(this.canvas.width / PAPER, this.canvas.height / PAPER);
    context.lineWidth = LINE;
    context.lineCap = context.lineJoin = "round";
    for (const [start, ...others] of this.strokes) {
      context.beginPath();
      context.moveTo(...start);
      for (const point of others.length ? others : [start]) context.lineTo(...point);
      context.stroke();
    }
    if (this.pen) {
      context.lineWidth = 2;
      context.globalAlpha = this.penIsDown ? 1 : 0.5;
      context.beginPath();
      context.arc(...this.pen, LINE / 2 + 3, 0, 7);
      context.stroke();
      context.globalAlpha = 1;
    }
  }
}

// Paint 784 bytes over a whole canvas, black and as opaque as their ink; the style sheet inverts it in the dark.
function paintPixels(canvas, pixels) {
  const small = new OffscreenCanvas(SIDE, SIDE);
  const image = new ImageData(SIDE, SIDE);
  pixels.forEach((ink, i) => (image.data[4 * i + 3] = ink));
  small.getContext("2d").putImageData(image, 0, 0);
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}
