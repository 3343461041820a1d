// Open alerts and a table of targets, live. Everything that comes from outside is set as text, never as markup.
"use strict";

const SHAPES = { healthy: "●", degraded: "▲", unhealthy: "■", unknown: "?" };
const OLD_MS = 5000; // figures older than this are dimmed: at 4 samples a second, twenty were missed
const SILENCE_MS = 20000; // the server says something at least each 15 s

const SEVERITIES = { critical: "■", high: "▲", medium: "◆", low: "●" };
const STATES = { pending: "…", firing: "!", acknowledged: "✓", recovering: "↘" };

const state = { status: "unknown", cutOff: [], regions: {}, databases: new Map(), alerts: new Map() };
let heard = 0, skew = 0, live = false, drawing = false;

const $ = (id) => document.getElementById(id);
const key = (s) => JSON.stringify([s.region, s.target]);

const plain = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
function merge(onto, update) {
  for (const [name, value] of Object.entries(update)) {
    if (name === "__proto__") continue;
    if (plain(value) && plain(onto[name])) merge(onto[name], value);
    else onto[name] = value;
  }
}

const number = (v, digits, unit) => v === null || v === undefined ? "–" : v.toFixed(digits) + unit;
const time = (ms) => ms === null || ms === undefined ? "–" : ms >= 1000 ? number(ms / 1000, 1, " s") : number(ms, ms < 10 ? 1 : 0, " ms");
const percent = (v) => v === null || v === undefined ? "–" : number(v * 100, 1, " %");
function bytes(v) {
  if (v === null || v === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let n = 0;
  while (v >= 1024 && n < units.length - 1) { v /= 1024; n += 1; }
  return number(v, n === 0 ? 0 : 1, " " + units[n]);
}

function status(element, word) {
  element.textContent = (SHAPES[word] || "?") + " " + word;
  element.className = "status " + (SHAPES[word] ? word : "unknown");
}

const COLUMNS = [
  ["Target", (cell, s) => { cell.textContent = s.target; cell.className = "target"; }],
  ["Status", (cell, s) => status(cell, s.status)],
  ["Utilization", (cell, s) => {
    const used = s.connectionPool.utilization, bar = document.createElement("progress");
    bar.max = 1;
    bar.value = used ?? 0;
    bar.setAttribute("aria-label", "utilization");
    cell.replaceChildren(...(used === null ? [] : [bar]), percent(used));
  }],
  ["Pool busy", (cell, s) => {
    const pool = s.connectionPool;
    cell.textContent = `${pool.activeConnections ?? "–"} / ${pool.poolSize ?? "–"}`;
  }],
  ["Waiting", (cell, s) => { cell.textContent = s.connectionPool.waitingClients ?? "–"; }],
  ["Avg wait", (cell, s) => { cell.textContent = time(s.connectionPool.averageWaitTime); }],
  ["Sessions", (cell, s) => { cell.textContent = number(s.queryPerformance.averageActiveSessions, 1, ""); }],
  ["Queries", (cell, s) => { cell.textContent = number(s.queryPerformance.queriesPerSecond, 1, " /s"); }],
  ["Avg query", (cell, s) => { cell.textContent = time(s.queryPerformance.averageQueryTime); }],
  ["Errors", (cell, s) => { cell.textContent = percent(s.queryPerformance.errorRate); }],
  ["Size", (cell, s) => { cell.textContent = bytes(s.database.sizeBytes); }],
  ["Data age", (cell, s, age) => { cell.textContent = time(age); }],
];

const MOST_ALERTS = 100; // more than anybody reads
const mayAct = document.body.dataset.acts === "yes";
const lines = new Map();

function age(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  return s < 100 ? `${s} s` : s < 6000 ? `${Math.round(s / 60)} min` : s < 172800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
}

async function acknowledge(id, said) {
  const by = prompt("Your name, for those who see that you have taken it:", sessionStorage.getItem("by") ?? "");
  if (!by) return;
  sessionStorage.setItem("by", by);
  const answer = await fetch(`/api/alerts/${encodeURIComponent(id)}/ack`,
    { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ by }) }).catch(() => null);
  if (answer?.ok) alertChanged(await answer.json());
  else said.textContent = (await answer?.json().catch(() => null))?.error?.message ?? "no answer; try again";
  soon();
}

