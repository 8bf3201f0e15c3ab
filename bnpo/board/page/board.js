// The board: what is listed, selected and shown, and the question every two seconds what is new.

import {count, colour, element} from "./format.js";
import {Table, matches, showFolders} from "./table.js";
import {VIEWS} from "./views.js";

const EVERY = 2000;
const SELECTED_FIRST = 30;
const byId = id => document.getElementById(id);

class State {
  rows = new Map();
  selected = new Set();
  open = new Set();
  labels = {};
  studies = [];
  root = "";
  version = 0;
  focused = null;
  grouped = false;
  pool = false;
  axis = "steps";
  view = "curves";
  listing = "runs";
  follows = true;  // new runs are selected until the user selects otherwise
  filter = "";

  words() { return this.filter.toLowerCase().split(/\s+/).filter(Boolean); }

  matching() {
    const words = this.words();
    return [...this.rows.values()].filter(row => matches(row, words, this.labels[row.group]));
  }

  chosen() { return [...this.rows.values()].filter(row => this.selected.has(row.id)); }

  ids() { return this.chosen().map(row => row.id); }

  // Colours tell groups apart where several are selected, else runs.
  byGroup() { return new Set(this.chosen().map(row => row.group)).size > 1; }

  colourOfGroup(group) { return this.colours.get(group) ?? colour(0); }

  colour(row) { return this.byGroup() ? this.colourOfGroup(row.group) : this.colours.get(row.id) ?? colour(0); }

  paint() {
    const chosen = this.chosen();
    const keys = [...new Set(chosen.map(row => row.group))];
    this.colours = new Map([...keys.map((key, i) => [key, colour(i)]), ...chosen.map((row, i) => [row.id, colour(i)])]);
  }

  label(row) {
    if (!row) return "";
    const name = this.labels[row.group] ?? row.run;
    return row.seed === null ? name : `${name} · seed ${row.seed}`;
  }

  select(rows, wanted) {
    this.follows = false;
    for (const row of rows) wanted ? this.selected.add(row.id) : this.selected.delete(row.id);
    this.refresh();
  }

  focus(id) {
    this.focused = id;
    if (!this.selected.has(id)) { this.follows = false; this.selected.add(id); }
    this.refresh();
  }

  unfold(group) {
    this.open.has(group) ? this.open.delete(group) : this.open.add(group);
    this.refresh();
  }

  enter(place) {
    this.filter = `place=${place}`;
    byId("filter").value = this.filter;
    this.listing = "runs";
    this.follows = false;
    this.selected = new Set(this.matching().filter(row => row.place === place).map(row => row.id));
    this.refresh();
  }

  set(settings) {
    Object.assign(this, settings);
    this.refresh();
  }

  // The address keeps what is set, so that it can be kept or sent.
  keep() {
    const kept = Object.keys(KEPT).filter(key => this[key] !== UNSET[key]).map(key => [key, `${this[key]}`]);
    history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
  }

  restore() {
    Object.assign(this, UNSET);
    for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
      const allowed = KEPT[key];
      if (allowed === null) this[key] = value;
      else if (allowed?.includes(value)) this[key] = typeof UNSET[key] === "boolean" ? value === "true" : value;
    }
    byId("filter").value = this.filter;
    byId("grouped").checked = this.grouped;
  }

  async ask(what, asked) {
    const single = "run" in asked || "since" in asked;
    const answer = single
      ? await fetch(`/api/${what}?${new URLSearchParams(asked)}`)
      : await fetch(`/api/${what}`, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(asked)});
    if (!answer.ok) throw new Error(`${what}: ${answer.status}`);
    return answer.json();
  }

  take(news) {
    if (news.version < this.version) location.reload();  // of another server
    this.version = news.version;
    this.root = news.root;
    this.studies = news.studies;
    if (news.rows.length) this.labels = news.labels;
    for (const id of news.gone) { this.rows.delete(id); this.selected.delete(id); }
    for (const row of news.rows) this.rows.set(row.id, row);
    if (this.follows) this.selectNewest();
    return news.rows.length + news.gone.length > 0;
  }

  selectNewest() {
    const rows = [...this.rows.values()].filter(row => row.status !== "waiting" && row.status !== "damaged");
    const running = rows.filter(row => row.status === "running");
    const others = rows.filter(row => row.status !== "running").reverse();
    this.selected = new Set([...running, ...others].slice(0, SELECTED_FIRST).map(row => row.id));
    this.focused ??= (running[0] ?? others[0])?.id ?? null;
  }

  refresh() { schedule(); }
}

