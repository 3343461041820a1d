// What Isobar says of itself, for the bar below every view and for the page about it.
import { Refused, useAnswer } from "../../lib/api.js";

/**
 * @typedef {{
 *   targets: number, probes: number, silent: number, panics: number, hangs: number, givenUp: number, dropped: number, seen: number,
 * }} Roster
 * @typedef {import("../../types.d.ts").RegionView & {roster?: Roster}} Region
 * @typedef {{status: string, notReady: {region: string, cause: string}[], warnings: string[]}} Ready
 * @typedef {{is: "ok" | "trouble" | "none", text: string}} Bus
 */

const AGAIN_MS = 10_000;

/**
 * A node that is not ready says why all the same.
 * @param {string} path
 * @param {AbortSignal} signal
 * @returns {Promise<Ready>}
 */
async function readiness(path, signal) {
  const answer = await fetch(path, { signal }).catch((cause) => {
    if (signal.aborted) throw cause;
    throw new Refused("no answer from Isobar", 0);
  });
  if (!answer.ok && answer.status !== 503) throw new Refused(`${answer.status} ${answer.statusText}`, answer.status);
  return answer.json();
}

export const useReady = () => useAnswer("/readyz", AGAIN_MS, readiness);

/** @returns {{regions: Region[] | null, error: Error | null}} */
export function useRegions() {
  const { data, error } = useAnswer("/api/regions", AGAIN_MS);
  return { regions: data?.regions ?? null, error };
}

/** The nodes of all regions, each once. @param {Region[]} regions */
export const nodesOf = (regions) => [...new Set(regions.flatMap((region) => region.nodes.map(({ node }) => node)))];

/** @param {Region[]} regions */
export const leadersOf = (regions) => [...new Set(regions.flatMap(({ leader }) => (leader ? [leader] : [])))];

/**
 * How the bus between nodes is. A process without one answers with neither latency nor trouble.
 * @param {Region[]} regions
 * @returns {Bus}
 */
export function busOf(regions) {
  const bad = regions.filter((region) => region.trouble !== null || region.cutOff);
  if (bad.length > 0)
    return { is: "trouble", text: `trouble in ${bad.length === 1 ? bad[0]?.region : `${bad.length} regions`}` };
  const latencies = regions.flatMap(({ latency }) => (latency === null ? [] : [latency]));
  if (latencies.length === 0) return { is: "none", text: "none: one process" };
  return { is: "ok", text: `ok, ${Math.max(...latencies).toFixed(1)} ms at most` };
}
