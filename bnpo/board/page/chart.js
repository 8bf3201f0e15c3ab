// A chart of lines with bands, drawn as SVG: ticks, threshold, values under the pointer, zoom.

import {count, dot, element, figure} from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

function shape(tag, settings, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(settings)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// Round numbers between two ends, about as many as asked for.
export function ticks(low, high, number) {
  const rough = (high - low) / number;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough * 0.999);
  const found = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place++) {
    found.push(place * step + 0);  // no minus before zero
  }
  return found;
}

function ends(series, thresholds, zoom, whole) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const one of series) {
    for (let i = 0; i < one.x.length; i++) {
      left = Math.min(left, one.x[i]);
      right = Math.max(right, one.x[i]);
      if (zoom && (one.x[i] < zoom[0] || one.x[i] > zoom[1])) continue;
      low = Math.min(low, one.low?.[i] ?? one.y[i]);
      high = Math.max(high, one.high?.[i] ?? one.y[i]);
    }
  }
  if (zoom) [left, right] = zoom; else left = Math.min(left, 0);
  if (whole) [low, high] = whole;
  else for (const value of thresholds) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (!(high > low)) [low, high] = [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)];
  if (!(right > left)) right = left + 1;
  const room = (high - low) * 0.04;
  return {left, right, low: low - room, high: high + room};
}

function line(xs, ys, place) {
  return xs.map((x, i) => `${i ? "L" : "M"}${place.x(x).toFixed(1)} ${place.y(ys[i]).toFixed(1)}`).join("");
}

// Pieces of a band, which has none where a single run is left.
function band(one, place) {
  let path = "", start = null;
  for (let i = 0; i <= one.x.length; i++) {
    const there = i < one.x.length && one.low[i] !== null;
    if (there && start === null) start = i;
    if (!there && start !== null) {
      const xs = one.x.slice(start, i);
      const down = line([...xs].reverse(), one.low.slice(start, i).reverse(), place).replace("M", "L");
      path += `${line(xs, one.high.slice(start, i), place)}${down}Z`;
      start = null;
    }
  }
  return path;
}

// The value of a series at a place: that of its nearest point.
function nearest(one, x) {
  let [low, high] = [0, one.x.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (one.x[middle] <= x) low = middle; else high = middle;
  }
  return Math.abs(one.x[low] - x) <= Math.abs(one.x[high] - x) ? low : high;
}

export class Chart {
  constructor({height = 260, compact = false} = {}) {
    this.size = {height, compact};
    this.zoom = null;
    this.box = element("div", {class: "chart"});
    this.tip = element("div", {class: "tip", hidden: true});
    new ResizeObserver(() => this.content && this.draw()).observe(this.box);
  }

  // content: series [{id, label, colour, x, y, low, high, runs}], thresholds, axis, whole (range)
  show(content) {
    const text = JSON.stringify(content);
    if (text === this.text) return;
    this.text = text;
    this.content = content;
    if (!this.dragged) this.draw();
  }

  draw() {
    const {series, thresholds, axis, whole} = this.content;
    const width = this.box.clientWidth;
    if (!width) return;
    const {height, compact} = this.size;
    const edge = {left: compact ? 38 : 48, right: 8, top: 8, bottom: compact ? 18 : 34};
    const range = ends(series, thresholds, this.zoom, whole);
    const inner = {width: width - edge.left - edge.right, height: height - edge.top - edge.bottom};
    const place = {
      x: x => edge.left + (x - range.left) / (range.right - range.left) * inner.width,
      y: y => edge.top + (range.high - y) / (range.high - range.low) * inner.height,
      back: px => range.left + (px - edge.left) / inner.width * (range.right - range.left),
    };
    const svg = shape("svg", {viewBox: `0 0 ${width} ${height}`, height, role: "img"});
    for (const y of ticks(range.low, range.high, compact ? 3 : 5)) {
      svg.append(
        shape("line", {class: "grid", x1: edge.left, x2: width - edge.right, y1: place.y(y), y2: place.y(y)}),
        shape("text", {x: edge.left - 6, y: place.y(y) + 3.5, "text-anchor": "end"}, figure(y)));
    }
    const bottom = edge.top + inner.height;
    for (const x of ticks(range.left, range.right, compact ? 3 : Math.min(8, inner.width / 70))) {
      svg.append(
        shape("line", {class: "axis", x1: place.x(x), x2: place.x(x), y1: bottom, y2: bottom + 4}),
        shape("text", {x: place.x(x), y: bottom + 15, "text-anchor": "middle"}, count(x)));
    }
    svg.append(shape("line", {class: "axis", x1: edge.left, x2: width - edge.right, y1: bottom, y2: bottom}));
    if (!compact) {
      const named = axis === "steps" ? "environment steps" : "seconds of training";
      svg.append(shape("text", {x: width - edge.right, y: bottom + 30, "text-anchor": "end"}, named));
    }
    const clip = `clip-${Chart.number = (Chart.number ?? 0) + 1}`;
    const window = shape("clipPath", {id: clip});
    window.append(shape("rect", {x: edge.left, y: edge.top - 2, width: inner.width + 2, height: inner.height + 4}));
    const lines = shape("g", {"clip-path": `url(#${clip})`});
    for (const value of thresholds) {
      lines.append(shape("line", {class: "threshold", x1: edge.left, x2: width, y1: place.y(value), y2: place.y(value)}));
    }
    const many = series.length > 8 ? "line many" : "line";
    const paths = new Map();
    for (const one of series) {
      if (one.low) lines.append(shape("path", {class: "band", d: band(one, place), fill: one.colour}));
      if (one.x.length === 1) {
        lines.append(shape("circle", {cx: place.x(one.x[0]), cy: place.y(one.y[0]), r: 3, fill: one.colour}));
      }
      const path = shape("path", {class: many, d: line(one.x, one.y, place), stroke: one.colour});
      paths.set(one.id, path);
      lines.append(path);
    }
    this.cursor = shape("line", {class: "cursor", y1: edge.top, y2: bottom, visibility: "hidden"});
    this.marked = shape("rect", {class: "zoom", y: edge.top, height: inner.height, visibility: "hidden"});
    svg.append(window, lines, this.cursor, this.marked);
    this.drawn = {place, range, edge, width, bottom, paths};
    this.follow(svg);
    this.box.replaceChildren(svg, this.tip);
  }

