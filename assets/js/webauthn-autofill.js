// Where the address is typed, browsers that can do so offer the passkeys that they know among what they fill in.
import { discover, offersPasskeysInFields, sendForm } from './lib/webauthn.js';

const OPTIONS = '/api/webauthn/generate-authentication-options-for-discoverable';
// Whoever knows what to type has begun by then, and is left alone: no challenge is drawn for them.
const OFFERED_AFTER_MS = 2_000;

const form = document.getElementById('webauthn-authentication-response-form');
const address = document.querySelector('input[autocomplete~="webauthn"]');
const pending = new AbortController();

async function offer() {
  try {
    sendForm(form, await discover(OPTIONS, pending.signal));
  } catch {
    // Nobody asked for anything: the form is there.
  }
}

if (form && address && (await offersPasskeysInFields())) {
  const timer = setTimeout(offer, OFFERED_AFTER_MS);
  const leaveAlone = () => {
    clearTimeout(timer);
    pending.abort();
  };
  address.addEventListener('input', leaveAlone);
  // The form that brings the chosen passkey is no reason to stop.
  document.addEventListener('submit', (event) => event.target === form || leaveAlone());
}
