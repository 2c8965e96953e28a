// Sends the form of a page that is only a relay. The button in <noscript> does the same without script.
const form = document.getElementById('auto-submit-form');

if (form) setTimeout(() => form.requestSubmit(), Number(form.dataset.delay));
