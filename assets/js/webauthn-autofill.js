// Where the address is typed, browsers that can do so offer the passkeys that they know among what they fill in.
import { discover, offersPasskeysInFields, sendForm } from './lib/webauthn.js';

const OPTIONS = '/api/webauthn/generate-authentication-options-for-discoverable';

const form = document.getElementById('webauthn-authentication-response-form');

async function offer() {
  if (!form || !(await offersPasskeysInFields())) return;
  const pending = new AbortController();
  // Whoever sends the address signs in otherwise.
  document.addEventListener('submit', (event) => event.target === form || pending.abort());
  try {
    sendForm(form, await discover(OPTIONS, pending.signal));
  } catch {
    // Nobody asked for anything: the form is there.
  }
}

offer();