function line(alert) {
  const item = document.createElement("li");
  const [severity, word, where, since, what, acts] = ["span", "span", "span", "span", "span", "span"].map((tag) => document.createElement(tag));
  const said = document.createElement("span"), text = document.createElement("span"), button = document.createElement("button");
  what.className = "what";
  said.className = "unhealthy";
  said.setAttribute("role", "status");
  what.append(text, " ", said);
  button.type = "button";
  button.textContent = "Acknowledge";
  button.addEventListener("click", () => acknowledge(alert.id, said));
  if (mayAct) acts.append(button);
  item.append(severity, word, where, since, what, acts);
  return { item, severity, word, where, since, text, button };
}

function drawAlerts() {
  const all = [...state.alerts.values()].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  const open = all.slice(0, MOST_ALERTS), shown = new Set(open.map((alert) => alert.id));
  $("alerts").hidden = open.length === 0;
  document.querySelector("#alerts h2").textContent = all.length > open.length ? `Alerts: the newest ${open.length} of ${all.length}` : "Alerts";
  for (const [id, known] of lines) {
    if (shown.has(id)) continue;
    known.item.remove();
    lines.delete(id);
  }
  const list = document.querySelector("#alerts ul");
  open.forEach((alert, index) => {
    let known = lines.get(alert.id);
    if (!known) lines.set(alert.id, known = line(alert));
    if (list.children[index] !== known.item) list.insertBefore(known.item, list.children[index] ?? null);
    known.item.className = alert.suppressedBy ? "hidden-alert" : "";
    known.word.textContent = (STATES[alert.state] ?? "?") + " " + alert.state;
    known.severity.textContent = (SEVERITIES[alert.severity] ?? "?") + " " + alert.severity;
    known.severity.className = SEVERITIES[alert.severity] ? alert.severity : "";
    known.where.textContent = alert.target === null ? alert.region : alert.region + " / " + alert.target;
    known.since.textContent = age(Date.now() - skew - Date.parse(alert.startedAt));
    known.since.title = alert.startedAt;
    known.text.textContent = alert.message + (alert.acknowledgedBy ? ` · taken by ${alert.acknowledgedBy}` : "")
      + (alert.suppressedBy ? ` · hidden by ${alert.suppressedBy}` : "");
    known.button.hidden = alert.state !== "firing" && alert.state !== "recovering";
  });
}

function alertChanged(alert, event) {
  if (event === "withdrawn" || alert.state === "resolved") state.alerts.delete(alert.id); else state.alerts.set(alert.id, alert);
}

const rows = new Map();
const sections = new Map();

function section(region) {
  let found = sections.get(region);
  if (found) return found;
  const box = document.createElement("section"), title = document.createElement("h2");
  const name = document.createElement("span"), word = document.createElement("span"), note = document.createElement("small");
  const scroll = document.createElement("div"), table = document.createElement("table"), body = document.createElement("tbody");
  const head = document.createElement("tr");
  name.textContent = region;
  title.append(name, word, note);
  for (const [label] of COLUMNS) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = label;
    head.append(cell);
  }
  table.createTHead().append(head);
  table.append(body);
  scroll.className = "scroll";
  scroll.append(table);
  box.append(title, scroll);
  found = { box, word, note, body };
  sections.set(region, found);
  const order = [...sections.keys()].sort();
  $("regions").replaceChildren(...order.map((each) => sections.get(each).box));
  return found;
}

function place(sample) {
  const id = key(sample);
  let row = rows.get(id);
  if (!row) {
    row = { tr: document.createElement("tr"), cells: COLUMNS.map(() => document.createElement("td")), target: sample.target,
      reasons: document.createElement("tr"), why: document.createElement("td") };
    row.cells.forEach((cell, index) => { cell.dataset.label = COLUMNS[index][0]; });
    row.tr.append(...row.cells);
    row.why.colSpan = COLUMNS.length;
    row.reasons.className = "why";
    row.reasons.append(row.why);
    const { body } = section(sample.region);
    const next = [...rows.values()].filter((other) => other.tr.parentNode === body && other.target > sample.target)
      .sort((a, b) => (a.target < b.target ? -1 : 1))[0];
    const before = next ? next.tr : null;
    body.insertBefore(row.tr, before);
    body.insertBefore(row.reasons, before);
    rows.set(id, row);
  }
  return row;
}

