// Whether the server is seen now. While it is not, nothing that it tells is of this moment.
import { clock } from "../../lib/format.js";
import { now, world } from "../../lib/store.js";

/** @typedef {import("../../types.d.ts").Sample} Sample */
/** Why it is not seen, and since when; `isDark` when not even its pooler is. @typedef {{why: string, since: string, isDark: boolean}} Away */

/** @type {Record<string, string>} */
const AWAY = {
  database_down: "the server is down",
  database_unresponsive: "the server does not answer",
  database_rejecting: "the server refuses connections",
};

/** The last words of a region that nothing is heard of say nothing about now. @param {Sample} sample */
export const statusOf = ({ region, status }) => (world.regions[region] === "unknown" ? "unknown" : status);

/** @param {Sample} sample @returns {Away | null} null while it is seen, as one that refuses only new connections is */
export function awayOf(sample) {
  if (statusOf(sample) === "unknown") return { why: "nothing is heard of it", since: sample.timestamp, isDark: true };
  const reason = sample.reasons.find(({ rule }) => rule in AWAY);
  if (!reason || sample.database.maxConnections !== null) return null;
  const isPath = sample.reachability.verdict?.kind === "path";
  const why = isPath ? "its own region does not reach it" : AWAY[reason.rule];
  return { why: why ?? "", since: reason.since, isDark: false };
}

/** @param {Away} away */
export const sinceOf = ({ since }) => clock(since, now());

/** @param {Away} away */
export const unknown = (away) => `Not known while ${away.why} (since ${sinceOf(away)}).`;