  follow(svg) {
    const at = event => {
      const {edge, width} = this.drawn;
      const px = event.clientX - svg.getBoundingClientRect().left;
      return Math.max(edge.left, Math.min(width - edge.right, px));
    };
    svg.addEventListener("pointerdown", event => {
      this.dragged = at(event);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", event => {
      const px = at(event);
      if (this.dragged !== undefined) this.mark(this.dragged, px);
      this.point(px, event.clientY - svg.getBoundingClientRect().top);
    });
    svg.addEventListener("pointerup", event => {
      const [from, to] = [this.dragged, at(event)].sort((a, b) => a - b);
      this.dragged = undefined;
      if (to - from > 8) this.zoom = [this.drawn.place.back(from), this.drawn.place.back(to)];
      this.draw();
    });
    svg.addEventListener("pointercancel", () => { this.dragged = undefined; this.draw(); });
    svg.addEventListener("pointerleave", () => this.leave());
    svg.addEventListener("dblclick", () => { this.zoom = null; this.draw(); });
  }

  mark(from, to) {
    this.marked.setAttribute("x", Math.min(from, to));
    this.marked.setAttribute("width", Math.abs(to - from));
    this.marked.setAttribute("visibility", "visible");
  }

  leave() {
    this.tip.hidden = true;
    this.cursor.setAttribute("visibility", "hidden");
    for (const path of this.drawn.paths.values()) path.classList.remove("lit");
  }

  // Tell the values of the lines at a place, those nearest to the pointer first.
  point(px, py) {
    const {place, range, width, paths} = this.drawn;
    const x = place.back(px);
    const values = this.content.series
      .filter(one => one.x.length && x >= one.x[0] - (range.right - range.left) * 0.02)
      .map(one => ({one, i: nearest(one, x)}))
      .sort((a, b) => Math.abs(place.y(a.one.y[a.i]) - py) - Math.abs(place.y(b.one.y[b.i]) - py));
    if (!values.length) return this.leave();
    this.cursor.setAttribute("x1", px);
    this.cursor.setAttribute("x2", px);
    this.cursor.setAttribute("visibility", "visible");
    const shown = values.slice(0, 8).sort((a, b) => b.one.y[b.i] - a.one.y[a.i]);
    for (const path of paths.values()) path.classList.remove("lit");
    if (paths.size > 1) paths.get(values[0].one.id).classList.add("lit");
    const first = values[0];
    this.tip.replaceChildren(
      element("div", {class: "where", text: `${count(first.one.x[first.i])} ${this.content.axis}`}),
      ...shown.map(({one, i}) => this.told(one, i)),
      ...(values.length > 8 ? [element("div", {class: "where", text: `and ${values.length - 8} more`})] : []));
    this.tip.hidden = false;
    const right = px > width / 2;
    this.tip.style.left = right ? "" : `${px + 14}px`;
    this.tip.style.right = right ? `${width - px + 14}px` : "";
    this.tip.style.top = "6px";
  }

  told(one, i) {
    const interval = one.low && one.low[i] !== null ? ` [${figure(one.low[i])}, ${figure(one.high[i])}]` : "";
    const runs = one.runs ? ` (${one.runs[i]})` : "";
    return element("div", {}, dot(one.colour), element("span", {text: one.label + runs}),
      element("b", {text: figure(one.y[i]) + interval}));
  }
}
