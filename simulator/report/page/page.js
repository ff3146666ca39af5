// Draws the figures of the page from its own values, and lets a reader copy, hide, zoom and choose colours.
// Names come from scenarios: they are text everywhere (textContent, never HTML), also to the drawing library.
(() => {
"use strict";
const M = Bokeh.Models;
const root = document.documentElement;
const charts = JSON.parse(document.getElementById("charts").textContent);
const NARROW = 600, ROW = 27, TALL = 340, EDGES = 95;
const said = document.getElementById("said");

const color = name => name.startsWith("#") ? name : getComputedStyle(root).getPropertyValue(`--${name}`).trim();
// The library reads formulas out of some texts, and would fetch a program for them: a blank without width ends that.
const plain = text => text.replace(/\$(?=\$)|\\(?=[[(])/g, "$&\u200b");
const number = (value, digits = 4) => Number(value.toPrecision(digits)).toLocaleString("en", {maximumFractionDigits: 20});

function duration(seconds) {
  const size = Math.abs(seconds);
  if (size === 0) return "0";
  const units = [[1e-9, "ns"], [1e-6, "us"], [1e-3, "ms"], [1, "s"], [60, "min"], [3600, "h"]];
  let [unit, name] = units[0];
  for (const [one, called] of units) if (size >= one * (one === 60 ? 3 : 1) * 0.9999999) [unit, name] = [one, called];
  return `${number(seconds / unit, 3)} ${name}`;
}

const SHOWN = {
  s: duration,
  ratio: value => `${number(100 * value)} %`,
  change: value => `${value > 0 ? "+" : ""}${number(100 * value)} %`,
  per_s: value => `${number(value)}/s`,
  number: value => number(value),
  later: value => value >= 1 ? "" : `p${Number((100 * (1 - value)).toPrecision(12))}`,
};

function wrapped(name, most) {
  const lines = [""];
  for (const word of name.replace(/ +/g, " ").split(/(?<=[ ._])/)) {
    for (const part of word.match(new RegExp(`.{1,${most}}`, "gu")) || []) {
      const last = lines[lines.length - 1];
      if (last && last.length + part.trimEnd().length > most) lines.push(part);
      else lines[lines.length - 1] = last + part;
    }
  }
  return lines.length > 3 ? [...lines.slice(0, 2), `${lines[2]}…`].join("\n") : lines.join("\n");
}

class Labels extends M.BasicTickFormatter {
  static __name__ = "ShardsimLabels";
  constructor(show) { super(); this.show = show; }
  doFormat(ticks) { return ticks.map(tick => plain(this.show(tick))); }
}

// Columns of a series that are along an axis.
const ALONG = {
  x: ["x", "x0", "x1", "left", "right"],
  y: ["y", "y0", "y1", "bottom", "top"],
};
const isWide = one => one.shape === "across";

function valuesAlong(chart, which, side) {
  const values = [];
  for (const one of chart.series) {
    if (which === "y" && (one.on || "left") !== side) continue;
    const columns = [...ALONG[which]];
    if (one.shape === "band" && which === "y" || isWide(one) && which === "x") columns.push("low", "high");
    if (["bound", "zone"].includes(one.shape)) {
      if (one.along !== which) continue;
      columns.push("at", "low", "high");
    }
    for (const name of columns) for (const value of one.columns[name] || []) if (value !== null) values.push(value);
  }
  return values;
}

function rangeOf(chart, scale, which, isLog, side = "left") {
  if (scale.ends) return {start: scale.ends[0], end: scale.ends[1]};
  const values = valuesAlong(chart, which, side).filter(value => !isLog || value > 0);
  if (!values.length) return isLog ? {start: 0.1, end: 1} : {start: 0, end: 1};
  let low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  if (isLog) {
    const room = Math.max(1.15, (high / low) ** 0.06);
    return {start: low / room, end: high * room};
  }
  if (scale.zero) low = Math.min(0, low);
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return {start: scale.zero && low === 0 ? 0 : low - room, end: high + room};
}

const mostOf = width => width < NARROW ? 16 : 44;

function heightOf(chart, width) {
  if (!chart.rows) return TALL;
  const lines = Math.max(...(chart.y.names || [""]).map(name => wrapped(name, mostOf(width)).split("\n").length));
  return Math.max(150, chart.rows * (ROW + 16 * (lines - 1)) + EDGES);
}

function dress(axis, grid, scale, isLog, width, range, length) {
  const most = mostOf(width);
  const show = scale.names
    ? value => Number.isInteger(value) && scale.names[value] !== undefined ? wrapped(scale.names[value], most) : ""
    : SHOWN[scale.unit];
  axis.formatter = new Labels(show);
  if (scale.names) {
    const every = Math.max(1, Math.ceil(scale.names.length / 60));
    axis.ticker = new M.FixedTicker({ticks: scale.names.map((_, place) => place).filter(place => place % every === 0)});
  } else if (scale.unit === "later") {
    const ticks = [0.5];
    for (let share = 0.1; share > 1e-9; share /= 10) ticks.push(Number(share.toPrecision(6)));
    axis.ticker = new M.FixedTicker({ticks});
  } else {
    const about = {desired_num_ticks: width < NARROW && !isLog ? 4 : 6, ...(scale.whole ? {min_interval: 1} : {})};
    const minutes = scale.unit === "s" && range.end - range.start > 180;
    axis.ticker = isLog ? new M.LogTicker(about) : minutes
      ? new M.AdaptiveTicker({...about, base: 60, mantissas: [1, 2, 5, 10, 15, 30], min_interval: 1}) : new M.BasicTicker(about);
  }
  if (scale.unit !== "later") axis.major_label_policy = new M.NoOverlap({min_distance: 4});  // it knows no axis that falls
  if (grid && axis.ticker) grid.ticker = axis.ticker;
  axis.axis_label = scale.label ? plain(wrapped(scale.label, Math.max(12, Math.floor((length - EDGES / 2) / 7)))) : null;
  const ink = color("ink"), quiet = color("quiet");
  Object.assign(axis, {
    axis_label_text_color: ink, axis_label_text_font_style: "normal", axis_label_text_font_size: "13px",
    major_label_text_color: ink, major_label_text_font_size: "12px",
    axis_line_color: quiet, major_tick_line_color: quiet, minor_tick_line_color: null,
  });
  if (grid) Object.assign(grid, {grid_line_color: scale.names ? null : color("grid"), minor_grid_line_color: null});
}

function glyphsOf(one) {
  const paint = color(one.color), at = name => ({field: name});
  const dash = one.dashed ? [5, 4] : [];
  const hidden = () => new M.Scatter({x: at("x"), y: at("y"), size: 14, fill_alpha: 0, line_alpha: 0});
  switch (one.shape) {
    case "line": {
      const glyph = new M.Line({x: at("x"), y: at("y"), line_color: paint, line_width: 2, line_dash: dash});
      return one.columns.said ? [glyph, hidden()] : [glyph];
    }
    case "step": {
      const glyph = new M.Step({x: at("x"), y: at("y"), mode: "after", line_color: paint, line_width: 2});
      return one.columns.said ? [glyph, hidden()] : [glyph];
    }
    case "points":
      return [new M.Scatter({x: at("x"), y: at("y"), size: 8, fill_color: paint, line_color: color("paper"), line_width: 1})];
    case "band":
      return [new M.VArea({x: at("x"), y1: at("low"), y2: at("high"), fill_color: paint, fill_alpha: 0.2})];
    case "across":
      return [new M.HArea({y: at("y"), x1: at("low"), x2: at("high"), fill_color: paint, fill_alpha: 0.25})];
    case "blocks":
      return [new M.Quad({left: at("left"), right: at("right"), bottom: at("bottom"), top: at("top"),
                          fill_color: paint, line_color: color("paper"), line_width: 1})];
    case "ends":
      return [new M.Segment({x0: at("x0"), y0: at("y0"), x1: at("x1"), y1: at("y1"), line_color: paint, line_width: 1.5})];
    default:
      return [new M.Text({x: at("x"), y: at("y"), text: at("words"), text_color: color("ontop"), text_align: "center",
                          text_baseline: "middle", text_font_size: "12px", background_fill_color: color("undertop"),
                          background_fill_alpha: 0.75, padding: 2, border_radius: 3})];
  }
}

function columnsOf(one, isLog) {
  const columns = {};
  for (const [name, values] of Object.entries(one.columns)) {
    if (name === "said" || name === "words") { columns[name] = values.map(plain); continue; }
    const along = ALONG.x.includes(name) || isWide(one) && name !== "y" ? "x" : "y";
    columns[name] = values.map(value => {
      if (value === null) return NaN;
      if (!isLog[along] || value > 0) return value;
      return ["low", "bottom", "left", "y0", "x0"].includes(name) ? 1e-300 : NaN;
    });
  }
  return columns;
}

function marksOf(one) {
  const paint = color(one.color), {at, low, high} = one.columns;
  const dimension = one.along === "x" ? "height" : "width";
  if (one.shape === "bound")
    return new M.Span({location: at[0], dimension, line_color: paint, line_width: 1.5, line_dash: one.dashed ? [5, 4] : []});
  const ends = one.along === "x" ? {left: low[0], right: high[0]} : {bottom: low[0], top: high[0]};
  return new M.BoxAnnotation({...ends, fill_color: paint, fill_alpha: 0.18, line_color: null});
}

function plotOf(state, width) {
  const {chart} = state, isLog = {x: state.x, y: state.y};
  const plot = Bokeh.Plotting.figure({
    x_axis_type: isLog.x ? "log" : "linear", y_axis_type: isLog.y ? "log" : "linear",
    x_range: new M.Range1d(rangeOf(chart, chart.x, "x", isLog.x)),
    y_range: new M.Range1d(rangeOf(chart, chart.y, "y", isLog.y)),
    width, height: heightOf(chart, width), sizing_mode: "stretch_width", output_backend: "svg",
    tools: "", toolbar_location: null,
    background_fill_color: null, border_fill_color: null, outline_line_color: color("grid"), min_border_right: 18,
  });
  const grids = plot.center.filter(one => one instanceof M.Grid);
  dress(plot.below[0], grids.find(one => one.dimension === 0), chart.x, isLog.x, width, plot.x_range, width - 100);
  dress(plot.left[0], grids.find(one => one.dimension === 1), chart.y, isLog.y, width, plot.y_range, plot.height);
  if (chart.right) {
    plot.extra_y_ranges = {right: new M.Range1d(rangeOf(chart, chart.right, "y", false, "right"))};
    const axis = new M.LinearAxis({y_range_name: "right"});
    plot.add_layout(axis, "right");
    dress(axis, null, chart.right, false, width, plot.extra_y_ranges.right, plot.height);
  }
  return plot;
}

// Who has fingers alone scrolls the page with them, also over a figure; buttons zoom.
const touched = matchMedia("(pointer: coarse)");
function settle(node) {
  if (node.classList?.contains("bk-events")) {
    if (touched.matches) node.style.touchAction = "pan-y pinch-zoom";
    node.tabIndex = -1;  // nothing is done there by keys
  }
  for (const inner of [...(node.shadowRoot?.children || []), ...node.children]) settle(inner);
}

async function draw(state) {
  const box = state.figure.querySelector(".box");
  const width = Math.max(280, box.clientWidth), isLog = {x: state.x, y: state.y};
  const plot = plotOf(state, width);
  const told = [];
  state.parts = new Map();
  for (const one of state.chart.series) {
    const parts = state.parts.get(one.name) || [];
    state.parts.set(one.name, parts);
    if (["bound", "zone"].includes(one.shape)) {
      const mark = marksOf(one);
      plot.add_layout(mark);
      parts.push(mark);
      continue;
    }
    const source = new M.ColumnDataSource({data: columnsOf(one, isLog)});
    const glyphs = glyphsOf(one);
    for (const glyph of glyphs) {
      const renderer = new M.GlyphRenderer({data_source: source, glyph, y_range_name: one.on || "default"});
      plot.add_renderers(renderer);
      parts.push(renderer);
      if (one.columns.said && glyph === glyphs[glyphs.length - 1]) told.push(renderer);
    }
  }
  for (const name of state.hidden) for (const part of state.parts.get(name) || []) part.visible = false;
  plot.add_tools(new M.HoverTool({renderers: told, tooltips: '<div class="told">@said</div>', limit: 1}));
  if (!touched.matches) {
    const drag = new M.BoxZoomTool();
    plot.add_tools(drag);
    plot.toolbar.active_drag = drag;
  }
  state.plot = plot;
  state.starts = [plot.x_range, plot.y_range, ...Object.values(plot.extra_y_ranges)].map(range => [range, range.start, range.end]);
  state.view?.model.document?.clear();
  const place = document.createElement("div");
  box.replaceChildren(place);  // a drawing that comes to its end later is in a place that has gone
  state.view = await Bokeh.Plotting.show(plot, place);
  settle(place);
}

function zoom(state, factor) {
  for (const [range, start, end] of state.starts) {
    if (factor === 0) { range.start = start; range.end = end; continue; }
    const isLog = range === state.plot.x_range ? state.x : range === state.plot.y_range && state.y;
    const [to, from] = isLog ? [Math.log, Math.exp] : [value => value, value => value];
    const middle = (to(range.start) + to(range.end)) / 2, half = (to(range.end) - to(range.start)) / 2 * factor;
    range.setv({start: from(middle - half), end: from(middle + half)});
  }
}

function button(text, label, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", () => press(made));
  return made;
}

function switched(made, isOn) { made.setAttribute("aria-pressed", String(isOn)); return made; }

function controls(state) {
  const {chart, figure} = state, bar = figure.querySelector(".controls");
  const of = `: ${chart.title}`;
  bar.append(
    button("+", `Zoom in${of}`, () => zoom(state, 0.7)),
    button("−", `Zoom out${of}`, () => zoom(state, 1 / 0.7)),
    button("Reset", `Reset the zoom${of}`, () => zoom(state, 0)),
  );
  for (const which of ["x", "y"]) {
    if (!chart[which].both) continue;
    bar.append(switched(button(`log ${which}`, `Logarithmic ${which}${of}`, made => {
      state[which] = !state[which];
      switched(made, state[which]);
      draw(state);
    }), state[which]));
  }
}

function legend(state) {
  const {chart, figure} = state, list = document.createElement("div");
  list.className = "legend";
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", `Show or hide: ${chart.title}`);
  const shapes = new Map();
  for (const one of chart.series) if (!shapes.has(one.name) || one.shape === "line" || one.shape === "points" && shapes.get(one.name).shape === "ends") shapes.set(one.name, one);
  for (const [name, one] of shapes) {
    const made = switched(button("", "", () => {
      const isHidden = !state.hidden.delete(name) && Boolean(state.hidden.add(name));
      for (const part of state.parts.get(name)) part.visible = !isHidden;
      switched(made, !isHidden);
    }), !state.hidden.has(name));
    const swatch = document.createElement("span");
    swatch.className = `swatch ${one.shape}${one.dashed ? " dashed" : ""}`;
    swatch.style.setProperty("--of", one.color.startsWith("#") ? one.color : `var(--${one.color})`);
    made.append(swatch, document.createTextNode(name));
    list.append(made);
  }
  figure.querySelector(".box").after(list);
}

function values(state) {
  const told = state.chart.series.flatMap(one => one.columns.said || []);
  if (!told.length) return;
  const details = document.createElement("details"), summary = document.createElement("summary");
  summary.textContent = "Values in words";
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (details.querySelector("ul")) return;
    const list = document.createElement("ul");
    for (const text of told) list.append(Object.assign(document.createElement("li"), {textContent: text}));
    details.append(list);
  });
  state.figure.append(details);
}

async function copy(text, made) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    made.focus();
  }
  const was = made.textContent;
  made.textContent = "Copied";
  said.textContent = `Copied ${text.length} letters`;
  setTimeout(() => { made.textContent = was; }, 1500);
}

