// What to do at once about what is wrong, from who does it: the sessions, holders and statements seen now. Pure.

import { queues } from "./locks.js";

/** @typedef {import("../types.d.ts").Activity} Activity */
/** @typedef {import("../types.d.ts").Alert} Alert */
/** @typedef {import("../types.d.ts").Session} Session */
/** What to do, the command, and what else it does. @typedef {{what: string, command: string, caution: string}} Aid */

const MOST = 3;
const LONG_MS = 1000;
const AWAY = new Set(["database_down", "database_unresponsive", "database_rejecting"]);

const ENDS = "It ends the session and rolls its transaction back; its application sees an error and may connect again.";
const CANCELS = "It cancels the statement and keeps the session; its application sees an error.";
const LOOKS = "It only looks. To stop the work, stop or slow the application; PgBouncer's PAUSE would stop everybody.";

const PLAIN = /^[ -~]*$/;

/** As SQL writes a text; what cannot be seen, or turns the line, by its number. @param {string} text */
function quoted(text) {
  const safe = text.replaceAll("'", "''");
  if (PLAIN.test(text)) return `'${safe}'`;
  const numbered = (/** @type {string} */ letter) => `\\+${(letter.codePointAt(0) ?? 0).toString(16).padStart(6, "0")}`;
  return `U&'${safe.replaceAll("\\", "\\\\").replace(/[^ -~]/gu, numbered)}'`;
}

/** A name within a sentence, which it does not turn. @param {string} name */
const isolated = (name) => `\u2068${name || "(no name)"}\u2069`;

/** In a comment of SQL, which ends with the line. @param {string} text */
const remark = (text) => text.replace(/[^ -~]/g, "?").slice(0, 60);
const named = (/** @type {{application: string}} */ { application }) => isolated(application);

/** Sessions that hold others up and wait for nobody, with how many wait behind each. @param {Activity} activity */
function blockers({ sessions }) {
  const { known, waiting, roots } = queues(sessions);
  const all = roots.map((pid) => ({ pid, count: waiting.get(pid)?.length ?? 0, session: known.get(pid) }));
  return all.sort((a, b) => b.count - a.count);
}

/** @param {{pid: number, count: number, session: Session | undefined}} blocker @returns {Aid} */
function unblock({ pid, count, session }) {
  const isIdle = session?.state.startsWith("idle") ?? true;
  const who = session ? named(session) : "a session that is not seen";
  const others = count === 1 ? "another session" : `${count} other sessions`;
  const does = isIdle ? "and does nothing itself" : "while its statement runs";
  const call = isIdle ? "pg_terminate_backend" : "pg_cancel_backend";
  return {
    what: `End what blocks: ${who} (pid ${pid}) holds ${others} up ${does}.`,
    command: `SELECT ${call}(${pid});  -- ${remark(session?.application ?? "")}`,
    caution: isIdle ? ENDS : CANCELS,
  };
}

/** @param {Activity["holders"][number]} holder @returns {Aid} */
function release({ application, user, states }) {
  const whose = `application_name = ${quoted(application)} AND usename = ${quoted(user)}`;
  return {
    what: `${isolated(application)} holds ${states.idleInTransaction} connections in open transactions and does nothing in them.`,
    command: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity\n WHERE ${whose}\n   AND state LIKE 'idle in transaction%' AND state_change < now() - interval '30 seconds';`,
    caution: ENDS,
  };
}

/** @param {Activity["holders"][number]} holder @param {Activity} activity @returns {Aid} */
function slow({ application, user, states }, { states: all }) {
  const whose = `application_name = ${quoted(application)} AND usename = ${quoted(user)}`;
  return {
    what: `${isolated(application)} keeps ${states.active} of ${all.active} active connections busy: stop it or slow it down.`,
    command: `SELECT pid, now() - query_start AS runs, left(query, 100) AS query FROM pg_stat_activity\n WHERE ${whose} AND state = 'active' ORDER BY query_start;`,
    caution: LOOKS,
  };
}

/** Who runs a statement that is long under way, most sessions first. @param {Activity} activity @returns {Aid[]} */
function cancel({ sessions }) {
  /** @type {Map<string, Session[]>} */
  const running = new Map();
  for (const session of sessions) {
    const isLong = session.state === "active" && (session.queryMs ?? 0) > LONG_MS && session.blockedBy.length === 0;
    if (!isLong || !session.queryId) continue;
    const id = `${session.application}\n${session.queryId}`;
    running.set(id, [...(running.get(id) ?? []), session]);
  }
  const worst = [...running.values()].sort((a, b) => b.length - a.length)[0];
  const first = worst?.[0];
  if (!worst || !first) return [];
  const sessionsOf = worst.length === 1 ? "a session" : `${worst.length} sessions`;
  return [
    {
      what: `${named(first)} runs one statement for more than a second in ${sessionsOf}: cancel it, or let it run at a quiet hour.`,
      command: `SELECT pg_cancel_backend(pid) FROM pg_stat_activity\n WHERE query_id = ${first.queryId} AND application_name = ${quoted(first.application)} AND state = 'active';`,
      caution: `${CANCELS} Whoever runs it again will be as slow: mend the statement.`,
    },
  ];
}

/** The holder with most of something. @param {Activity} activity @param {"active" | "idleInTransaction"} what */
function most({ holders }, what) {
  return [...holders].sort((a, b) => b.states[what] - a.states[what])[0];
}

/** What to do at once, the surest first. @param {Alert[]} alerts open ones @param {Activity | null} activity @returns {Aid[]} */
export function firstAid(alerts, activity) {
  const rules = new Set(alerts.map((alert) => alert.rule));
  if (activity === null || [...rules].some((rule) => AWAY.has(rule))) return [];
  const roots = blockers(activity).map(unblock);
  const idler = most(activity, "idleInTransaction");
  const leaks = rules.has("connection_leak") && roots.length === 0 && idler && idler.states.idleInTransaction > 0;
  const busy = most(activity, "active");
  const isFull = rules.has("pool_waiting") || rules.has("pool_saturated");
  const isSlow = rules.has("query_slow") || rules.has("slow_query_rate");
  return [
    ...roots,
    ...(leaks ? [release(idler)] : []),
    ...(isSlow && roots.length === 0 ? cancel(activity) : []),
    ...(isFull && busy && busy.states.active > 1 ? [slow(busy, activity)] : []),
  ].slice(0, MOST);
}

/** Whether the server itself is away, so that nobody can be asked. @param {Alert[]} alerts */
export const awayOf = (alerts) => alerts.find((alert) => AWAY.has(alert.rule));
