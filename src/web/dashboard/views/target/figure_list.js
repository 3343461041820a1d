// What the charts of a target show: each line by the path of its figure in the history.
import { bytes, number, percent, rate, time } from "../../lib/format.js";

/** @typedef {import("../../lib/history.js").What} What */
/** Name, colour, path, which value of a step, and whether it is dashed. @typedef {[string, string, string, What?, boolean?]} Told */
/**
 * @typedef {{title: string, lines: Told[], format: (value: number | null) => string, stack?: boolean, most?: number,
 *   note?: string, rest?: [string, string, string]}} Chosen `rest`: what is in none of the lines, of the figure of that path
 */

const whole = (/** @type {number | null} */ value) => number(value, 0);
const share = (/** @type {number | null} */ value) => percent(value, 0);
const part = (/** @type {number | null} */ value) => percent(value);
const seconds = (/** @type {number | null} */ value) => time(value === null ? null : value * 1000);

const POOL = "connectionPool.";
const WORK = "queryPerformance.";
const FRESH = "reachability.phases.";

/** Those that change each second. @type {Chosen[]} */
export const QUICK = [
  {
    title: "Connections by state",
    note: "of the pooler to the server, where there is one",
    stack: true,
    format: whole,
    lines: [
      ["active", "--c-green", `${POOL}activeConnections`],
      ["idle in transaction", "--c-red", `${POOL}idleInTransaction`],
      ["idle", "--c-sky", `${POOL}idleConnections`],
    ],
    rest: ["other", "--c-grey", `${POOL}totalConnections`],
  },
  {
    title: "Pool: how full",
    note: "the fullest pool, or the server's slots",
    most: 1,
    format: share,
    lines: [["utilization", "--c-blue", `${POOL}utilization`, "max"]],
  },
  {
    title: "Pool: wait for a connection",
    note: "mean of those served; the oldest that still waits",
    format: time,
    lines: [
      ["mean", "--c-blue", `${POOL}averageWaitTime`],
      ["oldest", "--c-red", `${POOL}maxWaitTime`, "max", true],
    ],
  },
  {
    title: "Pool: queue",
    most: 4,
    format: whole,
    lines: [["clients that wait", "--c-red", `${POOL}waitingClients`, "max"]],
  },
  {
    title: "Active sessions by wait event",
    stack: true,
    format: (value) => number(value, 1),
    lines: [
      ["on CPU", "--c-green", "waits.cpu"],
      ["Lock", "--c-red", "waits.lock"],
      ["LWLock", "--c-purple", "waits.lwlock"],
      ["IO", "--c-blue", "waits.io"],
      ["Client", "--c-yellow", "waits.client"],
      ["IPC", "--c-sky", "waits.ipc"],
      ["other", "--c-grey", "waits.other"],
    ],
  },
  {
    title: "Average query time",
    format: time,
    lines: [
      ["mean", "--c-blue", `${WORK}averageQueryTime`],
      ["p95 of the seconds", "--c-yellow", `${WORK}averageQueryTime`, "p95", true],
    ],
  },
  {
    title: "Queries per second",
    format: (value) => rate(value, "/s"),
    lines: [["queries", "--c-blue", `${WORK}queriesPerSecond`]],
  },
  {
    title: "Errors",
    most: 0.02,
    format: part,
    lines: [["rolled back or failed", "--c-red", `${WORK}errorRate`, "max"]],
  },
];

/** Those that change slowly. @type {Chosen[]} */
export const CALM = [
  {
    title: "A fresh connection, by phase",
    stack: true,
    format: time,
    lines: [
      ["dns", "--c-grey", `${FRESH}dns`],
      ["tcp", "--c-sky", `${FRESH}tcp`],
      ["tls", "--c-purple", `${FRESH}tls`],
      ["auth", "--c-yellow", `${FRESH}auth`],
      ["first query", "--c-green", `${FRESH}firstQuery`],
    ],
  },
  {
    title: "A test client at the pooler",
    format: time,
    lines: [["until it has a connection", "--c-blue", "reachability.viaPooler.acquire"]],
  },
  {
    title: "Replication lag",
    format: seconds,
    lines: [["behind the primary", "--c-red", "vitals.replication.upstream.lagSeconds", "max"]],
  },
  {
    title: "Processors",
    most: 1,
    format: share,
    lines: [["busy", "--c-green", "vitals.host.cpuBusy"]],
  },
];

export const SIZE = "database.sizeBytes";
export const sizeFormat = bytes;

/** The paths of all lines. @param {Chosen[]} charts */
export const paths = (charts) => [
  ...new Set(charts.flatMap(({ lines, rest }) => [...lines.map(([, , path]) => path), ...(rest ? [rest[2]] : [])])),
];
