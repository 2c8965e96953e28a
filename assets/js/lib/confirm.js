// Asks before what cannot be undone. The form says that it was confirmed, since it is not sent otherwise; without script it does not, and
// is asked about on a page. A form that a script sends past its listeners counts as confirmed.
import { isOnItsWay } from './submissions.js';

function sayConfirmed(form) {
  const field = document.createElement('input');
  field.type = 'hidden';
  field.name = 'confirmed';
  field.value = 'true';
  form.append(field);
}

export function askBeforeSubmission() {
  for (const { form, dataset } of document.querySelectorAll('.js-confirm[data-confirm]')) {
    sayConfirmed(form);
    // However it is sent: with the mouse, a key or a script.
    form.addEventListener('submit', (event) => {
      // A second submission is dropped anyway: nothing to ask.
      if (!isOnItsWay() && !window.confirm(dataset.confirm)) event.preventDefault();
    });
  }
}
