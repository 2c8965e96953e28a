// A tile with the organization of the SIRET in the field, once the field holds one; below the field, why it holds none.
import { announce } from './announce.js';
import { digitsPasted, shapeError, withoutSigns } from './siret-text.js';
import { submitForm } from './submit-form.js';

const PAUSE_MS = 250;
// Leaving the field is often the beginning of a click: nothing may move under it.
const TOLD_AFTER_MS = 300;
const SIRET = /^(\s*\d){14}\s*$/;
const NOT_FOUND = "Nous n'avons pas trouvé votre organisation.";
const UNKNOWN_ERROR =
  'Une erreur inattendue empêche de trouver votre organisation. Réessayez plus tard, ou écrivez à support+identite@proconnect.gouv.fr.';
const MESSAGES = { 400: 'SIRET invalide.', 404: NOT_FOUND };

export function followSiret(form, field) {
  const place = document.getElementById('organization-look-up');
  const tile = document.getElementById('organization-info');
  const alert = document.getElementById('organization-alert');
  const name = document.getElementById('organization-info-libelle');
  const badge = document.getElementById('organization-info-type-etablissement');
  const submit = form.querySelector('[type=submit]');
  let pending;
  let request;

  function mark(isWrong) {
    if (isWrong) field.setAttribute('aria-invalid', 'true');
    else field.removeAttribute('aria-invalid');
    field.classList.toggle('fr-input--error', isWrong);
    field.closest('.fr-input-group')?.classList.toggle('fr-input-group--error', isWrong);
  }

  function clear() {
    tile.hidden = true;
    alert.hidden = true;
    field.removeAttribute('aria-describedby');
    mark(false);
    submit.removeAttribute('aria-label');
    announce('');
  }

  // What comes below must not move under somebody's finger when the answer arrives.
  function makePlace() {
    place.classList.toggle('is-awaited', SIRET.test(field.value));
  }

  function tell(message) {
    place.classList.remove('is-awaited');
    alert.querySelector('.alert--content').textContent = message;
    alert.hidden = false;
    field.setAttribute('aria-describedby', 'organization-alert');
    // What the server could not do is no fault of what was typed.
    mark(message !== UNKNOWN_ERROR);
  }

  /** Tells what is missing, once somebody has done with the field: the button that waits for it does not. */
  function judge() {
    const { value } = field;
    if (value.trim() === '' || SIRET.test(value)) return;
    setTimeout(() => {
      if (alert.hidden && field.value === value) tell(shapeError(value));
    }, TOLD_AFTER_MS);
  }

  function dropSigns() {
    const kept = withoutSigns(field.value);
    if (kept === field.value) return;
    const caret = withoutSigns(field.value.slice(0, field.selectionEnd)).length;
    field.value = kept;
    field.setSelectionRange(caret, caret);
  }

  const changed = () => field.dispatchEvent(new Event('input', { bubbles: true }));

  function leave() {
    // An input method may have ended without a word.
    if (withoutSigns(field.value) !== field.value) changed();
    judge();
  }

  function show(organization) {
    name.textContent = organization.libelle;
    name.setAttribute('aria-label', `Organisation correspondante au SIRET donné : ${organization.libelle}`);
    submit.setAttribute('aria-label', `Enregistrer l'organisation ${organization.libelle}`);
    document.getElementById('organization-info-adresse').textContent = organization.adresse;
    document.getElementById('organization-info-siret').textContent = organization.siret;
    badge.textContent = organization.siegeSocial ? 'Siège social' : 'Établissement secondaire';
    badge.classList.toggle('fr-badge--info', organization.siegeSocial);
    badge.classList.toggle('fr-badge--new', !organization.siegeSocial);
    tile.hidden = false;
    announce(`Organisation trouvée : ${organization.libelle}, ${organization.adresse}`);
  }

  async function lookUp() {
    if (!SIRET.test(field.value)) return;
    // A late answer for an older value is of no interest any more.
    request = new AbortController();
    const { signal } = request;
    try {
      const answer = await fetch(`/api/sirene/organization-info/${field.value.replace(/\s/g, '')}`, { signal });
      // The register does not answer: saving tells whether the organization is known.
      if (answer.status === 504) {
        place.classList.remove('is-awaited');
        return;
      }
      if (!answer.ok) {
        tell(MESSAGES[answer.status] ?? UNKNOWN_ERROR);
        return;
      }
      const { organizationInfo } = await answer.json();
      if (signal.aborted) return;
      if (organizationInfo.estActive) show(organizationInfo);
      else tell("État administratif de l'établissement : fermé");
    } catch (error) {
      if (!signal.aborted) tell(UNKNOWN_ERROR);
    }
  }

  name.addEventListener('click', () => submitForm(form));
  field.addEventListener('paste', (event) => {
    const digits = digitsPasted(event.clipboardData?.getData('text') ?? '');
    if (digits === '') return;
    // Before the browser cuts what is too long, words included.
    event.preventDefault();
    field.setRangeText(digits, field.selectionStart, field.selectionEnd, 'end');
    changed();
    judge();
  });
  field.addEventListener('input', ({ isComposing }) => {
    if (!isComposing) dropSigns();
    clearTimeout(pending);
    request?.abort();
    clear();
    makePlace();
    pending = setTimeout(lookUp, PAUSE_MS);
  });
  // Browsers tell of no change where a script has had a hand in it.
  field.addEventListener('change', leave);
  field.addEventListener('blur', leave);
  // What the server has just said stands.
  if (field.getAttribute('aria-invalid') === 'true' && field.value === field.defaultValue) return;
  clear();
  makePlace();
  lookUp();
}
