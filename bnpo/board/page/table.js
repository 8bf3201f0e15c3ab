// The table of runs, or of groups of seeds: filtered, sorted, and changed where a run has changed.

import {absent, count, duration, element, figure, fixed, words} from "./format.js";

const ORDER = ["running", "waiting", "completed", "interrupted", "killed", "failed", "damaged"];

const natural = new Intl.Collator("en", {numeric: true}).compare;

const task = row => row.task?.replace(/^bnpo\//, "") ?? null;

// What is told in each column: value to sort by, text, and whether it is a figure.
const COLUMNS = [
  {key: "run", title: "run", value: row => row.id},
  {key: "status", title: "status", value: row => ORDER.indexOf(row.status)},
  {key: "preset", title: "preset", value: row => row.preset, text: row => row.preset ?? "–"},
  {key: "task", title: "task", value: task, text: row => task(row) ?? "–"},
  {key: "seed", title: "seed", number: true, value: row => row.seed, text: row => row.seeds ?? row.seed ?? "–"},
  {key: "figure", title: "result", number: true, value: row => row.figure, text: row => result(row)},
  {key: "steps", title: "steps", number: true, value: row => row.steps},
  {key: "speed", title: "steps / s", number: true, value: row => row.speed, text: row => count(row.speed)},
  {key: "left", title: "time left", number: true, value: row => row.left ?? (row.status === "running" ? 1e12 : null),
    text: row => row.status === "running" ? duration(row.left) : ""},
];

export function result(row) {
  if (absent(row.figure)) return fixed(row.success);
  const text = row.metric === "success_rate" ? fixed(row.figure) : figure(row.figure);
  return absent(row.low) ? text : `${text} [${fixed(row.low)}, ${fixed(row.high)}]`;
}

const mean = values => values.length ? values.reduce((a, b) => a + b, 0) / values.length : null;

// One row for the seeds of a group: the mean of their results, and the lowest and highest.
export function summed(rows, label) {
  const known = key => rows.map(row => row[key]).filter(value => !absent(value));
  const figures = known("figure");
  const status = ORDER.find(one => rows.some(row => row.status === one));
  return {
    ...rows[0], id: `group ${rows[0].group}`, label, members: rows, status,
    seeds: rows.length === 1 ? `${rows[0].seed ?? "–"}` : `${rows.length} seeds`,
    figure: mean(figures),
    low: figures.length > 1 ? Math.min(...figures) : null,
    high: figures.length > 1 ? Math.max(...figures) : null,
    steps: known("steps").reduce((a, b) => a + b, 0),
    total: known("total").reduce((a, b) => a + b, 0) || null,
    speed: mean(known("speed")),
    left: known("left").length ? Math.max(...known("left")) : null,
    solved_at: rows.every(row => !absent(row.solved_at)) ? rows[0].solved_at : null,
  };
}

// Whether a row has all words; key=value asks one column alone.
export function matches(row, words, label) {
  const text = [row.id, row.status, row.preset, row.task, label, `seed ${row.seed}`].join(" ").toLowerCase();
  return words.every(word => {
    const [key, value] = word.split("=");
    if (value === undefined) return text.includes(word);
    return `${row[key] ?? ""}`.toLowerCase().includes(value) && (key !== "seed" || `${row.seed}` === value);
  });
}

export class Table {
  constructor(table, state) {
    this.table = table;
    this.state = state;
    this.sort = {key: "run", down: false};
    this.rows = new Map();
    this.heads();
  }

  heads() {
    const cells = COLUMNS.map(column => {
      const cell = element("th", {class: column.number ? "number" : "", scope: "col"},
        element("button", {text: column.title, onclick: () => this.sortBy(column.key)}));
      cell.dataset.key = column.key;
      return cell;
    });
    this.table.tHead.replaceChildren(element("tr", {}, element("th", {"aria-label": "shown in the curves"}), ...cells));
    this.mark();
  }

  sortBy(key) {
    this.sort = {key, down: this.sort.key === key ? !this.sort.down : key === "figure"};
    this.mark();
    this.show();
  }

  mark() {
    for (const cell of this.table.querySelectorAll("th[data-key]")) {
      if (cell.dataset.key !== this.sort.key) cell.removeAttribute("aria-sort");
      else cell.setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
    }
  }

  // The rows to show, groups before their members where those are unfolded.
  listed() {
    const {grouped, open, labels} = this.state;
    const rows = this.state.matching();
    if (!grouped) return this.sorted(rows);
    const groups = Map.groupBy(rows, row => row.group);
    const sums = [...groups.values()].map(members => summed(members, labels[members[0].group] ?? members[0].run));
    return this.sorted(sums).flatMap(sum => open.has(sum.group) && sum.members.length > 1
      ? [sum, ...this.sorted(sum.members).map(row => ({...row, isMember: true}))] : [sum]);
  }

  sorted(rows) {
    const {key, down} = this.sort;
    const value = COLUMNS.find(column => column.key === key).value;
    const sign = down ? -1 : 1;
    return [...rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (absent(x) || absent(y)) return absent(x) - absent(y) || natural(a.id, b.id);
      const order = typeof x === "string" ? natural(x, y) : x - y;
      return sign * order || natural(a.id, b.id);
    });
  }

  show() {
    const wanted = this.listed().map(row => this.row(row));
    const body = this.table.tBodies[0];
    const same = body.rows.length === wanted.length && wanted.every((one, i) => body.rows[i] === one);
    if (!same) body.replaceChildren(...wanted);
    return wanted.length;
  }

  // The element of a row. It stays while its run is there, so that no click on it is lost.
  row(row) {
    const {state} = this;
    const members = row.members ?? [row];
    const chosen = members.filter(one => state.selected.has(one.id));
    const checked = !chosen.length ? "false" : chosen.length === members.length ? "true" : "mixed";
    const colour = chosen.length ? state.colour(chosen[0]) : "";
    const unfolded = state.open.has(row.group);
    const focused = members.some(one => one.id === state.focused) && !(row.members && unfolded);
    const made = this.rows.get(row.id) ?? this.made(row.id);
    const text = JSON.stringify([row, checked, colour, focused, unfolded, state.grouped]);
    if (made.text === text) return made.element;
    Object.assign(made, {text, row, members, checked});
    made.element.className = `${row.isMember ? "member" : ""} ${focused ? "focused" : ""}`;
    made.swatch.setAttribute("aria-checked", checked);
    made.swatch.setAttribute("aria-label", `show ${row.label ?? row.id}`);
    made.swatch.style.background = colour;
    COLUMNS.forEach((column, i) => this.fill(made.cells[i], column, row, members));
    return made.element;
  }

  made(id) {
    const made = {};
    made.swatch = element("button", {class: "swatch", role: "checkbox", onclick: event => {
      event.stopPropagation();
      this.state.select(made.members, made.checked !== "true");
    }});
    made.cells = COLUMNS.map(column => element("td", {class: column.number ? "number" : `of-${column.key}`}));
    made.element = element("tr", {"data-run": id, onclick: () => this.state.focus(made.members[0].id)},
      element("td", {}, made.swatch), ...made.cells);
    this.rows.set(id, made);
    return made;
  }

  fill(cell, column, row, members) {
    if (column.key === "run") return this.name(cell, row);
    if (column.key === "status") return this.status(cell, row, members);
    if (column.key === "steps") return this.steps(cell, row);
    cell.textContent = column.text(row);
    if (column.key === "figure") {
      cell.classList.toggle("solved", !absent(row.solved_at));
      const when = row.members?.length > 1 ? "solved by every seed" : `solved at ${count(row.solved_at)} steps`;
      cell.title = absent(row.solved_at) ? `${words(row.metric ?? "")} of the last evaluation` : when;
    } else if (["preset", "task"].includes(column.key)) {
      cell.title = cell.textContent;
    }
  }

  name(cell, row) {
    cell.replaceChildren();
    cell.title = row.label ?? row.id;
    if (row.members?.length > 1) {
      cell.append(element("button", {
        class: "fold", text: this.state.open.has(row.group) ? "▾" : "▸", "aria-label": "unfold its seeds",
        onclick: event => { event.stopPropagation(); this.state.unfold(row.group); },
      }));
    }
    if (row.place && !row.isMember) cell.append(element("span", {class: "place", text: `${row.place}/`}));
    cell.append(element("span", {class: "name", text: row.members?.length > 1 ? `${row.members.length} runs` : row.run}));
  }

  status(cell, row, members) {
    const counts = Map.groupBy(members, one => one.status);
    cell.replaceChildren();
    for (const status of ORDER.filter(one => counts.has(one))) {
      const number = members.length > 1 ? `${counts.get(status).length} ` : "";
      cell.append(element("span", {class: `status ${status}`, text: `${number}${status}`}), " ");
    }
  }

  steps(cell, row) {
    cell.textContent = row.status === "waiting" ? count(row.total) : count(row.steps);
    if (!row.total || row.status === "waiting") return;
    cell.title = `${count(row.steps)} of ${count(row.total)} environment steps, ${duration(row.seconds)} of training`;
    const bar = element("i");
    bar.style.width = `${Math.min(100, 100 * (row.steps ?? 0) / row.total)}%`;
    cell.append(element("span", {class: `progress ${row.status}`}, bar));
  }
}

