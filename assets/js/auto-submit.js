// Sends the form of a page that is only a relay. The button in <noscript> does the same without script; another one appears where
// this one does not arrive.
import { submitForm } from './lib/submit-form.js';

const form = document.getElementById('auto-submit-form');

if (form) {
  setTimeout(() => {
    // What is on its way is not sent again: a code works once.
    form.querySelector('.shown-late')?.remove();
    submitForm(form);
  }, Number(form.dataset.delay));
}
