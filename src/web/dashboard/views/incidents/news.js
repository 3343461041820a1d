// Hears of alerts that changed, together when many do.
import { useEffect, useRef } from "../../lib/dom.js";
import { onAlert } from "../../lib/stream.js";

const SOON_MS = 700;

/** @param {(alert: import("../../types.d.ts").Alert) => boolean} wants @param {() => void} tell */
export function useAlertNews(wants, tell) {
  const latest = useRef({ wants, tell });
  latest.current = { wants, tell };
  useEffect(() => {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let soon;
    const stop = onAlert((alert) => {
      if (!latest.current.wants(alert)) return;
      soon ??= setTimeout(() => {
        soon = undefined;
        latest.current.tell();
      }, SOON_MS);
    });
    return () => {
      stop();
      clearTimeout(soon);
    };
  }, []);
}
