// Asks before what cannot be undone. Who agrees sends `confirmed=true` with the button; a form without it is asked about on a page.
export function askBeforeClick() {
  for (const button of document.querySelectorAll('.js-confirm[data-confirm]')) {
    button.addEventListener('click', (event) => {
      if (!window.confirm(button.dataset.confirm)) {
        event.preventDefault();
        return;
      }
      button.name = 'confirmed';
      button.value = 'true';
    });
  }
}
