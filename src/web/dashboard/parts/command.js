// A command to copy, as it is to be typed.
import { html, useEffect, useState } from "../lib/dom.js";

const SHOWN_MS = 2000;

/** Works without HTTPS too, where the clipboard's interface is missing. @param {string} text */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser refused");
  return undefined;
}

/** @param {{text: string, name?: string}} props */
export function Command({ text, name = "command" }) {
  const [said, say] = useState("");
  useEffect(() => {
    if (!said) return undefined;
    const timer = setTimeout(() => say(""), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const press = () =>
    copy(text).then(
      () => say("copied"),
      () => say("not copied: select it by hand"),
    );
  return html`<div class="command">
    <pre tabindex="0" aria-label=${name}>${text}</pre>
    <button type="button" onClick=${press} aria-label=${`Copy the ${name}`}>Copy</button>
    <span role="status">${said}</span>
  </div>`;
}
