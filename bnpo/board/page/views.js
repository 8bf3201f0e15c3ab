// What is shown of the selected runs: curves, brains, differences, the run itself, films, output.

import {Chart} from "./chart.js";
import {dot, duration, element, figure, words} from "./format.js";

const MAIN = ["success_rate", "mean_return", "mean_score", "rollout/success", "rollout/return"];
const NO_BRAINS = ["rollout", "time"];  // groups of the training stream
const MOST_FILMS = 12;
const MOST_COLUMNS = 8;

export const VIEWS = {};

const nothing = text => element("p", {class: "empty", text});

function brain(name) {
  const at = name.indexOf("/");
  return at < 0 ? "" : name.slice(0, at);
}

const quantity = name => words(name.slice(brain(name) ? brain(name).length + 1 : 0));

// Lines for a chart, from what the server has drawn.
function series(drawn, state) {
  const lines = drawn.runs.map(one => {
    const row = state.rows.get(one.id);
    return {...one, label: state.label(row), colour: state.colour(row)};
  });
  const bands = drawn.groups.map(one => ({
    ...one, label: state.labels[one.id] ?? one.id, colour: state.colourOfGroup(one.id),
  }));
  return [...lines, ...bands];
}

function show(chart, name, drawn, state) {
  const whole = name.endsWith("success_rate") || name.endsWith("_share") ? [0, 1] : null;
  chart.show({series: series(drawn, state), thresholds: drawn.thresholds, axis: state.axis, whole});
}

function controls(view, ...more) {
  const {state} = view;
  const over = ["steps", "seconds"].map(axis => element("button", {
    text: axis, "aria-pressed": `${state.axis === axis}`, onclick: () => state.set({axis}),
  }));
  const pool = element("input", {type: "checkbox", id: "pool", onchange: event => state.set({pool: event.target.checked})});
  pool.checked = state.pool;
  return element("div", {class: "bar"},
    element("div", {class: "switch", role: "group", "aria-label": "over"}, ...over),
    element("label", {class: "check", title: "mean over the seeds, with the 95 % bootstrap interval"}, pool, " mean over seeds"),
    element("span", {class: "gap"}), ...more);
}

function legend(view) {
  const {state} = view;
  const entries = state.pool || state.byGroup()
    ? [...new Set(state.chosen().map(row => row.group))].map(group => [state.labels[group] ?? group, state.colourOfGroup(group)])
    : state.chosen().map(row => [state.label(row), state.colour(row)]);
  const shown = entries.slice(0, 16).map(([label, colour]) => element("span", {}, dot(colour), label));
  if (entries.length > 16) shown.push(element("span", {text: `and ${entries.length - 16} more`}));
  return element("div", {class: "legend"}, ...shown);
}

class View {
  constructor(state) {
    this.state = state;
    this.box = element("div");
  }

  // Whether the frame has to be made anew, not only what it shows.
  isOther(...parts) {
    const text = JSON.stringify(parts);
    const other = text !== this.text;
    this.text = text;
    return other;
  }

  // The run that was clicked; without one, says what a click would show.
  focused(what) {
    const row = this.state.rows.get(this.state.focused);
    if (row && row.status !== "waiting") return row;
    this.box.replaceChildren(nothing(`Click a run in the table to see ${what}.`));
    return null;
  }
}

class Charts extends View {
  charts = new Map();

  chart(name, settings) {
    if (!this.charts.has(name)) this.charts.set(name, new Chart(settings));
    return this.charts.get(name);
  }

  async fill(names) {
    const {state} = this;
    const drawn = await state.ask("curves", {runs: state.ids(), scalars: names, axis: state.axis, pool: state.pool});
    for (const name of names) show(this.chart(name), name, drawn[name], state);
  }
}

VIEWS.curves = class extends Charts {
  static title = "Curves";
  names = null;

  async update() {
    const {state} = this;
    if (!state.ids().length) return this.box.replaceChildren(nothing("Select runs in the table to see their curves."));
    const known = await state.ask("scalars", {runs: state.ids()});
    this.names ??= this.first(known);
    const names = this.names.filter(name => known.includes(name));
    if (this.isOther(names, known, state.axis, state.pool, state.ids(), state.labels)) this.frame(names, known);
    if (names.length) await this.fill(names);
  }

  first(known) {
    if (!known.length) return null;
    const metric = state => [...state.chosen()].map(row => row.metric).find(Boolean);
    const main = [metric(this.state), ...MAIN].filter(name => name && known.includes(name));
    return [...new Set(main)].slice(0, 2);
  }

  frame(names, known) {
    const cards = names.map(name => element("article", {class: "card", "data-scalar": name},
      element("h3", {}, brain(name) ? `${brain(name)}: ${quantity(name)}` : words(name),
        element("button", {class: "quiet", text: "remove", onclick: () => this.change(this.names.filter(one => one !== name))})),
      this.chart(name, {height: 290}).box));
    const rest = known.filter(name => !names.includes(name));
    const groups = Map.groupBy(rest, brain);
    const choice = element("select", {"aria-label": "add a scalar", onchange: event => this.change([...names, event.target.value])},
      element("option", {value: "", text: "add a scalar …"}),
      ...[...groups].map(([title, members]) => element("optgroup", {label: title || "evaluations"},
        ...members.map(name => element("option", {value: name, text: quantity(name)})))));
    if (!names.length) cards.push(nothing("These runs have no evaluation yet."));
    const hint = element("p", {class: "place", text: "Drag across a chart to zoom, double-click to see all."});
    this.box.replaceChildren(controls(this, choice), legend(this), ...cards, hint);
  }

  change(names) {
    this.names = names;
    this.state.refresh();
  }
};

