// Tells next to a field why what it holds cannot be sent: the button that waits for it does not say so.
import { announce } from './announce.js';

// These fields tell it themselves, while one types.
const OWN_FEEDBACK = '.js-password-container *, #siret-selector';
// Leaving a field is often the beginning of a click: nothing may move under it.
const TOLD_AFTER_MS = 300;
const INVALID_EMAIL = 'Adresse email invalide. Elle s’écrit comme nom@domaine.fr.';

const idOf = (field) => `${field.id}-refused`;

function isTold(field) {
  return field.id !== '' && field.matches('input.fr-input') && !field.matches(OWN_FEEDBACK);
}

/** What the page says of a form that is missed; otherwise what the browser says, in its own language. */
function messageOf({ dataset, title, type, validationMessage, validity }) {
  if (validity.typeMismatch && type === 'email') return dataset.error ?? INVALID_EMAIL;
  return (validity.patternMismatch && (dataset.error || title)) || validationMessage;
}

const describedBy = (field) => (field.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean);

function describe(field, ids) {
  if (ids.length > 0) field.setAttribute('aria-describedby', ids.join(' '));
  else field.removeAttribute('aria-describedby');
}

function mark(field, isWrong) {
  const kind = field.matches('select') ? 'fr-select' : 'fr-input';
  if (isWrong) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
  field.classList.toggle(`${kind}--error`, isWrong);
  field.closest(`.${kind}-group`)?.classList.toggle(`${kind}-group--error`, isWrong);
}

function holdsWhatWasServed({ options, value, defaultValue }) {
  if (!options) return value === defaultValue;
  return [...options].every(({ selected, defaultSelected }) => selected === defaultSelected);
}

/** Takes back what the server has said of this field, once it holds something else. */
function forgiveRefusal(field) {
  if (field.getAttribute('aria-invalid') !== 'true' || holdsWhatWasServed(field)) return;
  const ids = describedBy(field);
  const isSaid = (id) => document.getElementById(id)?.matches('.fr-error-text');
  for (const id of ids.filter(isSaid)) document.getElementById(id).hidden = true;
  describe(field, ids.filter((id) => !isSaid(id)));
  mark(field, false);
}

/** Takes back what was said of this field: here, once it is right or empty; by the server, once it was changed. */
export function forgiveField(field) {
  if (field.matches(OWN_FEEDBACK)) return;
  const message = field.id && document.getElementById(idOf(field));
  if (!message) {
    forgiveRefusal(field);
    return;
  }
  if (field.value !== '' && !field.validity.valid) return;
  message.remove();
  describe(field, describedBy(field).filter((id) => id !== message.id));
  mark(field, false);
}

function tell(field) {
  const told = document.getElementById(idOf(field));
  // What the server has said stands until the field is changed.
  const isRefusedAlready = !told && field.getAttribute('aria-invalid') === 'true';
  if (!field.willValidate || field.validity.valid || field.value === '' || isRefusedAlready) return;
  const message = told ?? document.createElement('p');
  message.className = 'fr-error-text';
  message.id = idOf(field);
  message.textContent = messageOf(field);
  field.after(message);
  describe(field, [...describedBy(field).filter((id) => id !== message.id), message.id]);
  mark(field, true);
  announce(message.textContent);
}

/** Tells of a field that was left with something that cannot be sent. */
export function judgeField(field) {
  if (isTold(field)) setTimeout(() => tell(field), TOLD_AFTER_MS);
}