const cell = one => one.textContent.replace(/[\t\n]+/g, " ");

function textOf(block) {
  const table = block.querySelector("table");
  if (!table) return block.querySelector("pre").textContent;
  return [...table.rows].map(row => [...row.cells].map(cell).join("\t")).join("\n") + "\n";
}

for (const made of document.querySelectorAll("button.copy"))
  made.addEventListener("click", () => copy(textOf(made.closest(".table")), made));

// A figure with its controls; ``was``: one before it, of which it keeps what a reader has chosen.
function made(figure, chart, was) {
  const {x, y, hidden} = was || {x: chart.x.log, y: chart.y.log, hidden: new Set()};
  const state = {figure, chart, x, y, hidden, parts: new Map()};
  controls(state);
  legend(state);
  values(state);
  return state;
}

const states = [...document.querySelectorAll("figure[data-chart]")].map(figure => made(figure, charts[Number(figure.dataset.chart)]));

let turn = 0;
async function drawAll() {
  const mine = ++turn;
  for (const state of states) {
    if (mine !== turn) return;  // colours have changed meanwhile: whoever came last draws all
    try {
      await draw(state);
    } catch (error) {
      console.error(error);
      state.figure.querySelector(".box").textContent = "This figure cannot be drawn here.";
    }
  }
  root.dataset.drawn = "yes";
}

const theme = document.getElementById("theme");
const prefers = matchMedia("(prefers-color-scheme: dark)");
function dark(isDark) {
  root.dataset.theme = isDark ? "dark" : "light";
  switched(theme, isDark);
  return drawAll();
}
theme.addEventListener("click", () => dark(root.dataset.theme !== "dark"));
prefers.addEventListener("change", event => dark(event.matches));
let wide = innerWidth < NARROW;
addEventListener("resize", () => {
  if (wide === innerWidth < NARROW) return;
  wide = !wide;
  drawAll();
});
dark(prefers.matches);
// For tests: what is drawn, by number.
window.shardsim = states;
// For a page whose figures change.
window.shardsimAdd = (figure, chart, was) => {
  const state = made(figure, chart, was);
  states.push(state);
  return state;
};
window.shardsimRemove = state => {
  states.splice(states.indexOf(state), 1);
  state.view?.model.document?.clear();
  state.figure.remove();
};
window.shardsimDraw = draw;
window.shardsimCopy = copy;
})();
