// Where we are: each view has an address of its own, so that it can be sent to somebody. Links are plain links.
import { useEffect, useState } from "./dom.js";

/** @typedef {{view: string, parts: string[], query: URLSearchParams}} Route */

/** @returns {Route} */
export function here() {
  const [view = "", ...parts] = location.pathname.split("/").slice(1).map(plain);
  return { view: view === "" ? "world" : view, parts, query: new URLSearchParams(location.search) };
}

/** @param {string} part */
function plain(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @param {string} region @param {string} target */
export const targetPath = (region, target) => `/targets/${encodeURIComponent(region)}/${encodeURIComponent(target)}`;
/** @param {string} id */
export const incidentPath = (id) => `/incidents/${encodeURIComponent(id)}`;

const MOVED = "isobar:moved";
const moved = () => void window.dispatchEvent(new Event(MOVED));

/** @param {string} path */
export function go(path) {
  history.pushState(null, "", path);
  moved();
}

/** Changes what the address says behind the question mark, without a step back to it. @param {Record<string, string | null>} changes */
export function ask(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
  moved();
}

/** The route, drawn again when it changes. */
export function useRoute() {
  const [route, set] = useState(here);
  useEffect(() => {
    const look = () => set(here());
    window.addEventListener("popstate", look);
    window.addEventListener(MOVED, look);
    return () => {
      window.removeEventListener("popstate", look);
      window.removeEventListener(MOVED, look);
    };
  }, []);
  return route;
}

const VIEWS = /^\/($|targets|incidents|advice|silences|status)/;

/** Follows plain links to our own views without loading the page anew. */
export function followLinks() {
  document.addEventListener("click", (event) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const anchor = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!isPlain || event.defaultPrevented || !(anchor instanceof HTMLAnchorElement)) return;
    if (anchor.origin !== location.origin || !VIEWS.test(anchor.pathname) || anchor.target || anchor.hash) return;
    event.preventDefault();
    go(anchor.pathname + anchor.search);
  });
}
