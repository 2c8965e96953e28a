// The two fields of a new password must hold the same text.
const DIFFERENT = 'Les deux mots de passe sont différents.';

export function followConfirmation() {
  const password = document.getElementById('password-input');
  const confirmation = document.getElementById('confirm_password');
  const message = document.getElementById('password-confirmation-error');
  if (!password || !confirmation || !message) return;

  const check = () => {
    const differs = password.value !== '' && confirmation.value !== '' && password.value !== confirmation.value;
    confirmation.setCustomValidity(differs ? DIFFERENT : '');
    message.textContent = differs ? DIFFERENT : '';
  };
  password.addEventListener('input', check);
  confirmation.addEventListener('input', check);
}
