// Turns sliders into questions, and shows what is answered. Words of others are text, never HTML.
(() => {
"use strict";
const setup = JSON.parse(document.getElementById("setup").textContent);
const inputs = [...document.querySelectorAll("input[data-slider]")];
const own = setup.sliders.map(one => one.at);
const by = id => document.getElementById(id);
const page = Array.from(crypto.getRandomValues(new Uint32Array(2)), one => one.toString(36)).join("");
const state = by("state"), said = by("said");
const shown = new Map(setup.slots.map(name => [name, []]));
let at = [...own], past = [], beside = null, now = null, turn = 0, timer = 0, asking = null;

function told(text, kind) {
  state.textContent = text;
  state.className = `lines ${kind || ""}`;
}

function settle() {
  inputs.forEach((input, number) => {
    const {stops} = setup.sliders[number], words = stops[at[number]];
    input.value = String(at[number]);
    input.setAttribute("aria-valuetext", words);
    const row = input.closest(".slider");
    row.querySelector("output").textContent = words;
    row.classList.toggle("changed", at[number] !== own[number]);
  });
  by("undo").disabled = past.length === 0;
  by("reset").disabled = String(at) === String(own);
}

async function ask(name, mine) {
  const answer = await fetch(name, {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({at, page, turn: mine}), signal: asking.signal,
  });
  const found = await answer.json();
  if (answer.status === 409) return null;
  if (!answer.ok) throw new Error(found.error || `the program says ${answer.status}`);
  return found;
}

function withOther(charts) {
  if (!beside) return charts;
  return charts.map((chart, place) => {
    const other = beside.charts[place];
    if (!other || other.title !== chart.title || place > 0) return chart;
    const lines = other.series.filter(one => ["line", "across"].includes(one.shape))
      .map(one => ({...one, name: `${one.name}, kept`, color: "c4", dashed: true}));
    return {...chart, series: [...chart.series, ...lines]};
  });
}

async function show(name, charts) {
  const slot = by(`slot-${name}`), was = shown.get(name);
  const states = [];
  for (const chart of charts) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const title = document.createElement("h3"), controls = document.createElement("div"), box = document.createElement("div");
    title.textContent = chart.title;
    title.id = `chart-${name}-${states.length}`;
    caption.append(title);
    controls.className = "controls";
    box.className = "box";
    box.setAttribute("role", "img");
    box.setAttribute("aria-labelledby", title.id);
    figure.append(caption, controls, box);
    if (chart.said) figure.append(Object.assign(document.createElement("p"), {className: "quiet", textContent: chart.said}));
    const old = was.find(one => one.chart.title === chart.title);
    states.push(window.shardsimAdd(figure, chart, old));
  }
  slot.style.minHeight = `${slot.offsetHeight}px`;  // nothing below jumps
  for (const one of was) window.shardsimRemove(one);
  slot.replaceChildren(...states.map(one => one.figure));
  shown.set(name, states);
  for (const one of states) await window.shardsimDraw(one);
  slot.style.minHeight = "";
}

function cells(tag, words) {
  return words.map(text => Object.assign(document.createElement(tag), {textContent: text}));
}

function table() {
  const head = document.createElement("tr"), body = [];
  head.append(...cells("th", ["figure", "now", "95 % interval", ...(beside ? ["kept", "95 % interval"] : [])]));
  for (const cell of head.children) cell.scope = "col";
  for (const [name, value, ends] of now.rows) {
    const row = document.createElement("tr"), other = beside?.rows.find(one => one[0] === name);
    const first = Object.assign(document.createElement("th"), {textContent: name, scope: "row"});
    row.append(first, ...cells("td", [value, ends, ...(beside ? [other?.[1] ?? "", other?.[2] ?? ""] : [])]));
    body.push(row);
  }
  const [thead, tbody] = [document.createElement("thead"), document.createElement("tbody")];
  thead.append(head);
  tbody.append(...body);
  by("figures").replaceChildren(thead, tbody);
}

async function answer() {
  const mine = ++turn;
  asking?.abort();
  asking = new AbortController();
  document.documentElement.dataset.answered = "no";
  told("simulating ...", "waiting");
  try {
    const found = await ask("run", mine);
    if (found === null || mine !== turn) return;
    now = {...found, at: [...at]};
    told([found.said[0], `simulated in ${found.seconds.toFixed(2)} s`, ...found.said.slice(1)].join(" · "));
    table();
    said.textContent = `${found.said[0]}; ${found.rows.map(([name, value]) => `${name} ${value}`).join(", ")}`;
    await show("run", withOther(found.charts));
    document.documentElement.dataset.answered = String(mine);
    for (const name of setup.slots.slice(1)) {
      const more = await ask(name, mine).catch(error => {
        if (error.name === "AbortError" || error instanceof TypeError) throw error;
        return {charts: [], said: [error.message]};  // of this figure alone
      });
      if (more === null || mine !== turn) return;
      await show(name, more.charts);
      if (more.said.length) by(`slot-${name}`).append(Object.assign(document.createElement("p"), {textContent: more.said.join(" ")}));
    }
    document.documentElement.dataset.answered = `all ${mine}`;
  } catch (error) {
    if (error.name === "AbortError" || mine !== turn) return;
    told(error instanceof TypeError ? "The program does not answer: is shardsim serve still running?" : error.message, "refused");
    document.documentElement.dataset.answered = "refused";
  }
}

function turned(stops, remember = true) {
  if (String(stops) === String(at)) return;
  if (remember) past.push([...at]);
  at = [...stops];
  history.replaceState(null, "", fragment());
  settle();
  clearTimeout(timer);
  timer = setTimeout(answer, 60);
}

const fragment = () => `#of=${setup.of}&at=${at.join(",")}`;

function linked() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has("at")) return null;
  const stops = given.get("at").split(",").map(Number);
  const fits = given.get("of") === setup.of && stops.length === own.length
    && stops.every((stop, number) => Number.isInteger(stop) && stop >= 0 && stop < setup.sliders[number].stops.length);
  if (!fits) told("The link is of another scenario.", "refused");
  return fits ? stops : null;
}

let begun = null;
for (const input of inputs) {
  input.addEventListener("input", () => {
    begun ??= [...at];
    const stops = [...at];
    stops[Number(input.dataset.slider)] = Number(input.value);
    turned(stops, false);
  });
  input.addEventListener("change", () => {  // one step of undo for one pull
    if (begun !== null && String(begun) !== String(at)) past.push(begun);
    begun = null;
    settle();
  });
}
by("undo").addEventListener("click", () => { if (past.length) turned(past.pop(), false); settle(); });
by("reset").addEventListener("click", () => turned(own));
by("beside").addEventListener("click", async event => {
  beside = beside ? null : now;
  event.target.textContent = beside ? "Drop what is kept" : "Keep beside";
  if (!now) return;
  table();
  await show("run", withOther(now.charts));
});
by("link").addEventListener("click", event => window.shardsimCopy(`${location.href.split("#")[0]}${fragment()}`, event.target));
by("save").addEventListener("click", () => {
  const link = Object.assign(document.createElement("a"), {href: `scenario.yaml?at=${at.join(",")}`, download: ""});
  document.body.append(link);
  link.click();
  link.remove();
});
addEventListener("hashchange", () => { const stops = linked(); if (stops) turned(stops); });
at = linked() || [...own];
settle();
answer();
})();
