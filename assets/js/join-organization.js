// Shows which organization a SIRET stands for, and finds organizations by name. Without script the form works as it is.
import { followSiret } from './lib/siret-look-up.js';
import { offerSearch } from './lib/organization-search.js';

const form = document.getElementById('form-join-organization');
if (form) {
  const field = form.elements.namedItem('siret');
  followSiret(form, field);
  offerSearch((siret) => {
    field.value = siret;
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
}
