// The same targets as tables, a row each, with the reasons below it.
import { html } from "../../lib/dom.js";
import { age, bytes, count, number, percent, rate, time } from "../../lib/format.js";
import { ask, targetPath } from "../../lib/route.js";
import { ageOf } from "../../lib/store.js";
import { Status } from "../../parts/words.js";
import { GroupTitle } from "./grid.js";
import { Steady } from "./tile.js";

/** @typedef {import("./glance.js").Glance} Glance */
/** @typedef {import("./groups.js").Group} Group */

/** What stands in the head of each column, and the sort behind it. */
const COLUMNS = /** @type {const} */ ([
  ["Target", "name"],
  ["Status", "trouble"],
  ["Utilization", "pressure"],
  ["Busy / size", null],
  ["Waiting", null],
  ["Avg wait", "wait"],
  ["Sessions", "sessions"],
  ["Queries", null],
  ["Avg query", null],
  ["Errors", "errors"],
  ["Size", null],
  ["Data age", null],
]);

/** Which of the plain cells tells how many clients wait. */
const WAITING = 1;

/** All that a row shows, as plain words: what is the same as before is not drawn again. @param {Glance} glance */
function cellsOf({ sample }) {
  const { connectionPool: pool, queryPerformance: queries, reachability } = sample;
  const said = sample.reasons.map(({ message }) => message);
  // A broken way is in the reasons already when its own region does not reach it.
  if (reachability.verdict?.kind === "path" && said.length === 0) said.push(reachability.verdict.message);
  return {
    used: pool.utilization,
    busy: `${count(pool.activeConnections)} / ${count(pool.poolSize)}`,
    waiting: count(pool.waitingClients),
    wait: time(pool.averageWaitTime),
    sessions: number(queries.averageActiveSessions, 1),
    queries: rate(queries.queriesPerSecond, " /s"),
    query: time(queries.averageQueryTime),
    errors: percent(queries.errorRate),
    size: bytes(sample.database.sizeBytes),
    age: age(ageOf(sample.timestamp)),
    why: said.join(" · "),
  };
}

class Row extends Steady {
  /** @param {any} props */
  render({
    region,
    target,
    status,
    old,
    used,
    busy,
    waiting,
    wait,
    sessions,
    queries,
    query,
    errors,
    size,
    age: since,
    why,
  }) {
    const cells = [busy, waiting, wait, sessions, queries, query, errors, size, since];
    return html`<tbody class=${`on-${status}${old || status === "unknown" ? " aged" : ""}`}>
      <tr>
        <th scope="row" class="left wrap"><a href=${targetPath(region, target)}>${target}</a></th>
        <td class="left"><${Status} is=${status} /></td>
        <td data-label="Utilization">${
          used === null
            ? null
            : html`<progress max="1" value=${used} aria-label=${`Utilization of the pool of ${target}`}></progress> `
        }<span class="share">${percent(used)}</span></td>
        ${cells.map((cell, index) => html`<td class=${index === WAITING && Number(cell) > 0 ? "is-unhealthy" : ""} data-label=${COLUMNS[index + 3]?.[0]}>${cell}</td>`)}
      </tr>
      ${why && html`<tr class="why"><td class="left wrap" colspan=${COLUMNS.length}>${why}</td></tr>`}
    </tbody>`;
  }
}

/** @param {{sort: string}} props */
function Head({ sort }) {
  return html`<thead><tr>
    ${COLUMNS.map(([label, by], index) => {
      const order = by === sort ? (by === "name" ? "ascending" : "descending") : undefined;
      return html`<th scope="col" class=${index < 2 ? "left" : ""} aria-sort=${order}>
        ${by ? html`<button type="button" class="plain" onClick=${() => ask({ sort: by })}>${label}${order && html`<span aria-hidden="true"> ${by === "name" ? "↑" : "↓"}</span>`}</button>` : label}
      </th>`;
    })}
  </tr></thead>`;
}

/** @param {{groups: Group[], sort: string}} props */
export function Table({ groups, sort }) {
  return html`<div class="live">
    ${groups.map(
      (group) => html`<section key=${group.region} class="group">
        <${GroupTitle} group=${group} />
        <div class="scroll"><table class="targets" aria-label=${`Targets of ${group.region}`}>
          <${Head} sort=${sort} />
          ${group.all.map((glance) => html`<${Row} key=${glance.id} region=${glance.region} target=${glance.target} status=${glance.status} old=${glance.old} ...${cellsOf(glance)} />`)}
        </table></div>
      </section>`,
    )}
  </div>`;
}
