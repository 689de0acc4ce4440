// What the interactive pictures share: axes, lines, sliders.

const FRAME = { left: 78, top: 12, right: 602, bottom: 258, width: 624, height: 310 };

const draw = (parent, name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};

// Round steps such that four to nine ticks fit.
const ticks = (low, high) => {
  const rough = (high - low) / 8;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high * (1 + 1e-9); i += 1) found.push(i * step);
  return found;
};

const short = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

// Empty axes from x = [low, high] and y = [low, high]; places data in them.
const axes = (stage, x, y) => {
  const at = (value) => FRAME.left
    + ((value - x[0]) / (x[1] - x[0])) * (FRAME.right - FRAME.left);
  const up = (value) => FRAME.bottom
    - ((value - y[0]) / (y[1] - y[0])) * (FRAME.bottom - FRAME.top);
  stage.replaceChildren();
  const svg = draw(stage, "svg", {
    viewBox: `0 0 ${FRAME.width} ${FRAME.height}`, role: "img", "aria-label": stage.dataset.label,
  });
  for (const value of ticks(...x)) {
    draw(svg, "line", {
      x1: at(value), x2: at(value), y1: FRAME.bottom, y2: FRAME.bottom + 5, class: "tick",
    });
    draw(svg, "text", { x: at(value), y: FRAME.bottom + 20, class: "x" }, short(value));
  }
  for (const value of ticks(...y)) {
    draw(svg, "line", {
      x1: FRAME.left, x2: FRAME.right, y1: up(value), y2: up(value), class: "rule",
    });
    draw(svg, "text", { x: FRAME.left - 8, y: up(value) + 4, class: "y" }, short(value));
  }
  draw(svg, "line", {
    x1: FRAME.left, x2: FRAME.right, y1: FRAME.bottom, y2: FRAME.bottom, class: "tick",
  });
  const [middle, centre] = [(FRAME.left + FRAME.right) / 2, (FRAME.top + FRAME.bottom) / 2];
  draw(svg, "text", { x: middle, y: FRAME.height - 6, class: "x" }, stage.dataset.x);
  draw(svg, "text", {
    x: 0, y: 0, class: "x", transform: `translate(16 ${centre}) rotate(-90)`,
  }, stage.dataset.y);
  const line = (points, name) => draw(svg, "polyline", {
    points: points.map(([a, b]) => `${at(a).toFixed(2)},${up(b).toFixed(2)}`).join(" "),
    class: name,
  });
  const dot = (a, b) => draw(svg, "circle", { cx: at(a), cy: up(b), r: 5, class: "dot" });
  return { line, dot };
};

// Draws a widget now and whenever a slider moves; numbers arrive in SI units by name.
const follow = (figure, redraw) => {
  const inputs = Array.from(figure.querySelectorAll("input"));
  const stage = figure.querySelector(".stage");
  const tell = (name, text) => {
    figure.querySelector(`[data-measure="${name}"]`).textContent = text;
  };
  const update = () => {
    const values = {};
    for (const input of inputs) {
      values[input.name] = Number(input.value) * Number(input.dataset.scale);
      if (input.type !== "range") continue;
      const text = `${input.value.replace("-", "−")} ${input.dataset.unit}`;
      input.parentElement.querySelector("output").textContent = text;
      input.setAttribute("aria-valuetext", text);
    }
    redraw(stage, values, tell);
  };
  for (const input of inputs) input.addEventListener("input", update);
  figure.querySelector(".still").hidden = true;
  figure.querySelector(".bench").hidden = false;
  update();
};
