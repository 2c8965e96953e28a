// The browser's passkey ceremonies, from and to the JSON of the WebAuthn specification.
// Browsers of before 2023 lack the native conversions: the same is done by hand.
import { submitForm } from './submit-form.js';

const RELOADED_FOR_MS = 5_000;

const BASE64URL = { toBytes: (text) => {
  const binary = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}, fromBytes: (buffer) => {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
} };

const withBinaryIds = (credentials = []) =>
  credentials.map((credential) => ({ ...credential, id: BASE64URL.toBytes(credential.id) }));

function requestOptions(json) {
  if (window.PublicKeyCredential.parseRequestOptionsFromJSON) {
    return window.PublicKeyCredential.parseRequestOptionsFromJSON(json);
  }
  return { ...json, challenge: BASE64URL.toBytes(json.challenge), allowCredentials: withBinaryIds(json.allowCredentials) };
}

function creationOptions(json) {
  if (window.PublicKeyCredential.parseCreationOptionsFromJSON) {
    return window.PublicKeyCredential.parseCreationOptionsFromJSON(json);
  }
  return {
    ...json,
    challenge: BASE64URL.toBytes(json.challenge),
    user: { ...json.user, id: BASE64URL.toBytes(json.user.id) },
    excludeCredentials: withBinaryIds(json.excludeCredentials),
  };
}

function credentialJson(credential) {
  if (credential.toJSON) return credential.toJSON();
  const response = {};
  for (const name of ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle', 'attestationObject']) {
    if (credential.response[name]) response[name] = BASE64URL.fromBytes(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return {
    id: credential.id,
    rawId: BASE64URL.fromBytes(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
  };
}

/** Whether the page was reloaded a moment ago: a second time would not help. */
function wasJustReloaded() {
  const [navigation] = performance.getEntriesByType('navigation');
  return navigation?.type === 'reload' && performance.now() < RELOADED_FOR_MS;
}

async function fetchOptions(url) {
  const response = await fetch(url, { headers: { Accept: 'application/json' }, credentials: 'same-origin' });
  // The session is over, or the page was open for too long: loading it again leads to the sign-in, and back.
  if (response.status === 401 && !wasJustReloaded()) {
    window.location.reload();
    await new Promise(() => {});
  }
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

/** Whether this browser can use passkeys at all. */
export const isSupported = () => typeof window.PublicKeyCredential === 'function';

/** Runs the ceremony that proves one holds a passkey; gives the answer as JSON text. */
export async function authenticate(optionsUrl, signal) {
  const publicKey = requestOptions(await fetchOptions(optionsUrl));
  return JSON.stringify(credentialJson(await navigator.credentials.get({ publicKey, signal })));
}

/** Whether this browser can offer passkeys among what it fills into fields. */
export async function offersPasskeysInFields() {
  if (!isSupported()) return false;
  return Boolean(await window.PublicKeyCredential.isConditionalMediationAvailable?.());
}

/** Waits until a passkey is chosen among what the browser offers in a field; gives the answer as JSON text. */
export async function discover(optionsUrl, signal) {
  const publicKey = requestOptions(await fetchOptions(optionsUrl));
  const credential = await navigator.credentials.get({ publicKey, signal, mediation: 'conditional' });
  return JSON.stringify(credentialJson(credential));
}

/** Runs the ceremony that makes a new passkey; gives the answer as JSON text. */
export async function register(optionsUrl) {
  const publicKey = creationOptions(await fetchOptions(optionsUrl));
  return JSON.stringify(credentialJson(await navigator.credentials.create({ publicKey })));
}

/** Puts the answer of a ceremony in the hidden form and sends it. */
export function sendForm(form, answer) {
  form.querySelector('input[name^="webauthn_"]').value = answer;
  submitForm(form);
}
