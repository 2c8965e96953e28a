// Password fields: show what is typed, say which rules are left, check the confirmation.
import { followConfirmation } from './lib/password-confirmation.js';
import { followRules } from './lib/password-rules.js';

for (const container of document.querySelectorAll('.js-password-container')) {
  const input = container.querySelector('.js-password-container__input');
  const toggle = container.querySelector('.js-password-container__toggle');
  toggle?.addEventListener('change', () => {
    input.type = toggle.checked ? 'text' : 'password';
  });
}

followRules();
followConfirmation();
