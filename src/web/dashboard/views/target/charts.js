// All charts of a target over one time, with its incidents as bands.
import { useAnswer } from "../../lib/api.js";
import { html } from "../../lib/dom.js";
import { bytes, number, percent, rate, time } from "../../lib/format.js";
import { usePast } from "../../lib/history.js";
import { now, world } from "../../lib/store.js";
import { Chart } from "../../parts/chart.js";
import { Waiting } from "../../parts/words.js";
import { choose } from "./range.js";

/** @typedef {import("../../lib/history.js").Past} Past */
/** @typedef {import("../../types.d.ts").Alert} Alert */

const POOL = "connectionPool.";
const WORK = "queryPerformance.";
const FAST = [
  ...["activeConnections", "idleConnections", "idleInTransaction", "totalConnections", "waitingClients", "averageWaitTime", "maxWaitTime", "utilization", "poolSize"].map((name) => POOL + name),
  ...["averageQueryTime", "queriesPerSecond", "errorRate"].map((name) => WORK + name),
  ...["cpu", "lock", "lwlock", "io", "client", "ipc", "other"].map((name) => `waits.${name}`),
];
const PHASES = ["dns", "tcp", "tls", "auth", "firstQuery"];
const SLOW = [
  ...PHASES.map((name) => `reachability.phases.${name}`),
  "reachability.viaPooler.acquire",
  "database.sizeBytes",
  "vitals.replication.upstream.lagSeconds",
  "vitals.host.cpuBusy",
];
const SLOW_MS = 5000;

const WAITS = [
  ["cpu", "on CPU", "--c-green"],
  ["lock", "Lock", "--c-red"],
  ["lwlock", "LWLock", "--c-purple"],
  ["io", "IO", "--c-blue"],
  ["client", "Client", "--c-yellow"],
  ["ipc", "IPC", "--c-sky"],
  ["other", "other", "--c-grey"],
];

/** Connections that are in none of the named states. @param {Past} past */
function others(past) {
  const named = ["activeConnections", "idleConnections", "idleInTransaction"].map((name) => past.of(POOL + name));
  return past.of(`${POOL}totalConnections`).map((total, index) => {
    if (total === null) return null;
    return Math.max(0, total - named.reduce((sum, values) => sum + (values[index] ?? 0), 0));
  });
}

const isKnown = (/** @type {(number | null)[]} */ values) => values.some((value) => value !== null);

/** @param {Alert} alert @returns {import("../../parts/chart.js").Band} */
const band = (alert) => ({
  from: Date.parse(alert.startedAt),
  to: alert.resolvedAt ? Date.parse(alert.resolvedAt) : now(),
  severity: alert.severity,
  what: alert.message,
});

/** @param {Alert} alert @param {string} region @param {string} target */
const concerns = (alert, region, target) => alert.region === region && (alert.target === null || alert.target === target || alert.affects.includes(target));

/**
 * The incidents within a time, open ones as the stream tells them.
 * @param {string} region @param {string} target
 */
function useBands(region, target) {
  const query = new URLSearchParams({ region, target, state: "resolved", limit: "200" });
  const { data } = useAnswer(`/api/alerts?${query}`, 15_000);
  const open = [...world.alerts.values()].filter((alert) => alert.state !== "pending" && concerns(alert, region, target));
  return [...open, ...(data?.alerts ?? [])].map(band);
}