const KEPT = {
  view: Object.keys(VIEWS), axis: ["steps", "seconds"], pool: ["true", "false"], grouped: ["true", "false"],
  listing: ["runs", "folders"], filter: null,
};
const UNSET = {view: "curves", axis: "steps", pool: false, grouped: false, listing: "runs", filter: ""};

const state = new State();
const table = new Table(byId("runs"), state);
const views = new Map();

function lists() {
  const folders = state.listing === "folders";
  byId("runs").hidden = folders;
  byId("folders").hidden = !folders;
  byId("show-runs").setAttribute("aria-pressed", `${!folders}`);
  byId("show-folders").setAttribute("aria-pressed", `${folders}`);
  if (folders) showFolders(byId("folders"), state);
  const shown = table.show();
  byId("nothing").hidden = folders || shown > 0;
  const matching = state.matching().length;
  byId("shown").textContent = `${matching} of ${state.rows.size} runs, ${state.ids().length} selected`;
  const counts = ["running", "waiting", "completed", "failed", "killed"]
    .map(status => [status, [...state.rows.values()].filter(row => row.status === status).length])
    .filter(([, number]) => number).map(([status, number]) => `${count(number)} ${status}`);
  byId("counts").textContent = counts.join(" · ");
  byId("root").textContent = state.root;
}

function tabs() {
  const made = Object.entries(VIEWS).map(([name, kind]) => element("button", {
    role: "tab", id: `tab-${name}`, text: kind.title, "aria-selected": `${state.view === name}`, onclick: () => state.set({view: name}),
  }));
  document.querySelector(".tabs").replaceChildren(...made);
}

async function shows() {
  for (const tab of document.querySelectorAll(".tabs button")) {
    tab.setAttribute("aria-selected", `${tab.id === `tab-${state.view}`}`);
  }
  if (!views.has(state.view)) views.set(state.view, new VIEWS[state.view](state));
  const view = views.get(state.view);
  if (byId("view").firstChild !== view.box) byId("view").replaceChildren(view.box);
  await view.update();
}

// Draw once more after what is being drawn, however often it was asked for.
let drawing = null, again = false;
function schedule() {
  if (drawing) { again = true; return drawing; }
  drawing = (async () => {
    do {
      again = false;
      state.paint();
      state.keep();
      lists();
      await shows();
    } while (again);
  })().catch(lost).finally(() => { drawing = null; });
  return drawing;
}

function lost(error) {
  if (!(error instanceof TypeError) || error.message !== "Failed to fetch") console.error(error);
  byId("live").className = "live off";
  byId("live").textContent = "the board's server is gone or failed";
}

async function follow() {
  try {
    const changed = state.take(await state.ask("runs", {since: state.version}));
    if (changed || state.view === "console" || byId("live").className !== "live on") await schedule();
    byId("live").className = "live on";
    byId("live").textContent = "live";
  } catch (error) {
    lost(error);
  }
  setTimeout(follow, EVERY);
}

byId("filter").addEventListener("input", event => state.set({filter: event.target.value}));
byId("grouped").addEventListener("change", event => state.set({grouped: event.target.checked, pool: event.target.checked}));
byId("show-runs").addEventListener("click", () => state.set({listing: "runs"}));
byId("show-folders").addEventListener("click", () => state.set({listing: "folders"}));
byId("select-all").addEventListener("click", () => state.select(state.matching(), true));
byId("select-none").addEventListener("click", () => state.select([...state.rows.values()], false));
window.addEventListener("hashchange", () => { state.restore(); state.refresh(); });
state.restore();
tabs();
follow();
