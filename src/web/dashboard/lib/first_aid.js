// What to do at once about what is wrong, from who does it: the sessions, holders and statements seen now. Pure.

import { named } from "./format.js";
import { queues } from "./locks.js";

/** @typedef {import("../types.d.ts").Activity} Activity */
/** @typedef {import("../types.d.ts").Alert} Alert */
/** @typedef {import("../types.d.ts").Session} Session */
/** @typedef {import("../types.d.ts").Evidence} Evidence */
/** @typedef {import("../types.d.ts").Recommendation} Recommendation */
/** @typedef {import("../types.d.ts").Sample} Sample */
/** @typedef {{does: string, command: string}} More a command that belongs to it */
/** What to do, the command, and what else it does. @typedef {{what: string, command: string, caution: string, more?: More[]}} Aid */

const MOST = 3;
const PIDS = 8;
const LONG_MS = 1000;
const IDLE_MS = 30_000;
/** Advice that is less sure is no help in a hurry. */
const SURE = 0.5;
/** Rules by what is to be done about them. */
export const AWAY = new Set(["database_down", "database_unresponsive", "database_rejecting"]);
export const FULL = new Set(["pool_waiting", "pool_saturated"]);
export const SLOW = new Set(["query_slow", "slow_query_rate"]);

const ENDS = "It ends the session and rolls its transaction back; its application sees an error and may connect again.";
const CANCELS = "It cancels the statement and keeps the session; its application sees an error.";
const AGAIN =
  "Its clients ask again at once, so stop or slow the application as well; PgBouncer's PAUSE would stop everybody.";
const LOOKS = "It only looks. Its statements are short, so to cancel them frees nothing: stop or slow the application.";

const PLAIN = /^[ -~]*$/;

/** As SQL writes a text; what cannot be seen, or turns the line, by its number. @param {string} text */
function quoted(text) {
  const safe = text.replaceAll("'", "''");
  if (PLAIN.test(text)) return `'${safe}'`;
  const numbered = (/** @type {string} */ letter) => `\\+${(letter.codePointAt(0) ?? 0).toString(16).padStart(6, "0")}`;
  return `U&'${safe.replaceAll("\\", "\\\\").replace(/[^ -~]/gu, numbered)}'`;
}

/** A name within a sentence, which it does not turn. @param {string} name */
const isolated = (name) => `\u2068${named(name)}\u2069`;

/** In a comment of SQL, which ends with the line. @param {string} text */
const remark = (text) => text.replace(/[^ -~]/g, "?").slice(0, 60);
/** Sessions that hold others up and wait for nobody, with how many wait behind each. @param {Activity} activity */
function blockers({ sessions }) {
  const { known, waiting, roots } = queues(sessions);
  const all = roots.map((pid) => ({ pid, count: waiting.get(pid)?.length ?? 0, session: known.get(pid) }));
  return all.sort((a, b) => b.count - a.count);
}

/** @type {Aid} The server tells of a prepared transaction as process 0. */
const PREPARED = {
  what: "End what blocks: a prepared transaction, which belongs to no session.",
  command: "SELECT gid, prepared, owner, database FROM pg_prepared_xacts ORDER BY prepared;",
  caution: "It only looks. The next one ends it and loses its work: ask its coordinator first.",
  more: [{ does: "With the gid that was found, in its database:", command: "ROLLBACK PREPARED 'GID';" }],
};

const isIdleInTransaction = (/** @type {Session} */ { state }) => state.startsWith("idle in transaction");

/** @param {number} number */
const sessionsOf = (number) => (number === 1 ? "a session" : `${number} sessions`);

/** All that the application and user of a session hold. @param {Session} session @param {Activity} activity */
const holderOf = ({ application, user }, { holders }) =>
  holders.find((one) => one.application === application && one.user === user);

/** Others of the application that hold a connection the same way. @param {Session | undefined} session @param {Activity} activity */
function alike(session, activity) {
  if (!session || !isIdleInTransaction(session)) return "";
  const others = (holderOf(session, activity)?.states.idleInTransaction ?? 1) - 1;
  const more = others === 1 ? "1 more of its sessions is" : `${others} more of its sessions are`;
  return others > 0 ? ` ${more} idle in transaction.` : "";
}

/** @param {Activity} activity @returns {(blocker: {pid: number, count: number, session: Session | undefined}) => Aid} */
const unblock =
  (activity) =>
  ({ pid, count, session }) => {
    if (pid === 0) return PREPARED;
    const isIdle = session?.state.startsWith("idle") ?? true;
    const who = session ? isolated(session.application) : "a session that is not seen";
    const others = count === 1 ? "another session" : `${count} other sessions`;
    const does = isIdle ? "and does nothing itself" : "while its statement runs";
    const call = isIdle ? "pg_terminate_backend" : "pg_cancel_backend";
    return {
      what: `End what blocks: ${who} (pid ${pid}) holds ${others} up ${does}.${alike(session, activity)}`,
      command: `SELECT ${call}(${pid});  -- ${remark(session?.application ?? "")}`,
      caution: isIdle ? ENDS : CANCELS,
    };
  };

