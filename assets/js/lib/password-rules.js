// The rules of a new password, told while it is typed. The server has the last word.
import { announce } from './announce.js';

const MIN_LENGTH = 10;
const PASSPHRASE_LENGTH = 20;
const MAX_LENGTH = 128;
const SAID_AFTER_MS = 2_000;
// The names of the product, and the examples that have been shown next to the field: the list of the server.
const FORBIDDEN_WORDS = [
  'moncomptepro',
  'mon compte pro',
  'agentconnect',
  'agent connect',
  'proconnect',
  'pro connect',
  'allons voir si la rose qui ce matin avait déclose',
  'allons voir si la rose qui ce matin avait declose',
  'allonsvoirsilarosequicematinavaitdéclose',
  'allonsvoirsilarosequicematinavaitdeclose',
  'le facteur passe avant la pluie',
  'lefacteurpasseavantlapluie',
];

// [id suffix, holds(password), shown only when broken]
const COMPOSITION = [
  ['10char', (password) => password.length >= MIN_LENGTH],
  ['special', (password) => /[^A-Za-z0-9]/.test(password)],
  ['number', (password) => /[0-9]/.test(password)],
  ['lowercase', (password) => /[a-z]/.test(password)],
  ['uppercase', (password) => /[A-Z]/.test(password)],
];
const LIMITS = [
  ['128char', (password) => password.length <= MAX_LENGTH],
  ['3same', (password) => !/(.)\1\1/su.test(password)],
];

const STATES = ['fr-message--info', 'fr-message--valid', 'fr-message--error'];

const rule = (suffix) => document.getElementById(`password-input-message-${suffix}`);
const text = (element) => element.textContent.trim();

function show(element, state) {
  element.classList.remove(...STATES);
  element.classList.add(`fr-message--${state}`);
}

function forbiddenWord(password, email) {
  const lowered = password.toLowerCase();
  if (email && lowered.includes(email.toLowerCase())) return 'Le mot de passe ne doit pas contenir votre adresse email';
  const word = FORBIDDEN_WORDS.find((candidate) => lowered.includes(candidate));
  return word ? `Le mot de passe ne doit pas contenir « ${word} »` : undefined;
}

export function followRules() {
  const input = document.getElementById('password-input');
  const messages = document.getElementById('password-input-messages');
  if (!input || !messages) return;
  const passphrase = document.getElementById('passphrase-input-message-20char');
  const blacklisted = document.getElementById('password-input-message-blacklisted-word');
  const intro = document.getElementById('password-input-message');
  let speaking;

  /** Shows the state of each rule and returns the texts of those that are not met. */
  const review = (password) => {
    const left = [];
    const isPassphrase = password.length >= PASSPHRASE_LENGTH;
    for (const [suffix, holds] of COMPOSITION) {
      const element = rule(suffix);
      const met = holds(password);
      show(element, met ? 'valid' : 'error');
      element.hidden = isPassphrase;
      if (!met && !isPassphrase) left.push(text(element));
    }
    intro.hidden = isPassphrase;
    show(passphrase, isPassphrase ? 'valid' : 'info');
    for (const [suffix, holds] of LIMITS) {
      const element = rule(suffix);
      const met = holds(password);
      show(element, 'error');
      element.hidden = met;
      if (!met) left.push(text(element));
    }
    const word = forbiddenWord(password, input.dataset.email);
    blacklisted.hidden = !word;
    blacklisted.textContent = word ?? '';
    show(blacklisted, 'error');
    if (word) left.push(word);
    return left;
  };

  for (const [suffix] of LIMITS) rule(suffix).hidden = true;
  input.addEventListener('input', () => {
    const left = review(input.value);
    const alternative = input.value.length < PASSPHRASE_LENGTH ? ' (ou 20 caractères sans autre condition)' : '';
    const message = left.length > 0 ? `Format restant à respecter : ${left.join(', ')}${alternative}` : '';
    input.setCustomValidity(message);
    clearTimeout(speaking);
    announce('');
    if (message) speaking = setTimeout(() => announce(message), SAID_AFTER_MS);
  });
  input.form.addEventListener('submit', () => clearTimeout(speaking));
}
