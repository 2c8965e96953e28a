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

function refersTo(field) {
  return (field.getAttribute('aria-describedby') ?? '').split(' ').filter((id) => id && id !== idOf(field));
}

/** Takes back what was told of this field, once it is right or empty. */
export function forgiveField(field) {
  const message = field.id && document.getElementById(idOf(field));
  if (!message || (field.value !== '' && !field.validity.valid)) return;
  message.remove();
  const others = refersTo(field);
  if (others.length > 0) field.setAttribute('aria-describedby', others.join(' '));
  else field.removeAttribute('aria-describedby');
  field.removeAttribute('aria-invalid');
  field.classList.remove('fr-input--error');
  field.closest('.fr-input-group')?.classList.remove('fr-input-group--error');
}

function tell(field) {
  const told = document.getElementById(idOf(field));
  // What the server has said stands.
  const isRefusedAlready = !told && field.getAttribute('aria-invalid') === 'true';
  if (!field.willValidate || field.validity.valid || field.value === '' || isRefusedAlready) return;
  const message = told ?? document.createElement('p');
  message.className = 'fr-error-text';
  message.id = idOf(field);
  message.textContent = messageOf(field);
  field.after(message);
  field.setAttribute('aria-describedby', [...refersTo(field), message.id].join(' '));
  field.setAttribute('aria-invalid', 'true');
  field.classList.add('fr-input--error');
  field.closest('.fr-input-group')?.classList.add('fr-input-group--error');
  announce(message.textContent);
}

/** Tells of a field that was left with something that cannot be sent. */
export function judgeField(field) {
  if (isTold(field)) setTimeout(() => tell(field), TOLD_AFTER_MS);
}