/** Sessions of an application. @param {Activity["holders"][number]} holder */
const whose = ({ application, user }) => `application_name = ${quoted(application)} AND usename = ${quoted(user)}`;

/** @param {Activity["holders"][number]} holder @param {Activity} activity @returns {Aid} */
function release(holder, { sessions, sessionsLeftOut }) {
  const { application, user, states } = holder;
  const own = sessions.filter(
    (one) => one.application === application && one.user === user && isIdleInTransaction(one),
  );
  const old = own.filter(({ stateMs }) => (stateMs ?? 0) > IDLE_MS).length;
  const known = sessionsLeftOut === 0 ? `, ${old} of them for more than 30 s` : "";
  const connections = states.idleInTransaction === 1 ? "1 connection" : `${states.idleInTransaction} connections`;
  return {
    what: `${isolated(application)} holds ${connections} in open transactions and does nothing in them${known}.`,
    command: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity\n WHERE ${whose(holder)}\n   AND state LIKE 'idle in transaction%' AND state_change < now() - interval '30 seconds';`,
    caution: ENDS,
  };
}

/** An address that is what a shell takes as it stands. */
const ADDRESS = /^\[?([\w.:-]+?)\]?:(\d+)$/;

/** How a program is told where a server is; placeholders where that is not known. @param {string | null | undefined} address */
export function place(address) {
  const found = ADDRESS.exec(address ?? "");
  return { host: found?.[1] ?? "HOST", port: found?.[2] ?? "PORT" };
}

/** A command for the console of the pooler that an incident names. @param {string | null | undefined} address @param {string} command */
export function onConsole(address, command) {
  const { host, port } = place(address);
  return `psql -h ${host} -p ${port} -U USER -d pgbouncer -c '${command}'`;
}

/** The pooler that an incident names: its address, and the pool at it. @param {Evidence} evidence */
export function poolerOf({ pooler }) {
  const [address, pool = ""] = (pooler ?? "").split(" ");
  return { address, pool };
}

/** How to find an application and, at the last, how to be rid of it. @param {Activity["holders"][number]} holder @param {Sample | undefined} sample @param {Alert[]} alerts @returns {More[]} */
function stop(holder, sample, alerts) {
  const names = alerts.map(({ evidence }) => poolerOf(evidence).address);
  const pooler = sample?.poolers.find(({ kind, name }) => kind === "pgbouncer" && names.includes(name));
  const find = pooler
    ? onConsole(pooler.name, "SHOW CLIENTS;")
    : `SELECT client_addr, count(*) FROM pg_stat_activity\n WHERE ${whose(holder)} GROUP BY 1 ORDER BY 2 DESC;`;
  return [
    { does: `Where it runs, to stop it there (column ${pooler ? "addr" : "client_addr"}):`, command: find },
    {
      does: "Last resort: end all its sessions. Its clients see an error, and come back unless they are stopped.",
      command: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity\n WHERE ${whose(holder)};`,
    },
  ];
}

/** @param {Activity["holders"][number]} holder @param {Activity} activity @param {More[]} more @returns {Aid} */
function slow(holder, { states: all, sessions }, more) {
  const { application, user, states } = holder;
  const long = sessions
    .filter((one) => one.application === application && one.user === user && one.state === "active")
    .filter(({ queryMs }) => (queryMs ?? 0) > LONG_MS)
    .sort((one, other) => (other.queryMs ?? 0) - (one.queryMs ?? 0));
  const what = `${isolated(application)} keeps ${states.active} of ${all.active} active connections busy: stop it or slow it down.`;
  const from = `FROM pg_stat_activity\n WHERE ${whose(holder)} AND state = 'active'`;
  if (long.length === 0) {
    const command = `SELECT pid, now() - query_start AS runs, left(query, 100) AS query ${from} ORDER BY query_start;`;
    return { what, command, caution: LOOKS, more };
  }
  const pids = long.slice(0, PIDS).map(({ pid }) => pid);
  const seen = `${pids.join(", ")}${long.length > PIDS ? " and others" : ""}`;
  return {
    what: `${what} To free connections now, cancel what it has run for more than a second in ${sessionsOf(long.length)}:`,
    command: `SELECT pg_cancel_backend(pid) ${from}\n   AND query_start < now() - interval '1 second';  -- seen: pid ${seen}`,
    caution: `${CANCELS} ${AGAIN}`,
    more,
  };
}

