// Sends a form as its button would: checked, and told to whoever listens.
export function submitForm(form) {
  if (form.requestSubmit) {
    form.requestSubmit();
    return;
  }
  // Safari before 16: a button of the form's own may be disabled, hence one that nobody sees.
  const button = document.createElement('button');
  button.type = 'submit';
  button.hidden = true;
  form.append(button);
  button.click();
  button.remove();
}
