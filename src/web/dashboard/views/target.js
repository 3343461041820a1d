// One target: what is wrong, since when, who holds its connections, what to do; and all of it over time.
import { pathOf, useAnswer } from "../lib/api.js";
import { html } from "../lib/dom.js";
import { key, useWorld, world } from "../lib/store.js";
import { Now } from "../parts/now.js";
import { Empty, Moment, Waiting } from "../parts/words.js";
import { Blocking } from "./target/blocking.js";
import { Charts } from "./target/charts.js";
import { Figures } from "./target/figures.js";
import { Head } from "./target/head.js";
import { Holders } from "./target/holders.js";
import { Pools } from "./target/pools.js";
import { Queries } from "./target/queries.js";
import { RangePicker, rangeOf } from "./target/range.js";
import { Replication } from "./target/replication.js";
import { awayOf, statusOf } from "./target/sight.js";
import { ToDo } from "./target/todo.js";
import { Upkeep } from "./target/upkeep.js";
import { alertsOf, What } from "./target/what.js";

const DETAILS_MS = 2000;
const TRENDS_MS = 30_000;

/** @param {{region: string, target: string, query: URLSearchParams}} props */
export function Target({ region, target, query }) {
  useWorld();
  const sample = world.samples.get(key(region, target));
  const path = pathOf(region, target);
  /** @type {{data: import("../types.d.ts").Details | null, error: Error | null}} */
  const { data: details, error } = useAnswer(path, DETAILS_MS);
  /** @type {{data: import("../types.d.ts").Trends | null}} */
  const { data: trends } = useAnswer(`${path}/trends`, TRENDS_MS);
  const shown = sample ?? details;
  if (!shown) {
    const nobody = html`<${Empty}>Nobody watches ${target} in ${region}. <a href="/targets">All targets</a><//>`;
    return html`<h1 tabindex="-1">${target}</h1>
      ${error ? nobody : html`<${Waiting} error=${null} what=${target} />`}`;
  }
  const statements = details?.queries?.statements ?? [];
  const away = awayOf(shown);
  // What was told last says nothing of who does what now.
  const activity = away ? null : (details?.activity ?? null);
  const vitals = details?.vitals ?? null;
  const growth = shown.database.growthPerDay ?? trends?.growthPerDay ?? null;
  const at = { region, target };
  return html`<article class="target">
    <${Head} sample=${shown} critical=${details?.critical ?? false} away=${away} />
    <${What} sample=${shown} />
    <${Now} alerts=${alertsOf(shown)} activity=${activity} />
    ${trends?.lookedAt && statusOf(shown) === "healthy" && html`<p class="sentence">${trends.sentence} <small>Looked at <${Moment} at=${trends.lookedAt} />.</small></p>`}
    <${Figures} sample=${shown} details=${details} away=${away} />
    <div class="pair">
      <${Holders} activity=${activity} sample=${shown} away=${away} />
      <${Blocking} activity=${activity} statements=${statements} away=${away} />
    </div>
    <${ToDo} ...${at} />
    <h2>Over time</h2>
    <${RangePicker} query=${query} />
    <${Charts} ...${at} range=${rangeOf(query)} growth=${growth} />
    <${Queries} ...${at} queries=${details?.queries ?? null} regressions=${trends?.regressions ?? []} sample=${shown}
      away=${away} />
    <div class="pair">
      <${Pools} sample=${shown} vitals=${vitals} />
      <${Upkeep} sample=${shown} vitals=${vitals} trends=${trends} growth=${growth}
        isOld=${away !== null} />
    </div>
    <${Replication} vitals=${vitals} />
  </article>`;
}
