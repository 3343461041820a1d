// Who waits for whom: each tree begins with a session that holds others up and waits for nobody.
import { html } from "../../lib/dom.js";
import { named, time } from "../../lib/format.js";
import { queues } from "../../lib/locks.js";
import { Empty } from "../../parts/words.js";
import { unknown } from "./sight.js";

/** @typedef {import("../../types.d.ts").Session} Session */
/** @typedef {{known: Map<number, Session>, waiting: Map<number, Session[]>, texts: Map<string, string>}} Scene */

const DEEPEST = 8;
const WIDEST = 20;
const DEADLOCK = "They wait for each other in a circle: a deadlock, which PostgreSQL ends after deadlock_timeout.";

/** What a session does, and since when. @param {Session | undefined} session */
function doing(session) {
  if (!session) return "not among the sessions seen";
  const { state, stateMs, queryMs, waitEventType, waitEvent } = session;
  const since = state.startsWith("idle in transaction") ? stateMs : queryMs;
  return `${state} for ${time(since)}${waitEventType ? `, waits for ${waitEventType}: ${waitEvent}` : ""}`;
}

/** @param {{pid: number, scene: Scene, above: number[]}} props */
function Branch({ pid, scene, above }) {
  const session = scene.known.get(pid);
  const behind = above.includes(pid) || above.length >= DEEPEST ? [] : (scene.waiting.get(pid) ?? []);
  const text = session?.queryId ? scene.texts.get(session.queryId) : undefined;
  const isRoot = above.length === 0;
  const branches = behind
    .slice(0, WIDEST)
    .map((one) => html`<${Branch} key=${one.pid} pid=${one.pid} scene=${scene} above=${[...above, pid]} />`);
  return html`<li>
    <span class=${isRoot ? "is-unhealthy" : ""}>
      ${isRoot ? "■" : "↳"} <bdi>${named(session?.application)}</bdi>${" "}
      <small>pid ${pid}, <bdi>${session?.user ?? "unknown"}</bdi></small>
    </span>
    <span>${doing(session)}</span>
    ${text && html`<code class="wrap">${text}</code>`}
    ${branches.length > 0 && html`<ul>${branches}</ul>`}
    ${behind.length > WIDEST && html`<small>and ${behind.length - WIDEST} more</small>`}
  </li>`;
}

/**
 * @param {{activity: import("../../types.d.ts").Activity | null, statements: import("../../types.d.ts").Statement[],
 *   away: import("./sight.js").Away | null}} props
 */
export function Blocking({ activity, statements, away }) {
  const { known, waiting, roots } = queues(activity?.sessions ?? []);
  const texts = new Map(statements.map((statement) => [statement.queryId, statement.text ?? ""]));
  const scene = { known, waiting, texts };
  return html`<section>
    <h2>Who blocks whom</h2>
    ${activity !== null && waiting.size === 0 && html`<${Empty}>Nobody waits for a lock.<//>`}
    ${activity === null && html`<${Empty}>${away ? unknown(away) : "Not known: the sessions are not seen."}<//>`}
    <ul class="tree live">
      ${roots.map((pid) => html`<${Branch} key=${pid} pid=${pid} scene=${scene} above=${[]} />`)}
    </ul>
    ${waiting.size > 0 && roots.length === 0 && html`<p class="is-unhealthy">■ ${DEADLOCK}</p>`}
  </section>`;
}
