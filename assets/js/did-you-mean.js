// Fills the address with the suggestion.
const input = document.getElementById('did-you-mean-input');
const element = document.getElementById('did-you-mean-element');
const link = document.getElementById('did-you-mean-link');

link?.addEventListener('click', (event) => {
  event.preventDefault();
  input.value = link.textContent.trim();
  element.hidden = true;
  input.focus();
  input.dispatchEvent(new Event('input', { bubbles: true }));
});
