// Who waits for whom.

/** @typedef {import("../types.d.ts").Session} Session */

/** Sessions by pid, who waits behind each, and those that hold others up and wait for nobody. @param {Session[]} sessions */
export function queues(sessions) {
  const known = new Map(sessions.map((session) => [session.pid, session]));
  /** @type {Map<number, Session[]>} */
  const waiting = new Map();
  for (const session of sessions) {
    for (const pid of session.blockedBy) waiting.set(pid, [...(waiting.get(pid) ?? []), session]);
  }
  const roots = [...waiting.keys()].filter((pid) => (known.get(pid)?.blockedBy.length ?? 0) === 0);
  return { known, waiting, roots };
}
