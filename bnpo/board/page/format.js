// How figures are written, and elements that are made without markup: text is set as text alone.

export function element(tag, settings = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(settings)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "text") made.textContent = value;
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter(child => child !== null && child !== undefined));
  return made;
}

// A round mark in the colour of a line.
export function dot(colour) {
  const made = element("i", {class: "dot"});
  made.style.background = colour;
  return made;
}

export const absent = value => value === null || value === undefined;

export function count(value) {
  if (absent(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return `${short(value / 1e9)}G`;
  if (size >= 1e6) return `${short(value / 1e6)}M`;
  if (size >= 1e4) return `${short(value / 1e3)}k`;
  return value.toLocaleString("en", {maximumFractionDigits: 0});
}

const short = value => value.toLocaleString("en", {maximumSignificantDigits: 3});

export function figure(value) {
  if (absent(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  if (size >= 1e4) return count(value);
  return value.toLocaleString("en", {maximumFractionDigits: size >= 100 ? 1 : size >= 10 ? 2 : 3});
}

export function fixed(value) {
  return absent(value) ? "–" : value.toFixed(2);
}

export function duration(seconds) {
  if (absent(seconds)) return "–";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

export const words = name => name.replaceAll("_", " ");

const COLOURS = [
  "#2e7bbf", "#d64541", "#349858", "#8e5ea2", "#f08c28", "#20a3a3", "#c2588b", "#8a7a32",
  "#5a6fd0", "#7a4b3a", "#6c9a1f", "#777f88",
];

export const colour = index => COLOURS[index % COLOURS.length];
