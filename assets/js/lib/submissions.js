// One submission a page: a second click while the first is on its way is ignored. The page is usable again when the
// visitor comes back to it, or when no answer came for a while.
const GIVEN_UP_AFTER_MS = 20_000;

let disabled = [];
let submitted = false;

function release() {
  submitted = false;
  for (const button of disabled) button.disabled = false;
  disabled = [];
  document.getElementById('loader-bar')?.classList.remove('loading');
}

function disableButtons() {
  if (!submitted) return;
  disabled = [...document.querySelectorAll('button:not(:disabled)')];
  for (const button of disabled) button.disabled = true;
}

/** Whether a form of the page was sent and no answer has come yet. */
export const isOnItsWay = () => submitted;

export function guardSubmissions() {
  document.addEventListener('submit', (event) => {
    if (event.defaultPrevented) return;
    if (submitted) {
      event.preventDefault();
      return;
    }
    submitted = true;
    // The browser gathers the fields after this event, and leaves out a button that is disabled by then.
    setTimeout(disableButtons, 0);
    setTimeout(release, GIVEN_UP_AFTER_MS);
  });
  window.addEventListener('beforeunload', () => document.getElementById('loader-bar')?.classList.add('loading'));
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) release();
  });
}
