// Sends the form of a page that is only a relay. The button in <noscript> does the same without script.
import { submitForm } from './lib/submit-form.js';

const form = document.getElementById('auto-submit-form');

if (form) setTimeout(() => submitForm(form), Number(form.dataset.delay));
