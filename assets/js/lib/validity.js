// The main button of a form waits until the form may be sent; fields say what it waits for.
import { forgiveField, judgeField } from './field-errors.js';
import { isOnItsWay } from './submissions.js';

const AUTOFILL_DELAYS_MS = [100, 500, 1_500];

function mainButton(form) {
  return form.querySelector('button.fr-btn:not(.disabled-with-countdown):not([type="button"])');
}

/** Browsers hide what they filled in until the first gesture: such a field counts as filled. */
function isAutofilled(field) {
  return field.matches(':-webkit-autofill');
}

function mayBeSent(form) {
  return [...form.elements].every((field) => !field.willValidate || field.validity.valid || isAutofilled(field));
}

function refresh(form) {
  const button = mainButton(form);
  if (button && !isOnItsWay()) button.disabled = !mayBeSent(form);
}

export function followValidity() {
  const forms = [...document.forms].filter((form) => !form.hidden && !form.noValidate);
  const refreshAll = () => forms.forEach(refresh);
  for (const form of forms) {
    form.addEventListener('input', ({ target }) => {
      forgiveField(target);
      refresh(form);
    });
    form.addEventListener('change', ({ target }) => {
      // Not every browser tells of a list with the event above.
      forgiveField(target);
      judgeField(target);
      refresh(form);
    });
  }
  refreshAll();
  for (const delay of AUTOFILL_DELAYS_MS) setTimeout(refreshAll, delay);
  window.addEventListener('pageshow', refreshAll);
}
