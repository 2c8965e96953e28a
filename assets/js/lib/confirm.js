// Asks before what cannot be undone.
export function askBeforeClick() {
  for (const button of document.querySelectorAll('.js-confirm[data-confirm]')) {
    button.addEventListener('click', (event) => {
      if (!window.confirm(button.dataset.confirm)) event.preventDefault();
    });
  }
}