/** The advice on a pool's size, with its way back. @param {Recommendation[]} advice @returns {Aid[]} */
function resize(advice) {
  const larger = advice.find((one) => one.kind === "enlarge_pool" && one.change?.command && one.confidence >= SURE);
  const change = larger?.change;
  if (!larger || !change?.command) return [];
  return [
    {
      what: `Or, as Isobar advises (${Math.round(larger.confidence * 100)} % sure): ${larger.title}.`,
      command: change.command,
      caution: larger.caution ?? `${change.setting}: ${change.from ?? "?"} now, ${change.to ?? "?"} then.`,
      more: change.undo ? [{ does: "To undo it:", command: change.undo }] : [],
    },
  ];
}

/** Who runs a statement that an incident names, or that is long under way; most sessions first. @param {Activity} activity @param {Alert[]} alerts @returns {Aid[]} */
function cancel(activity, alerts) {
  const ids = new Set(alerts.flatMap(({ evidence }) => (evidence.queries ?? []).map(({ queryId }) => queryId)));
  /** @type {Map<string, Session[]>} */
  const running = new Map();
  for (const session of activity.sessions) {
    const { queryId, queryMs, blockedBy } = session;
    const isOne = queryId !== null && (ids.has(queryId) || (queryMs ?? 0) > LONG_MS);
    if (session.state !== "active" || blockedBy.length > 0 || !isOne) continue;
    const id = `${session.application}\n${session.queryId}`;
    running.set(id, [...(running.get(id) ?? []), session]);
  }
  const worst = [...running.values()].sort((a, b) => b.length - a.length)[0];
  const first = worst?.[0];
  if (!worst || !first) return [];
  const active = holderOf(first, activity)?.states.active ?? 0;
  const others = active > worst.length ? `, and ${active} of its sessions are active` : "";
  return [
    {
      what: `${isolated(first.application)} runs a slow statement in ${sessionsOf(worst.length)}${others}: stop the job, or let it run at a quiet hour. To cancel what runs now:`,
      command: `SELECT pg_cancel_backend(pid) FROM pg_stat_activity\n WHERE query_id = ${first.queryId} AND application_name = ${quoted(first.application)} AND state = 'active';`,
      caution: `${CANCELS} What runs it again, as a job in a loop does at once, will be as slow: stop it, and mend the statement.`,
    },
  ];
}

/** The holder with most of something. @param {Activity} activity @param {"active" | "idleInTransaction"} what */
function most({ holders }, what) {
  return [...holders].sort((a, b) => b.states[what] - a.states[what])[0];
}

/** The application that runs what the evidence names, or else what is long under way; null when nobody does now. @param {Activity} activity @param {Evidence} evidence */
export function runnerOf({ sessions }, { queries = [] }) {
  const ids = new Set(queries.map(({ queryId }) => queryId));
  const active = sessions.filter(({ state }) => state === "active");
  const named = active.filter(({ queryId }) => queryId !== null && ids.has(queryId));
  const long = active.filter(({ queryMs }) => (queryMs ?? 0) > LONG_MS);
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { application } of named.length > 0 ? named : long) {
    counts.set(application, (counts.get(application) ?? 0) + 1);
  }
  const [first] = [...counts].sort((one, other) => other[1] - one[1]);
  return first ? { application: first[0], sessions: first[1] } : null;
}

/**
 * What to do at once, the surest first.
 * @param {Alert[]} alerts open ones
 * @param {Activity | null} activity
 * @param {{sample?: Sample | undefined, advice?: Recommendation[]}} [known]
 * @returns {Aid[]}
 */
export function firstAid(alerts, activity, { sample, advice = [] } = {}) {
  const isAny = (/** @type {Set<string>} */ rules) => alerts.some(({ rule }) => rules.has(rule));
  if (activity === null || isAny(AWAY)) return [];
  const roots = blockers(activity).map(unblock(activity));
  const idler = most(activity, "idleInTransaction");
  const busy = most(activity, "active");
  const isFull = isAny(FULL);
  const isIdle = isFull && (idler?.states.idleInTransaction ?? 0) > (busy?.states.active ?? 0);
  const leaks = (alerts.some(({ rule }) => rule === "connection_leak") || isIdle) && roots.length === 0;
  return [
    ...roots,
    ...(leaks && idler && idler.states.idleInTransaction > 0 ? [release(idler, activity)] : []),
    ...(isAny(SLOW) && roots.length === 0 ? cancel(activity, alerts) : []),
    ...(isFull && busy && busy.states.active > 1 ? [slow(busy, activity, stop(busy, sample, alerts))] : []),
    ...(isFull ? resize(advice) : []),
  ].slice(0, MOST);
}

/** Whether the server itself is away, so that nobody can be asked. @param {Alert[]} alerts */
export const awayOf = (alerts) => alerts.find((alert) => AWAY.has(alert.rule));