/** @param {{region: string, target: string, range: import("../../lib/history.js").Range, growth: number | null}} props */
export function Charts({ region, target, range, growth }) {
  const { past, error } = usePast(region, target, FAST, range);
  const { past: slow } = usePast(region, target, SLOW, range, SLOW_MS);
  const bands = useBands(region, target);
  if (!past) return html`<${Waiting} error=${error} what="the past" />`;
  const common = { at: past.at, from: past.from, to: past.to, bands, onSelect: choose };
  const line = (/** @type {string} */ name, /** @type {string} */ colour, /** @type {(number | null)[]} */ values, dash = false) => ({ name, colour, values, dash });
  const sessions = (/** @type {number | null} */ value) => number(value, 1);
  return html`<div class="charts">
    <${Chart} ...${common} title="Connections by state" stack format=${(/** @type {number | null} */ value) => number(value, 0)} lines=${[
      line("active", "--c-green", past.of(`${POOL}activeConnections`)),
      line("idle in transaction", "--c-red", past.of(`${POOL}idleInTransaction`)),
      line("idle", "--c-sky", past.of(`${POOL}idleConnections`)),
      line("other", "--c-grey", others(past)),
    ]} />
    <${Chart} ...${common} title="Pool: how full" most=${1} format=${(/** @type {number | null} */ value) => percent(value, 0)} lines=${[
      line("utilization", "--c-blue", past.of(`${POOL}utilization`, "max")),
    ]} />
    <${Chart} ...${common} title="Pool: wait for a connection" format=${time} lines=${[
      line("mean", "--c-blue", past.of(`${POOL}averageWaitTime`)),
      line("oldest", "--c-red", past.of(`${POOL}maxWaitTime`, "max"), true),
    ]} />
    <${Chart} ...${common} title="Pool: queue" most=${4} format=${(/** @type {number | null} */ value) => number(value, 0)} lines=${[
      line("clients that wait", "--c-red", past.of(`${POOL}waitingClients`, "max")),
    ]} />
    <${Chart} ...${common} title="Active sessions by wait event" stack format=${sessions} lines=${WAITS.map(([of, name, colour]) => line(name ?? "", colour ?? "", past.of(`waits.${of}`)))} />
    <${Chart} ...${common} title="Average query time" format=${time} lines=${[
      line("mean", "--c-blue", past.of(`${WORK}averageQueryTime`)),
      line("p95 of the seconds", "--c-yellow", past.of(`${WORK}averageQueryTime`, "p95"), true),
    ]} />
    <${Chart} ...${common} title="Queries per second" format=${(/** @type {number | null} */ value) => rate(value, "/s")} lines=${[
      line("queries", "--c-blue", past.of(`${WORK}queriesPerSecond`)),
    ]} />
    <${Chart} ...${common} title="Errors" format=${percent} lines=${[line("rolled back or failed", "--c-red", past.of(`${WORK}errorRate`, "max"))]} />
    ${slow && html`<${SlowCharts} past=${slow} growth=${growth} common=${{ ...common, at: slow.at }} line=${line} />`}
  </div>`;
}

/** What changes slowly. @param {{past: Past, growth: number | null, common: any, line: any}} props */
function SlowCharts({ past, growth, common, line }) {
  const colours = ["--c-grey", "--c-sky", "--c-purple", "--c-yellow", "--c-green"];
  const acquire = past.of("reachability.viaPooler.acquire");
  const lag = past.of("vitals.replication.upstream.lagSeconds", "max");
  const cpu = past.of("vitals.host.cpuBusy");
  return html`
    <${Chart} ...${common} title="A fresh connection, by phase" stack format=${time} lines=${PHASES.map((name, index) =>
      line(name === "firstQuery" ? "first query" : name, colours[index], past.of(`reachability.phases.${name}`)))} />
    ${isKnown(acquire) && html`<${Chart} ...${common} title="A client at the pooler" format=${time} lines=${[line("until a connection is had", "--c-blue", acquire)]} />`}
    <${Size} past=${past} growth=${growth} common=${common} line=${line} />
    ${isKnown(lag) && html`<${Chart} ...${common} title="Replication lag" format=${(/** @type {number | null} */ value) => time(value === null ? null : value * 1000)} lines=${[line("behind the primary", "--c-red", lag)]} />`}
    ${isKnown(cpu) && html`<${Chart} ...${common} title="Processors" most=${1} format=${percent} lines=${[line("busy", "--c-green", cpu)]} />`}
  `;
}

const DAY_MS = 86_400_000;

/** Over a day or more it goes on where it leads, by the growth of the past. @param {{past: Past, growth: number | null, common: any, line: any}} props */
function Size({ past, growth, common, line }) {
  const size = past.of("database.sizeBytes", "last");
  const newest = size.findLastIndex((value) => value !== null);
  const begin = newest < 0 ? null : size[newest];
  const span = past.to - past.from;
  if (growth === null || begin === null || begin === undefined || span < DAY_MS) {
    return html`<${Chart} ...${common} title="Size" format=${bytes} lines=${[line("database", "--c-blue", size)]} />`;
  }
  const to = past.to + span / 4;
  const end = begin * (1 + (growth * (to - past.to)) / DAY_MS);
  const forecast = [...size.map((_, index) => (index === newest ? begin : null)), end];
  return html`<${Chart} ...${common} title="Size" note=${`forecast: ${percent(growth)} a day`} to=${to} at=${[...past.at, to / 1000]} format=${bytes}
    lines=${[line("database", "--c-blue", [...size, null]), line("forecast", "--c-grey", spanned(forecast), true)]} />`;
}

/** uPlot joins two values only when nothing lies between: a hole there is undefined, not null. @param {(number | null)[]} values */
function spanned(values) {
  const first = values.findIndex((value) => value !== null);
  return values.map((value, index) => (value === null && index > first ? undefined : value));
}
