// Who waits for whom: each tree begins with a session that holds others up and waits for nobody.
import { html } from "../../lib/dom.js";
import { time } from "../../lib/format.js";
import { Empty } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Session} Session */
/** @typedef {import("../../types.d.ts").Statement} Statement */

const DEEPEST = 8;
const WIDEST = 20;

/** @param {{session: Session | undefined, pid: number, waiting: Map<number, Session[]>, texts: Map<string, string>, depth: number, above: number[]}} props */
function Branch({ session, pid, waiting, texts, depth, above }) {
  const behind = above.includes(pid) ? [] : (waiting.get(pid) ?? []);
  const text = session?.queryId ? texts.get(session.queryId) : undefined;
  const since = session?.state.startsWith("idle in transaction") ? session.stateMs : session?.queryMs;
  return html`<li>
    <span class=${depth === 0 ? "is-unhealthy" : ""}>${depth === 0 ? "■ " : "↳ "}<bdi>${session?.application || "(no name)"}</bdi> <small>pid ${pid}, <bdi>${session?.user ?? "unknown"}</bdi></small></span>
    <span>${session ? `${session.state} for ${time(since)}` : "not among the sessions seen"}${session?.waitEventType ? `, waits for ${session.waitEventType}: ${session.waitEvent}` : ""}</span>
    ${text && html`<code class="wrap">${text}</code>`}
    ${behind.length > 0 && depth < DEEPEST && html`<ul>${behind.slice(0, WIDEST).map((one) => html`<${Branch} key=${one.pid} session=${one} pid=${one.pid} waiting=${waiting} texts=${texts} depth=${depth + 1} above=${[...above, pid]} />`)}</ul>`}
    ${behind.length > WIDEST && html`<small>and ${behind.length - WIDEST} more</small>`}
  </li>`;
}

/** @param {{activity: import("../../types.d.ts").Activity | null, statements: Statement[]}} props */
export function Blocking({ activity, statements }) {
  const sessions = activity?.sessions ?? [];
  const known = new Map(sessions.map((session) => [session.pid, session]));
  /** @type {Map<number, Session[]>} */
  const waiting = new Map();
  for (const session of sessions) {
    for (const pid of session.blockedBy) waiting.set(pid, [...(waiting.get(pid) ?? []), session]);
  }
  const roots = [...waiting.keys()].filter((pid) => (known.get(pid)?.blockedBy.length ?? 0) === 0);
  const texts = new Map(statements.map((statement) => [statement.queryId, statement.text ?? ""]));
  return html`<section>
    <h2>Who blocks whom</h2>
    ${waiting.size === 0 && html`<${Empty}>Nobody waits for a lock.<//>`}
    <ul class="tree live">${roots.map((pid) => html`<${Branch} key=${pid} session=${known.get(pid)} pid=${pid} waiting=${waiting} texts=${texts} depth=${0} above=${[]} />`)}</ul>
    ${waiting.size > 0 && roots.length === 0 && html`<p class="is-unhealthy">■ They wait for each other in a circle: a deadlock, which PostgreSQL ends after deadlock_timeout.</p>`}
  </section>`;
}
