// Asks again and again while somebody looks, one question at a time; and at once when somebody looks again.

/** @param {() => Promise<void>} ask @param {() => number | undefined} wait milliseconds until the next; none: it was the last @returns {() => void} ends it */
export function poll(ask, wait) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let [busy, over] = [false, false];
  const once = async () => {
    if (busy || over) return;
    clearTimeout(timer);
    busy = true;
    if (!document.hidden) await ask();
    busy = false;
    const next = wait();
    if (next !== undefined && !over) timer = setTimeout(once, next);
  };
  const looked = () => {
    if (!document.hidden) void once();
  };
  document.addEventListener("visibilitychange", looked);
  void once();
  return () => {
    over = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", looked);
  };
}
