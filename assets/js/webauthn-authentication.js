// Signing in with a passkey: starts by itself, and again on request.
import { authenticate, isSupported, sendForm } from './lib/webauthn.js';

const OPTIONS = {
  '/users/sign-in-with-passkey': '/api/webauthn/generate-authentication-options-for-first-factor',
  '/users/2fa-sign-in-with-passkey': '/api/webauthn/generate-authentication-options-for-second-factor',
};

const button = document.getElementById('webauthn-btn-begin-authentication');
const form = document.getElementById('webauthn-authentication-response-form');
const alert = document.getElementById('webauthn-alert-error');
// Other ways to go on.
const fields = document.querySelectorAll('#password-input, #totpToken');
let pending;

function tell(message) {
  alert.textContent = message;
  alert.hidden = message === '';
}

async function begin() {
  pending?.abort();
  pending = new AbortController();
  const { signal } = pending;
  tell('');
  button.disabled = true;
  try {
    sendForm(form, await authenticate(OPTIONS[form.getAttribute('action')], signal));
  } catch (error) {
    if (signal.aborted) return;
    tell(
      error.name === 'NotAllowedError'
        ? 'Une erreur est survenue. Nous n’avons pas pu vérifier votre clé d’accès : la demande a été annulée, ou a duré trop longtemps. Vous pouvez réessayer.'
        : `Une erreur est survenue. Votre clé d’accès n’a pas pu être utilisée (${error.name}).`,
    );
  } finally {
    if (pending?.signal === signal) button.disabled = false;
  }
}

if (button && form && isSupported()) {
  button.addEventListener('click', begin);
  // A passkey that was refused a moment ago is not asked for again unasked; nor is one where a code was being typed.
  const wasRefused = /[?&]notification=(invalid_passkey|passkey_not_found|invalid_totp_token)(&|$)/.test(window.location.search);
  // The page focuses such a field by itself: only what the visitor does with it counts.
  for (const field of fields) {
    for (const gesture of ['pointerdown', 'keydown']) field.addEventListener(gesture, () => pending?.abort());
  }
  if (!wasRefused) begin();
} else if (button) {
  button.hidden = true;
  document.getElementById('webauthn-not-supported')?.removeAttribute('hidden');
}
