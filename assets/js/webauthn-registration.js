// Making a passkey: instead of sending the form when a passkey was chosen there, or when nothing else can be.
import { isSupported, register, sendForm } from './lib/webauthn.js';

const OPTIONS = '/api/webauthn/generate-registration-options';

const button = document.getElementById('webauthn-registration-button');
const choice = document.getElementById('radio-passkey');
const form = document.getElementById('webauthn-registration-response-form');
const alert = document.getElementById('webauthn-alert-error');

function tell(message, kind = 'error') {
  for (const each of ['error', 'info']) alert.classList.toggle(`fr-alert--${each}`, each === kind);
  alert.textContent = message;
  alert.hidden = message === '';
  if (message) alert.scrollIntoView({ block: 'center' });
}

const explanation = ({ name, message }) => {
  if (name === 'InvalidStateError') return 'Cet appareil a déjà une clé d’accès pour votre compte : vous pouvez l’utiliser.';
  if (name === 'NotAllowedError') {
    return 'Une erreur est survenue. La clé d’accès n’a pas été créée : la demande a été annulée, ou a duré trop longtemps. Vous pouvez réessayer.';
  }
  return `Une erreur est survenue. La clé d’accès n’a pas pu être créée (${name === 'Error' ? message : name}).`;
};

async function begin(event) {
  if (choice && !choice.checked) return;
  event.preventDefault();
  tell('');
  button.disabled = true;
  try {
    sendForm(form, await register(OPTIONS));
  } catch (error) {
    // A device that has a passkey already is good news.
    tell(explanation(error), error.name === 'InvalidStateError' ? 'info' : 'error');
    button.disabled = false;
  }
}

if (button && form) {
  if (isSupported()) {
    button.addEventListener('click', begin);
  } else {
    document.getElementById('webauthn-not-supported')?.removeAttribute('hidden');
    // Nothing else can be chosen with it.
    if (!choice) button.hidden = true;
  }
}