// The table of studies and other folders of runs: how many of their runs are how far.
export function showFolders(table, state) {
  const titles = ["study", "runs", "progress", "running", "failed", "time left"];
  table.tHead.replaceChildren(element("tr", {}, ...titles.map((title, i) =>
    element("th", {class: i && i !== 2 ? "number" : "", scope: "col"}, element("button", {text: title})))));
  const places = Map.groupBy(state.rows.values(), row => row.place);
  const rows = [...places].sort(([a], [b]) => natural(a, b)).map(([place, members]) => {
    const of = (...kinds) => members.filter(row => kinds.includes(row.status));
    const bar = element("span", {class: "progress"});
    bar.style.height = "7px";
    for (const status of ["completed", "running", "interrupted", "killed", "failed", "damaged"]) {
      const part = element("i", {class: status});
      part.style.width = `${100 * of(status).length / members.length}%`;
      bar.append(part);
    }
    const lefts = of("running").map(row => row.left).filter(value => !absent(value));
    const known = state.studies.includes(place || ".") || state.studies.includes(place);
    return element("tr", {"data-place": place, onclick: () => state.enter(place)},
      element("td", {title: place}, element("span", {class: "name", text: place || state.root}),
        element("span", {class: "place", text: known ? "  study" : "  folder"})),
      element("td", {class: "number", text: `${of("completed").length} of ${members.length}`}),
      element("td", {}, bar),
      element("td", {class: "number", text: of("running").length || ""}),
      element("td", {class: "number failed", text: of("failed", "killed", "damaged").length || ""}),
      element("td", {class: "number", text: lefts.length ? duration(Math.max(...lefts)) : ""}));
  });
  table.tBodies[0].replaceChildren(...rows);
}