VIEWS.brains = class extends Charts {
  static title = "Brains";

  async update() {
    const {state} = this;
    const known = state.ids().length ? await state.ask("scalars", {runs: state.ids()}) : [];
    const names = known.filter(name => brain(name) && !NO_BRAINS.includes(brain(name))).slice(0, 200);
    if (!names.length) return this.box.replaceChildren(nothing("No selected run has scalars of its brains yet."));
    if (this.isOther(names, state.axis, state.pool, state.ids(), state.labels)) {
      const sections = [...Map.groupBy(names, brain)].flatMap(([title, members]) => [
        element("h2", {text: title}),
        element("div", {class: "small"}, ...members.map(name => element("article", {class: "card", "data-scalar": name},
          element("h3", {text: quantity(name)}), this.chart(name, {height: 118, compact: true}).box))),
      ]);
      this.box.replaceChildren(controls(this), legend(this), ...sections);
    }
    await this.fill(names);
  }
};

function plainTable(heads, rows) {
  return element("table", {class: "plain"},
    element("thead", {hidden: !heads.length}, element("tr", {}, ...heads.map(head => element("th", {scope: "col"}, ...[head].flat())))),
    element("tbody", {}, ...rows.map(cells => element("tr", {}, ...cells.map(text => element("td", {text}))))));
}

function written(value) {
  if (value === null) return "–";
  return typeof value === "string" ? value : JSON.stringify(value).replaceAll(",", ", ");
}

VIEWS.differences = class extends View {
  static title = "Differences";

  async update() {
    const {state} = this;
    const groups = Map.groupBy(state.chosen().filter(row => row.status !== "waiting"), row => row.group);
    const rows = groups.size > 1 ? [...groups.values()].map(members => members[0]) : state.chosen();
    const shown = rows.slice(0, MOST_COLUMNS);
    if (shown.length < 2) return this.box.replaceChildren(nothing("Select at least two runs to see where their configurations differ."));
    const found = await state.ask("differences", {runs: shown.map(row => row.id)});
    if (!this.isOther(found, state.labels)) return;
    const columns = found.runs.map(id => state.rows.get(id));
    const label = row => groups.size > 1 ? state.labels[row.group] ?? row.id : state.label(row);
    const head = row => [dot(state.colour(row)), label(row)];
    const lines = found.rows.filter(([key]) => groups.size < 2 || key !== "seed").map(([key, values]) => [key, ...values.map(written)]);
    const more = rows.length - shown.length;
    this.box.replaceChildren(
      element("div", {class: "card wide"}, lines.length
        ? plainTable(["key", ...columns.map(head)], lines) : nothing("Their configurations are the same.")),
      ...(more ? [element("p", {class: "place", text: `${more} more are selected.`})] : []));
  }
};

VIEWS.run = class extends View {
  static title = "Run";

  async update() {
    const row = this.focused("its record");
    if (!row) return;
    const told = await this.state.ask("run", {run: row.id});
    if (!this.isOther(told, row)) return;
    const facts = [
      ["status", row.status], ["result", `${words(row.metric ?? "")} ${figure(row.figure)}`],
      ["solved at", row.solved_at === null ? "not solved" : `${figure(row.solved_at)} environment steps`],
      ["training", duration(row.seconds)], ...told.record,
    ];
    const notes = told.notes.map(([from, text]) => element("article", {class: "card note"},
      element("h3", {text: from === "comment" ? "Comment" : from}), element("pre", {text})));
    this.box.replaceChildren(
      element("h2", {text: row.id}), ...notes,
      element("div", {class: "card"}, plainTable([], facts)),
      element("h2", {text: "Configuration"}),
      element("div", {class: "card"}, plainTable(["key", "value"], told.settings.map(([key, value]) => [key, written(value)]))));
  }
};

VIEWS.films = class extends View {
  static title = "Films";

  async update() {
    const {state} = this;
    const focused = state.rows.get(state.focused);
    const rows = [...new Set([focused, ...state.chosen()])].filter(row => row && row.status !== "waiting").slice(0, MOST_FILMS);
    const told = await Promise.all(rows.map(row => state.ask("run", {run: row.id})));
    const films = rows.flatMap((row, i) => told[i].films.map(([name, time]) => ({row, name, time})));
    if (!this.isOther(films.map(one => [one.row.id, one.name, one.time]))) return;
    if (!films.length) return this.box.replaceChildren(nothing("The selected runs have no film yet: bnpo record RUN makes one."));
    this.box.replaceChildren(element("div", {class: "films"}, ...films.map(({row, name, time}) => {
      const src = `/api/film?${new URLSearchParams({run: row.id, name, time})}`;
      const moving = /\.(mp4|webm)$/.test(name);
      const picture = moving
        ? element("video", {src, controls: true, loop: true, muted: true, preload: "metadata"})
        : element("img", {src, alt: `${name} of ${row.id}`, loading: "lazy"});
      return element("figure", {class: "card"}, element("h3", {text: state.label(row)}), picture,
        element("figcaption", {class: "place", text: `${row.id}/${name}`}));
    })));
  }
};

VIEWS.console = class extends View {
  static title = "Console";

  async update() {
    const row = this.focused("what it prints");
    if (!row) return;
    const text = await this.state.ask("console", {run: row.id});
    if (!this.isOther(row.id, text)) return;
    const view = this.box.parentElement;
    const follows = !view || view.scrollTop + view.clientHeight > view.scrollHeight - 40;
    this.box.replaceChildren(element("h2", {text: row.id}),
      element("div", {class: "card"}, text.trim() ? element("pre", {text}) : nothing("It has printed nothing.")));
    if (view && follows) view.scrollTop = view.scrollHeight;
  }
};
