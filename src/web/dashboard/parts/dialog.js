// A question in front of the page: the browser's own dialog, which keeps the focus inside and closes with Escape.
import { html, useEffect, useRef, useState } from "../lib/dom.js";

/**
 * @param {{title: string, onClose: () => void, onSubmit: (values: Record<string, string>) => Promise<void>, action: string, children?: any}} props
 */
export function Dialog({ title, onClose, onSubmit, action, children }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const [said, say] = useState("");
  const [busy, work] = useState(false);
  useEffect(() => {
    box.current?.showModal();
  }, []);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
    work(true);
    try {
      await onSubmit(values);
      onClose();
    } catch (error) {
      say(/** @type {Error} */ (error).message);
    } finally {
      work(false);
    }
  };
  return html`<dialog ref=${box} onClose=${onClose} aria-labelledby="dialog-title">
    <form onSubmit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
      <p class="refused" role="alert">${said}</p>
      <div class="buttons">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button class="main" disabled=${busy}>${action}</button>
      </div>
    </form>
  </dialog>`;
}

const NAME = "isobar:by";

/** The name under which somebody acts; kept for the next time, in this browser. */
export function ByField() {
  return html`<label>Your name, for the others
    <input name="by" required maxlength="200" autocomplete="name" defaultValue=${localStorage.getItem(NAME) ?? ""} />
  </label>`;
}

/** @param {string} by */
export const rememberName = (by) => localStorage.setItem(NAME, by);
