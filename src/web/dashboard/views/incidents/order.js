// Which incident stands first.

/** @typedef {import("../../types.d.ts").Alert} Alert */

const SEVERITIES = ["critical", "high", "medium", "low"];
const STATES = ["firing", "acknowledged", "recovering", "pending", "resolved"];

/** Those nobody has taken first, what recovers behind what is so still; then the worst, then the newest. @param {Alert} one @param {Alert} other */
export function byUrgency(one, other) {
  return (
    STATES.indexOf(one.state) - STATES.indexOf(other.state) ||
    SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity) ||
    Date.parse(other.startedAt) - Date.parse(one.startedAt)
  );
}
