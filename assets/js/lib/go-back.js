// « Previous step » has a meaning only when there is one.
export function offerGoingBack() {
  if (window.history.length <= 1) return;
  for (const button of document.querySelectorAll('.go-back-link')) {
    button.classList.add('visible');
    button.addEventListener('click', () => window.history.back());
  }
}
