// What is known of each region, put together from the live stream and from the answer on regions.
import { useAnswer } from "../../lib/api.js";
import { isOld, world } from "../../lib/store.js";
import { byGravity, pressureOf, SEVERITY_RANK, STATUS_RANK } from "../targets/glance.js";

/** @typedef {import("../../types.d.ts").Alert} Alert */
/** @typedef {import("../../types.d.ts").Sample} Sample */
/** @typedef {import("../../types.d.ts").Status} Status */
/** @typedef {import("../../types.d.ts").RegionView} RegionView */

/**
 * @typedef {object} Region
 * @property {string} name
 * @property {Status} status
 * @property {boolean} cutOff
 * @property {Record<Status | "total", number>} counts
 * @property {string[]} unhealthy the names of its unhealthy targets
 * @property {Sample | null} worst the target in the most trouble
 * @property {number} bad how bad that is
 * @property {string | null} heard when anything was last heard of it
 * @property {Alert[]} incidents open ones, worst first
 * @property {RegionView | null} view
 */

const EVERY_MS = 5000;

/** The incidents that somebody should care about, worst first: what is so still, the gravest, untaken, and longest open. */
export function openIncidents() {
  const open = [...world.alerts.values()].filter(({ state, suppressedBy }) => state !== "pending" && !suppressedBy);
  const taken = (/** @type {Alert} */ { state }) => (state === "firing" ? 0 : 1);
  return open.sort((a, b) => byGravity(a, b) || taken(a) - taken(b) || (a.startedAt < b.startedAt ? -1 : 1));
}

/** How bad a target is: by status, then by its gravest reason, then by pressure. @param {Sample} sample */
function badness(sample) {
  const reason = sample.reasons[0];
  const grave = reason ? SEVERITY_RANK[reason.severity] : 0;
  const pressure = pressureOf(sample.connectionPool) ?? 0;
  return STATUS_RANK[sample.status] * 1000 + grave * 100 + Math.min(99, pressure * 10) - (isOld(sample) ? 1 : 0);
}

/** @param {string} name @returns {Region} */
const region = (name) => ({
  name,
  status: world.regions[name] ?? "unknown",
  cutOff: world.cutOff.includes(name),
  counts: { total: 0, healthy: 0, degraded: 0, unhealthy: 0, unknown: 0 },
  unhealthy: [],
  worst: null,
  bad: -1,
  heard: null,
  incidents: [],
  view: null,
});

/** @param {RegionView[]} views @param {Alert[]} incidents @returns {Region[]} worst first */
export function regionsOf(views, incidents) {
  const names = new Set([...Object.keys(world.regions), ...views.map((view) => view.region)]);
  const regions = new Map([...names].map((name) => [name, region(name)]));
  for (const sample of world.samples.values()) {
    const of = regions.get(sample.region);
    if (!of) continue;
    of.counts.total += 1;
    const status = of.status === "unknown" ? "unknown" : sample.status;
    of.counts[status] += 1;
    if (status === "unhealthy") of.unhealthy.push(sample.target);
    if (of.heard === null || of.heard < sample.timestamp) of.heard = sample.timestamp;
    const bad = badness(sample);
    if (bad > of.bad) [of.bad, of.worst] = [bad, sample];
  }
  for (const incident of incidents) regions.get(incident.region)?.incidents.push(incident);
  for (const view of views) {
    const of = /** @type {Region} */ (regions.get(view.region));
    of.view = view;
    of.cutOff ||= view.cutOff;
    if (view.heardAt !== null && (of.heard === null || of.heard < view.heardAt)) of.heard = view.heardAt;
    // Of a region that was never heard the configuration alone tells how many targets it has.
    if (of.counts.total === 0) of.counts = { ...view.targets };
  }
  return [...regions.values()].sort(worse);
}

/** @param {Region} a @param {Region} b */
function worse(a, b) {
  const grave = (/** @type {Region} */ { incidents }) => (incidents[0] ? SEVERITY_RANK[incidents[0].severity] : 0);
  const bad = (/** @type {Region} */ of) => STATUS_RANK[of.status] * 10 + grave(of);
  // Whole steps, so that a pressure that rises and falls does not make the regions dance.
  const step = (/** @type {Region} */ of) => Math.floor(of.bad / 100);
  return bad(b) - bad(a) || step(b) - step(a) || b.incidents.length - a.incidents.length || (a.name < b.name ? -1 : 1);
}

/** @returns {{views: RegionView[], error: Error | null}} */
export function useRegionViews() {
  const { data, error } = useAnswer("/api/regions", EVERY_MS);
  return { views: data?.regions ?? [], error };
}

/** Targets that are not healthy. @param {Region} of */
export const inTrouble = ({ counts }) => counts.total - counts.healthy;

/** More targets than these are counted, not named. */
const NAMED = 3;

/**
 * Why a region has its status, in words: it is unhealthy when a target of importance critical is, or more than half of all are
 * (`src/aggregate/status.rs`). Empty when nothing is wrong, or while its targets changed and it did not yet.
 * @param {Region} of
 */
export function causeOf({ status, counts: { total, degraded, unknown }, unhealthy }) {
  const all = unhealthy.length;
  const isMost = all * 2 > total;
  const names = all > NAMED ? `${all} of ${total} targets` : [...unhealthy].sort().join(", ");
  const are = all === 1 ? "is" : "are";
  if (status === "unhealthy" && isMost) return `${all} of ${total} targets ${are} unhealthy, more than half`;
  if (status === "unhealthy" && all === 1) return `${names} is unhealthy, and critical to the region`;
  if (status === "unhealthy" && all > 1) return `${names} are unhealthy, one of them at least critical to the region`;
  if (status !== "degraded" || isMost) return "";
  const parts = [
    all > 0 && `${names} ${are} unhealthy, but not critical to the region`,
    degraded > 0 && `${degraded} of ${total} degraded${all > 0 ? "" : ", none unhealthy"}`,
    unknown > 0 && `${unknown} of ${total} not seen`,
  ];
  return parts.filter(Boolean).join("; ");
}

/** Why nothing is to be seen of a region, in words; empty where it is seen. @param {Region} of */
export function blindness({ status, cutOff, view }) {
  if (cutOff)
    return `this node cannot reach its bus${view?.trouble ? ` (${view.trouble})` : ""}; how its databases are is not known here`;
  if (status !== "unknown") return "";
  return (
    view?.reasons[0]?.message ??
    view?.trouble ??
    (view && !view.heardAt ? "nothing has been heard of it yet" : "none of its databases can be seen")
  );
}