function draw() {
  drawing = false;
  status($("world"), state.status);
  drawAlerts();
  for (const [region, box] of sections) {
    if (region in state.regions) continue;
    box.box.remove();
    sections.delete(region);
  }
  for (const [region, word] of Object.entries(state.regions)) {
    const found = section(region);
    status(found.word, word);
    found.note.textContent = state.cutOff.includes(region) ? "this node cannot reach its bus: its own view is cut off" : "";
  }
  for (const [id, row] of rows) {
    if (state.databases.has(id)) continue;
    row.tr.remove();
    row.reasons.remove();
    rows.delete(id);
  }
  for (const sample of state.databases.values()) {
    const row = place(sample), age = Math.max(0, Date.now() - skew - Date.parse(sample.timestamp));
    COLUMNS.forEach(([, fill], index) => fill(row.cells[index], sample, age));
    row.tr.classList.toggle("old", age > OLD_MS);
    const said = sample.reasons.map((reason) => reason.message), verdict = sample.reachability.verdict;
    // A broken way is in the reasons already when its own region does not reach it.
    if (verdict && verdict.kind === "path" && said.length === 0) said.push(verdict.message);
    row.why.textContent = said.join(" · ");
    row.reasons.hidden = said.length === 0;
  }
  document.body.classList.toggle("broken-stream", !live);
}

function soon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
}

function link(up, text) {
  live = up;
  $("link").textContent = text;
  $("link").className = up ? "" : "broken";
  soon();
}

function listen() {
  const source = new EventSource("/api/stream");
  const on = (event, take) => source.addEventListener(event, (message) => {
    heard = Date.now();
    take(JSON.parse(message.data));
    if (!live) link(true, "live");
    soon();
  });
  // The newest timestamp just measured tells how far this clock is from the server's.
  const clocked = (timestamp) => { skew = Math.min(skew, Date.now() - Date.parse(timestamp)); };
  on("snapshot", (all) => {
    state.status = all.status;
    state.regions = all.regions;
    state.databases = new Map(all.databases.map((sample) => [key(sample), sample]));
    state.alerts = new Map(all.alerts.map((alert) => [alert.id, alert]));
    const ages = all.databases.map((sample) => Date.now() - Date.parse(sample.timestamp));
    skew = ages.length ? Math.min(0, ...ages) : 0;
  });
  on("update", (update) => {
    const known = state.databases.get(key(update));
    if (known) merge(known, update); else state.databases.set(key(update), update);
    clocked(update.timestamp);
  });
  on("status", (update) => {
    state.status = update.status;
    for (const [region, word] of Object.entries(update.regions)) {
      if (word === null) delete state.regions[region]; else state.regions[region] = word;
    }
  });
  on("alert", ({ event, alert }) => alertChanged(alert, event));
  on("removed", (gone) => state.databases.delete(key(gone)));
  source.onopen = () => { heard = Date.now(); link(true, "live"); };
  source.onerror = async () => {
    link(false, "■ stream broken, figures are old; reconnecting");
    if (source.readyState !== EventSource.CLOSED) return;
    // Closed for good: refused, perhaps because the session ended.
    const answer = await fetch("/api/regions").catch(() => null);
    if (answer && answer.status === 401) location.reload(); else setTimeout(listen, 2000);
  };
}

setInterval(() => {
  if (live && state.databases.size > 0 && Date.now() - heard > SILENCE_MS) link(false, "■ nothing heard for a while, figures may be old");
  soon();
}, 500);

// The stream tells what is seen; this, what cannot be seen from here.
setInterval(async () => {
  const answer = live ? await fetch("/api/health").catch(() => null) : null;
  if (answer) state.cutOff = (await answer.json().catch(() => ({}))).cutOff ?? [];
}, 5000);

$("leave")?.addEventListener("click", async () => {
  await fetch("/api/session", { method: "DELETE" });
  location.reload();
});

listen();
